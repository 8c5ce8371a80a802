"""Invitations: a link makes its bearer a member, once, within seven days, as long as the inviter still may invite."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from audit.catalogue import Action
from audit.services import append
from core.actor import Actor, ActorKind
from core.db import use_case
from core.errors import Conflict, NotAllowed, NotFound
from core.ids import Prefix, new_id, to_public
from people.models import Invitation, Member, Person
from people.roles import Role
from people.selectors import invitation_hash
from people.services.epoch import lock_organization, stop_and_lock_organization
from people.services.four_eyes import needs_second_person
from people.services.members import (
    agrees_to_more,
    append_member_event,
    demand_right_over,
    enroll,
    known_roles,
    member_facts,
    propose_roles,
)
from people.services.persons import NewPerson, create_person, tell_created

INVITATION_LIFE: Final = timedelta(days=7)
SECRET_BYTES: Final = 32
MOST_OPEN_INVITATIONS: Final = 100
"""Open invitations per organization: nobody hands out more links than can be looked through."""


@dataclass(frozen=True, slots=True)
class IssuedInvitation:
    """A fresh invitation with the secret of its link, which is not stored and cannot be shown again."""

    invitation: Invitation
    secret: str = field(repr=False)


@use_case
def invite(
    *, organization_id: UUID, email: str, roles: Collection[str], by: Member, actor: Actor, now: datetime
) -> IssuedInvitation:
    """Store an invitation and return the secret of its link; an earlier open one of this address is withdrawn.

    Raises `NotAllowed` (`owners_only`, `right_missing`) and `Conflict` (`already_member`, `too_many_invitations`).
    """
    lock_organization(organization_id)
    email, wanted = email.strip().lower(), known_roles(roles)
    demand_right_over(by, organization_id=organization_id, touched=wanted)
    if Member.objects.filter(organization_id=organization_id, person__email=email, removed_at=None).exists():
        raise Conflict("already_member", f"{email} is already a member.", field="email")
    opened = Invitation.objects.filter(organization_id=organization_id, accepted_at=None, withdrawn_at=None)
    for earlier in opened.filter(email=email):
        _withdraw(earlier, actor=actor, now=now)
    if opened.filter(expires_at__gt=now).count() >= MOST_OPEN_INVITATIONS:
        raise Conflict("too_many_invitations", f"At most {MOST_OPEN_INVITATIONS} invitations are open at once.")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    invitation = Invitation.objects.create(
        id=new_id(now),
        organization_id=organization_id,
        email=email,
        roles=wanted,
        secret_hash=invitation_hash(secret),
        invited_by=by.person,
        created_at=now,
        expires_at=now + INVITATION_LIFE,
    )
    _append(Action.MEMBER_INVITED, invitation, before=None, actor=actor, now=now)
    return IssuedInvitation(invitation, secret)


@use_case
def withdraw_invitation(*, organization_id: UUID, invitation_id: UUID, actor: Actor, now: datetime) -> None:
    """Make a link worthless; raises `NotFound` where it was accepted, withdrawn or never there."""
    lock_organization(organization_id)
    opened = Invitation.objects.filter(organization_id=organization_id, accepted_at=None, withdrawn_at=None)
    invitation = opened.filter(pk=invitation_id).first()
    if invitation is None:
        raise NotFound()
    _withdraw(invitation, actor=actor, now=now)


@use_case
def accept_invitation(*, secret: str, person: Person, actor: Actor, now: datetime) -> Member:
    """Make a signed-in person a member.

    Where four eyes are wanted, roles that let them agree to changes wait for a second person beside the inviter.

    Raises `NotFound` for a link that no longer counts and `Conflict` (`already_member`).
    """
    return _accept(_open_invitation(secret, now=now), person, actor=actor, now=now)


@use_case
def accept_invitation_as_new_person(
    *, secret: str, name: str, password: str, request_id: str, address: str, now: datetime
) -> Member:
    """Create the account of the invited mail address and make it a member.

    Raises `NotFound` for a link that no longer counts and `Conflict` (`person_exists`) where the address has an
    account: whoever holds the link must then sign in, it opens nobody's account.
    """
    invitation = _open_invitation(secret, now=now)
    person = create_person(NewPerson(invitation.email, name, password), now=now)
    actor = Actor(
        kind=ActorKind.PERSON,
        id=to_public(Prefix.PERSON, person.id),
        name=str(person),
        organization_id=invitation.organization_id,
        request_id=request_id,
        address=address,
    )
    tell_created(person, organization_id=invitation.organization_id, actor=actor, now=now)
    return _accept(invitation, person, actor=actor, now=now)


def _open_invitation(secret: str, *, now: datetime) -> Invitation:
    """Return the invitation of a link behind the lock of its organization's members."""
    found = Invitation.objects.filter(secret_hash=invitation_hash(secret)).first()
    if found is None:
        raise NotFound()
    stop_and_lock_organization(found.organization_id)
    invitation = Invitation.objects.select_related("invited_by").get(pk=found.pk)
    if invitation.accepted_at or invitation.withdrawn_at or invitation.expires_at <= now:
        raise NotFound()
    return invitation


def _accept(invitation: Invitation, person: Person, *, actor: Actor, now: datetime) -> Member:
    inviter = Member.objects.filter(
        organization_id=invitation.organization_id, person_id=invitation.invited_by_id
    ).first()
    if inviter is None:
        raise NotFound()
    try:
        demand_right_over(inviter, organization_id=invitation.organization_id, touched=invitation.roles)
    except NotAllowed as error:
        raise NotFound() from error
    invitation.accepted_at = now
    invitation.save(update_fields=["accepted_at"])
    organization_id, roles = invitation.organization_id, set(invitation.roles)
    is_to_wait = agrees_to_more((), roles) and needs_second_person(organization_id)
    at_once = {one for one in roles if not agrees_to_more((), (one,))} or {Role.VIEWER.value}
    member = enroll(organization_id=organization_id, person=person, roles=at_once if is_to_wait else roles, now=now)
    facts = member_facts(member) | {"invitation": to_public(Prefix.INVITATION, invitation.id)}
    append_member_event(Action.MEMBER_JOINED, member, after=facts, actor=actor, now=now)
    if is_to_wait:
        propose_roles(member, invitation.roles, actor=_inviter(invitation), now=now)
    return member


def _inviter(invitation: Invitation) -> Actor:
    """Return who invited: the roles are what they propose, and not the wish of whoever has the link."""
    person = invitation.invited_by
    return Actor(ActorKind.PERSON, to_public(Prefix.PERSON, person.pk), str(person), invitation.organization_id)


def _withdraw(invitation: Invitation, *, actor: Actor, now: datetime) -> None:
    before = _facts(invitation)
    invitation.withdrawn_at = now
    invitation.save(update_fields=["withdrawn_at"])
    _append(Action.MEMBER_INVITATION_WITHDRAWN, invitation, before=before, actor=actor, now=now)


def _facts(invitation: Invitation) -> dict[str, object]:
    return {
        "email": invitation.email,
        "roles": list(invitation.roles),
        "expires_at": invitation.expires_at,
        "withdrawn": invitation.withdrawn_at is not None,
    }


def _append(
    action: Action, invitation: Invitation, *, before: dict[str, object] | None, actor: Actor, now: datetime
) -> None:
    append(
        organization_id=invitation.organization_id,
        actor=actor,
        action=action,
        subject_kind="invitation",
        subject_id=to_public(Prefix.INVITATION, invitation.id),
        before=before,
        after=_facts(invitation),
        now=now,
    )
