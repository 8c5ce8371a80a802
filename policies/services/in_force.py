"""What is in force: the step that makes a document a version, and takes versions out of force."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from audit.catalogue import Action
from core.actor import Actor
from core.canonical import digest
from core.db import must_be_in_transaction
from core.errors import Conflict, Invalid
from core.ids import Prefix, new_id, to_public
from people.models import Member
from policies.engine.document import Document, to_plain
from policies.engine.lint import lint
from policies.engine.types import Mode
from policies.models import NOTE_LENGTH, Policy, PolicyVersion
from policies.selectors import reviewers, rules_of
from policies.selectors.versions import latest_version
from policies.services.calendars import with_holidays
from policies.services.findings import ALL_TOLD, Acknowledged, findings_of, refuse_faulty
from policies.services.steps import checked_text, draft_facts, end_draft, tell

SHADOWS_ITSELF: Final = "This is what is enforced already; a shadow of it would show nothing."


@dataclass(frozen=True, slots=True)
class Published:
    """The version that is in force in the mode that was asked for; not new where that was so before."""

    version_id: UUID
    number: int
    is_changed: bool


def put_in_force(
    policy: Policy,
    document: Document,
    *,
    mode: Mode,
    note: str,
    acknowledged: Acknowledged = ALL_TOLD,
    actor: Actor,
    now: datetime,
) -> Published:
    """Store a version of a locked policy, where it is a new one, put it in force and tell it; a step."""
    must_be_in_transaction()
    note = checked_text(note, field="note", length=NOTE_LENGTH, may_be_empty=True)
    resolved = resolved_document(policy, document, now=now)
    present = version_in_force(policy, mode)
    if present is not None and present.digest == document_digest(resolved):
        return Published(present.pk, present.number, is_changed=False)
    refuse_unusable(policy, resolved, mode, acknowledged)
    before = in_force_facts(policy)
    version = _shadow_to_promote(policy, resolved, mode) or _new_version(
        policy, resolved, note=note, actor=actor, now=now
    )
    _take_slot(policy, version, mode)
    facts = {**in_force_facts(policy), "version": version.number, "mode": mode, "digest": version.digest, "note": note}
    tell(policy, Action.POLICY_PUBLISHED, before=before, after=facts, actor=actor, now=now)
    return Published(version.pk, version.number, is_changed=True)


def resolved_document(policy: Policy, document: Document, *, now: datetime) -> Document:
    """Return the document as it would be published now."""
    latest = latest_version(policy)
    stored = [version.document for version in (policy.enforced, policy.shadow, latest) if version is not None]
    return with_holidays(document, known=[rule for one in stored for rule in rules_of(one)], now=now)


def document_digest(document: Document) -> str:
    """Return what names the content of a version."""
    return digest(to_plain(document))


def version_in_force(policy: Policy, mode: Mode) -> PolicyVersion | None:
    """Return the version that is in force in this mode."""
    return policy.enforced if mode is Mode.ENFORCED else policy.shadow


def in_force_facts(policy: Policy) -> dict[str, object]:
    """Return which versions are in force, as the history shows it."""
    return {
        "enforced": policy.enforced.number if policy.enforced else None,
        "shadow": policy.shadow.number if policy.shadow else None,
    }


def refuse_unusable(policy: Policy, document: Document, mode: Mode, acknowledged: Acknowledged) -> None:
    """Raise what keeps a document from coming into force in this mode; `publish` says what."""
    if not document.rules:
        raise Invalid(
            "rules_missing", "A policy has at least one rule. To take it out of force, retire it.", field="rules"
        )
    if mode is Mode.SHADOW and policy.enforced is not None and policy.enforced.digest == document_digest(document):
        raise Conflict("version_is_enforced", SHADOWS_ITSELF)
    for path, detail in strangers_in(document, reviewers(policy.organization_id)):
        raise Invalid("reviewer_unknown", detail, field=path)
    # Whoever tells the warnings afterwards is stopped by errors alone, and those stand in the document.
    found = lint(document) if acknowledged.everything else findings_of(policy, document)
    refuse_faulty([*found, *acknowledged.in_history], acknowledged)


def strangers_in(document: Document, people: Iterable[Member]) -> Iterator[tuple[str, str]]:
    """Yield the path of each rule that asks somebody who is none of these people, with who that is."""
    known = {to_public(Prefix.PERSON, member.person_id) for member in people}
    for index, rule in enumerate(document.rules):
        if strangers := [person for person in rule.review.people if person not in known]:
            yield f"rules[{index}].review.people", f"{strangers[0]} is no present member who may review."


def _shadow_to_promote(policy: Policy, document: Document, mode: Mode) -> PolicyVersion | None:
    shadow = policy.shadow
    return (
        shadow if mode is Mode.ENFORCED and shadow is not None and shadow.digest == document_digest(document) else None
    )


def _new_version(policy: Policy, document: Document, *, note: str, actor: Actor, now: datetime) -> PolicyVersion:
    latest = latest_version(policy)
    return PolicyVersion.objects.create(
        id=new_id(now),
        organization_id=policy.organization_id,
        policy=policy,
        number=latest.number + 1 if latest else 1,
        document=to_plain(document),
        digest=document_digest(document),
        note=note,
        published_at=now,
        published_by_id=actor.id,
        published_by_name=actor.name[:200],
    )


def _take_slot(policy: Policy, version: PolicyVersion, mode: Mode) -> None:
    if mode is Mode.SHADOW:
        policy.shadow = version
    else:
        policy.enforced = version
        policy.shadow = None if policy.shadow_id == version.pk else policy.shadow
    policy.save(update_fields=["enforced", "shadow"])


def clear_draft(policy: Policy, *, is_told: bool, actor: Actor, now: datetime) -> None:
    """Let the draft of a locked policy go, since it is published; told where no publishing tells it; a step."""
    must_be_in_transaction()
    assert policy.draft is not None, "the caller looked"
    before = draft_facts(policy.draft, policy.draft_notes)
    end_draft(policy)
    if is_told:
        tell(policy, Action.POLICY_DRAFT_SAVED, before=before, after=None, actor=actor, now=now)


def take_out_of_force(policy: Policy, *, actor: Actor, now: datetime) -> None:
    """Retire a locked policy; a step."""
    must_be_in_transaction()
    before = {"retired": False, **in_force_facts(policy)}
    policy.retired_at, policy.enforced, policy.shadow = now, None, None
    policy.draft, policy.draft_changed_at, policy.draft_notes = None, None, []
    policy.save(update_fields=["retired_at", "enforced", "shadow", "draft", "draft_changed_at", "draft_notes"])
    after = {"retired": True, **in_force_facts(policy)}
    tell(policy, Action.POLICY_RETIRED, before=before, after=after, actor=actor, now=now)


def bring_back(policy: Policy, *, actor: Actor, now: datetime) -> bool:
    """Let a locked policy be no longer retired; returns whether it was; a step."""
    must_be_in_transaction()
    if policy.retired_at is None:
        return False
    policy.retired_at = None
    policy.save(update_fields=["retired_at"])
    tell(policy, Action.POLICY_CHANGED, before={"retired": True}, after={"retired": False}, actor=actor, now=now)
    return True
