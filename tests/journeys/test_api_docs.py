"""The reference of the API runs under the strict policy of every page, and asks this server only."""

import pytest
from playwright.sync_api import Browser, expect

from tests.api.description import operations
from tests.examples.server import LiveConto
from tests.journeys.browser import open_window

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def test_the_reference_shows_each_operation(browser: Browser, conto: LiveConto) -> None:
    window = open_window(browser, conto.url)
    window.open("/api/v1/docs")

    expect(window.page.locator(".opblock")).to_have_count(len(list(operations())))
    window.page.locator("#operations-Authorizations-authorizations_ask .opblock-summary-control").click()
    expect(window.page.locator("#operations-Authorizations-authorizations_ask .model-example").first).to_be_visible()

    assert window.faults == []
    window.context.close()
