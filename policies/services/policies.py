"""Policies themselves: created, described, retired."""

from datetime import datetime
from uuid import UUID

from core.actor import Actor
from core.db import hold_gate_exclusively, must_be_in_transaction, use_case
from core.errors import Conflict
from people.services import Awaiting, raise_epoch
from policies.engine.document import parse
from policies.engine.types import Mode
from policies.models import Policy
from policies.selectors import policy_by_reference
from policies.services.drafts import store_draft
from policies.services.findings import ALL_TOLD, Acknowledged, with_history
from policies.services.in_force import put_in_force, take_out_of_force, without_shadow
from policies.services.proposing import Wanted, second_person_for
from policies.services.steps import checked_reference, describe, locked_policy, new_policy, tell_all
from policies.services.targets import AssignTo, as_targets, change_targets, checked_targets


@use_case
def create_policy(
    *,
    organization_id: UUID,
    name: str,
    description: str = "",
    external_ref: str | None = None,
    draft: object = None,
    targets: AssignTo | None = None,
    actor: Actor,
    now: datetime,
) -> UUID:
    """Store a policy that is not published yet, with a draft and assignments where given; returns its id.

    Raises `Conflict` (`reference_taken`) and what the parser says of the draft.
    """
    policy = _new(organization_id, name=name, description=description, external_ref=external_ref, actor=actor, now=now)
    if draft is not None:
        store_draft(policy, draft, actor=actor, now=now)
    if targets is not None:
        change_targets(policy, targets, actor=actor, now=now)
    return policy.pk


@use_case
def create_published_policy(
    *,
    organization_id: UUID,
    name: str,
    document: object,
    mode: Mode,
    description: str = "",
    external_ref: str | None = None,
    targets: AssignTo | None = None,
    note: str = "",
    acknowledged: Acknowledged = ALL_TOLD,
    actor: Actor,
    now: datetime,
) -> UUID | Awaiting:
    """Store a policy with its first version in force and its assignments; returns its id.

    Raises as `create_policy`, `publish` and `set_assignments` do; then nothing is stored.
    """
    read = parse(document)
    acknowledged = with_history(acknowledged, organization_id, as_targets(targets or AssignTo()), read, now=now)
    hold_gate_exclusively(organization_id)
    policy = _new(organization_id, name=name, description=description, external_ref=external_ref, actor=actor, now=now)
    chosen = None if targets is None else checked_targets(organization_id, targets)
    wanted = Wanted(document=read, mode=mode, note=note, targets=chosen)
    if awaiting := second_person_for(policy, wanted, acknowledged=acknowledged, actor=actor, now=now):
        return awaiting
    if targets is not None:
        change_targets(policy, targets, actor=actor, now=now)
    put_in_force(policy, read, mode=mode, note=note, acknowledged=acknowledged, actor=actor, now=now)
    raise_epoch(organization_id)
    return policy.pk


def _new(
    organization_id: UUID, *, name: str, description: str, external_ref: str | None, actor: Actor, now: datetime
) -> Policy:
    external_ref = checked_reference(external_ref)
    if external_ref is not None:
        # Two simultaneous ones of the same reference stand in line here.
        hold_gate_exclusively(organization_id)
        if policy_by_reference(organization_id, external_ref) is not None:
            raise Conflict("reference_taken", "Another policy has this external_ref.", field="external_ref")
    return new_policy(
        organization_id, name=name, description=description, external_ref=external_ref, actor=actor, now=now
    )


@use_case
def describe_policy(
    *, organization_id: UUID, policy_id: UUID, name: str, description: str, actor: Actor, now: datetime
) -> None:
    """Give a policy another name and description; decisions name it, so the epoch is raised."""
    hold_gate_exclusively(organization_id)
    policy = locked_policy(organization_id, policy_id)
    if describe(policy, name=name, description=description, actor=actor, now=now):
        raise_epoch(organization_id)


@use_case
def end_shadow(*, organization_id: UUID, policy_id: UUID, actor: Actor, now: datetime) -> None:
    """Stop showing what the shadow version would say; what is enforced stays. Nothing happens where there is none."""
    hold_gate_exclusively(organization_id)
    if leave_shadow(locked_policy(organization_id, policy_id), actor=actor, now=now):
        raise_epoch(organization_id)


def leave_shadow(policy: Policy, *, actor: Actor, now: datetime) -> bool:
    """Take the shadow version of a locked policy out and tell it; a step. Returns whether there was one."""
    must_be_in_transaction()
    if policy.shadow is None:
        return False
    told = without_shadow(policy)
    policy.save(update_fields=["shadow"])
    tell_all([(policy, told)], actor=actor, now=now)
    return True


@use_case
def retire(*, organization_id: UUID, policy_id: UUID, actor: Actor, now: datetime) -> Awaiting | None:
    """Take a policy out of force for good; its versions and its history stay. Retiring a retired one changes nothing.

    Where no other policy applies to an agent it can spend nothing any more: no policy, no money.
    """
    hold_gate_exclusively(organization_id)
    if Policy.objects.filter(organization_id=organization_id, pk=policy_id, retired_at__isnull=False).exists():
        return None
    policy = locked_policy(organization_id, policy_id)
    if awaiting := second_person_for(policy, Wanted(is_retired=True), actor=actor, now=now):
        return awaiting
    take_out_of_force(policy, actor=actor, now=now)
    raise_epoch(organization_id)
    return None
