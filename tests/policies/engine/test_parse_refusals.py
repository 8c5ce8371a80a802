"""Each way in which a rule can be wrong is refused, with the path and code of the fault."""

from typing import Any

import pytest

from core.errors import Invalid, InvalidMany
from core.ids import Prefix
from policies.engine.kinds import Choice, Integer, Many, Money, PublicId
from policies.engine.types import Rail
from policies.engine.values import Kind
from tests.policies.engine.writing import CPT, USD, document, faults, limit, rule

EXEMPTION = {
    "agent": "agt_01kaa00000000000000000000a",
    "counterparty": "cpt_01kaa00000000000000000000a",
    "above": {"USD": "800"},
}
AT = "rules[0]"


@pytest.mark.parametrize(
    ("plain", "path", "code"),
    [
        (rule("SPEND_LIMIT"), AT, "field_missing"),
        (limit(daily={}), f"{AT}.daily", "too_few"),
        (limit(daily=[]), f"{AT}.daily", "type_wrong"),
        (limit(daily={"USD": "0"}), f"{AT}.daily.USD", "amount_not_positive"),
        (limit(daily={"USD": 1.5}), f"{AT}.daily.USD", "amount_invalid"),
        (limit(daily={"USD": True}), f"{AT}.daily.USD", "amount_invalid"),
        (limit(daily={"USD": None}), f"{AT}.daily.USD", "amount_invalid"),
        (limit(daily={"USD": "1.0000001"}), f"{AT}.daily.USD", "amount_invalid"),
        (limit(daily={"USD": "-1"}), f"{AT}.daily.USD", "amount_invalid"),
        (limit(daily={f"C{n:02}": "1" for n in range(21)}), f"{AT}.daily", "too_many"),
        (limit(per="person"), f"{AT}.per", "value_unknown"),
        (limit(per=1), f"{AT}.per", "value_unknown"),
        (limit(time_zone="Mars/Olympus"), f"{AT}.time_zone", "time_zone_unknown"),
        (limit(time_zone="localtime"), f"{AT}.time_zone", "time_zone_unknown"),
        (limit(time_zone=3), f"{AT}.time_zone", "time_zone_unknown"),
        (limit(on_breach="allow"), f"{AT}.on_breach", "value_unknown"),
        (limit(when=[]), f"{AT}.when", "type_wrong"),
        (limit(when={"weather": "fair"}), f"{AT}.when.weather", "field_unknown"),
        (limit(when={"categories": "travel"}), f"{AT}.when.categories", "type_wrong"),
        (limit(when={"categories": []}), f"{AT}.when.categories", "too_few"),
        (limit(when={"categories": [""]}), f"{AT}.when.categories[0]", "too_short"),
        (limit(when={"categories": ["a", "x" * 201]}), f"{AT}.when.categories[1]", "too_long"),
        (limit(when={"categories": [" "]}), f"{AT}.when.categories[0]", "too_short"),
        (limit(when={"categories": ["a\nb"]}), f"{AT}.when.categories[0]", "text_invalid"),
        (limit(when={"categories": ["a\x00b"]}), f"{AT}.when.categories[0]", "text_invalid"),
        (limit(when={"categories": [1]}), f"{AT}.when.categories[0]", "type_wrong"),
        (limit(when={"categories": [f"c{n}" for n in range(201)]}), f"{AT}.when.categories", "too_many"),
        (limit(when={"rails": ["pigeon"]}), f"{AT}.when.rails[0]", "value_unknown"),
        (limit(when={"counterparties": ["domain:a.com"]}), f"{AT}.when.counterparties[0]", "id_invalid"),
        (limit(when={"counterparties": [CPT.upper()]}), f"{AT}.when.counterparties[0]", "id_invalid"),
        (limit(when={"counterparties": [None]}), f"{AT}.when.counterparties[0]", "id_invalid"),
        (limit(when={"currencies": ["usd"]}), f"{AT}.when.currencies[0]", "currency_invalid"),
        (limit(when={"currencies": [1]}), f"{AT}.when.currencies[0]", "currency_invalid"),
        (limit(when={"minimum_amount": {"USD": "0"}}), f"{AT}.when.minimum_amount.USD", "amount_not_positive"),
        (limit(review={"approvals": 0}), f"{AT}.review.approvals", "out_of_bounds"),
        (limit(review={"approvals": 11}), f"{AT}.review.approvals", "out_of_bounds"),
        (limit(review={"approvals": True}), f"{AT}.review.approvals", "type_wrong"),
        (limit(review={"approvals": "2"}), f"{AT}.review.approvals", "type_wrong"),
        (limit(review={"roles": ["operator"]}), f"{AT}.review.roles[0]", "value_unknown"),
        (limit(review={"people": ["rui"]}), f"{AT}.review.people[0]", "id_invalid"),
        (limit(review={"timeout_minutes": 0}), f"{AT}.review.timeout_minutes", "out_of_bounds"),
        (limit(review={"timeout_minutes": 43_201}), f"{AT}.review.timeout_minutes", "out_of_bounds"),
        (limit(review={"escalation": {}}), f"{AT}.review.escalation", "field_unknown"),
        (rule("BUDGET_ALLOCATION", amount=USD), f"{AT}.period", "field_missing"),
        (rule("BUDGET_ALLOCATION", period="day"), f"{AT}.amount", "field_missing"),
        (rule("BUDGET_ALLOCATION", amount=USD, period="hour"), f"{AT}.period", "value_unknown"),
        (rule("BUDGET_ALLOCATION", amount=USD, period="day", shared="yes"), f"{AT}.shared", "type_wrong"),
        (rule("BUDGET_ALLOCATION", amount=USD, period="day", shared=1), f"{AT}.shared", "type_wrong"),
        (rule("BUDGET_ALLOCATION", amount=USD, period="day", warn_at=[0]), f"{AT}.warn_at[0]", "out_of_bounds"),
        (rule("BUDGET_ALLOCATION", amount=USD, period="day", warn_at=[101]), f"{AT}.warn_at[0]", "out_of_bounds"),
        (rule("BUDGET_ALLOCATION", amount=USD, period="day", warn_at=list(range(1, 12))), f"{AT}.warn_at", "too_many"),
        (
            rule("BUDGET_ALLOCATION", amount=USD, period="day", starts_at="2026-01-01T00:00:00Z"),
            f"{AT}.period",
            "fields_conflict",
        ),
        (
            rule("BUDGET_ALLOCATION", amount=USD, period="month", ends_at="2026-01-01T00:00:00Z"),
            f"{AT}.period",
            "fields_conflict",
        ),
        (
            rule(
                "BUDGET_ALLOCATION",
                amount=USD,
                period="once",
                starts_at="2026-01-01T00:00:00Z",
                ends_at="2026-01-01T00:00:00Z",
            ),
            f"{AT}.ends_at",
            "range_reversed",
        ),
        (rule("COUNTERPARTY"), AT, "field_missing"),
        (rule("COUNTERPARTY", on_breach="review"), AT, "field_missing"),
        (rule("COUNTERPARTY", require="unknown"), f"{AT}.require", "value_unknown"),
        (rule("COUNTERPARTY", require="blocked"), f"{AT}.require", "value_unknown"),
        (rule("COUNTERPARTY", blocked=[]), f"{AT}.blocked", "too_few"),
        (rule("COUNTERPARTY", unknown="block"), f"{AT}.unknown", "value_unknown"),
        (rule("COUNTERPARTY", first_payment="ask"), f"{AT}.first_payment", "value_unknown"),
        (rule("WHITELIST"), f"{AT}.allowed", "field_missing"),
        (rule("WHITELIST", allowed=[f"account:A{n}" for n in range(1_001)]), f"{AT}.allowed", "too_many"),
        (
            rule("APPROVAL_THRESHOLD", above=USD, cumulative="day", exemptions=[EXEMPTION]),
            f"{AT}.exemptions",
            "fields_conflict",
        ),
        (rule("APPROVAL_THRESHOLD", above=USD, exemptions=[]), f"{AT}.exemptions", "too_few"),
        (
            rule("APPROVAL_THRESHOLD", above=USD, exemptions=[{**EXEMPTION, "above": {"USD": "0"}}]),
            f"{AT}.exemptions[0].above.USD",
            "amount_not_positive",
        ),
        (
            rule("APPROVAL_THRESHOLD", above=USD, exemptions=[{**EXEMPTION, "agent": EXEMPTION["counterparty"]}]),
            f"{AT}.exemptions[0].agent",
            "id_invalid",
        ),
        (rule("CATEGORY"), AT, "fields_conflict"),
        (rule("CATEGORY", allowed=["a"], blocked=["b"]), AT, "fields_conflict"),
        (rule("GEOGRAPHIC"), AT, "fields_conflict"),
        (rule("GEOGRAPHIC", allowed=["DE"], blocked=["FR"]), AT, "fields_conflict"),
        (rule("GEOGRAPHIC", allowed=["de"]), f"{AT}.allowed[0]", "country_unknown"),
        (rule("GEOGRAPHIC", allowed=["XX"]), f"{AT}.allowed[0]", "country_unknown"),
        (rule("GEOGRAPHIC", allowed=[["DE"]]), f"{AT}.allowed[0]", "country_unknown"),
        (rule("APPROVAL_THRESHOLD"), f"{AT}.above", "field_missing"),
        (rule("APPROVAL_THRESHOLD", above={"USD": "-0"}), f"{AT}.above.USD", "amount_invalid"),
        (rule("APPROVAL_THRESHOLD", above={"USD": 0.0}), f"{AT}.above.USD", "amount_invalid"),
        (rule("APPROVAL_THRESHOLD", above={"USD": False}), f"{AT}.above.USD", "amount_invalid"),
        (rule("APPROVAL_THRESHOLD", above=USD, cumulative="week"), f"{AT}.cumulative", "value_unknown"),
        (rule("APPROVAL_THRESHOLD", above=USD, on_breach="deny"), f"{AT}.on_breach", "field_unknown"),
        (rule("TIME_WINDOW"), f"{AT}.windows", "field_missing"),
        (rule("TIME_WINDOW", windows=[]), f"{AT}.windows", "too_few"),
        (rule("TIME_WINDOW", windows=[{"from": "00:00", "to": "01:00"}] * 51), f"{AT}.windows", "too_many"),
        (rule("TIME_WINDOW", windows=["always"]), f"{AT}.windows[0]", "type_wrong"),
        (rule("TIME_WINDOW", windows=[{"from": "09:00"}]), f"{AT}.windows[0].to", "field_missing"),
        (rule("TIME_WINDOW", windows=[{"from": "9:00", "to": "17:00"}]), f"{AT}.windows[0].from", "time_invalid"),
        (rule("TIME_WINDOW", windows=[{"from": "24:00", "to": "17:00"}]), f"{AT}.windows[0].from", "time_invalid"),
        (rule("TIME_WINDOW", windows=[{"from": "09:00", "to": "24:01"}]), f"{AT}.windows[0].to", "time_invalid"),
        (rule("TIME_WINDOW", windows=[{"from": "09:00", "to": "17:60"}]), f"{AT}.windows[0].to", "time_invalid"),
        (rule("TIME_WINDOW", windows=[{"from": 540, "to": "17:00"}]), f"{AT}.windows[0].from", "time_invalid"),
        (
            rule("TIME_WINDOW", windows=[{"from": "09:00", "to": "17:00", "days": []}]),
            f"{AT}.windows[0].days",
            "too_few",
        ),
        (
            rule("TIME_WINDOW", windows=[{"from": "09:00", "to": "17:00", "days": ["Mon"]}]),
            f"{AT}.windows[0].days[0]",
            "value_unknown",
        ),
        (rule("BLACKOUT_PERIOD"), AT, "field_missing"),
        (
            rule("BLACKOUT_PERIOD", dates=[{"from": "2026-12-26", "to": "2026-12-24"}]),
            f"{AT}.dates[0].to",
            "range_reversed",
        ),
        (
            rule("BLACKOUT_PERIOD", dates=[{"from": "2026-02-30", "to": "2026-03-01"}]),
            f"{AT}.dates[0].from",
            "date_invalid",
        ),
        (
            rule("BLACKOUT_PERIOD", dates=[{"from": "20260224", "to": "2026-03-01"}]),
            f"{AT}.dates[0].from",
            "date_invalid",
        ),
        (rule("BLACKOUT_PERIOD", dates=[{"from": 1, "to": "2026-03-01"}]), f"{AT}.dates[0].from", "date_invalid"),
        (
            rule("BLACKOUT_PERIOD", dates=[{"from": "2026-01-01", "to": "2026-01-01"}] * 201),
            f"{AT}.dates",
            "too_many",
        ),
        (rule("BLACKOUT_PERIOD", dates=[]), f"{AT}.dates", "too_few"),
        (rule("BLACKOUT_PERIOD", holidays={}), f"{AT}.holidays.country", "field_missing"),
        (rule("BLACKOUT_PERIOD", holidays={"country": "ZZ"}), f"{AT}.holidays.country", "country_unknown"),
        (
            rule("BLACKOUT_PERIOD", holidays={"country": "DE", "subdivision": "be"}),
            f"{AT}.holidays.subdivision",
            "subdivision_invalid",
        ),
        (
            rule("BLACKOUT_PERIOD", holidays={"country": "DE", "subdivision": 1}),
            f"{AT}.holidays.subdivision",
            "subdivision_invalid",
        ),
        (
            rule("BLACKOUT_PERIOD", holidays={"country": "DE", "until": "soon"}),
            f"{AT}.holidays.until",
            "date_invalid",
        ),
        (rule("VELOCITY", limit=1), f"{AT}.period_minutes", "field_missing"),
        (rule("VELOCITY", period_minutes=1), f"{AT}.limit", "field_missing"),
        (rule("VELOCITY", limit=0, period_minutes=1), f"{AT}.limit", "out_of_bounds"),
        (rule("VELOCITY", limit=1_000_001, period_minutes=1), f"{AT}.limit", "out_of_bounds"),
        (rule("VELOCITY", limit=1, period_minutes=0), f"{AT}.period_minutes", "out_of_bounds"),
        (rule("VELOCITY", limit=1, period_minutes=527_041), f"{AT}.period_minutes", "out_of_bounds"),
        (rule("VELOCITY", limit=1, period_minutes=1, per="session"), f"{AT}.per", "value_unknown"),
        (rule("EXPIRATION"), AT, "field_missing"),
        (rule("EXPIRATION", valid_from="2026-01-01"), f"{AT}.valid_from", "moment_invalid"),
        (rule("EXPIRATION", valid_from="2026-01-01T00:00:00"), f"{AT}.valid_from", "moment_invalid"),
        (rule("EXPIRATION", valid_from="2026-13-01T00:00:00Z"), f"{AT}.valid_from", "moment_invalid"),
        (rule("EXPIRATION", valid_from="0001-01-01T00:00:00+14:00"), f"{AT}.valid_from", "moment_invalid"),
        (rule("EXPIRATION", valid_from=1_700_000_000), f"{AT}.valid_from", "moment_invalid"),
        (
            rule("EXPIRATION", valid_from="2026-01-01T00:00:00Z", valid_until="2026-01-01T01:00:00+01:00"),
            f"{AT}.valid_until",
            "range_reversed",
        ),
        (rule("EXPIRATION", valid_until="2026-01-01T00:00:00Z", review={}), f"{AT}.review", "field_unknown"),
        (rule("RAIL"), AT, "field_missing"),
        (rule("RAIL", allowed=[]), f"{AT}.allowed", "too_few"),
        (rule("DUPLICATE"), f"{AT}.minutes", "field_missing"),
        (rule("DUPLICATE", minutes=44_641), f"{AT}.minutes", "out_of_bounds"),
        (rule("DUPLICATE", minutes=10, match=["amount"]), f"{AT}.match[0]", "value_unknown"),
    ],
)
def test_what_is_refused(plain: dict[str, Any], path: str, code: str) -> None:
    assert faults(document(plain)) == [(path, code)]


@pytest.mark.parametrize(
    ("kind", "value", "path"),
    [
        (Choice(tuple(Rail)), "boat", "here"),
        (Integer(1, 5, "minutes"), "1", "here"),
        (Integer(1, 5, "minutes"), True, "here"),
        (Integer(1, 5, "minutes"), 6, "here"),
        (Many(Integer(1, 5, "minutes"), least=1, most=2), 1, "here"),
        (Many(Integer(1, 5, "minutes"), least=1, most=2), [], "here"),
        (Many(Integer(1, 5, "minutes"), least=1, most=2), [1, 2, 3], "here"),
        (Money(), 5, "here"),
        (Money(), {}, "here"),
        (Money(), {f"{first}{second}X": "1" for first in "ABCDE" for second in "ABCDE"}, "here"),
        (Money(), {"dollars": "1"}, "here.dollars"),
        (Money(), {"USD": "much"}, "here.USD"),
        (PublicId(Prefix.POLICY, "a policy"), "agt_1", "here"),
    ],
)
def test_a_value_that_is_read_by_itself_names_its_place(kind: Kind, value: object, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        kind.read(value, "here")
    error = refused.value
    found = [one[0] for one in error.errors] if isinstance(error, InvalidMany) else [error.field]
    assert found == [path]
