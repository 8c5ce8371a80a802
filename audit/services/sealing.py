"""Sealing: what has committed gets its place in the Merkle log of its organization, about a second later."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from audit.models import Checkpoint, Event, Pending, Verification
from audit.seal import Frontier, event_bytes, leaf_hash, origin_of, public_key, signed_checkpoint, signing_key
from core.db import rows, use_case

SEALER_LOCK: Final = 0x636F6E746F5F7365
"""The advisory lock of the one sealer; the number spells "conto_se"."""
BATCH: Final = 1_000
"""Events per transaction: about 30 ms of work, so that the lock is never held for long."""
ROUNDS: Final = 50
"""Transactions per organization and run: what is left then waits for the next run."""
WAITING_LOOKED_AT: Final = 10_000
"""How many waiting events are looked at to find the organizations that have some."""


def organizations_waiting() -> list[UUID]:
    """Return the organizations that have events no leaf covers yet, as far as the oldest waiting events tell."""
    oldest = Pending.objects.order_by("event_id")[:WAITING_LOOKED_AT]
    return list(dict.fromkeys(oldest.values_list("organization_id", flat=True)))


def seal(organization_id: UUID, *, now: datetime) -> int:
    """Seal what has committed of one organization's history; returns how many events.

    Returns early while another sealer is at work. Raises ImproperlyConfigured without a signing key.
    """
    key = configured_key()
    sealed = 0
    for _ in range(ROUNDS):
        count = _seal_batch(organization_id, key, now=now)
        sealed += count
        if count < BATCH:
            break
    return sealed


@use_case
def _seal_batch(organization_id: UUID, key: Ed25519PrivateKey, *, now: datetime) -> int:
    """Give the events that are *seen* their leaves, in id order, and sign the new end of the log.

    An event whose transaction is still open is not seen, whatever its id: it comes in the round after its commit.
    """
    if not _is_only_sealer():
        return 0
    waiting = Pending.objects.filter(organization_id=organization_id).order_by("event_id")[:BATCH]
    seen = list(Event.objects.filter(pk__in=list(waiting.values_list("event_id", flat=True))).order_by("id"))
    if not seen:
        return 0
    frontier = _frontier(organization_id)
    hashes = [leaf_hash(event_bytes(event)) for event in seen]
    _write_leaves(organization_id, frontier.size, seen, hashes)
    _write_checkpoint(organization_id, frontier.grown(hashes), key, now=now)
    return len(seen)


def _is_only_sealer() -> bool:
    return rows("select pg_try_advisory_xact_lock(%s)", [SEALER_LOCK])[0][0] is True


def _frontier(organization_id: UUID) -> Frontier:
    last = Checkpoint.objects.filter(organization_id=organization_id).order_by("-size").first()
    return Frontier.unpacked(last.size, bytes(last.frontier)) if last else Frontier()


def _write_leaves(organization_id: UUID, size: int, events: Sequence[Event], hashes: Sequence[bytes]) -> None:
    """Write the leaves from index `size` on and take their events off the waiting list."""
    rows(
        "with given as (select unnest(%s::uuid[]) as event_id, unnest(%s::bytea[]) as hash),"
        " placed as (select event_id, hash, %s - 1 + row_number() over (order by event_id) as index from given)"
        " insert into audit_leaf (organization_id, index, event_id, hash)"
        " select %s, index, event_id, hash from placed",
        [[event.id for event in events], list(hashes), size, organization_id],
    )
    rows("delete from audit_pending where event_id = any(%s)", [[event.id for event in events]])


def _write_checkpoint(organization_id: UUID, frontier: Frontier, key: Ed25519PrivateKey, *, now: datetime) -> None:
    root = frontier.root()
    Checkpoint.objects.create(
        organization_id=organization_id,
        size=frontier.size,
        root=root,
        frontier=frontier.packed(),
        text=signed_checkpoint(origin_of(organization_id), frontier.size, root, key),
        at=now,
    )


def note_verification(organization_id: UUID, *, size: int, faults: int, now: datetime) -> None:
    """Keep the outcome of a full check, for the log page."""
    Verification.objects.create(organization_id=organization_id, at=now, size=size, faults=faults)


def configured_key() -> Ed25519PrivateKey:
    """Return the key that signs checkpoints: CONTO_AUDIT_SIGNING_KEY, 32 random bytes in base 64."""
    text = cast(str, getattr(settings, "CONTO_AUDIT_SIGNING_KEY", ""))
    try:
        return signing_key(text)
    except ValueError as error:
        raise ImproperlyConfigured("CONTO_AUDIT_SIGNING_KEY must be 32 random bytes in base 64") from error


def accepted_keys() -> list[Ed25519PublicKey]:
    """Return the public keys whose checkpoints count: the present one, then CONTO_AUDIT_FORMER_KEYS."""
    former = cast("list[str]", getattr(settings, "CONTO_AUDIT_FORMER_KEYS", []))
    return [configured_key().public_key(), *map(public_key, former)]
