"""To whom a policy applies: the targets as values, and the step that stores them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from agents.services.fields import demand_labels
from audit.catalogue import Action
from core.actor import Actor
from core.db import must_be_in_transaction
from core.errors import Invalid
from core.ids import Prefix, new_id, to_public
from policies.models import Assignment, Policy
from policies.selectors import Targets, agent_ids
from policies.services.steps import tell

MOST_TARGETS: Final = 1_000
"""Labels and agents that one policy names; a larger fleet shares a label."""


@dataclass(frozen=True, slots=True)
class AssignTo:
    """To whom a policy is to apply: the whole organization, the agents with one of the labels, these agents."""

    organization: bool = False
    labels: tuple[str, ...] = ()
    agents: tuple[UUID, ...] = ()

    def normal(self) -> "AssignTo":
        """Return the same targets sorted, each once."""
        return AssignTo(self.organization, tuple(sorted(set(self.labels))), tuple(sorted(set(self.agents))))


def as_targets(wanted: AssignTo) -> Targets:
    """Return wanted targets as those of a policy; nobody looks at the agents' names."""
    return Targets(wanted.organization, wanted.labels, tuple((agent, "") for agent in wanted.agents))


def change_targets(policy: Policy, targets: AssignTo, *, actor: Actor, now: datetime) -> bool:
    """Store the assignments of a locked policy and tell it; a step. Returns whether anything changed."""
    must_be_in_transaction()
    present, wanted = present_targets(policy), checked_targets(policy.organization_id, targets)
    if wanted == present:
        return False
    _remove(policy, wanted)
    before = frozenset(_rows(present))
    Assignment.objects.bulk_create(
        Assignment(
            id=new_id(now),
            organization_id=policy.organization_id,
            policy=policy,
            label=label,
            agent_id=agent,
            created_at=now,
        )
        for label, agent in _rows(wanted)
        if (label, agent) not in before
    )
    is_fewer = set(_rows(wanted)) < before
    action = Action.POLICY_UNASSIGNED if is_fewer else Action.POLICY_ASSIGNED
    tell(policy, action, before=target_facts(present), after=target_facts(wanted), actor=actor, now=now)
    return True


def present_targets(policy: Policy) -> AssignTo:
    """Return the stored targets of a policy."""
    stored = Assignment.objects.filter(policy=policy)
    found: list[tuple[str | None, UUID | None]] = [(one.label, one.agent_id) for one in stored]
    return AssignTo(
        organization=(None, None) in found,
        labels=tuple(label for label, _ in found if label is not None),
        agents=tuple(agent for _, agent in found if agent is not None),
    ).normal()


def checked_targets(organization_id: UUID, targets: AssignTo) -> AssignTo:
    """Return the targets in their normal form; raises `Invalid` where one is not the organization's or cannot be."""
    if len(targets.labels) + len(targets.agents) > MOST_TARGETS:
        raise Invalid("too_many", f"A policy names at most {MOST_TARGETS} labels and agents.", field="assigned_to")
    demand_labels(targets.labels, field="assigned_to.labels")
    known = agent_ids(organization_id, targets.agents, ()) if targets.agents else {}
    for index, agent in enumerate(targets.agents):
        if agent not in known:
            raise Invalid("agent_unknown", "There is no such agent.", field=f"assigned_to.agents[{index}]")
    return targets.normal()


def target_facts(targets: AssignTo) -> dict[str, object]:
    """Return targets as the history and the API show them."""
    return {
        "organization": targets.organization,
        "labels": list(targets.labels),
        "agents": [to_public(Prefix.AGENT, agent) for agent in targets.agents],
    }


def _rows(targets: AssignTo) -> list[tuple[str | None, UUID | None]]:
    everybody: list[tuple[str | None, UUID | None]] = [(None, None)] if targets.organization else []
    return [*everybody, *((label, None) for label in targets.labels), *((None, agent) for agent in targets.agents)]


def _remove(policy: Policy, wanted: AssignTo) -> None:
    kept = set(_rows(wanted))
    gone = [
        pk
        for pk, *row in Assignment.objects.filter(policy=policy).values_list("id", "label", "agent_id")
        if tuple(row) not in kept
    ]
    Assignment.objects.filter(pk__in=gone).delete()
