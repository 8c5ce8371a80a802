"""Bodies of requests brought to our words, by hand: the hot path cannot afford a general serializer."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from approvals.selectors.situation import Ask
from approvals.services.booking import LONGEST_NOTE, LONGEST_REFERENCE, Report
from core.canonical import plain
from core.errors import Invalid, InvalidMany, Malformed, NotFound
from core.ids import Prefix, from_public
from core.money import parse_amount, parse_currency
from policies.engine.places import is_country
from policies.engine.types import Rail
from policies.engine.values import normal_category
from spend.payee import LONGEST_NAME, PayeeClaim, normal_identifier

LONGEST_LABEL: Final = 100
LONGEST_SESSION: Final = 200
LONGEST_PURPOSE: Final = 1000
LONGEST_KEY: Final = 255
LARGEST_CONTEXT_BYTES: Final = 16_384
LARGEST_BATCH: Final = 100

RAILS: Final = tuple(rail.value for rail in Rail)
ASK_FIELDS: Final = frozenset(
    {"amount", "currency", "counterparty", "category", "rail", "session", "purpose", "context", "idempotency_key"}
)
PAYEE_FIELDS: Final = frozenset({"id", "name", "domain", "address", "account", "country"})
REPORT_FIELDS: Final = frozenset(
    {"amount", "currency", "kind", "counterparty", "reference", "final", "occurred_at", "note"}
)
UNAUTHORIZED_FIELDS: Final = REPORT_FIELDS | {"refund_of", "category", "rail", "session", "agent"}

Body = Mapping[str, Any]


def parse_ask(value: object) -> tuple[Ask, str | None]:
    """Return what the body asks for and the idempotency key in it.

    Raises `Malformed`, or `InvalidMany` naming each field.
    """
    fields = _Fields(value, ASK_FIELDS)
    ask = Ask(
        amount=fields.read("amount", parse_amount, is_required=True),
        currency=fields.read("currency", parse_currency, is_required=True),
        payee=fields.read("counterparty", _payee, is_required=True),
        category=fields.read("category", _category),
        rail=fields.read("rail", _rail),
        session=fields.read("session", _text(LONGEST_SESSION)),
        purpose=fields.read("purpose", _text(LONGEST_PURPOSE)) or "",
        context=fields.read("context", _context) or {},
    )
    key = fields.read("idempotency_key", _text(LONGEST_KEY))
    fields.demand_valid()
    return ask, key


def parse_report(value: object, *, has_authorization: bool) -> Report:
    """Return what the body reports as paid or refunded; raises `Malformed`, or `InvalidMany` naming each field."""
    fields = _Fields(value, REPORT_FIELDS if has_authorization else UNAUTHORIZED_FIELDS)
    report = Report(
        amount=fields.read("amount", parse_amount, is_required=True),
        currency=fields.read("currency", parse_currency, is_required=True),
        kind=fields.read("kind", _one_of({"payment", "refund"})) or "payment",
        payee=fields.read("counterparty", _payee),
        reference=fields.read("reference", _text(LONGEST_REFERENCE)),
        is_final=fields.read("final", _flag) is not False,
        occurred_at=fields.read("occurred_at", _moment),
        note=fields.read("note", _text(LONGEST_NOTE)) or "",
        refund_of=fields.read("refund_of", _record_id),
        category=fields.read("category", _category),
        rail=fields.read("rail", _rail),
        session=fields.read("session", _text(LONGEST_SESSION)),
    )
    fields.demand_valid()
    if report.kind == "refund" and not has_authorization and report.refund_of is None:
        raise Invalid("required", "Name the record that is paid back.", field="refund_of")
    return report


def parse_reason(value: object) -> str:
    """Return the `reason` in the body; an empty body has none."""
    fields = _Fields({} if value is None else value, frozenset({"reason"}))
    reason = fields.read("reason", _text(LONGEST_PURPOSE)) or ""
    fields.demand_valid()
    return str(reason)


def parse_release(value: object) -> str | None:
    """Return which credential the body names, if any."""
    fields = _Fields({} if value is None else value, frozenset({"credential"}))
    wanted = fields.read("credential", _text(LONGEST_SESSION))
    fields.demand_valid()
    return None if wanted is None else str(wanted)


def parse_key(header: str | None, in_body: str | None) -> str | None:
    """Return the idempotency key of the header or the body; raises `Invalid` where both are given and differ."""
    if header is None:
        return in_body
    key = str(_text(LONGEST_KEY)(header, field="Idempotency-Key"))
    if in_body is not None and in_body != key:
        raise Invalid("idempotency_keys_differ", "Header and body name different keys.", field="idempotency_key")
    return key


class _Fields:
    """The members of one body; collects what is wrong with each, so that the caller hears it all at once."""

    def __init__(self, value: object, known: Collection[str]) -> None:
        if not isinstance(value, dict):
            raise Malformed("malformed", "Send a JSON object.")
        self.value = value
        self.errors = [
            (str(name)[:LONGEST_LABEL], "unknown_field", "There is no field of this name.")
            for name in value
            if name not in known
        ]

    def read(self, name: str, parse: Callable[..., Any], *, is_required: bool = False) -> Any:
        found = self.value.get(name)
        if found is None:
            if is_required:
                self.errors.append((name, "required", "This field is required."))
            return None
        try:
            return parse(found, field=name)
        except InvalidMany as error:
            self.errors.extend(error.errors)
        except Invalid as error:
            self.errors.append((error.field or name, error.code, error.detail))
        return None

    def demand_valid(self) -> None:
        if self.errors:
            raise InvalidMany(self.errors)


def _payee(value: object, *, field: str) -> PayeeClaim:
    if not isinstance(value, dict):
        raise Invalid("type", 'Send an object such as {"name": "OpenAI", "domain": "api.openai.com"}.', field=field)
    fields = _Fields(value, PAYEE_FIELDS)
    name = fields.read("name", _text(LONGEST_NAME)) or ""
    identifiers = [fields.read(kind, _identifier) for kind in ("account", "address", "domain")]
    own = fields.read("id", _text(LONGEST_LABEL))
    country = fields.read("country", _country)
    if not any(value.get(one) for one in PAYEE_FIELDS - {"country"}):
        fields.errors.append(("", "required", "Say who would be paid: a name, and a domain, address or account."))
    if fields.errors:
        raise InvalidMany([(f"{field}.{path}".rstrip("."), code, detail) for path, code, detail in fields.errors])
    return PayeeClaim(name, tuple(sorted(filter(None, identifiers))), own, country)


def _identifier(value: object, *, field: str) -> str:
    return normal_identifier(field, str(_text(LONGEST_KEY)(value, field=field)), field=field)


def _text(longest: int) -> Callable[..., str]:
    def parse(value: object, *, field: str) -> str:
        if not isinstance(value, str):
            raise Invalid("type", "Send a string.", field=field)
        text = value.strip()
        if not text:
            raise Invalid("blank", "This must not be blank; leave the field out instead.", field=field)
        if len(text) > longest:
            raise Invalid("too_long", f"At most {longest} characters.", field=field)
        if not _is_storable(text):
            raise Invalid("text_invalid", "The text holds NUL or half a surrogate pair.", field=field)
        return text

    return parse


def _is_storable(text: str) -> bool:
    # PostgreSQL keeps neither in text; UTF-8 has no form for the second.
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _category(value: object, *, field: str) -> str:
    return normal_category(str(_text(LONGEST_LABEL)(value, field=field)))


def _rail(value: object, *, field: str) -> str:
    return _one_of(RAILS)(value, field=field)


def _one_of(known: Collection[str]) -> Callable[..., str]:
    def parse(value: object, *, field: str) -> str:
        if not isinstance(value, str) or value not in known:
            raise Invalid("choice", f"Send one of: {', '.join(sorted(known))}.", field=field)
        return value

    return parse


def _flag(value: object, *, field: str) -> bool:
    if not isinstance(value, bool):
        raise Invalid("type", "Send true or false.", field=field)
    return value


def _country(value: object, *, field: str) -> str:
    # A code that stands for no country would pass every list of blocked ones.
    if not isinstance(value, str) or not is_country(value):
        raise Invalid("country_invalid", "Send a country as two capital letters (ISO 3166-1 alpha-2).", field=field)
    return value


def _moment(value: object, *, field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Invalid("moment_invalid", "Send a moment with its offset, such as 2026-01-31T09:30:00Z.", field=field)


def _record_id(value: object, *, field: str) -> Any:
    try:
        return from_public(Prefix.RECORD, str(value))
    except NotFound:
        raise Invalid("record_invalid", "Send the id of a record, such as spd_01k….", field=field) from None


def _context(value: object, *, field: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Invalid("type", "Send an object.", field=field)
    found = plain(value)
    try:
        size = len(orjson.dumps(found))
    except (TypeError, ValueError):
        raise Invalid("text_invalid", "The context holds something that cannot be stored.", field=field) from None
    if size > LARGEST_CONTEXT_BYTES:
        raise Invalid("too_long", f"At most {LARGEST_CONTEXT_BYTES} bytes.", field=field)
    if not _is_storable(orjson.dumps(found).decode()) or b"\\u0000" in orjson.dumps(found):
        raise Invalid("text_invalid", "The context holds NUL, which cannot be stored.", field=field)
    assert isinstance(found, dict), "an object stays one"
    return found
