"""Given up by the clock: approvals nobody used, questions nobody answered."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final
from uuid import UUID

from approvals.selectors.overdue import Overdue, overdue, overdue_in
from approvals.services.transition import lock_authorization, settle_clock
from core.db import use_case

logger = logging.getLogger(__name__)

BATCH_SIZE: Final = 200
"""Authorizations read at a time."""
MOST_BATCHES: Final = 20
"""That one ask takes up."""
MOST_EXPIRED: Final = 4_000
"""Of one sweep, so that it ends; the next sweep, some seconds later, takes the next ones."""


@use_case
def expire_authorization(authorization_id: UUID, *, organization_id: UUID, now: datetime) -> bool:
    """Expire one authorization whose time is over and release its hold; False where something was faster.

    After parts were recorded the rest is released and it ends `recorded` (specification §3).
    """
    return settle_clock(lock_authorization(authorization_id, organization_id=organization_id), now=now)


def expire_due(*, now: datetime, organization_id: UUID | None = None) -> int:
    """Expire what is due, of everybody or of one organization, each in a transaction of its own; return how many.

    One that fails is logged and passed over, however many fail: they keep nobody else's money.
    """
    number = 0
    for batch in _batches(partial(overdue, now=now, limit=BATCH_SIZE, organization_id=organization_id)):
        number += sum(_expired(one, now) is True for one in batch)
        if number >= MOST_EXPIRED:
            break
    return number


def expire_overdue_in(counter_ids: Sequence[int], *, now: datetime, batches: int = 1) -> int:
    """Expire overdue holds that take room in these counters: a denial must not rest on money that nobody may spend.

    Returns how many there were in so many batches, those included that somebody else was just expiring: their room is
    free as well.
    """
    read = partial(overdue_in, counter_ids, now=now, limit=BATCH_SIZE)
    tried = (one for batch in islice(_batches(read), batches) for one in batch)
    return sum(_expired(one, now) is not None for one in tried)


def _batches(read: Callable[..., list[Overdue]]) -> Iterator[list[Overdue]]:
    """Yield batch after batch until one is not full; each begins behind the one before, whatever became of that."""
    after: Overdue | None = None
    while found := read(after=after):
        yield found
        if len(found) < BATCH_SIZE:
            return
        after = found[-1]


def _expired(one: Overdue, now: datetime) -> bool | None:
    """Expire one; False where somebody was faster, None where it failed."""
    try:
        return expire_authorization(one.id, organization_id=one.organization_id, now=now)
    except Exception:
        logger.exception("authorization %s could not be expired", one.id)
        return None
