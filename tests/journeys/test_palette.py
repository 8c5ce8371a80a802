"""Somebody finds anything with the keyboard alone: a page, an agent, an authorization by its id."""

import pytest
from playwright.sync_api import expect

from core.clock import now as clock_now
from core.ids import Prefix, to_public
from tests.approvals.world import ask, make_world
from tests.furnished import RULES
from tests.journeys.conftest import WITH_SCRIPTS, OpenFor

pytestmark = pytest.mark.journey


@WITH_SCRIPTS
def test_the_palette_needs_no_mouse(open_for: OpenFor) -> None:
    world = make_world(*RULES, now=clock_now())
    window = open_for(world.cast.vera)
    page = window.page
    window.open("/settings/")

    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="What to find")
    expect(field).to_be_focused()
    expect(page.get_by_role("option", name="Overview")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", name="Approvals")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("option").last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Find")).to_have_count(0)

    page.keyboard.press("Control+k")
    page.keyboard.type("rese")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{window.origin}/agents/{to_public(Prefix.AGENT, world.agent.pk)}/")


def test_the_id_of_an_authorization_leads_to_it(open_for: OpenFor, has_scripts: bool) -> None:
    world = make_world(*RULES, now=clock_now())
    public = to_public(Prefix.AUTHORIZATION, ask(world, "10", now=clock_now()).answer.id)
    window = open_for(world.cast.vera)
    page = window.page
    window.open("/settings/")

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Find").click()
    if has_scripts:
        page.get_by_role("combobox", name="What to find").fill(public)
        expect(page.get_by_role("option", name="10.00 USD")).to_be_visible()
        page.keyboard.press("Enter")
    else:
        page.get_by_role("searchbox", name="What to find").fill(public)
        window.press("Find")
        page.get_by_role("link", name="10.00 USD").click()

    expect(page).to_have_url(f"{window.origin}/authorizations/{public}/")
