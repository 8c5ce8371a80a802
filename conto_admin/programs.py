"""The programs that Conto consists of at run time: the web server, and the worker with its clock."""

import contextlib
import http.client
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from conto_admin import embedded
from conto_admin.supervise import Program, ProgramFailed

LOGS: Final = embedded.STATE / "logs"
WORKER_READY: Final = embedded.STATE / "worker.ready"
"""The worker makes this file when it takes tasks."""

EVERY_ADDRESS: Final = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
DEFAULT_PORT: Final = 8000
DEFAULT_PROCESSES: Final = 4
"""With one blocking thread each: more threads made the slowest answers slower, fewer processes the rate lower."""

WORKER_THREADS: Final = 4


def web(host: str, port: int, processes: int, environment: Mapping[str, str]) -> Program:
    """The web server: granian, WSGI."""
    size = ["--workers", str(processes), "--blocking-threads", "1", "--backlog", "1024", "--respawn-failed-workers"]
    address = ["--interface", "wsgi", "--no-ws", "--host", host, "--port", str(port), "--log-level", "warning"]
    return Program(
        name="the web server",
        command=[sys.executable, "-m", "granian", *address, *size, "conto_admin.wsgi:application"],
        environment=environment,
        folder=embedded.ROOT,
        log=LOGS / "web.log",
        is_ready=lambda: web_answers(host, port),
    )


def worker(environment: Mapping[str, str]) -> Program:
    """The worker, and inside it the clock that says when tasks are to look for what is due."""
    WORKER_READY.unlink(missing_ok=True)
    clock = ["-B", "--scheduler", "celery.beat:Scheduler"]
    pool = ["--pool", "threads", "--concurrency", str(WORKER_THREADS), "--without-mingle", "--without-gossip"]
    return Program(
        name="the worker",
        command=[sys.executable, "-m", "celery", "-A", "conto_admin", "worker", *clock, *pool, "--loglevel", "WARNING"],
        environment={**environment, "CONTO_READY_FILE": str(WORKER_READY)},
        folder=embedded.ROOT,
        log=LOGS / "worker.log",
        is_ready=WORKER_READY.exists,
    )


def example_app(demo_file: Path) -> Program:
    """The example app, which goes on asking, paying and recording until it is ended."""
    return Program(
        name="the example app",
        command=[sys.executable, "-u", embedded.ROOT / "examples" / "agents_app.py", "--demo", demo_file],
        folder=embedded.ROOT,
        log=LOGS / "example.log",
    )


def web_answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1" if host in EVERY_ADDRESS else host, port, timeout=2)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    return False


def must_be_free(host: str, port: int) -> None:
    """Raise `ProgramFailed` if something listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise ProgramFailed(f"Port {port} cannot be used ({reason}). Choose another: --port {port + 1}") from None
