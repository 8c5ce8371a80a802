"""Identifiers: UUIDv7 inside (RFC 9562 §5.7), TypeID outside (prefix, underscore, 26 letters of Crockford base 32)."""

import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final
from uuid import UUID

from core.errors import NotFound

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
VALUES: Final = {letter: number for number, letter in enumerate(ALPHABET)}
SUFFIX_LENGTH: Final = 26
ID_LIKE: Final = re.compile(rf"[a-z]{{3}}_[0-9a-z]{{{SUFFIX_LENGTH}}}", re.ASCII)
"""What would be taken for a public id, such as a name that somebody chose to look like one."""
IDS_KEPT: Final = 10_000
"""Public forms kept per process: those of agents, policies and counterparties are asked for again and again."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


ID_TAIL: Final = 6
"""Letters of a public id that tell it from its neighbours, for the eye."""


class Prefix(StrEnum):
    """The first part of a public id; says what it names."""

    AUTHORIZATION = "atz"
    AGENT = "agt"
    POLICY = "pol"
    VERSION = "plv"
    ASSIGNMENT = "asg"
    APPROVAL = "apr"
    REVIEW = "rev"
    RECORD = "spd"
    COUNTERPARTY = "cpt"
    EVENT = "evt"
    ORGANIZATION = "org"
    PERSON = "per"
    MEMBER = "mbr"
    INVITATION = "inv"
    KEY = "key"
    CREDENTIAL = "crd"
    BACKTEST = "bkt"
    CHANGE = "chg"


def new_id(now: datetime) -> UUID:
    """Return a fresh UUIDv7 whose first 48 bits are the milliseconds of `now` (aware)."""
    elapsed = now - EPOCH
    milliseconds = (elapsed.days * 86_400 + elapsed.seconds) * 1_000 + elapsed.microseconds // 1_000
    random_bits = secrets.randbits(74)
    number = milliseconds << 80 | 0x7 << 76 | (random_bits >> 62) << 64 | 0b10 << 62 | random_bits & (1 << 62) - 1
    return UUID(int=number)


@lru_cache(maxsize=IDS_KEPT)
def to_public(prefix: Prefix, value: UUID) -> str:
    """Return the TypeID of `value`: `atz_01k…`."""
    number = value.int
    letters = [ALPHABET[number >> shift & 31] for shift in range(125, -1, -5)]
    return f"{prefix.value}_{''.join(letters)}"


@lru_cache(maxsize=IDS_KEPT)
def from_public(prefix: Prefix, text: str) -> UUID:
    """Return the UUID inside a TypeID; raises `NotFound` where `text` is none of this prefix."""
    head, _, suffix = text.rpartition("_")
    if head != prefix.value or len(suffix) != SUFFIX_LENGTH or suffix[0] > "7":
        raise NotFound()
    number = 0
    for letter in suffix:
        value = VALUES.get(letter)
        if value is None:
            raise NotFound()
        number = number << 5 | value
    return UUID(int=number)


def ids_in(prefix: Prefix, texts: Iterable[str]) -> list[UUID]:
    """Return the UUIDs of those texts that are TypeIDs of this prefix."""
    found = []
    for text in texts:
        try:
            found.append(from_public(prefix, text))
        except NotFound:
            continue
    return found


def shortened(public_id: str) -> str:
    """Return `atz_…8f2k9q` for a public id; what has no prefix, such as a currency, stays as it is."""
    prefix, _, rest = public_id.rpartition("_")
    return f"{prefix}_…{rest[-ID_TAIL:]}" if prefix and len(rest) > ID_TAIL else public_id
