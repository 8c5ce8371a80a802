"""Rows of authorizations as answers tell them: by the clock, whether somebody has come to store that or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

from django.db.models import Q

from approvals.lifecycle import TIMED, Status, status_at
from approvals.models import Authorization
from spend.selectors.holds import paid_among, payment_on

OVERDUE: Final = "overdue"
"""Not a status, but asked for like one: what the worker should have expired by now, and has not."""
OVERDUE_AFTER: Final = timedelta(minutes=1)
"""The worker looks every few seconds: what is due this long says that it does not."""


@dataclass(slots=True)
class LastAsk:
    """As much of an authorization as a list of an agent's last ones needs."""

    id: UUID
    status: str
    status_reason: str
    amount: Decimal
    currency: str
    asked_at: datetime
    expires_at: datetime | None


Row = TypeVar("Row", Authorization, LastAsk)


def told(rows: Sequence[Row], *, now: datetime) -> Sequence[Row]:
    """Return the rows with status, reason and clock as of `now`; they are for reading, never to be saved."""
    over = [row for row in rows if row.status in TIMED and row.expires_at is not None and row.expires_at <= now]
    with_parts = paid_among(row.id for row in over) if over else frozenset()
    for row in over:
        status = status_at(Status(row.status), row.expires_at, has_parts=row.id in with_parts, now=now)
        row.status, row.status_reason, row.expires_at = status.value, Status.EXPIRED.value, None
    return rows


def stands_at(organization_id: UUID, status: str, *, now: datetime) -> Q:
    """Return the condition for this status as of `now`; the plain one, which an index answers, where nothing is due."""
    if status == OVERDUE:
        return is_overdue(now)
    is_due = Q(status__in=TIMED, expires_at__lte=now)
    if status in TIMED:
        return Q(status=status, expires_at__gt=now)
    has_parts = Q(payment_on("pk"))
    ends = {Status.EXPIRED: ~has_parts, Status.RECORDED: has_parts}
    is_swept = not Authorization.objects.filter(is_due, organization_id=organization_id).exists()
    if status not in ends or is_swept:
        return Q(status=status)
    return Q(status=status) | (is_due & ends[Status(status)])


def is_overdue(now: datetime) -> Q:
    """Return the condition for what should have been expired by the worker, and was not."""
    return Q(status__in=TIMED, expires_at__lte=now - OVERDUE_AFTER)
