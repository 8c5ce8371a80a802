"""An operator issues a runtime key, which works at once, and revokes it, which works at once."""

import pytest
from playwright.sync_api import expect

from conto_admin.proof import App, ProofFailed
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from tests.approvals.world import make_world
from tests.journeys.conftest import OpenFor

pytestmark = pytest.mark.journey


def test_a_key_is_shown_once_works_and_is_revoked(open_for: OpenFor) -> None:
    world = make_world(now=clock_now())
    window = open_for(world.cast.olu)
    page, agent = window.page, f"/agents/{to_public(Prefix.AGENT, world.agent.id)}/"

    window.open(agent)
    page.get_by_role("link", name="Issue a key").click()
    window.fill("Name", "batch worker")
    window.press("Issue")
    secret = page.locator(".secret-value").inner_text()
    with App(window.origin, secret) as app:
        assert app.call("GET", "status")["id"] == to_public(Prefix.AGENT, world.agent.id)

        page.get_by_role("link", name="I have stored it").click()
        assert secret not in page.content()
        line = page.get_by_role("row", name="batch worker")
        expect(line).to_contain_text("Active")
        line.get_by_role("button", name="Revoke").first.click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()

        expect(page.get_by_role("row", name="batch worker")).to_contain_text("Revoked")
        with pytest.raises(ProofFailed, match="answered 401"):
            app.call("GET", "status")
    with App(window.origin, world.secret) as other:
        assert other.call("GET", "status")
