"""Steps that the use cases of policies share: lock, refuse, tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from audit.catalogue import Action
from audit.services import NewEvent, append_all
from core.actor import Actor
from core.canonical import digest
from core.db import must_be_in_transaction
from core.errors import Conflict, Invalid, NotFound
from core.ids import Prefix, new_id, to_public
from people.services import void_changes_of
from policies.models import NAME_LENGTH, NOTE_LENGTH, REFERENCE_LENGTH, Policy

MOST_POLICIES: Final = 5_000
"""Policies of one organization, retired ones included: one per agent of a large fleet, and room."""
TOO_MANY: Final = f"An organization has at most {MOST_POLICIES} policies."


@dataclass(frozen=True, slots=True)
class Told:
    """A change of a policy as the history tells it."""

    action: Action
    before: object = None
    after: object = None


def locked_policy(organization_id: UUID, policy_id: UUID) -> Policy:
    """Return the policy, locked until the commit; raises `NotFound`, and `Conflict` (`policy_retired`)."""
    must_be_in_transaction()
    policy = Policy.objects.select_for_update(of=("self",)).filter(organization_id=organization_id, pk=policy_id)
    found = policy.select_related("enforced", "shadow").first()
    if found is None:
        raise NotFound()
    if found.retired_at is not None:
        raise Conflict("policy_retired", "This policy is retired. Create another one.")
    return found


def new_policy(
    organization_id: UUID, *, name: str, description: str, external_ref: str | None, actor: Actor, now: datetime
) -> Policy:
    """Store a policy without versions and assignments."""
    must_be_in_transaction()
    if Policy.objects.filter(organization_id=organization_id).count() >= MOST_POLICIES:
        raise Conflict("too_many_policies", TOO_MANY)
    policy, told = begun(organization_id, name=name, description=description, external_ref=external_ref, now=now)
    policy.save(force_insert=True)
    tell_all([(policy, told)], actor=actor, now=now)
    return policy


def begun(
    organization_id: UUID, *, name: str, description: str, external_ref: str | None, now: datetime
) -> tuple[Policy, Told]:
    """Return a policy without versions and assignments that is to be stored."""
    policy = Policy(
        id=new_id(now),
        organization_id=organization_id,
        name=checked_text(name, field="name", length=NAME_LENGTH),
        description=checked_text(description, field="description", length=NOTE_LENGTH, may_be_empty=True),
        external_ref=external_ref,
        created_at=now,
    )
    return policy, Told(Action.POLICY_CREATED, after=policy_facts(policy))


def describe(policy: Policy, *, name: str, description: str, actor: Actor, now: datetime) -> bool:
    """Give a locked policy its name and description; returns whether that changed anything."""
    must_be_in_transaction()
    told = described(policy, name=name, description=description)
    if told is None:
        return False
    policy.save(update_fields=["name", "description"])
    tell_all([(policy, told)], actor=actor, now=now)
    return True


def described(policy: Policy, *, name: str, description: str) -> Told | None:
    """Give a policy that is to be stored its name and description; `None` where that changes nothing."""
    before = policy_facts(policy)
    policy.name = checked_text(name, field="name", length=NAME_LENGTH)
    policy.description = checked_text(description, field="description", length=NOTE_LENGTH, may_be_empty=True)
    after = policy_facts(policy)
    return None if after == before else Told(Action.POLICY_CHANGED, before, after)


def policy_facts(policy: Policy) -> dict[str, object]:
    """Return what a policy is called, as the history shows it."""
    return {"name": policy.name, "description": policy.description, "external_ref": policy.external_ref}


def draft_facts(document: Mapping[str, object], notes: Sequence[Mapping[str, str]] = ()) -> dict[str, object]:
    """Return a draft as the history shows it, with the requests that its notes name."""
    rules = cast(list[dict[str, object]], document["rules"])
    facts: dict[str, object] = {"digest": digest(document), "rules": [rule["key"] for rule in rules]}
    return {**facts, "suggested_for": [note["origin"] for note in notes]} if notes else facts


def end_draft(policy: Policy) -> None:
    """Take the draft of a locked policy away, with what was noted of it."""
    must_be_in_transaction()
    policy.draft, policy.draft_changed_at, policy.draft_notes = None, None, []
    policy.save(update_fields=["draft", "draft_changed_at", "draft_notes"])


def tell(
    policy: Policy, action: Action, *, before: object = None, after: object = None, actor: Actor, now: datetime
) -> None:
    """Append the audit event of a change of `policy`, as `tell_all` does."""
    tell_all([(policy, Told(action, before, after))], actor=actor, now=now)


def tell_all(changes: Sequence[tuple[Policy, Told]], *, actor: Actor, now: datetime) -> None:
    """Append the audit event of each change of a policy; what waits for a second person is about other ones then.

    So is a file of policies, but for a draft, which nothing of it rests on. Two statements, however many there are.
    """
    must_be_in_transaction()
    if not changes:
        return
    organization_id = changes[0][0].organization_id
    are_in_files = any(told.action is not Action.POLICY_DRAFT_SAVED for _, told in changes)
    names = dict.fromkeys(to_public(Prefix.POLICY, policy.pk) for policy, _ in changes)
    void_changes_of(organization_id, tuple(names), and_naming=are_in_files, actor=actor, now=now)
    append_all(
        [
            NewEvent(
                organization_id=organization_id,
                actor=actor,
                action=told.action,
                subject_kind="policy",
                subject_id=to_public(Prefix.POLICY, policy.pk),
                before=told.before,
                after=told.after,
                now=now,
            )
            for policy, told in changes
        ]
    )


def checked_text(text: str, *, field: str, length: int, may_be_empty: bool = False) -> str:
    """Return `text` without spaces at its ends; raises `Invalid` (`text_invalid`)."""
    text = text.strip()
    if (
        (not text and not may_be_empty)
        or len(text) > length
        or not text.replace("\n", " ").replace("\r", " ").isprintable()
    ):
        least = 0 if may_be_empty else 1
        raise Invalid(
            "text_invalid", f"Must have {least} to {length} characters and no control characters.", field=field
        )
    return text


def checked_reference(reference: str | None) -> str | None:
    """Return the app's own name for the policy; raises `Invalid` (`text_invalid`)."""
    return None if reference is None else checked_text(reference, field="external_ref", length=REFERENCE_LENGTH)
