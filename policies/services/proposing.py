"""Changes of policies that wait for a second person: what they are made of, and whether one has to wait."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.actor import Actor
from core.db import must_be_in_transaction
from core.errors import NotFound
from core.ids import Prefix, from_public, to_public
from people.models import ChangeKind
from people.services import MOST_SENTENCES, Awaiting, Proposal, needs_second_person, propose, raise_epoch
from policies.engine.document import Document, parse, to_plain
from policies.engine.rules import Rule
from policies.engine.types import Mode
from policies.models import Policy
from policies.services.calendars import without_dates
from policies.services.findings import ALL_TOLD, Acknowledged
from policies.services.in_force import (
    bring_back,
    clear_draft,
    document_digest,
    put_in_force,
    refuse_unusable,
    resolved_document,
    take_out_of_force,
    version_in_force,
)
from policies.services.loosening import loosenings_of
from policies.services.steps import describe
from policies.services.targets import AssignTo, change_targets, present_targets, target_facts


@dataclass(frozen=True, slots=True)
class Wanted:
    """A policy as somebody wants it to be; `None` leaves as it is what it stands for."""

    document: Document | None = None
    mode: Mode = Mode.ENFORCED
    note: str = ""
    targets: AssignTo | None = None
    name: str | None = None
    description: str | None = None
    is_retired: bool = False
    clears_draft: bool = False

    def content(self) -> dict[str, Any]:
        """Return the exact content that a second person agrees to, as JSON."""
        return {
            "document": None if self.document is None else to_plain(without_dates(self.document)),
            "mode": self.mode.value,
            "note": self.note,
            "targets": None if self.targets is None else target_facts(self.targets),
            "name": self.name,
            "description": self.description,
            "is_retired": self.is_retired,
            "clears_draft": self.clears_draft,
        }


def wanted_from(content: Mapping[str, Any]) -> Wanted:
    """Return what a stored content stands for."""
    targets = content["targets"]
    return Wanted(
        document=None if content["document"] is None else parse(content["document"]),
        mode=Mode(content["mode"]),
        note=content["note"],
        targets=None if targets is None else targets_from(targets),
        name=content["name"],
        description=content["description"],
        is_retired=content["is_retired"],
        clears_draft=content["clears_draft"],
    )


def second_person_for(
    policy: Policy, wanted: Wanted, *, acknowledged: Acknowledged = ALL_TOLD, actor: Actor, now: datetime
) -> Awaiting | None:
    """Have a change of a locked policy wait where it loosens and four eyes are wanted; a step.

    What could not be made is refused at once, as `publish` says.
    """
    must_be_in_transaction()
    if not needs_second_person(policy.organization_id):
        return None
    resolved = None if wanted.document is None else resolved_document(policy, wanted.document, now=now)
    found = loosenings_of(policy, rules=_rules_after(wanted, resolved), targets=wanted.targets)
    if not found:
        return None
    if resolved is not None:
        present = version_in_force(policy, wanted.mode)
        if present is None or present.digest != document_digest(resolved):
            refuse_unusable(policy, resolved, wanted.mode, acknowledged)
    proposal = Proposal(
        kind=ChangeKind.POLICY,
        subject_id=to_public(Prefix.POLICY, policy.pk),
        title=_title(policy, wanted),
        content=wanted.content(),
        loosens=[one.detail for one in found],
        before=standing_facts(policy),
    )
    return propose(policy.organization_id, proposal, actor=actor, now=now)


def loosens_as_shown(policy: Policy, content: Mapping[str, Any], shown: Collection[str], *, now: datetime) -> bool:
    """Say whether making a change of a locked policy loosens nothing now that was not shown when it was proposed.

    What stands beside the policy may have gone meanwhile, so that more passes by it.
    """
    wanted = wanted_from(content)
    resolved = None if wanted.document is None else resolved_document(policy, wanted.document, now=now)
    found = loosenings_of(policy, rules=_rules_after(wanted, resolved), targets=wanted.targets)
    return {one.detail for one in found[:MOST_SENTENCES]} <= set(shown)


def standing_facts(policy: Policy) -> dict[str, object]:
    """Return what a change of a policy comes in place of; versions never change, so the id of one is all of it."""
    return {
        "name": policy.name,
        "targets": target_facts(present_targets(policy)),
        "is_retired": policy.retired_at is not None,
        "enforced": None if policy.enforced_id is None else str(policy.enforced_id),
    }


def policy_to_change(organization_id: UUID, policy_id: UUID) -> Policy:
    """Return a policy, locked, retired ones included: a sync may bring it back. Raises `NotFound`."""
    must_be_in_transaction()
    locked = Policy.objects.select_for_update(of=("self",)).select_related("enforced", "shadow", "organization")
    policy = locked.filter(organization_id=organization_id, pk=policy_id).first()
    if policy is None:
        raise NotFound()
    return policy


def apply_to_policy(policy: Policy, content: Mapping[str, Any], *, actor: Actor, now: datetime) -> None:
    """Make a change of a locked policy that a second person agreed to; a step that raises the epoch."""
    must_be_in_transaction()
    wanted = wanted_from(content)
    if wanted.is_retired:
        take_out_of_force(policy, actor=actor, now=now)
    else:
        bring_back(policy, actor=actor, now=now)
        if wanted.name is not None:
            text = policy.description if wanted.description is None else wanted.description
            describe(policy, name=wanted.name, description=text, actor=actor, now=now)
        if wanted.targets is not None:
            change_targets(policy, wanted.targets, actor=actor, now=now)
        if wanted.document is not None:
            put_in_force(policy, wanted.document, mode=wanted.mode, note=wanted.note, actor=actor, now=now)
        if wanted.clears_draft and policy.draft is not None:
            clear_draft(policy, is_told=False, actor=actor, now=now)
    raise_epoch(policy.organization_id)


def _rules_after(wanted: Wanted, resolved: Document | None) -> tuple[Rule, ...] | None:
    if wanted.is_retired:
        return ()
    return None if resolved is None or wanted.mode is Mode.SHADOW else resolved.rules


def _title(policy: Policy, wanted: Wanted) -> str:
    if wanted.is_retired:
        return f"Retire {policy.name}"
    if wanted.document is None:
        return f"Assign {policy.name}"
    return f"Publish {wanted.name or policy.name}"


def targets_from(facts: Mapping[str, Any]) -> AssignTo:
    """Return the targets that facts of them stand for."""
    agents: tuple[UUID, ...] = tuple(from_public(Prefix.AGENT, one) for one in facts["agents"])
    return AssignTo(facts["organization"], tuple(facts["labels"]), agents)
