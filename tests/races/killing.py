"""A process that is killed at a chosen boundary of its statements, one that is not, and their lives one by one."""

import multiprocessing
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any, Final, TypeAlias, TypeVar

import psycopg
from django.db import connection

from core import prepared
from tests.factories import NOW
from tests.races.arena import PATIENCE

T = TypeVar("T")
Native: TypeAlias = tuple[bytes, tuple[str, ...]]

MOST_BOUNDARIES: Final = 120
KILLED: Final = "killed at boundary"
"""What a process says on standard error before it ends."""
KILLED_AT: Final = "X-Test-Killed-At"
"""The header by which a request tells `mortal` the boundary."""
HANGS_AT: Final = "X-Test-Hangs-At"
"""The same for a process that is to do nothing from there on, until its database has had enough."""


class Fuse:
    """Counts the boundaries between statements and kills its process at one of them.

    Boundaries lie before every statement, before every commit, between its sending and its answer, and behind it. What
    was sent before a boundary has been run by the server: it is waited for, the answer to a commit excepted.
    """

    def __init__(self, boundary: int) -> None:
        self.boundary = self.left = boundary

    def burn(self) -> bool:
        """Pass one boundary; True where the process is to end here."""
        self.left -= 1
        return self.left == 0

    def end(self) -> None:
        """End this process, as a machine that loses its power."""
        os.write(sys.stderr.fileno(), f"{KILLED} {self.boundary}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)

    def before_statement(self, execute: Callable[..., T], *arguments: Any) -> T:
        """Stand in front of a statement, as Django's wrapper of executions."""
        if self.burn():
            self.end_behind_what_was_sent()
        return execute(*arguments)

    def before_commit(self, native_statement: Callable[[str], Native]) -> Callable[[str], Native]:
        """Return what each statement of the hot path passes, with a boundary in front of a COMMIT sent with others."""

        def run(sql: str) -> Native:
            if sql == prepared.COMMIT and self.burn():
                self.end_behind_what_was_sent()
            return native_statement(sql)

        return run

    def end_behind_what_was_sent(self) -> None:
        server = connection.connection
        if server is not None and server.pgconn.pipeline_status == psycopg.pq.PipelineStatus.ON:
            wait_for_what_was_sent(server)
        self.end()

    def around_commit(self, commit: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return psycopg's commit with boundaries before, within and behind it."""

        def run(server: Any) -> None:
            if self.burn():
                self.end()
            if self.burn():
                server.pgconn.send_query(b"commit")
                flush(server)
                self.end()
            commit(server)
            if self.burn():
                self.end()

        return run

    def around_sync(self, send_sync: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return the end of what is sent together, COMMIT included, with boundaries before, within and behind it."""

        def run(server: Any) -> None:
            if self.burn():
                wait_for_what_was_sent(server)
                self.end()
            send_sync(server)
            flush(server)
            if self.burn():
                self.end()
            wait_for_what_was_sent(server)
            if self.burn():
                self.end()

        return run


@contextmanager
def armed(fuse: Fuse) -> Iterator[None]:
    """Let the fuse burn in this thread's connection: past psycopg's cursors too, where the hot path sends."""
    commit, native_statement, send_sync = psycopg.Connection.commit, prepared.native_statement, prepared.send_sync
    psycopg.Connection.commit = fuse.around_commit(commit)  # type: ignore[assignment, method-assign]
    prepared.native_statement = fuse.before_commit(native_statement)  # type: ignore[assignment]
    prepared.send_sync = fuse.around_sync(send_sync)  # type: ignore[assignment]
    try:
        with connection.execute_wrapper(fuse.before_statement):
            yield
    finally:
        psycopg.Connection.commit = commit  # type: ignore[method-assign]
        prepared.native_statement, prepared.send_sync = native_statement, send_sync


def flush(server: Any) -> None:
    while server.pgconn.flush():
        pass


def wait_for_what_was_sent(server: Any) -> None:
    """Let the server run everything that a pipeline has sent, without the Sync that would commit it."""
    server.pgconn.send_flush_request()
    flush(server)
    select.select([server.pgconn.socket], [], [], PATIENCE)


def in_new_process(work: Callable[[], T], *, killed_at: int | None = None) -> T | None:
    """Run `work` in a process of its own and return what it returned: None where the process was killed before."""
    connection.close()
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_live, args=(work, killed_at, sender))
    process.start()
    sender.close()
    try:
        result: T | None = receiver.recv()
    except EOFError:
        result = None
    process.join(PATIENCE)
    assert process.exitcode == (0 if result is not None else -signal.SIGKILL), f"it ended with {process.exitcode}"
    return result


def _live(work: Callable[[], T], killed_at: int | None, sender: "Connection[T, Any]") -> None:
    if killed_at is None:
        sender.send(work())
    else:
        with armed(Fuse(killed_at)):
            sender.send(work())
    sender.close()
    os._exit(0)


@dataclass(frozen=True)
class Round:
    """One life up to a boundary: its number, and a month of its own, in which every counter is still to be opened."""

    boundary: int

    @property
    def now(self) -> datetime:
        return NOW + timedelta(days=40 * self.boundary)


def lives(work: Callable[[Round], Callable[[int | None], T | None]]) -> Iterator[tuple[Round, T]]:
    """Kill the work of each round one boundary later, do it once more, and yield what the second life was answered.

    What `work` returns is called with the boundary to be killed at, and then with None; it returns None where it was
    killed. Ends behind the first round that lived to its end.
    """
    for boundary in range(1, MOST_BOUNDARIES):
        this = Round(boundary)
        live = work(this)
        is_killed = live(boundary) is None
        again = live(None)
        assert again is not None, "killed by somebody else"
        yield this, again
        if not is_killed:
            return
    raise AssertionError(f"it never lived to its end: more than {MOST_BOUNDARIES} boundaries")
