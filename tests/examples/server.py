"""A real Conto over real HTTP, in a process of its own that a test may kill."""

import contextlib
import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

from conto_admin.embedded import ROOT
from conto_admin.programs import web, web_answers
from conto_admin.supervise import Program, Supervisor

HOST = "127.0.0.1"


class LiveConto:
    """The web server on this test process's database; it keeps its port over a kill."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.port = free_port()
        self.supervisor = Supervisor()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def command(self) -> Sequence[str | Path]:
        return web(HOST, self.port, 1, {}).command

    def start(self) -> None:
        self.supervisor.start(
            Program(
                name="the web server",
                command=self.command(),
                folder=ROOT,
                log=self.log,
                is_ready=lambda: web_answers(HOST, self.port),
            )
        )

    def kill(self) -> None:
        """As a machine that loses its power: no process of it does anything any more."""
        for child in self.supervisor.children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
        self.supervisor.children.clear()

    def is_running(self) -> bool:
        return bool(self.supervisor.children)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        found: int = probe.getsockname()[1]
        return found
