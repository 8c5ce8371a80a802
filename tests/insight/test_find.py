"""Finding anything by name or id: the page and what the palette shows of it."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from agents.models import Agent
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from people.services import freeze_organization
from spend.payee import PayeeClaim
from tests.agents.samples import an_agent
from tests.approvals.world import World, ask, make_world
from tests.factories import actor_for, make_cast
from tests.furnished import RULES
from tests.spend.samples import a_counterparty, public

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


@pytest.fixture
def world() -> World:
    return make_world(*RULES, now=clock_now())


def links(client: Client, text: str) -> list[str]:
    """The addresses that are offered for a text, as the palette gets them."""
    answer = client.get(reverse("insight:find"), {"q": text}, headers=HTMX)
    assert answer.status_code == 200
    parts = answer.content.decode().split('href="')[1:]
    return [part.partition('"')[0] for part in parts if 'role="option"' in part]


def test_agents_policies_and_counterparties_are_found_by_a_part_of_their_name(world: World) -> None:
    agent = an_agent(world.cast.olu, "Zebra research")
    payee = a_counterparty(world.cast.olu, "Quite zebra-like Inc", identifiers=["domain:stripes.example"])
    client = signed_in(world)

    found = links(client, "zebra")

    assert reverse("agents:detail", args=[to_public(Prefix.AGENT, agent.pk)]) in found
    assert reverse("spend:counterparty", args=[public(payee)]) in found
    assert links(client, "stripes.ex") == [reverse("spend:counterparty", args=[public(payee)])]


def test_an_authorization_is_found_by_its_id_whatever_is_around_it(world: World) -> None:
    payee = PayeeClaim("<b>Vendor</b>", ("domain:vendor.example",))
    asked = to_public(Prefix.AUTHORIZATION, ask(world, "10", payee=payee, now=clock_now()).answer.id)

    answer = signed_in(world).get(reverse("insight:find"), {"q": f"  {asked.upper()} "}, headers=HTMX)

    assert reverse("approvals:authorization", args=[asked]) in answer.content.decode()
    assert "10.00 USD" in answer.content.decode()
    assert "<b>Vendor" not in answer.content.decode()


def test_nothing_of_another_organization_is_found(world: World) -> None:
    asked = ask(world, "10", now=clock_now()).answer.id
    agent = to_public(Prefix.AGENT, world.agent.pk)
    client = Client()
    client.force_login(world.cast.mallory.person)

    for text in (world.agent.name, agent, to_public(Prefix.AUTHORIZATION, asked)):
        assert links(client, text) == []


def test_signs_of_patterns_stand_for_themselves(world: World) -> None:
    an_agent(world.cast.olu, "Spends 100% of it")
    client = signed_in(world)

    assert len(links(client, "100%")) == 1
    assert links(client, "%%") == []
    assert links(client, "__") == []
    assert links(client, "\\\\") == []


@pytest.mark.parametrize(
    "text", ["\0\0", "x" * 5000, "agt_", "agt_" + "z" * 26, "atz_😀" + "0" * 25, "'; drop table x"]
)
def test_no_text_is_an_accident(world: World, text: str) -> None:
    assert links(signed_in(world), text) == []


def test_each_kind_is_cut_where_the_next_would_be_hidden(world: World) -> None:
    for number in range(20):
        an_agent(world.cast.olu, f"Twin {number}")

    assert len(links(signed_in(world), "twin")) == 6


def test_a_page_is_offered_to_those_who_may_open_it_only() -> None:
    cast = make_cast()
    client = Client()

    client.force_login(cast.vera.person)
    assert links(client, "new agent") == []
    client.force_login(cast.olu.person)
    assert links(client, "agent new") == [reverse("agents:new")]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("decisions", "insight:decisions"),
        ("review times", "insight:review_times"),
        ("payments", "insight:payments"),
        ("changes", "approvals:changes"),
        ("simulator", "approvals:simulator"),
        ("seal", "audit:log"),
    ],
)
def test_every_page_of_its_own_is_offered_and_no_part_of_one(world: World, text: str, name: str) -> None:
    client = signed_in(world)
    found = links(client, text)

    assert reverse(name) in found
    assert reverse("audit:seal") not in found
    assert "<html" in client.get(reverse(name)).content.decode()


def test_the_switch_is_offered_as_it_stands_and_to_those_who_may_turn_it() -> None:
    cast = make_cast()

    def offered() -> dict[str, list[str]]:
        words = {}
        for name in ("vera", "olu", "ada"):
            client = Client()
            client.force_login(getattr(cast, name).person)
            html = client.get(reverse("insight:find"), {"q": "everything"}, headers=HTMX).content.decode()
            words[name] = re.findall(r'class="found-name">([^<]+)', html)
        return words

    assert offered() == {"vera": [], "olu": ["Freeze everything…"], "ada": ["Freeze everything…"]}
    freeze_organization(organization_id=cast.organization.pk, reason="Odd", actor=actor_for(cast.olu), now=clock_now())
    assert offered() == {"vera": [], "olu": [], "ada": ["Thaw everything…"]}


def test_no_page_is_offered_twice_under_one_name(world: World) -> None:
    page = signed_in(world).get(reverse("insight:find")).content.decode()
    names = re.findall(r'class="found-name">([^<]+)<', page)

    assert len(names) > 10
    assert len(names) == len(set(names))


def test_without_a_text_the_pages_are_offered_and_without_scripts_it_is_a_page(world: World) -> None:
    client = signed_in(world)

    assert reverse("approvals:inbox") in links(client, "")
    page = client.get(reverse("insight:find"), {"q": world.agent.name})
    assert "<html" in page.content.decode()
    assert reverse("agents:detail", args=[to_public(Prefix.AGENT, world.agent.pk)]) in page.content.decode()


def signed_in(world: World) -> Client:
    client = Client()
    client.force_login(world.cast.vera.person)
    return client


def test_who_may_freeze_finds_the_way_by_that_word(world: World) -> None:
    zebra, gone = an_agent(world.cast.olu, "Zebra research"), an_agent(world.cast.olu, "Zebra of old")
    Agent.objects.filter(pk=gone.pk).update(frozen_at=clock_now(), frozen_reason="odd")
    stop = reverse("agents:freeze", args=[to_public(Prefix.AGENT, zebra.pk)])
    client = Client()

    client.force_login(world.cast.olu.person)
    assert stop in links(client, "freeze zebra")
    assert reverse("agents:freeze", args=[to_public(Prefix.AGENT, gone.pk)]) not in links(client, "freeze zebra")
    assert links(client, "freeze") == [reverse("people:settings")]
    assert client.get(stop).status_code == 200
    assert f'action="{reverse("people:freeze")}"' in client.get(reverse("people:settings")).content.decode()
    for other in (world.cast.vera, world.cast.mallory):
        client.force_login(other.person)
        assert stop not in links(client, "freeze zebra")
    client.force_login(world.cast.vera.person)
    assert links(client, "freeze") == []
