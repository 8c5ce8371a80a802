"""What pages say about rules, checks and reasons."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from policies.engine import document
from policies.engine.evaluate import counters_needed, evaluate
from policies.engine.explain import check_sentence, rule_sentence
from policies.engine.types import Check, Mode, Said
from tests.policies.engine import strategies as some
from tests.policies.engine.stories import Story, told
from tests.policies.engine.strategies import law

WORKDAYS = ["mon", "tue", "wed", "thu", "fri"]
MIDNIGHT = datetime(2026, 11, 19, tzinfo=UTC)


def says(plain: dict[str, Any]) -> str:
    (rule,) = document.parse({"schema": 1, "rules": [{"key": "it", **plain}]}).rules
    return rule_sentence(rule)


def usd(amount: str) -> dict[str, str]:
    return {"USD": amount}


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        ({"type": "SPEND_LIMIT", "daily": usd("500")}, "At most $500.00 a day."),
        (
            {"type": "SPEND_LIMIT", "per_transaction": {"USD": "100", "EUR": "90"}, "hourly": usd("200")},
            "At most €90.00 or $100.00 a payment and $200.00 an hour.",
        ),
        (
            {
                "type": "SPEND_LIMIT",
                "weekly": usd("1"),
                "monthly": usd("2"),
                "total": usd("1234567.5"),
                "per": "session",
            },
            "At most $1.00 a week, $2.00 a month and $1,234,567.50 altogether in each session.",
        ),
        (
            {
                "type": "SPEND_LIMIT",
                "hourly": usd("1"),
                "daily": usd("2"),
                "weekly": usd("3"),
                "monthly": usd("4"),
                "total": usd("5"),
                "window": "rolling",
            },
            (
                "At most $1.00 in any hour, $2.00 in any 24 hours, $3.00 in any 7 days, $4.00 in any 30 days "
                "and $5.00 altogether."
            ),
        ),
        (
            {
                "type": "SPEND_LIMIT",
                "daily": usd("2"),
                "per": "agent_counterparty",
                "time_zone": "Asia/Tokyo",
                "on_breach": "review",
            },
            "At most $2.00 a day to each counterparty (Asia/Tokyo). More needs approval.",
        ),
        (
            {"type": "BUDGET_ALLOCATION", "amount": {"CHF": "1000"}, "period": "month", "time_zone": "Europe/Zurich"},
            "A budget of 1,000.00 CHF a month, shared by all agents of the policy (Europe/Zurich).",
        ),
        (
            {
                "type": "BUDGET_ALLOCATION",
                "amount": usd("10"),
                "period": "session",
                "shared": False,
                "on_breach": "review",
                "warn_at": [50, 80],
            },
            "A budget of $10.00 for each session, for each agent. More needs approval. Warns at 50 % and 80 %.",
        ),
        (
            {
                "type": "BUDGET_ALLOCATION",
                "amount": usd("10"),
                "period": "once",
                "starts_at": "2026-01-01T00:00:00Z",
                "ends_at": "2026-12-31T23:00:00Z",
            },
            (
                "A budget of $10.00 from 1 January 2026, 00:00 UTC until 31 December 2026, 23:00 UTC, "
                "shared by all agents of the policy."
            ),
        ),
        (
            {
                "type": "COUNTERPARTY",
                "blocked": ["domain:a.com", "domain:b.com"],
                "require": "verified",
                "unknown": "review",
                "first_payment": "deny",
            },
            (
                "Never pays domain:a.com and domain:b.com. Counterparties that are not verified or trusted are denied. "
                "Unknown counterparties need approval. First payments to a counterparty are denied."
            ),
        ),
        (
            {"type": "COUNTERPARTY", "require": "trusted", "on_breach": "review"},
            "Counterparties that are not trusted need approval.",
        ),
        ({"type": "COUNTERPARTY", "unknown": "allow"}, "Unknown counterparties are allowed."),
        ({"type": "WHITELIST", "allowed": []}, "Pays nobody: the list is empty."),
        (
            {"type": "WHITELIST", "allowed": [], "on_breach": "review"},
            "Pays nobody: the list is empty. Anything else needs approval.",
        ),
        (
            {"type": "WHITELIST", "allowed": [f"domain:{name}.com" for name in "abcde"]},
            "Pays only domain:a.com, domain:b.com, domain:c.com and 2 more.",
        ),
        ({"type": "CATEGORY", "allowed": ["data", "software"]}, "Only for the category data or software."),
        (
            {"type": "CATEGORY", "blocked": ["gambling"], "on_breach": "review"},
            "Never for the category gambling. Anything else needs approval.",
        ),
        ({"type": "GEOGRAPHIC", "allowed": ["DE", "FR", "US"]}, "Only to counterparties in DE, FR or US."),
        ({"type": "GEOGRAPHIC", "blocked": ["DE", "FR"]}, "Never to counterparties in DE or FR."),
        (
            {"type": "GEOGRAPHIC", "allowed": ["FR"], "on_breach": "review"},
            "Only to counterparties in FR. Anything else needs approval.",
        ),
        (
            {"type": "WHITELIST", "allowed": ["domain:a.com"], "on_breach": "review"},
            "Pays only domain:a.com. Anything else needs approval.",
        ),
        (
            {"type": "BUDGET_ALLOCATION", "amount": usd("1"), "period": "day", "warn_at": [10, 20, 30, 40, 50]},
            "A budget of $1.00 a day, shared by all agents of the policy. Warns at 10 %, 20 %, 30 %, 40 % and 50 %.",
        ),
        ({"type": "APPROVAL_THRESHOLD", "above": usd("500")}, "Above $500.00 a payment, one person must approve."),
        (
            {"type": "APPROVAL_THRESHOLD", "above": usd("500"), "review": {"approvals": 2}},
            "Above $500.00 a payment, 2 people must approve.",
        ),
        (
            {
                "type": "APPROVAL_THRESHOLD",
                "above": usd("500"),
                "exemptions": [
                    {
                        "agent": "agt_01kaa00000000000000000000a",
                        "counterparty": "cpt_01kaa00000000000000000000a",
                        "above": usd("800"),
                    }
                ],
            },
            (
                "Above $500.00 a payment, one person must approve. Only above $800.00 where "
                "agt_01kaa00000000000000000000a pays cpt_01kaa00000000000000000000a."
            ),
        ),
        (
            {"type": "APPROVAL_THRESHOLD", "above": usd("500"), "cumulative": "day", "time_zone": "UTC"},
            "Once a day's spend passes $500.00, one person must approve (UTC).",
        ),
        (
            {
                "type": "TIME_WINDOW",
                "windows": [
                    {"days": WORKDAYS, "from": "09:00", "to": "17:00"},
                    {"days": ["sat"], "from": "22:00", "to": "02:00"},
                ],
                "time_zone": "Europe/Berlin",
            },
            "Only Mon–Fri 09:00–17:00 and Sat 22:00–02:00 (next day) (Europe/Berlin).",
        ),
        (
            {"type": "TIME_WINDOW", "windows": [{"from": "00:00", "to": "24:00"}], "on_breach": "review"},
            "Only every day 00:00–24:00. Anything else needs approval.",
        ),
        (
            {
                "type": "BLACKOUT_PERIOD",
                "dates": [{"from": "2026-12-24", "to": "2026-12-26"}, {"from": "2027-01-01", "to": "2027-01-01"}],
            },
            "Never on 24 December 2026 to 26 December 2026 and 1 January 2027.",
        ),
        (
            {
                "type": "BLACKOUT_PERIOD",
                "hours": [{"days": ["sat", "sun"], "from": "00:00", "to": "24:00"}],
                "holidays": {"country": "DE", "subdivision": "BE"},
                "on_breach": "review",
                "time_zone": "UTC",
            },
            "Needs approval Sat, Sun 00:00–24:00 or on public holidays of DE-BE (UTC).",
        ),
        ({"type": "BLACKOUT_PERIOD", "holidays": {"country": "FR"}}, "Never on public holidays of FR."),
        ({"type": "VELOCITY", "limit": 10, "period_minutes": 60}, "At most 10 asks in any hour."),
        ({"type": "VELOCITY", "limit": 10, "period_minutes": 1}, "At most 10 asks in any minute."),
        (
            {"type": "VELOCITY", "limit": 1, "period_minutes": 90, "per": "agent_counterparty", "on_breach": "review"},
            "At most 1 ask in any 90 minutes to each counterparty. More needs approval.",
        ),
        ({"type": "EXPIRATION", "valid_from": "2026-01-01T00:00:00Z"}, "Only from 1 January 2026, 00:00 UTC."),
        ({"type": "EXPIRATION", "valid_until": "2026-01-01T00:00:00Z"}, "Only until 1 January 2026, 00:00 UTC."),
        ({"type": "RAIL", "allowed": ["card", "bank", "x402", "mpp"]}, "Only by card, bank, x402 or mpp."),
        (
            {"type": "RAIL", "ceiling": usd("0.004"), "on_breach": "review"},
            "At most $0.004 for one call on x402 or mpp. Anything else needs approval.",
        ),
        ({"type": "DUPLICATE", "minutes": 60}, "The same payment again within an hour needs approval."),
        ({"type": "DUPLICATE", "minutes": 10}, "The same payment again within 10 minutes needs approval."),
        (
            {"type": "DUPLICATE", "minutes": 1440, "match": ["purpose", "session"], "on_breach": "deny"},
            "The same payment again with the same purpose and session within 24 hours is denied.",
        ),
        (
            {
                "type": "SPEND_LIMIT",
                "daily": usd("5"),
                "when": {
                    "categories": ["a", "b"],
                    "rails": ["card"],
                    "counterparties": some.COUNTERPARTIES[:1],
                    "currencies": ["USD"],
                    "minimum_amount": usd("1"),
                },
            },
            (
                "At most $5.00 a day. Applies to category a or b, rail card, "
                "counterparty cpt_01kaa00000000000000000000a, currency USD and payments of at least $1.00."
            ),
        ),
    ],
)
def test_rule_sentence(plain: dict[str, Any], expected: str) -> None:
    assert says(plain) == expected


def check(code: str, outcome: str = "allow", **more: Any) -> Check:
    figures: dict[str, Any] = {name: Decimal(more[name]) for name in ("limit", "used", "requested") if name in more}
    return Check(
        policy="pol_a",
        policy_name="Research",
        version=1,
        mode=Mode.ENFORCED,
        rule="ANY",
        rule_key="it",
        outcome=Said(outcome),
        code=code,
        currency=more.get("currency", "USD"),
        window_ends_at=more.get("window_ends_at"),
        **figures,
    )


@pytest.mark.parametrize(
    ("code", "outcome", "figures", "expected"),
    [
        (
            "daily_limit",
            "deny",
            {"limit": "500", "used": "500", "requested": "112.4", "window_ends_at": MIDNIGHT},
            "This payment would take today's spend to $612.40, above the limit of $500.00.",
        ),
        (
            "daily_limit",
            "allow",
            {"limit": "500", "used": "112.4", "requested": "12.5", "window_ends_at": MIDNIGHT},
            "This payment takes today's spend to $124.90 of $500.00.",
        ),
        (
            "daily_limit",
            "review",
            {"limit": "500", "used": "490", "requested": "12.5"},
            (
                "This payment would take the spend of the last 24 hours to $502.50, above the limit of $500.00. "
                "People decide."
            ),
        ),
        (
            "total_limit",
            "allow",
            {"limit": "500", "used": "-1", "requested": "1"},
            "This payment takes the total spend to $0.00 of $500.00.",
        ),
        (
            "budget",
            "deny",
            {"limit": "10", "used": "7", "requested": "4"},
            "This payment would take what was drawn from the budget to $11.00, above the limit of $10.00.",
        ),
        (
            "daily_approval_threshold",
            "review",
            {"limit": "500", "used": "450", "requested": "100", "window_ends_at": MIDNIGHT},
            "This payment would take today's spend to $550.00, above the threshold of $500.00. People decide.",
        ),
        (
            "per_transaction_limit",
            "deny",
            {"limit": "99.99", "requested": "100"},
            "The amount of $100.00 is above the limit of $99.99.",
        ),
        (
            "per_transaction_limit",
            "allow",
            {"limit": "100", "requested": "100"},
            "The amount of $100.00 is within the limit of $100.00.",
        ),
        (
            "approval_threshold",
            "review",
            {"limit": "500", "requested": "500.01"},
            "The amount of $500.01 is above the threshold of $500.00. People decide.",
        ),
        (
            "price_ceiling",
            "deny",
            {"limit": "0.01", "requested": "0.02"},
            "The amount of $0.02 is above the price ceiling of $0.01.",
        ),
        (
            "velocity",
            "deny",
            {"limit": "10", "used": "10", "requested": "1", "currency": None},
            "This would be ask number 11; at most 10 are allowed in the period.",
        ),
        (
            "velocity",
            "allow",
            {"limit": "10", "used": "2", "requested": "1", "currency": None},
            "This is ask number 3 of at most 10 in the period.",
        ),
        (
            "velocity",
            "allow",
            {"limit": "10", "used": "0", "requested": "1", "currency": None},
            "This is ask number 1 of at most 10 in the period.",
        ),
        ("not_whitelisted", "allow", {}, "The counterparty is on the list of those who may be paid."),
        ("not_whitelisted", "deny", {}, "The counterparty is not on the list of those who may be paid."),
        ("duplicate", "review", {}, "The same payment was already asked for a short time ago. People decide."),
        ("condition_not_met", "not_applicable", {}, "The rule does not apply to this payment."),
        ("from_a_later_version", "deny", {}, "from_a_later_version"),
        ("from_a_later_version", "allow", {}, "from_a_later_version"),
        (
            "from_a_later_version",
            "allow",
            {"limit": "5", "used": "1", "requested": "1"},
            "This payment takes what was counted to $2.00 of $5.00.",
        ),
    ],
)
def test_check_sentence(code: str, outcome: str, figures: dict[str, Any], expected: str) -> None:
    assert check_sentence(check(code, outcome, **figures)) == expected


@pytest.mark.parametrize("story", list(told()), ids=lambda story: story.name)
def test_every_check_of_every_story_has_a_sentence(story: Story) -> None:
    for situation in (story, *story.turned):
        for one in situation.decide().checks:
            assert re.fullmatch(r"[A-Z].+\.", check_sentence(one), re.DOTALL)


@law
@given(some.documents, some.payments())
def test_every_rule_and_check_has_a_sentence(rules: document.Document, payment: Any) -> None:
    policy = some.in_force(rules)
    world = some.empty_world(counters_needed([policy], payment, "UTC"), payment)
    for rule in rules.rules:
        assert re.fullmatch(r"[A-Z].+\.", rule_sentence(rule))
    for one in evaluate(payment, [policy], world).checks:
        assert re.fullmatch(r"[A-Z].+\.", check_sentence(one), re.DOTALL)
