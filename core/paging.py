"""Pages of lists: cursors, sizes and moments as callers send them in a query."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from core.chips import CURSOR
from core.errors import Invalid

LARGEST_PAGE: Final = 200
DEFAULT_PAGE: Final = 50
NO_PLACE: Final = "cursor_invalid"
"""The code of the error that a cursor is none."""
LONGEST_FILTER: Final = 255
LONGEST_CURSOR: Final = 2_000
"""It names the last row of a page by what that was sorted by: a long name, the address of a pot."""


def encode_cursor(moment: datetime, row_id: UUID) -> str:
    """Return the place behind a row as opaque text."""
    return encode_place(moment.isoformat(), row_id)


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Return the moment, in UTC, and id in a cursor; raises `Invalid` (`cursor_invalid`)."""
    text, row_id = decode_place(cursor)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            # The database takes no offset of more than 16 hours.
            return moment.astimezone(UTC), row_id
    except (ValueError, OverflowError) as error:
        raise wrong_cursor() from error
    raise wrong_cursor()


def encode_place(value: str, row_id: UUID) -> str:
    """Return the place behind a row, by what the list is sorted by and the row's id, as opaque text."""
    return encode_text(f"{value}|{row_id}")


def encode_text(text: str) -> str:
    """Return text that nobody is to read as part of an address."""
    return base64.urlsafe_b64encode(text.encode()).decode()


def decode_place(cursor: str) -> tuple[str, UUID]:
    """Return what `encode_place` was given; raises `Invalid` (`cursor_invalid`)."""
    try:
        value, _, row_id = base64.urlsafe_b64decode(cursor.encode()).decode().rpartition("|")
        place = value, UUID(row_id)
    except (ValueError, binascii.Error) as error:
        raise wrong_cursor() from error
    if "\0" in value:
        raise wrong_cursor()
    return place


def wrong_cursor() -> Invalid:
    """Return the error of a cursor that is none."""
    return Invalid(NO_PLACE, "Send a cursor as it came in next_cursor.", field="cursor")


def limit_in(query: Mapping[str, str]) -> int:
    """Return the page size asked for; raises `Invalid` (`limit_invalid`)."""
    text = query.get("limit", str(DEFAULT_PAGE))
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(LARGEST_PAGE))
    if not is_number or not 1 <= int(text) <= LARGEST_PAGE:
        raise Invalid("limit_invalid", f"The limit is 1 to {LARGEST_PAGE}.", field="limit")
    return int(text)


def moment_in(query: Mapping[str, str], name: str) -> datetime | None:
    """Return the aware moment that the query gives under `name`; raises `Invalid` (`moment_invalid`)."""
    text = query.get(name, "")
    if not text:
        return None
    try:
        # A plus sign that was not escaped arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Invalid("moment_invalid", "Send a moment with its offset, such as 2026-01-31T09:30:00Z.", field=name)


def text_in(query: Mapping[str, str], name: str) -> str:
    """Return the text that the query gives under `name`; raises `Invalid` where no row could hold it."""
    text, longest = query.get(name, ""), LONGEST_CURSOR if name == CURSOR else LONGEST_FILTER
    if len(text) > longest or "\0" in text:
        raise Invalid("filter_invalid", f"At most {longest} characters, without NUL.", field=name)
    return text
