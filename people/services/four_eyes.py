"""Four eyes: a change that may let more money pass waits for a second person, bound to its exact content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet

from audit.catalogue import Action
from audit.services import append
from core.actor import ACTOR_NAME_LENGTH, SYSTEM, Actor, ActorKind
from core.canonical import digest, plain
from core.db import must_be_in_transaction
from core.ids import Prefix, from_public, new_id, to_public
from people.models import Agreement, ChangeEnd, ChangeKind, Member, Organization, OrganizationKey, PendingChange
from people.roles import Right

WAITING_TIME: Final = timedelta(days=7)
"""A change that nobody looked at for a week was not urgent, and may no longer be meant."""
MOST_SENTENCES: Final = 200
"""Sentences on what loosens; a document of fifty rules that all change has fewer."""
T = TypeVar("T")

RIGHTS: Final[Mapping[ChangeKind, Right]] = {
    ChangeKind.POLICY: Right.MANAGE_POLICIES,
    ChangeKind.POLICIES: Right.MANAGE_POLICIES,
    ChangeKind.COUNTERPARTY: Right.MANAGE_COUNTERPARTIES,
    ChangeKind.PEGS: Right.MANAGE_COUNTERPARTIES,
    ChangeKind.AGENT: Right.MANAGE_AGENTS,
    ChangeKind.MEMBER: Right.MANAGE_MEMBERS,
    ChangeKind.SETTINGS: Right.MANAGE_SETTINGS,
}
"""What somebody needs who makes such a change, and who agrees to it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change as it would be made: of what (by public id), how it is called, and the exact content.

    `loosens` says in sentences what may let more money pass; `before` is what stands in its place now.
    """

    kind: ChangeKind
    subject_id: str
    title: str
    content: Mapping[str, Any]
    loosens: Sequence[str]
    before: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Awaiting:
    """A change that was not made: it waits for a second person under this id."""

    change_id: UUID

    @property
    def public_id(self) -> str:
        """`chg_…`."""
        return to_public(Prefix.CHANGE, self.change_id)


def at_once(result: T | Awaiting) -> T:
    """Return what a change has come to where nothing waits: in an organization that wants no four eyes."""
    assert not isinstance(result, Awaiting), "nobody is to be waited for"
    return result


def needs_second_person(organization_id: UUID) -> bool:
    """Say whether the organization wants four eyes on what loosens; read behind the gate that the caller holds."""
    return Organization.objects.filter(pk=organization_id, needs_four_eyes=True).exists()


def propose(organization_id: UUID, proposal: Proposal, *, actor: Actor, now: datetime) -> Awaiting:
    """Store a change for a second person, in place of another one of the same subject; a step.

    The same content again is the same change. The caller holds the subject's lock.
    """
    must_be_in_transaction()
    content_digest = digest([proposal.kind, proposal.subject_id, proposal.content])
    present = _open(organization_id, proposal.subject_id)
    if present is not None and present.digest == content_digest and present.expires_at > now:
        return Awaiting(present.pk)
    if present is not None:
        is_over = present.expires_at <= now
        reason = "" if is_over else "Another one was proposed in its place."
        close(present, ChangeEnd.EXPIRED if is_over else ChangeEnd.VOIDED, reason=reason, actor=actor, now=now)
    change = PendingChange.objects.create(
        id=new_id(now),
        organization_id=organization_id,
        kind=proposal.kind.value,
        subject_id=proposal.subject_id,
        title=proposal.title,
        content=dict(proposal.content),
        before=plain(proposal.before),
        digest=content_digest,
        loosens=list(proposal.loosens[:MOST_SENTENCES]),
        proposed_by_kind=actor.kind.value,
        proposed_by_id=actor.id,
        proposed_by_name=actor.name[:ACTOR_NAME_LENGTH],
        proposed_by_person_id=person_behind(actor),
        created_at=now,
        expires_at=now + WAITING_TIME,
    )
    tell_change(Action.CHANGE_PROPOSED, change, actor=actor, now=now)
    return Awaiting(change.pk)


def void_change_of(organization_id: UUID, subject_id: str, *, actor: Actor, now: datetime) -> None:
    """Void what waits for this subject: it was changed meanwhile, and nobody agreed to both; a step."""
    void_changes_of(organization_id, (subject_id,), actor=actor, now=now)


def void_changes_of(
    organization_id: UUID, subject_ids: Sequence[str], *, and_naming: bool = False, actor: Actor, now: datetime
) -> None:
    """Void what waits for any of these subjects, as `void_change_of` does; a step.

    `and_naming` voids what waits for several subjects as well and names one of these; only who holds the gate asks for
    it, for whoever agrees to such a change locks that first and what it names afterwards.
    """
    must_be_in_transaction()
    about = Q(subject_id__in=subject_ids)
    if and_naming:
        about |= Q(content__subjects__has_any_keys=list(subject_ids))
    for present in _waiting(organization_id).filter(about).order_by("id"):
        close(present, ChangeEnd.VOIDED, reason="The subject was changed meanwhile.", actor=actor, now=now)


def close(
    change: PendingChange,
    end: ChangeEnd,
    *,
    reason: str,
    agreed_by: Sequence[Agreement] = (),
    actor: Actor,
    now: datetime,
) -> None:
    """Let a locked change wait no longer, and tell it; a step."""
    must_be_in_transaction()
    change.closed_at, change.closed_as, change.reason = now, end.value, reason
    change.closed_by_id, change.closed_by_name = actor.id, actor.name[:ACTOR_NAME_LENGTH]
    if end is ChangeEnd.APPROVED:
        change.closed_by_person_id = person_behind(actor)
    change.save(
        update_fields=["closed_at", "closed_as", "reason", "closed_by_id", "closed_by_name", "closed_by_person"]
    )
    by = SYSTEM if end is ChangeEnd.EXPIRED else actor
    tell_change(ENDS[end], change, agreed_by=agreed_by, actor=by, now=now)


def person_behind(actor: Actor) -> UUID | None:
    """Return the person who acts, or who issued the key that acts; None for the system itself."""
    if actor.kind is ActorKind.PERSON:
        return from_public(Prefix.PERSON, actor.id)
    if actor.kind is ActorKind.ORGANIZATION_KEY:
        key = OrganizationKey.objects.filter(pk=from_public(Prefix.KEY, actor.id))
        return key.values_list("created_by_id", flat=True).first()
    return None


def may_still(change: PendingChange, *, now: datetime) -> bool:
    """Say whether who proposed may make such a change today: roles and keys are read again."""
    if change.proposed_by_kind == ActorKind.ORGANIZATION_KEY:
        key = from_public(Prefix.KEY, change.proposed_by_id)
        lives = Q(expires_at=None) | Q(expires_at__gt=now)
        return OrganizationKey.objects.filter(lives, pk=key, revoked_at=None).exists()
    if change.proposed_by_kind != ActorKind.PERSON:
        return True
    assert change.proposed_by_person_id is not None, "a person proposed"
    members = Member.objects.filter(organization_id=change.organization_id, person_id=change.proposed_by_person_id)
    member = members.first()
    return member is not None and member.may(RIGHTS[ChangeKind(change.kind)])


def tell_change(
    action: Action, change: PendingChange, *, agreed_by: Sequence[Agreement] = (), actor: Actor, now: datetime
) -> None:
    """Append the event of a change to the history of its subject."""
    append(
        organization_id=change.organization_id,
        actor=actor,
        action=action,
        subject_kind=change.kind,
        subject_id=change.subject_id,
        before=None,
        after={
            "name": change.title,
            "change": to_public(Prefix.CHANGE, change.pk),
            "digest": change.digest,
            "loosens": change.loosens,
            "agreed_by": [to_public(Prefix.PERSON, one.person_id) for one in agreed_by],
            "reason": change.reason,
        },
        now=now,
    )


ENDS: Final = {
    ChangeEnd.APPROVED: Action.CHANGE_APPROVED,
    ChangeEnd.REJECTED: Action.CHANGE_REJECTED,
    ChangeEnd.VOIDED: Action.CHANGE_VOIDED,
    ChangeEnd.EXPIRED: Action.CHANGE_EXPIRED,
}
"""What the history says of each end."""


def _open(organization_id: UUID, subject_id: str) -> PendingChange | None:
    return _waiting(organization_id).filter(subject_id=subject_id).first()


def _waiting(organization_id: UUID) -> QuerySet[PendingChange]:
    waiting = PendingChange.objects.select_for_update(of=("self",))
    return waiting.filter(organization_id=organization_id, closed_at=None)
