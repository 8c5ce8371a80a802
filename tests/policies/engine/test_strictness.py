"""Which change of which parameter is stricter, looser, or neither, type by type."""

from dataclasses import fields
from typing import Any, Final

import pytest

from policies.engine.rule_shapes import SHAPES
from policies.engine.rules import RuleType
from policies.engine.strictness import EVERYWHERE, ORDERS, covers_at_least, is_as_strict, judges_at_least, loosened
from tests.policies.engine.writing import CPT, parsed

OTHER_CPT: Final = "cpt_01kaa00000000000000000000b"
ANN: Final = "per_01kaa00000000000000000000a"
BEN: Final = "per_01kaa00000000000000000000b"
FIVE, TEN = {"USD": "5.00"}, {"USD": "10.00"}
BOTH: Final = {"EUR": "5.00", "USD": "5.00"}
EXEMPT: Final = {"agent": "agt_01kaa00000000000000000000a", "counterparty": CPT, "above": {"USD": "8.00"}}
DAY: Final = {"from": "09:00", "to": "17:00"}
MORNING: Final = {"from": "09:00", "to": "12:00"}
NIGHT: Final = {"from": "22:00", "to": "02:00"}
SUNDAY_NIGHT: Final = {"days": ["sun"], "from": "22:00", "to": "02:00"}
MONDAY_START: Final = {"days": ["mon"], "from": "00:00", "to": "01:00"}
XMAS: Final = {"from": "2026-12-24", "to": "2026-12-26"}
TO_NEW_YEAR: Final = {"from": "2026-12-27", "to": "2027-01-01"}
HOLY: Final = {"country": "DE", "dates": ["2026-12-25", "2027-01-01"], "until": "2027-12-31"}


def made(kind: str, plain: dict[str, Any]) -> Any:
    return parsed({"key": "it", "type": kind, **plain})


Case = tuple[str, dict[str, Any], dict[str, Any]]

STRICTER: Final[list[Case]] = [
    ("SPEND_LIMIT", {"daily": TEN}, {"daily": FIVE}),
    ("SPEND_LIMIT", {"daily": BOTH}, {"daily": FIVE}),
    ("SPEND_LIMIT", {"daily": FIVE}, {"daily": FIVE, "weekly": TEN}),
    ("SPEND_LIMIT", {"daily": FIVE, "per": "agent_counterparty"}, {"daily": FIVE}),
    ("SPEND_LIMIT", {"daily": FIVE, "on_breach": "review"}, {"daily": FIVE}),
    ("SPEND_LIMIT", {"daily": FIVE, "when": {"categories": ["ads"]}}, {"daily": FIVE}),
    ("SPEND_LIMIT", {"daily": FIVE, "when": {"rails": ["x402"]}}, {"daily": FIVE, "when": {"rails": ["mpp", "x402"]}}),
    (
        "SPEND_LIMIT",
        {"daily": FIVE, "when": {"minimum_amount": TEN}},
        {"daily": FIVE, "when": {"minimum_amount": FIVE}},
    ),
    (
        "SPEND_LIMIT",
        {"daily": FIVE, "when": {"minimum_amount": BOTH}},
        {"daily": FIVE, "when": {"minimum_amount": FIVE}},
    ),
    ("BUDGET_ALLOCATION", {"amount": TEN, "period": "day"}, {"amount": FIVE, "period": "day"}),
    ("COUNTERPARTY", {"blocked": ["domain:a.example.com"]}, {"blocked": ["domain:*.example.com"]}),
    ("COUNTERPARTY", {"require": "verified"}, {"require": "trusted"}),
    ("COUNTERPARTY", {"unknown": "allow"}, {"require": "verified", "on_breach": "review"}),
    ("COUNTERPARTY", {"unknown": "review"}, {"unknown": "deny"}),
    ("COUNTERPARTY", {"unknown": "review"}, {"unknown": "review", "review": {"approvals": 2}}),
    ("COUNTERPARTY", {"first_payment": "allow", "unknown": "deny"}, {"first_payment": "review", "unknown": "deny"}),
    ("COUNTERPARTY", {"require": "verified", "on_breach": "review"}, {"require": "verified"}),
    ("WHITELIST", {"allowed": ["domain:a.com", CPT]}, {"allowed": [CPT]}),
    ("WHITELIST", {"allowed": ["domain:*.example.com"]}, {"allowed": ["domain:a.example.com"]}),
    ("WHITELIST", {"allowed": [CPT]}, {"allowed": []}),
    ("CATEGORY", {"allowed": ["ads", "data"]}, {"allowed": ["data"]}),
    ("CATEGORY", {"blocked": ["ads"]}, {"blocked": ["ads", "data"]}),
    ("CATEGORY", {"blocked": ["ads"]}, {"allowed": ["data"]}),
    ("GEOGRAPHIC", {"allowed": ["DE", "FR"]}, {"allowed": ["DE"]}),
    ("APPROVAL_THRESHOLD", {"above": TEN}, {"above": FIVE}),
    ("APPROVAL_THRESHOLD", {"above": TEN}, {"above": TEN, "cumulative": "day", "time_zone": "UTC"}),
    ("APPROVAL_THRESHOLD", {"above": TEN}, {"above": TEN, "review": {"approvals": 2}}),
    ("APPROVAL_THRESHOLD", {"above": TEN}, {"above": TEN, "review": {"roles": ["admin"], "timeout_minutes": 60}}),
    (
        "APPROVAL_THRESHOLD",
        {"above": TEN, "review": {"roles": ["admin"], "people": [ANN]}},
        {"above": TEN, "review": {"people": [ANN]}},
    ),
    ("APPROVAL_THRESHOLD", {"above": FIVE, "exemptions": [EXEMPT]}, {"above": FIVE}),
    (
        "APPROVAL_THRESHOLD",
        {"above": FIVE, "exemptions": [EXEMPT]},
        {"above": FIVE, "exemptions": [{**EXEMPT, "above": {"EUR": "99.00", "USD": "7.00"}}]},
    ),
    ("APPROVAL_THRESHOLD", {"above": FIVE, "exemptions": [EXEMPT]}, {"above": FIVE, "cumulative": "day"}),
    ("TIME_WINDOW", {"windows": [DAY]}, {"windows": [MORNING]}),
    ("TIME_WINDOW", {"windows": [SUNDAY_NIGHT]}, {"windows": [MONDAY_START]}),
    ("TIME_WINDOW", {"windows": [NIGHT]}, {"windows": [{"from": "00:00", "to": "02:00"}]}),
    ("BLACKOUT_PERIOD", {"dates": [XMAS]}, {"dates": [TO_NEW_YEAR, XMAS]}),
    ("BLACKOUT_PERIOD", {"dates": [{"from": "2026-12-25", "to": "2026-12-30"}]}, {"dates": [XMAS, TO_NEW_YEAR]}),
    ("BLACKOUT_PERIOD", {"dates": [XMAS]}, {"dates": [XMAS], "hours": [DAY]}),
    (
        "BLACKOUT_PERIOD",
        {"dates": [{"from": "2026-12-24", "to": "2026-12-25"}, {"from": "2026-12-27", "to": "2026-12-28"}]},
        {"dates": [{"from": "2026-12-24", "to": "2026-12-28"}]},
    ),
    ("BLACKOUT_PERIOD", {"hours": [MORNING]}, {"hours": [DAY], "dates": [XMAS]}),
    ("BLACKOUT_PERIOD", {"hours": [DAY]}, {"hours": [DAY], "holidays": HOLY}),
    ("BLACKOUT_PERIOD", {"holidays": HOLY}, {"holidays": {**HOLY, "dates": ["2026-12-25"], "until": "2026-12-31"}}),
    ("BLACKOUT_PERIOD", {"holidays": {**HOLY, "dates": ["2026-12-25"]}}, {"holidays": HOLY}),
    ("BLACKOUT_PERIOD", {"holidays": HOLY}, {"holidays": {"country": "DE"}}),
    ("VELOCITY", {"limit": 5, "period_minutes": 60}, {"limit": 4, "period_minutes": 60}),
    ("VELOCITY", {"limit": 5, "period_minutes": 60}, {"limit": 5, "period_minutes": 61}),
    ("VELOCITY", {"limit": 5, "period_minutes": 9, "per": "agent_counterparty"}, {"limit": 5, "period_minutes": 9}),
    ("EXPIRATION", {"valid_until": "2027-01-01T00:00:00Z"}, {"valid_until": "2026-12-01T00:00:00Z"}),
    (
        "EXPIRATION",
        {"valid_until": "2027-01-01T00:00:00Z"},
        {"valid_from": "2026-12-01T00:00:00Z", "valid_until": "2027-01-01T00:00:00Z"},
    ),
    ("EXPIRATION", {"valid_from": "2026-12-01T00:00:00Z"}, {"valid_from": "2027-01-01T00:00:00Z"}),
    ("RAIL", {"allowed": ["card", "x402"]}, {"allowed": ["x402"], "ceiling": FIVE}),
    ("RAIL", {"ceiling": TEN}, {"ceiling": FIVE, "allowed": ["x402"]}),
    ("DUPLICATE", {"minutes": 5, "match": ["purpose"]}, {"minutes": 6, "on_breach": "deny"}),
]
"""The other way round each of these is looser."""

UNORDERED: Final[list[Case]] = [
    ("SPEND_LIMIT", {"daily": FIVE}, {"weekly": FIVE}),
    ("SPEND_LIMIT", {"daily": FIVE}, {"daily": {"EUR": "5.00"}}),
    ("SPEND_LIMIT", {"daily": FIVE}, {"daily": FIVE, "window": "rolling"}),
    ("SPEND_LIMIT", {"daily": FIVE}, {"daily": FIVE, "time_zone": "UTC"}),
    ("SPEND_LIMIT", {"daily": FIVE}, {"daily": FIVE, "per": "session"}),
    ("SPEND_LIMIT", {"daily": FIVE, "when": {"rails": ["mpp"]}}, {"daily": FIVE, "when": {"categories": ["ads"]}}),
    ("SPEND_LIMIT", {"daily": FIVE, "when": {"minimum_amount": FIVE}}, {"daily": FIVE}),
    ("BUDGET_ALLOCATION", {"amount": TEN, "period": "day"}, {"amount": TEN, "period": "week"}),
    ("BUDGET_ALLOCATION", {"amount": TEN, "period": "day"}, {"amount": TEN, "period": "day", "shared": False}),
    ("BUDGET_ALLOCATION", {"amount": TEN, "period": "day"}, {"amount": TEN, "period": "day", "time_zone": "UTC"}),
    (
        "BUDGET_ALLOCATION",
        {"amount": TEN, "period": "day"},
        {"amount": TEN, "period": "day", "when": {"rails": ["mpp"]}},
    ),
    (
        "BUDGET_ALLOCATION",
        {"amount": TEN, "period": "once"},
        {"amount": TEN, "period": "once", "ends_at": "2027-01-01T00:00:00Z"},
    ),
    ("COUNTERPARTY", {"unknown": "deny"}, {"first_payment": "deny"}),
    ("COUNTERPARTY", {"require": "verified"}, {"unknown": "deny"}),
    ("WHITELIST", {"allowed": ["domain:a.com"]}, {"allowed": ["domain:b.com"]}),
    ("CATEGORY", {"blocked": ["ads"]}, {"allowed": ["ads", "data"]}),
    (
        "APPROVAL_THRESHOLD",
        {"above": FIVE, "review": {"people": [ANN]}},
        {"above": FIVE, "review": {"people": [BEN]}},
    ),
    (
        "APPROVAL_THRESHOLD",
        {"above": FIVE, "review": {"people": [ANN]}},
        {"above": FIVE, "review": {"roles": ["admin"]}},
    ),
    (
        "APPROVAL_THRESHOLD",
        {"above": FIVE, "cumulative": "day"},
        {"above": FIVE, "cumulative": "day", "time_zone": "UTC"},
    ),
    (
        "APPROVAL_THRESHOLD",
        {"above": FIVE, "exemptions": [EXEMPT]},
        {"above": FIVE, "exemptions": [{**EXEMPT, "counterparty": OTHER_CPT}]},
    ),
    ("TIME_WINDOW", {"windows": [DAY]}, {"windows": [DAY], "time_zone": "UTC"}),
    ("TIME_WINDOW", {"windows": [DAY]}, {"windows": [NIGHT]}),
    ("BLACKOUT_PERIOD", {"hours": [DAY]}, {"hours": [DAY], "time_zone": "UTC"}),
    ("BLACKOUT_PERIOD", {"dates": [XMAS]}, {"dates": [TO_NEW_YEAR]}),
    ("BLACKOUT_PERIOD", {"holidays": HOLY}, {"hours": [DAY]}),
    ("BLACKOUT_PERIOD", {"holidays": HOLY}, {"holidays": {**HOLY, "country": "FR"}}),
    ("BLACKOUT_PERIOD", {"holidays": HOLY}, {"holidays": {**HOLY, "dates": ["2026-12-24"], "until": "2026-12-25"}}),
    ("VELOCITY", {"limit": 5, "period_minutes": 120}, {"limit": 5, "period_minutes": 121}),
    ("RAIL", {"allowed": ["card"]}, {"ceiling": FIVE}),
]
"""Neither way is known to be stricter, so both are looser."""

NEUTRAL: Final[list[Case]] = [
    ("SPEND_LIMIT", {"per_transaction": FIVE}, {"per_transaction": FIVE, "window": "rolling", "per": "session"}),
    ("SPEND_LIMIT", {"daily": FIVE, "window": "rolling"}, {"daily": FIVE, "window": "rolling", "time_zone": "UTC"}),
    ("SPEND_LIMIT", {"total": FIVE}, {"total": FIVE, "window": "rolling", "time_zone": "UTC"}),
    ("SPEND_LIMIT", {"total": FIVE}, {"total": FIVE, "review": {"approvals": 3}}),
    ("BUDGET_ALLOCATION", {"amount": TEN, "period": "day"}, {"amount": TEN, "period": "day", "warn_at": [80]}),
    ("BUDGET_ALLOCATION", {"amount": TEN, "period": "once"}, {"amount": TEN, "period": "once", "time_zone": "UTC"}),
    ("COUNTERPARTY", {"unknown": "deny"}, {"unknown": "deny", "on_breach": "review"}),
    ("COUNTERPARTY", {"unknown": "deny"}, {"unknown": "deny", "first_payment": "allow"}),
    ("APPROVAL_THRESHOLD", {"above": FIVE}, {"above": FIVE, "time_zone": "UTC"}),
    ("APPROVAL_THRESHOLD", {"above": TEN}, {"above": TEN, "exemptions": [EXEMPT]}),
    ("TIME_WINDOW", {"windows": [DAY]}, {"windows": [MORNING, {"from": "12:00", "to": "17:00"}]}),
]


@pytest.mark.parametrize(("kind", "loose", "strict"), STRICTER)
def test_a_parameter_that_is_stricter_one_way_is_looser_the_other(
    kind: str, loose: dict[str, Any], strict: dict[str, Any]
) -> None:
    assert loosened(made(kind, loose), made(kind, strict)) == ()
    assert not is_as_strict(made(kind, strict), made(kind, loose))


@pytest.mark.parametrize(("kind", "one", "other"), UNORDERED)
def test_what_has_no_order_is_looser_both_ways(kind: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert loosened(made(kind, one), made(kind, other)) != ()
    assert loosened(made(kind, other), made(kind, one)) != ()


@pytest.mark.parametrize(("kind", "one", "other"), NEUTRAL)
def test_what_means_nothing_is_no_looser_either_way(kind: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert is_as_strict(made(kind, one), made(kind, other))
    assert is_as_strict(made(kind, other), made(kind, one))


def test_what_is_looser_is_named() -> None:
    old = made("SPEND_LIMIT", {"daily": FIVE, "weekly": TEN})
    new = made("SPEND_LIMIT", {"daily": TEN, "weekly": FIVE, "on_breach": "review"})
    assert loosened(old, new) == ("daily", "on_breach")


def test_only_what_cannot_be_compared_has_no_order() -> None:
    without = {
        (kind.value, field.name)
        for kind in RuleType
        for field in fields(SHAPES[kind].of)  # type: ignore[arg-type]
        if field.name != "key" and field.name not in {**EVERYWHERE, **ORDERS[kind]}
    }
    assert without == {
        ("BUDGET_ALLOCATION", "period"),
        ("BUDGET_ALLOCATION", "starts_at"),
        ("BUDGET_ALLOCATION", "ends_at"),
        ("BUDGET_ALLOCATION", "shared"),
        ("TIME_WINDOW", "time_zone"),
        ("BLACKOUT_PERIOD", "time_zone"),
    }


def limit(**when: Any) -> Any:
    return made("SPEND_LIMIT", {"daily": FIVE, "when": when} if when else {"daily": FIVE})


@pytest.mark.parametrize(
    ("wide", "narrow", "is_wide"),
    [
        ({}, {"categories": ["ads"]}, True),
        ({"categories": ["ads"]}, {}, False),
        ({"counterparties": [CPT, OTHER_CPT]}, {"counterparties": [CPT]}, True),
        ({"counterparties": [CPT]}, {"counterparties": [CPT, OTHER_CPT]}, False),
        ({"currencies": ["EUR", "USD"]}, {"currencies": ["EUR"], "rails": ["card"]}, True),
        ({"minimum_amount": FIVE}, {"minimum_amount": TEN}, True),
        ({"minimum_amount": TEN}, {"minimum_amount": FIVE}, False),
        ({"minimum_amount": FIVE}, {"minimum_amount": {"EUR": "9.00"}}, False),
    ],
)
def test_a_condition_covers_at_least_another(wide: dict[str, Any], narrow: dict[str, Any], *, is_wide: bool) -> None:
    assert covers_at_least(limit(**wide).when, limit(**narrow).when) is is_wide
    assert judges_at_least(limit(**wide), limit(**narrow)) is is_wide


def test_a_ceiling_alone_judges_machine_payments_only() -> None:
    ceiling, rails = made("RAIL", {"ceiling": FIVE}), made("RAIL", {"allowed": ["x402"]})
    assert not judges_at_least(ceiling, rails)
    assert judges_at_least(rails, ceiling)
    assert judges_at_least(ceiling, made("RAIL", {"ceiling": TEN}))
