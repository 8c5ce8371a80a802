"""Sixty-four ask for 1 where there is room for ten: ten are approved, whatever counts, in however many processes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from approvals.selectors.books import faults
from approvals.services import authorize
from approvals.services.authorize import _Commit
from spend.models import Hold
from spend.services.holds import Move
from tests.approvals.world import World, add_agent, make_world
from tests.factories import NOW
from tests.races.arena import Arena
from tests.races.asks import make, wish, wishes, words
from tests.races.controls import look_together

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

ROOM: Final = 10
ASKS: Final = 64
FEW: Final = 12
WEEKS: Final = timedelta(days=40)
LIMIT: Final = {"key": "limit", "type": "SPEND_LIMIT"}
RULES: Final[dict[str, dict[str, Any]]] = {
    "pot": {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "10"}, "period": "month"},
    "session": {"key": "run", "type": "BUDGET_ALLOCATION", "amount": {"USD": "10"}, "period": "session"},
    "daily": {**LIMIT, "daily": {"USD": "10"}},
    "counterparty": {**LIMIT, "daily": {"USD": "10"}, "per": "agent_counterparty"},
    "rolling": {**LIMIT, "hourly": {"USD": "10"}, "window": "rolling"},
    "velocity": {"key": "pace", "type": "VELOCITY", "limit": 10, "period_minutes": 60},
}


def without_caps(commit: _Commit) -> list[Move]:
    ids = commit.situation.counter_ids
    return [Move(ids[move.key.digest], move.amount, None) for move in commit.decision.moves]


@pytest.mark.parametrize("kind", RULES)
def test_control_without_caps_in_the_statement_the_budget_is_overspent(
    arena: Arena, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    world = make_world(RULES[kind])
    look_together(monkeypatch, FEW)
    monkeypatch.setattr(authorize, "_moves", without_caps)

    assert words(arena.run(make, wishes(world, FEW))) == {"approved": FEW}
    assert faults() == []


@pytest.mark.parametrize("kind", RULES)
def test_all_who_saw_the_same_room_share_it(arena: Arena, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    world = make_world(RULES[kind])
    look_together(monkeypatch, FEW)

    assert words(arena.run(make, wishes(world, FEW))) == {"approved": ROOM, "declined": FEW - ROOM}
    assert faults() == []


@pytest.mark.parametrize("kind", RULES)
def test_ten_of_sixty_four_are_approved_in_one_two_and_four_processes(arena: Arena, kind: str) -> None:
    world = make_world(RULES[kind])
    for number, processes in enumerate((1, 2, 4)):
        # Weeks later, in another run: every window begins anew.
        asks = [replace(one, now=NOW + number * WEEKS, session=f"run_{number}") for one in wishes(world, ASKS)]

        assert words(arena.run(make, asks, processes=processes)) == {"approved": ROOM, "declined": ASKS - ROOM}
        assert Hold.objects.filter(asked_at=asks[0].now).count() == ROOM
    assert faults() == []


def test_agents_that_share_a_pot_share_it_in_one_two_and_four_processes(arena: Arena) -> None:
    world = make_world(RULES["pot"])
    worlds: list[World] = [world, *(add_agent(world.cast, f"Agent {number}") for number in range(3))]
    for number, processes in enumerate((1, 2, 4)):
        # In another month the pot is full again.
        asks = [replace(wish(one), now=NOW + number * WEEKS) for one in worlds * (ASKS // 4)]

        assert words(arena.run(make, asks, processes=processes)) == {"approved": ROOM, "declined": ASKS - ROOM}
        assert Hold.objects.filter(asked_at=asks[0].now).count() == ROOM
    assert faults() == []
