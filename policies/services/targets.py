"""To whom a policy applies: the targets as values, and the step that stores them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
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
from policies.services.steps import Told, tell_all

MOST_TARGETS: Final = 1_000
"""Labels and agents that one policy names; a larger fleet shares a label."""

Row = tuple[str | None, UUID | None]
"""The label or the agent of a stored target; neither is everybody."""


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
    store_targets([Retargeted(policy, present, wanted)], now=now)
    tell_all([(policy, retargeting(present, wanted))], actor=actor, now=now)
    return True


@dataclass(frozen=True, slots=True)
class Retargeted:
    """A policy that is to be for others than it was."""

    policy: Policy
    present: AssignTo
    wanted: AssignTo

    def come(self) -> list[Row]:
        """Return the rows that are new."""
        present = _rows(self.present)
        return [row for row in _rows(self.wanted) if row not in present]

    def gone(self) -> list[Row]:
        """Return the rows that go."""
        return Retargeted(self.policy, self.wanted, self.present).come()


def store_targets(several: Sequence[Retargeted], *, now: datetime) -> None:
    """Store to whom policies apply that are locked or new; a step of two statements, however many there are."""
    must_be_in_transaction()
    if gone := {(one.policy.pk, *row) for one in several for row in one.gone()}:
        stored = Assignment.objects.filter(policy__in={policy_id for policy_id, _, _ in gone})
        ids = [pk for pk, *row in stored.values_list("id", "policy_id", "label", "agent_id") if tuple(row) in gone]
        Assignment.objects.filter(pk__in=ids).delete()
    Assignment.objects.bulk_create(
        Assignment(
            id=new_id(now),
            organization_id=one.policy.organization_id,
            policy=one.policy,
            label=label,
            agent_id=agent,
            created_at=now,
        )
        for one in several
        for label, agent in one.come()
    )


def retargeting(present: AssignTo, wanted: AssignTo) -> Told:
    """Return what is told of a policy that is for others now."""
    is_fewer = set(_rows(wanted)) < set(_rows(present))
    action = Action.POLICY_UNASSIGNED if is_fewer else Action.POLICY_ASSIGNED
    return Told(action, target_facts(present), target_facts(wanted))


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
    demand_bounded(targets)
    known = agent_ids(organization_id, targets.agents, ()) if targets.agents else {}
    for index, agent in enumerate(targets.agents):
        if agent not in known:
            raise Invalid("agent_unknown", "There is no such agent.", field=f"assigned_to.agents[{index}]")
    return targets.normal()


def demand_bounded(targets: AssignTo) -> None:
    """Raise `Invalid` where there are too many targets, or a label that no agent could have."""
    if len(targets.labels) + len(targets.agents) > MOST_TARGETS:
        raise Invalid("too_many", f"A policy names at most {MOST_TARGETS} labels and agents.", field="assigned_to")
    demand_labels(targets.labels, field="assigned_to.labels")


def target_facts(targets: AssignTo) -> dict[str, object]:
    """Return targets as the history and the API show them."""
    return {
        "organization": targets.organization,
        "labels": list(targets.labels),
        "agents": [to_public(Prefix.AGENT, agent) for agent in targets.agents],
    }


def _rows(targets: AssignTo) -> dict[Row, None]:
    """Return the rows of a policy's targets in their order, each found at once."""
    everybody: list[Row] = [(None, None)] if targets.organization else []
    named = ((label, None) for label in targets.labels), ((None, agent) for agent in targets.agents)
    return dict.fromkeys(chain(everybody, *named))
