"""Somebody joins by a link and sees what the role may; somebody of another organization sees that nothing is there."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from conto_admin.proof import GOOD_PAYEE, App
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from tests.approvals.world import make_world
from tests.factories import PASSWORD
from tests.journeys.conftest import WITH_SCRIPTS, OpenFor

pytestmark = [pytest.mark.journey, WITH_SCRIPTS]


def test_an_invited_member_joins_and_sees_what_the_role_may(open_for: OpenFor) -> None:
    world = make_world({"key": "all", "type": "APPROVAL_THRESHOLD", "above": {"USD": "1"}}, now=clock_now())
    admin, guest = open_for(world.cast.ada), open_for()
    agent = f"/agents/{to_public(Prefix.AGENT, world.agent.id)}/"

    admin.open("/settings/members/")
    admin.page.get_by_label("Mail address", exact=True).fill("kit@example.com")
    admin.page.get_by_role("checkbox", name="Viewer: Reads everything.").check()
    admin.press("Make an invitation link")
    link = urlsplit(admin.page.locator(".secret-value").inner_text()).path

    page = guest.page
    guest.open(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("Join Acme")
    guest.fill("Name", "Kit")
    page.locator("input[type=password]").first.fill(PASSWORD)
    guest.press("Create the account and join")
    expect(page.locator(".person-name")).to_have_text("Kit")

    with App(guest.origin, world.secret) as app:
        asked = app.ask("20", GOOD_PAYEE)
    guest.open(f"/approvals/{asked['id']}/")
    expect(page.get_by_text("Your roles do not let you review payments.")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    guest.open(agent)
    for action in ("Edit", "Issue a key", "Seal a secret"):
        expect(page.get_by_role("link", name=action)).to_have_count(0)
    expect(page.get_by_role("button", name="Freeze")).to_have_count(0)
    guest.expected |= {403, 404}
    answer = guest.open(f"{agent}edit/")
    assert answer is not None
    assert answer.status == 403
    answer = guest.open(link)
    assert answer is not None
    assert answer.status == 404


def test_a_person_of_another_organization_finds_nothing(open_for: OpenFor) -> None:
    world = make_world({"key": "all", "type": "APPROVAL_THRESHOLD", "above": {"USD": "1"}}, now=clock_now())
    window = open_for(world.cast.mallory)
    window.expected.add(404)
    with App(window.origin, world.secret) as app:
        asked = app.ask("20", GOOD_PAYEE)["id"]
    agent = to_public(Prefix.AGENT, world.agent.id)
    for path in (f"/approvals/{asked}/", f"/authorizations/{asked}/", f"/agents/{agent}/", f"/agents/{agent}/edit/"):
        answer = window.open(path)
        assert answer is not None
        assert answer.status == 404
        expect(window.page.get_by_role("heading", level=1)).to_be_visible()
    window.open("/approvals/")
    expect(window.page.locator(".nothing-title").get_by_text("Nothing waits for you")).to_be_visible()
