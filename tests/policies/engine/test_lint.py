"""What lint says of a document that can be read."""

from typing import Any

import pytest

from policies.engine.document import parse
from policies.engine.lint import Level, lint
from tests.policies.engine.writing import is_sentence

USD = {"USD": "5.00"}
GUARD = {"key": "guard", "type": "SPEND_LIMIT", "daily": USD}


def found(*rules: dict[str, Any]) -> list[tuple[str, str]]:
    findings = lint(parse({"schema": 1, "rules": list(rules)}))
    assert all(is_sentence(one.detail) for one in findings)
    return [(one.code, one.path) for one in findings]


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
    assert found(GUARD, rule("TIME_WINDOW", windows=[OPEN, NEVER])) == [("hours_empty", "rules[1].windows[1]")]
    assert found(GUARD, rule("BLACKOUT_PERIOD", hours=[NEVER])) == [("hours_empty", "rules[1].hours[0]")]
    assert found(GUARD, rule("BLACKOUT_PERIOD", hours=[OPEN])) == []


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
    assert found(plain, GUARD) == []
    (finding,) = lint(parse({"schema": 1, "rules": [plain]}))
    assert f"another {field} opens new room" in finding.detail
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


def test_errors_come_first() -> None:
    document = parse(
        {"schema": 1, "rules": [rule("WHITELIST", allowed=[]), {**rule("TIME_WINDOW", windows=[NEVER]), "key": "b"}]}
    )
    levels = [one.level for one in lint(document)]
    assert levels == [Level.ERROR, Level.WARNING, Level.WARNING]
    assert all(one.detail.endswith(".") for one in lint(document))
