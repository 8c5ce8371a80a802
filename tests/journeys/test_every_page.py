"""Every page of the console, light, dark and on a phone: nothing complains, leaks, overflows or shuts anybody out."""

import os
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from django.core.management import call_command
from playwright.sync_api import Browser, Page
from pytest_django import DjangoDbBlocker

from core.clock import now as clock_now
from tests.examples.server import LiveConto
from tests.journeys import stages
from tests.journeys.atlas import Place, places
from tests.journeys.browser import AXE, DESKTOP, PHONE, Window, open_window
from tests.journeys.photos import DAYS, FOLDER, IN_README
from tests.journeys.stages import Stage
from tests.journeys.weights import Scale, Weight, judge

pytestmark = pytest.mark.journey

PHOTOS = Path(os.environ[FOLDER]) if FOLDER in os.environ else None
HISTORY_DAYS = DAYS if PHOTOS else 4
PARTS = 4
"""The pages are shared out among so many tests, which may run side by side."""

GONE = {
    "mfa-deactivate-totp", "mfa-view-recovery-codes", "mfa-download-recovery-codes", "mfa-remove-webauthn",
    "mfa-edit-webauthn", "people-invitation-gone",
}  # fmt: skip
"""What is rightly not there: a second factor that was not set up, an invitation that nobody made."""

AT_LENGTH = (
    "insight-fleet", "agents-detail", "agents-edit", "approvals-inbox", "approvals-authorizations", "audit-log",
    "approvals-authorization-pending_review", "approvals-authorization-approved", "approvals-authorization-declined",
    "insight-overview", "insight-analytics", "insight-payments", "insight-decisions", "insight-budgets",
    "people-settings", "people-members", "policies-list", "policies-detail",
    "policies-draft", "policies-publish", "spend-counterparties", "spend-counterparty",
)  # fmt: skip
BARE = (
    "insight-fleet", "agents-new", "approvals-inbox", "approvals-authorizations", "audit-log", "insight-overview",
    "insight-analytics", "insight-payments", "insight-decisions", "insight-review-times", "insight-budgets",
    "insight-flagged", "people-settings", "people-members", "people-keys",
    "policies-list", "policies-create", "spend-counterparties", "spend-pegs",
)  # fmt: skip

OVER = (("palette", "Control+k", "#palette [role=option]"), ("keys", "?", "#keys:popover-open"))
"""What a key opens, and what is there then."""

VIOLATIONS = """async (rules) => {
  const options = {resultTypes: ["violations"], ...(rules ? {runOnly: rules} : {})};
  const found = await axe.run(document, options);
  const why = (one, node) => `${one.id} at ${node.target}: ${node.any[0]?.message ?? one.help}`;
  return found.violations.flatMap((one) => one.nodes.map((node) => why(one, node)));
}"""
THEME = """(theme) => {
  document.documentElement.dataset.bsTheme = theme;
  document.dispatchEvent(new CustomEvent("conto:theme"));
}"""
TOO_WIDE = """() => {
  const scrolls = (one) => ["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(one).overflowX);
  const inside = (one) => one && one !== document.body && (scrolls(one) || inside(one.parentElement));
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  const wide = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > innerWidth);
  const loose = wide.filter((one) => !inside(one.parentElement)).slice(-2).map((one) => one.outerHTML.slice(0, 160));
  return [`wider than ${innerWidth}: ${document.documentElement.scrollWidth} ${loose}`];
}"""

SCROLLS_BY_NOTHING = """() => {
  const scrolls = (one) => ["auto", "scroll"].includes(getComputedStyle(one).overflowY);
  const over = (one) => one.scrollHeight - one.clientHeight;
  const odd = [...document.body.querySelectorAll("*")].filter((one) => over(one) > 0 && over(one) < 8 && scrolls(one));
  return odd.map((one) => `scrolls by ${over(one)} px: ${one.cloneNode().outerHTML.slice(0, 160)}`);
}"""
"""Bars are hidden on photos; people who use a mouse see them."""


@pytest.fixture(scope="module")
def database(conto_process: LiveConto, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Committed rows that the tests here share, and none of others; gone after the last one."""
    with django_db_blocker.unblock():
        call_command("flush", verbosity=0, interactive=False)
        yield
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture(scope="module")
def company(database: None) -> Stage:
    """A company that has been at it for some days."""
    return stages.seeded(clock_now(), days=HISTORY_DAYS)


@pytest.fixture
def window(browser: Browser, conto_process: LiveConto, database: None) -> Iterator[Window]:
    """A window with axe in it."""
    found = open_window(browser, conto_process.url)
    found.expected.add(404)
    found.context.add_init_script(path=AXE)
    yield found
    found.context.close()


@pytest.mark.parametrize("part", range(PARTS))
def test_pages_of_a_company(window: Window, company: Stage, part: int) -> None:
    weights: dict[str, Weight] = {}
    window.sign_in_as(company.viewer)
    found = look_at(window, list(places(company.examples))[part::PARTS], weights=weights)
    # A month of history, as on photos, weighs more than was reviewed.
    must_be_well(found if PHOTOS else [*found, *judge(weights)])


def test_pages_before_signing_in(window: Window, company: Stage) -> None:
    outside = [one for one in places(company.examples) if one.path.startswith(("/accounts/", "/invitations/"))]
    must_be_well(look_at(window, outside, named="outside-"))


def test_pages_where_everything_is_long(window: Window, database: None) -> None:
    stage = stages.overlong(clock_now())
    window.sign_in_as(stage.viewer)
    must_be_well(look_at(window, chosen(stage, AT_LENGTH), named="long-"))


def test_pages_where_there_is_nothing_yet(window: Window, company: Stage) -> None:
    stage = stages.empty(clock_now())
    window.sign_in_as(stage.viewer)
    must_be_well(look_at(window, chosen(company, BARE), named="empty-"))


def test_a_page_that_is_not_there(window: Window, company: Stage) -> None:
    window.sign_in_as(company.viewer)
    window.open("/agents/agt_00000000000000000000000000/")
    must_be_well([*faults_of(window, "not-found"), *window.faults])


def test_what_opens_over_a_page(window: Window, company: Stage) -> None:
    window.sign_in_as(company.viewer)
    page, found = window.page, list[str]()
    for name, key, opened in OVER:
        window.open("/settings/")
        page.keyboard.press(key)
        page.locator(opened).first.wait_for()
        found += faults_of(window, f"over-{name}")
    window.open("/settings/")
    page.locator(".person").click()
    must_be_well([*found, *faults_of(window, "over-menu"), *window.faults])


def must_be_well(found: list[str]) -> None:
    assert not found, "\n".join(found)


def chosen(stage: Stage, names: Iterable[str]) -> list[Place]:
    """The places with these names; each has to be one."""
    found = {place.name: place for place in places(stage.examples)}
    return [found[name] for name in names]


def look_at(
    window: Window, where: Iterable[Place], *, named: str = "", weights: dict[str, Weight] | None = None
) -> list[str]:
    """Open each place that is a page of its own and return everything that is wrong with any of them.

    What only leads to another page is looked at there; what takes no GET, or answers with a file, is none. `weights`
    gets what each page costs.
    """
    scale = Scale()
    found: list[str] = []
    for place in where:
        answer = window.context.request.get(f"{window.origin}{place.path}")
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED or answer.url != f"{window.origin}{place.path}":
            continue
        if answer.status >= HTTPStatus.BAD_REQUEST and place.name not in GONE:
            found.append(f"{place.path} answers {answer.status}")
        if "text/html" in answer.headers.get("content-type", "") and "<html" in answer.text():
            window.open(place.path)
            if weights is not None:
                weights[place.name] = scale.weigh(window.page)
            found += faults_of(window, f"{named}{place.name}")
    return [*found, *window.faults]


def faults_of(window: Window, name: str) -> list[str]:
    """What is wrong with the page that is open: light and dark on a desk, light on a phone."""
    page = window.page
    found = page.evaluate(VIOLATIONS, None)
    found += page.evaluate(TOO_WIDE)
    found += page.evaluate(SCROLLS_BY_NOTHING)
    keep(page, f"{name}.light")
    page.evaluate(THEME, "dark")
    found += page.evaluate(VIOLATIONS, ["color-contrast"])
    keep(page, f"{name}.dark")
    page.evaluate(THEME, "light")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    found += page.evaluate(TOO_WIDE)
    keep(page, f"{name}.phone")
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    return [f"{name}: {one}" for one in found]


def keep(page: Page, name: str) -> None:
    """Take a photo if somebody wants photos."""
    if PHOTOS is not None:
        page.screenshot(path=PHOTOS / f"{name}.png", full_page=True, caret="initial")
        if name.removesuffix(".light") in IN_README:
            page.screenshot(path=PHOTOS / f"{name}.first.png", caret="initial")
