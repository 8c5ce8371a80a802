"""Sealing while others write: real threads, committed rows."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from threading import Event as Signal
from typing import TypeVar
from uuid import UUID

import pytest
from django.db import connection, transaction

from audit.models import Event, Leaf, Pending
from audit.selectors.verification import verify
from audit.services.sealing import SEALER_LOCK, accepted_keys, seal
from core.db import rows
from core.ids import new_id
from tests.audit.logbook import steps, tell
from tests.factories import NOW

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

T = TypeVar("T")
PATIENCE = 20
"""Seconds after which a thread that waits has hung."""


def on_own_connection(work: Callable[[], T]) -> Callable[[], T]:
    """Give `work`, which runs in a thread, a connection that is closed afterwards."""

    def run() -> T:
        try:
            return work()
        finally:
            connection.close()

    return run


def hold_open(organization_id: UUID, written: Signal, may_commit: Signal) -> None:
    """Write an event and keep its transaction open until told otherwise."""
    with transaction.atomic():
        tell.__wrapped__(organization_id, after={"step": 0}, now=NOW)  # type: ignore[attr-defined]
        written.set()
        assert may_commit.wait(PATIENCE)


def test_a_transaction_that_commits_late_is_not_skipped() -> None:
    organization_id = new_id(NOW)
    written, may_commit = Signal(), Signal()
    with ThreadPoolExecutor() as pool:
        late = pool.submit(on_own_connection(lambda: hold_open(organization_id, written, may_commit)))
        assert written.wait(PATIENCE)
        for step in (1, 2):
            tell(organization_id, after={"step": step}, now=NOW + timedelta(seconds=step))
        assert seal(organization_id, now=NOW) == 2
        assert steps(organization_id) == [1, 2]
        may_commit.set()
        late.result(PATIENCE)
    assert seal(organization_id, now=NOW) == 1
    assert steps(organization_id) == [1, 2, 0]
    # The control: who walked on from the largest sealed id would have passed the late one by.
    assert list(Event.objects.order_by("id").values_list("after__step", flat=True)) == [0, 1, 2]
    assert verify(organization_id, keys=accepted_keys()).faults == ()


def test_a_second_sealer_leaves_at_once() -> None:
    organization_id = new_id(NOW)
    tell(organization_id)
    locked, may_release = Signal(), Signal()

    def be_the_sealer() -> None:
        with transaction.atomic():
            rows("select pg_advisory_xact_lock(%s)", [SEALER_LOCK])
            locked.set()
            assert may_release.wait(PATIENCE)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(on_own_connection(be_the_sealer))
        assert locked.wait(PATIENCE)
        assert seal(organization_id, now=NOW) == 0
        may_release.set()
        first.result(PATIENCE)
    assert seal(organization_id, now=NOW) == 1


def test_sealers_and_writers_at_once_leave_a_sound_log() -> None:
    organization_id = new_id(NOW)
    writers, sealers, events = 4, 2, 25
    together = Barrier(writers + sealers)
    written = Signal()

    def write() -> None:
        together.wait(PATIENCE)
        for step in range(events):
            tell(organization_id, after={"step": step}, now=NOW)

    def keep_sealing() -> int:
        together.wait(PATIENCE)
        sealed = 0
        while not written.is_set():
            sealed += seal(organization_id, now=NOW)
        return sealed

    with ThreadPoolExecutor(writers + sealers) as pool:
        sealing = [pool.submit(on_own_connection(keep_sealing)) for _ in range(sealers)]
        writing = [pool.submit(on_own_connection(write)) for _ in range(writers)]
        for done in writing:
            done.result(PATIENCE)
        written.set()
        counts = [done.result(PATIENCE) for done in sealing]
    rest = seal(organization_id, now=NOW)
    assert sum(counts) + rest == writers * events == Leaf.objects.count()
    assert not Pending.objects.exists()
    assert verify(organization_id, keys=accepted_keys()).faults == ()
