"""The worker's part: keep the rollups, check the books at night."""

import logging
from typing import Final

from celery import shared_task

from core.clock import now as clock_now
from core.ids import Prefix, to_public
from insight.selectors.rollups import organization_ids
from insight.services import check_books, roll
from insight.services.checks import LEASE

BOOKS_SECONDS: Final = int(LEASE.total_seconds())
"""A turn and a part take half of it. Behind it another worker takes the check for left and goes on with it."""

logger = logging.getLogger(__name__)


@shared_task(name="insight.roll", ignore_result=True)  # type: ignore[untyped-decorator]
def roll_ledgers() -> int:
    """Bring the rollups of every organization up to the present; the fault of one keeps no other waiting."""
    moved = 0
    for organization_id in organization_ids():
        try:
            moved += roll(organization_id, now=clock_now()) > 0
        except Exception:
            logger.exception("rollup_failed", extra={"organization": to_public(Prefix.ORGANIZATION, organization_id)})
    return moved


@shared_task(name="insight.check_books", ignore_result=True, time_limit=BOOKS_SECONDS)  # type: ignore[untyped-decorator]
def check_books_at_night() -> bool:
    """Go on with the check of the books for one turn."""
    return check_books(clock=clock_now)
