"""Filters that no index serves search the newest asks, and the page says so; the CSV has everything."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client

from approvals.selectors import lists
from approvals.selectors.lists import Chosen, Searched, bounded, chosen_authorizations
from core.ids import Prefix, to_public
from tests.approvals.world import World, add_agent, ask, counterparty, make_world
from tests.factories import NOW

pytestmark = pytest.mark.django_db
ROOMY = {"key": "day", "type": "SPEND_LIMIT", "daily": {"USD": "1000"}}
LIST = "/authorizations/"


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Five asks, a day apart; the oldest is the only one for books."""
    monkeypatch.setattr(lists, "SEARCHED", 3)
    world = make_world(ROOMY)
    for days in range(5):
        ask(world, str(10 + days), category="books" if days == 4 else "ai", now=NOW - timedelta(days=days))
    return world


def listed(world: World, **query: str) -> str:
    client = Client()
    client.force_login(world.cast.vera.person)
    return client.get(f"{LIST}?{urlencode(query)}").content.decode()


def test_what_lies_further_back_is_not_searched_and_the_page_says_so(world: World) -> None:
    html = listed(world, category="books")

    assert "Searched the newest 3 requests" in html
    assert "No authorization matches" in html
    html = listed(world, category="ai")
    assert [amount in html for amount in ("10.00", "11.00", "12.00", "13.00")] == [True, True, True, False]


def test_an_earlier_date_or_one_agent_leads_further_back(world: World) -> None:
    until = (NOW - timedelta(days=3)).date().isoformat()
    html = listed(world, category="books", until=until)
    assert "14.00" in html
    assert "Searched the newest" not in html

    other = add_agent(world.cast, "Other")
    ask(other, "77", category="books", now=NOW - timedelta(days=9))
    html = listed(world, category="books", agent=to_public(Prefix.AGENT, other.agent.id))
    assert "77.00" in html


def test_what_an_index_finds_is_searched_whole_and_so_is_the_csv(world: World) -> None:
    for query in (
        {},
        {"status": "approved"},
        {"since": (NOW - timedelta(days=1)).date().isoformat(), "category": "ai"},
    ):
        assert "Searched the newest" not in listed(world, **query)
    client = Client()
    client.force_login(world.cast.vera.person)
    text = b"".join(client.get(f"{LIST}export/?category=books")).decode()
    assert "14.00" in text


def test_a_bounded_search_goes_down_the_index_of_time(world: World) -> None:
    chosen, searched = bounded(Chosen(organization_id=world.organization_id, category="books"))
    assert searched == Searched(3, NOW - timedelta(days=2))
    found = chosen_authorizations(chosen, now=NOW).order_by("-asked_at", "-id").values("id")[:51]

    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        cursor.execute("set local enable_sort = off")
        cursor.execute("set local enable_bitmapscan = off")
    plan = found.explain()

    assert "authorization_newest_first" in plan
    assert "asked_at >= " in plan


def pages_of(world: World, *, limit: int = 50, **query: str) -> list[list[str]]:
    """What each page of the API lists, the cursors followed to the end."""
    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = {**query, "limit": str(limit), **({"cursor": cursor} if cursor else {})}
        answer = (
            Client()
            .get(f"/api/v1/authorizations?{urlencode(asked)}", headers={"Authorization": f"Bearer {world.secret}"})
            .json()
        )
        pages.append([one["amount"] for one in answer["data"]])
        cursor = answer["next_cursor"]
    return pages


def test_a_page_of_the_api_searches_so_many_and_its_cursor_leads_on(world: World) -> None:
    assert pages_of(world, category="books") == [[], ["14.00"]]
    assert pages_of(world, category="ai") == [["10.00", "11.00", "12.00"], ["13.00"]]
    assert pages_of(world, category="ai", limit=2) == [["10.00", "11.00"], ["12.00", "13.00"]]
    assert pages_of(world) == [["10.00", "11.00", "12.00", "13.00", "14.00"]]
    assert pages_of(world, status="approved") == [["10.00"]], "the others have expired, and open ones are never many"


def test_a_page_of_the_api_searches_where_two_indexes_would_have_to_meet(world: World) -> None:
    assert pages_of(world, status="declined") == [[], []]
    assert pages_of(world, status="expired") == [["11.00", "12.00"], ["13.00", "14.00"]]
    payee = to_public(Prefix.COUNTERPARTY, counterparty(world).id)
    assert pages_of(world, counterparty=payee) == [["10.00", "11.00", "12.00"], ["13.00", "14.00"]]


def test_a_page_of_the_api_ends_where_its_dates_do(world: World) -> None:
    since = (NOW - timedelta(days=1)).isoformat()
    assert pages_of(world, category="books", since=since) == [[]]
    until = (NOW - timedelta(days=2)).isoformat()
    assert pages_of(world, category="books", until=until) == [["14.00"]]


def test_asks_of_one_moment_are_all_listed_and_none_twice(world: World) -> None:
    for amount in ("21", "22", "23", "24", "25"):
        ask(world, amount, category="books", now=NOW - timedelta(days=1))

    for limit in (1, 2, 50):
        found = [amount for page in pages_of(world, category="books", limit=limit) for amount in page]
        assert sorted(found) == ["14.00", "21.00", "22.00", "23.00", "24.00", "25.00"]
