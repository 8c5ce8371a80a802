"""Who calls the API of authorizations, and what the call may reach."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from rest_framework.request import Request

from agents.authentication import AgentCaller
from approvals.selectors.situation import Asker
from core.actor import Actor
from core.errors import Invalid, NotAllowed, NotFound
from core.http import address_of, request_id_of
from people.authentication import OrganizationCaller
from people.roles import Scope


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose rows a call may touch: one agent's, or with an organization key the organization's."""

    organization_id: UUID
    agent_id: UUID | None
    key_id: UUID
    actor: Actor


def asker_of(request: Request) -> Asker:
    """Return the agent that asks, as authentication read it; raises `NotAllowed` for an organization key."""
    caller = request.auth
    if not isinstance(caller, AgentCaller):
        raise NotAllowed("agent_key_required", "Agents ask with their own runtime credential.")
    return Asker(
        agent_id=caller.agent_id,
        agent_name=caller.agent_name,
        labels=caller.labels,
        organization_id=caller.organization_id,
        epoch=caller.epoch,
        time_zone=caller.time_zone,
        approval_ttl_seconds=caller.approval_ttl_seconds,
        frozen=caller.frozen,
        key_id=caller.key_id,
    )


def actor_of(request: Request) -> Actor:
    """Return the caller as the actor of a use case."""
    caller = request.auth
    assert isinstance(caller, AgentCaller | OrganizationCaller), "every call is authenticated"
    plain = request._request  # noqa: SLF001 - DRF has no other way to Django's request
    return caller.actor(request_id_of(plain), address_of(plain))


@contextmanager
def named_in(field: str) -> Iterator[None]:
    """Say of what a member of the body names and nobody knows that the member is wrong: 404 is for addresses."""
    try:
        yield
    except NotFound as error:
        raise Invalid("id_unknown", "There is nothing of this id.", field=field) from error


def reach_of(request: Request, *scopes: Scope) -> Reach:
    """Return what the caller may touch.

    An organization key needs one of `scopes`. Raises `NotAllowed` (`scope_missing`).
    """
    caller = request.auth
    if isinstance(caller, AgentCaller):
        return Reach(caller.organization_id, caller.agent_id, caller.key_id, actor_of(request))
    assert isinstance(caller, OrganizationCaller), "every call is authenticated"
    if not any(scope in caller.scopes for scope in scopes):
        caller.demand(scopes[0])
    return Reach(caller.organization_id, None, caller.key_id, actor_of(request))
