"""Given up by the clock: approvals nobody used, questions nobody answered."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from approvals.selectors.overdue import Overdue, overdue, overdue_in
from approvals.services.transition import lock_authorization, settle_clock
from core.db import use_case

logger = logging.getLogger(__name__)

BATCH_SIZE: Final = 200
"""Authorizations read at a time."""
MOST_BATCHES: Final = 20
"""Batches of one sweep, so that it ends; the next sweep, some seconds later, takes the next ones."""


@use_case
def expire_authorization(authorization_id: UUID, *, organization_id: UUID, now: datetime) -> bool:
    """Expire one authorization whose time is over and release its hold; False where something was faster.

    After parts were recorded the rest is released and it ends `recorded` (specification §3).
    """
    return settle_clock(lock_authorization(authorization_id, organization_id=organization_id), now=now)


def expire_due(*, now: datetime, organization_id: UUID | None = None) -> int:
    """Expire what is due, of everybody or of one organization, each in a transaction of its own; return how many.

    One that fails is logged and passed over: it keeps nobody else's money.
    """
    read = partial(overdue, now=now, limit=BATCH_SIZE, organization_id=organization_id)
    return sum(_expire_all(read, MOST_BATCHES, now))


def expire_overdue_in(counter_ids: Sequence[int], *, now: datetime, batches: int = 1) -> int:
    """Expire overdue holds that take room in these counters: a denial must not rest on money that nobody may spend.

    Returns how many there were in so many batches, those included that somebody else was just expiring: their room is
    free as well.
    """
    read = partial(overdue_in, counter_ids, now=now, limit=BATCH_SIZE)
    return len(_expire_all(read, batches, now))


def _expire_all(read: Callable[..., list[Overdue]], batches: int, now: datetime) -> list[bool]:
    """Expire batch after batch until one is not full; what failed is not in the result."""
    done: list[bool] = []
    after: Overdue | None = None
    for _ in range(batches):
        found = read(after=after)
        done += [is_done for one in found if (is_done := _expired(one, now)) is not None]
        if len(found) < BATCH_SIZE:
            break
        after = found[-1]
    return done


def _expired(one: Overdue, now: datetime) -> bool | None:
    try:
        return expire_authorization(one.id, organization_id=one.organization_id, now=now)
    except Exception:
        logger.exception("authorization %s could not be expired", one.id)
        return None
