"""What the tests of agents begin with, and what they look at afterwards."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.test import Client

from agents.models import Agent
from agents.services import IssuedKey, NewCredential, create_agent, create_credential, issue_key
from core.db import rows
from core.ids import Prefix, new_id, to_public
from people.models import Member, Organization
from people.services import issue_organization_key
from tests.factories import NOW, actor_for

PROVIDER_SECRET = "sk_provider_4f9d1c7eb2a84c0fa5d0"
COUNTERPARTY = new_id(NOW)


def an_agent(member: Member, name: str = "Atlas", **fields: Any) -> Agent:
    """An agent of the member's organization."""
    return create_agent(organization_id=member.organization_id, name=name, actor=actor_for(member), now=NOW, **fields)


def a_key(member: Member, agent: Agent, *, expires_at: datetime | None = None, now: datetime = NOW) -> IssuedKey:
    """A runtime credential of the agent."""
    return issue_key(
        organization_id=member.organization_id,
        agent_id=agent.pk,
        name="worker",
        expires_at=expires_at,
        actor=actor_for(member),
        now=now,
    )


def a_credential(member: Member, agent: Agent, **fields: Any) -> Any:
    """A sealed credential of the agent, for card payments."""
    given = {"name": "OpenAI", "kind": "api_key", "secret": PROVIDER_SECRET, "rails": ["card"]} | fields
    return create_credential(
        organization_id=member.organization_id,
        agent_id=agent.pk,
        new=NewCredential(**given),
        actor=actor_for(member),
        now=NOW,
    )


def bearer(secret: str) -> dict[str, str]:
    """The header that carries a key."""
    return {"Authorization": f"Bearer {secret}"}


def back_end(member: Member, *scopes: str) -> Client:
    """A client that calls with an organization key of these scopes."""
    issued = issue_organization_key(
        organization_id=member.organization_id,
        name="back end",
        scopes=scopes,
        expires_at=None,
        by=member.person,
        actor=actor_for(member),
        now=NOW,
    )
    return Client(headers=bearer(issued.secret))


def actions_of(prefix: Prefix, subject: UUID) -> list[str]:
    """What the history tells of a subject, the oldest first."""
    sql = "select action from audit_event where subject_id = %s order by xmin::text::bigint, id"
    return [str(action) for (action,) in rows(sql, [to_public(prefix, subject)])]


def epoch_of(organization: Organization) -> int:
    """The organization's epoch as stored."""
    return Organization.objects.values_list("epoch", flat=True).get(pk=organization.pk)
