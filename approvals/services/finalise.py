"""Reviews take effect: what nobody took back counts, and at quorum the request is decided again on the world of now."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, cast
from uuid import UUID

import orjson

from approvals.lifecycle import ReviewEnd, Status
from approvals.models import ApprovalRequest, Authorization, Review
from approvals.routing import is_quorum_met, requirements_from
from approvals.selectors.overdue import without_overdue
from approvals.selectors.reviewers import yeses_of
from approvals.selectors.situation import Situation, ask_of_authorization, look, read_asker
from approvals.services.authorize import stored_facts
from approvals.services.expire import expire_due
from approvals.services.transition import keep_clock, move_to, release_rest, settle_clock, try_lock_authorization
from audit.catalogue import Action
from audit.services import append
from core.actor import SYSTEM, Actor, ActorKind
from core.canonical import plain
from core.db import rows, use_case
from core.errors import Unavailable
from core.ids import Prefix, to_public
from policies.engine.evaluate import decide
from policies.engine.stored import decision_to_plain
from policies.engine.types import Decision, Outcome
from spend.selectors.holds import counters_of, hold_of
from spend.services.counters import open_counters
from spend.services.holds import Move, post_hold

ATTEMPTS: Final = 5
"""A counter may have to be opened, and room may go meanwhile; beyond that the next look, a second later, tries it."""
BATCH_SIZE: Final = 100
MOST_FINALISED: Final = 1_000
"""Requests of one look of the worker, so that it ends; the next look takes the next ones."""

DUE: Final = """
select v.effective_at, v.id, r.authorization_id, r.organization_id
from approvals_review v join approvals_approvalrequest r on r.id = v.request_id
where v.closed_at is null and v.effective_at <= %(now)s::timestamptz
  and (v.effective_at, v.id) > (%(after)s::timestamptz, %(after_id)s::uuid)
order by v.effective_at, v.id limit %(limit)s::int
"""

logger = logging.getLogger(__name__)


class _Missing(Exception):
    def __init__(self, situation: Situation) -> None:
        super().__init__()
        self.situation = situation


class _DeadRoom(Exception):
    """Overdue holds take room where the decision looks: roll back, expire them, decide again."""


class _NoRoom(Exception):
    """Room went while the request was decided again: roll back and decide once more."""


def finalise_reviews(*, now: datetime) -> int:
    """Let reviews that are due take effect, each request in a transaction of its own; return how many requests.

    Several workers may do so at once. A request that fails is told in the log and tried at the next look; the others
    go on, however many fail.
    """
    number, after = 0, (datetime.min.replace(tzinfo=UTC), UUID(int=0))
    while number < MOST_FINALISED and (due := _due_after(after, now)):
        for one, organization in dict.fromkeys((row[2], row[3]) for row in due):
            number += _finalise_or_tell(one, organization, now)
        if len(due) < BATCH_SIZE:
            break
        after = due[-1][:2]
    return number


def finalise_authorization(authorization_id: UUID, *, organization_id: UUID, now: datetime) -> bool:
    """Let the reviews of one request that are due take effect; False where none is, or somebody else is at it.

    A no declines. While one is on its way, no yes is followed. At quorum the request is decided again behind the gates:
    a denial declines (`redecided`), an unmet review rule of now keeps asking. A yes that meets a freeze is set aside.
    Raises `Unavailable` where room went each time.
    """
    for _ in range(ATTEMPTS):
        try:
            return _finalise(authorization_id, organization_id, now)
        except _Missing as missing:
            asker = missing.situation.asker
            open_counters(
                asker.organization_id,
                asker.agent_id,
                missing.situation.missing,
                now=now,
            )
        except _DeadRoom:
            expire_due(now=now, organization_id=organization_id)
        except _NoRoom:
            continue
    raise Unavailable()


def _due_after(after: tuple[datetime, UUID], now: datetime) -> list[tuple[datetime, UUID, UUID, UUID]]:
    values = {"now": now, "after": after[0], "after_id": after[1], "limit": BATCH_SIZE}
    return cast(list[tuple[datetime, UUID, UUID, UUID]], rows(DUE, values))


def _finalise_or_tell(authorization_id: UUID, organization_id: UUID, now: datetime) -> bool:
    try:
        return finalise_authorization(authorization_id, organization_id=organization_id, now=now)
    except Exception:
        # Whatever is wrong with one request must not keep the others from their answers.
        logger.exception("reviews of authorization %s could not take effect", authorization_id)
        return False


@use_case
def _finalise(authorization_id: UUID, organization_id: UUID, now: datetime) -> bool:
    authorization = try_lock_authorization(authorization_id, organization_id=organization_id)
    if authorization is None:
        return False
    if settle_clock(authorization, now=now):
        # Nobody let it take effect for a whole day: the time of the question is over.
        return True
    request = ApprovalRequest.objects.select_related("authorization__agent").get(authorization=authorization)
    open_reviews = list(request.reviews.filter(closed_at__isnull=True).select_related("person"))
    due = [one for one in open_reviews if one.effective_at <= now]
    noes = [one for one in open_reviews if one.verdict == "reject"]
    if not due or (noes and noes[0] not in due):
        return False
    if noes:
        _reject(authorization, noes[0], now)
        return True
    asker = read_asker(authorization.agent_id)
    if asker.frozen or asker.is_retired:
        _set_aside(due, authorization, "agent_retired" if asker.is_retired else "frozen", now)
    else:
        _close(due, ReviewEnd.COUNTED, now)
        last = max(due, key=lambda one: (one.effective_at, one.id))
        if _settle(authorization, request, _person(last), now):
            return True
        _tell_counted(due, authorization, now)
    keep_clock(authorization, request)
    settle_clock(authorization, now=now)
    return True


def _reject(authorization: Authorization, review: Review, now: datetime) -> None:
    _close([review], ReviewEnd.COUNTED, now)
    hold = hold_of(authorization.id)
    if hold is not None:
        release_rest(hold)
    move_to(authorization, Status.DECLINED, actor=_person(review), now=now, reason=review.reason)


def _settle(authorization: Authorization, request: ApprovalRequest, actor: Actor, now: datetime) -> bool:
    """Follow at quorum what the policies of now say; False where it goes on waiting."""
    yeses = yeses_of(request)
    if not is_quorum_met(requirements_from(request.requirements), yeses):
        return False
    asker, ask = read_asker(authorization.agent_id), ask_of_authorization(authorization)
    situation = look(asker, ask, asked_at=authorization.asked_at, now=now, own=authorization.id)
    if situation.missing:
        raise _Missing(situation)
    if without_overdue(situation, now=now, own=authorization.id) != situation:
        raise _DeadRoom
    decision = decide(situation.question, situation.facts)
    if decision.outcome is Outcome.DENY:
        _keep(authorization, situation, decision)
        _decline(authorization, actor, now)
        return True
    _keep(authorization, situation, decision)
    if not is_quorum_met(decision.requirements, yeses):
        _ask_for_more(authorization, request, decision, actor, now)
        return False
    hold = hold_of(authorization.id)
    assert hold is not None, "a pending authorization has a hold"
    moves = _moves_still_to_make(situation, decision, counters_of(hold.id))
    if not post_hold(hold.id, moves, asked_at=authorization.asked_at):
        raise _NoRoom
    ends = now + timedelta(seconds=situation.asker.approval_ttl_seconds)
    move_to(authorization, Status.APPROVED, actor=actor, now=now, expires_at=ends)
    return True


def _ask_for_more(
    authorization: Authorization, request: ApprovalRequest, decision: Decision, actor: Actor, now: datetime
) -> None:
    """Keep the question open with what the rules of now ask for, and the decision that says so."""
    before, after = request.requirements, plain(decision.requirements)
    request.requirements = after
    request.save(update_fields=["requirements"])
    authorization.changed_at = now
    authorization.save(update_fields=["changed_at"])
    append(
        organization_id=authorization.organization_id,
        actor=actor,
        action=Action.AUTHORIZATION_REDECIDED,
        subject_kind="authorization",
        subject_id=to_public(Prefix.AUTHORIZATION, authorization.id),
        before={"requirements": before},
        after={"requirements": after, "outcome": decision.outcome.value, "reasons": list(decision.reasons)},
        now=now,
    )


def _moves_still_to_make(situation: Situation, decision: Decision, posted: frozenset[int]) -> list[Move]:
    """Counters that the hold is in already were judged without it under the gates.

    They hold it, so only others move.
    """
    ids = situation.counter_ids
    # A ring that the hold is not in has run past its ask: it cannot judge that window, which was summed from the holds,
    # and nothing asked now moves in it.
    wanted = [
        Move(ids[move.key.digest], move.amount, None if move.key.rolling_seconds else move.cap)
        for move in decision.moves
    ]
    return [move for move in wanted if move.counter_id not in posted]


def _decline(authorization: Authorization, actor: Actor, now: datetime) -> None:
    hold = hold_of(authorization.id)
    if hold is not None:
        release_rest(hold)
    move_to(authorization, Status.DECLINED, actor=actor, now=now, reason="redecided")


def _keep(authorization: Authorization, situation: Situation, decision: Decision) -> None:
    authorization.redecision = decision_to_plain(decision)
    authorization.redecision_facts = orjson.loads(stored_facts(situation))
    authorization.save(update_fields=["redecision", "redecision_facts"])


def _set_aside(due: Sequence[Review], authorization: Authorization, why: str, now: datetime) -> None:
    """Drop yeses given before somebody stopped the agent: whoever wants it paid after a thaw says so again."""
    _close(due, ReviewEnd.SET_ASIDE, now)
    for one in due:
        told = {"reviewer": _person(one).id, "verdict": one.verdict, "reason": why}
        _tell(Action.AUTHORIZATION_REVIEW_SET_ASIDE, authorization, told, SYSTEM, now)


def _tell_counted(due: Sequence[Review], authorization: Authorization, now: datetime) -> None:
    for one in due:
        _tell(Action.AUTHORIZATION_REVIEW_COUNTED, authorization, {"verdict": one.verdict}, _person(one), now)


def _close(reviews: Sequence[Review], end: ReviewEnd, now: datetime) -> None:
    Review.objects.filter(id__in=[one.id for one in reviews]).update(closed_at=now, closed_as=end.value)


def _person(review: Review) -> Actor:
    """Return the reviewer as the actor of what the review does."""
    return Actor(
        ActorKind.PERSON, to_public(Prefix.PERSON, review.person_id), review.person.name, review.organization_id
    )


def _tell(action: Action, authorization: Authorization, after: dict[str, str], actor: Actor, now: datetime) -> None:
    append(
        organization_id=authorization.organization_id,
        actor=actor,
        action=action,
        subject_kind="authorization",
        subject_id=to_public(Prefix.AUTHORIZATION, authorization.id),
        after=after,
        now=now,
    )
