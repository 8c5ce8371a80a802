"""What the worker does for requests to spend: it looks for what is due and does it."""

from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import Final

from celery import shared_task

from approvals.services.backtests import TASK, run_backtests
from approvals.services.changes import expire_changes
from approvals.services.expire import expire_due
from approvals.services.finalise import finalise_reviews
from core.clock import now as clock_now

BACKTESTS_SECONDS: Final = 6 * 3_600
"""One run takes up whatever waits, and a single one over ten million asks takes two hours. It says each second that it
lives: one that hangs is taken over by another worker long before this."""


def one_at_a_time(sweep: Callable[[], int]) -> Callable[[], int]:
    """Let one run of a sweep go on in this process; another one meanwhile does nothing, and the next goes on from it.

    Behind a pause there is more due than is done between two ticks of the clock: sweep upon sweep would take every
    thread, and nothing would be sealed, reviewed or rolled up until all was done.
    """
    under_way = Lock()

    @wraps(sweep)
    def run() -> int:
        if not under_way.acquire(blocking=False):
            return 0
        try:
            return sweep()
        finally:
            under_way.release()

    return run


@shared_task(name="approvals.expire_due", ignore_result=True)  # type: ignore[untyped-decorator]
@one_at_a_time
def expire_due_authorizations() -> int:
    """Expire approvals nobody used and questions nobody answered in time."""
    return expire_due(now=clock_now())


@shared_task(name="approvals.expire_changes", ignore_result=True)  # type: ignore[untyped-decorator]
@one_at_a_time
def expire_due_changes() -> int:
    """Close changes that nobody agreed to in time."""
    return expire_changes(now=clock_now())


@shared_task(name="approvals.finalise_reviews", ignore_result=True)  # type: ignore[untyped-decorator]
@one_at_a_time
def finalise_due_reviews() -> int:
    """Let reviews that nobody took back take effect."""
    return finalise_reviews(now=clock_now())


@shared_task(name=TASK, ignore_result=True, time_limit=BACKTESTS_SECONDS)  # type: ignore[untyped-decorator]
def run_waiting_backtests() -> int:
    """Ask history what drafts would have answered."""
    return run_backtests(clock=clock_now)
