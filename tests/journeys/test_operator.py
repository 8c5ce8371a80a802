"""An operator sees at a glance which agent misbehaves, and stops it."""

from http import HTTPStatus

import pytest
from playwright.sync_api import expect

from agents.models import Agent
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from tests.approvals.world import add_agent, ask
from tests.insight.fleets import a_fleet
from tests.journeys import stages
from tests.journeys.browser import Window
from tests.journeys.conftest import WITH_SCRIPTS, OpenFor
from tests.journeys.test_every_page import faults_of, must_be_well

pytestmark = pytest.mark.journey


def test_the_worst_agent_stands_first_and_is_stopped_with_its_trouble_as_the_reason(open_for: OpenFor) -> None:
    cast = a_fleet(well=3, now=clock_now())
    operator = open_for(cast.olu)

    operator.open("/agents/")
    first = operator.page.locator("tbody > tr").first
    expect(first).to_contain_text("Pays without asking")
    expect(first).to_contain_text("Paid 2 times without asking")
    first.get_by_role("button", name="Freeze").click()
    expect(operator.page.get_by_label("Reason")).to_have_value("Paid 2 times without asking")
    operator.page.get_by_role("button", name="Freeze", exact=True).last.press("Enter")

    expect(operator.page.get_by_text("Pays without asking is frozen.")).to_be_visible()
    expect(operator.page).to_have_url(f"{operator.origin}/agents/")
    expect(operator.page.locator("tbody > tr").first).to_contain_text("Pays against the answer")
    agent = Agent.objects.get(name="Pays without asking")
    assert (agent.frozen_at is not None, agent.frozen_reason) == (True, "Paid 2 times without asking")


def test_an_agent_that_begins_to_misbehave_is_seen_and_stopped_without_leaving_the_page(
    open_for: OpenFor, has_scripts: bool
) -> None:
    cast = a_fleet(well=3, now=clock_now())
    Agent.objects.exclude(name__startswith="Worker").update(retired_at=clock_now())
    world = add_agent(cast, "Runs wild", now=clock_now())
    operator = open_for(cast.olu)
    page = operator.page
    row = page.locator(f"#{to_public(Prefix.AGENT, world.agent.id)}")

    operator.open("/agents/")
    expect(row).not_to_contain_text("denied")
    for _ in range(5):
        ask(world, "90001", now=clock_now())
    if not has_scripts:
        page.get_by_role("link", name="Refresh").click()
    expect(row).to_contain_text("asks denied")
    expect(page.locator("tbody > tr").first).to_contain_text("Runs wild")
    expect(page.locator(".states-verdict")).to_contain_text("need")

    row.get_by_role("button", name="Freeze").click()
    page.get_by_role("button", name="Freeze", exact=True).last.click()

    expect(page.get_by_text("Runs wild is frozen.")).to_be_visible()
    expect(row).to_contain_text("Frozen")
    expect(page).to_have_url(f"{operator.origin}/agents/")
    assert ask(world, "1", now=clock_now()).answer.status == "declined"


@WITH_SCRIPTS
def test_what_happens_shows_without_a_reload(open_for: OpenFor, has_scripts: bool) -> None:
    cast = a_fleet(well=1, now=clock_now())
    world = add_agent(cast, "Comes along", now=clock_now())
    agent = f"/agents/{to_public(Prefix.AGENT, world.agent.id)}/"
    fleet, one = open_for(cast.olu), open_for(cast.vera)

    with fleet.page.expect_response(lambda answer: answer.status == HTTPStatus.NO_CONTENT):
        fleet.open("/agents/")
    one.open(agent)
    ask(world, "12.34", now=clock_now())
    expect(one.page.locator(".stream")).to_contain_text("Authorization of 12.34 USD to OpenAI was approved")
    ask(world, "901", now=clock_now())
    expect(fleet.page.locator(f"#{to_public(Prefix.AGENT, world.agent.id)}")).to_contain_text("asks denied")


@WITH_SCRIPTS
def test_an_operator_states_where_keys_are_kept(open_for: OpenFor, has_scripts: bool) -> None:
    cast = a_fleet(well=1, now=clock_now())
    agent = to_public(Prefix.AGENT, Agent.objects.get(name="Worker 000").id)
    operator = open_for(cast.olu)

    operator.open(f"/agents/{agent}/integration/")
    operator.fill("Where does the app keep the keys of this agent?", "In the vault of the payments service")
    operator.press("State it")

    check = operator.page.locator("#check-keys_server_side")
    expect(check).to_contain_text("In the vault of the payments service")
    expect(check).to_contain_text("Stated by Olu")


@WITH_SCRIPTS
@pytest.mark.parametrize("well", [0, 200])
def test_a_fleet_is_a_page_like_any_other(window: Window, well: int, has_scripts: bool) -> None:
    viewer = a_fleet(well=well, now=clock_now()).olu if well else stages.empty(clock_now()).viewer
    window.sign_in_as(viewer)
    window.open("/agents/")

    must_be_well([*faults_of(window, f"fleet-{well}"), *window.faults])


@WITH_SCRIPTS
def test_an_agent_in_trouble_is_a_page_like_any_other(window: Window, has_scripts: bool) -> None:
    cast = a_fleet(well=1, now=clock_now())
    window.sign_in_as(cast.olu)
    for name in ("Runs against a wall", "Worker 000"):
        page = f"/agents/{to_public(Prefix.AGENT, Agent.objects.get(name=name).id)}/"
        for part in ("", "runtime/", "integration/", "freeze/?reason=4+of+4+asks+denied"):
            window.open(page + part)
            must_be_well(faults_of(window, f"{name.replace(' ', '-')}-{part.partition('/')[0]}"))
    must_be_well(window.faults)
