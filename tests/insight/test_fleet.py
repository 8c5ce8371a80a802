"""The list of agents: what needs a look first, from live data, and what a look costs."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from agents.models import Agent, AgentKey
from agents.selectors import AgentFilter
from core.ids import Prefix, to_public
from insight.selectors import fleet as selector
from insight.selectors.fleet import fleet_of, fleet_page
from people.models import Member
from tests.approvals.world import add_agent, make_world
from tests.factories import NOW, Cast
from tests.insight.fleets import TROUBLED, a_fleet

pytestmark = pytest.mark.django_db
TROUBLE = AgentFilter(sort="trouble")


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def fleet() -> Cast:
    return a_fleet(well=2, now=NOW)


def get(member: Member, path: str = "/agents/", **headers: str) -> Any:
    client = Client()
    client.force_login(member.person)
    return client.get(path, headers=headers)


def test_what_needs_somebody_stands_first(fleet: Cast) -> None:
    page = fleet_page(fleet.organization.id, TROUBLE, cursor="", now=NOW)

    names = [row.row.agent.name for row in page.rows]
    assert names == [*TROUBLED, "Is frozen", "Worker 000", "Worker 001", "Was never seen"]
    assert [row.row.agent.name for row in page.rows if row.is_bad] == list(TROUBLED[:6])
    assert (page.bad, page.number, page.next_cursor) == (6, 14, None)


def test_each_trouble_leads_to_what_proves_it(fleet: Cast) -> None:
    agents = {agent.name: to_public(Prefix.AGENT, agent.id) for agent in Agent.objects.all()}
    html = get(fleet.vera).content.decode()

    for name, query in {
        "Pays without asking": "/analytics/flagged/?agent={}&amp;flag=unauthorized",
        "Pays against the answer": "/analytics/flagged/?agent={}&amp;flag=voided",
        "Does not know": "/authorizations/?agent={}&amp;status=in_doubt",
        "Runs against a wall": "/authorizations/?agent={}&amp;outcome=deny&amp;period=24h",
        "Key ran out": "/agents/{}/#runtime-keys",
    }.items():
        assert f'href="{query.format(agents[name])}"' in html
    assert "5 of 5 asks denied" in html
    assert "Paid 2 times without asking" in html


def verdict(member: Member, query: str) -> str:
    found = re.search(r'<p class="states-verdict tone-(.*?)</p>', get(member, f"/agents/?{query}").content.decode())
    return " ".join(strip_tags(f"<{found[1]}").replace("\n", " ").split()) if found else ""


def test_the_list_says_that_all_is_well_only_where_no_row_says_otherwise(fleet: Cast) -> None:
    said = {
        query: verdict(fleet.vera, query)
        for query in ("", "q=Worker", "q=Worker+001", "q=denied+once", "state=frozen", "q=nobody")
    }

    assert said == {
        "": "6 of 14 need a look",
        "q=Worker": "Nothing is wrong with these 2",
        "q=Worker+001": "Nothing is wrong with it",
        "q=denied+once": "Nothing urgent; it is worth a look",
        "state=frozen": "Nothing urgent; it is worth a look",
        "q=nobody": "",
    }
    html = get(fleet.vera, "/agents/?q=denied+once").content.decode()
    assert "tone-positive" not in re.findall(r'<p class="states-verdict[^"]*"', html)[0]


def test_a_frozen_agent_needs_no_look_any_more(fleet: Cast) -> None:
    Agent.objects.filter(name="Pays without asking").update(frozen_at=NOW, frozen_reason="Enough")

    page = fleet_page(fleet.organization.id, TROUBLE, cursor="", now=NOW)

    assert page.bad == 5
    assert page.rows[0].row.agent.name == "Pays against the answer"


def test_spend_of_the_day_stands_by_hour(fleet: Cast) -> None:
    page = fleet_page(fleet.organization.id, AgentFilter(search="Worker 001", sort="name"), cursor="", now=NOW)

    (row,) = page.rows
    assert [(spent.currency, spent.total, len(spent.by_hour)) for spent in row.spent] == [("USD", Decimal(23), 24)]
    assert [hour for hour, spent in enumerate(row.spent[0].by_hour) if spent] == [17, 22]
    assert (row.asked, row.denied) == (2, 0)


def test_pages_follow_each_other_without_gaps(fleet: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selector, "ROWS", 5)
    names: list[str] = []
    cursor: str | None = ""
    for _ in range(3):
        page = fleet_page(fleet.organization.id, TROUBLE, cursor=cursor or "", now=NOW)
        names += [row.row.agent.name for row in page.rows]
        cursor = page.next_cursor
    assert cursor is None
    assert names == [*TROUBLED, "Is frozen", "Worker 000", "Worker 001", "Was never seen"]


def test_another_organization_sees_nothing_of_it(fleet: Cast) -> None:
    assert fleet_page(fleet.mallory.organization_id, TROUBLE, cursor="", now=NOW).rows == ()
    assert "Pays" not in get(fleet.mallory).content.decode()


def test_a_poll_that_shows_nothing_new_is_answered_with_nothing(fleet: Cast, time_machine: Any) -> None:
    tag = get(fleet.vera, **{"HX-Request": "true", "If-None-Match": "none"})["ETag"]

    again = get(fleet.vera, **{"HX-Request": "true", "If-None-Match": tag})
    assert (again.status_code, again.content) == (204, b"")

    Agent.objects.filter(name="Worker 000").update(frozen_at=NOW)
    time_machine.move_to(NOW + timedelta(seconds=5), tick=False)
    changed = get(fleet.vera, **{"HX-Request": "true", "If-None-Match": tag})
    assert (changed.status_code, changed["ETag"] != tag) == (200, True)
    html = changed.content.decode()
    assert f'"If-None-Match": "\\"{changed["ETag"].strip(chr(34))}\\""' in html
    assert "<html" not in html


def test_many_who_look_cost_one_look(fleet: Cast, django_assert_max_num_queries: Any) -> None:
    poll = {"HX-Request": "true", "If-None-Match": "none"}
    client = Client()
    client.force_login(fleet.vera.person)
    client.get("/agents/", headers=poll)

    with django_assert_max_num_queries(3):
        client.get("/agents/", headers=poll)


def test_only_who_may_freeze_is_offered_it(fleet: Cast) -> None:
    offered = {member.person.name: "/freeze/?" in get(member).content.decode() for member in fleet.members()}
    assert offered == {"Oona": True, "Ada": True, "Olu": True, "Rui": False, "Vera": False}


def test_the_reason_is_suggested_and_the_way_back_is_ours(fleet: Cast) -> None:
    agent = Agent.objects.get(name="Pays without asking")
    path = f"/agents/{to_public(Prefix.AGENT, agent.id)}/freeze/"
    client = Client()
    client.force_login(fleet.olu.person)

    form = client.get(f"{path}?reason=Paid+twice&next=/agents/?q=x").content.decode()
    assert "Paid twice</textarea>" in form
    assert 'name="next" value="/agents/?q=x"' in form
    assert 'value="https://evil.example' not in client.get(f"{path}?next=https://evil.example/").content.decode()

    answer = client.post(path, {"reason": "Paid twice", "next": "https://evil.example/"})
    assert answer["Location"] == f"/agents/{to_public(Prefix.AGENT, agent.id)}/"
    agent.refresh_from_db()
    assert agent.frozen_reason == "Paid twice"
    assert client.get(path)["Location"] == f"/agents/{to_public(Prefix.AGENT, agent.id)}/"


def test_agents_are_counted_as_the_filter_finds_them() -> None:
    world = make_world()
    for name, moment in {"Active": NOW, "Silent": NOW - timedelta(days=2)}.items():
        Agent.objects.filter(pk=add_agent(world.cast, name).agent.pk).update(last_seen_at=moment)
    Agent.objects.filter(pk=add_agent(world.cast, "Frozen").agent.pk).update(frozen_at=NOW)
    ended, ending = add_agent(world.cast, "Ended"), add_agent(world.cast, "Ending")
    created = NOW - timedelta(days=30)
    AgentKey.objects.filter(pk=ended.key_id).update(created_at=created, expires_at=NOW)
    AgentKey.objects.filter(pk=ending.key_id).update(created_at=created, expires_at=NOW + timedelta(days=1))

    shown = fleet_of(world.organization_id, now=NOW)

    assert (shown.number, shown.active, shown.silent, shown.never_seen, shown.frozen) == (6, 1, 1, 3, 1)
    assert (shown.key_expiring, shown.key_expired) == (1, 1)
    assert fleet_of(world.cast.mallory.organization_id, now=NOW).number == 0
    for state, name in (("key_expired", "Ended"), ("key_expiring", "Ending"), ("silent", "Silent")):
        html = get(world.cast.vera, f"/agents/?state={state}").content.decode()
        assert f"<strong>{name}</strong>" in html
        assert html.count('<tr id="agt_') == 1
