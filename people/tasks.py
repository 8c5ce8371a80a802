"""The worker's part: throw away the sessions that have ended."""

from celery import shared_task

from core.clock import now as clock_now
from people.services import forget_ended_sessions


@shared_task(name="people.forget_ended_sessions", ignore_result=True)  # type: ignore[untyped-decorator]
def forget_ended() -> int:
    """Delete the rows of sessions that ended since the last time."""
    return forget_ended_sessions(now=clock_now())
