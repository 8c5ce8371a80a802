"""Organization keys: issued with scopes, shown once, revoked; when they were last used."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.db import prepared_rows, use_case
from core.errors import Conflict, Invalid, NotFound
from core.ids import Prefix, new_id, to_public
from core.keys import ORGANIZATION, mint, secret_hash
from people.models import NAME_LENGTH, OrganizationKey, Person
from people.roles import Scope
from people.services.epoch import lock_organization, raise_epoch, stop_and_lock_organization

MOST_KEYS: Final = 100
"""Keys in force per organization: enough for one per service, few enough to look through."""
LAST_USED_STEP: Final = timedelta(minutes=1)
"""`last_used_at` is written at most this often: a busy key must not turn every read into a write."""
# A key that somebody else is just marking, or revoking, is passed over: authentication waits for nobody.
USED_STATEMENT: Final = """
    update people_organizationkey set last_used_at = %(now)s
     where id = (select id from people_organizationkey
                  where id = %(key)s and (last_used_at is null or last_used_at <= %(before)s)
                    for no key update skip locked)
"""


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A fresh organization key with its secret, which is not stored and cannot be shown again."""

    key: OrganizationKey
    secret: str = field(repr=False)


@use_case
def issue_organization_key(
    *,
    organization_id: UUID,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None,
    by: Person,
    actor: Actor,
    now: datetime,
) -> IssuedKey:
    """Store a key's hash and return its secret.

    Raises `Invalid` (name, scopes, expiry) and `Conflict` (`too_many_keys`).
    """
    name = _name(name)
    wanted = known_scopes(scopes)
    if expires_at is not None and expires_at <= now:
        raise Invalid("expiry_is_past", "The key would be expired from the start.", field="expires_at")
    lock_organization(organization_id)
    in_force = OrganizationKey.objects.filter(organization_id=organization_id, revoked_at=None).count()
    if in_force >= MOST_KEYS:
        raise Conflict("too_many_keys", f"An organization has at most {MOST_KEYS} keys. Revoke one first.")
    key_id = new_id(now)
    secret = mint(ORGANIZATION, key_id)
    key = OrganizationKey.objects.create(
        id=key_id,
        organization_id=organization_id,
        name=name,
        secret_hash=secret_hash(secret),
        scopes=wanted,
        created_by=by,
        created_at=now,
        expires_at=expires_at,
    )
    _append(Action.ORGANIZATION_KEY_ISSUED, key, before=None, after=key_facts(key), actor=actor, now=now)
    return IssuedKey(key, secret)


@use_case
def revoke_organization_key(*, organization_id: UUID, key_id: UUID, actor: Actor, now: datetime) -> OrganizationKey:
    """End a key at once: what it asks after this commit is refused. Revoking a revoked one changes nothing."""
    stop_and_lock_organization(organization_id)
    key = OrganizationKey.objects.filter(organization_id=organization_id, pk=key_id).first()
    if key is None:
        raise NotFound()
    if key.revoked_at is not None:
        return key
    before = key_facts(key)
    key.revoked_at = now
    key.save(update_fields=["revoked_at"])
    raise_epoch(organization_id)
    _append(Action.ORGANIZATION_KEY_REVOKED, key, before=before, after=key_facts(key), actor=actor, now=now)
    return key


def note_key_used(key_id: UUID, *, last_used_at: datetime | None, now: datetime) -> None:
    """Remember that a key was used; writes only where the moment last read is a minute old or older."""
    before = now - LAST_USED_STEP
    if last_used_at is None or last_used_at <= before:
        prepared_rows(USED_STATEMENT, {"key": key_id, "now": now, "before": before})


def known_scopes(scopes: Collection[str]) -> list[str]:
    """Return `scopes` in the order of the table, each once; raises `Invalid` (`scopes_missing`, `scope_unknown`)."""
    if not scopes:
        raise Invalid("scopes_missing", "A key has at least one scope.", field="scopes")
    if unknown := sorted(set(scopes) - set(Scope)):
        raise Invalid("scope_unknown", f"There is no scope {unknown[0]!r}.", field="scopes")
    return [scope.value for scope in Scope if scope in scopes]


def key_facts(key: OrganizationKey) -> dict[str, object]:
    """Return a key as the history shows it: never its secret, nor the hash."""
    return {
        "name": key.name,
        "scopes": list(key.scopes),
        "expires_at": key.expires_at,
        "revoked": key.revoked_at is not None,
    }


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > NAME_LENGTH:
        raise Invalid("name_invalid", f"A name has 1 to {NAME_LENGTH} characters.", field="name")
    return name


def _append(
    action: Action,
    key: OrganizationKey,
    *,
    before: dict[str, object] | None,
    after: dict[str, object],
    actor: Actor,
    now: datetime,
) -> None:
    append(
        organization_id=key.organization_id,
        actor=actor,
        action=action,
        subject_kind="organization_key",
        subject_id=to_public(Prefix.KEY, key.id),
        before=before,
        after=after,
        now=now,
    )
