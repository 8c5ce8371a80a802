"""Pages of a list: each row once, forth and back, whatever it goes by; made in memory or read."""

from typing import Final

import pytest
from django.http import QueryDict

from core.errors import Invalid
from core.lists import BACK, NEWEST, OLDEST, ListFilter, Order, asked_page, aware, every, page_of, part_of
from core.paging import encode_text
from people.models import Organization
from tests.factories import make_organization
from tests.paged import walked

NAMES: Final = ("Twin", "A|B", "Twin", "Zoë", "Twin", "–", "b|", "Basel")
ORDERS: Final = (
    NEWEST,
    OLDEST,
    Order("By name", "name"),
    Order("By name", "name", is_falling=True),
    Order("By age", "created_at", read=aware),
)


@pytest.mark.django_db
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("limit", [1, 3, 4, 8])
def test_pages_lead_through_a_table_and_back(order: Order, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.lists.LARGEST_PAGE", 3)
    made = [make_organization(name) for name in NAMES]
    found = Organization.objects.filter(pk__in=[one.pk for one in made])
    sign = "-" if order.is_falling else ""

    rows = walked(lambda cursor: page_of(found, order, cursor=cursor, limit=limit))

    assert rows == list(found.order_by(*dict.fromkeys((f"{sign}{order.field}", f"{sign}pk"))))
    assert list(every(found, order)) == rows


@pytest.mark.parametrize("limit", [1, 3, 4, 8])
def test_pages_lead_through_what_was_made_in_memory_and_back(limit: int) -> None:
    rows = [f"{number}|é" for number in range(8)]
    assert walked(lambda cursor: part_of(rows, str, cursor=cursor, limit=limit)) == rows


@pytest.mark.django_db
@pytest.mark.parametrize("cursor", ["nonsense", f"{BACK}nonsense", encode_text("soon|no id"), encode_text("soon")])
@pytest.mark.parametrize("order", ORDERS)
def test_a_cursor_that_is_none_is_refused(cursor: str, order: Order) -> None:
    with pytest.raises(Invalid, match="cursor"):
        page_of(Organization.objects.all(), order, cursor=cursor)
    with pytest.raises(Invalid, match="cursor"):
        part_of(["here"], str, cursor=cursor)


@pytest.mark.django_db
def test_a_cursor_of_another_order_is_refused_where_it_means_nothing() -> None:
    cursor = encode_text(f"Acme|{make_organization().pk}")
    with pytest.raises(Invalid, match="cursor"):
        page_of(Organization.objects.all(), ORDERS[-1], cursor=cursor)


class Sample(ListFilter):
    """A list in two orders."""

    ORDERS = {"name": ORDERS[2], "newest": NEWEST}  # noqa: RUF012 - as forms declare theirs


@pytest.mark.django_db
def test_what_cannot_be_understood_shows_nothing() -> None:
    make_organization()
    shown = asked_page(QueryDict("sort=size"), Sample(QueryDict("sort=size")), Organization.objects.all)
    assert shown.rows == ()
    assert asked_page(QueryDict(""), Sample(QueryDict("")), Organization.objects.all).rows


def test_an_order_is_no_filter_and_the_first_one_counts() -> None:
    form = Sample(QueryDict("q= new\tyork &sort=newest"))
    assert form.is_valid()
    assert (form.order(), form.words()) == (NEWEST, "newyork")
    assert [name for name, _ in form.in_force()] == ["q"]
    form = Sample(QueryDict(""))
    assert form.is_valid()
    assert form.order() is ORDERS[2]
