"""A reviewer proves a second factor before a large payment is approved, and comes back with nothing lost."""

import re

import pytest
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from playwright.sync_api import expect

from approvals.lifecycle import UNDO_TIME
from approvals.models import Authorization, Review
from approvals.services.finalise import finalise_reviews
from core.clock import now as clock_now
from people.models import Organization
from tests.approvals.world import World
from tests.journeys.browser import Window
from tests.journeys.conftest import WITH_SCRIPTS, OpenFor
from tests.journeys.test_bulk import choose
from tests.journeys.waiting import fill

pytestmark = pytest.mark.journey

NOTE = "Agreed with the vendor"
TRIES = 3
"""A code that was read in the last moment of its half minute is refused; a person reads the next one."""


@pytest.fixture
def world(world: World) -> World:
    """One that wants a second factor for what is not small."""
    Organization.objects.filter(id=world.organization_id).update(confirmation_amount=100)
    return world


@pytest.fixture
def secret(world: World) -> str:
    """What Rui's authenticator app holds."""
    made: str = generate_totp_secret()
    TOTP.activate(world.cast.rui.person, made)
    return made


def prove(window: Window, secret: str) -> None:
    """Type what the app shows, until one was typed in time."""
    page = window.page
    for _ in range(TRIES):
        expect(page.get_by_label("Code")).to_be_focused()
        (counter,) = yield_hotp_counters_from_time()
        page.get_by_label("Code").fill(format_hotp_value(hotp_value(secret, counter)))
        with page.expect_navigation():
            page.get_by_role("button", name="Confirm").click()
        if "/2fa/" not in page.url:
            return
    raise AssertionError("no code was accepted")


def statuses() -> list[str]:
    finalise_reviews(now=clock_now() + UNDO_TIME)
    return list(Authorization.objects.order_by("amount").values_list("status", flat=True))


def test_the_code_is_asked_for_and_the_request_is_back_with_its_note(
    open_for: OpenFor, world: World, secret: str
) -> None:
    _, large = fill(world, 2)
    window = open_for(world.cast.rui)
    page = window.page
    window.open(f"/approvals/{large}/?payee=vendor")
    if window.has_scripts:
        page.keyboard.press("a")
        page.get_by_role("dialog").get_by_label("Note").fill(NOTE)
        page.keyboard.press("Enter")
    else:
        window.press("Approve", within=".answer")
        page.get_by_role("dialog").get_by_label("Note").fill(NOTE)
        page.get_by_role("dialog").get_by_role("button", name="Go on to your second factor").click()

    expect(page).to_have_url(re.compile("/accounts/2fa/reauthenticate/"))
    prove(window, secret)

    expect(page).to_have_url(f"{window.origin}/approvals/{large}/approve/?payee=vendor")
    expect(page.locator("#confirm-approval")).to_contain_text("Your second factor is proven.")
    expect(page.get_by_label("Note")).to_have_value(NOTE)
    assert not Review.objects.exists()
    page.get_by_role("button", name="Yes, approve").click()
    expect(page.locator(".undo-left")).to_be_visible()
    assert statuses() == ["pending_review", "approved"]
    assert Review.objects.get().reason == NOTE


@WITH_SCRIPTS
def test_of_several_the_choice_and_the_ticks_are_there_again(open_for: OpenFor, world: World, secret: str) -> None:
    chosen = fill(world, 3)
    window = open_for(world.cast.rui)
    page = window.page
    window.open("/approvals/")
    choose(window, *chosen)
    page.keyboard.press("Shift+A")
    page.locator("[name=confirmed]").first.check()
    page.keyboard.press("y")

    expect(page).to_have_url(re.compile("/accounts/2fa/reauthenticate/"))
    prove(window, secret)

    expect(page.get_by_role("heading", name="Approve 3 payments?", level=1)).to_be_visible()
    expect(page.locator("[name=confirmed]:checked")).to_have_count(1)
    assert not Review.objects.exists()
    window.press("Approve 3")
    expect(page.get_by_role("heading", name="2 of 3 approved", level=1)).to_be_visible()
    assert statuses() == ["approved", "approved", "pending_review"]
