"""Publishing: a document becomes an immutable version and comes into force."""

from datetime import datetime
from uuid import UUID

from core.actor import Actor
from core.canonical import digest
from core.db import hold_gate_exclusively, use_case
from core.errors import Conflict
from people.services import Awaiting, raise_epoch
from policies.engine.document import parse
from policies.engine.types import Mode
from policies.models import Policy
from policies.services.findings import ALL_TOLD, Acknowledged, targets_by_id, with_history
from policies.services.in_force import Published, clear_draft, put_in_force
from policies.services.proposing import Wanted, second_person_for
from policies.services.steps import locked_policy


@use_case
def publish(
    *,
    organization_id: UUID,
    policy_id: UUID,
    document: object,
    mode: Mode,
    note: str = "",
    acknowledged: Acknowledged = ALL_TOLD,
    actor: Actor,
    now: datetime,
) -> Published | Awaiting:
    """Publish a document: from the commit on it counts (enforced) or is shown beside what counts (shadow).

    Publishing what is in force already changes nothing. A shadow version that is published as enforced is promoted
    under its own number. Raises what the parser says, `Invalid` (`rules_missing`, `reviewer_unknown`,
    `holidays_unknown`, what lint calls an error, `warnings_not_acknowledged`) and `Conflict` (`policy_retired`,
    `version_is_enforced`).
    """
    read = parse(document)
    targets = targets_by_id(organization_id, policy_id)
    acknowledged = with_history(acknowledged, organization_id, targets, read, now=now)
    hold_gate_exclusively(organization_id)
    policy = locked_policy(organization_id, policy_id)
    wanted = Wanted(document=read, mode=mode, note=note)
    return _in_own_epoch(policy, wanted, acknowledged=acknowledged, actor=actor, now=now)


@use_case
def publish_draft(
    *,
    organization_id: UUID,
    policy_id: UUID,
    shown: str,
    mode: Mode,
    note: str = "",
    acknowledged: Acknowledged = ALL_TOLD,
    actor: Actor,
    now: datetime,
) -> Published | Awaiting:
    """Publish the draft as `publish` does, and clear it; `shown` is the `state_digest` of what the person looked at.

    Raises `Conflict` (`draft_missing`, `changed_meanwhile`) besides.
    """
    acknowledged = _looked_back(organization_id, policy_id, acknowledged, now, document="draft")
    hold_gate_exclusively(organization_id)
    policy = locked_policy(organization_id, policy_id)
    if policy.draft is None:
        raise Conflict("draft_missing", "There is no draft of this policy any more.")
    if state_digest(policy) != shown:
        raise Conflict("changed_meanwhile", "Somebody changed this policy meanwhile. Look at the changes again.")
    wanted = Wanted(document=parse(policy.draft), mode=mode, note=note, clears_draft=True)
    published = _in_own_epoch(policy, wanted, acknowledged=acknowledged, actor=actor, now=now)
    if isinstance(published, Published):
        # What is in force already: no publishing is told, so that the draft went must be.
        clear_draft(policy, is_told=not published.is_changed, actor=actor, now=now)
    return published


@use_case
def publish_shadow(
    *, organization_id: UUID, policy_id: UUID, shown: str, acknowledged: Acknowledged, actor: Actor, now: datetime
) -> Published | Awaiting:
    """Enforce the shadow version as `publish` does; `shown` is the `shadow_digest` of what the person looked at.

    Raises `Conflict` (`shadow_missing`, `changed_meanwhile`) besides.
    """
    acknowledged = _looked_back(organization_id, policy_id, acknowledged, now, document="shadow__document")
    hold_gate_exclusively(organization_id)
    policy = locked_policy(organization_id, policy_id)
    if policy.shadow is None:
        raise Conflict("shadow_missing", "There is no shadow version of this policy any more.")
    if shadow_digest(policy) != shown:
        raise Conflict("changed_meanwhile", "Somebody changed this policy meanwhile. Look at the changes again.")
    note = f"Promoted from shadow: version {policy.shadow.number}"
    wanted = Wanted(document=parse(policy.shadow.document), mode=Mode.ENFORCED, note=note)
    return _in_own_epoch(policy, wanted, acknowledged=acknowledged, actor=actor, now=now)


def shadow_digest(policy: Policy) -> str:
    """Return what enforcing the shadow is bound to: that version, and the one that it would come in place of."""
    return digest([policy.enforced_id, policy.shadow_id])


def state_digest(policy: Policy) -> str:
    """Return what a publish page is bound to: the draft, and the versions that it would come in place of."""
    return digest([policy.draft, policy.enforced_id, policy.shadow_id])


def _looked_back(
    organization_id: UUID, policy_id: UUID, acknowledged: Acknowledged, now: datetime, *, document: str
) -> Acknowledged:
    """Look into history with a document as it is before the gate is taken; the digest says whether it is still that.

    `document` is the field of the policy that holds it.
    """
    policies = Policy.objects.filter(organization_id=organization_id, pk=policy_id)
    found = policies.values_list(document, flat=True).first()
    if found is None:
        return acknowledged
    targets = targets_by_id(organization_id, policy_id)
    return with_history(acknowledged, organization_id, targets, parse(found), now=now)


def _in_own_epoch(
    policy: Policy, wanted: Wanted, *, acknowledged: Acknowledged, actor: Actor, now: datetime
) -> Published | Awaiting:
    assert wanted.document is not None, "it is there to be published"
    if awaiting := second_person_for(policy, wanted, acknowledged=acknowledged, actor=actor, now=now):
        return awaiting
    published = put_in_force(
        policy,
        wanted.document,
        mode=wanted.mode,
        note=wanted.note,
        acknowledged=acknowledged,
        actor=actor,
        now=now,
    )
    if published.is_changed:
        raise_epoch(policy.organization_id)
    return published
