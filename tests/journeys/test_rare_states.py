"""What pages look like in moments that are rare: a secret shown once, open dialogs, evidence that changed."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from core.clock import now as clock_now
from core.ids import Prefix, to_public
from tests.approvals.world import World, ask, make_world
from tests.examples.server import LiveConto
from tests.journeys.browser import Window, open_window
from tests.journeys.test_every_page import AXE, faults_of, must_be_well
from tests.journeys.test_inbox import RULES, fill

pytestmark = pytest.mark.journey


@pytest.fixture
def window(browser: Browser, conto: LiveConto) -> Iterator[Window]:
    """A window with axe in it."""
    found = open_window(browser, conto.url)
    found.context.add_init_script(path=AXE)
    yield found
    found.context.close()


@pytest.fixture
def world(conto: LiveConto) -> World:
    return make_world(*RULES, now=clock_now() - timedelta(hours=2))


def test_dialogs_over_a_request(window: Window, world: World) -> None:
    first, _ = fill(world, 2)
    window.sign_in_as(world.cast.ada)
    page, found = window.page, list[str]()
    window.open(f"/approvals/{first}/")
    page.keyboard.press("r")
    found += faults_of(window, "rare-reject")
    window.open(f"/approvals/{first}/")
    page.locator("#request").get_by_role("button", name="Freeze Research").click()
    expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_focused()
    must_be_well([*found, *faults_of(window, "rare-freeze"), *window.faults])


def test_a_secret_that_is_shown_once(window: Window, world: World) -> None:
    window.sign_in_as(world.cast.olu)
    window.open(f"/agents/{to_public(Prefix.AGENT, world.agent.id)}/keys/new/")
    window.fill("Name", "Production")
    window.page.get_by_role("main").get_by_role("button").last.click()
    window.page.get_by_role("heading", name="Store this key now").wait_for()
    must_be_well([*faults_of(window, "rare-secret"), *window.faults])


def test_evidence_that_changed_meanwhile(window: Window, world: World) -> None:
    first, _ = fill(world, 2)
    window.expected.add(409)
    window.sign_in_as(world.cast.rui)
    window.open(f"/approvals/{first}/")
    ask(world, "40", now=clock_now())
    window.press("Approve", within="#request")
    expect(window.page.get_by_role("alert")).to_contain_text("Look again")
    must_be_well([*faults_of(window, "rare-look-again"), *window.faults])
