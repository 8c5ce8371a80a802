"""Stored payments, facts and decisions come back exactly, and older forms are still read."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from core.canonical import canonical_json
from core.span import Condition, CounterKey, Measure, Span, Subject, Tally
from policies.engine.stored import (
    check_from_plain,
    counter_key_from_plain,
    decision_bytes,
    decision_from_plain,
    decision_to_plain,
    facts_from_plain,
    facts_to_plain,
    payment_from_plain,
    payment_to_plain,
)
from policies.engine.types import (
    Check,
    CounterMove,
    Decision,
    Earlier,
    Facts,
    Mode,
    Outcome,
    Payment,
    Rail,
    Requirement,
    Said,
    Standing,
)

NOON = datetime(2026, 11, 18, 12, 0, 0, 1, tzinfo=UTC)
KEY = CounterKey(
    "org_a",
    Measure.AMOUNT,
    Subject.AGENT_SESSION,
    "USD",
    agent="agt_a",
    session="run_1",
    condition=Condition(categories=("travel",), rails=("card",), minimum_amounts=(("USD", Decimal("1.5")),)),
    span=Span(NOON, None),
)
CHECK = Check(
    "pol_a",
    "Research",
    3,
    Mode.ENFORCED,
    "SPEND_LIMIT",
    "limit",
    Said.REVIEW,
    "daily_limit",
    limit=Decimal(500),
    used=Decimal("0.000001"),
    requested=Decimal("12.5"),
    remaining=Decimal("-1.25"),
    currency="USD",
    window_ends_at=NOON,
    counter=KEY.digest,
    mark=80,
)
DECISION = Decision(
    Outcome.REVIEW,
    ("daily_limit",),
    (CHECK,),
    (CounterMove(KEY, Decimal("12.5"), None), CounterMove(KEY, Decimal(1), Decimal(500))),
    (Requirement("pol_a", "limit", 2, ("reviewer",), ("per_a",), 60),),
    True,
)
PAYMENT = Payment(
    "org_a",
    "agt_a",
    Decimal("12.500000"),
    "USDC",
    "USD",
    NOON,
    identifiers=("domain:a.com",),
    counterparty="cpt_a",
    standing=Standing.VERIFIED,
    has_identifier_mismatch=True,
    category="travel",
    rail=Rail.X402,
    country="DE",
    session="run_1",
    purpose="search",
    other_identifiers=("address:0xaa",),
)
FACTS = Facts(
    NOON,
    "Europe/Berlin",
    {KEY.digest: Tally(Decimal("3.1"))},
    earlier=(Earlier("atz_a", NOON, "search", None, "travel", Rail.X402),),
    has_paid_counterparty=True,
    frozen=("agent_frozen",),
    unread_before=NOON,
)


def test_a_decision_comes_back() -> None:
    plain = decision_to_plain(DECISION)
    assert decision_from_plain(plain) == DECISION
    assert decision_bytes(decision_from_plain(plain)) == decision_bytes(DECISION) == canonical_json(plain)
    assert plain["checks"][0]["limit"] == "500"
    assert plain["checks"][0]["window_ends_at"] == "2026-11-18T12:00:00.000001Z"
    assert plain["moves"][0]["cap"] is None
    assert plain["rests_on_earlier"] is True


def test_a_payment_comes_back() -> None:
    assert payment_from_plain(payment_to_plain(PAYMENT)) == PAYMENT
    bare = Payment("org_a", "agt_a", Decimal(1), "USD", "USD", NOON)
    again = payment_from_plain(payment_to_plain(bare))
    assert again == bare
    assert again.rail is None
    assert again.standing is Standing.UNKNOWN


def test_facts_come_back() -> None:
    assert facts_from_plain(facts_to_plain(FACTS)) == FACTS
    assert facts_to_plain(FACTS)["tallies"] == {KEY.digest: {"used": "3.1"}}
    assert facts_from_plain(facts_to_plain(Facts(NOON, "UTC"))) == Facts(NOON, "UTC")


def test_what_was_stored_before_a_field_came_is_read() -> None:
    payment, facts = payment_to_plain(PAYMENT), facts_to_plain(FACTS)
    del payment["other_identifiers"], facts["unread_before"]
    del facts["earlier"][0]["category"], facts["earlier"][0]["rail"]
    assert payment_from_plain(payment) == replace(PAYMENT, other_identifiers=())
    earlier = (Earlier("atz_a", NOON, "search", None),)
    assert facts_from_plain(facts) == replace(FACTS, earlier=earlier, unread_before=None)


def test_a_check_that_was_stored_before_marks_is_read() -> None:
    plain = decision_to_plain(DECISION)["checks"][0]
    del plain["mark"]
    assert check_from_plain(plain).mark is None


def test_a_bare_check_comes_back() -> None:
    bare = Check("pol_a", "Research", 1, Mode.SHADOW, "WHITELIST", "list", Said.NOT_APPLICABLE, "condition_not_met")
    plain = decision_to_plain(Decision(Outcome.DENY, ("no_policy",), (bare,), (), (), False))
    assert check_from_plain(plain["checks"][0]) == bare


def test_a_counter_key_comes_back_with_its_digest() -> None:
    plain = decision_to_plain(DECISION)["moves"][0]["key"]
    assert counter_key_from_plain(plain) == KEY
    assert counter_key_from_plain(plain).digest == KEY.digest
    rolling = CounterKey(
        "org_a", Measure.COUNT, Subject.AGENT, "", agent="agt_a", rolling_seconds=60, span=Span(None, NOON)
    )
    move = Decision(Outcome.ALLOW, (), (), (CounterMove(rolling, Decimal(1), None),), (), False)
    assert counter_key_from_plain(decision_to_plain(move)["moves"][0]["key"]) == rolling


@pytest.mark.parametrize("spoiled", [{"amount": "abc"}, {"standing": "famous"}, {"rail": "pigeon"}, {"extra": 1}])
def test_what_was_not_stored_by_us_is_refused(spoiled: dict[str, object]) -> None:
    with pytest.raises((ArithmeticError, TypeError, ValueError)):
        payment_from_plain({**payment_to_plain(PAYMENT), **spoiled})
