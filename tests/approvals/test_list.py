"""The list of authorizations: what its filters let through, its order, its pages."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any, Final

import pytest
from django.db import connection
from django.test import Client

from approvals.services.booking import Report
from approvals.services.expire import expire_due
from approvals.services.record import record_spend
from core.ids import Prefix, to_public
from people.models import Member
from spend.models import Counterparty
from spend.payee import PayeeClaim
from tests.approvals.world import World, add_agent, ask, make_world, stored
from tests.factories import NOW
from tests.races.acts import BACK_END

pytestmark = pytest.mark.django_db

LIST: Final = "/authorizations/"
REVIEW: Final = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50", "EUR": "50"}}
CAP: Final = {"key": "cap", "type": "SPEND_LIMIT", "per_transaction": {"USD": "500", "EUR": "500"}}
LATER: Final = NOW + timedelta(hours=25)
"""Behind every clock."""


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


def counterparty_of(world: World, name: str) -> Counterparty:
    return Counterparty.objects.get(organization_id=world.organization_id, name=name)


def get(member: Member, query: str = "") -> str:
    client = Client()
    client.force_login(member.person)
    return str(client.get(f"{LIST}{query}").content.decode())


def amounts(html: str) -> list[str]:
    """The amounts that the list shows, in its order."""
    return re.findall(r'data-label="Amount"><span class="money">([\d,.]+) ', html)


def export_of(member: Member, query: str) -> list[str]:
    client = Client()
    client.force_login(member.person)
    lines = client.get(f"{LIST}export/{query}").getvalue().decode().splitlines()
    return [line.split(",")[5] for line in lines[1:]]


@pytest.fixture
def world() -> World:
    return make_world(REVIEW, CAP, labels=["lab"])


@pytest.fixture
def asked(world: World) -> dict[str, str]:
    """Four asks; public ids by amount."""
    other = add_agent(world.cast, "Painting", labels=["art"])
    cafe = PayeeClaim("Cafe", ("domain:cafe.example",))
    made = {
        "10.00": ask(world, "10", category="ai.compute", rail="card", session="s-1", now=NOW - timedelta(days=3)),
        "60.00": ask(world, "60", payee=cafe, now=NOW - timedelta(hours=3)),
        "900.00": ask(world, "900", now=NOW - timedelta(hours=2)),
        "20.00": ask(other, "20", currency="EUR", purpose="Paint for the lab", now=NOW - timedelta(hours=1)),
    }
    return {amount: to_public(Prefix.AUTHORIZATION, one.answer.id) for amount, one in made.items()}


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["20.00", "900.00", "60.00", "10.00"]),
        ("sort=largest", ["900.00", "60.00", "20.00", "10.00"]),
        ("status=declined", ["900.00"]),
        ("outcome=review", ["60.00"]),
        ("reason=per_transaction_limit", ["900.00"]),
        ("category=AI.Compute", ["10.00"]),
        ("rail=card", ["10.00"]),
        ("session=s-1", ["10.00"]),
        ("currency=EUR", ["20.00"]),
        ("label=art", ["20.00"]),
        ("at_least=20&at_most=60", ["20.00", "60.00"]),
        ("since=2026-11-22&until=2026-11-22", ["20.00", "900.00", "60.00"]),
        ("until=2026-11-20", ["10.00"]),
        ("period=1", ["20.00", "900.00", "60.00"]),
        ("period=7", ["20.00", "900.00", "60.00", "10.00"]),
        ("period=7&since=2026-11-22", ["20.00", "900.00", "60.00"]),
        ("period=1&since=2026-11-01&until=2026-11-20", []),
        ("q=CAFE", ["60.00"]),
        ("q=for+the+lab", ["20.00"]),
        ("q=100%25", []),
        ("until=9999-12-31&sort=largest&at_least=0.5", ["900.00", "60.00", "20.00", "10.00"]),
        ("status=approved&currency=USD", []),
    ],
)
def test_the_address_filters_and_sorts_the_list_and_its_export(
    world: World, asked: dict[str, str], query: str, shown: list[str]
) -> None:
    # The oldest approval has run out of its time by now.
    assert amounts(get(world.cast.vera, f"?{query}")) == shown
    assert export_of(world.cast.vera, f"?{query}") == shown


def test_one_is_found_by_its_id_its_agent_and_its_counterparty(world: World, asked: dict[str, str]) -> None:
    one = stored(ask(world, "33", payee=PayeeClaim("Cafe", ("domain:cafe.example",))))
    assert one.counterparty_id is not None
    payee = to_public(Prefix.COUNTERPARTY, one.counterparty_id)
    agent = to_public(Prefix.AGENT, world.agent.id)

    by_payee = get(world.cast.vera, f"?counterparty={payee}")

    assert amounts(by_payee) == ["33.00", "60.00"]
    assert "Counterparty: Cafe" in by_payee
    assert amounts(get(world.cast.vera, f"?id={asked['900.00']}")) == ["900.00"]
    assert "20.00" not in amounts(get(world.cast.vera, f"?agent={agent}"))
    assert "No counterparty here" in get(world.cast.mallory, f"?counterparty={payee}")
    assert amounts(get(world.cast.mallory, f"?id={asked['900.00']}")) == []


@pytest.mark.parametrize(
    "query",
    [
        "status=great",
        "period=2",
        "q=%00",
        "agent=agt_1",
        "id=atz_1",
        "counterparty=x",
        "at_least=much",
        "at_most=NaN",
        "currency=usd",
        "since=soon",
    ],
)
def test_a_filter_that_cannot_be_understood_shows_nothing_and_says_so(
    world: World, asked: dict[str, str], query: str
) -> None:
    html = get(world.cast.vera, f"?{query}")

    assert amounts(html) == []
    assert "form-error" in html
    assert "cannot be understood" in html


def test_a_search_finds_the_present_name_of_a_payee_and_whole_ids(world: World, asked: dict[str, str]) -> None:
    payee = counterparty_of(world, "Cafe")
    Counterparty.objects.filter(pk=payee.pk).update(name="Café Central")
    assert amounts(get(world.cast.vera, "?q=central")) == ["60.00"]
    assert amounts(get(world.cast.vera, f"?q={asked['900.00']}")) == ["900.00"]
    assert amounts(get(world.cast.mallory, f"?q={asked['900.00']}")) == []


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("", 0),
        ("status=declined&period=7&q=cafe", 0),
        ("sort=newest", 0),
        ("sort=largest&currency=USD", 2),
        ("rail=odd", 1),
    ],
)
def test_the_other_filters_are_folded_unless_one_is_wrong(world: World, query: str, number: int) -> None:
    client = Client()
    client.force_login(world.cast.vera.person)
    for headers in ({}, {"HX-Request": "true"}):
        html = client.get(f"/authorizations/?{query}", headers=headers).content.decode()
        details = html.partition('class="filters-more"')[2].partition("</summary>")[0]
        assert details.startswith(" open") is (query == "rail=odd")
        assert (f"{number}<span" in details) is (number > 0)
        assert ('class="filters-fold" open' in html) is (query == "rail=odd"), "nor does a phone fold it away"


def test_a_filter_in_force_can_be_taken_away(world: World, asked: dict[str, str]) -> None:
    html = get(world.cast.vera, "?status=declined&currency=USD&category=&cursor=")

    assert "At least: 5" in get(world.cast.vera, "?at_least=5")
    assert "Status: Declined" in html
    assert 'href="?currency=USD"' in html
    assert 'href="?status=declined"' in html
    assert 'href="/authorizations/export/?status=declined&amp;currency=USD"' in html


@pytest.mark.parametrize("is_swept", [False, True])
def test_the_status_that_is_shown_and_filtered_is_that_of_the_clock(
    world: World, time_machine: Any, *, is_swept: bool
) -> None:
    ask(world, "11")
    in_part = stored(ask(world, "12"))
    ask(world, "61")
    report = Report(Decimal(1), "USD", is_final=False)
    record_spend(in_part.id, report, organization_id=in_part.organization_id, agent_id=None, actor=BACK_END, now=NOW)
    time_machine.move_to(LATER + timedelta(days=30), tick=False)
    if is_swept:
        expire_due(now=LATER + timedelta(days=30))

    shown = {
        status: sorted(amounts(get(world.cast.vera, f"?status={status}")))
        for status in ("approved", "pending_review", "expired", "recorded")
    }

    assert shown == {"approved": [], "pending_review": [], "expired": ["11.00", "61.00"], "recorded": ["12.00"]}
    statuses = re.findall(r'data-label="Status"><span class="badge tone-\w+" data-status="(\w+)"', get(world.cast.vera))
    assert sorted(statuses) == ["expired", "expired", "recorded"]
    page = get(world.cast.vera, f"{to_public(Prefix.AUTHORIZATION, in_part.id)}/")
    assert 'data-status="recorded"' in page
    assert 'data-status="approved"' not in page.split("Records")[0]


@pytest.mark.parametrize("sort", ["newest", "largest"])
def test_pages_lead_forth_and_back(world: World, sort: str) -> None:
    # Neighbours alike in what the list is sorted by: the id decides then.
    for number in range(120):
        ask(world, "7" if number % 2 else "8", now=NOW - timedelta(seconds=number // 3))
    pages, address = [], f"?sort={sort}"
    while address:
        html = get(world.cast.vera, address)
        pages.append((address, re.findall(r'href="/authorizations/(atz_\w+)/"', html)))
        found = re.findall(r'rel="next" href="([^"]+)"', html)
        address = unescape(found[0]) if found else ""
    ids = [one for _, some in pages for one in some]

    back = []
    address = pages[-1][0]
    while address:
        html = get(world.cast.vera, address)
        back.append(re.findall(r'href="/authorizations/(atz_\w+)/"', html))
        found = re.findall(r'rel="prev" href="([^"]+)"', html)
        address = unescape(found[0]) if found else ""

    assert [len(some) for _, some in pages] == [50, 50, 20]
    assert len(set(ids)) == 120
    assert [one for some in reversed(back) for one in some] == ids


def test_what_a_page_holds_does_not_pass_for_all_there_is(world: World) -> None:
    for number in range(51):
        ask(world, "7", now=NOW - timedelta(seconds=number))

    first = get(world.cast.vera)
    last = get(world.cast.vera, unescape(re.findall(r'rel="next" href="([^"]+)"', first)[0]))

    assert ">50 authorizations on this page<" in first
    assert ">1 authorization on this page<" in last
    assert ">50 authorizations<" not in first
    one = re.findall(r'href="/authorizations/(atz_\w+)/"', first)[0]
    assert ">1 authorization<" in get(world.cast.vera, f"?q={one}")


def test_a_row_says_why_without_what_it_says_anyway(world: World, asked: dict[str, str]) -> None:
    rows = get(world.cast.vera).split("<tbody>")[1]

    assert ">Above the threshold of $50.00<" in rows
    assert "People decide" not in rows
    assert "The amount of $60.00 is above the threshold of $50.00. People decide." in unescape(
        get(world.cast.vera, f"{asked['60.00']}/")
    )


def test_the_way_out_of_a_filter_is_no_main_act(world: World) -> None:
    begin, out = get(world.cast.vera), get(world.cast.vera, "?q=nowhere")

    assert 'class="btn btn-primary" href' in begin.split("No app has asked yet")[-1]
    assert 'class="btn" href' in out.split("No authorization matches")[-1]
    assert "btn-primary" not in out.split("No authorization matches")[-1].split("</main>")[0]


def test_a_cursor_of_another_order_is_refused(world: World, asked: dict[str, str]) -> None:
    for cursor in ("nonsense", "back.nonsense", "MXwx"):
        client = Client()
        client.force_login(world.cast.vera.person)
        assert client.get(f"{LIST}?sort=largest&cursor={cursor}").status_code == 422


def test_the_largest_are_found_by_an_index(world: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        cursor.execute("set local enable_sort = off")
        cursor.execute(
            "explain select id from approvals_authorization where organization_id = %s"
            " and amount <= 50 order by amount desc, id desc limit 51",
            [world.organization_id],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "authorization_largest_first" in plan


def test_an_empty_list_says_what_to_do_next(world: World) -> None:
    html = get(world.cast.vera)

    assert "No app has asked yet" in html
    assert "First steps" in html


def test_the_full_page_is_a_receipt_on_paper(world: World, asked: dict[str, str]) -> None:
    html = get(world.cast.vera, f"{asked['60.00']}/")

    receipt = html.split('<header class="receipt')[1].split("</header>")[0]
    for word in (
        world.cast.organization.name,
        asked["60.00"],
        "60.00",
        "Cafe",
        "Research",
        "Vera",
        "<dt>Times in</dt><dd>UTC<",
    ):
        assert word in receipt, word
    assert "Digest of the body" in html
    assert re.search(r'href="/counterparties/cpt_\w+/">Cafe<', html)
