"""Waking the worker: a message that spares what was asked for the wait until the worker's next look at the rows."""

import logging
from functools import cache
from typing import Final

from celery import Celery
from django.conf import settings

LONGEST_WAIT_SECONDS: Final = 0.5
"""For the connection, and for each step of the sending: whoever asks waits for it."""
KEPT_SECONDS: Final = 60
"""By then the worker has looked by itself."""

logger = logging.getLogger(__name__)


def wake(task: str) -> None:
    """Let the worker run a task soon; called once what it is to find is committed.

    Nothing rests on the message: where the broker is away it is lost, and the worker finds the rows at its next look.
    """
    try:
        _sender().send_task(task, expires=KEPT_SECONDS, ignore_result=True, retry=False)
    except Exception:
        logger.exception("the worker could not be woken to run %s: it will look by itself", task)


@cache
def _sender() -> Celery:
    """Return an app that only sends, and gives up soon: the worker's own tries again until the broker is back."""
    sender = Celery("conto-sender", set_as_current=False)
    sender.config_from_object("django.conf:settings", namespace="CELERY")
    waits = {"socket_connect_timeout": LONGEST_WAIT_SECONDS, "socket_timeout": LONGEST_WAIT_SECONDS, "max_retries": 0}
    sender.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS | waits
    return sender
