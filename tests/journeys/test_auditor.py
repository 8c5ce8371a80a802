"""An auditor proves that nothing was changed: takes the proof home and checks it without the server."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from audit.services.sealing import seal
from conto_admin.proof import GOOD_PAYEE, App
from core.clock import now as clock_now
from tests.approvals.world import World, make_world
from tests.journeys.browser import Window
from tests.journeys.conftest import OpenFor

pytestmark = pytest.mark.journey
REVIEW = {"key": "all", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
ROWS = """() => {
  const fields = [...document.querySelectorAll(".filters > :not(.chips, .filters-fold)")];
  return new Set(fields.map((one) => Math.round(one.getBoundingClientRect().bottom))).size;
}"""
"""In how many rows the fields of the filter stand."""


def download(window: Window, name: str, folder: Path) -> Path:
    """Click what is called so and keep the file that comes."""
    with window.page.expect_download() as coming:
        window.page.locator("main").get_by_role("link", name=name, exact=True).first.click()
    path = folder / coming.value.suggested_filename
    coming.value.save_as(path)
    return path


def verified(verifier: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What the stand-alone program says, far from the server."""
    command = [sys.executable, "-I", str(verifier), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=verifier.parent)


def key_of(window: Window) -> str:
    """The public key, as the page gives it."""
    said = window.page.locator("#prove pre").text_content() or ""
    return said.split("--key ")[1].split()[0]


def spend_something(world: World, origin: str) -> str:
    with App(origin, world.secret) as app:
        asked = app.ask("20", GOOD_PAYEE)
        app.ask("60", GOOD_PAYEE)
    seal(world.organization_id, now=clock_now())
    return str(asked["id"])


def test_an_auditor_proves_that_nothing_was_changed(open_for: OpenFor, tmp_path: Path) -> None:
    world = make_world(REVIEW, now=clock_now())
    auditor = open_for(world.cast.vera)
    asked = spend_something(world, auditor.origin)

    # What was kept outside, before anything else happened.
    auditor.open("/audit/")
    auditor.page.locator("#prove summary").click()
    key, kept = key_of(auditor), download(auditor, "Checkpoint", tmp_path)
    verifier = download(auditor, "Verifier", tmp_path)
    spend_something(world, auditor.origin)

    # The whole log continues what was kept.
    auditor.open("/audit/")
    whole = download(auditor, "Export with proof", tmp_path)
    proven = verified(verifier, str(whole), "--key", key, "--since", str(kept))
    assert proven.returncode == 0, proven.stdout + proven.stderr

    # One payment's events alone, by the filter that the address holds.
    auditor.open(f"/audit/?subject={asked}")
    expect(auditor.page.get_by_text(f"To what: {asked}")).to_be_visible()
    some = download(auditor, "Export these with proof", tmp_path)
    assert verified(verifier, str(some), "--key", key).returncode == 0

    # One event for good, with its own proof; an edited copy is found out.
    auditor.page.locator("td details summary").first.click()
    auditor.page.locator("td a[href^='/audit/events/']").first.click()
    expect(auditor.page.get_by_role("heading", name="Place in the log")).to_be_visible()
    one = download(auditor, "Download its proof", tmp_path)
    assert verified(verifier, str(one), "--key", key).returncode == 0
    one.write_text(one.read_text().replace("20", "21"))
    assert verified(verifier, str(one), "--key", key).returncode != 0


def test_an_auditor_narrows_the_list_down_and_keeps_the_filter(open_for: OpenFor) -> None:
    world = make_world(REVIEW, now=clock_now())
    auditor = open_for(world.cast.vera)
    asked = spend_something(world, auditor.origin)
    auditor.open("/authorizations/?status=pending_review")
    rows = auditor.page.locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("60.00")

    assert auditor.page.evaluate(ROWS) == 1, "the usual filters stand in one calm row"
    auditor.page.get_by_text("Keep this filter").click()
    auditor.fill("Name", "Waiting")
    auditor.press("Keep")
    auditor.open("/authorizations/")
    expect(rows).to_have_count(2)
    auditor.page.get_by_role("link", name="Waiting", exact=True).click()
    expect(rows).to_have_count(1)
    auditor.page.get_by_role("link", name="Status: Needs review").click()
    expect(rows).to_have_count(2)

    auditor.page.locator("summary", has_text="More filters").click()
    auditor.fill("At most", "30")
    auditor.page.locator("form[role=search]").get_by_role("button", name="Filter").click()
    expect(rows).to_have_count(1)
    rows.first.get_by_role("link").first.click()
    expect(auditor.page).to_have_url(f"{auditor.origin}/authorizations/{asked}/")
    auditor.settle()
    expect(auditor.page.locator("main").get_by_text("History").first).to_be_visible()
