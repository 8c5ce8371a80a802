"""Rows and people that tests begin with; plain functions, each states what it makes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from core.actor import Actor, ActorKind
from core.ids import Prefix, new_id, to_public
from people.models import Member, Organization, Person

NOW: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
"""The moment at which tests happen unless they say otherwise."""
PASSWORD: Final = "correct horse battery staple"


# --- People -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cast:
    """One organization with a person of each role, and Mallory, who owns another one."""

    organization: Organization
    oona: Member
    ada: Member
    olu: Member
    rui: Member
    vera: Member
    mallory: Member

    def members(self) -> tuple[Member, ...]:
        """Everybody of the organization, from the most rights to the least."""
        return (self.oona, self.ada, self.olu, self.rui, self.vera)


def make_organization(
    name: str = "Acme", *, currency: str = "USD", time_zone: str = "UTC", now: datetime = NOW
) -> Organization:
    return Organization.objects.create(
        id=new_id(now), name=name, currency=currency, time_zone=time_zone, created_at=now
    )


def make_person(name: str = "Nia", *, email: str = "", password: str | None = None, now: datetime = NOW) -> Person:
    """A person who can sign in only if a password is given: hashing one takes as long as a whole test."""
    person = Person(id=new_id(now), name=name, email=email or f"{name.lower()}@example.com", created_at=now)
    person.set_password(password)
    person.save()
    return person


def make_member(
    person: Person | str, organization: Organization, roles: Collection[str] = ("viewer",), *, now: datetime = NOW
) -> Member:
    who = make_person(person, now=now) if isinstance(person, str) else person
    return Member.objects.create(
        id=new_id(now), organization=organization, person=who, roles=list(roles), created_at=now
    )


def make_cast(*, now: datetime = NOW) -> Cast:
    """Acme with Oona (owner), Ada (admin), Olu (operator), Rui (reviewer), Vera (viewer); Mallory owns Evil Corp."""
    acme, evil = make_organization("Acme", now=now), make_organization("Evil Corp", now=now)
    return Cast(
        organization=acme,
        oona=make_member("Oona", acme, ["owner"], now=now),
        ada=make_member("Ada", acme, ["admin"], now=now),
        olu=make_member("Olu", acme, ["operator"], now=now),
        rui=make_member("Rui", acme, ["reviewer"], now=now),
        vera=make_member("Vera", acme, ["viewer"], now=now),
        mallory=make_member("Mallory", evil, ["owner"], now=now),
    )


def actor_for(member: Member) -> Actor:
    """A member as the actor of a use case."""
    return Actor(
        kind=ActorKind.PERSON,
        id=to_public(Prefix.PERSON, member.person_id),
        name=str(member.person),
        organization_id=member.organization_id,
        request_id="req_test",
        address="192.0.2.7",
    )


def public_person(person_id: UUID) -> str:
    """The public id of a person, as policies and the API name it."""
    return to_public(Prefix.PERSON, person_id)
