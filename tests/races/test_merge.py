"""Merging while asks are under way: what both had spent counts, whoever comes first."""

from dataclasses import replace
from typing import Final
from uuid import UUID

import pytest

from approvals.models import Authorization
from approvals.selectors.books import faults
from approvals.services.merge import merge_counterparties
from spend.payee import PayeeClaim
from spend.services import merging
from tests.approvals.world import World, ask, make_world
from tests.factories import NOW, actor_for
from tests.races.arena import Arena
from tests.races.asks import Said, Wish, make, wish, words
from tests.races.controls import look_together
from tests.spend.samples import a_counterparty

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

A: Final = PayeeClaim("Acme", ("domain:acme.example",))
B: Final = PayeeClaim("ACME Inc.", ("domain:billing.acme.example",))
RULE: Final = {"key": "payee", "type": "SPEND_LIMIT", "daily": {"USD": "10"}, "per": "agent_counterparty"}
SPENT: Final = 6
ROOM: Final = 10
ASKS: Final = 12

Merge = tuple[UUID, UUID, UUID, UUID]
"""Organization, member, kept, merged: what travels between processes."""


def two_payees() -> tuple[World, UUID, UUID]:
    """Six of ten are spent at the first, nothing at the second."""
    world = make_world(RULE)
    kept, merged = (a_counterparty(world.cast.olu, one.name, identifiers=list(one.identifiers)) for one in (A, B))
    assert ask(world, str(SPENT), payee=A).answer.status == "approved"
    return world, kept, merged


def merged_by(world: World, kept: UUID, merged: UUID) -> None:
    merge_counterparties(
        organization_id=world.organization_id,
        kept_id=kept,
        merged_id=merged,
        actor=actor_for(world.cast.olu),
        now=NOW,
    )


def act(one: tuple[Wish, World | None, UUID, UUID]) -> Said:
    """Ask, or merge where a world is given."""
    asked, world, kept, merged = one
    if world is None:
        return make(asked)
    merged_by(world, kept, merged)
    return Said("merged")


def approved(counterparty_id: UUID) -> int:
    """Payments of 1 that were approved for this counterparty."""
    return Authorization.objects.filter(counterparty_id=counterparty_id, status="approved", amount=1).count()


@pytest.mark.parametrize("processes", [0, 2])
def test_asks_that_come_behind_a_merge_find_the_room_that_both_have_left(arena: Arena, processes: int) -> None:
    world, kept, merged = two_payees()
    asks = [(replace(wish(world), payee=B), None, kept, merged) for _ in range(ASKS)]
    middle = ASKS // 2

    said = arena.run(act, [*asks[:middle], (wish(world), world, kept, merged), *asks[middle:]], processes=processes)

    before, after = approved(merged), approved(kept)
    assert words(said)["merged"] == 1
    assert words(said).get("approved", 0) == before + after
    assert after == (max(0, ROOM - SPENT - before) if words(said).get("declined") else after)
    assert after == 0 or SPENT + before + after <= ROOM
    assert faults() == []


def test_who_has_looked_before_a_merge_decides_again_behind_it(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    world, kept, merged = two_payees()
    look_together(monkeypatch, ASKS)
    asks: list[tuple[Wish, World | None, UUID, UUID]] = [
        (replace(wish(world), payee=B), None, kept, merged) for _ in range(ASKS)
    ]

    with arena.running(act, asks) as race:
        merged_by(world, kept, merged)
        said = race.results()

    before, after = approved(merged), approved(kept)
    assert after == 0 or SPENT + before + after <= ROOM
    assert words(said).get("approved", 0) == before + after
    assert faults() == []


def test_control_without_gaps_in_the_counters_the_room_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    world, kept, merged = two_payees()
    for _ in range(5):
        assert ask(world, "1", payee=B).answer.status == "approved"
    monkeypatch.setattr(merging, "LEAVE_GAPS", "select %(organization)s, %(kept)s")
    merged_by(world, kept, merged)

    assert ask(world, "4", payee=B).answer.status == "approved"
    assert {one.what for one in faults()} == {"posting is missing"}
