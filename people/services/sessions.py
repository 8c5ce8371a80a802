"""Sessions that have ended: nobody asks for their rows again, so the worker throws them away."""

from datetime import datetime
from typing import Final

from core.db import use_case
from people.models import Session

AT_ONCE: Final = 1_000
"""Rows that one transaction deletes."""
MOST_ROUNDS: Final = 100


def forget_ended_sessions(*, now: datetime) -> int:
    """Delete the sessions that ended before now, some at a time; returns how many rows."""
    forgotten = 0
    for _ in range(MOST_ROUNDS):
        forgotten += (some := _forget_some(now))
        if some < AT_ONCE:
            break
    return forgotten


@use_case
def _forget_some(now: datetime) -> int:
    # One that is just being prolonged is somebody's: it is passed by and found still valid the next time.
    ended = Session.objects.select_for_update(skip_locked=True).filter(expire_date__lte=now)
    keys = list(ended.order_by("expire_date").values_list("pk", flat=True)[:AT_ONCE])
    return Session.objects.filter(pk__in=keys).delete()[0]
