"""A limit is raised as a new operator would: seen on last month, agreed to by a second person, at work, rolled back."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from approvals.services.backtests import run_backtests
from conto_admin.proof import GOOD_PAYEE, App
from core.clock import now as clock_now
from people.models import Organization
from tests.approvals.world import World, ask, make_world
from tests.journeys.conftest import WITH_SCRIPTS, OpenFor

pytestmark = pytest.mark.journey

LIMIT = {"key": "caps", "type": "SPEND_LIMIT", "per_transaction": {"USD": "20"}}


def a_cautious_company() -> World:
    """Four eyes, a limit of twenty dollars, and a past in which two of three payments were above it."""
    began = clock_now() - timedelta(days=9)
    world = make_world(LIMIT, now=began)
    Organization.objects.filter(pk=world.organization_id).update(needs_four_eyes=True)
    for days, amount in enumerate(("15", "30", "40"), start=1):
        ask(world, amount, now=began + timedelta(days=days))
    return world


@WITH_SCRIPTS
def test_a_limit_is_raised_by_two_people_and_put_back(open_for: OpenFor, has_scripts: bool) -> None:
    world = a_cautious_company()
    olu, ada = open_for(world.cast.olu), open_for(world.cast.ada)
    page = olu.page
    with App(olu.origin, world.secret) as app:
        olu.open("/policies/")
        page.get_by_role("link", name="Research agents").click()
        page.get_by_role("link", name="Change Spend limit").click()
        page.get_by_label("One payment").fill("45")
        expect(page.locator("#said")).to_contain_text("At most $45.00 a payment.")
        page.get_by_role("button", name="Save to draft").last.click()

        page.get_by_role("button", name="Ask the last 30 days").click()
        expect(page.locator("#backtest-progress")).to_contain_text("It waits for the worker.")
        run_backtests(clock=clock_now)
        said = page.locator("#outcome .backtest-says")
        expect(said).to_contain_text("Of 3 asks, 2 payments (70.00 USD) that were denied would be allowed.")
        page.get_by_role("link", name="To the draft").click()

        page.get_by_role("link", name="Review and publish").click()
        expect(page.get_by_text("A second person must agree")).to_be_visible()
        expect(page.locator("#backtest-summary")).to_contain_text("2 payments (70.00 USD)")
        olu.fill("Note", "Reports cost up to forty dollars now.")
        olu.press("Publish")
        expect(page.get_by_text("A change waits for a second person")).to_be_visible()
        assert app.ask("31", GOOD_PAYEE)["decision"]["reasons"] == ["per_transaction_limit"]

        ada.open("/approvals/")
        ada.page.get_by_role("link", name="Publish Research agents").click()
        expect(ada.page.locator("h1")).to_contain_text("Waits for you")
        expect(ada.page.get_by_text("Reports cost up to forty dollars now.")).to_be_visible()
        ada.press("Agree, and make the change")
        expect(ada.page.get_by_text("The change is made. It counts from now on.")).to_be_visible()
        assert app.ask("32", GOOD_PAYEE)["may_pay"]

        olu.open("/policies/")
        page.get_by_role("link", name="Research agents").click()
        expect(page.get_by_role("heading", name="Enforced: version 2")).to_be_visible()
        page.get_by_role("link", name="Version 1", exact=True).click()
        page.get_by_role("button", name="Restore as draft").first.click()
        page.get_by_role("dialog").get_by_role("button", name="Restore as draft").click()
        page.get_by_role("link", name="Review and publish").click()
        expect(page.get_by_text("A second person must agree")).to_be_hidden()
        olu.press("Publish")
        expect(page.get_by_role("heading", name="Enforced: version 3")).to_be_visible()
        assert app.ask("33", GOOD_PAYEE)["decision"]["reasons"] == ["per_transaction_limit"]
