"""The enforced policies that stand beside one: whether they judge whatever somebody asks for already."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from agents.models import Agent
from core.ids import Prefix, to_public
from policies.engine.strictness import judges_everything
from policies.selectors import Assigned

K = TypeVar("K", str, UUID)
Target = str | UUID | None
"""A label, an agent, or everybody."""
Known = tuple[str, tuple[str, ...]]
"""The name and the labels of an agent."""


@dataclass(frozen=True, slots=True)
class Others:
    """Those enforced policies that judge every payment of whom they are for, and the agents that are asked about."""

    for_all: frozenset[UUID]
    for_label: Mapping[str, frozenset[UUID]]
    for_agent: Mapping[UUID, frozenset[UUID]]
    agents: Mapping[UUID, Known]

    def do_judge(self, target: Target, *, beside: UUID | None) -> bool:
        """Say whether one other than `beside` judges whatever such an agent asks for, whoever comes to be one."""
        found = set(self.for_all)
        if isinstance(target, UUID):
            labels = self.agents.get(target, ("", ()))[1]
            found |= self.for_agent.get(target, frozenset())
            found |= {one for label in labels for one in self.for_label.get(label, ())}
        elif target is not None:
            found |= self.for_label.get(target, frozenset())
        return bool(found - {beside})

    def name(self, target: Target) -> str:
        """Return what a target is called in a sentence."""
        if target is None:
            return "every agent"
        if isinstance(target, str):
            return f"the label {target}"
        name = self.agents.get(target, ("", ()))[0]
        return f"the agent {name or to_public(Prefix.AGENT, target)}"


def others_of(enforced: Iterable[Assigned], agents: Mapping[UUID, Known]) -> Others:
    """Return the enforced policies as somebody asks who is judged by them; each document is compiled once."""
    judging = [one for one in enforced if any(map(judges_everything, one.compiled().rules))]
    return Others(
        frozenset(one.policy_id for one in judging if one.is_for_all),
        _by((label, one.policy_id) for one in judging for label in one.labels),
        _by((agent, one.policy_id) for one in judging for agent in one.agents),
        agents,
    )


def known_agents(organization_id: UUID, ids: Collection[UUID]) -> dict[UUID, Known]:
    """Return the name and the labels of each of these agents; one read, none where there are none."""
    if not ids:
        return {}
    found = Agent.objects.filter(organization_id=organization_id, pk__in=ids).values_list("pk", "name", "labels")
    return {agent: (name, tuple(labels)) for agent, name, labels in found}


def _by(pairs: Iterable[tuple[K, UUID]]) -> dict[K, frozenset[UUID]]:
    found: dict[K, set[UUID]] = {}
    for key, policy in pairs:
        found.setdefault(key, set()).add(policy)
    return {key: frozenset(policies) for key, policies in found.items()}
