"""An operator changes a limit in the form of its rule and publishes; the next payment is decided by it."""

import pytest
from playwright.sync_api import expect

from conto_admin.proof import GOOD_PAYEE, App
from core.clock import now as clock_now
from tests.approvals.world import make_world
from tests.journeys.conftest import OpenFor

pytestmark = pytest.mark.journey


def test_a_changed_limit_decides_the_next_payment(open_for: OpenFor) -> None:
    limit = {"key": "caps", "type": "SPEND_LIMIT", "per_transaction": {"USD": "20"}}
    world = make_world(limit, now=clock_now())
    window = open_for(world.cast.olu)
    page = window.page
    with App(window.origin, world.secret) as app:
        assert app.ask("30", GOOD_PAYEE)["decision"]["reasons"] == ["per_transaction_limit"]

        window.open("/policies/")
        page.get_by_role("link", name="Research agents").click()
        expect(page.get_by_text("At most $20.00 a payment.")).to_be_visible()
        page.get_by_role("link", name="Change Spend limit").click()
        amount = page.get_by_label("One payment")
        expect(amount).to_have_value("20.00")
        amount.fill("45")
        page.get_by_role("button", name="Save to draft").last.click()
        expect(page.get_by_text("At most $45.00 a payment.")).to_be_visible()
        assert not app.ask("31", GOOD_PAYEE)["may_pay"]

        page.get_by_role("link", name="Review and publish").click()
        expect(page.locator("del")).to_contain_text("$20.00")
        window.fill("Note", "Larger invoices")
        window.press("Publish")

        expect(page.get_by_role("heading", name="Enforced: version 2")).to_be_visible()
        assert app.ask("32", GOOD_PAYEE)["may_pay"]
        assert not app.ask("46", GOOD_PAYEE)["may_pay"]
