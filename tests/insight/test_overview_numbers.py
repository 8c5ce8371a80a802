"""Each number of the first page leads to a list with exactly so many."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from agents.models import Agent
from agents.services import freeze_agent, issue_key
from approvals.selectors.by_agent import MANY
from approvals.services.booking import Report
from approvals.services.record import record_spend, record_unauthorized
from approvals.services.void import mark_in_doubt, void_authorization
from core.ids import Prefix, to_public
from people.models import Member
from spend.models import Counterparty
from spend.payee import PayeeClaim
from tests.approvals.world import World, add_agent, ask, make_world
from tests.factories import NOW, actor_for
from tests.insight.fleets import reach

pytestmark = pytest.mark.django_db
CAPS = {"key": "caps", "type": "SPEND_LIMIT", "per_transaction": {"USD": "200"}}
PEOPLE = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "100"}}
OWN = {"key": "own", "type": "APPROVAL_THRESHOLD", "above": {"USD": "150"}, "review": {"roles": ["owner"]}}
MATTER = re.compile(
    r'<a class="matter [^"]*" href="([^"]*)">.*?matter-number"><span class="money">([\d,]+)<', re.DOTALL
)
LONG_AGO = NOW - timedelta(days=9)


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


def troubled() -> World:
    """Everything that the first page counts: of these days, and the same of longer ago, which it does not count."""
    world = make_world(CAPS, PEOPLE, OWN, now=NOW - timedelta(days=20))
    other = add_agent(world.cast, "Buyer", now=NOW - timedelta(days=20))
    for moment in (NOW - timedelta(hours=1), LONG_AGO):
        for number in (5, 6):
            record_unauthorized(Report(Decimal(number), "USD"), now=moment, **reach(other))
        late = ask(world, "20", now=moment).answer.id
        void_authorization(late, reason="", now=moment, **reach(world))
        # Paid against the answer, and too much: one record with two flags.
        record_spend(late, Report(Decimal(30), "USD"), now=moment, **reach(world))
        doubtful = ask(world, "21", now=moment).answer.id
        mark_in_doubt(doubtful, reason="", now=moment, **reach(world))
        for _ in range(MANY + 1):
            ask(world, "900", now=moment)
        ask(world, "22", payee=PayeeClaim(f"Shop {moment:%d}", (f"domain:shop{moment:%d}.example",)), now=moment)
    for asked in ("120", "130", "160"):
        ask(other, asked, now=NOW - timedelta(minutes=5))
    frozen = add_agent(world.cast, "Stopped")
    freeze_agent(
        organization_id=world.organization_id,
        agent_id=frozen.agent.id,
        reason="odd",
        actor=actor_for(world.cast.olu),
        now=NOW,
    )
    issue_key(
        organization_id=world.organization_id,
        agent_id=other.agent.id,
        name="soon",
        expires_at=NOW + timedelta(days=2),
        actor=actor_for(world.cast.olu),
        now=NOW,
    )
    return world


def numbers(member: Member) -> dict[str, tuple[int, int]]:
    """Return for each list that the first page leads this member to: the number there, and how many it has."""
    client = Client()
    client.force_login(member.person)
    led = MATTER.findall(client.get("/").content.decode())
    found = {unescape(url): int(number.replace(",", "")) for url, number in led if not url.startswith("#")}
    return {url: (number, _rows(client.get(url).content.decode())) for url, number in found.items()}


def _rows(html: str) -> int:
    queue = len(re.findall(r'<li[^>]*class="queue-item', html))
    return queue or sum(part.count("<tr") for part in re.findall(r"<tbody.*?</tbody>", html, re.DOTALL))


@pytest.mark.parametrize("who", ["vera", "rui", "olu"])
def test_every_number_leads_to_a_list_of_just_as_many(who: str) -> None:
    world = troubled()

    led = numbers(getattr(world.cast, who))

    assert {url: listed for url, (_, listed) in led.items()} == {url: number for url, (number, _) in led.items()}
    lists = {url.partition("?")[0] for url in led}
    assert lists >= {"/approvals/", "/authorizations/", "/analytics/flagged/", "/counterparties/", "/agents/"}
    assert len(led) >= 8
    assert ("/approvals/?who=mine" in led) == (who == "rui")


def test_a_list_of_what_was_first_seen_lately_leaves_out_the_others_and_says_so() -> None:
    world = troubled()
    Counterparty.objects.filter(organization_id=world.organization_id).update(standing="unknown")
    client = Client()
    client.force_login(world.cast.vera.person)

    def get(path: str) -> Any:
        return client.get(path)

    html = get("/counterparties/?seen=7d").content.decode()

    assert f"Shop {NOW - timedelta(hours=1):%d}" in html
    assert f"Shop {LONG_AGO:%d}" not in html
    assert "First seen: Last 7 days" in html
    exported = b"".join(get("/counterparties/export/?seen=7d").streaming_content).decode()
    assert f"Shop {LONG_AGO:%d}" not in exported
    flagged = b"".join(get("/analytics/flagged/export/?period=7d").streaming_content).decode()
    everything = b"".join(get("/analytics/flagged/export/").streaming_content).decode()
    assert (flagged.count("spd_"), everything.count("spd_")) == (3, 6)


def test_agents_that_paid_without_asking_are_named_and_can_be_stopped_there() -> None:
    world = make_world(CAPS)
    ask(world, "10")
    for number in range(1, 6):
        agent = add_agent(world.cast, f"No. {number}")
        for _ in range(number):
            record_unauthorized(Report(Decimal(number), "USD"), now=NOW - timedelta(hours=1), **reach(agent))
    Agent.objects.filter(name="No. 5").update(frozen_at=NOW, frozen_reason="odd")
    ids = {agent.name: to_public(Prefix.AGENT, agent.pk) for agent in Agent.objects.all()}
    client = Client()

    def shown_to(member: Member) -> tuple[list[str], set[str]]:
        client.force_login(member.person)
        rows = client.get("/").content.decode().partition('class="matter-rows"')[2].partition("</ul>")[0]
        named = [" ".join(strip_tags(one).split()) for one in re.findall(r"<li>(.*?)</li>", rows, re.DOTALL)]
        return named, set(re.findall(r'href="/agents/(agt_\w+)/freeze/', rows))

    named = ["No. 5 5 ×", "No. 4 4 ×", "No. 3 3 ×", "and 2 more"]
    assert shown_to(world.cast.olu) == (named, {ids["No. 4"], ids["No. 3"]})
    assert shown_to(world.cast.vera) == (named, set())
    client.force_login(world.cast.mallory.person)
    assert "No. 5" not in client.get("/").content.decode()
