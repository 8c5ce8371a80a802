"""Where races are run: threads and processes with connections of their own, let go at one moment."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Any, Final, Generic, TypeVar

import django
import psycopg
from django.db import connection

from core.db import rows

PATIENCE: Final = 120.0
"""Seconds after which a race that waits has hung."""
START: Final = 64_001
STOP: Final = 64_002
"""Advisory locks that hold everybody until the start, and that say by being free that it is over."""
PAUSE: Final = 0.002

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Referee:
    """A connection beside the runners' own, which holds the gates of the race and looks at who waits."""

    server: psycopg.Connection[tuple[Any, ...]]

    def close(self, gate: int) -> None:
        self.server.execute("select pg_advisory_lock(%s)", [gate])

    def open(self, gate: int) -> None:
        self.server.execute("select pg_advisory_unlock(%s)", [gate])

    def number(self, sql: str, *params: object) -> int:
        """The one number that a query returns."""
        row = self.server.execute(sql.encode(), params).fetchone()
        assert row is not None
        return int(row[0])

    def until(self, sql: str, *params: object, reaches: int) -> None:
        """Wait until the number that a query returns has reached this one."""
        deadline = monotonic() + PATIENCE
        while self.number(sql, *params) < reaches:
            assert monotonic() < deadline, f"hung: {sql} {params} stays below {reaches}"
            Event().wait(PAUSE)

    def until_more_turns(self, turns: int) -> None:
        """Wait until the runners have begun so many turns more than now."""
        begun = "select last_value from race_turns"
        self.until(begun, reaches=self.number(begun) + turns)

    def until_waiting(self, reaches: int = 1, *, gate: int | None = None) -> None:
        """Wait until so many connections wait for an advisory lock, for that of `gate` where one is named."""
        waiting = """
            select count(*) from pg_locks l join pg_database d on d.oid = l.database
            where d.datname = current_database() and l.locktype = 'advisory' and not l.granted
              and (%s::int is null or l.objid = %s::int)
        """
        self.until(waiting, gate, gate, reaches=reaches)


@contextmanager
def referee() -> Iterator[Referee]:
    """A referee for the database of this test."""
    settings = connection.get_connection_params()
    wanted = {name: settings[name] for name in ("dbname", "user", "password", "host", "port") if settings.get(name)}
    with psycopg.connect(**wanted, autocommit=True) as server:
        yield Referee(server)


@dataclass(frozen=True)
class Running(Generic[R]):
    """A race under way."""

    referee: Referee
    parts: Sequence[Future[list[R]]]

    def results(self) -> list[R]:
        """Wait for everybody; raises what anybody raised."""
        return [result for part in self.parts for result in part.result(PATIENCE)]


@dataclass(frozen=True)
class Arena:
    """Runs races; `processes` are kept from race to race, for starting one takes longer than most races."""

    processes: ProcessPoolExecutor

    @contextmanager
    def running(self, work: Callable[[T], R], items: Sequence[T], *, processes: int = 0) -> Iterator[Running[R]]:
        """Begin `work` on each item at one moment, each in a thread with a connection of its own.

        The threads are spread over so many processes; with none they are in this one, where patches of a control count.
        Inside the block everybody runs; behind it everybody has finished.
        """
        with referee() as judge, ThreadPoolExecutor(len(items)) as here:
            judge.server.execute("create sequence if not exists race_turns")
            judge.close(START)
            judge.close(STOP)
            if processes:
                shares = [items[number::processes] for number in range(processes)]
                parts = [self.processes.submit(side_by_side, work, share) for share in shares]
            else:
                parts = [here.submit(at_the_gate, work, item) for item in items]
            judge.until_waiting(len(items), gate=START)
            judge.open(START)
            running = Running(judge, parts)
            try:
                yield running
            finally:
                judge.open(STOP)
                wait(parts, PATIENCE)

    def run(self, work: Callable[[T], R], items: Sequence[T], *, processes: int = 0) -> list[R]:
        """Return what `work` made of the items, all begun at one moment; in no order."""
        with self.running(work, items, processes=processes) as running:
            return running.results()


def side_by_side(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Run `work` on each item in a thread of its own; what a process of the arena does."""
    with ThreadPoolExecutor(len(items)) as pool:
        parts = [pool.submit(at_the_gate, work, item) for item in items]
        return [result for part in parts for result in part.result(PATIENCE)]


def at_the_gate(work: Callable[[T], R], item: T) -> list[R]:
    """Wait until the race begins, then work; the connection is closed behind it."""
    try:
        rows("select pg_advisory_lock_shared(%s), pg_advisory_unlock_shared(%s)", [START, START])
        return [work(item)]
    finally:
        connection.close()


def is_over() -> bool:
    """Count one turn, and say whether the referee has ended the race; for runners that go on until then."""
    return bool(rows("select pg_try_advisory_xact_lock_shared(%s), nextval('race_turns')", [STOP])[0][0])


@contextmanager
def arena_of(most: int) -> Iterator[Arena]:
    """An arena with at most so many processes."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(most, mp_context=context, initializer=django.setup) as processes:
        yield Arena(processes)
