"""Pairs of rules that no payment can pass, and pairs that look like it."""

from typing import Any, Final

import pytest

from policies.engine.contradictions import contradiction
from tests.policies.engine.writing import CPT, parsed, rule

OTHER_CPT: Final = "cpt_01kaa00000000000000000000b"
USD, EUR = {"USD": "5.00"}, {"EUR": "5.00"}
MORNING, NOON = {"from": "09:00", "to": "12:00"}, {"from": "12:00", "to": "14:00"}
ALL_DAY: Final = {"from": "00:00", "to": "24:00"}
LONG_AGO, SOON = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"

IMPOSSIBLE: Final = [
    (rule("CATEGORY", allowed=["ads"]), rule("CATEGORY", allowed=["data"])),
    (rule("CATEGORY", allowed=["ads"]), rule("CATEGORY", blocked=["ads", "data"])),
    (rule("GEOGRAPHIC", allowed=["DE"]), rule("GEOGRAPHIC", allowed=["FR"])),
    (rule("RAIL", allowed=["card"]), rule("RAIL", allowed=["x402"])),
    (rule("WHITELIST", allowed=["domain:a.example.com"]), rule("COUNTERPARTY", blocked=["domain:*.example.com"])),
    (rule("WHITELIST", allowed=[CPT]), rule("WHITELIST", allowed=[OTHER_CPT])),
    (rule("TIME_WINDOW", windows=[MORNING]), rule("TIME_WINDOW", windows=[NOON])),
    (rule("TIME_WINDOW", windows=[MORNING]), rule("BLACKOUT_PERIOD", hours=[ALL_DAY])),
    (rule("EXPIRATION", valid_until=LONG_AGO), rule("EXPIRATION", valid_from=SOON)),
    (rule("EXPIRATION", valid_until=SOON), rule("EXPIRATION", valid_from=SOON)),
    (rule("SPEND_LIMIT", daily=USD), rule("APPROVAL_THRESHOLD", above=EUR)),
    (rule("SPEND_LIMIT", daily=USD, on_breach="review"), rule("RAIL", allowed=["x402"], ceiling=EUR)),
    (rule("BUDGET_ALLOCATION", amount=USD, period="day"), rule("SPEND_LIMIT", daily=EUR, weekly=EUR)),
]
POSSIBLE: Final = [
    (rule("CATEGORY", allowed=["ads"]), rule("CATEGORY", allowed=["ads", "data"])),
    (rule("CATEGORY", allowed=["ads", "data"]), rule("CATEGORY", blocked=["ads"])),
    (rule("CATEGORY", blocked=["ads"]), rule("CATEGORY", blocked=["data"])),
    (rule("CATEGORY", allowed=["ads"], on_breach="review"), rule("CATEGORY", allowed=["data"])),
    (rule("CATEGORY", allowed=["ads"]), rule("CATEGORY", allowed=["data"], on_breach="review")),
    (rule("CATEGORY", allowed=["ads"], when={"rails": ["card"]}), rule("CATEGORY", allowed=["data"])),
    (rule("CATEGORY", allowed=["ads"]), rule("CATEGORY", allowed=["data"], when={"rails": ["card"]})),
    (rule("CATEGORY", allowed=["ads"]), rule("GEOGRAPHIC", allowed=["DE"])),
    (rule("RAIL", allowed=["card"]), rule("RAIL", ceiling=USD)),
    (rule("WHITELIST", allowed=["domain:a.com"]), rule("COUNTERPARTY", blocked=["domain:b.com"])),
    (rule("WHITELIST", allowed=[]), rule("COUNTERPARTY", blocked=["domain:b.com"])),
    (rule("WHITELIST", allowed=["domain:a.com"]), rule("WHITELIST", allowed=[CPT])),
    (rule("WHITELIST", allowed=[]), rule("WHITELIST", allowed=[CPT])),
    (rule("TIME_WINDOW", windows=[MORNING]), rule("TIME_WINDOW", windows=[NOON], time_zone="Asia/Tokyo")),
    (rule("TIME_WINDOW", windows=[MORNING]), rule("TIME_WINDOW", windows=[MORNING])),
    (rule("TIME_WINDOW", windows=[MORNING]), rule("BLACKOUT_PERIOD", hours=[NOON])),
    (rule("EXPIRATION", valid_until=SOON), rule("EXPIRATION", valid_from=LONG_AGO)),
    (rule("EXPIRATION", valid_until=SOON), rule("TIME_WINDOW", windows=[MORNING])),
    (rule("SPEND_LIMIT", daily=USD), rule("SPEND_LIMIT", daily=USD | EUR)),
    (rule("SPEND_LIMIT", daily=USD), rule("RAIL", ceiling=EUR)),
    (rule("SPEND_LIMIT", daily=USD), rule("WHITELIST", allowed=[CPT])),
]


@pytest.mark.parametrize(("one", "other"), IMPOSSIBLE)
def test_nothing_can_pass_both(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert contradiction(parsed(one), parsed(other))
    assert contradiction(parsed(other), parsed(one))


@pytest.mark.parametrize(("one", "other"), POSSIBLE)
def test_something_may_pass_both(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert contradiction(parsed(one), parsed(other)) is None
    assert contradiction(parsed(other), parsed(one)) is None


@pytest.mark.parametrize(("one", "other"), IMPOSSIBLE)
def test_nothing_of_a_condition_can_pass_both_where_they_share_it(one: dict[str, Any], other: dict[str, Any]) -> None:
    by_card, by_bank = {"rails": ["card"]}, {"rails": ["bank"]}
    assert contradiction(parsed(one | {"when": by_card}), parsed(other | {"when": by_card}))
    assert contradiction(parsed(one | {"when": by_card}), parsed(other | {"when": by_bank})) is None
