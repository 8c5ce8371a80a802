"""An operator stops an agent; its next ask is declined; an admin lets it go on."""

import pytest
from playwright.sync_api import expect

from conto_admin.proof import GOOD_PAYEE, App
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from tests.approvals.world import make_world
from tests.journeys.conftest import OpenFor
from tests.journeys.waiting import RULES, fill

pytestmark = pytest.mark.journey


def test_a_frozen_agent_is_declined_until_an_admin_thaws_it(open_for: OpenFor) -> None:
    world = make_world({"key": "caps", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}, now=clock_now())
    operator, admin = open_for(world.cast.olu), open_for(world.cast.ada)
    agent = f"/agents/{to_public(Prefix.AGENT, world.agent.id)}/"
    with App(operator.origin, world.secret) as app:
        assert app.ask("10", GOOD_PAYEE)["may_pay"]

        operator.open(agent)
        operator.page.get_by_role("button", name="Freeze").click()
        dialog = operator.page.get_by_role("dialog")
        dialog.get_by_label("Reason").fill("Buys the same thing again and again.")
        dialog.get_by_role("button", name="Freeze").click()

        expect(operator.page.locator(".banner")).to_contain_text("Buys the same thing again and again.")
        expect(operator.page.get_by_role("button", name="Thaw")).to_have_count(0)
        assert app.ask("11", GOOD_PAYEE)["decision"]["reasons"] == ["agent_frozen"]

        admin.open(agent)
        admin.page.get_by_role("button", name="Thaw").click()
        dialog = admin.page.get_by_role("dialog")
        dialog.get_by_label("Reason").fill("The loop is mended.")
        dialog.get_by_role("button", name="Thaw").click()

        expect(admin.page.get_by_text(f"{world.agent.name} is thawed.")).to_be_visible()
        assert app.ask("12", GOOD_PAYEE)["may_pay"]


def test_an_agent_is_frozen_from_the_request_that_it_made(open_for: OpenFor, has_scripts: bool) -> None:
    world = make_world(*RULES, now=clock_now())
    first, _ = fill(world, 2)
    window = open_for(world.cast.ada)
    page = window.page
    window.open(f"/approvals/{first}/?payee=vendor")

    page.locator("#request").get_by_role("button", name="Freeze Research").click()
    asked = page.get_by_role("dialog") if has_scripts else page.get_by_role("main")
    expect(asked).to_contain_text("Freeze Research?")
    if has_scripts:
        expect(asked.get_by_label("Reason")).to_be_focused()
    asked.get_by_label("Reason").fill("It asks for the same thing again and again.")
    asked.get_by_role("button", name="Freeze", exact=True).click()

    expect(page).to_have_url(f"{window.origin}/approvals/{first}/?payee=vendor")
    expect(page.get_by_text("Research is frozen.", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Freeze Research")).to_have_count(0)
    with App(window.origin, world.secret) as app:
        assert app.ask("11", GOOD_PAYEE)["decision"]["reasons"] == ["agent_frozen"]
