"""Opening a rule in its form and saving it changes nothing: every type and parameter, those no form shows included."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given

from policies.engine.document import parse, rule_to_plain
from policies.engine.rule_shapes import SHAPES
from policies.engine.rules import RuleType
from policies.engine.shapes import Shape
from policies.forms import RULE_FORMS
from policies.forms.base import Section
from policies.forms.money import SpendLimitForm
from policies.services.calendars import rule_without_dates
from tests.policies.engine.stories import CASES
from tests.policies.engine.strategies import Plain, law, rule_plains
from tests.policies.sent import shown
from tests.policies.test_rule_forms import AROUND

RESOLVED = {("holidays", "dates"), ("holidays", "until")}
"""Written by publishing and never by people."""


def drafted(plain: Plain) -> Plain:
    """The rule as a draft has it: in the normal form, without the dates that publishing resolves."""
    (rule,) = parse({"schema": 1, "rules": [plain]}).rules
    return rule_to_plain(rule_without_dates(rule))


def opened_and_saved(rule: Plain) -> Plain:
    """The rule after a person opened its form and saved it without a change."""
    kind = RULE_FORMS[RuleType(rule["type"])]
    form = kind(shown(kind(around=AROUND, rule=rule)), around=AROUND, rule=rule)
    assert form.is_valid(), form.errors
    return drafted(form.plain)


def told_rules() -> Iterator[tuple[str, Plain]]:
    for path in sorted(CASES.rglob("*.toml")):
        told = tomllib.loads(path.read_text())
        for policy in told.get("policies", ()):
            for rule in policy.get("rules", ()):
                yield f"{path.relative_to(CASES).with_suffix('')} {rule['key']}", rule


STORIES = dict(told_rules())


@pytest.mark.parametrize("name", STORIES)
def test_a_rule_of_a_story_is_saved_as_it_was_opened(name: str) -> None:
    rule = drafted(STORIES[name])
    assert opened_and_saved(rule) == rule


@law
@given(rule_plains)
def test_any_rule_is_saved_as_it_was_opened(plain: Plain) -> None:
    rule = drafted({"key": "r", **plain})
    assert opened_and_saved(rule) == rule


KIND = ("window", "per", "on_breach")


class WithoutZone(SpendLimitForm):
    """A form that is older than a parameter of its rule."""

    time_zone = None  # type: ignore[assignment]
    main = (Section("Limits", ("per_transaction", "hourly", "daily", "weekly", "monthly", "total")), Section("", KIND))


def test_what_a_form_does_not_show_is_kept() -> None:
    rule = {"key": "caps", "type": "SPEND_LIMIT", "daily": {"USD": "5.00"}, "time_zone": "Asia/Tokyo"}
    form = WithoutZone({**shown(WithoutZone(around=AROUND, rule=rule)).dict()}, around=AROUND, rule=rule)
    assert form.is_valid(), form.errors
    assert drafted(form.plain) == rule


def paths_in(shape: Shape, outer: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for parameter in shape.parameters:
        path = (*outer, parameter.name)
        kind: Any = parameter.kind
        yield from paths_in(kind, path) if isinstance(kind, Shape) else [path]


@pytest.mark.parametrize("kind", RuleType)
def test_every_parameter_stands_in_the_form_or_is_kept(kind: RuleType) -> None:
    form = RULE_FORMS[kind](around=AROUND)
    own = {form.path_of(name) for name in form.fields}
    groups = {path[0] for path in own}
    lost = {
        path
        for path in paths_in(SHAPES[kind])
        if path not in own and path != ("key",) and path not in RESOLVED and path[0] in groups
    }
    assert lost == set(), "the form holds a part of the group and would drop the rest of it"
