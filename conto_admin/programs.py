"""The programs that Conto consists of at run time: the web server, and the worker with its clock."""

import argparse
import contextlib
import errno
import http.client
import ipaddress
import os
import socket
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from conto_admin import ahead, embedded
from conto_admin.supervise import LOOK_EVERY_SECONDS, Program, ProgramFailed

LOGS: Final = embedded.STATE / "logs"
WORKER_READY: Final = embedded.STATE / "worker.ready"
"""The worker makes this file when it takes tasks."""

ORDERS: Final = embedded.STATE / "orders.sqlite3"
"""What the example app wants to buy and how far it has come; of no use with another database."""

EVERY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
DEFAULT_PORT: Final = 8000
LAST_PORT: Final = 65_535
PORT_WAIT_SECONDS: Final = 3.0
"""How long a web server may take to give its port back after whoever started it was killed."""
MOST_PROCESSES: Final = 16
DEFAULT_PROCESSES: Final = min(MOST_PROCESSES, (os.cpu_count() or 1) + 1)
"""With one blocking thread each: more threads made the slowest answers slower, more processes those on one budget."""

WORKER_THREADS: Final = 4


def web(host: str, port: int, processes: int, environment: Mapping[str, str]) -> Program:
    """The web server: granian, WSGI."""
    size = ["--workers", str(processes), "--blocking-threads", "1", "--backlog", "1024", "--respawn-failed-workers"]
    address = ["--interface", "wsgi", "--no-ws", "--host", host, "--port", str(port), "--log-level", "warning"]
    words = ["granian", *address, *size, "conto_admin.wsgi:application"]
    return Program(
        name="the web server",
        command=[sys.executable, "-m", "conto_admin.ahead", *words],
        inside=partial(ahead.become, *words),
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
    words = ["celery", "-A", "conto_admin", "worker", *clock, *pool, "--loglevel", "WARNING"]
    return Program(
        name="the worker",
        command=[sys.executable, "-m", "conto_admin.ahead", *words],
        inside=partial(ahead.become, *words),
        environment={**environment, "CONTO_READY_FILE": str(WORKER_READY)},
        folder=embedded.ROOT,
        log=LOGS / "worker.log",
        is_ready=WORKER_READY.exists,
    )


def example_app(demo_file: Path) -> Program:
    """The example app, which goes on asking, paying and recording until it is ended."""
    options: list[str | Path] = ["--demo", demo_file, "--orders", ORDERS]
    return Program(
        name="the example app",
        command=[sys.executable, "-u", embedded.ROOT / "examples" / "agents_app.py", *options],
        folder=embedded.ROOT,
        log=LOGS / "example.log",
    )


def web_answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1" if host in EVERY_ADDRESS else host, port, timeout=2)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    return False


def port(text: str) -> int:
    """Read a port of the command line."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= LAST_PORT):
        raise argparse.ArgumentTypeError(f"{text} is no port: they go from 1 to {LAST_PORT}.")
    return int(text)


def host(text: str) -> str:
    """Read a network address of the command line; the web server knows no names."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        message = (
            f"{text} is no network address: 127.0.0.1 and ::1 are this machine alone, 0.0.0.0 and :: every network."
        )
        raise argparse.ArgumentTypeError(message) from None


def in_address(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def must_be_free(host: str, port: int) -> None:
    """Raise `ProgramFailed` if nobody can listen there, or something does and goes on to."""
    deadline = time.monotonic() + PORT_WAIT_SECONDS
    while True:
        try:
            listen_once(host, port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(LOOK_EVERY_SECONDS)
                continue
            raise ProgramFailed(remedy(host, port, error)) from None
        return


def listen_once(host: str, port: int) -> None:
    """Take the address and give it back; raises `OSError`."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def remedy(host: str, port: int, error: OSError) -> str:
    """Say why an address cannot be used, and what to do."""
    if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return f"The address {host} cannot be used ({error.strerror}). Choose another: --host 127.0.0.1"
    other = port + 1 if port < LAST_PORT else DEFAULT_PORT
    return f"Port {port} cannot be used ({error.strerror}). Choose another: --port {other}"
