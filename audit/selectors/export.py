"""An export that proves itself: JSON lines that `audit/verifier.py` checks with the server stopped.

A *whole* export holds every leaf in order, each checkpoint behind the leaf it ends with, then what is not sealed yet.
A *selection* holds the last checkpoint, proofs that it continues older ones, then the chosen leaves, each with the
proof that it is in the log.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.models import Checkpoint, Event, Leaf
from audit.seal import Tree, event_form, origin_of, public_key_text
from audit.selectors.events import Filters, filtered
from core.canonical import plain
from core.errors import Conflict
from core.ids import Prefix, to_public

FORMAT: Final = 1
CHUNK: Final = 1_000
"""Rows per read. What is sealed never changes, so an export needs no transaction, however slowly it is fetched."""
MOST_UNSEALED: Final = 10_000
EVERYTHING: Final = Filters()


def export_lines(
    organization_id: UUID,
    *,
    key: Ed25519PublicKey,
    now: datetime,
    filters: Filters = EVERYTHING,
    since: Sequence[int] = (),
) -> Iterator[bytes]:
    """Yield the lines of an export; with filters it is a selection, which proves that it continues the sizes `since`.

    Raises `Conflict` before the second line where the log is too broken to prove anything about a selection.
    """
    last = Checkpoint.objects.filter(organization_id=organization_id).order_by("-size").first()
    size = last.size if last else 0
    is_whole = filters == EVERYTHING
    yield _line(
        "export",
        format=FORMAT,
        organization_id=to_public(Prefix.ORGANIZATION, organization_id),
        origin=origin_of(organization_id),
        scope="whole" if is_whole else "selection",
        size=size,
        exported_at=now,
        public_key=public_key_text(key),
    )
    counts = {"leaves": 0, "checkpoints": 0, "unsealed": 0}
    sealed = (
        _whole(organization_id, size, counts) if is_whole else _selection(organization_id, filters, last, since, counts)
    )
    yield from sealed
    for event in filtered(organization_id, filters).filter(leaf__isnull=True).order_by("id")[:MOST_UNSEALED]:
        counts["unsealed"] += 1
        yield _line("unsealed", event=event_form(event))
    yield _line("end", **counts)


def _whole(organization_id: UUID, size: int, counts: dict[str, int]) -> Iterator[bytes]:
    checkpoints = _checkpoints(organization_id, size)
    checkpoint = next(checkpoints, None)
    for event in _sealed(organization_id, EVERYTHING, size):
        counts["leaves"] += 1
        yield _leaf_line(event)
        while checkpoint and checkpoint[0] <= event.leaf.index + 1:
            counts["checkpoints"] += 1
            yield _line("checkpoint", text=checkpoint[1])
            checkpoint = next(checkpoints, None)
    while checkpoint:
        counts["checkpoints"] += 1
        yield _line("checkpoint", text=checkpoint[1])
        checkpoint = next(checkpoints, None)


def _selection(
    organization_id: UUID, filters: Filters, last: Checkpoint | None, since: Sequence[int], counts: dict[str, int]
) -> Iterator[bytes]:
    if last is None:
        return
    tree = _tree(organization_id, last)
    counts["checkpoints"] = 1
    yield _line("checkpoint", text=last.text)
    for old in since:
        if 0 < old <= last.size:
            yield _line("consistency", size=old, proof=_hex(tree.consistency_proof(old, last.size)))
    for event in _sealed(organization_id, filters, last.size):
        counts["leaves"] += 1
        yield _leaf_line(event, proof=_hex(tree.inclusion_proof(event.leaf.index, last.size)))


def _tree(organization_id: UUID, last: Checkpoint) -> Tree:
    leaves = Leaf.objects.filter(organization_id=organization_id, index__lt=last.size).order_by("index")
    tree = Tree(bytes(one) for one in leaves.values_list("hash", flat=True).iterator(CHUNK))
    if tree.size != last.size or tree.root(last.size) != bytes(last.root):
        raise Conflict(
            "log_is_broken", "The log does not have the root of its last checkpoint: export the whole of it."
        )
    return tree


def _sealed(organization_id: UUID, filters: Filters, size: int) -> Iterator[Event]:
    """Yield the chosen events of the first `size` leaves, with their leaves, in the order of the log."""
    # The log is exported as it stands: an event of another organization in it is for the verifier to find.
    chosen = Event.objects.select_related("leaf") if filters == EVERYTHING else filtered(organization_id, filters)
    found = chosen.filter(leaf__organization_id=organization_id, leaf__index__lt=size)
    at = -1
    while True:
        some = list(found.filter(leaf__index__gt=at).order_by("leaf__index")[:CHUNK])
        yield from some
        if len(some) < CHUNK:
            return
        at = some[-1].leaf.index


def _checkpoints(organization_id: UUID, size: int) -> Iterator[tuple[int, str]]:
    at = 0
    while True:
        some = Checkpoint.objects.filter(organization_id=organization_id, size__gt=at, size__lte=size).order_by("size")
        found = list(some.values_list("size", "text")[:CHUNK])
        yield from found
        if len(found) < CHUNK:
            return
        at = found[-1][0]


def _leaf_line(event: Event, **more: object) -> bytes:
    return _line("leaf", index=event.leaf.index, hash=bytes(event.leaf.hash).hex(), event=event_form(event), **more)


def _hex(proof: Sequence[bytes]) -> list[str]:
    return [node.hex() for node in proof]


def _line(kind: str, **members: object) -> bytes:
    """Write one line; what no event can hold is written as it is, for the verifier to find."""
    text = json.dumps(
        {"type": kind, **members}, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=plain
    )
    return f"{text}\n".encode()
