"""Persons: created by bootstrap and invitations, changed by themselves; each of their organizations is told."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.db import must_be_in_transaction, use_case
from core.errors import Conflict
from core.ids import Prefix, new_id, to_public
from people.models import Person


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Who is to get an account; without a password nobody can sign in until a link has set one."""

    email: str
    name: str
    password: str | None = None


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """What a person says about themselves; an empty time zone means the organization's."""

    name: str
    time_zone: str
    theme: str
    has_single_key_shortcuts: bool


def create_person(new: NewPerson, *, now: datetime) -> Person:
    """Store an account; a step, `tell_created` is the next, once it is known who made it.

    Raises `Conflict` (`person_exists`) where the mail address has an account already.
    """
    must_be_in_transaction()
    email = new.email.strip().lower()
    if Person.objects.filter(email=email).exists():
        raise Conflict("person_exists", "There is an account with this mail address. Sign in with it.", field="email")
    person = Person(id=new_id(now), email=email, name=new.name.strip() or email, created_at=now)
    person.set_password(new.password)
    person.save(force_insert=True)
    return person


def tell_created(person: Person, *, organization_id: UUID, actor: Actor, now: datetime) -> None:
    """Tell the organization for which an account was created; a step."""
    append(
        organization_id=organization_id,
        actor=actor,
        action=Action.PERSON_CREATED,
        subject_kind="person",
        subject_id=to_public(Prefix.PERSON, person.id),
        after={"name": person.name, "email": person.email},
        now=now,
    )


@use_case
def change_account(*, person: Person, settings: AccountSettings, actor: Actor, now: datetime) -> None:
    """Store what a person set about themselves; a new name is told, for others know the person by it.

    Theme, shortcuts and the zone in which they read times are not: nobody's money or rights follow from them.
    """
    stored = Person.objects.select_for_update().get(pk=person.pk)
    before: dict[str, object] = {"name": stored.name}
    stored.name, stored.time_zone, stored.theme = settings.name, settings.time_zone, settings.theme
    stored.has_single_key_shortcuts = settings.has_single_key_shortcuts
    stored.save(update_fields=["name", "time_zone", "theme", "has_single_key_shortcuts"])
    if stored.name != before["name"]:
        tell_organizations(
            Action.PERSON_CHANGED, stored, before=before, after={"name": stored.name}, actor=actor, now=now
        )


@use_case
def change_password(*, person: Person, password: str, actor: Actor, now: datetime) -> None:
    """Store the hash of a new password, which ends the person's other sessions."""
    person.set_password(password)
    person.save(update_fields=["password"])
    tell_organizations(Action.PERSON_PASSWORD_CHANGED, person, actor=actor, now=now)


@use_case
def note_signed_in(*, person: Person, actor: Actor, now: datetime) -> None:
    """Tell that a person signed in."""
    tell_organizations(Action.PERSON_SIGNED_IN, person, actor=actor, now=now)


@use_case
def note_signed_out(*, person: Person, actor: Actor, now: datetime) -> None:
    """Tell that a person signed out."""
    tell_organizations(Action.PERSON_SIGNED_OUT, person, actor=actor, now=now)


def tell_organizations(
    action: Action,
    person: Person,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Write the event into the history of each organization that the person is a member of; a step."""
    must_be_in_transaction()
    memberships = person.memberships.filter(removed_at=None)
    for organization_id in memberships.order_by("organization_id").values_list("organization_id", flat=True):
        append(
            organization_id=organization_id,
            actor=actor,
            action=action,
            subject_kind="person",
            subject_id=to_public(Prefix.PERSON, person.id),
            before=before or {"name": person.name},
            after=after or {"name": person.name},
            now=now,
        )
