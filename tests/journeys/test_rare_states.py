"""What pages look like in moments that are rare: a secret shown once, open dialogs, evidence that changed."""

import pytest
from playwright.sync_api import expect

from core.clock import now as clock_now
from core.ids import Prefix, to_public
from tests.approvals.world import World, ask
from tests.journeys.browser import Window
from tests.journeys.test_every_page import faults_of, must_be_well
from tests.journeys.waiting import fill

pytestmark = pytest.mark.journey


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
