"""Runtime credentials: issued and shown once, rotated with overlap, revoked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from agents.models import Agent, AgentKey
from agents.services.fields import expiry_of, name_of
from agents.services.locking import stop_and_lock_agent, stop_and_lock_living_agent
from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.db import use_case
from core.errors import Conflict, Invalid, NotFound
from core.ids import Prefix, new_id, to_public
from core.keys import AGENT, mint, secret_hash
from people.services import raise_epoch

MOST_KEYS: Final = 20
"""Keys in force per agent: enough for one per process of the app, few enough to look through."""
LONGEST_OVERLAP_SECONDS: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A fresh runtime credential with its secret, which is not stored and cannot be shown again."""

    key: AgentKey
    secret: str = field(repr=False)


@use_case
def issue_key(
    *, organization_id: UUID, agent_id: UUID, name: str, expires_at: datetime | None, actor: Actor, now: datetime
) -> IssuedKey:
    """Store a key's hash and return its secret.

    Raises `NotFound`, `Invalid` (name, expiry), `Conflict` (`agent_retired`, `too_many_keys`).
    """
    name = name_of(name)
    expires_at = expiry_of(expires_at, now=now)
    agent = stop_and_lock_living_agent(organization_id, agent_id)
    _demand_room(agent, now)
    issued = _insert(agent, name, expires_at, now=now)
    _append(Action.AGENT_KEY_ISSUED, agent, before=None, after={"key": key_facts(issued.key)}, actor=actor, now=now)
    return issued


@use_case
def rotate_key(*, organization_id: UUID, key_id: UUID, overlap_seconds: int, actor: Actor, now: datetime) -> IssuedKey:
    """Issue a successor of the same name and length of life.

    The old key works for `overlap_seconds` more, and never longer than it would have. Takes the agent's gate.
    Raises `NotFound`, `Invalid` (`overlap_invalid`), `Conflict` (`agent_retired`, `key_spent`, `key_rotated`,
    `too_many_keys`).
    """
    if not 0 <= overlap_seconds <= LONGEST_OVERLAP_SECONDS:
        detail = f"The overlap is 0 to {LONGEST_OVERLAP_SECONDS} seconds."
        raise Invalid("overlap_invalid", detail, field="overlap_seconds")
    agent = stop_and_lock_living_agent(organization_id, _agent_id_of(organization_id, key_id))
    old = AgentKey.objects.get(pk=key_id)
    _demand_rotatable(old, now)
    before = key_facts(old)
    life = None if old.expires_at is None else old.expires_at - old.created_at
    _demand_room(agent, now)
    issued = _insert(agent, old.name, None if life is None else now + life, now=now)
    old.successor = issued.key
    _end(old, now + timedelta(seconds=overlap_seconds), now=now)
    raise_epoch(organization_id)
    after = {"key": key_facts(old), "successor": key_facts(issued.key)}
    _append(Action.AGENT_KEY_ROTATED, agent, before={"key": before}, after=after, actor=actor, now=now)
    return issued


@use_case
def revoke_key(*, organization_id: UUID, key_id: UUID, actor: Actor, now: datetime) -> AgentKey:
    """End a key at once: what it asks after this commit is refused. Revoking a revoked one changes nothing."""
    agent = stop_and_lock_agent(organization_id, _agent_id_of(organization_id, key_id))
    key = AgentKey.objects.get(pk=key_id)
    if key.revoked_at is not None:
        return key
    before = key_facts(key)
    _end(key, now, now=now)
    raise_epoch(organization_id)
    _append(
        Action.AGENT_KEY_REVOKED, agent, before={"key": before}, after={"key": key_facts(key)}, actor=actor, now=now
    )
    return key


def key_facts(key: AgentKey) -> dict[str, object]:
    """Return a key as the history shows it: never its secret, nor the hash."""
    return {
        "id": to_public(Prefix.KEY, key.pk),
        "name": key.name,
        "expires_at": key.expires_at,
        "revoked": key.revoked_at is not None,
    }


def _agent_id_of(organization_id: UUID, key_id: UUID) -> UUID:
    """The agent of a key, read before the locks: a key never changes its agent."""
    agents = AgentKey.objects.filter(organization_id=organization_id, pk=key_id).values_list("agent_id", flat=True)
    agent_id: UUID | None = agents.first()
    if agent_id is None:
        raise NotFound()
    return agent_id


def _demand_rotatable(key: AgentKey, now: datetime) -> None:
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        raise Conflict("key_spent", "This key works no more. Issue a new one.")
    if key.successor_id is not None:
        raise Conflict("key_rotated", "This key has a successor already. Rotate that one, or issue a new key.")


def _demand_room(agent: Agent, now: datetime) -> None:
    keys = AgentKey.objects.filter(agent=agent, revoked_at=None).exclude(expires_at__lte=now)
    if keys.count() >= MOST_KEYS:
        raise Conflict("too_many_keys", f"An agent has at most {MOST_KEYS} keys in force. Revoke one first.")


def _insert(agent: Agent, name: str, expires_at: datetime | None, *, now: datetime) -> IssuedKey:
    key_id = new_id(now)
    secret = mint(AGENT, key_id)
    key = AgentKey.objects.create(
        id=key_id,
        organization_id=agent.organization_id,
        agent=agent,
        name=name,
        secret_hash=secret_hash(secret),
        created_at=now,
        expires_at=expires_at,
    )
    return IssuedKey(key, secret)


def _end(key: AgentKey, end: datetime, *, now: datetime) -> None:
    """Let a key end at `end`, never later than it would have; an end that has come revokes it."""
    if end <= now:
        key.revoked_at = now
    else:
        key.expires_at = end if key.expires_at is None else min(end, key.expires_at)
    key.save(update_fields=["revoked_at", "expires_at", "successor"])


def _append(
    action: Action,
    agent: Agent,
    *,
    before: Mapping[str, object] | None,
    after: Mapping[str, object],
    actor: Actor,
    now: datetime,
) -> None:
    append(
        organization_id=agent.organization_id,
        actor=actor,
        action=action,
        subject_kind="agent",
        subject_id=to_public(Prefix.AGENT, agent.pk),
        before=before if before is None else {"name": agent.name, **before},
        after={"name": agent.name, **after},
        now=now,
    )
