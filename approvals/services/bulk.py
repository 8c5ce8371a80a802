"""Several requests answered at once: one transaction each, and what came of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from approvals.services.review import Reviewed, approve, reject, withdraw
from core.actor import Actor
from core.errors import ContoError
from people.models import Member


@dataclass(frozen=True, slots=True)
class Answer:
    """One request of several, with the digest of the evidence shown, and whether the amount was confirmed."""

    authorization_id: UUID
    evidence_digest: str
    is_confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one: a stored review, or why there is none."""

    authorization_id: UUID
    review_id: UUID | None
    refusal: str = ""


def approve_each(
    answers: Sequence[Answer],
    *,
    member: Member,
    actor: Actor,
    now: datetime,
    second_factor_at: datetime | None = None,
) -> list[Result]:
    """Store a yes to each; one that is refused keeps no other from being stored."""

    def say_yes(one: Answer) -> Reviewed:
        return approve(
            one.authorization_id,
            member=member,
            evidence_digest=one.evidence_digest,
            reason="",
            actor=actor,
            now=now,
            is_confirmed=one.is_confirmed,
            second_factor_at=second_factor_at,
        )

    return [_result(one, say_yes) for one in answers]


def reject_each(answers: Sequence[Answer], *, reason: str, member: Member, actor: Actor, now: datetime) -> list[Result]:
    """Store a no to each, for one reason; one that is refused keeps no other from being stored."""

    def say_no(one: Answer) -> Reviewed:
        return reject(one.authorization_id, member=member, reason=reason, actor=actor, now=now)

    return [_result(one, say_no) for one in answers]


def withdraw_each(review_ids: Sequence[UUID], *, member: Member, actor: Actor, now: datetime) -> int:
    """Take back what has not taken effect of these answers; return how many."""
    number = 0
    for review_id in review_ids:
        try:
            withdraw(review_id, member=member, actor=actor, now=now)
        except ContoError:
            continue
        number += 1
    return number


def _result(one: Answer, answer: Callable[[Answer], Reviewed]) -> Result:
    try:
        return Result(one.authorization_id, answer(one).review_id)
    except ContoError as error:
        return Result(one.authorization_id, None, error.detail)
