"""What lint says of a document that can be read."""

from datetime import UTC, datetime
from typing import Any

import pytest

from policies.engine.document import parse
from policies.engine.lint import Level, lint, lint_at
from tests.policies.engine.writing import is_sentence

USD, TEN = {"USD": "5.00"}, {"USD": "10.00"}
CPT, OTHER_CPT = "cpt_01kaa00000000000000000000a", "cpt_01kaa00000000000000000000b"
PERSON = "per_01kaa00000000000000000000a"
GUARD = {"key": "guard", "type": "SPEND_LIMIT", "daily": USD}


def found(*rules: dict[str, Any]) -> list[tuple[str, str]]:
    findings = lint(parse({"schema": 1, "rules": list(rules)}))
    assert all(is_sentence(one.detail) and is_sentence(one.remedy) for one in findings)
    return [(one.code, one.path) for one in findings]


def said(*rules: dict[str, Any]) -> list[tuple[Level, str]]:
    return [(one.level, one.detail) for one in lint(parse({"schema": 1, "rules": list(rules)}))]


def rule(kind: str, **more: Any) -> dict[str, Any]:
    return {"key": "it", "type": kind, **more}


def test_a_plain_limit_is_in_order() -> None:
    assert found(GUARD) == []


def test_a_policy_without_rules() -> None:
    assert found() == [("rules_empty", "rules")]
    assert lint(parse({"schema": 1, "rules": []}))[0].level is Level.WARNING


def test_an_empty_whitelist() -> None:
    assert found(GUARD, rule("WHITELIST", allowed=[])) == [("whitelist_empty", "rules[1].allowed")]
    assert found(GUARD, rule("WHITELIST", allowed=["domain:a.com"])) == []


NEVER = {"from": "09:00", "to": "09:00"}
OPEN = {"from": "09:00", "to": "17:00"}


def test_hours_that_never_open() -> None:
    open_and_never = rule("TIME_WINDOW", windows=[OPEN, NEVER], time_zone="UTC")
    assert found(GUARD, open_and_never) == [("hours_empty", "rules[1].windows[1]")]
    never = rule("BLACKOUT_PERIOD", hours=[NEVER], time_zone="UTC")
    assert found(GUARD, never) == [("hours_empty", "rules[1].hours[0]")]
    assert found(GUARD, rule("BLACKOUT_PERIOD", hours=[OPEN], time_zone="UTC")) == []


def test_hours_that_close_the_whole_week() -> None:
    shut = rule("BLACKOUT_PERIOD", hours=[{"from": "00:00", "to": "24:00"}], time_zone="UTC")
    assert found(GUARD, shut) == [("always_closed", "rules[1].hours")]
    assert said(GUARD, shut) == [
        (Level.ERROR, "Its hours close the whole week, so it denies every payment that it judges.")
    ]
    halves = [{"from": "12:00", "to": "24:00"}, {"from": "00:00", "to": "12:00"}]
    assert found(GUARD, {**shut, "hours": halves}) == [("always_closed", "rules[1].hours")]
    assert found(GUARD, {**shut, "hours": [{"from": "00:00", "to": "23:59"}]}) == []
    assert found(GUARD, {**shut, "on_breach": "review"}) == []


NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("plain", "path", "detail"),
    [
        (rule("EXPIRATION", valid_until="2026-11-26T09:00:00Z"), "rules[0].valid_until",
         "It was over on 26 November 2026, 09:00 UTC: since then it denies every payment that it judges."),
        (rule("EXPIRATION", valid_until="2026-11-26T09:00:01Z"), None, ""),
        (rule("EXPIRATION", valid_from="2020-01-01T00:00:00Z"), None, ""),
        (rule("BUDGET_ALLOCATION", amount=USD, period="once", ends_at="2020-03-01T00:00:00Z"), "rules[0].ends_at",
         "It was over on 1 March 2020, 00:00 UTC: since then it denies every payment that it judges."),
        (rule("BUDGET_ALLOCATION", amount=USD, period="once", ends_at="2027-01-01T00:00:00Z"), None, ""),
        (rule("BLACKOUT_PERIOD", dates=[{"from": "2020-12-24", "to": "2020-12-26"},
                                        {"from": "2019-12-24", "to": "2019-12-26"}]), "rules[0].dates",
         "Its last day was 26 December 2020: it changes nothing any more."),
        (rule("BLACKOUT_PERIOD", dates=[{"from": "2026-11-24", "to": "2026-11-24"}]), "rules[0].dates",
         "Its last day was 24 November 2026: it changes nothing any more."),
        (rule("BLACKOUT_PERIOD", dates=[{"from": "2026-11-24", "to": "2026-11-25"}]), None, ""),
        (rule("BLACKOUT_PERIOD", dates=[{"from": "2020-12-24", "to": "2020-12-26"}], hours=[OPEN]), None, ""),
        (rule("BLACKOUT_PERIOD", dates=[{"from": "2020-12-24", "to": "2020-12-26"}], holidays={"country": "DE"}),
         None, ""),
        (GUARD, None, ""),
    ],
)  # fmt: skip
def test_rules_whose_time_is_over(plain: dict[str, Any], path: str | None, detail: str) -> None:
    found = lint_at(parse({"schema": 1, "rules": [plain]}), NOW)
    assert [(one.level, one.code, one.path, one.detail) for one in found] == (
        [(Level.WARNING, "already_over", path, detail)] if path else []
    )
    assert all(is_sentence(one.remedy) for one in found)


def test_a_currency_that_is_judged_without_an_amount() -> None:
    judging = {**GUARD, "when": {"currencies": ["EUR", "GBP", "USD"]}}
    assert found(judging) == [("judged_without_amount", "rules[0].when.currencies")]
    words = "It judges payments in EUR and GBP without an amount for that: it denies them, unless a peg says otherwise."
    assert said(judging) == [(Level.WARNING, words)]
    assert found({**GUARD, "when": {"currencies": ["USD"]}}) == []
    assert found(GUARD, rule("CATEGORY", allowed=["ads"], when={"currencies": ["EUR"]})) == []


def test_a_budget_below_the_threshold() -> None:
    threshold = rule("APPROVAL_THRESHOLD", above=TEN)
    pot = {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": TEN, "period": "month"}
    assert found(pot, threshold) == [("threshold_out_of_reach", "rules[1].above.USD")]
    assert said(threshold, pot) == [
        (
            Level.WARNING,
            "Nobody is ever asked: the budget of $10.00 in the rule pot denies whatever is above $10.00.",
        )
    ]
    assert found({**pot, "amount": {"USD": "10.01"}}, threshold) == []
    assert found({**pot, "on_breach": "review"}, threshold) == []
    assert found(pot, {**threshold, "cumulative": "day"}) == []


def test_hours_and_days_without_a_time_zone() -> None:
    assert found(GUARD, rule("TIME_WINDOW", windows=[OPEN])) == [("time_zone_missing", "rules[1].time_zone")]
    days = rule("BLACKOUT_PERIOD", dates=[{"from": "2026-12-24", "to": "2026-12-26"}])
    assert found(GUARD, days) == [("time_zone_missing", "rules[1].time_zone")]


def test_money_that_nothing_guards() -> None:
    assert found(rule("CATEGORY", blocked=["gambling"])) == [("money_unguarded", "rules")]
    assert found(rule("RAIL", allowed=["x402"])) == [("money_unguarded", "rules")]
    assert found(rule("APPROVAL_THRESHOLD", above=USD)) == []


@pytest.mark.parametrize(
    ("plain", "field"),
    [
        (rule("SPEND_LIMIT", daily=USD, per="session"), "session"),
        (rule("BUDGET_ALLOCATION", amount=USD, period="session"), "session"),
        (rule("SPEND_LIMIT", daily=USD, when={"categories": ["travel"]}), "category"),
        (rule("SPEND_LIMIT", daily=USD, when={"rails": ["x402"]}), "rail"),
        (rule("RAIL", ceiling=USD), "rail"),
        (rule("RAIL", ceiling=USD, allowed=["x402", "card"]), "rail"),
        (rule("APPROVAL_THRESHOLD", above=USD, when={"rails": ["x402"], "categories": ["travel"]}), "category"),
    ],
)
def test_money_that_only_the_callers_word_guards(plain: dict[str, Any], field: str) -> None:
    assert found(plain) == [("caller_field_guards", "rules[0]")]
    assert "caller_field_guards" not in [code for code, _ in found(plain, GUARD)]
    (finding,) = lint(parse({"schema": 1, "rules": [plain]}))
    assert f"by stating another {field} it gets new room" in finding.detail
    assert finding.level is Level.WARNING


@pytest.mark.parametrize(
    "plain",
    [
        rule("SPEND_LIMIT", per_transaction=USD, daily=USD, per="session"),
        rule("SPEND_LIMIT", daily=USD, when={"currencies": ["USD"]}),
        rule("BUDGET_ALLOCATION", amount=USD, period="day"),
        rule("RAIL", ceiling=USD, allowed=["x402", "mpp"]),
    ],
)
def test_money_that_more_than_the_callers_word_guards(plain: dict[str, Any]) -> None:
    assert found(plain) == []


# --- A list, a cap, a quorum ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "plain",
    [
        rule("WHITELIST", allowed=[CPT], when={"counterparties": [OTHER_CPT]}),
        rule("CATEGORY", allowed=["ads"], when={"categories": ["travel"]}),
        rule("RAIL", allowed=["card"], when={"rails": ["x402"]}),
    ],
)
def test_a_list_of_which_nothing_is_judged_can_match_nothing(plain: dict[str, Any]) -> None:
    assert found(GUARD, plain) == [("list_unmatched", "rules[1].allowed")]
    assert level_of(GUARD, plain) is Level.ERROR


@pytest.mark.parametrize(
    "plain",
    [
        rule("WHITELIST", allowed=[CPT, OTHER_CPT], when={"counterparties": [OTHER_CPT]}),
        rule("WHITELIST", allowed=["domain:a.com"], when={"counterparties": [OTHER_CPT]}),
        rule("WHITELIST", allowed=[CPT]),
        rule("CATEGORY", blocked=["ads"], when={"categories": ["travel"]}),
        rule("RAIL", allowed=["card"], when={"rails": ["card", "x402"]}),
    ],
)
def test_a_list_of_which_something_may_be_judged(plain: dict[str, Any]) -> None:
    assert found(GUARD, plain) == []


def test_more_approvals_than_people_are_named() -> None:
    review = {"approvals": 2, "people": [PERSON]}
    assert found(rule("APPROVAL_THRESHOLD", above=USD, review=review)) == [
        ("quorum_unreachable", "rules[0].review.approvals")
    ]
    assert found(rule("APPROVAL_THRESHOLD", above=USD, review=review | {"roles": ["admin"]})) == []
    assert found(rule("APPROVAL_THRESHOLD", above=USD, review=review | {"approvals": 1})) == []


@pytest.mark.parametrize(
    ("caps", "path"),
    [
        ({"per_transaction": TEN, "daily": USD}, "per_transaction.USD"),
        ({"hourly": {"USD": "5.01"}, "daily": USD}, "hourly.USD"),
        ({"daily": TEN, "weekly": TEN}, None),
        ({"daily": USD, "weekly": TEN}, None),
        ({"weekly": TEN, "total": USD}, "weekly.USD"),
    ],
)
def test_a_cap_that_a_longer_one_ends_before(caps: dict[str, Any], path: str | None) -> None:
    plain = {"key": "guard", "type": "SPEND_LIMIT", **caps}
    assert found(plain) == ([("cap_without_effect", f"rules[0].{path}")] if path else [])


def test_a_week_lies_in_two_months() -> None:
    assert found({"key": "guard", "type": "SPEND_LIMIT", "weekly": TEN, "monthly": USD}) == []


# --- Two rules --------------------------------------------------------------------------------------------------------


def test_a_limit_below_the_threshold() -> None:
    threshold = rule("APPROVAL_THRESHOLD", above=TEN)
    assert found(GUARD, threshold) == [("threshold_out_of_reach", "rules[1].above.USD")]
    assert found(threshold, GUARD) == [("threshold_out_of_reach", "rules[0].above.USD")]
    assert found({**GUARD, "daily": {"USD": "10.01"}}, threshold) == []
    assert found({**GUARD, "on_breach": "review"}, threshold) == []
    assert found(GUARD, {**threshold, "above": {"USD": "4.99"}}) == []
    assert found({**GUARD, "when": {"categories": ["ads"]}}, threshold) == []
    euros = {"above": {"EUR": "99.00"}, "when": {"currencies": ["EUR"]}}
    assert found({**GUARD, "when": {"currencies": ["USD"]}}, threshold | euros) == []
    assert found(GUARD, threshold | {"when": {"categories": ["ads"]}}) == [
        ("threshold_out_of_reach", "rules[1].above.USD")
    ]


def test_a_limit_below_the_threshold_of_a_day() -> None:
    threshold = rule("APPROVAL_THRESHOLD", above=TEN, cumulative="day")
    assert found(GUARD, threshold) == [("threshold_out_of_reach", "rules[1].above.USD")]
    assert found(GUARD, threshold | {"time_zone": "UTC"}) == []
    assert found({**GUARD, "per": "agent_counterparty"}, threshold) == []
    assert found({"key": "guard", "type": "SPEND_LIMIT", "per_transaction": USD}, threshold) == []


def test_a_rule_that_another_one_shadows() -> None:
    wide, narrow = GUARD, {**GUARD, "key": "narrow", "daily": TEN, "when": {"rails": ["card"]}}
    assert found(wide, narrow) == [("rule_shadowed", "rules[1]")]
    assert found(narrow, wide) == [("rule_shadowed", "rules[0]")]
    assert found(wide, {**narrow, "daily": {"USD": "1.00"}}) == []
    assert found(GUARD, {**GUARD, "key": "twin"}) == [("rule_shadowed", "rules[1]")]


def test_warnings_say_which_amounts_and_rules_they_are_about() -> None:
    caps = {"key": "guard", "type": "SPEND_LIMIT", "per_transaction": TEN, "daily": USD}
    capped = "The per transaction limit of $10.00 is never reached: the daily limit is lower, $5.00."
    assert said(caps) == [(Level.WARNING, capped)]
    twin = {"key": "twin", "type": "SPEND_LIMIT", "daily": USD}
    shadow = "The rule guard is at least as strict for every payment, so this one changes nothing."
    assert said(GUARD, twin) == [(Level.WARNING, shadow)]
    single = {"key": "guard", "type": "SPEND_LIMIT", "per_transaction": USD | {"EUR": "4.00"}}
    threshold = rule("APPROVAL_THRESHOLD", above=USD | {"EUR": "6.00"})
    unreached = "Nobody is ever asked: the per transaction limit of {1} in the rule guard denies whatever is above {0}."
    assert said(single, threshold) == [
        (Level.WARNING, unreached.format("€6.00", "€4.00")),
        (Level.WARNING, unreached.format("$5.00", "$5.00")),
    ]


WITH = "Together with the rule one nothing can ever pass: "
BY_WORD = "It goes by the {0}, which the app states itself: by stating another {0} it gets new room."
LACKS = "The rule {} denies payments in {}: it has no amount for them, or not in each of its limits."
ONE = {"key": "one", "type": "CATEGORY", "allowed": ["ads"]}
EACH = {"key": "other", "type": "CATEGORY"}


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ([], "A policy without rules applies to nothing: alone it denies every payment."),
        (
            [rule("RAIL", allowed=["x402"])],
            "No rule of this policy limits amounts: unless another policy does, any amount passes.",
        ),
        ([{**GUARD, "per": "session"}], BY_WORD.format("session")),
        ([{**GUARD, "when": {"categories": ["ads"]}}], BY_WORD.format("category")),
        ([GUARD, rule("WHITELIST", allowed=[])], "An empty list denies everybody."),
        (
            [GUARD, rule("TIME_WINDOW", windows=[NEVER], time_zone="UTC")],
            "It ends when it begins, so it never opens; for a whole day write 00:00 to 24:00.",
        ),
        (
            [GUARD, rule("TIME_WINDOW", windows=[OPEN])],
            "It names no time zone, so it goes by the organization's, and changes whenever that one is changed.",
        ),
        (
            [GUARD, {**ONE, "when": {"categories": ["data"]}}],
            "The condition of the rule leaves out everything on this list, so nothing can ever match it.",
        ),
        (
            [rule("APPROVAL_THRESHOLD", above=USD, review={"people": [PERSON], "approvals": 3})],
            "It asks for 3 approvals and names only 1 person.",
        ),
        (
            [{**GUARD, "weekly": {"EUR": "9"}}],
            "No currency has an amount in each of its limits, so it denies every payment.",
        ),
        ([GUARD, rule("SPEND_LIMIT", daily={**USD, "CHF": "9", "EUR": "9"})], LACKS.format("guard", "CHF and EUR")),
        ([{**GUARD, "daily": {**USD, "EUR": "1"}, "weekly": TEN}], LACKS.format("guard", "EUR")),
        ([GUARD, ONE, {**EACH, "allowed": ["data"]}], f"{WITH}what one of them allows the other does not."),
        (
            [{**GUARD, "key": "one"}, rule("APPROVAL_THRESHOLD", above={"EUR": "1.00"})],
            f"{WITH}they have amounts in no common currency, and each denies what it has no amount for.",
        ),
    ],
)
def test_each_thing_is_said_in_one_plain_sentence(rules: list[dict[str, Any]], sentence: str) -> None:
    assert sentence in [detail for _, detail in said(*rules)]


def test_two_rules_that_nothing_can_pass() -> None:
    some = [rule("CATEGORY", allowed=["ads"]), {**rule("CATEGORY", allowed=["data"]), "key": "other"}]
    assert found(GUARD, *some) == [("never_allowed", "rules[2]")]
    assert level_of(GUARD, *some) is Level.ERROR


def test_two_rules_that_nothing_of_their_condition_can_pass() -> None:
    travel = {"when": {"counterparties": [CPT]}}
    apart = [
        rule("TIME_WINDOW", windows=[{"from": "09:00", "to": "12:00"}], time_zone="UTC") | travel,
        {**rule("TIME_WINDOW", windows=[{"from": "14:00", "to": "18:00"}], time_zone="UTC"), "key": "other"} | travel,
    ]
    (finding,) = lint(parse({"schema": 1, "rules": [GUARD, *apart]}))
    assert (finding.code, finding.level, finding.path) == ("never_allowed", Level.WARNING, "rules[2]")
    assert "no payment of their condition can ever pass: their hours never overlap." in finding.detail


def test_amounts_without_a_common_currency() -> None:
    apart = {**GUARD, "weekly": {"EUR": "5.00"}}
    assert found(apart) == [("never_allowed", "rules[0]")]
    assert found(GUARD, rule("APPROVAL_THRESHOLD", above={"EUR": "1.00"})) == [
        ("never_allowed", "rules[1]"),
        ("currency_not_everywhere", "rules[0]"),
        ("currency_not_everywhere", "rules[1]"),
    ]


def test_a_currency_that_one_rule_lacks() -> None:
    both = {"EUR": "1.00", "USD": "1.00"}
    assert found(GUARD, rule("APPROVAL_THRESHOLD", above=both)) == [("currency_not_everywhere", "rules[0]")]
    assert found({**GUARD, "when": {"currencies": ["USD"]}}, rule("APPROVAL_THRESHOLD", above=both)) == []


def level_of(*rules: dict[str, Any]) -> Level:
    return lint(parse({"schema": 1, "rules": list(rules)}))[0].level


def test_errors_come_first() -> None:
    document = parse(
        {"schema": 1, "rules": [rule("WHITELIST", allowed=[]), {**rule("TIME_WINDOW", windows=[NEVER]), "key": "b"}]}
    )
    levels = [one.level for one in lint(document)]
    assert levels == [Level.ERROR, Level.WARNING, Level.WARNING, Level.WARNING]
    assert all(one.detail.endswith(".") for one in lint(document))
