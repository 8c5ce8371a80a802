"""A person's answer: stored once, and at quorum the request is decided again on the world as it is now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import orjson

from approvals.lifecycle import Status
from approvals.models import ApprovalRequest, Authorization, Review
from approvals.routing import Reviewer, is_asked, is_quorum_met, requirements_from
from approvals.selectors.evidence import evidence_of
from approvals.selectors.inbox import is_to_be_confirmed
from approvals.selectors.overdue import without_overdue
from approvals.selectors.situation import Situation, ask_of_authorization, look, read_asker
from approvals.services.authorize import stored_facts
from approvals.services.expire import expire_due
from approvals.services.transition import (
    lock_authorization,
    move_to,
    release_rest,
)
from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.canonical import plain
from core.db import use_case
from core.errors import Conflict, Invalid, NotAllowed, Unavailable
from core.ids import Prefix, new_id, to_public
from people.models import Member
from people.roles import Right, rights_of
from policies.engine.evaluate import evaluate
from policies.engine.stored import decision_to_plain
from policies.engine.types import Decision, Outcome
from spend.selectors.holds import counters_of, hold_of
from spend.services.counters import open_counters
from spend.services.holds import Move, post_hold

ATTEMPTS: Final = 5
LONGEST_REASON: Final = 1000


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a review led to: the authorization's status now, and how many yeses are still missing."""

    status: Status
    is_decided: bool


class _Missing(Exception):
    def __init__(self, situation: Situation) -> None:
        super().__init__()
        self.situation = situation


class _DeadRoom(Exception):
    """Overdue holds take room where the decision looks: roll back, expire them, decide again."""


class _NoRoom(Exception):
    """Room went while the yes was being stored: roll back and decide again."""


def approve(
    authorization_id: UUID,
    *,
    member: Member,
    evidence_digest: str,
    reason: str,
    actor: Actor,
    now: datetime,
    is_confirmed: bool = False,
) -> Reviewed:
    """Store this member's yes; at quorum decide again, and approve only if that still lets people say so.

    `evidence_digest` is that of the evidence shown. Raises `Conflict`: `evidence_changed` (amount, payee, outcome or
    room are not as shown; look again), `frozen`, `agent_retired`, `not_pending`, `already_reviewed`; `NotAllowed`
    (`own_agent`, `not_a_reviewer`); `Invalid` (`confirmation_required`) above the organization's confirmation amount
    where the member has not said so twice.
    """
    for _ in range(ATTEMPTS):
        try:
            return _approve(authorization_id, member, evidence_digest, reason, actor, now, is_confirmed=is_confirmed)
        except _Missing as missing:
            asker = missing.situation.asker
            open_counters(
                asker.organization_id,
                asker.agent_id,
                missing.situation.missing,
                now=now,
            )
        except _DeadRoom:
            expire_due(now=now, organization_id=member.organization_id)
        except _NoRoom:
            continue
    raise Unavailable()


@use_case
def reject(authorization_id: UUID, *, member: Member, reason: str, actor: Actor, now: datetime) -> Reviewed:
    """Store this member's no.

    One ends the request, the hold is released. Raises as `approve` does, and `reason_required`.
    """
    if not reason.strip():
        raise Invalid(
            "reason_required",
            "Say why, so that the app and the auditor can read it.",
            field="reason",
        )
    authorization, request = _open_question(authorization_id, member, now)
    _store_review(request, member, "reject", reason, "", actor, now)
    hold = hold_of(authorization.id)
    if hold is not None:
        release_rest(hold)
    move_to(
        authorization,
        Status.DECLINED,
        actor=actor,
        now=now,
        reason=reason.strip()[:LONGEST_REASON],
    )
    return Reviewed(Status.DECLINED, is_decided=True)


@use_case
def _approve(
    authorization_id: UUID,
    member: Member,
    evidence_digest: str,
    reason: str,
    actor: Actor,
    now: datetime,
    *,
    is_confirmed: bool,
) -> Reviewed:
    authorization, request = _open_question(authorization_id, member, now)
    asker = read_asker(authorization.agent_id)
    if asker.is_retired:
        raise Conflict("agent_retired", "The agent has been retired; nothing it asked for is approved any more.")
    if asker.frozen:
        raise Conflict(
            "frozen",
            "The agent or the organization is frozen. Thaw it first, or reject.",
        )
    ask = ask_of_authorization(authorization)
    situation = look(asker, ask, asked_at=authorization.asked_at, now=now, own=authorization.id)
    if situation.missing:
        raise _Missing(situation)
    if without_overdue(situation, now=now, own=authorization.id) != situation:
        raise _DeadRoom
    decision = evaluate(situation.payment, situation.policies, situation.facts)
    if evidence_of(authorization, situation, decision).digest != evidence_digest:
        raise Conflict(
            "evidence_changed",
            "The payment, its payee or the room under a limit is not as shown. Look again.",
        )
    if not is_confirmed and is_to_be_confirmed(authorization):
        raise Invalid(
            "confirmation_required", "The amount is one that is confirmed before it counts.", field="confirmed"
        )
    _store_review(request, member, "approve", reason, evidence_digest, actor, now)
    return _settle(authorization, request, situation, decision, actor, now)


def _settle(
    authorization: Authorization,
    request: ApprovalRequest,
    situation: Situation,
    decision: Decision,
    actor: Actor,
    now: datetime,
) -> Reviewed:
    """Follow at quorum what the policies of now say: deny declines, an unmet review rule keeps asking."""
    yeses = approvals_of(request, owner_id=authorization.agent.owner_id)
    if not is_quorum_met(requirements_from(request.requirements), yeses):
        return Reviewed(Status.PENDING_REVIEW, is_decided=False)
    if decision.outcome is Outcome.DENY:
        _keep(authorization, situation, decision)
        return _decline(authorization, actor, now)
    _keep(authorization, situation, decision)
    if not is_quorum_met(decision.requirements, yeses):
        _ask_for_more(authorization, request, decision, actor, now)
        return Reviewed(Status.PENDING_REVIEW, is_decided=False)
    hold = hold_of(authorization.id)
    assert hold is not None, "a pending authorization has a hold"
    posted = counters_of(hold.id)
    moves = _moves_still_to_make(situation, decision, posted)
    if not post_hold(hold.id, moves, asked_at=authorization.asked_at):
        raise _NoRoom
    ends = now + timedelta(seconds=situation.asker.approval_ttl_seconds)
    move_to(authorization, Status.APPROVED, actor=actor, now=now, expires_at=ends)
    return Reviewed(Status.APPROVED, is_decided=True)


def _ask_for_more(
    authorization: Authorization, request: ApprovalRequest, decision: Decision, actor: Actor, now: datetime
) -> None:
    """Keep the question open with what the rules of now ask for, and the decision that says so."""
    before, after = request.requirements, plain(decision.requirements)
    request.requirements = after
    request.save(update_fields=["requirements"])
    authorization.changed_at = now
    authorization.save(update_fields=["changed_at", "redecision", "redecision_facts"])
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


def _decline(authorization: Authorization, actor: Actor, now: datetime) -> Reviewed:
    hold = hold_of(authorization.id)
    if hold is not None:
        release_rest(hold)
    move_to(authorization, Status.DECLINED, actor=actor, now=now, reason="redecided")
    return Reviewed(Status.DECLINED, is_decided=True)


def _keep(authorization: Authorization, situation: Situation, decision: Decision) -> None:
    authorization.redecision = decision_to_plain(decision)
    authorization.redecision_facts = orjson.loads(stored_facts(situation))


def approvals_of(request: ApprovalRequest, *, owner_id: UUID | None) -> Sequence[Reviewer]:
    """Return who said yes and still may.

    A member who was removed, has lost the right or has come to own the agent since then no longer counts.
    """
    people = request.reviews.filter(verdict="approve").values_list("person_id", flat=True)
    members = Member.objects.filter(
        organization_id=request.organization_id,
        person_id__in=people,
        removed_at__isnull=True,
    )
    return [
        Reviewer(to_public(Prefix.PERSON, member.person_id), frozenset(member.roles))
        for member in members
        if member.person_id != owner_id and Right.REVIEW in rights_of(member.roles)
    ]


def _open_question(authorization_id: UUID, member: Member, now: datetime) -> tuple[Authorization, ApprovalRequest]:
    authorization = lock_authorization(authorization_id, organization_id=member.organization_id)
    current = Member.objects.filter(id=member.id, removed_at__isnull=True).first()
    if current is None or Right.REVIEW not in rights_of(current.roles):
        raise NotAllowed("not_a_reviewer", "Your roles do not let you review payments.")
    if authorization.agent.owner_id == member.person_id:
        raise NotAllowed("own_agent", "You own this agent; somebody else has to review its payments.")
    is_over = authorization.expires_at is not None and authorization.expires_at <= now
    if authorization.status != Status.PENDING_REVIEW or is_over:
        raise Conflict(
            "not_pending",
            "This request has been decided or has expired meanwhile.",
            status_now=Status.EXPIRED.value if is_over else authorization.status,
        )
    request = ApprovalRequest.objects.get(authorization=authorization)
    if request.reviews.filter(person_id=member.person_id).exists():
        raise Conflict("already_reviewed", "You have answered this request already.")
    return authorization, request


def _store_review(
    request: ApprovalRequest,
    member: Member,
    verdict: str,
    reason: str,
    evidence: str,
    actor: Actor,
    now: datetime,
) -> None:
    reviewer = Reviewer(to_public(Prefix.PERSON, member.person_id), frozenset(member.roles))
    needs = requirements_from(request.requirements)
    if verdict == "approve" and needs and not any(is_asked(need, reviewer) for need in needs):
        raise NotAllowed("not_asked", "The rule asks other people for their approval.")
    Review.objects.create(
        id=new_id(now),
        organization_id=request.organization_id,
        request=request,
        person_id=member.person_id,
        verdict=verdict,
        reason=reason.strip()[:LONGEST_REASON],
        evidence_digest=evidence,
        at=now,
    )
    append(
        organization_id=request.organization_id,
        actor=actor,
        action=Action.AUTHORIZATION_REVIEWED,
        subject_kind="authorization",
        subject_id=to_public(Prefix.AUTHORIZATION, request.authorization_id),
        after={"verdict": verdict, "reason": reason.strip()[:LONGEST_REASON]},
        now=now,
    )
