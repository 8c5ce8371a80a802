"""Each story in `cases/` comes true; each parameter of each type has one in which it alone turns the answer."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from core.span import CounterKey
from policies.engine.evaluate import counters_needed
from policies.engine.kinds import Many
from policies.engine.rule_shapes import SHAPES
from policies.engine.shapes import REVIEW, WHEN, Shape
from policies.engine.types import Check, CounterMove, Decision, Requirement
from tests.policies.engine.stories import Story, describe, told, turn

STORIES = list(told())
SITUATIONS = [situation for story in STORIES for situation in (story, *story.turned)]
OF_PARAMETERS = [story for story in STORIES if story.parameter is not None]
TURNS_NO_OUTCOME = {
    "BUDGET_ALLOCATION.warn_at",
    "review.approvals",
    "review.roles",
    "review.people",
    "review.timeout_minutes",
}
"""These change what is shown or who is asked; the outcome is not theirs."""
TURN_NOTHING_ONCE_RESOLVED = {"BLACKOUT_PERIOD.holidays.country", "BLACKOUT_PERIOD.holidays.subdivision"}
"""Where holidays are kept is read when a version is published: what the engine judges by are the days found then."""
EVERYWHERE = {"key", "when", "review"}


@pytest.mark.parametrize("story", SITUATIONS, ids=lambda story: story.name)
def test_story_comes_true(story: Story) -> None:
    decision = story.decide()
    expected = story.expect
    assert expected.keys() <= {"outcome", "reasons", "checks", "moves", "requirements"}
    assert decision.outcome == expected["outcome"]
    assert list(decision.reasons) == expected.get("reasons", [])
    if expected.get("checks") == []:
        assert decision.checks == ()
    for wanted in expected.get("checks", ()):
        assert any(fits(check, wanted) for check in decision.checks), f"no check {wanted} in {decision.checks}"
    if "moves" in expected:
        assert Counter(map(told_move, decision.moves)) == Counter(map(wanted_move, expected["moves"]))
    if "requirements" in expected:
        assert len(decision.requirements) == len(expected["requirements"])
        assert all(map(asks, decision.requirements, expected["requirements"]))


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_every_used_line_is_meant_for_a_counter(story: Story) -> None:
    needed = [describe(key) for situation in (story, *story.turned) for key in keys(situation)]
    for line in story.facts.get("used", ()):
        words = {name: wanted for name, wanted in line.items() if name != "used"}
        fitting = [counter for counter in needed if all(counter[name] == wanted for name, wanted in words.items())]
        assert fitting, f"{line} fits none of {needed}"


@pytest.mark.parametrize("story", OF_PARAMETERS, ids=lambda story: story.name)
def test_the_parameter_alone_turns_the_answer(story: Story) -> None:
    first = story.turned[0]
    assert first.request == story.request
    assert first.facts == story.facts
    assert other_fields(first, story.parameter) == other_fields(story, story.parameter)
    before, after = story.decide(), first.decide()
    if story.parameter in TURNS_NO_OUTCOME:
        assert answer(before) != answer(after)
    else:
        assert before.outcome != after.outcome


def test_every_parameter_has_a_story() -> None:
    parameters = {name for kind, shape in SHAPES.items() for name in within(kind.value, shape)}
    parameters |= {*within("when", WHEN), *within("review", REVIEW)}
    assert {"TIME_WINDOW.windows.days", "APPROVAL_THRESHOLD.exemptions.above"} < parameters
    assert parameters > TURN_NOTHING_ONCE_RESOLVED
    assert {story.parameter for story in OF_PARAMETERS} == parameters - TURN_NOTHING_ONCE_RESOLVED


@pytest.mark.parametrize("place", [{"country": "FR"}, {"subdivision": "BY"}])
def test_where_holidays_are_kept_turns_nothing_once_they_are_resolved(place: dict[str, str]) -> None:
    (story,) = (story for story in STORIES if story.name == "blackout_period/holidays")
    for situation in (story, *story.turned):
        kept = situation.policies[0]["rules"][0]["holidays"]
        elsewhere = turn(situation, {"says": "elsewhere", "set": {"holidays": kept | place}, "expect": {}})
        assert answer(elsewhere.decide()) == answer(situation.decide())


def within(name: str, shape: Shape) -> Iterator[str]:
    """The parameters of a shape, and those of the shapes that stand inside it."""
    for parameter in shape.parameters:
        if parameter.name not in EVERYWHERE:
            below = f"{name}.{parameter.name}"
            yield below
            inner = parameter.kind.of if isinstance(parameter.kind, Many) else parameter.kind
            if isinstance(inner, Shape):
                yield from within(below, inner)


def keys(story: Story) -> tuple[CounterKey, ...]:
    return counters_needed(story.in_force(), story.payment(), story.facts.get("time_zone", "UTC"))


def other_fields(story: Story, parameter: str | None) -> object:
    """The first rule without the parameter that the story is about, and the other rules."""
    assert parameter is not None
    group, *path = parameter.split(".")
    first, *others = story.policies[0]["rules"]
    if group in ("when", "review"):
        path = [group, *path]
    else:
        assert first["type"] == group
    rest = without(first, path)
    return rest, others, story.policies[1:]


def without(written: Any, path: list[str]) -> Any:
    """What is written, without the member at the path; in lists, without that of each item."""
    if isinstance(written, list):
        return [without(item, path) for item in written]
    name, *deeper = path
    if deeper:
        return {key: without(member, deeper) if key == name else member for key, member in written.items()}
    return {key: member for key, member in written.items() if key != name}


def answer(decision: Decision) -> object:
    return decision.outcome, decision.requirements, [check.mark for check in decision.checks]


def fits(check: Check, wanted: dict[str, Any]) -> bool:
    found = {name: getattr(check, name) for name in Check.__dataclass_fields__} | {"rule": check.rule_key}
    return all(same(found[name], value) for name, value in wanted.items())


def same(found: object, wanted: object) -> bool:
    if isinstance(found, Decimal):
        return found == Decimal(str(wanted))
    return (found or None) == (wanted or None)


def told_move(move: CounterMove) -> tuple[Decimal, Decimal | None]:
    return move.amount, move.cap


def wanted_move(move: dict[str, str]) -> tuple[Decimal, Decimal | None]:
    return Decimal(move["amount"]), Decimal(move["cap"]) if "cap" in move else None


def asks(requirement: Requirement, wanted: dict[str, Any]) -> bool:
    found = {name: getattr(requirement, name) for name in Requirement.__dataclass_fields__}
    found |= {"rule": requirement.rule_key, "roles": list(requirement.roles), "people": list(requirement.people)}
    return all(found[name] == value for name, value in wanted.items())
