"""Assignments: to whom a policy applies."""

from datetime import datetime
from uuid import UUID

from core.actor import Actor
from core.db import hold_gate_exclusively, use_case
from people.services import Awaiting, raise_epoch
from policies.models import Policy
from policies.services.proposing import Wanted, second_person_for
from policies.services.steps import locked_policy
from policies.services.targets import AssignTo, change_targets, checked_targets, present_targets


@use_case
def set_assignments(
    *, organization_id: UUID, policy_id: UUID, targets: AssignTo, actor: Actor, now: datetime
) -> bool | Awaiting:
    """Let the policy apply to exactly these targets; returns whether anything changed.

    Raises `Invalid` (`agent_unknown`, `label_invalid`, `too_many`).
    """
    hold_gate_exclusively(organization_id)
    policy = locked_policy(organization_id, policy_id)
    return _change(policy, targets, actor=actor, now=now)


@use_case
def assign(
    *, organization_id: UUID, policy_id: UUID, targets: AssignTo, actor: Actor, now: datetime
) -> bool | Awaiting:
    """Let the policy apply to these targets as well; returns whether anything changed."""
    hold_gate_exclusively(organization_id)
    policy = locked_policy(organization_id, policy_id)
    present = present_targets(policy)
    more = AssignTo(
        present.organization or targets.organization, present.labels + targets.labels, present.agents + targets.agents
    )
    return _change(policy, more, actor=actor, now=now)


@use_case
def unassign(
    *, organization_id: UUID, policy_id: UUID, targets: AssignTo, actor: Actor, now: datetime
) -> bool | Awaiting:
    """Let the policy no longer apply to these targets; returns whether anything changed."""
    hold_gate_exclusively(organization_id)
    policy = locked_policy(organization_id, policy_id)
    present = present_targets(policy)
    fewer = AssignTo(
        present.organization and not targets.organization,
        tuple(label for label in present.labels if label not in targets.labels),
        tuple(agent for agent in present.agents if agent not in targets.agents),
    )
    return _change(policy, fewer, actor=actor, now=now)


def _change(policy: Policy, targets: AssignTo, *, actor: Actor, now: datetime) -> bool | Awaiting:
    wanted = Wanted(targets=checked_targets(policy.organization_id, targets))
    if awaiting := second_person_for(policy, wanted, actor=actor, now=now):
        return awaiting
    has_changed = change_targets(policy, targets, actor=actor, now=now)
    if has_changed:
        raise_epoch(policy.organization_id)
    return has_changed
