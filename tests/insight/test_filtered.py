"""Analytics filtered by agent, counterparty, category, rail, label and policy: in the row, in links, and in files."""

from datetime import timedelta
from typing import Any

import pytest

from agents.models import Agent
from core.ids import Prefix, from_public, new_id, to_public
from insight.services import roll
from insight.services.rollups import BEHIND
from policies.services import retire
from spend.models import Counterparty
from spend.payee import PayeeClaim
from tests.approvals.test_merge import merge
from tests.approvals.world import OPENAI, World, add_agent, make_world, put_policy
from tests.factories import NOW
from tests.insight.test_analytics import GITHUB, LIMIT, page, pay

pytestmark = pytest.mark.django_db
LATER = NOW + BEHIND + timedelta(minutes=1)


@pytest.fixture(autouse=True)
def afterwards(time_machine: Any) -> None:
    time_machine.move_to(LATER, tick=False)


@pytest.fixture
def world() -> World:
    world = make_world(LIMIT, labels=["eu"])
    put_policy(world.cast, "Travel", [{**LIMIT, "when": {"categories": ["travel"]}}])
    pay(world, "10", payee=OPENAI, category="ai", rail="card")
    pay(add_agent(world.cast, "Buyer", labels=["us"]), "3", payee=GITHUB, category="travel", rail="bank")
    roll(world.organization_id, now=LATER)
    return world


def address(world: World, name: str) -> str:
    """The value that lets only the ten dollars of the first agent through."""
    return {
        "agent": to_public(Prefix.AGENT, world.agent.id),
        "counterparty": to_public(Prefix.COUNTERPARTY, Counterparty.objects.get(name="OpenAI").pk),
        "category": "ai",
        "rail": "card",
        "label": "eu",
    }[name]


@pytest.mark.parametrize("name", ["agent", "counterparty", "category", "rail", "label"])
def test_a_field_lets_one_value_through_on_the_page_behind_its_links_and_in_the_file(world: World, name: str) -> None:
    query = f"{name}={address(world, name)}"
    shown = page(world.cast.vera, f"/analytics/?{query}")

    assert shown.context["shown"].net == 10
    assert shown.context["form"][name].value() == address(world, name)
    assert [chip.url for chip in shown.context["chips"]] == ["?"]
    for link in (shown.context["export_url"], *(line.payments_url for line in shown.context["lines"])):
        assert query in link
    behind = page(world.cast.vera, shown.context["lines"][0].payments_url)
    assert [one.amount for one in behind.context["rows"]] == [10]
    lines = page(world.cast.vera, shown.context["export_url"]).getvalue().decode().splitlines()
    assert [line.split(",")[5] for line in lines[1:]] == ["10.00"]
    assert all(query in tab.url for tab in (*shown.context["by_tabs"], *shown.context["figures"]))


def test_a_policy_is_chosen_even_after_it_was_retired(world: World) -> None:
    found = page(world.cast.vera, "/analytics/?by=policy").context["lines"]
    travel = next(line.group.public for line in found if line.group.name == "Travel")
    assert page(world.cast.vera, f"/analytics/?policy={travel}").context["shown"].net == 3
    policy_id = from_public(Prefix.POLICY, travel)
    retire(organization_id=world.organization_id, policy_id=policy_id, actor=world.actor, now=LATER)

    shown = page(world.cast.vera, f"/analytics/?policy={travel}")

    assert shown.context["shown"].net == 3
    assert "Travel (retired)" in shown.content.decode()
    assert "Travel (retired)" not in page(world.cast.vera, "/analytics/").content.decode()


@pytest.mark.parametrize("typed", ["OpenAI", "openai", "api.openai.com", " OpenAI "])
def test_a_counterparty_is_found_by_what_it_is_called(world: World, typed: str) -> None:
    shown = page(world.cast.vera, f"/analytics/?counterparty={typed}")
    assert shown.context["shown"].net == 10
    assert [chip.label for chip in shown.context["chips"]] == ["Counterparty: OpenAI"]


def test_a_link_to_a_merged_counterparty_still_leads_to_what_was_paid(world: World) -> None:
    kept, gone = (Counterparty.objects.get(name=name).pk for name in ("OpenAI", "GitHub"))
    merge(world, kept, gone)

    shown = page(world.cast.vera, f"/analytics/?counterparty={to_public(Prefix.COUNTERPARTY, gone)}")

    assert shown.context["shown"].net == 13


def test_two_of_one_name_are_not_guessed_between(world: World) -> None:
    pay(world, "1", payee=PayeeClaim("OPENAI", ("domain:other.example",)))

    html = page(world.cast.vera, "/analytics/?counterparty=OpenAI").content.decode()

    assert "Several are called so. Write the id of the one that you mean." in html
    assert 'value="OpenAI"' in html
    assert "10.00" not in html


def test_a_value_in_its_field_is_stronger_than_the_wish_for_none(world: World) -> None:
    assert page(world.cast.vera, "/analytics/?none=rail&rail=card").context["shown"].net == 10
    assert page(world.cast.vera, "/analytics/?none=rail").context["shown"].net == 0


def test_only_fields_that_count_on_a_page_stand_on_it_and_the_others_stay_in_the_address(world: World) -> None:
    own = address(world, "agent")
    decisions = page(world.cast.vera, f"/analytics/decisions/?rail=card&agent={own}")
    assert [one.name for one in decisions.context["main_fields"]] == ["agent"]
    assert decisions.context["more_fields"] == []
    assert ("rail", "card") in decisions.context["kept"]
    assert 'name="rail" value="card"' in decisions.content.decode()
    everything = page(world.cast.vera, f"/analytics/?rail=card&agent={own}")
    assert everything.context["number_of_more"] == 1
    assert everything.context["kept"] == []


def test_nothing_of_another_organization_is_offered_or_found(world: World) -> None:
    for name in ("agent", "counterparty", "label"):
        html = page(world.cast.mallory, f"/analytics/?{name}={address(world, name)}").content.decode()
        assert "This filter cannot be understood" in html, name
    html = page(world.cast.mallory, "/analytics/").content.decode()
    assert not [word for word in ("Buyer", "Travel", "OpenAI", '"eu"') if word in html]


def test_what_has_no_category_and_no_rail_is_asked_for_together_in_links_and_chips(world: World) -> None:
    pay(world, "7", payee=GITHUB, now=LATER)
    shown = page(world.cast.vera, "/analytics/?by=rail&none=category")

    (line,) = shown.context["lines"]
    behind = page(world.cast.vera, line.payments_url)
    assert behind.status_code == 200
    assert [one.amount for one in behind.context["rows"]] == [7]
    both = page(world.cast.vera, f"/analytics/{line.only_url}")
    assert "none=category&none=rail" in line.only_url
    assert "none=category&none=rail" in both.context["export_url"]
    assert sorted(chip.url for chip in both.context["chips"]) == ["?by=agent&none=category", "?by=agent&none=rail"]


def test_a_label_behind_the_two_hundred_that_are_offered_is_known_all_the_same(world: World) -> None:
    crowd = [
        Agent(
            id=new_id(NOW),
            organization_id=world.organization_id,
            name=f"Crowd {number}",
            labels=[f"b{number}-{one:02}" for one in range(25)],
            created_at=NOW,
        )
        for number in range(10)
    ]
    Agent.objects.bulk_create(crowd)
    assert page(world.cast.vera, "/analytics/?label=us").context["shown"].net == 3
