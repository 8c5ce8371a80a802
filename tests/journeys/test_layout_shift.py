"""Nothing moves under the pointer: what a page brings in later has its place beforehand."""

from collections.abc import Iterator
from typing import Final

import pytest
from django.core.management import call_command
from django.urls import reverse
from playwright.sync_api import Browser
from pytest_django import DjangoDbBlocker

from core.clock import now as clock_now
from tests.examples.server import LiveConto
from tests.journeys import stages
from tests.journeys.browser import DESKTOP, PHONE, Window, open_window
from tests.journeys.stages import Stage

pytestmark = pytest.mark.journey

MOST: Final = 0.02
"""A fifth of what the web's own measure calls good."""
WATCH: Final = """
window.shifts = [];
new PerformanceObserver((list) => {
  const told = (one) => one.node?.outerHTML?.slice(0, 120) ?? one.node?.nodeName ?? "what is gone";
  const fresh = list.getEntries().filter((one) => !one.hadRecentInput);
  window.shifts.push(...fresh.map((one) => [one.value, one.sources.map(told)]));
}).observe({type: "layout-shift", buffered: true});
"""
DRAWN: Final = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
POLLED: Final = ("insight:fleet", "agents:detail")
"""Pages with a part that renews itself every 5 s: they are watched through the first time."""


@pytest.fixture(scope="module")
def company(conto_process: LiveConto, django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    """A company that has been at it for some days; gone after the last test here."""
    with django_db_blocker.unblock():
        call_command("flush", verbosity=0, interactive=False)
        yield stages.seeded(clock_now(), days=3)
        call_command("flush", verbosity=0, interactive=False)


def shifts_of(window: Window, route: str, path: str) -> list[tuple[float, list[str]]]:
    """What moved on a page from its first byte on, how far, and which elements."""
    if route in POLLED:
        polled = "/runtime/" if route == "agents:detail" else path
        with window.page.expect_response(
            lambda answer: polled in answer.url and "if-none-match" in answer.request.headers
        ):
            window.open(path)
    else:
        window.open(path)
    window.settle()
    window.page.evaluate(DRAWN)
    found: list[tuple[float, list[str]]] = window.page.evaluate("window.shifts")
    return found


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize(
    "route",
    [
        "insight:overview", "approvals:inbox", "insight:fleet", "agents:detail", "approvals:authorizations",
        "insight:analytics", "insight:budgets", "policies:draft", "spend:counterparty", "policies:detail",
    ],
)  # fmt: skip
def test_nothing_moves_while_a_page_loads_and_renews_itself(
    browser: Browser, conto_process: LiveConto, company: Stage, route: str, size: tuple[int, int]
) -> None:
    app = route.partition(":")[0]
    parameter = {"policies": "policy_id", "agents": "public_id", "spend": "public_id"}.get(app, "")
    given = [next(iter(company.examples[f"{app}:{parameter}"].values()))] if parameter else []
    window = open_window(browser, conto_process.url, size=size)
    window.context.add_init_script(WATCH)
    window.sign_in_as(company.viewer)

    found = shifts_of(window, route, reverse(route, args=given))
    window.context.close()

    assert window.faults == []
    assert sum(value for value, _ in found) <= MOST, found
