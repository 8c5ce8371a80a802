"""Checks an export of Conto's history without Conto: `python3 -I verifier.py EXPORT --key KEY [--since CHECKPOINT]`.

Needs Python 3.11 and the package `cryptography`; imports nothing of Conto and asks no server. KEY is the public key in
base 64, known from elsewhere than the export. CHECKPOINT is a file with a checkpoint that was kept earlier: only so can
a cut tail, or a log that was written and signed anew, be seen. Hashes and proofs follow RFC 9162 §2.1, checkpoints are
signed notes (C2SP).
"""

import argparse
import base64
import binascii
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT: Final = 1
ORIGIN: Final = "conto/audit/"
KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 4
LONGEST_LINE: Final = 16 * 2**20
MOST_FAULTS: Final = 200
LONGEST_FAULT: Final = 500
FOUND: Final = 1
UNUSABLE: Final = 2


class Unreadable(Exception):
    """The export is not one, from this line on."""


def main(arguments: Sequence[str]) -> int:
    """Check the export and say what was found; 0: nothing wrong, 1: faults, 2: it could not be checked."""
    parser = argparse.ArgumentParser(description="Check an export of Conto's history.")
    parser.add_argument("export", type=Path, help="the export (JSON lines)")
    parser.add_argument("--key", action="append", required=True, help="public key, base 64; may be given several times")
    parser.add_argument("--since", action="append", default=[], type=Path, help="file with a checkpoint kept earlier")
    given = parser.parse_args(arguments)
    try:
        keys = [public_key(text) for text in given.key]
        kept = [path.read_text(encoding="utf-8") for path in given.since]
        with given.export.open("rb") as stream:
            check = check_export(stream, keys, kept)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot be checked: {shown(str(error))}\n")
        return UNUSABLE
    for fault in check.faults:
        sys.stdout.write(f"FAULT {shown(fault)}\n")
    sys.stdout.write(f"{shown(check.summary())}\n")
    return FOUND if check.faults else 0


def shown(text: str) -> str:
    """Return a text of the export for a terminal, which obeys nothing that stands in it."""
    return "".join(one if one.isascii() and one.isprintable() else ascii(one)[1:-1] for one in text[:LONGEST_FAULT])


def check_export(stream: BinaryIO, keys: Sequence[Ed25519PublicKey], kept: Sequence[str] = ()) -> "Check":
    """Read an export once, in constant memory, and return what was found."""
    check = Check(list(keys), [read_checkpoint(text) for text in kept])
    try:
        for number, line in enumerate(lines(stream), start=1):
            check.number = number
            check.take(line)
    except Unreadable as error:
        check.fault(str(error))
    check.finish()
    return check


# --- Hashes and proofs ------------------------------------------------------------------------------------------------


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """Return the root that the proof leads to (RFC 9162 §2.1.3.2), None where it has the wrong length."""
    if not 0 <= index < size:
        return None
    first, last, root = index, size - 1, leaf
    for node in proof:
        if last == 0:
            return None
        if first & 1 or first == last:
            root = node_hash(node, root)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            root = node_hash(root, node)
        first, last = first >> 1, last >> 1
    return root if last == 0 else None


def roots_from_consistency(old: int, old_root: bytes, size: int, proof: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Return the two roots that the proof leads to (RFC 9162 §2.1.4.2), None where it has the wrong length."""
    if old == size:
        return None if proof else (old_root, old_root)
    path = [old_root, *proof] if old & old - 1 == 0 else list(proof)
    if not 0 < old < size or not path:
        return None
    first, last = old - 1, size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    older = newer = path[0]
    for node in path[1:]:
        if last == 0:
            return None
        if first & 1 or first == last:
            older, newer = node_hash(node, older), node_hash(node, newer)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            newer = node_hash(newer, node)
        first, last = first >> 1, last >> 1
    return (older, newer) if last == 0 else None


@dataclass(slots=True)
class Growth:
    """The log so far: its size and the roots of its complete subtrees."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def add(self, node: bytes) -> None:
        left = self.size
        while left & 1:
            node = node_hash(self.peaks.pop(), node)
            left >>= 1
        self.peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        root = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            root = node_hash(peak, root)
        return root


# --- Checkpoints ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement of how long a log was and what its root was."""

    origin: str
    size: int
    root: bytes
    body: str
    signatures: tuple[str, ...]

    def is_signed(self, keys: Sequence[Ed25519PublicKey]) -> bool:
        return any(self._is_by(key, line) for key in keys for line in self.signatures)

    def _is_by(self, key: Ed25519PublicKey, line: str) -> bool:
        start = f"\N{EM DASH} {self.origin} "
        named = hashlib.sha256(f"{self.origin}\n".encode() + b"\x01" + key.public_bytes_raw()).digest()[:KEY_ID_BYTES]
        try:
            signature = base64.b64decode(line.removeprefix(start), validate=True) if line.startswith(start) else b""
            if signature[:KEY_ID_BYTES] != named:
                return False
            key.verify(signature[KEY_ID_BYTES:], self.body.encode())
        except (binascii.Error, InvalidSignature):
            return False
        return True


def read_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint; raises ValueError where the text is none."""
    head, separator, signatures = text.replace("\r\n", "\n").rpartition("\n\n")
    rows = head.split("\n")
    is_sized = len(rows) >= len(("origin", "size", "root")) and rows[1].isdecimal() and int(rows[1]) > 0
    if not separator or not is_sized:
        raise ValueError("this is not a checkpoint")
    root = base64.b64decode(rows[2], validate=True)
    return Checkpoint(rows[0], int(rows[1]), root, f"{head}\n", tuple(signatures.splitlines()))


def public_key(text: str) -> Ed25519PublicKey:
    """Read a public key; raises ValueError where it is none."""
    raw = base64.b64decode(text, validate=True)
    if len(raw) != KEY_BYTES:
        raise ValueError("a key is 32 bytes in base 64")
    return Ed25519PublicKey.from_public_bytes(raw)


# --- Lines ------------------------------------------------------------------------------------------------------------


def lines(stream: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield the lines of an export; what JSON leaves open (floats, doubled names) is refused."""
    number = 0
    while raw := stream.readline(LONGEST_LINE):
        number += 1
        try:
            line = json.loads(raw, object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"line {number}: {error}") from error
        if not isinstance(line, dict):
            raise Unreadable(f"line {number}: is not an object")
        yield line


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _refuse(text: str) -> Any:
    raise ValueError(f"{text}: an event holds no such number")


def event_bytes(event: dict[str, Any]) -> bytes:
    """Return the canonical bytes of an event, of which its leaf is made."""
    text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


# --- The check --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Check:
    """Takes the lines of one export in order and collects what is wrong with them."""

    keys: list[Ed25519PublicKey]
    kept: list[Checkpoint]
    faults: list[str] = field(default_factory=list)
    number: int = 0
    organization: str = ""
    is_selection: bool = False
    stated_size: int = 0
    growth: Growth = field(default_factory=Growth)
    is_gapless: bool = True
    expected: int = 0
    covered: int = 0
    head: Checkpoint | None = None
    counts: dict[str, int] = field(default_factory=lambda: {"leaves": 0, "checkpoints": 0, "unsealed": 0})
    is_ended: bool = False

    def fault(self, text: str) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(text)

    def take(self, line: dict[str, Any]) -> None:
        """Take one line; raises `Unreadable` where nothing behind it can be judged."""
        if self.is_ended:
            raise Unreadable(f"line {self.number}: stands behind the end")
        try:
            match line.get("type"):
                case _ if not self.organization:
                    self._take_header(line)
                case "leaf":
                    self._take_leaf(line)
                case "checkpoint":
                    self._take_checkpoint(read_checkpoint(line["text"]))
                case "consistency" if self.is_selection:
                    self._take_consistency(line["size"], [bytes.fromhex(node) for node in line["proof"]])
                case "unsealed":
                    self.counts["unsealed"] += 1
                    self._must_be_ours(line["event"], "an unsealed event")
                case "end":
                    self._take_end(line)
                case other:
                    raise Unreadable(f"line {self.number}: unknown type {other!r}")
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise Unreadable(f"line {self.number}: cannot be read ({type(error).__name__}: {error})") from error

    def _take_header(self, line: dict[str, Any]) -> None:
        if line.get("type") != "export" or line.get("format") != FORMAT or not isinstance(line.get("size"), int):
            raise Unreadable("line 1: this is not an export that this verifier knows")
        self.organization = str(line.get("organization_id"))
        self.is_selection = line.get("scope") == "selection"
        self.stated_size = line["size"]
        if line.get("origin") != self.origin:
            self.fault(f"the export names the log {line.get('origin')}, not {self.origin}")

    @property
    def origin(self) -> str:
        return ORIGIN + self.organization

    def _take_leaf(self, line: dict[str, Any]) -> None:
        index, stored, event = int(line["index"]), bytes.fromhex(line["hash"]), line["event"]
        place = f"leaf {index}"
        self.counts["leaves"] += 1
        self._must_be_ours(event, place)
        if leaf_hash(event_bytes(event)) != stored:
            self.fault(f"{place}: event {event.get('id')} does not match its leaf: one of them was changed")
        if self.is_selection:
            self._take_chosen(index, stored, [bytes.fromhex(node) for node in line["proof"]])
        elif index > self.expected:
            self.fault(f"leaves {self.expected} to {index - 1}: missing, the log has a gap")
            self.is_gapless = False
        elif index < self.expected:
            self.fault(f"{place}: stands behind leaf {self.expected - 1}, the log was reordered")
            self.is_gapless = False
        elif self.is_gapless:
            self.growth.add(stored)
            self._compare_kept()
        self.expected = max(self.expected, index + 1)

    def _take_chosen(self, index: int, stored: bytes, proof: list[bytes]) -> None:
        if index < self.expected:
            self.fault(f"leaf {index}: stands behind leaf {self.expected - 1}, the export was reordered")
        if self.head is None or root_from_inclusion(stored, index, self.head.size, proof) != self.head.root:
            self.fault(f"leaf {index}: its proof does not lead to the root of the checkpoint")

    def _must_be_ours(self, event: dict[str, Any], place: str) -> None:
        if event.get("organization_id") != self.organization:
            self.fault(f"{place}: event {event.get('id')} belongs to another organization")

    def _take_checkpoint(self, checkpoint: Checkpoint) -> None:
        place = f"checkpoint at {checkpoint.size}"
        self.counts["checkpoints"] += 1
        if checkpoint.origin != self.origin or not checkpoint.is_signed(self.keys):
            self.fault(f"{place}: is not signed for this log by a given key")
        self.head = checkpoint
        if self.is_selection:
            return
        if not self.is_gapless:
            self.fault(f"{place}: cannot be checked, the log has a gap or was reordered before it")
        elif checkpoint.size > self.growth.size:
            self.fault(f"{place}: the log now ends at {self.growth.size} leaves, its tail was cut")
        elif checkpoint.size < self.growth.size:
            self.fault(f"{place}: stands behind leaf {self.growth.size - 1}, the export was reordered")
        elif checkpoint.root != self.growth.root():
            self.fault(f"{place}: the leaves do not have this root, the log was changed or reordered")
        self.covered = max(self.covered, checkpoint.size)

    def _compare_kept(self) -> None:
        for one in [one for one in self.kept if one.size == self.growth.size]:
            self.kept.remove(one)
            self._must_be_kept_here(one)
            if one.root != self.growth.root():
                self.fault(f"kept checkpoint at {one.size}: the log no longer begins with what it covers")

    def _must_be_kept_here(self, one: Checkpoint) -> None:
        if one.origin != self.origin or not one.is_signed(self.keys):
            self.fault(f"kept checkpoint at {one.size}: is not signed for this log by a given key")

    def _take_consistency(self, old: int, proof: list[bytes]) -> None:
        for one in [one for one in self.kept if one.size == old]:
            self.kept.remove(one)
            self._must_be_kept_here(one)
            head = self.head
            if head is None or roots_from_consistency(old, one.root, head.size, proof) != (one.root, head.root):
                self.fault(f"kept checkpoint at {old}: the log no longer begins with what it covers")

    def _take_end(self, line: dict[str, Any]) -> None:
        self.is_ended = True
        for name, count in self.counts.items():
            if line[name] != count:
                self.fault(f"the export states {line[name]} {name} and holds {count}")

    def finish(self) -> None:
        """Judge what only the end shows."""
        if not self.is_ended:
            self.fault("the export is cut off: it has no end line")
        size = (self.head.size if self.head else 0) if self.is_selection else self.growth.size
        if self.is_gapless and self.stated_size != size:
            self.fault(f"the export states a log of {self.stated_size} leaves and holds one of {size}")
        if not self.is_selection and self.is_gapless and self.covered < size:
            self.fault(f"leaves {self.covered} to {size - 1}: no checkpoint covers them")
        for one in self.kept:
            self._must_be_kept_here(one)
            if one.size > size:
                self.fault(f"kept checkpoint at {one.size}: the log now ends at {size} leaves, its tail was cut")
            else:
                self.fault(f"kept checkpoint at {one.size}: the export does not prove that the log continues it")

    def summary(self) -> str:
        size = (self.head.size if self.head else 0) if self.is_selection else self.growth.size
        what = f"{self.counts['leaves']} events of a log of {size}" if self.is_selection else f"{size} events"
        verdict = f"{len(self.faults)} faults" if self.faults else "verified"
        waiting = f"{self.counts['unsealed']} not sealed yet" if self.counts["unsealed"] else "all sealed"
        return f"{self.origin}: {verdict}; {what}, {self.counts['checkpoints']} checkpoints, {waiting}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
