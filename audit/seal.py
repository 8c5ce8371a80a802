"""The Merkle log itself: leaves, roots, proofs (RFC 9162 §2.1) and signed checkpoints (C2SP tlog-checkpoint)."""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Protocol, Self
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.canonical import canonical_json, moment_text
from core.ids import Prefix, to_public

HASH_BYTES: Final = 32
LEAF: Final = b"\x00"
NODE: Final = b"\x01"
ED25519: Final = b"\x01"
"""The signature type of Ed25519 in a signed note."""
KEY_ID_BYTES: Final = 4
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
ORIGIN: Final = "conto/audit/"


class Told(Protocol):
    """An event as it is stored."""

    @property
    def id(self) -> UUID: ...
    @property
    def organization_id(self) -> UUID: ...
    @property
    def at(self) -> datetime: ...
    @property
    def action(self) -> str: ...
    @property
    def actor_kind(self) -> str: ...
    @property
    def actor_id(self) -> str: ...
    @property
    def actor_name(self) -> str: ...
    @property
    def subject_kind(self) -> str: ...
    @property
    def subject_id(self) -> str: ...
    @property
    def before(self) -> object: ...
    @property
    def after(self) -> object: ...
    @property
    def request_id(self) -> str: ...
    @property
    def address(self) -> str: ...


# --- Events and leaves ------------------------------------------------------------------------------------------------


def event_form(event: Told) -> dict[str, object]:
    """Return the one form of an event: what the API answers, what an export holds and what its leaf is made of."""
    return {
        "id": to_public(Prefix.EVENT, event.id),
        "organization_id": _organization(event.organization_id),
        "at": moment_text(event.at),
        "action": event.action,
        "actor": {"kind": event.actor_kind, "id": event.actor_id, "name": event.actor_name},
        "subject": {"kind": event.subject_kind, "id": event.subject_id},
        "before": event.before,
        "after": event.after,
        "request_id": event.request_id,
        "address": event.address,
    }


@lru_cache(maxsize=256)
def _organization(organization_id: UUID) -> str:
    return to_public(Prefix.ORGANIZATION, organization_id)


def event_bytes(event: Told) -> bytes:
    """Return the canonical bytes of an event: those of `core.canonical`, written a dozen times faster."""
    form = event_form(event)
    try:
        return orjson.dumps(form, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer of more than 64 bits
        return canonical_json(form)


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of one leaf."""
    return hashlib.sha256(LEAF + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(NODE + left + right).digest()


# --- The growing log --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that a log of `size` leaves needs in order to grow: the roots of its complete subtrees, largest first."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def grown(self, leaves: Iterable[bytes]) -> Self:
        """Return the frontier after these leaf hashes; each costs one hash on average."""
        size, peaks = self.size, list(self.peaks)
        for node in leaves:
            merged, left = node, size
            while left & 1:
                merged = node_hash(peaks.pop(), merged)
                left >>= 1
            peaks.append(merged)
            size += 1
        return type(self)(size, tuple(peaks))

    def root(self) -> bytes:
        """Return the root of the log."""
        if not self.peaks:
            return EMPTY_ROOT
        *larger, root = self.peaks
        for peak in reversed(larger):
            root = node_hash(peak, root)
        return root

    def packed(self) -> bytes:
        """Return the peaks one after the other; `unpacked` reads them again."""
        return b"".join(self.peaks)

    @classmethod
    def unpacked(cls, size: int, packed: bytes) -> Self:
        """Read what `packed` wrote; raises ValueError where the number of peaks does not fit the size."""
        if len(packed) != size.bit_count() * HASH_BYTES:
            raise ValueError(f"a frontier of {size} leaves has {size.bit_count()} peaks")
        return cls(size, tuple(packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)))


class Tree:
    """A whole log in memory, 64 bytes per leaf: what proofs are cut from."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        self._levels = [bytearray(b"".join(leaves))]
        while len(self._levels[-1]) >= 2 * HASH_BYTES:
            self._levels.append(_level_above(self._levels[-1]))

    @property
    def size(self) -> int:
        return len(self._levels[0]) // HASH_BYTES

    def root(self, size: int) -> bytes:
        """Return the root that the log had at `size`."""
        self._must_cover(size)
        return self._root(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """Return PATH(index, D[size]) of RFC 9162 §2.1.3.1: that the leaf at `index` is in the log of `size`."""
        self._must_cover(size)
        if not 0 <= index < size:
            raise ValueError(f"a log of {size} leaves has none at {index}")
        start, end, path = 0, size, list[bytes]()
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._root(middle, end))
                end = middle
            else:
                path.append(self._root(start, middle))
                start = middle
        return path[::-1]

    def consistency_proof(self, old: int, size: int) -> list[bytes]:
        """Return PROOF(old, D[size]) of RFC 9162 §2.1.4.1: that the log of `size` begins with the log of `old`."""
        self._must_cover(size)
        if not 0 < old <= size:
            raise ValueError(f"a log of {size} leaves does not begin with one of {old}")
        start, end, path = 0, size, list[bytes]()
        while old < end:
            middle = start + _split(end - start)
            if old <= middle:
                path.append(self._root(middle, end))
                end = middle
            else:
                path.append(self._root(start, middle))
                start = middle
        return ([self._root(start, end)] if start else []) + path[::-1]

    def _root(self, start: int, end: int) -> bytes:
        count = end - start
        if count & count - 1 == 0:
            at = start // count * HASH_BYTES
            return bytes(self._levels[count.bit_length() - 1][at : at + HASH_BYTES])
        middle = start + _split(count)
        return node_hash(self._root(start, middle), self._root(middle, end))

    def _must_cover(self, size: int) -> None:
        if not 0 <= size <= self.size:
            raise ValueError(f"the log has {self.size} leaves, not {size}")


def _split(count: int) -> int:
    """Return the largest power of two below `count` (> 1)."""
    return 1 << (count - 1).bit_length() - 1


def _level_above(level: bytearray) -> bytearray:
    pairs = len(level) // (2 * HASH_BYTES)
    above = bytearray()
    for pair in range(pairs):
        at = pair * 2 * HASH_BYTES
        above += hashlib.sha256(NODE + level[at : at + 2 * HASH_BYTES]).digest()
    return above


# --- Checkpoints ------------------------------------------------------------------------------------------------------


def origin_of(organization_id: UUID) -> str:
    """Return the name of an organization's log, which is also the name of the key that signs it."""
    return ORIGIN + to_public(Prefix.ORGANIZATION, organization_id)


def checkpoint_body(origin: str, size: int, root: bytes) -> str:
    """Return the text that is signed: origin, size and root, one line each."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def signed_checkpoint(origin: str, size: int, root: bytes, key: Ed25519PrivateKey) -> str:
    """Return the checkpoint as a signed note."""
    body = checkpoint_body(origin, size, root)
    signature = key_id(origin, key.public_key()) + key.sign(body.encode())
    return f"{body}\n\N{EM DASH} {origin} {base64.b64encode(signature).decode()}\n"


def is_signed(text: str, body: str, origin: str, keys: Iterable[Ed25519PublicKey]) -> bool:
    """Say whether the note `text` is `body` signed in the name `origin` by one of `keys`."""
    head, _, signatures = text.rpartition("\n\n")
    if f"{head}\n" != body:
        return False
    known = {key_id(origin, key): key for key in keys}
    return any(_is_signature(line, body, origin, known) for line in signatures.splitlines())


def _is_signature(line: str, body: str, origin: str, known: dict[bytes, Ed25519PublicKey]) -> bool:
    start = f"\N{EM DASH} {origin} "
    try:
        signature = base64.b64decode(line.removeprefix(start), validate=True) if line.startswith(start) else b""
        known[signature[:KEY_ID_BYTES]].verify(signature[KEY_ID_BYTES:], body.encode())
    except (KeyError, binascii.Error, InvalidSignature):
        return False
    return True


def key_id(name: str, key: Ed25519PublicKey) -> bytes:
    """Return the four bytes by which a signed note names its key."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + key.public_bytes_raw()).digest()[:KEY_ID_BYTES]


def signing_key(text: str) -> Ed25519PrivateKey:
    """Read a signing key: 32 random bytes in base 64; raises ValueError where it is none."""
    return Ed25519PrivateKey.from_private_bytes(_key_bytes(text))


def public_key(text: str) -> Ed25519PublicKey:
    """Read a public key: 32 bytes in base 64; raises ValueError where it is none."""
    return Ed25519PublicKey.from_public_bytes(_key_bytes(text))


def key_problems(signing: str, former: Iterable[str]) -> list[str]:
    """Say what is wrong with the keys of the settings, in sentences."""
    problems = []
    try:
        signing_key(signing)
    except ValueError as error:
        problems.append(f"CONTO_AUDIT_SIGNING_KEY cannot sign: {error}.")
    for text in former:
        try:
            public_key(text)
        except ValueError as error:
            problems.append(f"CONTO_AUDIT_FORMER_KEYS holds what is no public key: {error}.")
    return problems


def public_key_text(key: Ed25519PublicKey) -> str:
    """Return a public key as `public_key` reads it."""
    return base64.b64encode(key.public_bytes_raw()).decode()


def _key_bytes(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("a key is 32 bytes in base 64") from error
    if len(raw) != HASH_BYTES:
        raise ValueError("a key is 32 bytes in base 64")
    return raw
