"""What holds for every change that only tightens: nothing that was refused passes, and nothing asks fewer people."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from core.span import CounterKey, Measure, Subject, Tally, bucket_of, first_counted_bucket
from policies.engine.changes import Effect, is_tightening, rule_changes
from policies.engine.counting import UNKNOWN_COUNTERPARTY
from policies.engine.document import parse
from policies.engine.evaluate import PolicyInForce, counters_needed, evaluate
from policies.engine.rules import Rule
from policies.engine.strictness import is_as_strict
from policies.engine.types import Facts, Mode, Payment
from tests.policies.engine import strategies as some
from tests.policies.engine.strategies import Plain, law

Pair = tuple[tuple[Rule, ...], tuple[Rule, ...]]
STRATEGIES: Final = {
    "SPEND_LIMIT": some.spend_limits,
    "BUDGET_ALLOCATION": some.budgets | some.dated_budgets,
    "COUNTERPARTY": some.counterparty_rules,
    "WHITELIST": some.whitelists,
    "CATEGORY": some.categories,
    "APPROVAL_THRESHOLD": some.thresholds,
    "TIME_WINDOW": some.time_windows,
    "BLACKOUT_PERIOD": some.blackouts,
    "VELOCITY": some.velocities,
    "GEOGRAPHIC": some.countries,
    "EXPIRATION": some.expirations,
    "RAIL": some.rails,
    "DUPLICATE": some.duplicates,
}


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    """Rules, and the same with some parameters changed, none of them for the looser as far as its order goes."""
    document = draw(st.lists(some.rule_plains, min_size=1, max_size=2).map(some.keyed))
    changed = [successor(draw, plain) for plain in document["rules"]]
    added = [{**plain, "key": "added"} for plain in draw(st.lists(some.rule_plains, max_size=1))]
    return parse(document).rules, parse({"schema": 1, "rules": [*changed, *added]}).rules


def successor(draw: st.DrawFn, plain: Plain) -> Plain:
    """The same rule with parameters of another one of its type in place of its own; itself where that is looser."""
    other = draw(STRATEGIES[plain["type"]])
    names = sorted({*plain, *other} - {"key", "type"})
    chosen = draw(st.sets(st.sampled_from(names), min_size=1, max_size=3))
    wanted = {name: value for name, value in (plain | other).items() if name not in chosen or name in other}
    made = {**{name: value for name, value in plain.items() if name not in chosen}, "key": plain["key"]}
    made |= {name: wanted[name] for name in chosen if name in wanted}
    try:
        (old, new) = (parse({"schema": 1, "rules": [one]}).rules[0] for one in (plain, made))
    except Invalid:
        return plain
    return made if is_as_strict(old, new) else plain


@st.composite
def histories(draw: st.DrawFn, payment: Payment) -> list[Payment]:
    """What the agent was allowed before this payment."""
    ages = st.integers(0, 3 * 60) | st.integers(0, 3 * 24 * 60)
    earlier = draw(st.lists(st.tuples(some.payments(), ages), max_size=4))
    return [replace(one, asked_at=payment.asked_at - timedelta(minutes=age)) for one, age in earlier]


def tallies(keys: Iterable[CounterKey], payment: Payment, history: list[Payment]) -> dict[str, Tally]:
    """What the counters hold after this history, summed from nothing as `open_counters` sums it."""
    return {
        key.digest: Tally(sum((counted(key, one) for one in history if is_counted(key, payment, one)), Decimal(0)))
        for key in keys
    }


def counted(key: CounterKey, one: Payment) -> Decimal:
    return one.amount if key.measure is Measure.AMOUNT else Decimal(1)


def is_counted(key: CounterKey, payment: Payment, one: Payment) -> bool:
    is_whose = {
        Subject.AGENT: True,
        Subject.AGENT_COUNTERPARTY: key.counterparty == (one.counterparty or UNKNOWN_COUNTERPARTY),
        Subject.AGENT_SESSION: key.session == one.session,
        Subject.POT: key.session is None or key.session == one.session,
    }[key.subject]
    if key.rolling_seconds is not None:
        first = first_counted_bucket(payment.asked_at, key.rolling_seconds)
        is_when = bucket_of(one.asked_at, key.rolling_seconds) >= first
    else:
        is_when = (key.span.start is None or one.asked_at >= key.span.start) and (
            key.span.end is None or one.asked_at < key.span.end
        )
    is_what = key.condition.covers(
        category=one.category,
        rail=one.rail,
        counterparty=one.counterparty,
        currency=one.currency,
        counting_currency=one.counting_currency,
        amount=one.amount,
    )
    is_currency = key.measure is Measure.COUNT or key.currency == one.counting_currency
    return is_whose and is_when and is_what and is_currency


def in_force(rules: tuple[Rule, ...]) -> PolicyInForce:
    return PolicyInForce("pol_a", "pol_a", "pol_a-1", 1, Mode.ENFORCED, rules)


@law
@given(pairs(), some.payments(), st.data())
def test_what_only_tightens_never_lets_more_pass(pair: Pair, payment: Payment, data: st.DataObject) -> None:
    old, new = pair
    others = data.draw(st.lists(some.policies("pol_b"), max_size=1))
    before, after = ([in_force(rules), *others] for rules in (old, new))
    zone = data.draw(some.zones)
    keys = [*counters_needed(before, payment, zone), *counters_needed(after, payment, zone)]
    world = data.draw(some.worlds((), zone))
    known: Facts = replace(world, tallies=tallies(keys, payment, data.draw(histories(payment))))
    was, becomes = evaluate(payment, before, known), evaluate(payment, after, known)
    if is_tightening(old, new):
        assert becomes.outcome.strictness >= was.outcome.strictness
        asked = {one.rule_key: one for one in becomes.requirements if one.policy == "pol_a"}
        for one in was.requirements:
            if one.policy == "pol_a" and one.rule_key in asked:
                assert asked[one.rule_key].approvals >= one.approvals
    if is_tightening(old, new) and is_tightening(new, old):
        assert becomes.outcome is was.outcome


@law
@given(pairs())
def test_the_same_rules_are_no_change_and_others_are_told(pair: Pair) -> None:
    old, new = pair
    assert is_tightening(old, old)
    assert rule_changes(old, old) == ()
    assert (rule_changes(old, new) == ()) == (set(old) == set(new))


@law
@given(pairs(), st.booleans())
def test_a_rule_is_looser_where_one_of_its_parameters_is(pair: Pair, is_turned: bool) -> None:
    old, new = pair[::-1] if is_turned else pair
    successors = {rule.key: rule for rule in new}
    for rule in old:
        for told in rule_changes((rule,), (successors.get(rule.key, rule),)):
            is_looser = Effect.LOOSER in {one.effect for one in told.parameters}
            assert is_looser is not is_as_strict(rule, successors[rule.key])
