"""The worker's sweeps: rows that cannot be done keep no others waiting, and a long sweep leaves room for other work."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Final

import pytest
from django.db import connection

from approvals.lifecycle import UNDO_TIME
from approvals.models import Authorization
from approvals.selectors.books import faults
from approvals.services import expire, finalise
from approvals.services.expire import expire_due
from approvals.services.finalise import finalise_reviews
from approvals.tasks import expire_due_authorizations, finalise_due_reviews
from core.clock import now as clock_now
from core.db import gate_number, rows
from tests.approvals.world import World, ask, click_yes, make_world, stored
from tests.factories import NOW
from tests.races.arena import PATIENCE, referee

DAILY: Final[dict[str, Any]] = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "10000"}}
REVIEW: Final[dict[str, Any]] = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
MANY: Final = 25
"""More batches of one row each than a sweep ever read at most."""
HOUR: Final = timedelta(hours=1)


@pytest.fixture(autouse=True)
def books_are_right() -> Iterator[None]:
    yield
    assert faults() == []


def spoil(*spoilt: Authorization) -> None:
    """Take their holds away: without one an authorization can neither expire nor be approved."""
    rows("update spend_hold set authorization_id = null where id = any(%s)", [[one.id for one in spoilt]])


def mend() -> None:
    rows("update spend_hold set authorization_id = id where authorization_id is null")


@pytest.mark.django_db
def test_however_many_cannot_expire_what_is_due_behind_them_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expire, "BATCH_SIZE", 1)
    world = make_world(DAILY)
    *spoilt, good = [stored(ask(world, "1", now=NOW + timedelta(seconds=number))) for number in range(MANY + 1)]
    spoil(*spoilt)

    assert expire_due(now=NOW + HOUR) == 1

    assert Authorization.objects.get(status="expired") == good
    mend()
    assert expire_due(now=NOW + HOUR) == MANY


@pytest.mark.django_db
def test_however_many_reviews_cannot_take_effect_those_behind_them_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finalise, "BATCH_SIZE", 1)
    world = make_world(REVIEW)
    *spoilt, good = [stored(ask(world, "60")) for _ in range(MANY + 1)]
    for number, one in enumerate((*spoilt, good)):
        click_yes(one, world.cast.rui, now=NOW + timedelta(seconds=number))
    spoil(*spoilt)
    late = NOW + timedelta(seconds=MANY) + UNDO_TIME

    assert finalise_reviews(now=late) == 1

    assert Authorization.objects.get(status="approved") == good
    mend()
    assert finalise_reviews(now=late) == MANY


def one_overdue() -> World:
    world = make_world(DAILY, now=clock_now() - HOUR)
    ask(world, now=clock_now() - HOUR)
    return world


def one_reviewed() -> World:
    world = make_world(REVIEW, now=clock_now() - HOUR)
    click_yes(stored(ask(world, "60", now=clock_now() - HOUR)), world.cast.rui, now=clock_now() - HOUR)
    return world


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("sweep", "prepared"), [(expire_due_authorizations, one_overdue), (finalise_due_reviews, one_reviewed)]
)
def test_a_sweep_that_takes_long_takes_one_thread_of_the_worker(
    sweep: Callable[[], int], prepared: Callable[[], World]
) -> None:
    gate = gate_number(prepared().organization_id)

    def swept() -> int:
        try:
            return sweep()
        finally:
            connection.close()

    with referee() as judge, ThreadPoolExecutor(2) as threads:
        judge.close(gate)
        try:
            long = threads.submit(swept)
            judge.until_waiting()
            assert threads.submit(swept).result(PATIENCE) == 0
        finally:
            judge.open(gate)
        assert long.result(PATIENCE) == 1
    assert sweep() == 0
