"""Kinds of value in a rule document: each is read with its path in every error, and written back."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, Protocol

from core.errors import Invalid, InvalidMany, NotFound
from core.ids import Prefix, from_public
from core.money import CURRENCY_PATTERN
from policies.engine.places import is_country, is_time_zone

MAX_TEXT_LENGTH: Final = 200
"""As long as the texts of a payment may be."""
MAX_IDENTIFIER_LENGTH: Final = 300
"""An identifier has at most 255 characters; its kind stands before it, and an account may be written with spaces."""
MAX_FAULTS: Final = 100
"""A document with more faults than this is not worth listing further."""

MOMENT_PATTERN: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
DATE_PATTERN: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
CLOCK_PATTERN: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
SUBDIVISION_PATTERN: Final = re.compile(r"[A-Z0-9]{1,3}", re.ASCII)
DOMAIN_PATTERN: Final = re.compile(
    r"(\*\.)?(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.ASCII
)
EVM_PATTERN: Final = re.compile(r"0[xX][0-9a-fA-F]{40}", re.ASCII)
ADDRESS_PATTERN: Final = re.compile(r"[!-~]{4,255}", re.ASCII)
ACCOUNT_PATTERN: Final = re.compile(r"[A-Z0-9:/_.@+-]{2,255}", re.ASCII)
KEY_PATTERN: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
MAX_NAME_SHOWN: Final = 60
"""A path shows no more of a name that somebody made up."""


class Kind(Protocol):
    """A kind of value: `read` takes a JSON value and its path and raises `Invalid`; `write` is its inverse."""

    @property
    def says(self) -> str:
        """What the value is, for people."""

    def read(self, value: object, path: str, /) -> Any:
        """Return what the JSON value stands for."""

    def write(self, value: Any, /) -> object:
        """Return the JSON value."""

    def schema(self) -> dict[str, object]:
        """Return the JSON schema of the value."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A kind of value that one function reads and one writes."""

    says: str
    read: Callable[[object, str], Any]
    write: Callable[[Any], object]
    described: Mapping[str, object]

    def schema(self) -> dict[str, object]:
        """Return the JSON schema of the value."""
        return dict(self.described)


class Faults:
    """Gathers everything that is wrong with a document, so that one answer names it all."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, str]] = []

    def read(self, read: Callable[[object, str], Any], value: object, path: str) -> Any:
        """Return what `read` makes of `value`, or None with its faults gathered."""
        try:
            return read(value, path)
        except InvalidMany as error:
            self.found.extend(error.errors)
        except Invalid as error:
            self.found.append((error.field or path, error.code, error.detail))
        return None

    def add(self, path: str, code: str, detail: str) -> None:
        """Gather one fault."""
        self.found.append((path, code, detail))

    def raise_if_any(self) -> None:
        """Raise `InvalidMany` where anything was gathered."""
        if self.found:
            raise InvalidMany(self.found[:MAX_FAULTS])


def below(path: str, name: object) -> str:
    """Return the path of the member `name` below `path`."""
    return f"{path}.{str(name)[:MAX_NAME_SHOWN]}"


def read_boolean(value: object, path: str) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise Invalid("type_wrong", "Must be true or false.", field=path)
    return value


def normal_category(text: str) -> str:
    """Return a category in the one form in which asks and rules carry it: letter case and outer spaces mean nothing."""
    return unicodedata.normalize("NFC", text.strip().lower())


def read_category(value: object, path: str) -> str:
    """Read a category, a short text without control characters, in the form in which payments carry it."""
    if not isinstance(value, str):
        raise Invalid("type_wrong", "Must be a text.", field=path)
    normal = normal_category(value)
    if not 1 <= len(normal) <= MAX_TEXT_LENGTH:
        raise Invalid(
            "too_long" if normal else "too_short", f"Must have 1 to {MAX_TEXT_LENGTH} characters.", field=path
        )
    if not normal.isprintable():
        raise Invalid("text_invalid", "Must not have control characters.", field=path)
    return normal


def read_key(value: object, path: str) -> str:
    """Read the stable key of a rule."""
    if not isinstance(value, str) or KEY_PATTERN.fullmatch(value) is None:
        raise Invalid("key_invalid", "Must be 1 to 40 of a-z, 0-9 and _, beginning with a letter.", field=path)
    return value


def read_currency(value: object, path: str) -> str:
    """Read a currency code."""
    if not isinstance(value, str) or CURRENCY_PATTERN.fullmatch(value) is None:
        raise Invalid("currency_invalid", "Must be a currency code in capitals, such as USD.", field=path)
    return value


def read_country(value: object, path: str) -> str:
    """Read an ISO 3166-1 alpha-2 code."""
    if not isinstance(value, str) or not is_country(value):
        raise Invalid("country_unknown", "Must be a country code of two capitals (ISO 3166-1), such as DE.", field=path)
    return value


def read_subdivision(value: object, path: str) -> str:
    """Read the part of an ISO 3166-2 code that follows the country."""
    if not isinstance(value, str) or SUBDIVISION_PATTERN.fullmatch(value) is None:
        raise Invalid("subdivision_invalid", "Must be the code of a state or region, such as BE.", field=path)
    return value


def read_time_zone(value: object, path: str) -> str:
    """Read the name of an IANA time zone."""
    if not isinstance(value, str) or not is_time_zone(value):
        raise Invalid("time_zone_unknown", "Must be an IANA time zone, such as Europe/Berlin.", field=path)
    return value


def read_moment(value: object, path: str) -> datetime:
    """Read an RFC 3339 moment with its offset; returns it in UTC."""
    if isinstance(value, str) and MOMENT_PATTERN.fullmatch(value) is not None:
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise Invalid("moment_invalid", "Must be a moment such as 2026-12-31T23:00:00Z (RFC 3339).", field=path)


def read_date(value: object, path: str) -> date:
    """Read a date."""
    if isinstance(value, str) and DATE_PATTERN.fullmatch(value) is not None:
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise Invalid("date_invalid", "Must be a date such as 2026-12-24.", field=path)


def read_clock(value: object, path: str) -> int:
    """Read a time of day as minutes; 24:00 is the end of the day."""
    if not isinstance(value, str) or CLOCK_PATTERN.fullmatch(value) is None:
        raise Invalid("time_invalid", "Must be a time such as 09:30.", field=path)
    return int(value[:2]) * 60 + int(value[3:])


def read_identifier(value: object, path: str) -> str:
    """Read a counterparty's public id or strong identifier in the form in which payments carry it.

    Domains and EVM addresses ignore case, other addresses do not (specification §4); accounts are written without
    spaces and in capitals, as IBAN is. Domains are ASCII: a name in another script is sent as punycode.
    """
    if not isinstance(value, str) or len(value) > MAX_IDENTIFIER_LENGTH:
        raise Invalid("type_wrong", f"Must be a text of at most {MAX_IDENTIFIER_LENGTH} characters.", field=path)
    kind, colon, rest = value.partition(":")
    if not colon and value.startswith(f"{Prefix.COUNTERPARTY.value}_"):
        return read_public_id(Prefix.COUNTERPARTY, "a counterparty", value, path)
    if kind in IDENTIFIER_FORMS:
        normalise, pattern = IDENTIFIER_FORMS[kind]
        normal = normalise(rest)
        if pattern.fullmatch(normal) is not None:
            return f"{kind}:{normal}"
    raise Invalid(
        "identifier_invalid",
        "Must be domain:api.example.com (punycode; domain:*.example.com for all below), address:…, account:… or cpt_….",
        field=path,
    )


def write_moment(value: datetime) -> str:
    """Write a moment in UTC, with fractions of a second only where it has any."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def write_clock(minutes: int) -> str:
    """Write a time of day."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _normal_domain(text: str) -> str:
    return text.strip().rstrip(".").lower()


def _normal_address(text: str) -> str:
    text = text.strip()
    return text.lower() if EVM_PATTERN.fullmatch(text) else text


def _normal_account(text: str) -> str:
    return "".join(text.split()).upper()


IDENTIFIER_FORMS: Final = {
    "domain": (_normal_domain, DOMAIN_PATTERN),
    "address": (_normal_address, ADDRESS_PATTERN),
    "account": (_normal_account, ACCOUNT_PATTERN),
}
"""Each kind of strong identifier: what brings it to its one form, and what that form looks like."""


def read_public_id(prefix: Prefix, noun: str, value: object, path: str) -> str:
    """Read the public id of `noun`."""
    try:
        from_public(prefix, value if isinstance(value, str) else "")
    except NotFound:
        raise Invalid("id_invalid", f"Must be the id of {noun}, such as {prefix.value}_….", field=path) from None
    return str(value)


BOOLEAN: Final = Leaf("true or false", read_boolean, bool, {"type": "boolean"})
CATEGORY: Final = Leaf(
    "a category; letter case means nothing",
    read_category,
    str,
    {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_LENGTH},
)
KEY: Final = Leaf("a name of a-z, 0-9 and _", read_key, str, {"type": "string", "pattern": f"^{KEY_PATTERN.pattern}$"})
CURRENCY: Final = Leaf(
    "a currency code", read_currency, str, {"type": "string", "pattern": f"^{CURRENCY_PATTERN.pattern}$"}
)
COUNTRY: Final = Leaf("an ISO 3166-1 alpha-2 code", read_country, str, {"type": "string", "pattern": "^[A-Z]{2}$"})
SUBDIVISION: Final = Leaf(
    "the code of a state or region",
    read_subdivision,
    str,
    {"type": "string", "pattern": "^[A-Z0-9]{1,3}$"},
)
TIME_ZONE: Final = Leaf("an IANA time zone, else the organization's", read_time_zone, str, {"type": "string"})
MOMENT: Final = Leaf("a moment (RFC 3339)", read_moment, write_moment, {"type": "string", "format": "date-time"})
DATE: Final = Leaf("a date", read_date, date.isoformat, {"type": "string", "format": "date"})
CLOCK: Final = Leaf(
    "a time of day", read_clock, write_clock, {"type": "string", "pattern": f"^({CLOCK_PATTERN.pattern})$"}
)
IDENTIFIER: Final = Leaf("an identifier", read_identifier, str, {"type": "string", "maxLength": MAX_IDENTIFIER_LENGTH})
