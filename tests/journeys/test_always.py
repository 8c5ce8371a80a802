"""From a request to a rule: what a person always wants to allow becomes a draft, and counts once it is published."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from core.clock import now as clock_now
from spend.payee import PayeeClaim
from tests.approvals.world import World, ask, make_world, stored
from tests.examples.server import LiveConto
from tests.journeys.conftest import OpenFor

pytestmark = pytest.mark.journey

RULES = ({"key": "large", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}},)
OTHER = PayeeClaim("Other", ("domain:other.example",))


@pytest.fixture
def world(conto: LiveConto) -> World:
    return make_world(*RULES, now=clock_now() - timedelta(hours=2))


def outcome(world: World, amount: str, **more: Any) -> str:
    return stored(ask(world, amount, now=clock_now(), **more)).outcome


def test_such_a_payment_passes_once_the_draft_is_published(open_for: OpenFor, world: World) -> None:
    ask(world, "120", now=clock_now())
    window = open_for(world.cast.ada)
    page = window.page
    window.open("/approvals/")

    page.get_by_role("link", name="Always allow…").click()
    expect(page.get_by_role("heading", name="Always allow such a payment?")).to_be_visible()
    window.fill("Up to", "200")
    window.press("Open a draft")

    expect(page.get_by_text("Ada suggests")).to_be_visible()
    expect(page.get_by_text("may pay OpenAI up to $200.00 without asking")).to_be_visible()
    assert outcome(world, "120") == "review"
    page.get_by_role("link", name="The request it comes from").click()
    expect(page.get_by_role("heading", name="120.00 USD")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="Review and publish").click()
    window.press("Publish")
    expect(page.get_by_text("Version 2 is enforced.")).to_be_visible()

    assert outcome(world, "120") == "allow"
    assert outcome(world, "200.01") == "review"
    assert outcome(world, "120", payee=OTHER) == "review"


def test_who_reviews_only_is_not_offered_it(open_for: OpenFor, world: World) -> None:
    ask(world, "120", now=clock_now())
    window = open_for(world.cast.rui)
    window.open("/approvals/")
    expect(window.page.get_by_role("button", name="Approve", exact=True)).to_be_visible()
    expect(window.page.get_by_role("link", name="Always allow…")).to_have_count(0)
