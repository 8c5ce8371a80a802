"""What holds for every decision, whatever the rules, the payment and the world."""

import json
import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.canonical import canonical_json
from policies.engine import document
from policies.engine.evaluate import PolicyInForce, counters_needed, evaluate, lookback
from policies.engine.rules import Duplicate
from policies.engine.stored import (
    decision_bytes,
    decision_from_plain,
    decision_to_plain,
    facts_from_plain,
    facts_to_plain,
    payment_from_plain,
    payment_to_plain,
)
from policies.engine.types import Decision, Earlier, Facts, Lookback, Mode, Outcome, Payment, Said
from tests.policies.engine import strategies as some
from tests.policies.engine.strategies import law

Situation = tuple[Payment, tuple[PolicyInForce, ...], Facts]


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    payment, policies, zone = draw(some.payments()), draw(some.several_policies), draw(some.zones)
    facts = draw(some.worlds(counters_needed(policies, payment, zone), zone))
    return payment, policies, facts


def applies(decision: Decision) -> bool:
    return any(check.mode is Mode.ENFORCED and check.outcome is not Said.NOT_APPLICABLE for check in decision.checks)


def essence(decision: Decision) -> object:
    """A decision without the order in which it is told."""
    return (
        decision.outcome,
        decision.reasons,
        Counter(map(canonical_json, decision.checks)),
        decision.moves,
        Counter(map(canonical_json, decision.requirements)),
        decision.rests_on_earlier,
    )


@law
@given(situations(), st.randoms(use_true_random=False))
def test_order_of_policies_and_rules_does_not_matter(situation: Situation, dice: random.Random) -> None:
    payment, policies, facts = situation
    shuffled = [replace(policy, rules=tuple(dice.sample(policy.rules, len(policy.rules)))) for policy in policies]
    dice.shuffle(shuffled)
    assert essence(evaluate(payment, shuffled, facts)) == essence(evaluate(payment, policies, facts))


@law
@given(situations(), st.data())
def test_adding_a_rule_never_loosens(situation: Situation, data: st.DataObject) -> None:
    payment, policies, facts = situation
    before = evaluate(payment, policies, facts)
    assume(applies(before))
    added = data.draw(some.policies("pol_d", Mode.ENFORCED))
    more = counters_needed([added], payment, facts.time_zone)
    drawn = data.draw(some.worlds(more, facts.time_zone)).tallies
    known = replace(facts, tallies={**drawn, **facts.tallies})
    after = evaluate(payment, [*policies, added], known)
    assert after.outcome.strictness >= before.outcome.strictness
    if after.outcome is not Outcome.DENY:
        caps = {move.key: move.cap for move in after.moves}
        assert all(move.cap is None or (caps[move.key] or move.cap) <= move.cap for move in before.moves)


@law
@given(situations(), st.data())
def test_raising_the_amount_never_loosens(situation: Situation, data: st.DataObject) -> None:
    payment, policies, facts = situation
    higher = replace(payment, amount=payment.amount + Decimal(data.draw(some.amounts)))
    more = counters_needed(policies, higher, facts.time_zone)
    drawn = data.draw(some.worlds(more, facts.time_zone)).tallies
    known = replace(facts, tallies={**drawn, **facts.tallies})
    before = evaluate(payment, policies, known)
    # Where no rule judged the small payment, a minimum amount may bring the large one under a rule that allows it.
    assume(applies(before))
    assert evaluate(higher, policies, known).outcome.strictness >= before.outcome.strictness


@law
@given(situations(), st.data())
def test_what_was_used_never_loosens(situation: Situation, data: st.DataObject) -> None:
    payment, policies, facts = situation
    fuller = {
        digest: replace(tally, used=tally.used + Decimal(data.draw(some.amounts)))
        for digest, tally in facts.tallies.items()
    }
    before, after = evaluate(payment, policies, facts), evaluate(payment, policies, replace(facts, tallies=fuller))
    assert after.outcome.strictness >= before.outcome.strictness


@law
@given(situations())
def test_no_policy_denies(situation: Situation) -> None:
    payment, policies, facts = situation
    shadows = [replace(policy, mode=Mode.SHADOW) for policy in policies]
    for none_enforced in ([], shadows):
        decision = evaluate(payment, none_enforced, facts)
        assert decision.outcome is Outcome.DENY
        assert "no_policy" in decision.reasons


@law
@given(situations())
def test_an_erring_rule_denies(situation: Situation) -> None:
    payment, policies, facts = situation
    broken = document.parse(some.keyed([{"type": "TIME_WINDOW", "windows": [{"from": "00:00", "to": "24:00"}]}])).rules
    broken = tuple(replace(rule, time_zone="Nowhere/Never") for rule in broken)  # type: ignore[arg-type]
    erring = PolicyInForce("pol_d", "pol_d", "pol_d-1", 1, Mode.ENFORCED, broken)
    decision = evaluate(payment, [*policies, erring], facts)
    assert decision.outcome is Outcome.DENY
    assert "rule_error" in decision.reasons


@law
@given(situations())
def test_every_outcome_but_allow_has_a_reason(situation: Situation) -> None:
    decision = evaluate(*situation)
    assert bool(decision.reasons) == (decision.outcome is not Outcome.ALLOW)
    assert len(set(decision.reasons)) == len(decision.reasons)


@law
@given(situations())
def test_the_strictest_say_of_the_enforced_wins(situation: Situation) -> None:
    payment, policies, facts = situation
    decision = evaluate(payment, policies, facts)
    said = [check.outcome.value for check in decision.checks if check.mode is Mode.ENFORCED]
    strictest = max((Outcome(word).strictness for word in said if word != "not_applicable"), default=2)
    refused = bool(facts.frozen) or payment.standing == "blocked"
    assert decision.outcome.strictness == (2 if refused else strictest)
    assert (decision.outcome is Outcome.REVIEW) == bool(decision.requirements)


@law
@given(situations())
def test_every_rule_has_a_check(situation: Situation) -> None:
    _, policies, _ = situation
    checked = {(check.policy, check.rule_key) for check in evaluate(*situation).checks}
    assert checked == {(policy.policy, rule.key) for policy in policies for rule in policy.rules}


@law
@given(situations())
def test_shadow_changes_nothing_but_what_is_shown(situation: Situation) -> None:
    payment, policies, facts = situation
    live = evaluate(payment, [policy for policy in policies if policy.mode is Mode.ENFORCED], facts)
    both = evaluate(payment, policies, facts)
    assert (both.outcome, both.reasons, both.requirements) == (live.outcome, live.reasons, live.requirements)
    assert both.rests_on_earlier == live.rests_on_earlier
    assert {move for move in both.moves if move.cap is not None} == {
        move for move in live.moves if move.cap is not None
    }
    assert {move.key for move in live.moves} <= {move.key for move in both.moves}
    enforced = tuple(check for check in both.checks if check.mode is Mode.ENFORCED)
    assert enforced == live.checks


@law
@given(situations())
def test_moves_are_of_known_counters_and_fit_their_caps(situation: Situation) -> None:
    payment, policies, facts = situation
    decision = evaluate(payment, policies, facts)
    needed = counters_needed(policies, payment, facts.time_zone)
    digests = [move.key.digest for move in decision.moves]
    assert digests == sorted(set(digests))
    assert {move.key for move in decision.moves} <= set(needed)
    assert [key.digest for key in needed] == sorted({key.digest for key in needed})
    if decision.outcome is Outcome.DENY:
        assert decision.moves == ()
        assert not decision.rests_on_earlier
    else:
        assert {move.key for move in decision.moves} == set(needed)
    for move in decision.moves:
        assert move.cap is None or facts.tallies[move.key.digest].used + move.amount <= move.cap
    assert "counter_missing" not in {check.code for check in decision.checks}


@law
@given(situations())
def test_a_counter_that_is_not_known_denies(situation: Situation) -> None:
    payment, policies, facts = situation
    caps = dict.fromkeys((*some.CURRENCIES, "GBP"), "10.00")
    counting = document.parse(some.keyed([{"type": "SPEND_LIMIT", "total": caps}])).rules
    policy = PolicyInForce("pol_d", "pol_d", "pol_d-1", 1, Mode.ENFORCED, counting)
    decision = evaluate(payment, [*policies, policy], replace(facts, tallies={}))
    assert decision.outcome is Outcome.DENY
    assert "counter_missing" in decision.reasons


@law
@given(situations())
def test_a_decision_is_made_again_byte_for_byte(situation: Situation) -> None:
    payment, policies, facts = situation
    decision = evaluate(payment, policies, facts)
    stored_payment = json.loads(json.dumps(payment_to_plain(payment)))
    stored_facts = json.loads(json.dumps(facts_to_plain(facts)))
    stored_decision = json.loads(json.dumps(decision_to_plain(decision)))
    again = [
        replace(policy, rules=document.parse(document.to_plain(document.Document(policy.rules))).rules)
        for policy in reversed(policies)
    ]
    assert payment_from_plain(stored_payment) == payment
    assert facts_from_plain(stored_facts) == facts
    replayed = evaluate(payment_from_plain(stored_payment), again, facts_from_plain(stored_facts))
    assert decision_bytes(replayed) == decision_bytes(decision) == canonical_json(stored_decision)
    assert decision_from_plain(stored_decision) == decision


@law
@given(some.document_plains)
def test_document_to_types_to_document_is_the_identity(plain: some.Plain) -> None:
    parsed = document.parse(plain)
    assert document.to_plain(parsed) == plain
    assert document.parse(json.loads(json.dumps(document.to_plain(parsed)))) == parsed


@law
@given(situations())
def test_lookback_reaches_as_far_as_the_rules_look(situation: Situation) -> None:
    payment, policies, facts = situation
    wanted = lookback(policies, payment)
    rules = [rule for policy in policies for rule in policy.rules if isinstance(rule, Duplicate)]
    assert wanted is None or wanted.minutes in {rule.minutes for rule in rules}
    near = tuple(one for one in facts.earlier if wanted and is_reached(wanted, payment, one))
    assert evaluate(payment, policies, facts) == evaluate(payment, policies, replace(facts, earlier=near))


def is_reached(wanted: Lookback, payment: Payment, one: Earlier) -> bool:
    return (
        abs(payment.asked_at - one.asked_at) <= timedelta(minutes=wanted.minutes)
        and (wanted.purpose is None or one.purpose in (None, wanted.purpose))
        and (wanted.session is None or one.session in (None, wanted.session))
        and (not wanted.categories or one.category is None or one.category in wanted.categories)
        and (not wanted.rails or one.rail is None or one.rail in wanted.rails)
    )


@law
@given(situations(), some.moments)
def test_what_was_not_read_never_turns_a_no_into_a_yes(situation: Situation, moment: datetime) -> None:
    payment, policies, facts = situation
    known, unread = (evaluate(payment, policies, replace(facts, unread_before=one)) for one in (None, moment))
    assert unread.outcome.strictness >= known.outcome.strictness


@pytest.mark.parametrize("code", ["agent_frozen", "organization_frozen"])
def test_a_freeze_denies_what_would_be_allowed(code: str) -> None:
    rules = document.parse(some.keyed([{"type": "SPEND_LIMIT", "per_transaction": {"USD": "10.00"}}])).rules
    policy = PolicyInForce("pol_a", "pol_a", "pol_a-1", 1, Mode.ENFORCED, rules)
    payment = Payment("org_a", "agt_a", Decimal(1), "USD", "USD", some.NOW)
    facts = Facts(some.NOW, "UTC")
    assert evaluate(payment, [policy], facts).outcome is Outcome.ALLOW
    frozen = evaluate(payment, [policy], replace(facts, frozen=(code,)))
    assert (frozen.outcome, frozen.reasons) == (Outcome.DENY, (code,))
