"""Parts of a page are swapped while somebody types: focus, caret and every letter stay, and it is said aloud."""

import pytest
from playwright.sync_api import Route, expect

from core.clock import now as clock_now
from tests.agents.samples import an_agent
from tests.factories import make_cast
from tests.journeys.conftest import WITH_SCRIPTS, OpenFor

pytestmark = pytest.mark.journey


@WITH_SCRIPTS
def test_a_filter_follows_what_is_typed_and_takes_nothing_away(open_for: OpenFor) -> None:
    cast = make_cast(now=clock_now())
    for name in ("Research", "Restocking", "Travel"):
        an_agent(cast.olu, name)
    window = open_for(cast.olu)
    page = window.page
    window.open("/agents/")
    field = page.locator("[data-search]")
    page.keyboard.press("/")
    expect(field).to_be_focused()

    def answer_late(route: Route) -> None:
        page.keyboard.type("earch")
        route.continue_()

    page.route("**/agents/?*q=res*", answer_late, times=1)
    page.keyboard.type("res")

    expect(page.get_by_role("row", name="Restocking")).to_have_count(0)
    expect(page.get_by_role("row", name="Research")).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_value("research")
    assert field.evaluate("(one) => one.selectionStart") == len("research")
    expect(page.locator("#announcements")).to_have_text("1 agent")
