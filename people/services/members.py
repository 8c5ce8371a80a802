"""Members: added, given other roles, removed; the last owner stays.

Whoever could name those who agree could name themselves under another address: where four eyes are wanted, a role that
lets somebody agree waits for a second person, however it comes.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.db import must_be_in_transaction, use_case
from core.errors import Conflict, Invalid, NotAllowed, NotFound
from core.ids import Prefix, new_id, to_public
from people.models import ChangeKind, Member, Person
from people.roles import Right, Role, rights_of
from people.services.agreements import withdraw_agreements
from people.services.epoch import raise_epoch, stop_and_lock_organization
from people.services.four_eyes import RIGHTS, Awaiting, Proposal, needs_second_person, propose, void_change_of
from people.services.persons import NewPerson, create_person, tell_created


@use_case
def add_member(*, organization_id: UUID, person: Person, roles: Collection[str], actor: Actor, now: datetime) -> Member:
    """Make a person a member. Raises `Conflict` (`already_member`); who was removed comes back as the same member."""
    stop_and_lock_organization(organization_id)
    member = enroll(organization_id=organization_id, person=person, roles=roles, now=now)
    append_member_event(Action.MEMBER_ADDED, member, after=member_facts(member), actor=actor, now=now)
    return member


@use_case
def add_new_member(
    *, organization_id: UUID, new: NewPerson, roles: Collection[str], actor: Actor, now: datetime
) -> Member:
    """Create an account and make it a member, for commands; people come by invitation.

    Raises `Conflict` (`person_exists`) where the mail address has an account.
    """
    stop_and_lock_organization(organization_id)
    person = create_person(new, now=now)
    tell_created(person, organization_id=organization_id, actor=actor, now=now)
    member = enroll(organization_id=organization_id, person=person, roles=roles, now=now)
    append_member_event(Action.MEMBER_ADDED, member, after=member_facts(member), actor=actor, now=now)
    return member


@use_case
def change_roles(
    *, organization_id: UUID, member_id: UUID, roles: Collection[str], by: Member, actor: Actor, now: datetime
) -> Member | Awaiting:
    """Give a member other roles; `by` is who does it, whose rights are read again behind the lock.

    Where four eyes are wanted, a right to agree to changes that comes with them waits for a second person.

    Raises `NotAllowed` (`owners_only`, `right_missing`) and `Conflict` (`last_owner`).
    """
    stop_and_lock_organization(organization_id)
    member = _present(organization_id, member_id)
    wanted = known_roles(roles)
    demand_right_over(by, organization_id=organization_id, touched={*member.roles, *wanted})
    if wanted == member.roles:
        return member
    if agrees_to_more(member.roles, wanted) and needs_second_person(organization_id):
        return propose_roles(member, wanted, actor=actor, now=now)
    return _give(member, wanted, actor=actor, now=now)


def apply_roles(
    organization_id: UUID, member_id: UUID, roles: Collection[str], *, by: UUID, actor: Actor, now: datetime
) -> None:
    """Give the roles that a second person agreed to, and the person `by` proposed; a step. Raises as `change_roles`."""
    stop_and_lock_organization(organization_id)
    member, wanted = _present(organization_id, member_id), known_roles(roles)
    proposer = Member.objects.get(organization_id=organization_id, person_id=by)
    demand_right_over(proposer, organization_id=organization_id, touched={*member.roles, *wanted})
    _give(member, wanted, actor=actor, now=now)


def propose_roles(member: Member, roles: Sequence[str], *, actor: Actor, now: datetime) -> Awaiting:
    """Let roles wait for a second person; a step behind `stop_and_lock_organization`."""
    who = f"{member.person.name} ({member.person.email})"
    proposal = Proposal(
        kind=ChangeKind.MEMBER,
        subject_id=to_public(Prefix.MEMBER, member.pk),
        title=f"Make {member.person.name} {', '.join(roles)}",
        content={"roles": list(roles)},
        loosens=[f"{who} may say yes, as {', '.join(roles)}, to payments or to what others propose."],
        before={"roles": list(member.roles)},
    )
    return propose(member.organization_id, proposal, actor=actor, now=now)


def agrees_to_more(before: Collection[str], after: Collection[str]) -> bool:
    """Say whether other roles let somebody say yes where they could not: to changes, or to payments."""
    return bool((rights_of(after) - rights_of(before)) & {*RIGHTS.values(), Right.REVIEW})


@use_case
def remove_member(*, organization_id: UUID, member_id: UUID, by: Member, actor: Actor, now: datetime) -> None:
    """End a membership; the person's next request no longer sees the organization.

    Raises `NotAllowed` (`owners_only`, `right_missing`) and `Conflict` (`last_owner`).
    """
    stop_and_lock_organization(organization_id)
    member = _present(organization_id, member_id)
    demand_right_over(by, organization_id=organization_id, touched=member.roles)
    _keep_an_owner(member)
    before = member_facts(member)
    member.removed_at = now
    member.save(update_fields=["removed_at"])
    raise_epoch(organization_id)
    withdraw_agreements(member, actor=actor, now=now)
    void_change_of(organization_id, to_public(Prefix.MEMBER, member.pk), actor=actor, now=now)
    append_member_event(Action.MEMBER_REMOVED, member, before=before, actor=actor, now=now)


def enroll(*, organization_id: UUID, person: Person, roles: Collection[str], now: datetime) -> Member:
    """Store a membership behind `stop_and_lock_organization`, without its event; a step."""
    must_be_in_transaction()
    member = Member.objects.filter(organization_id=organization_id, person=person).first()
    if member is not None and member.removed_at is None:
        raise Conflict("already_member", f"{person} is already a member.")
    if member is None:
        member = Member(id=new_id(now), organization_id=organization_id, person=person, created_at=now)
    member.roles, member.removed_at = known_roles(roles), None
    member.save()
    raise_epoch(organization_id)
    return member


def known_roles(roles: Collection[str]) -> list[str]:
    """Return `roles` in the order of the table, each once; raises `Invalid` (`roles_missing`, `role_unknown`)."""
    if not roles:
        raise Invalid("roles_missing", "A member has at least one role.", field="roles")
    if unknown := sorted(set(roles) - set(Role)):
        raise Invalid("role_unknown", f"There is no role {unknown[0]!r}.", field="roles")
    return [role.value for role in Role if role in roles]


def demand_right_over(by: Member, *, organization_id: UUID, touched: Collection[str]) -> None:
    """Raise `NotAllowed` unless `by` may, as of now, manage members with the `touched` roles."""
    present = Member.objects.filter(organization_id=organization_id, pk=by.pk, removed_at=None).first()
    if present is None or not present.may(Right.MANAGE_MEMBERS):
        raise NotAllowed("right_missing", "Your roles do not include managing members.")
    if Role.OWNER in touched and not present.may(Right.MANAGE_OWNERS):
        raise NotAllowed("owners_only", "Only an owner makes, changes or removes an owner.")


def member_facts(member: Member) -> dict[str, object]:
    """Return a membership as the history shows it."""
    return {
        "person": to_public(Prefix.PERSON, member.person_id),
        "email": member.person.email,
        "roles": list(member.roles),
    }


def _present(organization_id: UUID, member_id: UUID) -> Member:
    members = Member.objects.filter(organization_id=organization_id, pk=member_id, removed_at=None)
    member = members.select_related("person").first()
    if member is None:
        raise NotFound()
    return member


def _give(member: Member, roles: list[str], *, actor: Actor, now: datetime) -> Member:
    if Role.OWNER not in roles:
        _keep_an_owner(member)
    before = member_facts(member)
    member.roles = roles
    member.save(update_fields=["roles"])
    raise_epoch(member.organization_id)
    withdraw_agreements(member, actor=actor, now=now)
    void_change_of(member.organization_id, to_public(Prefix.MEMBER, member.pk), actor=actor, now=now)
    append_member_event(
        Action.MEMBER_ROLES_CHANGED, member, before=before, after=member_facts(member), actor=actor, now=now
    )
    return member


def _keep_an_owner(member: Member) -> None:
    """Raise `Conflict` where `member` is the only owner left."""
    owners = Member.objects.filter(
        organization_id=member.organization_id, removed_at=None, roles__contains=[Role.OWNER]
    )
    if Role.OWNER in member.roles and not owners.exclude(pk=member.pk).exists():
        raise Conflict("last_owner", "The last owner cannot go. Make somebody else an owner first.")


def append_member_event(
    action: Action,
    member: Member,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Write what happened to a membership into the history; a step."""
    append(
        organization_id=member.organization_id,
        actor=actor,
        action=action,
        subject_kind="member",
        subject_id=to_public(Prefix.MEMBER, member.id),
        before=before,
        after=after,
        now=now,
    )
