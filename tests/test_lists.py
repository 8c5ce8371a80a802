"""What every list of the console does: its address filters, sorts and pages it, and its file has what is filtered."""

import csv
import re
from html import unescape
from io import StringIO
from typing import Any, Final

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.db import rows
from core.paging import DEFAULT_PAGE
from people.models import Member
from tests.factories import NOW, Cast, make_cast
from tests.listed import FORMULA, LISTS, MANY, Listed, members

pytestmark = pytest.mark.django_db

ALL: Final = 10_000
OWN_ROWS: Final = 60
"""Of an organization that has just begun: its people, what it did so far."""
MORE: Final = 1.2
"""By how much a page of ever so many rows may be larger than one of a few."""
each_list = pytest.mark.parametrize("one", LISTS, ids=[one.address for one in LISTS])


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def seen_by(member: Member) -> Client:
    client = Client()
    client.force_login(member.person)
    return client


def rows_on(answer: Any) -> list[str]:
    """What the rows of the first list of a page say."""
    html = answer.content.decode()
    body = re.search(r'<table class="table table-stack".*?<tbody>(.*?)</tbody>|<ul class="pots".*', html, re.DOTALL)
    found = re.findall(r'<tr\b.*?</tr>|<li class="pot">.*?</li>', body[0], re.DOTALL) if body else []
    return [re.sub(r"<[^>]*>", "", row) for row in found if "<th " not in row]


def link(answer: Any, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', answer.content.decode())
    return unescape(found[1]) if found else ""


def lines_of(answer: Any) -> list[dict[str, str]]:
    assert isinstance(answer, StreamingHttpResponse)
    return list(csv.DictReader(StringIO(b"".join(answer).decode())))


@each_list
def test_it_is_paged_forth_and_back(one: Listed, cast: Cast) -> None:
    address, client = one.address.format(one.make(cast, range(MANY))), seen_by(cast.oona)
    first = client.get(address)

    if not one.is_paged:
        assert len(rows_on(first)) == MANY
        return
    assert len(rows_on(first)) == DEFAULT_PAGE
    assert not link(first, "prev")
    second = client.get(address + link(first, "next"))
    assert not link(second, "next")
    assert 0 < len(rows_on(second)) < DEFAULT_PAGE
    assert set(rows_on(first)) & set(rows_on(second)) == set()
    assert rows_on(client.get(address + link(second, "prev"))) == rows_on(first)
    for cursor in ("nonsense", "back.nonsense"):
        assert client.get(f"{address}?cursor={cursor}").status_code == 422


@each_list
def test_the_file_has_exactly_what_is_filtered_in_the_same_order(one: Listed, cast: Cast) -> None:
    address, client = one.address.format(one.make(cast, range(MANY))), seen_by(cast.vera)
    every, some = lines_of(client.get(f"{address}{one.file}")), lines_of(client.get(f"{address}{one.file}?{one.some}"))
    choices = client.get(address).content.decode().partition('name="sort"')[2].partition("</select>")[0]
    orders = re.findall(r'<option value="([^"]+)"', choices)
    turned = [lines_of(client.get(f"{address}{one.file}?sort={order}")) for order in orders]

    assert len(every) >= MANY
    assert len(some) == MANY // 2 + one.others
    assert [line for line in every if line in some] == some
    assert not orders or any(lines != every for lines in turned)
    assert all(sorted(map(str, lines)) == sorted(map(str, every)) for lines in turned)
    assert f"{one.file}?{one.some}" in unescape(client.get(f"{address}?{one.some}").content.decode())
    cells = {cell for line in every for cell in line.values()}
    assert not [cell for cell in cells if cell.startswith(FORMULA)]


@each_list
def test_nothing_found_and_nothing_understood_are_said_and_lead_on(one: Listed, cast: Cast) -> None:
    address, client = one.address.format(one.make(cast, range(MANY))), seen_by(cast.vera)

    nothing = client.get(f"{address}?{one.nothing}")
    assert rows_on(nothing) == []
    assert 'class="nothing-here' in nothing.content.decode()
    assert re.search(rf'href="(\?|{address})"', nothing.content.decode())
    for wrong in one.wrong:
        page = client.get(f"{address}?{wrong}")
        assert (len(rows_on(page)) == DEFAULT_PAGE) is one.is_lenient
        assert ("left out" if one.is_lenient else "cannot be understood") in page.content.decode()
        assert client.get(f"{address}{one.file}?{wrong}").status_code == 422


@each_list
def test_nothing_of_another_organization_is_in_it(one: Listed, cast: Cast) -> None:
    public_id = one.make(cast, range(MANY))
    if public_id is None:
        found = lines_of(seen_by(cast.mallory).get(f"{one.address}{one.file}"))
        assert len(found) == (1 if one.make is members else 0)
    else:
        assert seen_by(cast.mallory).get(f"{one.address.format(public_id)}{one.file}").status_code == 404


def looked_at(client: Client, address: str) -> tuple[Any, int]:
    """The page, and how many statements it costs once what is kept in the process is there."""
    client.get(address)
    with CaptureQueriesContext(connection) as seen:
        page = client.get(address)
    return page, len(seen.captured_queries)


@pytest.mark.parametrize("one", [one for one in LISTS if one.is_paged], ids=lambda one: one.address)
def test_ten_thousand_rows_cost_a_page_no_more_and_leave_in_one_file(one: Listed, cast: Cast) -> None:
    address, client = one.address.format(one.make(cast, range(MANY))), seen_by(cast.oona)
    few, cost_of_few = looked_at(client, address)
    one.make(cast, range(MANY, ALL))
    rows("analyze")  # as a server does by itself: its plans were for the few of before

    page, cost = looked_at(client, address)

    assert len(rows_on(page)) == DEFAULT_PAGE
    assert cost == cost_of_few
    assert len(page.content) <= len(few.content) * MORE
    assert link(page, "next")
    lines = lines_of(client.get(f"{address}{one.file}"))
    if one.most is None:
        assert ALL <= len(lines) <= ALL + OWN_ROWS
    else:
        # What is left out is said, in the file too.
        assert len(lines) == one.most + 1
        assert "more exist" in page.content.decode()
