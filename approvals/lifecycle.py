"""The life of an authorization: one table of allowed moves drives the code, the tests and the docs."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from core.errors import Conflict


class Status(StrEnum):
    """Where an authorization stands."""

    PENDING_REVIEW = "pending_review"
    APPROVED = "approved"
    DECLINED = "declined"
    IN_DOUBT = "in_doubt"
    RECORDED = "recorded"
    VOIDED = "voided"
    EXPIRED = "expired"


class ReviewEnd(StrEnum):
    """What became of a review: it took effect, or it never will."""

    COUNTED = "counted"
    WITHDRAWN = "withdrawn"
    SET_ASIDE = "set_aside"
    OVERTAKEN = "overtaken"


UNDO_TIME: Final = timedelta(seconds=5)
"""How long a person may take an answer back; then it takes effect (`docs/decisions/0009`)."""
LONGEST_ON_ITS_WAY: Final = timedelta(days=1)
"""How long behind its effective moment a review keeps a question open: the worker may be away, not for ever."""
NEVER_GIVEN: Final = (ReviewEnd.WITHDRAWN.value, ReviewEnd.SET_ASIDE.value)
"""Ends after which it is as if the person had not answered."""

MOVES: Final[dict[Status | None, frozenset[Status]]] = {
    None: frozenset({Status.APPROVED, Status.PENDING_REVIEW, Status.DECLINED}),
    Status.PENDING_REVIEW: frozenset(
        {
            Status.APPROVED,
            Status.DECLINED,
            Status.VOIDED,
            Status.EXPIRED,
            Status.RECORDED,
        }
    ),
    Status.APPROVED: frozenset({Status.RECORDED, Status.VOIDED, Status.EXPIRED, Status.IN_DOUBT}),
    Status.IN_DOUBT: frozenset({Status.RECORDED, Status.VOIDED}),
    Status.EXPIRED: frozenset({Status.RECORDED, Status.IN_DOUBT}),
    Status.DECLINED: frozenset(),
    Status.VOIDED: frozenset(),
    Status.RECORDED: frozenset(),
}
"""`None` is before the ask. Voided and declined keep their status when a record comes; recorded is final.

A settlement that times out near the end of an approval is told when it has expired: money may have moved, so the doubt
is heard and what the clock let go is held again. Only what was approved once can be in doubt.
"""

HOLDING: Final = frozenset({Status.PENDING_REVIEW, Status.APPROVED, Status.IN_DOUBT})
"""Statuses in which money may be set aside."""


TIMED: Final = frozenset({Status.PENDING_REVIEW, Status.APPROVED})
"""Statuses that a clock ends."""


def status_at(status: Status, expires_at: datetime | None, *, has_parts: bool, now: datetime) -> Status:
    """Return where an authorization stands by the clock, whether somebody has come to store that or not.

    With `has_parts`, payments recorded that were not the final one, it ends `recorded` (specification §3).
    """
    if status not in TIMED or expires_at is None or now < expires_at:
        return status
    return Status.RECORDED if has_parts else Status.EXPIRED


def demand_move(before: Status, after: Status) -> None:
    """Raise `Conflict` (`status_conflict`) where the table does not allow the move."""
    if after not in MOVES[before]:
        raise Conflict(
            "status_conflict",
            f"An authorization that is {before.value.replace('_', ' ')} cannot become {after.value.replace('_', ' ')}.",
            status_now=before.value,
        )
