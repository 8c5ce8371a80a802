"""Keys with which software calls the API: minted once, checked by their checksum, kept only as a keyed hash."""

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings

from core.errors import NotFound
from core.ids import Prefix, from_public, to_public

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECRET_LENGTH: Final = 43
"""43 letters of 62 are a little more than 256 bits."""
CHECKSUM_LENGTH: Final = 6
AGENT: Final = "agent"
ORGANIZATION: Final = "org"
PATTERN: Final = re.compile(
    rf"conto_({AGENT}|{ORGANIZATION})_([0-9a-z]{{26}})_[0-9A-Za-z]{{{SECRET_LENGTH + CHECKSUM_LENGTH}}}",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """What the text of a key says without looking anything up: its kind, its id, and the whole text."""

    kind: str
    key_id: UUID
    text: str

    def __repr__(self) -> str:
        return f"ParsedKey({self.kind}, {self.key_id})"


def mint(kind: str, key_id: UUID) -> str:
    """Return the whole text of a fresh key; it is shown once and only `secret_hash` of it is stored."""
    assert kind in (AGENT, ORGANIZATION), kind
    suffix = to_public(Prefix.KEY, key_id).removeprefix(f"{Prefix.KEY}_")
    secret = "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))
    body = f"conto_{kind}_{suffix}_{secret}"
    return body + _checksum(body)


def parse(text: str) -> ParsedKey | None:
    """Return what `text` says if it has the form of a key and its checksum is right; touches no database."""
    found = PATTERN.fullmatch(text)
    if found is None or _checksum(text[:-CHECKSUM_LENGTH]) != text[-CHECKSUM_LENGTH:]:
        return None
    try:
        return ParsedKey(found[1], from_public(Prefix.KEY, f"{Prefix.KEY}_{found[2]}"), text)
    except NotFound:
        return None


def secret_hash(text: str) -> str:
    """Return the HMAC-SHA-256 of the whole key under the pepper, in hex: a stolen database alone tests no guess."""
    return hmac.new(_pepper(), text.encode(), hashlib.sha256).hexdigest()


def matches(text: str, stored_hash: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(secret_hash(text), stored_hash)


def _pepper() -> bytes:
    pepper: str = settings.CONTO_KEY_PEPPER
    assert pepper, "keys are hashed with a pepper"
    return pepper.encode()


def _checksum(body: str) -> str:
    """Six letters of 62 hold the 32 bits of a CRC: typing errors and scanners need no database."""
    number = zlib.crc32(body.encode())
    letters = ""
    for _ in range(CHECKSUM_LENGTH):
        number, remainder = divmod(number, len(ALPHABET))
        letters = ALPHABET[remainder] + letters
    return letters
