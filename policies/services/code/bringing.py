"""What a file changes, gathered in memory and stored in a few statements, however many policies there are."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from core.actor import Actor
from core.canonical import moment_text
from core.db import must_be_in_transaction, rows
from core.errors import Invalid
from people.models import Member
from policies.engine.types import Mode
from policies.models import Policy, PolicyVersion
from policies.selectors import reviewers
from policies.services.code.matching import Wanted, below_path, resolved
from policies.services.in_force import (
    document_digest,
    next_version,
    placed,
    refuse_unfit,
    retired,
    returned,
    shadow_to_promote,
    version_in_force,
    without_shadow,
)
from policies.services.steps import Told, begun, described, tell_all
from policies.services.targets import Retargeted, retargeting, store_targets

# Of the columns that a file changes: one statement for all of them, where the ORM's would compare each row with each.
STORE: Final = """
    update policies_policy stored
       set name = wanted.name, description = wanted.description, enforced_id = wanted.enforced_id,
           shadow_id = wanted.shadow_id, retired_at = wanted.retired_at
      from jsonb_to_recordset(%s::jsonb) as wanted(
           id uuid, name text, description text, enforced_id uuid, shadow_id uuid, retired_at timestamptz)
     where stored.id = wanted.id
"""


@dataclass(slots=True)
class Bringing:
    """The rows and events of one file, in its order; nothing is stored before `store`."""

    organization_id: UUID
    note: str
    actor: Actor
    now: datetime
    people: tuple[Member, ...]
    locked: dict[UUID, Policy]
    latest: dict[UUID, PolicyVersion] = field(default_factory=dict)
    created: list[Policy] = field(default_factory=list)
    changed: list[Policy] = field(default_factory=list)
    retired: list[Policy] = field(default_factory=list)
    versions: list[PolicyVersion] = field(default_factory=list)
    retargeted: list[Retargeted] = field(default_factory=list)
    told: list[tuple[Policy, Told]] = field(default_factory=list)

    def bring(self, one: Wanted) -> None:
        """Bring one policy to what the file says; what is so already stays as it is. Raises with its path."""
        try:
            policy = self._policy(one)
            if one.targets is not None and one.targets != one.bound:
                self.retargeted.append(Retargeted(policy, one.bound, one.targets))
                self.told.append((policy, retargeting(one.bound, one.targets)))
            for mode, name in ((Mode.ENFORCED, "rules"), (Mode.SHADOW, "shadow")):
                if getattr(one.written, name):
                    self._put_in_force(policy, one, mode, name)
            if policy.shadow is not None and not one.written.shadow:
                self.told.append((policy, without_shadow(policy)))
        except Invalid as error:
            raise below_path(one.path, error) from error

    def retire(self, policy_id: UUID) -> None:
        """Take a policy out of force that the file does not name."""
        policy = self.locked[policy_id]
        self.retired.append(policy)
        self.told.append((policy, retired(policy, self.now)))

    def store(self) -> None:
        """Store and tell everything; a step of as many statements for a thousand policies as for one."""
        must_be_in_transaction()
        # With their versions, which come right behind: the database looks at what refers to what when it commits.
        Policy.objects.bulk_create(self.created)
        PolicyVersion.objects.bulk_create(self.versions)
        rows(STORE, [json.dumps([_row(one) for one in (*self.changed, *self.retired)])])
        gone = [one.pk for one in self.retired]
        Policy.objects.filter(pk__in=gone).update(draft=None, draft_changed_at=None, draft_notes=[])
        store_targets(self.retargeted, now=self.now)
        tell_all(self.told, actor=self.actor, now=self.now)

    def _policy(self, one: Wanted) -> Policy:
        written = one.written
        if one.policy is None:
            policy, told = begun(
                self.organization_id,
                name=written.name,
                description=written.description,
                external_ref=written.ref,
                now=self.now,
            )
            self.created.append(policy)
            self.told.append((policy, told))
            return policy
        policy = self.locked[one.policy.pk]
        self.changed.append(policy)
        if policy.retired_at is not None:
            self.told.append((policy, returned(policy)))
        if renamed := described(policy, name=written.name, description=written.description):
            self.told.append((policy, renamed))
        return policy

    def _put_in_force(self, policy: Policy, one: Wanted, mode: Mode, name: str) -> None:
        document = resolved(one, name, self.now)
        present = version_in_force(policy, mode)
        if present is not None and present.digest == document_digest(document):
            return
        # Lint has said what it says of all of them, and its errors were refused before anything was gathered.
        refuse_unfit(policy, document, mode, self.people)
        version = shadow_to_promote(policy, document, mode)
        if version is None:
            latest = self.latest.get(policy.pk, one.latest)
            version = next_version(policy, latest, document, note=self.note, actor=self.actor, now=self.now)
            self.latest[policy.pk] = version
            self.versions.append(version)
        self.told.append((policy, placed(policy, version, mode, note=self.note)))


def begin_to_bring(organization_id: UUID, stored: set[UUID], *, note: str, actor: Actor, now: datetime) -> Bringing:
    """Lock the stored policies that are to change, and return what gathers their changes; two reads."""
    must_be_in_transaction()
    found = Policy.objects.select_for_update(of=("self",)).select_related("enforced", "shadow").order_by("id")
    locked = {one.pk: one for one in found.filter(organization_id=organization_id, pk__in=stored)}
    return Bringing(organization_id, note, actor, now, reviewers(organization_id), locked)


def _row(policy: Policy) -> dict[str, object]:
    return {
        "id": str(policy.pk),
        "name": policy.name,
        "description": policy.description,
        "enforced_id": None if policy.enforced_id is None else str(policy.enforced_id),
        "shadow_id": None if policy.shadow_id is None else str(policy.shadow_id),
        "retired_at": None if policy.retired_at is None else moment_text(policy.retired_at),
    }
