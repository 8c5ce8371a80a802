"""A full check of one organization's log: every leaf from its event, every root from the leaves, every signature."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import transaction

from audit.models import Checkpoint, Event, Leaf, Pending
from audit.seal import Frontier, checkpoint_body, event_form, is_signed, leaf_hash, origin_of
from core.canonical import canonical_json
from core.db import rows
from core.ids import Prefix, to_public

CHUNK: Final = 2_000
MOST_FAULTS: Final = 200
"""A broken log is broken; who wants every line of it reads an export."""
NOT_OURS: Final = "is not a checkpoint of this log, signed by an accepted key"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it must be."""

    place: str
    problem: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a full check found; `unsealed` counts the events that no leaf covers yet."""

    origin: str
    size: int
    checkpoints: int
    unsealed: int
    oldest_unsealed_at: datetime | None
    faults: tuple[Fault, ...]


def logs() -> list[UUID]:
    """Return every organization that has a history."""
    found = rows(
        "select organization_id from audit_event union select organization_id from audit_leaf"
        " union select organization_id from audit_checkpoint order by 1"
    )
    return [UUID(str(one)) for (one,) in found]


def verify(organization_id: UUID, *, keys: Sequence[Ed25519PublicKey], since: Sequence[str] = ()) -> Outcome:
    """Check one organization's log from its first event on, on one snapshot of the database.

    `since` are checkpoints that were kept outside: the log must still begin with what they cover.
    """
    check = _Check(organization_id, origin_of(organization_id), tuple(keys), [_kept(text) for text in since])
    with transaction.atomic(durable=True):
        rows("set transaction isolation level repeatable read, read only")
        faults = tuple(islice(check.faults(), MOST_FAULTS))
        waiting = Pending.objects.filter(organization_id=organization_id).order_by("event_id")
        oldest = waiting.values_list("event__at", flat=True).first()
        return Outcome(check.origin, check.frontier.size, check.checkpoints, waiting.count(), oldest, faults)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A checkpoint that was kept outside: its text, the body that was signed, the size it states (0: unreadable)."""

    text: str
    body: str
    size: int


def _kept(text: str) -> _Kept:
    body = text.rpartition("\n\n")[0] + "\n"
    lines = body.split("\n")
    return _Kept(text, body, int(lines[1]) if len(lines) > 1 and lines[1].isdecimal() else 0)


@dataclass(slots=True)
class _Check:
    """Reads leaves and checkpoints side by side, once; the frontier grows until the first gap."""

    organization_id: UUID
    origin: str
    keys: tuple[Ed25519PublicKey, ...]
    kept: list[_Kept]
    frontier: Frontier = field(default_factory=Frontier)
    is_whole: bool = True
    checkpoints: int = 0

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong, in the order of the log."""
        leaves = Leaf.objects.filter(organization_id=self.organization_id).order_by("index").select_related("event")
        stored = iter(Checkpoint.objects.filter(organization_id=self.organization_id).order_by("size").iterator(CHUNK))
        checkpoint = next(stored, None)
        expected = covered = 0
        for leaf in leaves.iterator(CHUNK):
            yield from self._leaf_faults(leaf, expected)
            expected = leaf.index + 1
            if self.is_whole and checkpoint and checkpoint.size == expected:
                yield from self._checkpoint_faults(checkpoint)
                covered, checkpoint = expected, next(stored, None)
            yield from self._kept_faults()
        if self.is_whole and covered < expected:
            yield Fault(f"leaf {covered}", f"no checkpoint covers the leaves from {covered} to {expected - 1}")
        while checkpoint:
            yield Fault(f"checkpoint at {checkpoint.size}", self._unreached())
            self.checkpoints, checkpoint = self.checkpoints + 1, next(stored, None)
        for one in self.kept:
            problem = self._unreached() if self._is_ours(one) else NOT_OURS
            yield Fault(f"kept checkpoint at {one.size}", problem)
        yield from self._stray_faults()

    def _leaf_faults(self, leaf: Leaf, expected: int) -> Iterator[Fault]:
        if leaf.index != expected:
            missing = f"leaf {expected}" if leaf.index == expected + 1 else f"leaves {expected} to {leaf.index - 1}"
            yield Fault(missing, "missing: the log has a gap")
            self.is_whole = False
        if problem := _leaf_problem(leaf, leaf.event):
            yield Fault(f"leaf {leaf.index}", problem)
        if self.is_whole:
            self.frontier = self.frontier.grown([bytes(leaf.hash)])

    def _checkpoint_faults(self, checkpoint: Checkpoint) -> Iterator[Fault]:
        self.checkpoints += 1
        place = f"checkpoint at {checkpoint.size}"
        root = bytes(checkpoint.root)
        if not is_signed(checkpoint.text, checkpoint_body(self.origin, checkpoint.size, root), self.origin, self.keys):
            yield Fault(place, "its text and signature do not vouch for this size and root")
        if self.frontier.root() != root:
            yield Fault(place, "the leaves do not have this root: the log was changed or reordered")
        elif self.frontier.packed() != bytes(checkpoint.frontier):
            yield Fault(place, "its frontier is not that of the log")

    def _kept_faults(self) -> Iterator[Fault]:
        """Compare the log with the kept checkpoints of its present size."""
        for one in [one for one in self.kept if self.is_whole and one.size == self.frontier.size]:
            self.kept.remove(one)
            place = f"kept checkpoint at {one.size}"
            if not self._is_ours(one):
                yield Fault(place, NOT_OURS)
            elif checkpoint_body(self.origin, one.size, self.frontier.root()) != one.body:
                yield Fault(place, "the log no longer begins with what this checkpoint covers: it was written anew")

    def _is_ours(self, one: _Kept) -> bool:
        return is_signed(one.text, one.body, self.origin, self.keys)

    def _unreached(self) -> str:
        if self.is_whole:
            return f"the log now ends at {self.frontier.size} leaves: its tail was cut"
        return f"cannot be checked: the log has a gap at {self.frontier.size}"

    def _stray_faults(self) -> Iterator[Fault]:
        """Find events that are neither sealed nor waiting, and those that are both."""
        stray = rows(
            "select e.id, l.id is not null from audit_event e left join audit_leaf l on l.event_id = e.id"
            " left join audit_pending p on p.event_id = e.id"
            " where e.organization_id = %s and (l.id is null) = (p.event_id is null) order by e.id limit %s",
            [self.organization_id, MOST_FAULTS],
        )
        for event_id, is_sealed in stray:
            problem = (
                "is sealed and still waits" if is_sealed else "is neither sealed nor waiting: its leaf was removed"
            )
            yield Fault(f"event {to_public(Prefix.EVENT, UUID(str(event_id)))}", problem)


def _leaf_problem(leaf: Leaf, event: Event) -> str:
    name = to_public(Prefix.EVENT, event.id)
    if event.organization_id != leaf.organization_id:
        return f"event {name} belongs to another organization"
    try:
        computed = leaf_hash(canonical_json(event_form(event)))
    except TypeError:
        return f"event {name} was changed: it holds what no event can hold"
    return "" if computed == bytes(leaf.hash) else f"event {name} does not match its leaf: one of them was changed"
