"""An auditor watches what was done become sealed, by a real worker."""

import time

import pytest
from playwright.sync_api import expect

from audit.selectors import seal_state
from conto_admin.proof import GOOD_PAYEE, App
from core.clock import now as clock_now
from tests.approvals.world import make_world
from tests.journeys.conftest import WITH_SCRIPTS, OpenFor
from tests.workers import CLOCK, Workers

pytestmark = [pytest.mark.journey, pytest.mark.worker, WITH_SCRIPTS]

PATIENCE_SECONDS = 60


def test_what_was_done_is_sealed(open_for: OpenFor, workers: Workers) -> None:
    workers.start(*CLOCK)
    world = make_world({"key": "all", "type": "APPROVAL_THRESHOLD", "above": {"USD": "1"}}, now=clock_now())
    reviewer, auditor = open_for(world.cast.rui), open_for(world.cast.vera)
    with App(reviewer.origin, world.secret) as app:
        asked = app.ask("20", GOOD_PAYEE)
    reviewer.open(f"/approvals/{asked['id']}/")
    reviewer.press("Approve", within=".answer")
    expect(reviewer.page.locator(".undo-left")).to_be_visible()

    deadline = time.monotonic() + PATIENCE_SECONDS
    while seal_state(world.organization_id).unsealed and time.monotonic() < deadline:
        auditor.open("/audit/")

    auditor.open("/audit/")
    expect(auditor.page.get_by_text("Sealed up to event")).to_be_visible()
    expect(auditor.page.get_by_role("table").get_by_text("Not sealed yet")).to_have_count(0)
    auditor.open(f"/authorizations/{asked['id']}/")
    history = auditor.page.locator("main").inner_text()
    assert "Rui" in history
