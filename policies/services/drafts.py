"""Drafts: what a person is writing; nothing is decided by it until it is published."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast
from uuid import UUID

from audit.catalogue import Action
from core.actor import Actor
from core.db import must_be_in_transaction, use_case
from core.errors import NotFound
from policies.engine.document import SCHEMA_VERSION, Document, parse, to_plain
from policies.models import Policy
from policies.selectors.versions import latest_version, version_of
from policies.services.calendars import without_dates
from policies.services.steps import draft_facts, end_draft, locked_policy, tell

Plain = dict[str, object]


@use_case
def save_draft(*, organization_id: UUID, policy_id: UUID, document: object, actor: Actor, now: datetime) -> None:
    """Store a whole draft in place of the present one; raises what the parser says."""
    policy = locked_policy(organization_id, policy_id)
    store_draft(policy, document, notes=[], actor=actor, now=now)


@use_case
def save_rule(
    *, organization_id: UUID, policy_id: UUID, rule: Mapping[str, object], actor: Actor, now: datetime
) -> None:
    """Put one rule into the draft in place of the one with the same key; raises `NotFound` where there is none.

    Where there is no draft yet it begins with what is in force. Raises what the parser says.
    """
    policy = locked_policy(organization_id, policy_id)
    rules = draft_rules(policy)
    keys = [one["key"] for one in rules]
    if rule["key"] not in keys:
        raise NotFound()
    rules[keys.index(rule["key"])] = dict(rule)
    store_draft(policy, {"schema": SCHEMA_VERSION, "rules": rules}, actor=actor, now=now)


@use_case
def add_rule(*, organization_id: UUID, policy_id: UUID, rule: Mapping[str, object], actor: Actor, now: datetime) -> str:
    """Put a new rule behind those of the draft and return its key: the one it came with, numbered where it is taken."""
    policy = locked_policy(organization_id, policy_id)
    rules = draft_rules(policy)
    key = free_key(str(rule["key"]), {str(one["key"]) for one in rules})
    added: list[Plain] = [*rules, {**rule, "key": key}]
    store_draft(policy, {"schema": SCHEMA_VERSION, "rules": added}, actor=actor, now=now)
    return key


@use_case
def remove_rule(*, organization_id: UUID, policy_id: UUID, key: str, actor: Actor, now: datetime) -> None:
    """Take one rule out of the draft; raises `NotFound` where it has none with this key."""
    policy = locked_policy(organization_id, policy_id)
    rules = draft_rules(policy)
    left = [one for one in rules if one["key"] != key]
    if len(left) == len(rules):
        raise NotFound()
    store_draft(policy, {"schema": SCHEMA_VERSION, "rules": left}, actor=actor, now=now)


@use_case
def restore_version(*, organization_id: UUID, policy_id: UUID, number: int, actor: Actor, now: datetime) -> None:
    """Make a published version the draft again, in place of the present one; raises `NotFound`."""
    policy = locked_policy(organization_id, policy_id)
    store_draft(policy, version_of(policy, number).document, notes=[], actor=actor, now=now)


@use_case
def discard_draft(*, organization_id: UUID, policy_id: UUID, actor: Actor, now: datetime) -> None:
    """Throw the draft away; what is in force stays. Nothing happens where there is none."""
    policy = locked_policy(organization_id, policy_id)
    if policy.draft is None:
        return
    before = draft_facts(policy.draft, policy.draft_notes)
    end_draft(policy)
    tell(policy, Action.POLICY_DRAFT_SAVED, before=before, after=None, actor=actor, now=now)


def store_draft(
    policy: Policy, document: object, *, notes: list[dict[str, str]] | None = None, actor: Actor, now: datetime
) -> None:
    """Store the draft of a locked policy in its normal form and tell it; a step. The same again changes nothing.

    `notes` say why it is as it is; without any the present ones stay.
    """
    must_be_in_transaction()
    plain = to_plain(without_dates(parse(document)))
    noted = policy.draft_notes if notes is None else notes
    if (plain, noted) == (policy.draft, policy.draft_notes):
        return
    before = None if policy.draft is None else draft_facts(policy.draft, policy.draft_notes)
    policy.draft, policy.draft_changed_at, policy.draft_notes = plain, now, noted
    policy.save(update_fields=["draft", "draft_changed_at", "draft_notes"])
    tell(policy, Action.POLICY_DRAFT_SAVED, before=before, after=draft_facts(plain, noted), actor=actor, now=now)


def draft_rules(policy: Policy) -> list[Plain]:
    """Return the rules that an edit begins with: of the draft, else of what is in force or was last."""
    if policy.draft is not None:
        return cast(list[Plain], list(policy.draft["rules"]))
    version = policy.enforced or policy.shadow or latest_version(policy)
    document = without_dates(parse(version.document)) if version else Document(())
    return cast(list[Plain], to_plain(document)["rules"])


def free_key(wanted: str, taken: set[str]) -> str:
    """Return the wanted key of a rule, numbered where another rule has it."""
    numbered = (f"{wanted}_{number}" for number in range(2, len(taken) + 3))
    return next(key for key in (wanted, *numbered) if key not in taken)
