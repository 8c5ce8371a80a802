"""A process that is killed at a chosen boundary of its statements, and one that is not."""

import multiprocessing
import os
import select
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import psycopg
from django.db import connection

from core import prepared
from tests.races.arena import PATIENCE

T = TypeVar("T")


class Fuse:
    """Counts the boundaries between statements and kills its process at one of them.

    Boundaries lie before every statement, before every commit and behind it. What was sent before a boundary has been
    run by the server: it is waited for.
    """

    def __init__(self, boundary: int) -> None:
        self.left = boundary

    def burn(self) -> None:
        """Pass one boundary, or end here."""
        self.left -= 1
        if self.left:
            return
        server = connection.connection
        if server is not None and server.pgconn.pipeline_status == psycopg.pq.PipelineStatus.ON:
            wait_for_what_was_sent(server)
        os.kill(os.getpid(), signal.SIGKILL)

    def before_statement(self, execute: Callable[..., T], *arguments: Any) -> T:
        """Stand in front of a statement, as Django's wrapper of executions."""
        self.burn()
        return execute(*arguments)

    def around_commit(self, commit: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return psycopg's commit with a boundary on each side."""

        def run(server: Any) -> None:
            self.burn()
            commit(server)
            self.burn()

        return run

    def around_sync(self, send_sync: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return the end of what is sent together, its COMMIT included, with a boundary on each side."""

        def run(server: Any) -> None:
            self.burn()
            send_sync(server)
            wait_for_what_was_sent(server)
            self.burn()

        return run


def wait_for_what_was_sent(server: Any) -> None:
    """Let the server run everything that a pipeline has sent, without the Sync that would commit it."""
    server.pgconn.send_flush_request()
    while server.pgconn.flush():
        pass
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
    if killed_at is not None:
        fuse = Fuse(killed_at)
        connection.execute_wrappers.append(fuse.before_statement)
        commit = psycopg.Connection.commit
        psycopg.Connection.commit = fuse.around_commit(commit)  # type: ignore[assignment, method-assign]
        prepared.send_sync = fuse.around_sync(prepared.send_sync)  # type: ignore[assignment]
    sender.send(work())
    sender.close()
    os._exit(0)
