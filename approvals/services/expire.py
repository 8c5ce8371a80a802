"""Given up by the clock: approvals nobody used, questions nobody answered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from approvals.services.transition import lock_authorization, settle_clock
from core.db import prepared_rows, use_case

BATCH_SIZE: Final = 200
"""Authorizations expired by one look of the worker; the next look takes the next ones."""

DUE: Final = """
select id, organization_id from approvals_authorization
where status in ('approved', 'pending_review') and expires_at <= %(now)s::timestamptz
order by expires_at limit %(limit)s::int
"""
DUE_IN_COUNTERS: Final = """
select a.id, a.organization_id from approvals_authorization a
where a.status in ('approved', 'pending_review') and a.expires_at <= %(now)s::timestamptz
  and exists (select from spend_posting p join spend_hold h on h.id = p.hold_id
              where h.authorization_id = a.id and h.held > 0 and p.counter_id = any(%(counters)s::bigint[]))
order by a.expires_at limit %(limit)s::int
"""


@use_case
def expire_authorization(authorization_id: UUID, *, organization_id: UUID, now: datetime) -> bool:
    """Expire one authorization whose time is over and release its hold; False where something was faster.

    After parts were recorded the rest is released and it ends `recorded` (specification §3).
    """
    return settle_clock(lock_authorization(authorization_id, organization_id=organization_id), now=now)


def expire_due(*, now: datetime, limit: int = BATCH_SIZE) -> int:
    """Expire what is due, each in a transaction of its own; return how many."""
    return _expire_all(prepared_rows(DUE, {"now": now, "limit": limit}), now)


def expire_overdue_in(counter_ids: Sequence[int], *, now: datetime) -> int:
    """Expire overdue holds that take room in these counters: a denial must not rest on money that nobody may spend.

    Returns how many there were, those included that somebody else was just expiring: their room is free as well.
    """
    if not counter_ids:
        return 0
    found = prepared_rows(
        DUE_IN_COUNTERS,
        {"now": now, "limit": BATCH_SIZE, "counters": list(counter_ids)},
    )
    _expire_all(found, now)
    return len(found)


def _expire_all(found: Sequence[tuple[object, ...]], now: datetime) -> int:
    pairs = cast(list[tuple[UUID, UUID]], found)
    return sum(expire_authorization(one, organization_id=organization, now=now) for one, organization in pairs)
