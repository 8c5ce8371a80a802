"""One byte form for each value, so that digests can be compared and decisions replayed byte for byte."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, Final
from uuid import UUID

import orjson


def canonical_json(value: object) -> bytes:
    """Return `value` as JSON with sorted keys, no spaces and exact decimals as strings (in the manner of RFC 8785)."""
    made = plain(value)
    try:
        return orjson.dumps(made, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # An integer beyond 64 bits, which JSON has and orjson has not.
        return json.dumps(made, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def plain(value: object) -> object:
    """Return `value` made of dicts, lists, strings, integers, booleans and None only; a float is refused."""
    kind = type(value)
    if kind in UNCHANGED:
        return value
    convert = CONVERTERS.get(kind)
    return convert(value) if convert is not None else _plain_of_class(value, kind)


def plain_json(value: object) -> bytes:
    """Return `plain(value)` as JSON, at a fraction of the cost; for values of our own making.

    A dataclass in it must keep nothing in its `__dict__` but fields and names that begin with an underscore.
    """
    return orjson.dumps(value, default=_inner, option=PASSED_ON)


def _inner(value: object) -> object:
    """Make `value` plain one level deep; orjson asks again for what stands in it."""
    kind = type(value)
    convert = CONVERTERS.get(kind)
    return plain(value) if convert is None else convert(value)


def _plain_of_class(value: object, kind: type) -> object:
    if isinstance(value, Enum):
        return plain(value.value)
    if is_dataclass(kind):
        return {name: plain(getattr(value, name)) for name in _field_names(kind)}
    for base, convert in CONVERTERS.items():
        if isinstance(value, base):
            return convert(value)
    if isinstance(value, str | int) and not isinstance(value, bool):
        return value
    raise TypeError(f"no canonical form for {kind.__name__}")


@cache
def _field_names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _plain_dict(value: Any) -> object:
    return {str(plain(key)): plain(member) for key, member in value.items()}


def _plain_list(value: Any) -> object:
    return [plain(member) for member in value]


def _plain_set(value: Any) -> object:
    return sorted((plain(member) for member in value), key=str)


def decimal_text(value: Decimal) -> str:
    """Return plain digits without trailing zeros: equal numbers have equal text."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def moment_text(value: datetime) -> str:
    """Return an aware moment in UTC as RFC 3339 with microseconds and `Z`."""
    assert value.tzinfo is not None, "moments are aware"
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


PASSED_ON: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS
"""Moments come to us, for orjson has another form for them."""
UNCHANGED: Final = frozenset({str, int, bool, NoneType})
CONVERTERS: Final[dict[type, Callable[[Any], object]]] = {
    Decimal: decimal_text,
    datetime: moment_text,
    date: date.isoformat,
    time: time.isoformat,
    UUID: str,
    dict: _plain_dict,
    list: _plain_list,
    tuple: _plain_list,
    set: _plain_set,
    frozenset: _plain_set,
}
"""By exact class, for this runs hundreds of times per decision; datetime stands before date, whose subclass it is."""
