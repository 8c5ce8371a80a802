"""The list of agents: pages lead forth and back; what a filter makes no sense of is left out and said at its field."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from agents.models import Agent
from agents.selectors import AgentFilter
from agents.services import freeze_agent
from insight.selectors import fleet as selector
from insight.selectors.fleet import fleet_page
from tests.approvals.world import add_agent
from tests.factories import NOW, actor_for, make_cast

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
    [
        ("state=nonsense", "id_state_error"),
        ("sort=nonsense", "id_sort_error"),
        ("label=nobody", "id_label_error"),
        ("owner=x", "id_owner_error"),
        (f"q={'x' * 300}", "search-error"),
    ],
)
def test_what_a_filter_does_not_make_sense_of_is_left_out_and_said_at_its_field(
    client: Client, query: str, says: str
) -> None:
    cast = make_cast()
    for name in ("Alma", "Bela"):
        add_agent(cast, name)
    bela = Agent.objects.get(name="Bela")
    scope: dict[str, Any] = {"organization_id": cast.organization.pk, "actor": actor_for(cast.olu), "now": NOW}
    freeze_agent(agent_id=bela.pk, reason="in a loop", **scope)
    client.force_login(cast.vera.person)

    html = client.get(
        f"/agents/?{query}&state=frozen" if "state" not in query else f"/agents/?{query}"
    ).content.decode()

    assert "Bela" in html
    assert ("Alma" in html) == ("state=nonsense" in query), "what makes sense filters all the same"
    assert f'id="{says}"' in html
    export = re.search(r'href="(/agents/export/[^"]*)"', html)
    assert export
    assert client.get(unescape(export[1])).status_code == 200
    assert client.get(f"/agents/export/?{query}").status_code == 422, "a file does not say what was left out of it"
