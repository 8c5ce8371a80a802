"""The first asks of a window open its counters, one each, while others record, and nothing is left out of them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

import pytest
from django.db import connection

from approvals.models import Authorization
from approvals.selectors.books import faults
from approvals.services import record
from approvals.services.booking import store_record
from spend.models import Counter, Counterparty
from spend.services import counters
from tests.approvals.world import World, add_agent, ask, make_world, put_policy, stored
from tests.factories import NOW
from tests.races.acts import act_on, do
from tests.races.arena import PATIENCE, Arena, referee
from tests.races.asks import make, wish, wishes, words
from tests.races.controls import Pause

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

DAILY: Final = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "1000"}}
MONTHLY: Final = {"key": "monthly", "type": "SPEND_LIMIT", "monthly": {"USD": "1000"}}
EVERY_KIND: Final = (
    {"key": "limits", "type": "SPEND_LIMIT", "hourly": {"USD": "20"}, "daily": {"USD": "20"}, "weekly": {"USD": "20"}},
    {"key": "payee", "type": "SPEND_LIMIT", "total": {"USD": "20"}, "per": "agent_counterparty"},
    {"key": "hour", "type": "SPEND_LIMIT", "hourly": {"USD": "20"}, "window": "rolling"},
    {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "20"}, "period": "month"},
    {"key": "pace", "type": "VELOCITY", "limit": 20, "period_minutes": 60},
)


def open_while_a_record_waits_for_its_commit(
    world: World, one: Authorization, monkeypatch: pytest.MonkeyPatch, *, is_waited_for: bool
) -> None:
    """Let an ask open a counter over what a record, not committed yet, is just moving."""
    pause = Pause()
    monkeypatch.setattr(record, "store_record", pause.after(store_record))
    put_policy(world.cast, "Later", [MONTHLY])

    def report() -> str:
        try:
            return do(replace(act_on(one, "record"), amount="4"))
        finally:
            connection.close()

    def ask_for_more() -> str:
        try:
            return make(wish(world)).word
        finally:
            connection.close()

    with referee() as judge, ThreadPoolExecutor(2) as pool:
        reporting = pool.submit(report)
        assert pause.is_reached()
        asking = pool.submit(ask_for_more)
        if is_waited_for:
            judge.until_waiting()
        else:
            # It has summed up and stands before its commit, where the row of the hold keeps it.
            judge.until("select count(*) from pg_locks where not granted and locktype = 'transactionid'", reaches=1)
        pause.may_go_on.set()
        assert (reporting.result(PATIENCE), asking.result(PATIENCE)) == ("record", "approved")


def test_control_without_the_gate_a_counter_is_opened_over_what_just_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))
    monkeypatch.setattr(counters, "hold_gate_exclusively", lambda *_: None)

    open_while_a_record_waits_for_its_commit(world, one, monkeypatch, is_waited_for=False)

    assert {fault.what for fault in faults()} == {"posting differs from its hold"}


def test_a_counter_is_opened_when_what_moves_has_come_to_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))

    open_while_a_record_waits_for_its_commit(world, one, monkeypatch, is_waited_for=True)

    assert faults() == []
    assert set(Counter.objects.values_list("used", flat=True)) == {Decimal(5)}


def test_the_first_asks_of_a_window_open_each_counter_once(arena: Arena) -> None:
    world = make_world(*EVERY_KIND)
    for number in range(3):
        later = NOW + timedelta(days=40 * number)

        said = arena.run(make, [replace(one, now=later) for one in wishes(world, 16)], processes=2)

        # What was approved in the window before has expired: it takes none of the payee's twenty, which are for ever.
        assert words(said) == {"approved": 16}
        assert Counter.objects.filter(opened_at=later).count() == (7, 4, 4)[number]
    assert Counterparty.objects.count() == 1
    assert faults() == []


def test_agents_that_open_a_pot_at_one_moment_open_one(arena: Arena) -> None:
    world = make_world(EVERY_KIND[3])
    worlds = [world, *(add_agent(world.cast, f"Agent {number}") for number in range(7))]

    assert words(arena.run(make, [wish(one) for one in worlds], processes=2)) == {"approved": 8}
    assert [counter.used for counter in Counter.objects.all()] == [Decimal(8)]
    assert faults() == []
