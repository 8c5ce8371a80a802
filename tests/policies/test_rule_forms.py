"""The forms of the thirteen rule types: document → form → document is the identity; errors stand at their fields."""

from datetime import UTC, datetime
from typing import Any

import pytest

from policies.engine.document import parse, to_plain
from policies.engine.rules import RuleType
from policies.forms import RULE_FORMS, RuleForm, Surroundings
from tests.policies.sent import shown

PERSON = "per_01kas4t5n0e1wr9m4t7b2c6d0f"
PAYEE = "cpt_01kas4t5n0e1wr9m4t7b2c6d0f"
OTHER_PAYEE = "cpt_01kas4t5n0e1wr9m4t7b2c6d0g"
AGENT = "agt_01kas4t5n0e1wr9m4t7b2c6d0f"
AROUND = Surroundings(
    now=datetime(2026, 11, 22, tzinfo=UTC), currency="EUR", time_zone="Europe/Berlin", reviewers=((PERSON, "Rui"),)
)
WHEN = {
    "categories": ["ai services", "a, b"],
    "rails": ["card", "x402"],
    "counterparties": [PAYEE],
    "currencies": ["USD", "USDC"],
    "minimum_amount": {"USD": "10", "EUR": "9.5"},
}
REVIEW = {"approvals": 2, "roles": ["reviewer", "owner"], "people": [PERSON], "timeout_minutes": 90}

RULES: dict[str, dict[str, Any]] = {
    "one limit": {"type": "SPEND_LIMIT", "daily": {"USD": "500"}},
    "every limit": {
        "type": "SPEND_LIMIT",
        "per_transaction": {"USD": "0.000001", "EUR": "99999999999999.999999", "USDC": "3"},
        "hourly": {"USD": "1"}, "daily": {"USD": "2"}, "weekly": {"USD": "3"},
        "monthly": {"USD": "4"}, "total": {"USD": "5"},
        "window": "rolling", "per": "session", "time_zone": "America/New_York", "on_breach": "review",
    },
    "per counterparty": {"type": "SPEND_LIMIT", "total": {"USD": "5"}, "per": "agent_counterparty"},
    "session budget": {"type": "BUDGET_ALLOCATION", "amount": {"USD": "25"}, "period": "session"},
    "own budgets": {
        "type": "BUDGET_ALLOCATION", "amount": {"USD": "25"}, "period": "quarter", "shared": False,
        "warn_at": [50, 80, 100], "time_zone": "Asia/Tokyo", "on_breach": "review",
    },
    "budget with dates": {
        "type": "BUDGET_ALLOCATION", "amount": {"USD": "25"}, "period": "once",
        "starts_at": "2026-10-25T00:30:00Z", "ends_at": "2026-10-25T01:30:00.000001Z",
    },
    "counterparties": {
        "type": "COUNTERPARTY", "blocked": ["domain:evil.example", "account:DE89370400440532013000", PAYEE],
        "require": "trusted", "unknown": "review", "first_payment": "deny", "on_breach": "review",
    },
    "unknown only": {"type": "COUNTERPARTY", "unknown": "allow"},
    "whitelist": {
        "type": "WHITELIST",
        "allowed": ["domain:*.openai.com", "address:0x52908400098527886e0f7030069857d2e4169ee7", "account:A1"],
        "on_breach": "review",
    },
    "empty whitelist": {"type": "WHITELIST", "allowed": []},
    "allowed categories": {"type": "CATEGORY", "allowed": ["ai services", "x, y"]},
    "blocked categories": {"type": "CATEGORY", "blocked": ["gambling"], "on_breach": "review"},
    "threshold": {"type": "APPROVAL_THRESHOLD", "above": {"USD": "0", "EUR": "100"}},
    "threshold with exemptions": {
        "type": "APPROVAL_THRESHOLD", "above": {"USD": "100"},
        "exemptions": [
            {"agent": AGENT, "counterparty": PAYEE, "above": {"EUR": "200", "USD": "250.5"}},
            {"agent": AGENT, "counterparty": OTHER_PAYEE, "above": {"USD": "300"}},
        ],
    },
    "daily threshold": {
        "type": "APPROVAL_THRESHOLD", "above": {"USD": "7"}, "cumulative": "day", "time_zone": "Asia/Tokyo",
    },
    "office hours": {
        "type": "TIME_WINDOW",
        "windows": [
            {"days": ["mon", "fri"], "from": "09:00", "to": "17:30"},
            {"days": ["sat"], "from": "22:00", "to": "02:00"},
            {"from": "00:00", "to": "24:00"},
        ],
        "time_zone": "UTC", "on_breach": "review",
    },
    "blackout": {
        "type": "BLACKOUT_PERIOD",
        "dates": [{"from": "2026-12-24", "to": "2026-12-26"}, {"from": "2027-05-01", "to": "2027-05-01"}],
        "hours": [{"days": ["sun"], "from": "00:00", "to": "24:00"}],
        "holidays": {"country": "DE", "subdivision": "BE"}, "time_zone": "Europe/Paris", "on_breach": "review",
    },
    "holidays": {"type": "BLACKOUT_PERIOD", "holidays": {"country": "US"}},
    "velocity": {
        "type": "VELOCITY", "limit": 10, "period_minutes": 90, "per": "agent_counterparty", "on_breach": "review",
    },
    "allowed countries": {"type": "GEOGRAPHIC", "allowed": ["DE", "FR"]},
    "blocked countries": {"type": "GEOGRAPHIC", "blocked": ["KP"], "on_breach": "review"},
    "validity": {"type": "EXPIRATION", "valid_from": "2026-03-29T01:00:00Z", "valid_until": "2026-10-25T01:30:07.5Z"},
    "until": {"type": "EXPIRATION", "valid_until": "2027-01-01T00:00:00Z"},
    "rails": {"type": "RAIL", "allowed": ["x402", "mpp"], "ceiling": {"USDC": "0.01"}, "on_breach": "review"},
    "duplicates": {"type": "DUPLICATE", "minutes": 2880, "match": ["purpose", "session"], "on_breach": "deny"},
    "duplicates by default": {"type": "DUPLICATE", "minutes": 10},
}  # fmt: skip


def form_of(rule: dict[str, Any]) -> type[RuleForm]:
    return RULE_FORMS[RuleType(rule["type"])]


def normal(rule: dict[str, Any]) -> object:
    return to_plain(parse({"schema": 1, "rules": [rule]}))


def test_every_rule_type_has_a_form_and_a_rule_here() -> None:
    assert set(RULE_FORMS) == set(RuleType) == {RuleType(rule["type"]) for rule in RULES.values()}
    assert all(form.title and form.icon and form.says.endswith(".") for form in RULE_FORMS.values())


@pytest.mark.parametrize("name", RULES)
def test_document_to_form_to_document_is_the_identity(name: str) -> None:
    rule = {"key": "own_key", **RULES[name]}
    sent = shown(form_of(rule)(around=AROUND, rule=rule))
    form = form_of(rule)(sent, around=AROUND, rule=rule)
    assert form.is_valid(), form.errors
    assert normal(form.plain) == normal(rule)


@pytest.mark.parametrize("type_", RuleType)
def test_conditions_and_reviewers_survive_in_every_type(type_: RuleType) -> None:
    rule = next({"key": "a", **rule} for rule in RULES.values() if rule["type"] == type_)
    rule |= {"when": WHEN} | ({} if type_ is RuleType.EXPIRATION else {"review": REVIEW})
    form = form_of(rule)(shown(form_of(rule)(around=AROUND, rule=rule)), around=AROUND, rule=rule)
    assert form.is_valid(), form.errors
    assert normal(form.plain) == normal(rule)


@pytest.mark.parametrize("name", RULES)
def test_a_page_that_is_drawn_again_before_it_is_judged_loses_nothing(name: str) -> None:
    rule = {"key": "own_key", **RULES[name], "when": WHEN}
    sent = shown(form_of(rule)(around=AROUND, rule=rule))
    again = form_of(rule).typed(sent, around=AROUND, rule=rule, more="when_minimum_amount")
    assert not again.errors
    resent = shown(again)
    assert resent["when_minimum_amount-2-amount"] == "", "one more row"
    form = form_of(rule)(resent, around=AROUND, rule=rule)
    assert form.is_valid(), form.errors
    assert normal(form.plain) == normal(rule)


# --- What is typed ----------------------------------------------------------------------------------------------------


def typed(type_: RuleType, **changed: str | list[str]) -> RuleForm:
    """A new rule's form, sent with these controls filled in."""
    form = RULE_FORMS[type_]
    sent = shown(form(around=AROUND))
    for name, value in changed.items():
        sent.setlist(name.replace("__", "-"), value if isinstance(value, list) else [value])
    return form(sent, around=AROUND)


def test_a_new_rule_begins_in_the_currency_of_the_organization() -> None:
    form = typed(RuleType.SPEND_LIMIT, daily__0__amount="500")
    assert form.is_valid()
    assert form.plain["daily"] == {"EUR": "500"}
    assert normal(form.plain) == normal({"key": "spend_limit", "type": "SPEND_LIMIT", "daily": {"EUR": "500"}})


def test_bare_domains_and_addresses_are_understood() -> None:
    lines = "API.example.com\n\n *.example.com \n0x52908400098527886E0F7030069857D2E4169EE7\naccount:X1\n" + PAYEE
    form = typed(RuleType.WHITELIST, allowed__typed=lines)
    assert form.is_valid(), form.errors
    assert normal(form.plain) == normal(
        {
            "key": "whitelist",
            "type": "WHITELIST",
            "allowed": [
                "domain:api.example.com",
                "domain:*.example.com",
                "address:0x52908400098527886e0f7030069857d2e4169ee7",
                "account:X1",
                PAYEE,
            ],
        }
    )


FAULTS: list[tuple[RuleType, dict[str, str | list[str]], str, str]] = [
    (RuleType.SPEND_LIMIT, {}, "__all__", "At least one of these is required"),
    (RuleType.SPEND_LIMIT, {"daily__0__amount": "1,000"}, "daily", "EUR: An amount has at most"),
    (RuleType.SPEND_LIMIT, {"daily__0__amount": "5", "daily__0__currency": "$"}, "daily", "$: Must be a currency code"),
    (
        RuleType.SPEND_LIMIT,
        {"total__0__amount": "1", "total__1__amount": "2", "total__1__currency": "eur"},
        "total",
        "EUR stands twice.",
    ),
    (
        RuleType.SPEND_LIMIT,
        {"daily__0__amount": "5", "when_currencies__typed": "USD dollars!"},
        "when_currencies",
        "DOLLARS!: Must be a currency",
    ),
    (
        RuleType.SPEND_LIMIT,
        {"daily__0__amount": "5", "when_counterparties__typed": "ACME"},
        "when_counterparties",
        "ACME: Must be",
    ),
    (RuleType.BUDGET_ALLOCATION, {}, "amount", "Give an amount and its currency."),
    (RuleType.BUDGET_ALLOCATION, {"amount__0__amount": "5", "warn_at": "50, 101"}, "warn_at", "Row 2: Must be between"),
    (RuleType.BUDGET_ALLOCATION, {"amount__0__amount": "5", "warn_at": "half"}, "warn_at", "Give whole numbers"),
    (RuleType.BUDGET_ALLOCATION, {"amount__0__amount": "5", "starts_at": "2026-12-01T00:00"}, "period", "Dates belong"),
    (RuleType.APPROVAL_THRESHOLD, {"above__0__amount": "-1"}, "above", "EUR: An amount has"),
    (
        RuleType.APPROVAL_THRESHOLD,
        {"above__0__amount": "1", "review_approvals": "11"},
        "review_approvals",
        "less than or equal",
    ),
    (
        RuleType.APPROVAL_THRESHOLD,
        {"above__0__amount": "1", "review_timeout_minutes__number": "40", "review_timeout_minutes__unit": "1440"},
        "review_timeout_minutes",
        "Must be between",
    ),
    (
        RuleType.APPROVAL_THRESHOLD,
        {"above__0__amount": "1", "exemptions__0__agent": AGENT, "exemptions__0__amount": "5"},
        "exemptions",
        "Row 1, counterparty: Must be the id of a counterparty",
    ),
    (
        RuleType.APPROVAL_THRESHOLD,
        {
            **{f"exemptions__{row}__agent": AGENT for row in range(2)},
            **{f"exemptions__{row}__counterparty": PAYEE for row in range(2)},
            **{f"exemptions__{row}__amount": "5" for row in range(2)},
            "above__0__amount": "1",
            "exemptions__1__currency": "eur",
        },
        "exemptions",
        "EUR stands twice for one payee.",
    ),
    (RuleType.COUNTERPARTY, {}, "__all__", "At least one of these is required"),
    (RuleType.COUNTERPARTY, {"blocked__typed": "good.example\nnot good"}, "blocked", "not good: Must be domain:"),
    (RuleType.WHITELIST, {"allowed__typed": "Acme Ltd"}, "allowed", "Acme Ltd: Must be domain:"),
    (RuleType.CATEGORY, {"allowed__typed": "a", "blocked__typed": "b"}, "__all__", "Give either allowed or blocked."),
    (RuleType.TIME_WINDOW, {}, "windows", "Add hours."),
    (
        RuleType.TIME_WINDOW,
        {"windows__0__from": "9", "windows__0__to": "17:00", "windows__0__days": ["mon"]},
        "windows",
        "Row 1, from: Must be a time",
    ),
    (
        RuleType.TIME_WINDOW,
        {
            "windows__cell": ["mon-9", "tue-12"],
            "windows__0__from": "9",
            "windows__0__to": "17:00",
            "windows__0__days": ["mon"],
        },
        "windows",
        "Row 1, from: Must be a time",
    ),
    (
        RuleType.TIME_WINDOW,
        {"windows__0__from": "09:00", "windows__0__to": "17:00", "windows__0__days": []},
        "windows",
        "Choose at least one day.",
    ),
    (RuleType.BLACKOUT_PERIOD, {}, "__all__", "At least one of these is required"),
    (
        RuleType.BLACKOUT_PERIOD,
        {"dates__0__from": "2026-12-26", "dates__0__to": "2026-12-24"},
        "dates",
        "Row 1, to: Must not",
    ),
    (
        RuleType.BLACKOUT_PERIOD,
        {"holidays_country": "DE", "holidays_subdivision": "xx"},
        "holidays_subdivision",
        "The public holidays of XX are not known.",
    ),
    (RuleType.BLACKOUT_PERIOD, {"holidays_subdivision": "BE"}, "holidays_country", "This field is required."),
    (RuleType.VELOCITY, {"limit": "0", "period_minutes__number": "5"}, "limit", "greater than or equal to 1"),
    (RuleType.VELOCITY, {"limit": "1", "period_minutes__number": "soon"}, "period_minutes", "Give a whole number."),
    (RuleType.GEOGRAPHIC, {"allowed__typed": "DE XX"}, "allowed", "XX: Must be a country code"),
    (RuleType.EXPIRATION, {"valid_from": "tomorrow"}, "valid_from", "Give a date and a time"),
    (
        RuleType.EXPIRATION,
        {"valid_from": "2026-12-01T00:00", "valid_until": "2026-11-01T00:00"},
        "valid_until",
        "Must be after valid_from.",
    ),
    (RuleType.RAIL, {}, "__all__", "At least one of these is required"),
    (RuleType.DUPLICATE, {}, "minutes", "Give a length of time."),
]


@pytest.mark.parametrize(("type_", "sent", "field", "words"), FAULTS)
def test_a_fault_stands_at_its_field_and_nothing_typed_is_lost(
    type_: RuleType, sent: dict[str, str | list[str]], field: str, words: str
) -> None:
    form = typed(type_, **sent)
    assert not form.is_valid()
    assert list(form.errors) == [field]
    assert words in form.errors[field][0]
    again = shown(form)
    for name, value in sent.items():
        assert again.getlist(name.replace("__", "-")) == (value if isinstance(value, list) else [value])


@pytest.mark.parametrize(("field", "value"), [("per", "nobody"), ("review_people", PAYEE), ("time_zone", "Mars/Base")])
def test_what_was_not_offered_is_refused(field: str, value: str) -> None:
    form = typed(RuleType.SPEND_LIMIT, daily__0__amount="5", **{field: value})
    assert list(form.errors) == [field]


def test_one_day_needs_no_last_day() -> None:
    form = typed(RuleType.BLACKOUT_PERIOD, dates__0__from="2026-12-24")
    assert form.is_valid()
    assert form.plain["dates"] == [{"from": "2026-12-24", "to": "2026-12-24"}]


def test_moments_are_typed_by_the_clock_of_the_organization() -> None:
    form = typed(RuleType.EXPIRATION, valid_until="2026-12-24T18:00")
    assert form.is_valid()
    assert form.plain["valid_until"] == "2026-12-24T17:00:00Z"


def test_a_reviewer_who_left_is_kept_until_somebody_takes_them_off() -> None:
    gone = "per_01kas4t5n0e1wr9m4t7b2c6d0g"
    rule = {"key": "a", "type": "APPROVAL_THRESHOLD", "above": {"USD": "1"}, "review": {"people": [gone]}}
    form = form_of(rule)(shown(form_of(rule)(around=AROUND, rule=rule)), around=AROUND, rule=rule)
    assert form.is_valid(), form.errors
    assert form.plain["review"]["people"] == [gone]


def test_sections_are_folded_only_while_they_hold_nothing() -> None:
    def is_open(form: RuleForm) -> list[bool]:
        return [section.is_open for section in form.sections()]

    rule = {"key": "a", "type": "SPEND_LIMIT", "daily": {"USD": "1"}}
    assert is_open(form_of(rule)(around=AROUND, rule=rule)) == [True, True, False, False]
    assert is_open(form_of(rule)(around=AROUND, rule=rule | {"when": {"rails": ["card"]}})) == [True, True, False, True]
    assert is_open(typed(RuleType.SPEND_LIMIT, when_categories__typed="ai")) == [True, True, False, True]
