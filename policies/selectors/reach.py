"""Whom policies reach: the agents of some targets, and those that a change would leave without any policy."""

from collections.abc import Iterator
from uuid import UUID

from agents.models import Agent
from policies.models import Policy
from policies.selectors import Targets, enforced_policies
from policies.selectors.versions import LARGEST_LIST


def agents_bound_by(organization_id: UUID, targets: Targets) -> tuple[UUID, ...]:
    """Return the agents that a policy with these targets applies to and that are not retired."""
    return tuple(agent for agent, labels, _ in _agents(organization_id) if targets.binds(agent, labels))


def agents_left_by(policy: Policy, targets: Targets) -> tuple[str, ...]:
    """Return the names of the agents that would have no enforced policy any more, were this one for these targets."""
    enforced = enforced_policies(policy.organization_id)
    mine = next((one for one in enforced if one.policy_id == policy.pk), None)
    if mine is None:
        return ()
    others = [one for one in enforced if one is not mine]
    return tuple(
        name
        for agent, labels, name in _agents(policy.organization_id)
        if mine.is_for(agent, labels)
        and not targets.binds(agent, labels)
        and not any(one.is_for(agent, labels) for one in others)
    )


def agents_left_by_labels(organization_id: UUID, agent_id: UUID, labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the name of an agent that has an enforced policy and would have none with these labels, else nothing."""
    enforced = enforced_policies(organization_id)
    return tuple(
        name
        for agent, present, name in _agents(organization_id)
        if agent == agent_id
        and any(one.is_for(agent, present) for one in enforced)
        and not any(one.is_for(agent, labels) for one in enforced)
    )


def _agents(organization_id: UUID) -> Iterator[tuple[UUID, tuple[str, ...], str]]:
    agents = Agent.objects.filter(organization_id=organization_id, retired_at=None).order_by("name", "id")
    for agent, labels, name in agents.values_list("id", "labels", "name")[:LARGEST_LIST]:
        yield agent, tuple(labels), name
