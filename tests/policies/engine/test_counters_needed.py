"""Which counters a payment needs: by what they are named, so that a new version meets the same ones."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from core.span import Condition, CounterKey, Measure, Span, Subject, Tally
from policies.engine.document import parse
from policies.engine.evaluate import PolicyInForce, counters_needed, evaluate, lookback
from policies.engine.types import Check, CounterMove, Decision, Facts, Lookback, Mode, Outcome, Payment, Requirement

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
PAYMENT = Payment("org_a", "agt_a", Decimal(5), "USDC", "USD", NOW, counterparty="cpt_a", session="run_1")
DAY = Span(datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 19, tzinfo=UTC))
USD = {"USD": "10.00"}


def policy(*rules: dict[str, Any], name: str = "pol_a", mode: Mode = Mode.ENFORCED) -> PolicyInForce:
    document = parse({"schema": 1, "rules": list(rules)})
    return PolicyInForce(name, name, f"{name}-1", 1, mode, document.rules)


def limit(**more: Any) -> dict[str, Any]:
    return {"key": "limit", "type": "SPEND_LIMIT", **more}


def needed(*rules: dict[str, Any], payment: Payment = PAYMENT) -> tuple[CounterKey, ...]:
    return counters_needed([policy(*rules)], payment, "UTC")


AGENT = CounterKey("org_a", Measure.AMOUNT, Subject.AGENT, "USD", agent="agt_a", span=DAY)
POT = CounterKey("org_a", Measure.AMOUNT, Subject.POT, "USD", pot="pol_a/pot", span=DAY)


@pytest.mark.parametrize(
    ("plain", "key"),
    [
        (limit(daily=USD), AGENT),
        (limit(total=USD), replace(AGENT, span=Span(None, None))),
        (limit(total=USD, window="rolling"), replace(AGENT, span=Span(None, None))),
        (limit(daily=USD, window="rolling"), replace(AGENT, span=Span(None, None), rolling_seconds=86_400)),
        (limit(hourly=USD, window="rolling"), replace(AGENT, span=Span(None, None), rolling_seconds=3_600)),
        (limit(weekly=USD, window="rolling"), replace(AGENT, span=Span(None, None), rolling_seconds=604_800)),
        (limit(monthly=USD, window="rolling"), replace(AGENT, span=Span(None, None), rolling_seconds=2_592_000)),
        (
            limit(daily=USD, per="agent_counterparty"),
            replace(AGENT, subject=Subject.AGENT_COUNTERPARTY, counterparty="cpt_a"),
        ),
        (limit(daily=USD, per="session"), replace(AGENT, subject=Subject.AGENT_SESSION, session="run_1")),
        (limit(daily=USD, when={"currencies": ["USD"]}), replace(AGENT, condition=Condition(currencies=("USD",)))),
        ({"key": "people", "type": "APPROVAL_THRESHOLD", "above": USD, "cumulative": "day"}, AGENT),
        (
            {"key": "pace", "type": "VELOCITY", "limit": 3, "period_minutes": 7},
            replace(AGENT, measure=Measure.COUNT, currency="", span=Span(None, None), rolling_seconds=420),
        ),
        ({"key": "pot", "type": "BUDGET_ALLOCATION", "amount": USD, "period": "day"}, POT),
        (
            {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": USD, "period": "day", "shared": False},
            replace(POT, pot="pol_a/pot/agt_a"),
        ),
        (
            {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": USD, "period": "session"},
            replace(POT, session="run_1", span=Span(None, None)),
        ),
        (
            {
                "key": "pot",
                "type": "BUDGET_ALLOCATION",
                "amount": USD,
                "period": "once",
                "starts_at": "2026-11-18T00:00:00Z",
            },
            replace(POT, span=Span(DAY.start, None)),
        ),
        (
            {
                "key": "pot",
                "type": "BUDGET_ALLOCATION",
                "amount": USD,
                "period": "once",
                "ends_at": "2026-11-19T00:00:00Z",
            },
            replace(POT, span=Span(None, DAY.end)),
        ),
        (
            {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": USD, "period": "day", "when": {"rails": ["card"]}},
            replace(POT, condition=Condition(rails=("card",))),
        ),
    ],
)
def test_the_name_of_a_counter(plain: dict[str, Any], key: CounterKey) -> None:
    assert needed(plain) == (key,)


@pytest.mark.parametrize(
    "plain",
    [
        limit(per_transaction=USD),
        limit(daily={"EUR": "1.00"}),
        limit(daily=USD, when={"currencies": ["EUR"]}),
        limit(daily=USD, when={"minimum_amount": {"EUR": "1.00"}}),
        limit(daily=USD, when={"minimum_amount": {"USD": "6.00"}}),
        {"key": "people", "type": "APPROVAL_THRESHOLD", "above": USD},
        {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"EUR": "1.00"}, "cumulative": "day"},
        {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"EUR": "1.00"}, "period": "day"},
        {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": USD, "period": "once", "ends_at": "2026-11-18T12:00:00Z"},
        {
            "key": "pot",
            "type": "BUDGET_ALLOCATION",
            "amount": USD,
            "period": "once",
            "starts_at": "2026-11-18T12:00:01Z",
        },
        {"key": "list", "type": "WHITELIST", "allowed": []},
    ],
)
def test_rules_that_need_no_counter_for_the_payment(plain: dict[str, Any]) -> None:
    assert needed(plain) == ()


def test_without_a_session_there_is_no_counter_per_session() -> None:
    sessionless = replace(PAYMENT, session=None)
    assert needed(limit(daily=USD, per="session"), payment=sessionless) == ()
    pot = {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": USD, "period": "session"}
    assert needed(pot, payment=sessionless) == ()


def test_unknown_payees_share_one_counter() -> None:
    unknown = replace(PAYMENT, counterparty=None)
    keys = [
        needed(limit(daily=USD, per="agent_counterparty"), payment=replace(unknown, identifiers=identifiers))
        for identifiers in ((), ("domain:a.com",), ("domain:b.com",))
    ]
    assert keys[0] == keys[1] == keys[2]
    assert keys[0][0].counterparty == "unknown"


def test_rules_that_count_the_same_share_a_counter() -> None:
    both = counters_needed(
        [policy(limit(daily=USD)), policy(limit(daily={"USD": "99.00"}), name="pol_b", mode=Mode.SHADOW)],
        PAYMENT,
        "UTC",
    )
    assert both == (AGENT,)


def test_counters_come_by_digest() -> None:
    keys = needed(limit(hourly=USD, daily=USD, weekly=USD, monthly=USD, total=USD))
    assert len(keys) == 5
    assert [key.digest for key in keys] == sorted(key.digest for key in keys)


def test_the_rules_own_zone_counts_before_the_organizations() -> None:
    tokyo = Span(datetime(2026, 11, 17, 15, tzinfo=UTC), datetime(2026, 11, 18, 15, tzinfo=UTC))
    assert counters_needed([policy(limit(daily=USD))], PAYMENT, "Asia/Tokyo") == (replace(AGENT, span=tokyo),)
    own = policy(limit(daily=USD, time_zone="UTC"))
    assert counters_needed([own], PAYMENT, "Asia/Tokyo") == (AGENT,)


def broken() -> PolicyInForce:
    sound = policy(limit(daily=USD))
    return replace(sound, rules=(replace(sound.rules[0], time_zone="Nowhere/Never"),))  # type: ignore[arg-type]


def test_a_rule_that_errs_needs_no_counter_and_denies() -> None:
    assert counters_needed([broken()], PAYMENT, "UTC") == ()
    decision = evaluate(PAYMENT, [broken()], Facts(NOW, "UTC"))
    assert (decision.outcome, decision.reasons) == (Outcome.DENY, ("rule_error",))


def duplicate(minutes: int, **more: Any) -> dict[str, Any]:
    return {"key": f"d{minutes}", "type": "DUPLICATE", "minutes": minutes, **more}


def test_a_rule_that_errs_only_when_it_judges_denies_as_well() -> None:
    sound = policy({"key": "hours", "type": "TIME_WINDOW", "windows": [{"from": "09:00", "to": "17:00"}]})
    nowhere = replace(sound, rules=(replace(sound.rules[0], time_zone="Nowhere/Never"),))  # type: ignore[arg-type]
    (check,) = evaluate(PAYMENT, [nowhere], Facts(NOW, "UTC")).checks
    assert (check.outcome.value, check.code) == ("deny", "rule_error")


def test_lookback_is_the_longest_window_of_the_rules_that_judge() -> None:
    assert lookback([], PAYMENT) is None
    assert lookback([policy(limit(daily=USD))], PAYMENT) is None
    rules = (duplicate(5), duplicate(30), duplicate(60, when={"currencies": ["EUR"]}))
    wanted = lookback([policy(*rules), policy(duplicate(10), name="pol_b", mode=Mode.SHADOW)], PAYMENT)
    assert wanted == Lookback(minutes=30)


def test_lookback_leaves_out_what_no_rule_can_count() -> None:
    payment = replace(PAYMENT, purpose="summary")
    card = duplicate(5, match=["purpose", "session"], when={"rails": ["card"], "categories": ["b", "a"]})
    x402 = duplicate(6, match=["purpose"], when={"rails": ["x402", "card"], "categories": ["c"]})
    assert lookback([policy(card)], payment) == Lookback(5, "summary", "run_1", ("a", "b"), ("card",))
    assert lookback([policy(card, x402)], payment) == Lookback(6, "summary", None, ("a", "b", "c"), ("card", "x402"))
    assert lookback([policy(card, x402, duplicate(1))], payment) == Lookback(minutes=6)


def decided(*rules: dict[str, Any], mode: Mode = Mode.ENFORCED) -> Decision:
    live = policy(limit(per_transaction=USD), name="pol_live")
    return evaluate(PAYMENT, [live, policy(*rules, mode=mode)], Facts(NOW, "UTC"))


def test_an_allow_that_looked_for_duplicates_rests_on_there_being_none() -> None:
    assert decided(duplicate(5)).rests_on_earlier
    assert not decided(duplicate(5), mode=Mode.SHADOW).rests_on_earlier
    assert not decided(duplicate(5), limit(per_transaction={"USD": "1.00"})).rests_on_earlier
    assert not decided(duplicate(5, when={"currencies": ["EUR"]})).rests_on_earlier
    assert not decided(limit(per_transaction=USD)).rests_on_earlier


def test_checks_come_enforced_first_then_by_policy_and_in_the_order_of_the_rules() -> None:
    shadow = policy(limit(per_transaction=USD), name="pol_a", mode=Mode.SHADOW)
    second = policy(
        {**limit(per_transaction=USD), "key": "z"}, {**limit(per_transaction=USD), "key": "a"}, name="pol_c"
    )
    first = policy(limit(per_transaction=USD), name="pol_b")
    checks = evaluate(PAYMENT, [shadow, second, first], Facts(NOW, "UTC")).checks
    assert [(check.policy, check.rule_key) for check in checks] == [
        ("pol_b", "limit"),
        ("pol_c", "z"),
        ("pol_c", "a"),
        ("pol_a", "limit"),
    ]
    assert (checks[0].policy_name, checks[0].version, checks[0].rule) == ("pol_b", 1, "SPEND_LIMIT")


def figures(check: Check) -> list[str]:
    return [str(value) for value in (check.currency, check.limit, check.used, check.requested, check.remaining)]


def test_a_check_carries_its_figures() -> None:
    rules = policy(
        limit(per_transaction={"USD": "8.00"}, daily=USD),
        {"key": "pace", "type": "VELOCITY", "limit": 3, "period_minutes": 7},
    )
    tallies = {key.digest: Tally(Decimal(2)) for key in counters_needed([rules], PAYMENT, "UTC")}
    decision = evaluate(PAYMENT, [rules], Facts(NOW, "UTC", tallies))
    single, daily, pace = decision.checks
    assert figures(single) == ["USD", "8.00", "None", "5", "3.00"]
    assert figures(daily) == ["USD", "10.00", "2", "5", "3.00"]
    assert (daily.window_ends_at, daily.counter) == (DAY.end, AGENT.digest)
    assert figures(pace) == ["None", "3", "2", "1", "0"]
    assert (single.counter, pace.window_ends_at) == (None, None)
    count = replace(AGENT, measure=Measure.COUNT, currency="", span=Span(None, None), rolling_seconds=420)
    moves = {CounterMove(AGENT, Decimal(5), Decimal(10)), CounterMove(count, Decimal(1), Decimal(3))}
    assert set(decision.moves) == moves
    assert len(decision.moves) == 2


def test_a_warning_mark_is_reached_exactly() -> None:
    pot = policy(
        {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "10.00"}, "period": "day", "warn_at": [50]}
    )
    (key,) = counters_needed([pot], PAYMENT, "UTC")

    def mark(used: str) -> int | None:
        (check,) = evaluate(PAYMENT, [pot], Facts(NOW, "UTC", {key.digest: Tally(Decimal(used))})).checks
        return check.mark

    assert mark("0") == 50
    assert mark("-0.000001") is None
    assert mark("-0.04") is None


def test_a_requirement_names_its_rule() -> None:
    people = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "1.00"}, "review": {"approvals": 3}}
    (requirement,) = evaluate(PAYMENT, [policy(people)], Facts(NOW, "UTC")).requirements
    assert requirement == Requirement("pol_a", "people", 3, (), (), 1440)


def test_a_check_names_its_counter_and_the_end_of_its_window() -> None:
    tallied = Facts(NOW, "UTC", {})
    (check,) = evaluate(PAYMENT, [policy(limit(daily=USD))], tallied).checks
    assert (check.code, check.counter, check.window_ends_at) == ("counter_missing", AGENT.digest, None)
