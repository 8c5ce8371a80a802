"""Several payments at once: shown beside the live queue, answered there, taken back there; and without scripts."""

from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from approvals.lifecycle import UNDO_TIME
from approvals.models import Authorization
from approvals.services.finalise import finalise_reviews
from core.clock import now as clock_now
from core.ids import Prefix, from_public, to_public
from tests.approvals.world import World, ask, make_world, say_yes
from tests.journeys.browser import Window
from tests.journeys.conftest import WITH_SCRIPTS, OpenFor
from tests.journeys.test_every_page import faults_of, must_be_well
from tests.journeys.waiting import fill

pytestmark = pytest.mark.journey

ASKING = (
    {"key": "month", "type": "SPEND_LIMIT", "monthly": {"USD": "5000"}},
    {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "2000"}, "period": "month", "on_breach": "review"},
    {"key": "large", "type": "APPROVAL_THRESHOLD", "above": {"USD": "100"}},
)
NATIVE = """() => {
  const form = document.getElementById("bulk");
  form.append(Object.assign(document.createElement("input"), {type: "hidden", name: "verdict", value: "approve"}));
  form.submit();
}"""
"""What a browser without scripts does with the form."""


def choose(window: Window, *chosen: str) -> None:
    for one in chosen:
        window.page.locator(f"#row-{one} [name=chosen]").check()


def statuses() -> dict[str, str]:
    finalise_reviews(now=clock_now() + UNDO_TIME)
    return {to_public(Prefix.AUTHORIZATION, one.id): one.status for one in Authorization.objects.all()}


@WITH_SCRIPTS
def test_what_they_take_and_what_came_of_each_stand_beside_the_live_queue(open_for: OpenFor, world: World) -> None:
    first, second, third = fill(world, 3)
    window = open_for(world.cast.rui)
    page, pane = window.page, window.page.locator("#request")
    window.open("/approvals/")
    choose(window, first, second)
    page.keyboard.press("Shift+A")

    expect(pane.get_by_role("heading", name="Approve 2 payments?")).to_be_visible()
    expect(pane).to_contain_text("What they take")
    assert not Authorization.objects.filter(status="approved").exists()
    # While it is read, somebody else approves one of them.
    say_yes(Authorization.objects.get(amount=101), world.cast.ada, now=clock_now())
    expect(page.locator(f"#row-{second}")).to_have_count(0)
    expect(pane.get_by_role("heading", name="Approve 2 payments?")).to_be_visible()
    page.keyboard.press("y")

    expect(pane.get_by_role("heading", name="1 of 2 approved")).to_be_visible()
    expect(pane).to_contain_text("Not stored")
    expect(page.locator(f"#row-{first}")).to_contain_text("you approved")
    page.keyboard.press("n")
    expect(page.locator(f'[data-request="{third}"]')).to_be_visible()
    found = statuses()
    assert [found[one] for one in (first, second, third)] == ["approved", "approved", "pending_review"]


@WITH_SCRIPTS
def test_all_are_taken_back_with_one_key(open_for: OpenFor, world: World) -> None:
    first, second = fill(world, 2)
    window = open_for(world.cast.rui)
    page, pane = window.page, window.page.locator("#request")
    window.open("/approvals/")
    choose(window, first, second)
    window.press("Reject…")
    expect(pane.get_by_role("heading", name="Reject 2 payments?")).to_be_visible()
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("We have these already.")
    page.keyboard.press("Control+Enter")
    expect(pane.get_by_role("heading", name="2 of 2 rejected")).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_text("2 of 2 answers taken back.")).to_be_visible()
    expect(page.locator(f'[data-request="{first}"]')).to_be_visible()
    assert set(statuses().values()) == {"pending_review"}


@WITH_SCRIPTS
def test_all_are_selected_with_a_key_and_taking_back_leads_to_where_one_was(open_for: OpenFor, world: World) -> None:
    waiting = fill(world, 3)
    window = open_for(world.cast.rui)
    page, pane = window.page, window.page.locator("#request")
    window.open("/approvals/")
    page.keyboard.press("?")
    for told in ("Undo the last answer", "Select all that are listed"):
        expect(page.locator("#keys [data-page-key]", has_text=told)).to_have_count(1)
    page.keyboard.press("Escape")
    page.locator(f"#open-{waiting[1]}").click()
    expect(page.locator(f'[data-request="{waiting[1]}"]')).to_be_visible()

    page.keyboard.press("*")
    expect(page.locator("#bulk")).to_contain_text("3 selected")
    page.keyboard.press("r")
    expect(pane.get_by_role("heading", name="Reject 3 payments?")).to_be_visible()
    pane.get_by_role("button", name="Paid already.").click()
    expect(pane.get_by_label("Reason")).to_have_value("Paid already.")
    expect(pane.get_by_label("Reason")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(pane.get_by_role("heading", name="3 of 3 rejected")).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator(f'[data-request="{waiting[1]}"]')).to_be_visible()
    expect(page).to_have_url(f"{window.origin}/approvals/{waiting[1]}/")
    assert set(statuses().values()) == {"pending_review"}


@WITH_SCRIPTS
def test_a_no_names_the_payment_and_has_its_reasons_ready(open_for: OpenFor, world: World) -> None:
    fill(world, 1)
    window = open_for(world.cast.rui)
    page = window.page
    window.open("/approvals/")
    page.keyboard.press("r")
    dialog = page.get_by_role("dialog", name="Reject 100.00 USD to Vendor 00?")
    dialog.get_by_role("button", name="Not agreed with this payee.").click()
    expect(dialog.get_by_label("Reason")).to_have_value("Not agreed with this payee.")
    expect(dialog).to_contain_text("Ctrl or")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".undo")).to_contain_text("Rejected")


@pytest.mark.parametrize("has_scripts", [False], indirect=True, ids=["no-scripts"])
def test_without_scripts_each_step_is_a_page(open_for: OpenFor, world: World) -> None:
    first, second, third = fill(world, 3)
    window = open_for(world.cast.rui)
    page = window.page
    window.open("/approvals/?payee=vendor")
    choose(window, first, third)
    window.press("Approve…")

    expect(page.get_by_role("heading", name="Approve 2 payments?", level=1)).to_be_visible()
    window.press("Approve 2")
    expect(page.get_by_role("heading", name="2 of 2 approved", level=1)).to_be_visible()
    page.get_by_role("link", name="Back to the queue").click()
    expect(page).to_have_url(f"{window.origin}/approvals/?payee=vendor")
    found = statuses()
    assert [found[one] for one in (first, second, third)] == ["approved", "pending_review", "approved"]


def test_steps_of_several_answers(window: Window) -> None:
    world = make_world(*ASKING, now=clock_now() - timedelta(hours=1))
    world.cast.organization.confirmation_amount = Decimal(800)
    world.cast.organization.save()
    for amount in ("120", "950", "240.50"):
        ask(world, amount, now=clock_now() - timedelta(minutes=5), purpose="Credits for the month")
    window.sign_in_as(world.cast.rui)
    page, found = window.page, list[str]()
    for name, verdict in (
        ("page", NATIVE),
        ("beside", "() => document.querySelector('#bulk [value=approve]').click()"),
    ):
        window.open("/approvals/")
        page.locator("[data-pick-all]").check()
        found += faults_of(window, f"bulk-chosen-{name}")
        page.evaluate(verdict)
        page.locator("#bulk-answer").wait_for()
        window.settle()
        found += faults_of(window, f"bulk-{name}")
    page.keyboard.press("y")
    page.locator(".undo-bulk").wait_for()
    found += faults_of(window, "bulk-done")
    must_be_well([*found, *window.faults])


def test_several_answers_of_which_some_came_too_late(window: Window, world: World) -> None:
    first, second, third = fill(world, 3)
    window.sign_in_as(world.cast.rui)
    page, found = window.page, list[str]()
    for name, chosen in (("beside", (first, second)), ("page", (third,))):
        window.open("/approvals/")
        choose(window, *chosen)
        page.evaluate("() => document.querySelector('#bulk [value=approve]').click()" if name == "beside" else NATIVE)
        page.locator("#bulk-answer").wait_for()
        say_yes(late_one(chosen[-1]), world.cast.ada, now=clock_now())
        page.locator("#bulk-answer [value=yes]").click()
        expect(page.locator("main")).to_contain_text("Not stored")
        window.settle()
        found += faults_of(window, f"bulk-too-late-{name}")
    must_be_well([*found, *window.faults])


def late_one(public_id: str) -> Authorization:
    return Authorization.objects.get(id=from_public(Prefix.AUTHORIZATION, public_id))
