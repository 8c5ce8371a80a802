"""Policies kept by an app under its own reference: the same call twice changes nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from core.actor import Actor
from core.db import hold_gate_exclusively, use_case
from core.errors import Conflict
from people.services import Awaiting, raise_epoch
from policies.engine.document import Document, parse
from policies.engine.types import Mode
from policies.models import REFERENCE_LENGTH, Policy
from policies.selectors import policy_by_reference
from policies.services.in_force import bring_back, document_digest, put_in_force, resolved_document, version_in_force
from policies.services.proposing import Wanted, second_person_for
from policies.services.steps import checked_text, describe, new_policy
from policies.services.targets import AssignTo, change_targets, checked_targets, present_targets

ENFORCED_STAYS: Final = (
    "This policy has an enforced version, which would stay in force beside the shadow. Publish the shadow with "
    "POST /policies/{id}/versions, or retire the policy before it is synced as a shadow."
)


@dataclass(frozen=True, slots=True)
class Synced:
    """What became of a policy that an app sent."""

    policy_id: UUID
    is_created: bool
    is_changed: bool


@use_case
def upsert_policy_by_ref(
    *,
    organization_id: UUID,
    external_ref: str,
    name: str,
    document: object,
    mode: Mode,
    targets: AssignTo | None,
    description: str | None = None,
    note: str = "",
    actor: Actor,
    now: datetime,
) -> Synced | Awaiting:
    """Bring the policy of this reference to exactly this name, document (in this mode) and these targets.

    It is created where there is none, and comes back where it was retired. `None` leaves targets or description as they
    are. What is so already changes nothing: no lock, no event, no epoch. Where it loosens and four eyes are wanted,
    all of it waits, and the same call again is the same change. Raises as `publish` and `set_assignments` do, and
    `Conflict` (`policy_is_enforced`) where a shadow is sent for a policy that has an enforced version.
    """
    read, reference = parse(document), checked_text(external_ref, field="external_ref", length=REFERENCE_LENGTH)
    present = policy_by_reference(organization_id, reference)
    _refuse_shadow_of_enforced(present, mode)
    if present is not None and _is_so(
        present, read, name=name, description=description, mode=mode, targets=targets, now=now
    ):
        return Synced(present.pk, is_created=False, is_changed=False)
    hold_gate_exclusively(organization_id)
    policy = _locked_by_reference(organization_id, reference)
    _refuse_shadow_of_enforced(policy, mode)
    is_created = policy is None
    if policy is None:
        policy = new_policy(
            organization_id, name=name, description=description or "", external_ref=reference, actor=actor, now=now
        )
    wanted = Wanted(
        document=read,
        mode=mode,
        note=note,
        targets=None if targets is None else checked_targets(organization_id, targets),
        name=name,
        description=description,
    )
    if awaiting := second_person_for(policy, wanted, actor=actor, now=now):
        return awaiting
    has_come_back = bring_back(policy, actor=actor, now=now)
    text = policy.description if description is None else description
    is_described = describe(policy, name=name, description=text, actor=actor, now=now)
    is_published = put_in_force(policy, read, mode=mode, note=note, actor=actor, now=now).is_changed
    is_assigned = targets is not None and change_targets(policy, targets, actor=actor, now=now)
    is_changed = has_come_back or is_described or is_published or is_assigned
    if is_changed:
        raise_epoch(organization_id)
    return Synced(policy.pk, is_created=is_created, is_changed=is_changed)


def _refuse_shadow_of_enforced(policy: Policy | None, mode: Mode) -> None:
    """Refuse what would leave the enforced version in force: the caller was promised exactly what it sent."""
    if policy is not None and policy.enforced_id is not None and mode is Mode.SHADOW:
        raise Conflict("policy_is_enforced", ENFORCED_STAYS, field="mode")


def _is_so(
    policy: Policy,
    document: Document,
    *,
    name: str,
    description: str | None,
    mode: Mode,
    targets: AssignTo | None,
    now: datetime,
) -> bool:
    version = version_in_force(policy, mode)
    return (
        policy.retired_at is None
        and policy.name == name.strip()
        and (description is None or policy.description == description.strip())
        and version is not None
        and (targets is None or targets.normal() == present_targets(policy))
        and version.digest == document_digest(resolved_document(policy, document, now=now))
    )


def _locked_by_reference(organization_id: UUID, external_ref: str) -> Policy | None:
    locked = Policy.objects.select_for_update(of=("self",)).select_related("enforced", "shadow")
    return locked.filter(organization_id=organization_id, external_ref=external_ref).first()
