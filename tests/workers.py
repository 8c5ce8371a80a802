"""A Celery worker within the tests' process, as long as it takes to see one task done."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Signal
from typing import Any, Final

from celery import Task
from celery.contrib.testing.worker import start_worker
from celery.signals import task_success

from conto_admin.celery import app

PATIENCE: Final = 60
"""Seconds."""


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
