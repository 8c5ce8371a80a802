"""Secrets at rest: a fresh AES-256-GCM data key for each, wrapped by a named key-encryption key (NIST SP 800-38D)."""

import binascii
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from core.errors import Unavailable

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
FEWEST_BYTES: Final = 10
"""Different ones in a key: 32 random bytes have thirty or so, and fewer than twenty in no lifetime."""
FORM: Final = b"\x01"
"""The first byte of everything sealed; another algorithm would get another number."""
KEK_NAME_LENGTH: Final = 40
SEPARATOR, URL_SAFE = ".", b"-_"


class CannotOpen(Unavailable):
    """The key-encryption key is missing or wrong, or the sealed text is not the one that was stored here."""

    def __init__(self) -> None:
        super().__init__(
            "secret_unreadable",
            "The secret cannot be opened with the keys that this server has.",
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed secret is stored; it opens nowhere else."""

    table: str
    row: UUID
    field: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret under its data key, the data key under a key-encryption key, and the name of that one."""

    text: bytes
    wrapped_key: bytes
    kek: str

    def written(self) -> str:
        """Return all of it as one text, for where a column of text is all there is."""
        parts = (b64encode(part, altchars=URL_SAFE).decode() for part in (self.text, self.wrapped_key))
        return SEPARATOR.join((*parts, self.kek))

    @classmethod
    def read(cls, written: str) -> "Sealed":
        """Return what was `written`; raises `CannotOpen` for any other text, such as one that was never sealed."""
        parts = written.split(SEPARATOR, 2)
        if len(parts) != 3:
            raise CannotOpen()
        try:
            text, wrapped_key = (b64decode(part, altchars=URL_SAFE, validate=True) for part in parts[:2])
        except ValueError:
            raise CannotOpen() from None
        return cls(text, wrapped_key, parts[2])


@dataclass(frozen=True, slots=True)
class Keyring:
    """The key-encryption keys by name; new secrets are sealed under `current`."""

    current: str
    keys: Mapping[str, bytes] = field(repr=False)

    def key(self, name: str) -> bytes:
        """Return the key called `name`; raises `CannotOpen` where it is missing."""
        if name not in self.keys:
            raise CannotOpen()
        return self.keys[name]


def seal(secret: str, place: Place) -> Sealed:
    """Encrypt `secret` for `place` under the current key-encryption key."""
    ring = keyring()
    data_key = secrets.token_bytes(KEY_BYTES)
    text = _encrypt(data_key, secret.encode(), _framed("text", place))
    return Sealed(text, _wrap(data_key, ring, place), ring.current)


def unseal(sealed: Sealed, place: Place) -> str:
    """Return the secret; raises `CannotOpen` for a missing or wrong key, an edit, or another place."""
    return _decrypt(_unwrapped(sealed, keyring(), place), sealed.text, _framed("text", place)).decode()


def rewrap(sealed: Sealed, place: Place) -> Sealed:
    """Return the same secret with its data key under the current key-encryption key; the secret is not opened."""
    ring = keyring()
    return Sealed(sealed.text, _wrap(_unwrapped(sealed, ring, place), ring, place), ring.current)


def is_wrapped_by_known_key(sealed: Sealed, place: Place) -> bool:
    """Say whether the data key can be unwrapped, without opening the secret."""
    try:
        _unwrapped(sealed, keyring(), place)
    except CannotOpen:
        return False
    return True


def keyring() -> Keyring:
    """Return the key-encryption keys of the settings; raises `CannotOpen` where they are unfit."""
    if keyring_problems():
        raise CannotOpen()
    return Keyring(
        settings.CONTO_KEK_CURRENT,
        {name: b64decode(text) for name, text in settings.CONTO_KEKS.items()},
    )


def keyring_problems() -> list[str]:
    """Say what is wrong with the key-encryption keys of the settings; names only, never a key."""
    problems = []
    if settings.CONTO_KEK_CURRENT not in settings.CONTO_KEKS:
        problems.append("CONTO_KEK_CURRENT must name one of CONTO_KEKS.")
    for name, text in settings.CONTO_KEKS.items():
        if not 0 < len(name) <= KEK_NAME_LENGTH:
            problems.append(f"The name of a key in CONTO_KEKS has 1 to {KEK_NAME_LENGTH} characters.")
        key = _key_bytes(text)
        if len(key) != KEY_BYTES:
            problems.append(f"The key {name[:KEK_NAME_LENGTH]!r} in CONTO_KEKS must be {KEY_BYTES} bytes in base 64.")
        elif len(set(key)) < FEWEST_BYTES:
            problems.append(f"The key {name[:KEK_NAME_LENGTH]!r} in CONTO_KEKS is not random.")
    return problems


def _key_bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _wrap(data_key: bytes, ring: Keyring, place: Place) -> bytes:
    return _encrypt(ring.key(ring.current), data_key, _framed(f"key:{ring.current}", place))


def _unwrapped(sealed: Sealed, ring: Keyring, place: Place) -> bytes:
    return _decrypt(ring.key(sealed.kek), sealed.wrapped_key, _framed(f"key:{sealed.kek}", place))


def _encrypt(key: bytes, plain: bytes, associated: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return FORM + nonce + AESGCM(key).encrypt(nonce, plain, associated)


def _decrypt(key: bytes, stored: bytes, associated: bytes) -> bytes:
    """Raise `CannotOpen` without the cause: a traceback must not carry what surrounds a secret."""
    form, nonce, sealed = (
        stored[:1],
        stored[1 : 1 + NONCE_BYTES],
        stored[1 + NONCE_BYTES :],
    )
    if form != FORM or len(nonce) != NONCE_BYTES:
        raise CannotOpen()
    try:
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except InvalidTag:
        raise CannotOpen() from None


def _framed(role: str, place: Place) -> bytes:
    """Return the associated data: each part with its length before it, so that no two places share a form."""
    parts = (role, place.table, str(place.row), place.field)
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
