"""Celery workers: within the tests' process until a task is done, or processes of their own, which can be killed."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Signal
from typing import Any, Final
from urllib.parse import quote

from celery import Task
from celery.contrib.testing.worker import start_worker
from celery.signals import task_success

from conto_admin.celery import app
from conto_admin.embedded import ROOT
from conto_admin.supervise import Program, Supervisor

PATIENCE: Final = 60
"""Seconds."""
READY_SECONDS: Final = 180
CLOCK: Final = ("-B", "--scheduler", "celery.beat:Scheduler")
"""The clock of the product, for a worker that is to find by itself what is due."""


class Workers:
    """Workers, each as a process of its own, with the clock of the product or without any."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[Supervisor] = []

    def start(self, *clock: str, waits_for_locks: bool = False) -> Supervisor:
        """Start one, and return once it takes tasks."""
        ready, supervisor = self.folder / f"ready {len(self.running)}", Supervisor()
        self.running.append(supervisor)
        pool = ["--pool", "threads", "--concurrency", "2", "--without-mingle", "--without-gossip"]
        address = os.environ["DATABASE_URL"]
        patient = f"{address}{'&' if '?' in address else '?'}options={quote('-c lock_timeout=0')}"
        program = Program(
            name="the worker",
            command=[sys.executable, "-m", "celery", "-A", "conto_admin", "worker", *clock, *pool],
            environment={"CONTO_READY_FILE": str(ready), "DATABASE_URL": patient if waits_for_locks else address},
            folder=ROOT,
            log=self.folder / "worker.log",
            is_ready=ready.exists,
        )
        supervisor.start(program, ready_seconds=READY_SECONDS)
        return supervisor

    def kill(self, one: Supervisor) -> None:
        """End a worker as a power cut would."""
        one.children[0].process.kill()
        one.children[0].process.wait()

    def stop(self) -> None:
        """End all that still run."""
        for one in self.running:
            one.stop()


@contextmanager
def worker_until_done(task: Task, *, counts: Callable[[Any], bool] = lambda _: True) -> Iterator[None]:
    """Start a worker, let the block ask for work, and wait until the task succeeds with a result that counts."""
    done, root = Signal(), logging.getLogger()
    # A worker sets the level of all loggers, which the tests after it would keep.
    level, handlers = root.level, root.handlers[:]

    def note_success(result: Any = None, **_: Any) -> None:
        if counts(result):
            done.set()

    task_success.connect(note_success, sender=task)
    try:
        with start_worker(app, pool="threads", concurrency=1, perform_ping_check=False):
            yield
            assert done.wait(PATIENCE)
    finally:
        task_success.disconnect(note_success, sender=task)
        root.setLevel(level)
        root.handlers[:] = handlers
