"""An operator finds that one payee is known twice, compares both, and makes them one."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from core.clock import now as clock_now
from spend.payee import PayeeClaim
from tests.approvals.world import ask, make_world
from tests.journeys.conftest import OpenFor
from tests.spend.samples import a_counterparty, public

pytestmark = pytest.mark.journey

DAILY = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}, "per": "agent_counterparty"}


def test_a_duplicate_is_found_compared_and_merged(open_for: OpenFor) -> None:
    now = clock_now()
    world = make_world(DAILY, now=now - timedelta(days=1))
    olu = world.cast.olu
    kept = a_counterparty(olu, "Hetzner Online", identifiers=["domain:hetzner.com"], standing="trusted")
    merged = a_counterparty(olu, "HETZNER", identifiers=["domain:billing.hetzner.com"], standing="verified")
    a_counterparty(olu, "Somebody else", identifiers=["domain:else.example"])
    for domain, amount in (("hetzner.com", "60"), ("billing.hetzner.com", "30")):
        ask(world, amount, payee=PayeeClaim("", (f"domain:{domain}",)), now=now)
    window = open_for(olu)
    page = window.page

    window.open(f"/counterparties/{public(kept)}/")
    page.get_by_role("link", name="Merge", exact=True).click()
    expect(page.locator("#alike")).to_contain_text("HETZNER")
    expect(page.locator("#alike")).not_to_contain_text("Somebody else")
    page.get_by_role("searchbox").fill("else.exa")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#found")).to_contain_text("Somebody else")
    page.locator("#alike").get_by_role("link", name="Compare HETZNER").click()
    expect(page.locator("#merging")).to_contain_text("billing.hetzner.com")
    expect(page.locator("#merging tbody tr").nth(1)).to_contain_text("Verified the stricter one")
    window.press("Merge for good")
    expect(page.locator("#identifiers")).to_contain_text("billing.hetzner.com")
    expect(page.locator("#facts")).to_contain_text("HETZNER")
    expect(page.locator("#standing input:checked")).to_have_value("verified")
    window.open(f"/counterparties/{public(merged)}/")
    expect(page.locator("main")).to_contain_text("was merged into Hetzner Online")
    assert ask(world, "20", payee=PayeeClaim("", ("domain:hetzner.com",)), now=now).answer.status == "declined"
