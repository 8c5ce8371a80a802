"""A web server that a request may kill, or let hang: the one of `conto_admin/programs.py`, for tests alone.

`python -m tests.races.mortal` takes the arguments of granian and starts it again whenever it has ended, as the manager
of services of a real machine does. The product is imported once and its processes are forked from there, so that a
life begins in a moment. A request that carries `KILLED_AT` ends the server at that boundary of its statements.
"""

import multiprocessing
import os
import select
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

from django.db import connection, connections
from django.test import Client
from granian.cli import cli

from conto_admin import wsgi
from tests.races.arena import PATIENCE
from tests.races.killing import HANGS_AT, KILLED_AT, Fuse, armed


class ServersFuse(Fuse):
    """Kills granian with the process that serves: alone it would start another, but not twice in a moment."""

    def end(self) -> None:
        os.kill(os.getppid(), signal.SIGKILL)
        super().end()


class HangingFuse(Fuse):
    """Does nothing at its boundary until the database closes the connection."""

    def end(self) -> None:
        select.select([connection.connection.pgconn.socket], [], [], PATIENCE)


FUSES: Final[dict[str, type[Fuse]]] = {KILLED_AT: ServersFuse, HANGS_AT: HangingFuse}


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request, or end or hang on the way."""
    for header, fuse in FUSES.items():
        if boundary := environ.pop(f"HTTP_{header.upper().replace('-', '_')}", None):
            with armed(fuse(int(boundary))):
                return wsgi.application(environ, start_response)
    return wsgi.application(environ, start_response)


def serve_again_and_again(arguments: list[str]) -> None:
    """Serve until this process is ended, with everything it has started."""
    signal.signal(signal.SIGTERM, end_all)
    multiprocessing.set_start_method("fork")
    for path in ("/accounts/login/", "/api/v1/limits", "/approvals/"):
        Client().get(path)  # what a first request loads
    connections.close_all()
    while True:
        server = os.fork()
        if server == 0:
            cli(arguments)
        os.waitpid(server, 0)


def end_all(*_: object) -> None:
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    serve_again_and_again(sys.argv[1:])
