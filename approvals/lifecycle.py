"""The life of an authorization: one table of allowed moves drives the code, the tests and the docs."""

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
    Status.EXPIRED: frozenset({Status.RECORDED}),
    Status.DECLINED: frozenset(),
    Status.VOIDED: frozenset(),
    Status.RECORDED: frozenset(),
}
"""`None` is before the ask. Voided and declined keep their status when a record comes; recorded is final."""

HOLDING: Final = frozenset({Status.PENDING_REVIEW, Status.APPROVED, Status.IN_DOUBT})
"""Statuses in which money may be set aside."""


def demand_move(before: Status, after: Status) -> None:
    """Raise `Conflict` (`status_conflict`) where the table does not allow the move."""
    if after not in MOVES[before]:
        raise Conflict(
            "status_conflict",
            f"An authorization that is {before.value.replace('_', ' ')} cannot become {after.value.replace('_', ' ')}.",
            status_now=before.value,
        )
