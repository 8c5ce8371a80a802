"""What agents and people are called, by the public ids under which rules name them."""

from collections.abc import Iterable
from uuid import UUID

from agents.models import Agent
from core.ids import Prefix, ids_in, to_public
from people.models import Member


def agent_names(organization_id: UUID, ids: Iterable[str]) -> dict[str, str]:
    """Return the names of agents, retired ones too; foreign ones are missing."""
    wanted = ids_in(Prefix.AGENT, ids)
    found = Agent.objects.filter(organization_id=organization_id, pk__in=wanted) if wanted else ()
    return {to_public(Prefix.AGENT, one.pk): one.name for one in found}


def person_names(organization_id: UUID, ids: Iterable[str]) -> dict[str, str]:
    """Return the names of people who are or were members; foreign ones are missing."""
    wanted = ids_in(Prefix.PERSON, ids)
    members = Member.objects.filter(organization_id=organization_id, person_id__in=wanted).select_related("person")
    return {to_public(Prefix.PERSON, one.person_id): str(one.person) for one in members} if wanted else {}
