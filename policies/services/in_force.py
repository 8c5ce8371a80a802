"""What is in force: the step that makes a document a version, and takes versions out of force."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from audit.catalogue import Action
from core.actor import ACTOR_NAME_LENGTH, Actor
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
from policies.services.steps import Told, checked_text, draft_facts, end_draft, tell, tell_all

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
    version = shadow_to_promote(policy, resolved, mode)
    if version is None:
        version = next_version(policy, latest_version(policy), resolved, note=note, actor=actor, now=now)
        version.save(force_insert=True)
    told = placed(policy, version, mode, note=note)
    policy.save(update_fields=["enforced", "shadow"])
    tell_all([(policy, told)], actor=actor, now=now)
    return Published(version.pk, version.number, is_changed=True)


def resolved_document(policy: Policy, document: Document, *, now: datetime) -> Document:
    """Return the document as it would be published now."""
    return resolved_beside(policy, latest_version(policy), document, now=now)


def resolved_beside(policy: Policy, latest: PolicyVersion | None, document: Document, *, now: datetime) -> Document:
    """Return the document as it would be published now behind the latest version."""
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
    refuse_unfit(policy, document, mode, reviewers(policy.organization_id))
    # Whoever tells the warnings afterwards is stopped by errors alone, and those stand in the document.
    found = lint(document) if acknowledged.everything else findings_of(policy, document)
    refuse_faulty([*found, *acknowledged.in_history], acknowledged)


def refuse_unfit(policy: Policy, document: Document, mode: Mode, people: Iterable[Member]) -> None:
    """Raise where a document cannot be a version of the policy in this mode, whatever lint says of its rules."""
    if not document.rules:
        raise Invalid(
            "rules_missing", "A policy has at least one rule. To take it out of force, retire it.", field="rules"
        )
    if mode is Mode.SHADOW and policy.enforced is not None and policy.enforced.digest == document_digest(document):
        raise Conflict("version_is_enforced", SHADOWS_ITSELF)
    for path, detail in strangers_in(document, people):
        raise Invalid("reviewer_unknown", detail, field=path)


def strangers_in(document: Document, people: Iterable[Member]) -> Iterator[tuple[str, str]]:
    """Yield the path of each rule that asks somebody who is none of these people, with who that is."""
    known = {to_public(Prefix.PERSON, member.person_id) for member in people}
    for index, rule in enumerate(document.rules):
        if strangers := [person for person in rule.review.people if person not in known]:
            yield f"rules[{index}].review.people", f"{strangers[0]} is no present member who may review."


def shadow_to_promote(policy: Policy, document: Document, mode: Mode) -> PolicyVersion | None:
    """Return the shadow version where it is what is to be enforced: it keeps its number."""
    shadow = policy.shadow
    return (
        shadow if mode is Mode.ENFORCED and shadow is not None and shadow.digest == document_digest(document) else None
    )


def next_version(
    policy: Policy, latest: PolicyVersion | None, document: Document, *, note: str, actor: Actor, now: datetime
) -> PolicyVersion:
    """Return the version behind the latest one, which is to be stored."""
    return PolicyVersion(
        id=new_id(now),
        organization_id=policy.organization_id,
        policy=policy,
        number=latest.number + 1 if latest else 1,
        document=to_plain(document),
        digest=document_digest(document),
        note=note,
        published_at=now,
        published_by_id=actor.id,
        published_by_name=actor.name[:ACTOR_NAME_LENGTH],
    )


def placed(policy: Policy, version: PolicyVersion, mode: Mode, *, note: str) -> Told:
    """Put a version in the place of its mode in a policy that is to be stored."""
    before = in_force_facts(policy)
    if mode is Mode.SHADOW:
        policy.shadow = version
    else:
        policy.enforced = version
        policy.shadow = None if policy.shadow_id == version.pk else policy.shadow
    facts = {**in_force_facts(policy), "version": version.number, "mode": mode, "digest": version.digest, "note": note}
    return Told(Action.POLICY_PUBLISHED, before, facts)


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
    told = retired(policy, now)
    policy.save(update_fields=["retired_at", "enforced", "shadow", "draft", "draft_changed_at", "draft_notes"])
    tell_all([(policy, told)], actor=actor, now=now)


def retired(policy: Policy, now: datetime) -> Told:
    """Take all out of a policy that is to be stored, its draft too."""
    before = {"retired": False, **in_force_facts(policy)}
    policy.retired_at, policy.enforced, policy.shadow = now, None, None
    policy.draft, policy.draft_changed_at, policy.draft_notes = None, None, []
    return Told(Action.POLICY_RETIRED, before, {"retired": True, **in_force_facts(policy)})


def bring_back(policy: Policy, *, actor: Actor, now: datetime) -> bool:
    """Let a locked policy be no longer retired; returns whether it was; a step."""
    must_be_in_transaction()
    if policy.retired_at is None:
        return False
    told = returned(policy)
    policy.save(update_fields=["retired_at"])
    tell_all([(policy, told)], actor=actor, now=now)
    return True


def returned(policy: Policy) -> Told:
    """Let a policy that is to be stored be no longer retired."""
    policy.retired_at = None
    return Told(Action.POLICY_CHANGED, {"retired": True}, {"retired": False})


def without_shadow(policy: Policy) -> Told:
    """Take the shadow version out of a policy that is to be stored."""
    before = in_force_facts(policy)
    policy.shadow = None
    return Told(Action.POLICY_CHANGED, before, in_force_facts(policy))
