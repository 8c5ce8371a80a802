"""Parts of a page are swapped while somebody types: focus, caret and every letter stay, and it is said aloud."""

import pytest
from playwright.sync_api import Route, expect

from core.clock import now as clock_now
from tests.agents.samples import an_agent
from tests.approvals.world import World
from tests.factories import make_cast
from tests.journeys.browser import DESKTOP, PHONE, Window
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


def resize(window: Window, size: tuple[int, int]) -> None:
    window.page.set_viewport_size({"width": size[0], "height": size[1]})


def test_a_phone_folds_the_filters_away(open_for: OpenFor) -> None:
    cast = make_cast(now=clock_now())
    an_agent(cast.olu, "Research")
    window = open_for(cast.olu)
    page = window.page
    state, fold = page.locator("#id_state"), page.locator(".filters-fold > summary")
    resize(window, PHONE)
    window.open("/agents/")
    expect(page.locator("[data-search]")).to_be_visible()
    expect(state).to_be_hidden()

    fold.press("Enter")
    state.select_option("frozen")
    if not window.has_scripts:
        page.get_by_role("button", name="Filter", exact=True).click()
    expect(fold).to_have_text("Filters 1 in force")
    window.open("/agents/?state=frozen")
    expect(state).to_be_hidden()
    resize(window, DESKTOP)
    expect(state).to_be_visible()
    expect(fold).to_be_hidden()

    resize(window, PHONE)
    window.open("/agents/?state=nonsense")
    expect(state).to_be_visible()


@WITH_SCRIPTS
def test_more_filters_stay_as_somebody_left_them(open_for: OpenFor, world: World) -> None:
    window = open_for(world.cast.vera)
    page = window.page
    window.open("/authorizations/")
    more, in_force = page.locator(".filters-more"), page.get_by_label("Filters in force")
    page.locator("#id_status").select_option("approved")
    expect(in_force).to_contain_text("Status: Approved")
    expect(more).not_to_have_attribute("open", "")

    more.locator("summary").click()
    rail = page.locator("#id_rail")
    rail.click()
    rail.select_option("card")
    expect(in_force).to_contain_text("Rail: card")
    expect(more).to_have_attribute("open", "")
    expect(rail).to_be_focused()
    page.locator("#id_at_least").click()
    page.keyboard.type("5")
    page.keyboard.press("Tab")
    expect(in_force).to_contain_text("At least: 5")
    expect(more).to_have_attribute("open", "")
    expect(page.locator("#id_at_most")).to_be_focused()

    more.locator("summary").click()
    page.locator("#id_status").select_option("declined")
    expect(in_force).to_contain_text("Status: Declined")
    expect(more).not_to_have_attribute("open", "")
    expect(more.locator("summary")).to_be_focused()
    page.locator("#id_status").focus()
    page.locator("#id_status").select_option("voided")
    expect(in_force).to_contain_text("Status: Voided")
    expect(page.locator("#id_status")).to_be_focused()


@WITH_SCRIPTS
def test_a_fold_far_down_a_phone_stays_under_the_finger(open_for: OpenFor, world: World) -> None:
    window = open_for(world.cast.vera)
    page = window.page
    resize(window, PHONE)
    window.open("/authorizations/")
    page.locator(".filters-fold > summary").click()
    page.locator(".filters-more > summary").click()
    rail = page.locator("#id_rail")
    rail.scroll_into_view_if_needed()
    page.mouse.wheel(0, 200)
    page.wait_for_function("scrollY > 0")
    window.settle()
    at = page.evaluate("scrollY")

    rail.select_option("card")

    expect(page.get_by_label("Filters in force")).to_contain_text("Rail: card")
    expect(rail).to_be_visible()
    assert page.evaluate("scrollY") == at
