"""The list of agents: pages lead forth and back, and a filter that cannot be understood lists nothing."""

from typing import Any

import pytest
from django.test import Client

from agents.models import Agent
from agents.selectors import AgentFilter
from insight.selectors import fleet as selector
from insight.selectors.fleet import fleet_page
from tests.approvals.world import add_agent
from tests.factories import NOW, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.mark.parametrize("sort", ["trouble", "name", "newest"])
def test_pages_lead_forth_and_back(sort: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selector, "ROWS", 3)
    cast = make_cast()
    for number in range(7):
        add_agent(cast, f"No. {number}")
    chosen, organization_id = AgentFilter(sort=sort), cast.organization.pk
    forth = [fleet_page(organization_id, chosen, cursor="", now=NOW)]
    while forth[-1].next_cursor:
        forth.append(fleet_page(organization_id, chosen, cursor=forth[-1].next_cursor, now=NOW))
    back = [forth[-1]]
    while back[-1].previous_cursor:
        back.append(fleet_page(organization_id, chosen, cursor=back[-1].previous_cursor, now=NOW))

    assert [len(one.rows) for one in forth] == [3, 3, 1]
    assert [one.rows for one in reversed(back)] == [one.rows for one in forth]
    gone = fleet_page(organization_id, chosen, cursor="back.agt_00000000000000000000000000", now=NOW)
    assert gone.rows == forth[0].rows


def test_the_page_leads_back(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selector, "ROWS", 1)
    cast = make_cast()
    for name in ("Alma", "Bela"):
        add_agent(cast, name)
    client.force_login(cast.vera.person)
    second = fleet_page(cast.organization.pk, AgentFilter(sort="name"), cursor="", now=NOW).next_cursor

    html = client.get(f"/agents/?sort=name&cursor={second}").content.decode()

    assert "Bela" in html
    assert "Alma" not in html
    assert "cursor=back." in html


@pytest.mark.parametrize(
    ("query", "says"),
    [("state=nonsense", "State: "), ("sort=nonsense", "Order: "), ("label=nobody", "Label: "), ("owner=x", "Owner: ")],
)
def test_a_filter_that_cannot_be_understood_shows_and_exports_nothing(client: Client, query: str, says: str) -> None:
    cast = make_cast()
    add_agent(cast, "Alma")
    client.force_login(cast.vera.person)

    html = client.get(f"/agents/?{query}").content.decode()

    assert Agent.objects.filter(name="Alma").exists()
    assert "Alma" not in html
    assert "This filter cannot be understood" in html
    assert says in html
    assert client.get(f"/agents/export/?{query}").status_code == 422
