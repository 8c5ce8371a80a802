"""A payment waits; a person looks at the evidence and answers; the app that polls gets the answer."""

import pytest
from playwright.sync_api import expect

from approvals.lifecycle import UNDO_TIME
from approvals.services.finalise import finalise_reviews
from conto_admin.proof import GOOD_PAYEE, App
from core.clock import now as clock_now
from people.models import Organization
from tests.approvals.world import World, make_world
from tests.examples.server import LiveConto
from tests.journeys.conftest import OpenFor

pytestmark = pytest.mark.journey

RULES = (
    {"key": "caps", "type": "SPEND_LIMIT", "daily": {"USD": "1000"}},
    {"key": "large", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}},
)


@pytest.fixture
def world(conto: LiveConto) -> World:
    return make_world(*RULES, now=clock_now())


def test_a_person_approves_and_the_app_may_pay(open_for: OpenFor, world: World) -> None:
    window = open_for(world.cast.rui)
    page = window.page
    with App(window.origin, world.secret) as app:
        asked = app.ask("180", GOOD_PAYEE)
        assert asked["status"] == "pending_review"
        assert not asked["may_pay"]

        window.open("/approvals/")
        request = page.locator("#request")
        expect(request.get_by_role("heading", level=2).first).to_contain_text("180.00 USD")
        expect(request).to_contain_text("GitHub")
        expect(request).to_contain_text("above the threshold of $50.00")
        expect(request.locator(".words")).to_contain_text("Proof that the main job works")
        window.press("Approve", within="#request")

        expect(page.locator(".undo-left")).to_be_visible()
        assert not app.look(asked)["may_pay"]
        finalise_reviews(now=clock_now() + UNDO_TIME)
        window.open("/approvals/")
        expect(page.locator(".nothing-title").get_by_text("Nothing waits for you")).to_be_visible()
        looked = app.look(asked)
        assert (looked["status"], looked["may_pay"]) == ("approved", True)


def test_a_large_payment_is_approved_only_after_it_was_confirmed(open_for: OpenFor, world: World) -> None:
    Organization.objects.filter(id=world.organization_id).update(confirmation_amount=100)
    window = open_for(world.cast.rui)
    with App(window.origin, world.secret) as app:
        asked = app.ask("180", GOOD_PAYEE)

        window.open(f"/approvals/{asked['id']}/")
        window.press("Approve", within=".answer")
        dialog = window.page.get_by_role("dialog")
        expect(dialog).to_contain_text("180.00 USD")
        expect(dialog).to_contain_text("GitHub")
        expect(dialog).to_contain_text("Research")
        assert not app.look(asked)["may_pay"]
        dialog.get_by_role("button", name="Approve").click()

        expect(window.page.locator(".undo-left")).to_be_visible()
        finalise_reviews(now=clock_now() + UNDO_TIME)
        assert app.look(asked)["may_pay"]


def test_a_person_rejects_and_the_app_reads_why(open_for: OpenFor, world: World) -> None:
    window = open_for(world.cast.rui)
    with App(window.origin, world.secret) as app:
        asked = app.ask("180", GOOD_PAYEE)

        window.open(f"/approvals/{asked['id']}/")
        window.press("Reject", within=".answer")
        dialog = window.page.get_by_role("dialog")
        dialog.get_by_label("Reason").fill("We have this already.")
        dialog.get_by_role("button", name="Reject").click()

        expect(window.page.locator(".undo-left")).to_be_visible()
        finalise_reviews(now=clock_now() + UNDO_TIME)
        looked = app.look(asked)
        assert (looked["status"], looked["may_pay"]) == ("declined", False)
        assert looked["status_reason"] == "We have this already."


def test_what_changed_meanwhile_is_shown_and_not_approved(open_for: OpenFor, world: World) -> None:
    window = open_for(world.cast.rui)
    window.expected.add(409)
    page = window.page
    with App(window.origin, world.secret) as app:
        asked = app.ask("180", GOOD_PAYEE)
        window.open(f"/approvals/{asked['id']}/")
        expect(page.locator(".checks")).to_contain_text("$180.00 of $1,000.00")
        assert app.ask("40", GOOD_PAYEE)["may_pay"]

        window.press("Approve", within="#request")

        expect(page.get_by_role("alert")).to_contain_text("Look again")
        expect(page.locator(".checks")).to_contain_text("$220.00 of $1,000.00")
        assert not app.look(asked)["may_pay"]

        window.press("Approve", within=".answer")
        expect(page.locator(".undo-left")).to_be_visible()
        finalise_reviews(now=clock_now() + UNDO_TIME)
        assert app.look(asked)["may_pay"]


def test_a_yes_is_taken_back_while_there_is_time(open_for: OpenFor, world: World) -> None:
    window = open_for(world.cast.rui)
    with App(window.origin, world.secret) as app:
        asked = app.ask("180", GOOD_PAYEE)
        window.open(f"/approvals/{asked['id']}/")
        window.press("Approve", within=".answer")
        window.press("Undo", within=".undo")

        expect(window.page.get_by_text("Taken back. Nothing was decided.")).to_be_visible()
        expect(window.page.locator(".answer")).to_be_visible()
        finalise_reviews(now=clock_now() + UNDO_TIME)
        assert app.look(asked)["status"] == "pending_review"
