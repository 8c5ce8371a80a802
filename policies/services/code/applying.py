"""Bringing the stored policies to what a file says: all of it in one transaction behind the gate, or nothing."""

from datetime import datetime
from uuid import UUID

from core.actor import Actor
from core.db import hold_gate_exclusively, must_be_in_transaction, use_case
from core.errors import Conflict, InvalidMany
from people.services import Awaiting, raise_epoch
from policies.engine.written import PolicyFile
from policies.models import NOTE_LENGTH
from policies.services.code.agreeing import propose_file
from policies.services.code.bringing import begin_to_bring
from policies.services.code.planning import Compared, Plan, Step, compare, compared_still
from policies.services.steps import checked_text


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
    # Payments wait behind the gate, so a file is compared before it, and behind it only where it finds something else.
    ahead = compare(organization_id, file, retires_others=retires_others, now=now)
    _refuse_outdated(ahead.plan, planned)
    if not ahead.plan.has_changes:
        return ahead.plan
    _refuse_errors(ahead.plan)
    return _apply(organization_id, ahead, retires_others=retires_others, note=note, actor=actor, now=now)


@use_case
def _apply(
    organization_id: UUID, ahead: Compared, *, retires_others: bool, note: str, actor: Actor, now: datetime
) -> Plan | Awaiting:
    hold_gate_exclusively(organization_id)
    found = compared_still(ahead, organization_id, retires_others=retires_others, now=now)
    _refuse_outdated(found.plan, ahead.plan.digest)
    if not found.plan.has_changes:
        return found.plan
    _refuse_errors(found.plan)
    if found.plan.waits:
        return propose_file(organization_id, found, retires_others=retires_others, note=note, actor=actor, now=now)
    bring_file(organization_id, found, note=note, actor=actor, now=now)
    return found.plan


def _refuse_outdated(plan: Plan, planned: str) -> None:
    if plan.digest != planned:
        raise Conflict("plan_outdated", "The file or the policies are not what was planned. Plan again.")


def bring_file(organization_id: UUID, found: Compared, *, note: str, actor: Actor, now: datetime) -> None:
    """Bring the policies to a file that was compared behind the gate; a step that raises what lint calls an error."""
    must_be_in_transaction()
    _refuse_errors(found.plan)
    told = zip(found.wanted, found.plan.policies, strict=False)
    # What nobody was told of is not done, whatever a step would find to do.
    changing = [one for one, planned in told if planned.step is not Step.NOTHING]
    stored = {one.policy_id for one in changing if one.policy_id} | {one.pk for one in found.to_retire}
    bringing = begin_to_bring(organization_id, stored, note=note, actor=actor, now=now)
    for one in changing:
        bringing.bring(one)
    for policy in found.to_retire:
        bringing.retire(policy.pk)
    bringing.store()
    raise_epoch(organization_id)


def _refuse_errors(plan: Plan) -> None:
    if plan.errors:
        raise InvalidMany([(one.path, one.code, one.detail) for one in plan.errors])
