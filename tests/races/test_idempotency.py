"""Simultaneous duplicates under one key are one request: one authorization, one hold, one answer."""

from dataclasses import replace
from threading import Barrier
from typing import Final

import pytest

from agents.services import issue_key
from approvals.models import Authorization
from approvals.selectors.books import faults
from core.db import rows
from spend.models import Hold
from tests.approvals.world import World, make_world
from tests.factories import NOW, actor_for
from tests.races.arena import PATIENCE, Arena, arena_of
from tests.races.asks import Said, Wish, make, wish, words

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

DUPLICATES: Final = 32
FEW: Final = 8
DAILY: Final = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "40"}}


def duplicates(world: World, number: int = DUPLICATES) -> list[Wish]:
    return [replace(wish(world, "5"), key="order-17") for _ in range(number)]


def are_one(said: list[Said]) -> None:
    """All were answered alike, from one row with one hold and one event."""
    assert words(said) == {"approved": len(said)}
    assert len({one.id for one in said}) == 1
    assert all(one.outcome == said[0].outcome for one in said)
    assert (Authorization.objects.count(), Hold.objects.count()) == (1, 1)
    assert rows("select count(*) from audit_event where action like 'authorization.%%'") == [(1,)]
    assert faults() == []


def test_control_who_looks_for_the_key_and_then_asks_pays_twice(arena: Arena) -> None:
    world, nobody_had_it = make_world(DAILY), Barrier(FEW)

    def look_then_ask(one: Wish) -> Said:
        is_stored = Authorization.objects.filter(agent_id=one.agent_id, idempotency_key=one.key).exists()
        nobody_had_it.wait(PATIENCE)
        return Said("replayed") if is_stored else make(replace(one, key=None))

    said = arena.run(look_then_ask, duplicates(world, FEW))

    with pytest.raises(AssertionError):
        are_one(said)
    assert Authorization.objects.count() == FEW


@pytest.mark.parametrize("processes", [1, 4])
def test_simultaneous_duplicates_are_one(arena: Arena, processes: int) -> None:
    said = arena.run(make, duplicates(make_world(DAILY)), processes=processes)

    assert [one.is_replay for one in said].count(False) == 1
    are_one(said)


def test_duplicates_are_one_across_a_restart_and_another_key_of_the_agent(arena: Arena) -> None:
    world = make_world(DAILY)
    said = arena.run(make, duplicates(world, DUPLICATES // 2), processes=2)
    successor = issue_key(
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        name="next",
        expires_at=None,
        actor=actor_for(world.cast.olu),
        now=NOW,
    )
    with arena_of(2) as restarted:
        later = [replace(one, key_id=successor.key.id) for one in duplicates(world, DUPLICATES // 2)]
        said += restarted.run(make, later, processes=2)

    assert [one.is_replay for one in said].count(False) == 1
    are_one(said)


def test_of_two_bodies_under_one_key_one_is_answered_and_the_other_is_told(arena: Arena) -> None:
    world = make_world(DAILY)
    asks = duplicates(world, 2 * FEW)
    said = arena.run(make, [replace(one, amount=str(3 + number % 2)) for number, one in enumerate(asks)], processes=2)

    assert words(said) == {"approved": FEW, "idempotency_conflict": FEW}
    are_one([one for one in said if one.word == "approved"])
