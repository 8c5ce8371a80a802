"""What every list has in common: words to find, an order, pages by cursor in both directions, all of it for a file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar, Final, Generic, TypeVar
from uuid import UUID

from django import forms
from django.db.models import Model, Q, QuerySet
from django.http import QueryDict

from core.chips import CURSOR, chips_of, without
from core.errors import Invalid
from core.filters import Filter
from core.money import parse_amount
from core.paging import (
    DEFAULT_PAGE,
    LARGEST_PAGE,
    LONGEST_FILTER,
    decode_cursor,
    decode_place,
    encode_place,
    encode_text,
    text_in,
    wrong_cursor,
)

M = TypeVar("M", bound=Model)
T = TypeVar("T")

BACK: Final = "back."
"""Begins a cursor that reads towards the beginning of the list."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a list goes by, with the words that offer it; ties go by id, the same way round.

    `field` is never null. `read` makes its value of what `str` wrote into a cursor; raises `ValueError` for nonsense.
    """

    words: str
    field: str = "pk"
    is_falling: bool = False
    read: Callable[[str], Any] = str


NEWEST: Final = Order("Newest first", is_falling=True)
OLDEST: Final = Order("Oldest first")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, and the cursors of the pages beside them (empty where there is none)."""

    rows: tuple[T, ...] = ()
    next_cursor: str = ""
    previous_cursor: str = ""


class ListFilter(Filter):
    """The filter of a list: words to find, an order, and whatever fields it has besides; it lives in the address."""

    ORDERS: ClassVar[Mapping[str, Order]] = {"newest": NEWEST}
    """By the name in the address; the first one counts unless another is asked for."""

    q = forms.CharField(required=False, max_length=LONGEST_FILTER, label="Text")
    sort = forms.ChoiceField(required=False, label="Order")

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data, auto_id="filter_%s")
        self.fields["sort"] = forms.ChoiceField(
            required=False, label="Order", choices=[(name, order.words) for name, order in self.ORDERS.items()]
        )
        self.order_fields([*(name for name in self.fields if name != "sort"), "sort"])

    def words(self) -> str:
        """Return what to search for; what cannot be printed is in no name."""
        return "".join(filter(str.isprintable, self.chosen("q"))).strip()

    def order(self) -> Order:
        """Return the order that is asked for, or else the first."""
        return self.ORDERS[self.chosen("sort") or next(iter(self.ORDERS))]

    def chosen(self, name: str) -> str:
        """Return what a field lets through, empty for anything."""
        return str(self.cleaned_data.get(name) or "")

    def narrowing(self) -> Iterator[forms.BoundField]:
        """Yield the fields beside the search box."""
        return (self[name] for name in self.fields if name != "q")

    def in_force(self) -> list[tuple[str, str]]:
        """Return the fields that filter, each with its name and words for what it lets through."""
        return [(name, self._said(name)) for name in self.fields if name != "sort" and self.chosen(name)]

    def _said(self, name: str) -> str:
        field, value = self.fields[name], self.chosen(name)
        if not isinstance(field, forms.ChoiceField):
            return value
        return next((str(words) for name, words in field.widget.choices if str(name) == value), value)


def asked_page(query: QueryDict, form: ListFilter, found: Callable[[], QuerySet[M]]) -> Page[M]:
    """Return the page that an address asks for; raises `Invalid` (`cursor_invalid`).

    What cannot be understood shows nothing: everything would pass for what was asked for.
    """
    return page_of(found(), form.order(), cursor=text_in(query, CURSOR)) if form.is_valid() else Page()


def page_of(found: QuerySet[M], order: Order, *, cursor: str = "", limit: int = DEFAULT_PAGE) -> Page[M]:
    """Return the rows behind `cursor`, or before it where it says so; raises `Invalid` (`cursor_invalid`)."""
    is_back = cursor.startswith(BACK)
    is_falling = order.is_falling != is_back
    if cursor:
        found = found.filter(_beyond(order, cursor.removeprefix(BACK), side="lt" if is_falling else "gt"))
    sign = "-" if is_falling else ""
    some = found.order_by(*dict.fromkeys((f"{sign}{order.field}", f"{sign}pk")))[: limit + 1]
    return page_from(tuple(some), partial(_place, order), cursor=cursor, limit=limit)


def page_from(some: Sequence[T], place_of: Callable[[T], str], *, cursor: str, limit: int) -> Page[T]:
    """Return the page of which these are the rows as they were read, one more than wanted if there are as many.

    Those before a cursor are read the other way round.
    """
    is_back = cursor.startswith(BACK)
    shown, has_more = some[:limit][:: -1 if is_back else 1], len(some) > limit
    if not shown:
        return Page()
    return Page(
        tuple(shown),
        place_of(shown[-1]) if has_more or is_back else "",
        BACK + place_of(shown[0]) if (has_more if is_back else cursor) else "",
    )


@dataclass(frozen=True, slots=True)
class Since:
    """Where a page that SQL reads by moment and id begins (None: at its first); `way` and `side` go into its text."""

    moment: datetime | None
    row_id: UUID | None
    way: str
    side: str


def since(cursor: str, order: Order) -> Since:
    """Return where a list that goes by moments goes on; raises `Invalid` (`cursor_invalid`)."""
    way, side = ("desc", "<") if order.is_falling != cursor.startswith(BACK) else ("asc", ">")
    moment, row_id = decode_cursor(cursor.removeprefix(BACK)) if cursor else (None, None)
    return Since(moment, row_id, way, side)


def aware(text: str) -> datetime:
    """Return a moment with its offset; raises `ValueError` for any other text."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("A moment without an offset is none.")
    return moment.astimezone(UTC)


def amount(text: str) -> Decimal:
    """Return an amount of money; raises `ValueError` for any other text."""
    try:
        return parse_amount(text)
    except Invalid as error:
        raise ValueError(error.detail) from error


def pages_of(found: QuerySet[M], order: Order) -> Iterator[tuple[M, ...]]:
    """Yield all of a list in its order, some rows in memory at a time."""
    page = page_of(found, order, limit=LARGEST_PAGE)
    yield page.rows
    while page.next_cursor:
        page = page_of(found, order, cursor=page.next_cursor, limit=LARGEST_PAGE)
        yield page.rows


def every(found: QuerySet[M], order: Order) -> Iterator[M]:
    """Yield each row of a list in its order, some in memory at a time."""
    return (row for rows in pages_of(found, order) for row in rows)


def part_of(rows: Sequence[T], name_of: Callable[[T], str], *, cursor: str = "", limit: int = DEFAULT_PAGE) -> Page[T]:
    """Return a page of a list that was made in memory; a cursor is the name of a row that stands at its edge.

    Raises `Invalid` (`cursor_invalid`), also where that row is gone.
    """
    is_back, edge = cursor.startswith(BACK), cursor.removeprefix(BACK)
    names = [encode_text(name_of(row)) for row in rows]
    if edge and edge not in names:
        raise wrong_cursor()
    place = names.index(edge) if edge else -1
    start, end = (max(0, place - limit), place) if is_back else (place + 1, place + 1 + limit)
    shown = tuple(rows[start:end])
    if not shown:
        return Page()
    return Page(shown, names[end - 1] if end < len(rows) else "", f"{BACK}{names[start]}" if start > 0 else "")


def around(query: QueryDict, form: ListFilter, page: Page[Any], *, list_url: str, export_url: str) -> dict[str, Any]:
    """Return what a template needs around the rows of a list: the addresses are those of the list and of its file."""
    return {
        "filter": form,
        "chips": chips_of(query, form.in_force()),
        "next_cursor": page.next_cursor,
        "previous_cursor": page.previous_cursor,
        "shown": len(page.rows),
        "list_url": list_url,
        "export_url": f"{export_url}?{without(query)}",
    }


def _beyond(order: Order, place: str, *, side: str) -> Q:
    text, row_id = decode_place(place)
    if order.field == "pk":
        return Q(**{f"pk__{side}": row_id})
    try:
        value = order.read(text)
    except (ValueError, OverflowError) as error:
        raise wrong_cursor() from error
    beyond = Q(**{f"{order.field}__{side}": value}) | Q(**{order.field: value, f"pk__{side}": row_id})
    # The first condition says nothing new: it is the one that an index begins with.
    return Q(**{f"{order.field}__{side}e": value}) & beyond


def _place(order: Order, row: Model) -> str:
    value = "" if order.field == "pk" else str(attrgetter(order.field.replace("__", "."))(row))
    return encode_place(value, row.pk)
