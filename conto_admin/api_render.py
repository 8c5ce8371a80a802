"""JSON in and out of the API: amounts keep their digits, and what is too long, too deep or ambiguous is refused."""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import IO, Any, Final

import orjson
from django.utils.functional import Promise
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from core.errors import Malformed, TooLarge

LARGEST_BODY_BYTES: Final = 1_048_576
"""A batch of a thousand spend records, or a policy with all the rules it may have, fits in with room."""

DEEPEST_NESTING: Final = 20
LONGEST_NUMBER: Final = 64
"""Characters; also the most digits that an exponent may stand for."""
ANYTHING: Final = "*/*"
OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


class JsonRenderer(BaseRenderer):
    """Answers; decimals become strings of plain digits."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(self, data: Any, _media_type: str | None = None, _context: Mapping[str, Any] | None = None) -> bytes:
        """Return `data` as JSON; nothing at all for `None`."""
        return b"" if data is None else orjson.dumps(data, default=plain, option=OPTIONS)


class FirstRenderer(DefaultContentNegotiation):
    """Answers in the first form of the view where the caller takes any, without weighing them."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer and its media type; raises DRF's `NotAcceptable`."""
        if request.META.get("HTTP_ACCEPT", ANYTHING) == ANYTHING:
            first = next(iter(renderers))
            return first, str(first.media_type)
        chosen: tuple[BaseRenderer, str] = super().select_renderer(request, renderers, format_suffix)
        return chosen


class JsonParser(BaseParser):
    """Requests; a number with a fraction becomes the Decimal of its own digits."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], _media_type: str | None = None, _context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the value in the body; raises `Malformed` and `TooLarge`."""
        body = stream.read(LARGEST_BODY_BYTES + 1)
        if len(body) > LARGEST_BODY_BYTES:
            raise TooLarge("body_too_large", f"The body may have {LARGEST_BODY_BYTES} bytes at most.")
        return read_json(body)


def read_json(body: bytes) -> Any:
    """Return the value that `body` holds; raises `Malformed`."""
    try:
        value = json.loads(
            body.decode(),
            parse_float=exact_number,
            parse_int=whole_number,
            parse_constant=refuse_constant,
            object_pairs_hook=refuse_twins,
        )
    except UnicodeDecodeError:
        raise Malformed("malformed", "The body is not UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise Malformed("malformed", f"The body is not JSON that this server reads: {error}") from None
    if b"\\ud" in body.lower() and has_half_character(value):
        raise Malformed("malformed", "The body holds half a character: a surrogate without its pair.")
    if body.count(b"[") + body.count(b"{") > DEEPEST_NESTING and depth(value) > DEEPEST_NESTING:
        raise Malformed("malformed", f"The body is nested more than {DEEPEST_NESTING} levels deep.")
    return value


class Exponential(Decimal):
    """A number that was written with an exponent; amounts are not (`core.money.parse_amount`)."""


def exact_number(text: str) -> Decimal:
    """Return a number with the digits of its text; a few characters must not stand for a million digits."""
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number has more than {LONGEST_NUMBER} characters")
    head, _, exponent = text.lower().partition("e")
    if not exponent:
        return Decimal(head)
    if not -LONGEST_NUMBER <= int(exponent) <= LONGEST_NUMBER:
        raise ValueError(f"a number has an exponent beyond {LONGEST_NUMBER}")
    return Exponential(text)


def whole_number(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number has more than {LONGEST_NUMBER} characters")
    return int(text)


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two members of one name mean different things to different readers."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice in one object")
    return found


def has_half_character(value: object) -> bool:
    """Whether a text in `value` cannot be written as UTF-8; neither the database nor an answer could hold it."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return True
    return False


def depth(value: object) -> int:
    """How many levels of lists and objects stand in each other."""
    level, front = 0, [value]
    while front := [one for one in front if isinstance(one, (dict, list))]:
        level += 1
        front = [inner for one in front for inner in (one.values() if isinstance(one, dict) else one)]
    return level


def plain(value: object) -> str:
    """What JSON has no type for, as text."""
    match value:
        case Decimal():
            return f"{value:f}"
        case Promise():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no form in JSON")
