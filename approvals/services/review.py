"""A person's answer: checked against what was shown and stored at once, taken back while it has not taken effect."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from approvals.lifecycle import NEVER_GIVEN, UNDO_TIME, ReviewEnd, Status
from approvals.models import ApprovalRequest, Authorization, Review
from approvals.routing import Reviewer, is_asked, is_quorum_met, requirements_from
from approvals.selectors.evidence import present_evidence
from approvals.selectors.inbox import is_to_be_confirmed
from approvals.selectors.reviewers import yeses_given
from approvals.selectors.situation import read_asker
from approvals.services.transition import keep_clock, lock_authorization
from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.canonical import moment_text
from core.db import use_case
from core.errors import Conflict, Invalid, NotAllowed, NotFound
from core.ids import Prefix, new_id, to_public
from people.models import Member
from people.roles import Right, rights_of
from people.selectors import SecondFactor, second_factor_of

LONGEST_REASON: Final = 1000
APPROVE: Final = "approve"
REJECT: Final = "reject"
SECOND_FACTOR: Final = "second_factor_required"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A stored answer: it takes effect at `effective_at`, until then `withdraw` takes it back."""

    review_id: UUID
    verdict: str
    effective_at: datetime


@use_case
def approve(
    authorization_id: UUID,
    *,
    member: Member,
    evidence_digest: str,
    reason: str,
    actor: Actor,
    now: datetime,
    is_confirmed: bool = False,
    second_factor_at: datetime | None = None,
) -> Reviewed:
    """Store this member's yes; once it is effective and the quorum is met, the request is decided again.

    `evidence_digest` is that of the evidence shown, `second_factor_at` when the member last proved theirs. Raises
    `Conflict`: `evidence_changed` (amount, payee, outcome or room are not as shown; look again), `frozen`,
    `agent_retired`, `not_pending`, `already_reviewed`, `answered_meanwhile` (others were faster, their answers take
    effect in a moment); `NotAllowed` (`own_agent`, `not_a_reviewer`, `not_asked`). Above the organization's
    confirmation amount: `Invalid` (`confirmation_required`) where the member has not said so twice, `NotAllowed`
    (`second_factor_required`) where they have a second factor and have not proven it lately.
    """
    request = _open_question(authorization_id, member, now)
    authorization = request.authorization
    _demand_asked(request, member)
    _demand_needed(request)
    _demand_as_shown(authorization, evidence_digest, now)
    said = {"verdict": APPROVE}
    if is_to_be_confirmed(authorization):
        if not is_confirmed:
            raise Invalid(
                "confirmation_required", "The amount is one that is confirmed before it counts.", field="confirmed"
            )
        said |= _demand_second_factor(member, second_factor_at, now)
    return _store_review(request, member, reason, evidence_digest, said, actor, now)


@use_case
def reject(authorization_id: UUID, *, member: Member, reason: str, actor: Actor, now: datetime) -> Reviewed:
    """Store this member's no; once effective, one ends the request.

    While it is on its way, no yes is followed. Raises as `approve` does, and `reason_required`.
    """
    if not reason.strip():
        raise Invalid(
            "reason_required",
            "Say why, so that the app and the auditor can read it.",
            field="reason",
        )
    request = _open_question(authorization_id, member, now)
    return _store_review(request, member, reason, "", {"verdict": REJECT}, actor, now)


@use_case
def withdraw(review_id: UUID, *, member: Member, actor: Actor, now: datetime) -> Authorization:
    """Take this member's own answer back before it takes effect: as if it had not been given; twice changes nothing.

    Returns the authorization, which the member may answer again. Raises `Conflict` (`too_late`), and `NotFound` where
    it is somebody else's.
    """
    own = Review.objects.filter(id=review_id, organization_id=member.organization_id, person_id=member.person_id)
    found = own.select_related("request").first()
    if found is None:
        raise NotFound()
    authorization = lock_authorization(found.request.authorization_id, organization_id=member.organization_id)
    review = own.select_related("request").get()
    if review.closed_as == ReviewEnd.WITHDRAWN:
        return authorization
    if review.closed_at is not None or review.effective_at <= now:
        raise Conflict("too_late", "This answer has taken effect already.", status_now=authorization.status)
    review.closed_at, review.closed_as = now, ReviewEnd.WITHDRAWN.value
    review.save(update_fields=["closed_at", "closed_as"])
    keep_clock(authorization, review.request)
    _tell(Action.AUTHORIZATION_REVIEW_WITHDRAWN, review.request, {"verdict": review.verdict}, actor, now)
    return authorization


def _open_question(authorization_id: UUID, member: Member, now: datetime) -> ApprovalRequest:
    authorization = lock_authorization(authorization_id, organization_id=member.organization_id)
    current = Member.objects.filter(id=member.id, removed_at__isnull=True).first()
    if current is None or Right.REVIEW not in rights_of(current.roles):
        raise NotAllowed("not_a_reviewer", "Your roles do not let you review payments.")
    if authorization.agent.owner_id == member.person_id:
        raise NotAllowed("own_agent", "You own this agent; somebody else has to review its payments.")
    request = ApprovalRequest.objects.filter(authorization=authorization).first()
    # The question's own end: the clock of the authorization stands still while an answer is on its way.
    if request is None or authorization.status != Status.PENDING_REVIEW or request.expires_at <= now:
        is_over = authorization.status == Status.PENDING_REVIEW
        raise Conflict(
            "not_pending",
            "This request has been decided or has expired meanwhile.",
            status_now=Status.EXPIRED.value if is_over else authorization.status,
        )
    request.authorization = authorization
    given = request.reviews.exclude(closed_as__in=NEVER_GIVEN)
    if given.filter(person_id=member.person_id).exists():
        raise Conflict("already_reviewed", "You have answered this request already.")
    refused = given.filter(verdict=REJECT).select_related("person").first()
    if refused is not None:
        raise Conflict("answered_meanwhile", f"{refused.person.name} was faster and has rejected it.")
    return request


def _demand_asked(request: ApprovalRequest, member: Member) -> None:
    reviewer = Reviewer(to_public(Prefix.PERSON, member.person_id), frozenset(member.roles))
    needs = requirements_from(request.requirements)
    if needs and not any(is_asked(need, reviewer) for need in needs):
        raise NotAllowed("not_asked", "The rule asks other people for their approval.")


def _demand_needed(request: ApprovalRequest) -> None:
    """Refuse a yes beyond what is asked for: nothing is left to decide once those on their way are effective."""
    on_its_way = request.reviews.filter(closed_at__isnull=True).select_related("person").order_by("at", "id").last()
    if on_its_way is None:
        return
    if is_quorum_met(requirements_from(request.requirements), yeses_given(request)):
        who = on_its_way.person.name
        raise Conflict("answered_meanwhile", f"{who} was faster: all approvals it needs have been given.")


def _demand_as_shown(authorization: Authorization, evidence_digest: str, now: datetime) -> None:
    asker = read_asker(authorization.agent_id)
    if asker.is_retired:
        raise Conflict("agent_retired", "The agent has been retired; nothing it asked for is approved any more.")
    if asker.frozen:
        raise Conflict(
            "frozen",
            "The agent or the organization is frozen. Thaw it first, or reject.",
        )
    shown = present_evidence(authorization.id, organization_id=authorization.organization_id, now=now)
    if shown.digest != evidence_digest:
        raise Conflict(
            "evidence_changed",
            "The payment, its payee or the room under a limit is not as shown. Look again.",
        )


def _demand_second_factor(member: Member, second_factor_at: datetime | None, now: datetime) -> dict[str, str]:
    """Refuse a yes of somebody who still has to prove their second factor; return what is told of the proof."""
    stands = second_factor_of(member.person_id, second_factor_at, now=now)
    if stands is SecondFactor.OWED:
        raise NotAllowed(SECOND_FACTOR, "The amount is one that you approve with your second factor.")
    if stands is SecondFactor.NONE or second_factor_at is None:
        return {}
    return {"second_factor_proven_at": moment_text(second_factor_at)}


def _store_review(
    request: ApprovalRequest,
    member: Member,
    reason: str,
    evidence: str,
    said: dict[str, str],
    actor: Actor,
    now: datetime,
) -> Reviewed:
    review = Review.objects.create(
        id=new_id(now),
        organization_id=request.organization_id,
        request=request,
        person_id=member.person_id,
        verdict=said["verdict"],
        reason=reason.strip()[:LONGEST_REASON],
        evidence_digest=evidence,
        at=now,
        effective_at=now + UNDO_TIME,
    )
    keep_clock(request.authorization, request)
    _tell(Action.AUTHORIZATION_REVIEWED, request, {**said, "reason": review.reason}, actor, now)
    return Reviewed(review.id, review.verdict, review.effective_at)


def _tell(action: Action, request: ApprovalRequest, after: dict[str, str], actor: Actor, now: datetime) -> None:
    append(
        organization_id=request.organization_id,
        actor=actor,
        action=action,
        subject_kind="authorization",
        subject_id=to_public(Prefix.AUTHORIZATION, request.authorization_id),
        after=after,
        now=now,
    )
