"""History read a part at a time: what was paid without an ask is never in memory all at once, and counts once."""

import gc
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.replay import past
from approvals.replay.as_was import Followed, as_was
from approvals.replay.past import Past, Unasked
from approvals.services.booking import Report
from approvals.services.record import record_spend, record_unauthorized
from core.actor import Actor
from tests.approvals.test_backtest import DAY, OTHER, asked_of, at, changes, limit
from tests.approvals.world import OPENAI, World, ask, make_world
from tests.factories import NOW, actor_for

pytestmark = pytest.mark.django_db(transaction=True)


def unasked(world: World, amount: str, *, now: datetime, by: Actor | None = None, **more: Any) -> UUID:
    """What the agent reports without having asked."""
    report = Report(Decimal(amount), "USD", **{"payee": OPENAI} | more)
    reach = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    return record_unauthorized(report, actor=by or world.actor, now=now, **reach).record.id


def paid_elsewhere(world: World, amount: str, *, asked_at: datetime, now: datetime) -> None:
    """Something is asked for, and somebody else is paid."""
    asked = ask(world, amount, now=asked_at)
    reach = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    record_spend(asked.answer.id, Report(Decimal(amount), "USD", payee=OTHER), actor=world.actor, now=now, **reach)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(past, "CHUNK", 3)
    return 3


def world_of_strays() -> World:
    """Asks, spending without an ask between them, some at the same moment, and what came back of it."""
    world = make_world(limit("100"))
    for number in range(20):
        ask(world, "4", now=at(3 * number + 1))
        moment = at(3 * number + 1 + number % 2)
        paid = unasked(world, "2", now=moment)
        if number % 4 == 0:
            back: dict[str, Any] = {"kind": "refund", "refund_of": paid, "payee": None}
            later = moment + timedelta(minutes=number % 3)
            unasked(world, "1", now=later, by=actor_for(world.cast.olu), **back)
    return world


def test_what_came_in_parts_is_what_came_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of_strays()
    whole = Past(world.organization_id, NOW - DAY, NOW + DAY)
    at_once = [one for part in whole.unasked() for one in part]
    report = asked_of(world, limit("70")).to_plain()
    assert len(at_once) == 20
    assert sum(step.returned for one in at_once for step in one.course) == 5

    for size in (1, 3, 20):
        monkeypatch.setattr(past, "CHUNK", size)
        parts = list(whole.unasked())
        assert [one for part in parts for one in part] == at_once
        assert max(map(len, parts)) <= size
        assert asked_of(world, limit("70")).to_plain() == report
        assert list(as_was(world.organization_id, Followed(), until=NOW + DAY)) == []


def test_no_more_than_a_part_is_held_however_much_there_is(small_parts: int) -> None:
    world = world_of_strays()
    held: list[int] = []

    def there_are() -> int:
        return sum(type(one) is Unasked for one in gc.get_objects())

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        held.append(there_are())
        return execute(sql, params, many, context)

    before = there_are()

    with CaptureQueriesContext(connection) as asked, connection.execute_wrapper(look):
        report = asked_of(world, limit("70"))

    reads = [one for one in asked.captured_queries if "h.authorization_id is null" in one["sql"]]
    assert report.to_plain()["asks"] == 20
    assert len(reads) == ceil(20 / small_parts)
    # The last of one part is still looked at while the next is read.
    assert max(held) - before <= small_parts + 1


def test_a_refund_at_the_moment_of_its_payment_counts() -> None:
    world = make_world(limit("100"))
    paid = unasked(world, "60", now=at(0))
    unasked(world, "50", now=at(0), kind="refund", refund_of=paid, payee=None, by=actor_for(world.cast.olu))
    ask(world, "80", now=at(1))

    assert changes(world, limit("100")) == {"allow > allow": "1: 80"}
    assert changes(world, limit("89")) == {"allow > deny": "1: 80"}


def test_what_an_ask_from_before_was_paid_elsewhere_counts_once() -> None:
    world = make_world(limit("100"))
    paid_elsewhere(world, "40", asked_at=at(0), now=at(10))
    ask(world, "60", now=at(20))

    assert changes(world, limit("100"), since=at(5)) == {"allow > allow": "1: 60"}
    assert changes(world, limit("99"), since=at(5)) == {"allow > deny": "1: 60"}
    assert changes(world, limit("99"), since=at(-5)) == {"allow > allow": "1: 40", "allow > deny": "1: 60"}
