"""Each story in `cases/` comes true; each parameter of each type has one in which it alone turns the answer."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from core.span import CounterKey
from policies.engine.evaluate import counters_needed
from policies.engine.rule_shapes import SHAPES
from policies.engine.shapes import REVIEW, WHEN
from policies.engine.types import Check, CounterMove, Decision, Requirement
from tests.policies.engine.stories import Story, describe, told

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
    parameters = {
        f"{kind.value}.{parameter.name}"
        for kind, shape in SHAPES.items()
        for parameter in shape.parameters
        if parameter.name not in EVERYWHERE
    }
    parameters |= {f"when.{parameter.name}" for parameter in WHEN.parameters}
    parameters |= {f"review.{parameter.name}" for parameter in REVIEW.parameters}
    assert {story.parameter for story in OF_PARAMETERS} == parameters


def keys(story: Story) -> tuple[CounterKey, ...]:
    return counters_needed(story.in_force(), story.payment(), story.facts.get("time_zone", "UTC"))


def other_fields(story: Story, parameter: str | None) -> object:
    """The first rule without the parameter that the story is about, and the other rules."""
    assert parameter is not None
    group, _, name = parameter.partition(".")
    first, *others = story.policies[0]["rules"]
    rest = dict(first)
    if group in ("when", "review"):
        rest[group] = {key: member for key, member in rest[group].items() if key != name}
    else:
        assert rest["type"] == group
        rest.pop(name, None)
    return rest, others, story.policies[1:]


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
