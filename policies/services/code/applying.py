"""Bringing the stored policies to what a file says: all of it in one transaction behind the gate, or nothing."""

from datetime import datetime
from uuid import UUID

from core.actor import Actor
from core.db import hold_gate_exclusively, must_be_in_transaction, use_case
from core.errors import Conflict, Invalid, InvalidMany
from people.services import Awaiting, raise_epoch
from policies.engine.document import Document
from policies.engine.types import Mode
from policies.engine.written import PolicyFile
from policies.models import NOTE_LENGTH, Policy
from policies.services.code.agreeing import propose_file
from policies.services.code.matching import Wanted, below_path
from policies.services.code.planning import Compared, Plan, Step, compare
from policies.services.in_force import bring_back, put_in_force, take_out_of_force
from policies.services.policies import leave_shadow
from policies.services.steps import checked_text, describe, locked_policy, new_policy
from policies.services.targets import change_targets


@use_case
def apply_file(
    *,
    organization_id: UUID,
    file: PolicyFile,
    planned: str,
    retires_others: bool,
    note: str = "",
    actor: Actor,
    now: datetime,
) -> Plan | Awaiting:
    """Bring the policies to the file as it was planned; `planned` is the digest of the plan that somebody saw.

    What is so already changes nothing: no version, no event, no epoch. Where anything of it loosens and four eyes are
    wanted, all of it waits, and the same file again is the same change. Raises `Conflict` (`plan_outdated` where the
    file or what is stored is not what was planned), and with the path in the file what lint calls an error; then
    nothing is stored.
    """
    note = checked_text(note, field="note", length=NOTE_LENGTH, may_be_empty=True)
    hold_gate_exclusively(organization_id)
    found = compare(organization_id, file, retires_others=retires_others, now=now)
    if found.plan.digest != planned:
        raise Conflict("plan_outdated", "The file or the policies are not what was planned. Plan again.")
    if not found.plan.has_changes:
        return found.plan
    _refuse_errors(found.plan)
    if found.plan.waits:
        return propose_file(
            organization_id, file, found, retires_others=retires_others, note=note, actor=actor, now=now
        )
    bring_file(organization_id, found, note=note, actor=actor, now=now)
    return found.plan


def bring_file(organization_id: UUID, found: Compared, *, note: str, actor: Actor, now: datetime) -> None:
    """Bring the policies to a file that was compared behind the gate; a step that raises what lint calls an error."""
    must_be_in_transaction()
    _refuse_errors(found.plan)
    for one, planned in zip(found.wanted, found.plan.policies, strict=False):
        # What nobody was told of is not done, whatever a step would find to do.
        if planned.step is not Step.NOTHING:
            _bring(organization_id, one, note=note, actor=actor, now=now)
    for policy in found.to_retire:
        take_out_of_force(locked_policy(organization_id, policy.pk), actor=actor, now=now)
    raise_epoch(organization_id)


def _refuse_errors(plan: Plan) -> None:
    if plan.errors:
        raise InvalidMany([(one.path, one.code, one.detail) for one in plan.errors])


def _bring(organization_id: UUID, one: Wanted, *, note: str, actor: Actor, now: datetime) -> None:
    """Bring one policy to what the file says; each step leaves what is so already as it is."""
    written = one.written
    try:
        policy = _policy(organization_id, one, actor=actor, now=now)
        describe(policy, name=written.name, description=written.description, actor=actor, now=now)
        if one.targets is not None:
            change_targets(policy, one.targets, actor=actor, now=now)
        if written.rules:
            put_in_force(policy, Document(written.rules), mode=Mode.ENFORCED, note=note, actor=actor, now=now)
        if written.shadow:
            put_in_force(policy, Document(written.shadow), mode=Mode.SHADOW, note=note, actor=actor, now=now)
        else:
            leave_shadow(policy, actor=actor, now=now)
    except Invalid as error:
        raise below_path(one.path, error) from error


def _policy(organization_id: UUID, one: Wanted, *, actor: Actor, now: datetime) -> Policy:
    written = one.written
    if one.policy is None:
        return new_policy(
            organization_id,
            name=written.name,
            description=written.description,
            external_ref=written.ref,
            actor=actor,
            now=now,
        )
    if one.policy.retired_at is not None:
        bring_back(one.policy, actor=actor, now=now)
    return locked_policy(organization_id, one.policy.pk)
