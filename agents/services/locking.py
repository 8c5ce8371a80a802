"""The lock around one agent: every change of it takes the agent's gate first and its row next."""

from uuid import UUID

from agents.models import Agent
from core.db import hold_gate_exclusively
from core.errors import Conflict, NotFound


def stop_and_lock_agent(organization_id: UUID, agent_id: UUID) -> Agent:
    """Let no payment of the agent and no other change of it run until the commit; a step.

    Raises `NotFound` where the organization has no such agent.
    """
    hold_gate_exclusively(organization_id, agent_id)
    agent = Agent.objects.select_for_update(of=("self",)).filter(organization_id=organization_id, pk=agent_id).first()
    if agent is None:
        raise NotFound()
    return agent


def stop_and_lock_living_agent(organization_id: UUID, agent_id: UUID) -> Agent:
    """As `stop_and_lock_agent`; raises `Conflict` (`agent_retired`) for a retired agent."""
    agent = stop_and_lock_agent(organization_id, agent_id)
    if agent.retired_at is not None:
        raise Conflict("agent_retired", "This agent has been retired; it does not change any more.")
    return agent
