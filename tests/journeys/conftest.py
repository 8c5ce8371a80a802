"""Fixtures of the journeys: the browser, the live server, and windows whose faults fail the test."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Protocol

import pytest
from playwright.sync_api import Browser

from conto_admin.embedded import ROOT
from core.clock import now as clock_now
from people.models import Member
from tests.approvals.world import World, make_world
from tests.examples.server import LiveConto
from tests.journeys.browser import AXE, DESKTOP, Window, chromium, open_window
from tests.journeys.waiting import RULES

# The example is a program of its own: its files import each other by their bare names.
sys.path.append(str(ROOT / "examples"))

WITH_SCRIPTS = pytest.mark.parametrize("has_scripts", [True], indirect=True, ids=["scripts"])
"""For journeys that do nothing on pages which others do not do without scripts too."""


class OpenFor(Protocol):
    """Opens a window for a member; for nobody in particular without one."""

    def __call__(self, member: Member | None = None) -> Window: ...


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a file: its event loop must not stay for those of others."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def conto_process(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveConto]:
    """One server for all tests here."""
    conto = LiveConto(tmp_path_factory.mktemp("conto") / "web.log")
    conto.start()
    yield conto
    conto.supervisor.stop()


@pytest.fixture
def conto(conto_process: LiveConto, transactional_db: None) -> LiveConto:
    """The server, on an empty database whose rows are committed."""
    return conto_process


@pytest.fixture
def world(conto: LiveConto) -> World:
    """An organization in which people decide what is more than 50 USD."""
    return make_world(*RULES, now=clock_now() - timedelta(hours=2))


@pytest.fixture
def window(browser: Browser, conto: LiveConto) -> Iterator[Window]:
    """A window with axe in it."""
    found = open_window(browser, conto.url)
    found.context.add_init_script(path=AXE)
    yield found
    found.context.close()


@pytest.fixture(params=[True, False], ids=["scripts", "no-scripts"])
def has_scripts(request: pytest.FixtureRequest) -> bool:
    """Whether the browser runs scripts: everything must go without."""
    return bool(request.param)


@pytest.fixture
def open_for(browser: Browser, conto: LiveConto, has_scripts: bool) -> Iterator[OpenFor]:
    """Open windows; afterwards none of them may have met anything that no page must do."""
    windows: list[Window] = []

    def opened(member: Member | None = None) -> Window:
        window = open_window(browser, conto.url, size=DESKTOP, has_scripts=has_scripts)
        windows.append(window)
        if member is not None:
            window.sign_in_as(member)
        return window

    yield opened
    for window in windows:
        window.context.close()
    assert [fault for window in windows for fault in window.faults] == []
