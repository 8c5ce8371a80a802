"""Reviewers clear the inbox: forty payments by keyboard alone, two people at once, and one without scripts."""

import pytest
from playwright.sync_api import Page, expect

from approvals.lifecycle import UNDO_TIME
from approvals.models import Authorization
from approvals.services.finalise import finalise_reviews
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from tests.approvals.world import World
from tests.journeys.browser import PHONE
from tests.journeys.conftest import WITH_SCRIPTS, OpenFor
from tests.journeys.waiting import fill

pytestmark = pytest.mark.journey

FORTY = 40
AT_ONCE = """(way) => document.addEventListener("htmx:afterSettle", ({detail}) => {
  if (detail.target.id !== "request") return;
  if (way === "key") document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "a", bubbles: true}));
  else document.getElementById("approve-button").click();
}, {once: true})"""
"""The same answer again, the very moment that another request is shown."""
HEIGHTS = """() => [...document.querySelectorAll(".queue-item")].map((one) => one.offsetHeight)"""
UNDER = """(id) => {
  const head = document.querySelector(".queue-top").getBoundingClientRect();
  const found = [];
  if (document.getElementById(`row-${id}`).getBoundingClientRect().top < head.bottom) found.push("the current row");
  for (const pick of document.querySelectorAll(".queue-pick")) {
    const {top, bottom, left, width} = pick.getBoundingClientRect();
    const y = (Math.max(top, head.top) + Math.min(bottom, head.bottom)) / 2;
    if (bottom <= head.top || top >= head.bottom) continue;
    if (pick.contains(document.elementFromPoint(left + width / 2, y))) found.push(pick.textContent);
  }
  return found;
}"""
"""What stands half under the head of the queue, or shines through it."""


def shown(page: Page, public_id: str) -> None:
    """Wait until this request stands beside the queue, its row is the current one, and it may be answered."""
    expect(page.locator(f'[data-request="{public_id}"]')).to_be_visible()
    expect(page.locator(".queue-item[aria-current]")).to_have_attribute("data-id", public_id)
    expect(page.locator("[data-unread]")).to_have_count(0)


def worker_looks() -> None:
    """Let the worker look when the time to take anything back is over."""
    finalise_reviews(now=clock_now() + UNDO_TIME)


def statuses() -> dict[str, str]:
    return {to_public(Prefix.AUTHORIZATION, one.id): one.status for one in Authorization.objects.all()}


@WITH_SCRIPTS
def test_forty_payments_are_cleared_without_the_mouse(open_for: OpenFor, world: World) -> None:
    waiting = fill(world, FORTY)
    window = open_for(world.cast.rui)
    page = window.page
    window.open("/approvals/")
    shown(page, waiting[0])
    expect(page.locator(".queue-item")).to_have_count(FORTY)

    # Looks around first: the place in the queue and the address follow.
    for key, at in (("j", 1), ("j", 2), ("k", 1), ("k", 0)):
        page.keyboard.press(key)
        shown(page, waiting[at])
        expect(page).to_have_url(f"{window.origin}/approvals/{waiting[at]}/")

    page.keyboard.press("r")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("We have this already.")
    page.keyboard.press("Control+Enter")
    shown(page, waiting[1])
    page.keyboard.press("a")
    shown(page, waiting[2])
    page.keyboard.press("u")
    shown(page, waiting[1])
    expect(page.get_by_text("Taken back. Nothing was decided.")).to_be_visible()
    expect(page).to_have_url(f"{window.origin}/approvals/{waiting[1]}/")
    for public_id in waiting[1:]:
        shown(page, public_id)
        page.keyboard.press("a")

    expect(page.locator(".nothing-title").get_by_text("Nothing waits for you")).to_be_visible()
    expect(page.locator(".undo-left").first).to_be_visible()
    worker_looks()
    expect(page.locator(".queue-item")).to_have_count(0)
    assert statuses() == {waiting[0]: "declined", **dict.fromkeys(waiting[1:], "approved")}


@WITH_SCRIPTS
def test_two_reviewers_at_once_decide_nothing_twice(open_for: OpenFor, world: World) -> None:
    first, second, third = fill(world, 3)
    rui, ada = open_for(world.cast.rui), open_for(world.cast.ada)
    for window in (rui, ada):
        window.open("/approvals/")
        shown(window.page, first)

    rui.page.keyboard.press("a")
    shown(rui.page, second)
    worker_looks()

    # Ada sees that Rui was faster, in the queue, beside it and in a note; her focus and the way on stay.
    expect(ada.page.locator(".queue-item")).to_have_count(2)
    expect(ada.page.locator("#request")).to_contain_text("Rui approved this")
    expect(ada.page.locator("#messages")).to_contain_text("Rui approved 100.00 USD to Vendor 00")
    ada.page.keyboard.press("n")
    shown(ada.page, second)
    ada.page.keyboard.press("j")
    shown(ada.page, third)
    ada.page.keyboard.press("a")
    expect(ada.page.locator(".undo")).to_be_visible()
    worker_looks()
    expect(rui.page.locator("#messages")).to_contain_text("Ada approved 102.00 USD to Vendor 02")
    shown(rui.page, second)
    assert statuses() == {first: "approved", second: "pending_review", third: "approved"}


@WITH_SCRIPTS
def test_a_key_that_is_held_down_or_pressed_twice_answers_nothing_unseen(open_for: OpenFor, world: World) -> None:
    first, second, third = fill(world, 3)
    window = open_for(world.cast.rui)
    page = window.page
    window.open("/approvals/")

    page.keyboard.down("a")
    shown(page, second)
    page.keyboard.down("a")
    page.keyboard.up("a")
    window.settle()
    worker_looks()
    assert statuses() == {first: "approved", second: "pending_review", third: "pending_review"}

    page.get_by_role("button", name="Approve", exact=True).click()
    shown(page, third)
    expect(page.locator(f"#open-{third}")).to_be_focused()


@WITH_SCRIPTS
@pytest.mark.parametrize("way", ["key", "click"])
def test_what_repeats_faster_than_anybody_reads_answers_once(open_for: OpenFor, world: World, way: str) -> None:
    first, second, third = fill(world, 3)
    window = open_for(world.cast.rui)
    page = window.page
    window.open("/approvals/")
    shown(page, first)

    page.evaluate(AT_ONCE, way)
    page.keyboard.press("a")
    shown(page, second)
    window.settle()
    worker_looks()
    assert statuses() == {first: "approved", second: "pending_review", third: "pending_review"}

    page.keyboard.press("a")
    shown(page, third)
    page.keyboard.press("r")
    expect(page.get_by_label("Reason")).to_be_focused()


@WITH_SCRIPTS
def test_the_keys_of_one_answer_those_that_are_selected(open_for: OpenFor, world: World) -> None:
    first, second, third = fill(world, 3)
    window = open_for(world.cast.rui)
    page, pane = window.page, window.page.locator("#request")
    window.open("/approvals/")
    for public_id in (second, third):
        page.locator(f"#row-{public_id} [name=chosen]").check()
    shown(page, first)
    expect(pane.get_by_role("button", name="Approve", exact=True).locator("kbd")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("#keys [data-page-key]", has_text="Approve the selected")).to_contain_text("A a")
    page.keyboard.press("Escape")

    page.keyboard.press("r")
    expect(pane.get_by_role("heading", name="Reject 2 payments?")).to_be_visible()
    page.get_by_role("link", name="Cancel").click()
    shown(page, first)
    page.keyboard.press("a")
    expect(pane.get_by_role("heading", name="Approve 2 payments?")).to_be_visible()
    worker_looks()
    assert set(statuses().values()) == {"pending_review"}

    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("button", name="Clear").click()
    shown(page, first)
    page.keyboard.press("a")
    shown(page, second)
    worker_looks()
    assert statuses() == {first: "approved", second: "pending_review", third: "pending_review"}


@WITH_SCRIPTS
def test_an_answer_moves_no_row_and_the_current_one_is_seen_whole(open_for: OpenFor, world: World) -> None:
    waiting = fill(world, 20)
    window = open_for(world.cast.rui)
    page = window.page
    window.open("/approvals/")
    shown(page, waiting[0])
    heights = page.evaluate(HEIGHTS)
    page.keyboard.press("r")
    page.keyboard.type("We have this already.")
    page.keyboard.press("Control+Enter")
    shown(page, waiting[1])
    page.keyboard.press("a")
    shown(page, waiting[2])
    expect(page.locator(f"#row-{waiting[0]} .tone-negative")).to_have_text("you rejected")
    expect(page.locator(f"#row-{waiting[1]} .tone-positive")).to_have_text("you approved")
    assert page.evaluate(HEIGHTS) == heights

    page.locator(f"#open-{waiting[-1]}").click()
    shown(page, waiting[-1])
    for public_id in waiting[-2:9:-1]:
        page.keyboard.press("k")
        shown(page, public_id)
        assert page.evaluate(UNDER, public_id) == []


@WITH_SCRIPTS
def test_what_is_typed_stays_while_the_queue_changes(open_for: OpenFor, world: World) -> None:
    second = fill(world, 2)[1]
    window = open_for(world.cast.rui)
    page = window.page
    window.open("/approvals/")
    page.keyboard.press("r")
    page.keyboard.type("We have th")

    late = fill(world, 1)[0]
    expect(page.locator(".queue-item")).to_have_count(3)
    page.keyboard.type("is already.")

    expect(page.get_by_label("Reason")).to_have_value("We have this already.")
    page.keyboard.press("Control+Enter")
    shown(page, second)
    worker_looks()
    assert Authorization.objects.get(status="declined").status_reason == "We have this already."
    assert late in statuses()


@WITH_SCRIPTS
def test_several_are_selected_added_up_and_approved_by_keyboard(open_for: OpenFor, world: World) -> None:
    first, second, third = fill(world, 3)
    window = open_for(world.cast.rui)
    page = window.page
    window.open("/approvals/")
    expect(page.locator("#bulk")).to_be_hidden()

    page.keyboard.press("x")
    page.keyboard.press("j")
    shown(page, second)
    page.keyboard.press("x")
    expect(page.locator("#bulk")).to_contain_text("2 selected · 201.00 USD")
    fill(world, 1)
    expect(page.locator(".queue-item")).to_have_count(4)
    expect(page.locator("#bulk")).to_contain_text("2 selected · 201.00 USD")
    page.keyboard.press("Shift+A")

    expect(page.get_by_role("heading", name="Approve 2 payments?")).to_be_visible()
    page.get_by_role("button", name="Approve 2").press("Enter")
    expect(page.get_by_role("heading", name="2 of 2 approved")).to_be_visible()
    worker_looks()
    found = statuses()
    assert [found[one] for one in (first, second, third)] == ["approved", "approved", "pending_review"]


@pytest.mark.parametrize("has_scripts", [False], indirect=True, ids=["no-scripts"])
def test_without_scripts_links_and_forms_do_the_same(open_for: OpenFor, world: World) -> None:
    first, second, third = fill(world, 3)
    window = open_for(world.cast.rui)
    page = window.page
    window.open("/approvals/?payee=vendor")

    page.locator(f"#open-{second}").click()
    shown(page, second)
    window.press("Approve", within="#request")

    shown(page, third)
    expect(page).to_have_url(f"{window.origin}/approvals/{third}/?payee=vendor")
    worker_looks()
    assert statuses()[second] == "approved"
    assert statuses()[first] == "pending_review"


def test_a_phone_shows_one_half_at_a_time(open_for: OpenFor, world: World) -> None:
    first, second = fill(world, 2)
    window = open_for(world.cast.rui)
    page = window.page
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})

    window.open("/approvals/")
    expect(page.locator("#request")).to_be_hidden()
    page.locator(f"#open-{second}").click()
    expect(page.locator(f'[data-request="{second}"]')).to_be_visible()
    expect(page.locator("#queue")).to_be_hidden()
    page.get_by_role("link", name="Queue", exact=True).click()
    expect(page.locator("#queue")).to_be_visible()
    assert statuses() == dict.fromkeys((first, second), "pending_review")


@WITH_SCRIPTS
def test_the_bar_of_a_phone_says_how_many_wait(open_for: OpenFor, world: World) -> None:
    fill(world, 2)
    window = open_for(world.cast.rui)
    page = window.page
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    polls: list[str] = []
    page.on("request", lambda request: polls.append(request.url) if "/approvals/waiting/" in request.url else None)

    window.open("/settings/")
    link = page.locator(".topbar").get_by_role("link", name="Approvals 2 waiting")
    expect(link).to_be_visible()
    assert len(polls) == 1, "one question for both places"
    link.click()
    expect(page).to_have_url(f"{window.origin}/approvals/")
