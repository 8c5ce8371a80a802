"""A second person agrees to a change that may let more money pass, or does not."""

import logging
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Q

from agents.services.changes import agent_loosens_as_shown, apply_to_agent
from approvals.services.merge import merge_both
from audit.catalogue import Action
from core.actor import SYSTEM, Actor, ActorKind
from core.db import hold_gate_exclusively, must_be_in_transaction, use_case
from core.errors import Conflict, Invalid, NotAllowed, NotFound
from core.ids import Prefix, from_public
from people.models import REASON_LENGTH, ChangeEnd, ChangeKind, Member, PendingChange
from people.services import RIGHTS, agree_to, close, may_still, tell_change, those_who_agree
from people.services.members import apply_roles
from people.services.organizations import apply_settings
from policies.services import apply_to_policy, loosens_as_shown, policy_to_change
from policies.services.code import OUTDATED, Compared, bring_file, compare_again, compare_ahead, does_as_proposed
from spend.services.changes import apply_to_counterparty
from spend.services.pegs import apply_pegs

BATCH_SIZE: Final = 200
"""Changes read at a time. A sweep closes about as many; the next one, some seconds later, takes the next ones."""

LOOSENS_MORE: Final = (
    "What stands beside it is not as it was when this was proposed: more would pass than was shown. Propose it again."
)
"""Why a change of a policy or an agent is not made although somebody agreed to it."""

logger = logging.getLogger(__name__)


def approve_change(
    *, organization_id: UUID, change_id: UUID, digest: str, person_id: UUID, actor: Actor, now: datetime
) -> ChangeEnd | None:
    """Agree to a change as it was shown (`digest`); with the last who must, it is made, and counts from the commit on.

    Returns how the change ended: `approved`, or `voided` and `expired` where it cannot be made any more: then nothing
    else has happened; `None` while it waits for one more person. Raises `NotFound`, `NotAllowed` (`right_missing`,
    `own_change`), `Conflict` (`change_closed`, `change_differs`, `already_agreed`), and what keeps the change itself
    from being made: then it waits on.
    """
    # A file may be long, and payments wait behind the gate: it is compared before it.
    waiting = PendingChange.objects.filter(organization_id=organization_id, pk=change_id, kind=ChangeKind.POLICIES)
    content = waiting.filter(digest=digest, closed_at=None).values_list("content", flat=True).first()
    ahead = None if content is None else compare_ahead(organization_id, content, now=now)
    return _approve(organization_id, change_id, digest, person_id, ahead=ahead, actor=actor, now=now)


@use_case
def _approve(
    organization_id: UUID,
    change_id: UUID,
    digest: str,
    person_id: UUID,
    *,
    ahead: Compared | None,
    actor: Actor,
    now: datetime,
) -> ChangeEnd | None:
    hold_gate_exclusively(organization_id)
    change = _locked(organization_id, change_id)
    if change.digest != digest:
        raise Conflict("change_differs", "This is not the change that was shown. Look at it again.")
    _demand_second_person(change, person_id, actor)
    if change.expires_at <= now:
        close(change, ChangeEnd.EXPIRED, reason="", actor=actor, now=now)
        return ChangeEnd.EXPIRED
    if not may_still(change, now=now):
        reason = "Who proposed it may no longer make such a change."
        close(change, ChangeEnd.VOIDED, reason=reason, actor=actor, now=now)
        return ChangeEnd.VOIDED
    is_file = change.kind == ChangeKind.POLICIES
    file = compare_again(organization_id, change.content, ahead=ahead, now=now) if is_file else None
    if file is not None and not does_as_proposed(file, change.content):
        close(change, ChangeEnd.VOIDED, reason=OUTDATED, actor=actor, now=now)
        return ChangeEnd.VOIDED
    if _loosens_more(change, now):
        close(change, ChangeEnd.VOIDED, reason=LOOSENS_MORE, actor=actor, now=now)
        return ChangeEnd.VOIDED
    agree_to(change, person_id, actor=actor, now=now)
    given = those_who_agree(change)
    if len(given) < change.agreements_needed:
        tell_change(Action.CHANGE_AGREED, change, agreed_by=given, actor=actor, now=now)
        return None
    # From here on it is made: whatever is refused now takes the last agreement back with it.
    close(change, ChangeEnd.APPROVED, reason="", agreed_by=given, actor=actor, now=now)
    if file is not None:
        bring_file(organization_id, file, note=change.content["note"], actor=actor, now=now)
    else:
        _apply(change, actor=actor, now=now)
    return ChangeEnd.APPROVED


@use_case
def reject_change(
    *, organization_id: UUID, change_id: UUID, reason: str, person_id: UUID, actor: Actor, now: datetime
) -> None:
    """Let a change not be made; who proposed it takes it back this way. Raises as `approve_change`, and `Invalid`."""
    reason = reason.strip()
    if not 1 <= len(reason) <= REASON_LENGTH:
        raise Invalid("reason_required", f"Say why, in 1 to {REASON_LENGTH} characters.", field="reason")
    hold_gate_exclusively(organization_id)
    change = _locked(organization_id, change_id)
    if person_id != change.proposed_by_person_id:
        _demand_right(change, person_id)
    close(change, ChangeEnd.REJECTED, reason=reason, actor=actor, now=now)


def expire_changes(*, now: datetime) -> int:
    """Close the changes of everybody that nobody agreed to in time, each in a transaction of its own; return how many.

    One that fails is logged and passed over, however many fail: they keep no other waiting. Until then they wait no
    longer either: nobody can agree to them.
    """
    due = PendingChange.objects.filter(closed_at=None, expires_at__lte=now).order_by("expires_at", "id")
    number, behind = 0, Q()
    while number < BATCH_SIZE and (found := list(due.filter(behind).values_list("expires_at", "pk")[:BATCH_SIZE])):
        number += sum(_expired(change_id, now) for _, change_id in found)
        over_at, last = found[-1]
        behind = Q(expires_at__gt=over_at) | Q(expires_at=over_at, pk__gt=last)
    return number


def _expired(change_id: UUID, now: datetime) -> bool:
    try:
        return _expire_change(change_id, now=now)
    except Exception:
        logger.exception("change %s could not be closed", change_id)
        return False


@use_case
def _expire_change(change_id: UUID, *, now: datetime) -> bool:
    """Close a change whose time is over; False where somebody was faster, or has it in hand."""
    found = PendingChange.objects.select_for_update(skip_locked=True, of=("self",))
    change = found.filter(pk=change_id, closed_at=None, expires_at__lte=now).first()
    if change is None:
        return False
    close(change, ChangeEnd.EXPIRED, reason="", actor=SYSTEM, now=now)
    return True


def _locked(organization_id: UUID, change_id: UUID) -> PendingChange:
    """Return the change, locked behind what it changes: whoever edits that, and voids this, locks in this order."""
    found = PendingChange.objects.filter(organization_id=organization_id, pk=change_id)
    change = found.first()
    if change is None:
        raise NotFound()
    if change.kind == ChangeKind.POLICY:
        policy_to_change(organization_id, from_public(Prefix.POLICY, change.subject_id))
    change = found.select_for_update(of=("self",)).get()
    if change.closed_at is not None:
        raise Conflict("change_closed", f"This change was {change.closed_as} meanwhile.", status_now=change.closed_as)
    return change


def _loosens_more(change: PendingChange, now: datetime) -> bool:
    """Say whether a change of a policy or agent would let pass what nobody was shown; of a file its effect says so."""
    if change.kind == ChangeKind.AGENT:
        agent_id = from_public(Prefix.AGENT, change.subject_id)
        return not agent_loosens_as_shown(change.organization_id, agent_id, change.content, change.loosens)
    if change.kind != ChangeKind.POLICY:
        return False
    policy = policy_to_change(change.organization_id, from_public(Prefix.POLICY, change.subject_id))
    return not loosens_as_shown(policy, change.content, change.loosens, now=now)


def _demand_second_person(change: PendingChange, person_id: UUID, actor: Actor) -> None:
    if actor.kind is not ActorKind.PERSON:
        raise NotAllowed("person_required", "Only a person agrees to a change.")
    _demand_right(change, person_id)
    if change.is_proposed_by(person_id):
        raise NotAllowed("own_change", "Somebody else must agree to what you proposed.")


def _demand_right(change: PendingChange, person_id: UUID) -> None:
    """Read the roles behind the gate: whatever they were when the page was opened, they count as they are now."""
    members = Member.objects.filter(organization_id=change.organization_id, person_id=person_id)
    member = members.first()
    if member is None or not member.may(RIGHTS[ChangeKind(change.kind)]):
        raise NotAllowed("right_missing", "Whoever agrees to a change needs the right to make it.")


def _apply(change: PendingChange, *, actor: Actor, now: datetime) -> None:
    must_be_in_transaction()
    organization_id, content = change.organization_id, change.content
    match ChangeKind(change.kind):
        case ChangeKind.POLICY:
            policy = policy_to_change(organization_id, from_public(Prefix.POLICY, change.subject_id))
            apply_to_policy(policy, content, actor=actor, now=now)
        case ChangeKind.POLICIES:
            raise AssertionError("a file was compared, and is brought, as a whole")
        case ChangeKind.COUNTERPARTY:
            found = from_public(Prefix.COUNTERPARTY, change.subject_id)
            if "merged" in content:
                merged = from_public(Prefix.COUNTERPARTY, content["merged"])
                merge_both(organization_id, found, merged, actor=actor, now=now)
            else:
                apply_to_counterparty(organization_id, found, content, actor=actor, now=now)
        case ChangeKind.PEGS:
            apply_pegs(organization_id, content, actor=actor, now=now)
        case ChangeKind.AGENT:
            agent = from_public(Prefix.AGENT, change.subject_id)
            apply_to_agent(organization_id, agent, content, actor=actor, now=now)
        case ChangeKind.MEMBER:
            member, proposer = from_public(Prefix.MEMBER, change.subject_id), change.proposed_by_person_id
            assert proposer is not None, "only a member proposes members"
            apply_roles(organization_id, member, content["roles"], by=proposer, actor=actor, now=now)
        case ChangeKind.SETTINGS:
            apply_settings(organization_id, content, actor=actor, now=now)
