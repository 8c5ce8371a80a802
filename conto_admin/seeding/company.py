"""Who there is in the demo: an organization, a person for each role, three agents, and the keys of a back end."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from agents.models import Agent
from agents.services import create_agent, issue_key
from core.actor import SYSTEM, Actor, ActorKind
from core.ids import Prefix, to_public
from people.models import Member, OrganizationKey
from people.roles import Role, Scope
from people.services import (
    NewPerson,
    accept_invitation_as_new_person,
    change_password,
    create_organization,
    invite,
    issue_organization_key,
)

NAME: Final = "Meridian Labs"
TIME_ZONE: Final = "Europe/Berlin"
CURRENCY: Final = "USD"
DOMAIN: Final = "@meridian.example"
OWNER: Final = f"oona{DOMAIN}"
ADDRESSES: Final = "192.0.2"
"""Network addresses that stand for nobody (RFC 5737)."""


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who is to be invited."""

    name: str
    role: Role

    @property
    def email(self) -> str:
        """The mail address to sign in with; it leads nowhere (RFC 2606)."""
        return f"{self.name.split()[0].lower()}{DOMAIN}"


@dataclass(frozen=True, slots=True)
class Part:
    """An agent that is to be created: what it is called, does, and who answers for it."""

    key: str
    name: str
    description: str
    labels: tuple[str, ...]
    owner: str


COLLEAGUES: Final = (
    Colleague("Ada Keller", Role.ADMIN),
    Colleague("Olu Adeyemi", Role.OPERATOR),
    Colleague("Rui Tavares", Role.REVIEWER),
    Colleague("Noor Haddad", Role.REVIEWER),
    Colleague("Vera Lind", Role.VIEWER),
)
PARTS: Final = (
    Part("research", "Research agent", "Buys data and model calls for company briefs.", ("research",), "vera"),
    Part("procurement", "Procurement agent", "Pays the invoices of suppliers.", ("procurement",), "oona"),
    Part("infrastructure", "Infrastructure agent", "Rents machines, renews domains.", ("infrastructure",), "olu"),
)
WORDS: Final = (
    "amber anchor basil birch cedar cobalt copper coral delta ember fable fern garnet harbor hazel indigo iris juniper "
    "lantern lemon linden maple marble meadow mint nickel olive opal orchid pepper pine quartz raven river saffron "
    "sage silver slate spruce sunset tango tulip velvet walnut willow zephyr"
)


@dataclass(slots=True)
class Person:
    """A member of the organization with the password to sign in."""

    member: Member
    password: str

    @property
    def email(self) -> str:
        """The mail address to sign in with."""
        return self.member.person.email

    def actor(self) -> Actor:
        """The person as the actor of a use case, as a page makes it."""
        public = to_public(Prefix.PERSON, self.member.person_id)
        return with_request(ActorKind.PERSON, public, self.member.person.name, self.member.organization_id)


@dataclass(slots=True)
class Bot:
    """An agent with the runtime credential that its app uses."""

    agent: Agent
    key_id: UUID
    secret: str

    @property
    def public_id(self) -> str:
        """`agt_…`."""
        return to_public(Prefix.AGENT, self.agent.pk)


@dataclass(slots=True)
class Company:
    """Everybody, by first name in small letters; every agent, by the key of its part."""

    organization_id: UUID
    people: dict[str, Person] = field(default_factory=dict)
    bots: dict[str, Bot] = field(default_factory=dict)
    back_end: OrganizationKey | None = None
    organization_key: str = ""
    release_key: str = ""

    def actor(self, name: str) -> Actor:
        """A person as the actor of a use case."""
        return self.people[name].actor()

    def back_end_actor(self) -> Actor:
        """The app's back end as the actor of a use case."""
        assert self.back_end is not None, "a founded company has a back end"
        public = to_public(Prefix.KEY, self.back_end.pk)
        return with_request(ActorKind.ORGANIZATION_KEY, public, self.back_end.name, self.organization_id)


def found(now: datetime) -> Company:
    """Create the organization, invite everybody, create the agents and issue every key."""
    owner = NewPerson(OWNER, "Oona Berg", new_password())
    organization = create_organization(
        name=NAME, owner=owner, currency=CURRENCY, time_zone=TIME_ZONE, actor=SYSTEM, now=now
    )
    company = Company(organization.pk)
    member = Member.objects.select_related("person").get(organization=organization)
    company.people["oona"] = Person(member, owner.password or "")
    for colleague in COLLEAGUES:
        bring_in(company, colleague, now)
    for part in PARTS:
        agent = create_agent(
            organization_id=organization.pk,
            name=part.name,
            description=part.description,
            external_ref=f"meridian/{part.key}",
            owner_id=company.people[part.owner].member.person_id,
            labels=part.labels,
            actor=company.actor("olu"),
            now=now,
        )
        issue_runtime_key(company, part.key, agent, "olu", now)
    issue_organization_keys(company, "ada", now)
    return company


def reopen(now: datetime) -> Company | None:
    """Find the organization of an earlier start, whose secrets are lost, and give new ones; None without one."""
    owner = Member.objects.filter(person__email=OWNER, organization__name=NAME, removed_at=None).first()
    if owner is None:
        return None
    company = Company(owner.organization_id)
    members = Member.objects.select_related("person").filter(organization_id=owner.organization_id, removed_at=None)
    for member in members.filter(person__email__endswith=DOMAIN):
        person = Person(member, new_password())
        company.people[first_name(person.email)] = person
        change_password(person=member.person, password=person.password, actor=person.actor(), now=now)
    agents = Agent.objects.filter(organization_id=owner.organization_id, retired_at=None)
    for part in PARTS:
        for agent in agents.filter(external_ref=f"meridian/{part.key}"):
            issue_runtime_key(company, part.key, agent, "oona", now)
    issue_organization_keys(company, "oona", now)
    return company


def bring_in(company: Company, colleague: Colleague, now: datetime) -> None:
    """Invite somebody and let them accept."""
    owner = company.people["oona"]
    invitation = invite(
        organization_id=company.organization_id,
        email=colleague.email,
        roles=[colleague.role],
        by=owner.member,
        actor=owner.actor(),
        now=now,
    )
    password = new_password()
    member = accept_invitation_as_new_person(
        secret=invitation.secret,
        name=colleague.name,
        password=password,
        request_id=request_id(),
        address=f"{ADDRESSES}.40",
        now=now,
    )
    member = Member.objects.select_related("person").get(pk=member.pk)
    company.people[first_name(colleague.email)] = Person(member, password)


def issue_runtime_key(company: Company, part: str, agent: Agent, by: str, now: datetime) -> None:
    """Give an agent a key that does not expire."""
    issued = issue_key(
        organization_id=company.organization_id,
        agent_id=agent.pk,
        name="app server",
        expires_at=None,
        actor=company.actor(by),
        now=now,
    )
    company.bots[part] = Bot(agent, issued.key.pk, issued.secret)


def issue_organization_keys(company: Company, by: str, now: datetime) -> None:
    """Give the back end a key for everything, so that every example can be tried, and the executor one for releases."""
    admin = company.people[by]
    for name, scopes in (("back end", list(Scope)), ("executor", [Scope.RELEASE])):
        issued = issue_organization_key(
            organization_id=company.organization_id,
            name=name,
            scopes=scopes,
            expires_at=None,
            by=admin.member.person,
            actor=admin.actor(),
            now=now,
        )
        if name == "executor":
            company.release_key = issued.secret
        else:
            company.back_end, company.organization_key = issued.key, issued.secret


def first_name(email: str) -> str:
    """Return the name by which the demo calls somebody."""
    return email.removesuffix(DOMAIN)


def with_request(kind: ActorKind, public_id: str, name: str, organization_id: UUID) -> Actor:
    """An actor with the id of a request of its own."""
    last = 10 + sum(public_id.encode()) % 40
    return Actor(kind, public_id, name, organization_id, request_id(), f"{ADDRESSES}.{last}")


def request_id() -> str:
    """Return what the web server would have called the request."""
    return secrets.token_hex(16)


def new_password() -> str:
    """Return a password that a person can read aloud."""
    words = [secrets.choice(WORDS.split()) for _ in range(3)]
    return f"{'-'.join(words)}-{secrets.randbelow(9000) + 1000}"
