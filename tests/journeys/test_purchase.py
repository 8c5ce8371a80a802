"""The example app buys from the paid service, while a reviewer answers in the browser."""

from collections.abc import Iterator

import pytest
from orders import Ending, State
from playwright.sync_api import expect

from approvals.lifecycle import UNDO_TIME
from approvals.services.finalise import finalise_reviews
from core.clock import now as clock_now
from tests.examples.market import DEAR, Market, open_market
from tests.examples.server import LiveConto
from tests.journeys.conftest import WITH_SCRIPTS, OpenFor

pytestmark = [pytest.mark.journey, WITH_SCRIPTS]

UNANSWERED = ".queue-item:not(.is-answered)"


@pytest.fixture
def market(conto: LiveConto) -> Iterator[Market]:
    with open_market(conto) as found:
        yield found


def test_what_a_reviewer_approves_is_bought_and_what_one_rejects_is_not(open_for: OpenFor, market: Market) -> None:
    reviewer = open_for(market.world.cast.rui)
    page = reviewer.page
    wanted, unwanted = market.buy(DEAR), market.buy(DEAR)
    assert (wanted.state, unwanted.state) == (State.WAITING, State.WAITING)
    assert market.served() == []

    reviewer.open("/approvals/")
    expect(page.locator(".queue-item")).to_have_count(2)
    reviewer.open(f"/approvals/{wanted.authorization}/")
    reviewer.press("Approve", within=".answer")
    expect(page.locator(UNANSWERED)).to_have_count(1)
    reviewer.open(f"/approvals/{unwanted.authorization}/")
    reviewer.press("Reject", within=".answer")
    page.get_by_role("dialog").get_by_label("Reason").fill("One report is enough.")
    page.get_by_role("dialog").get_by_role("button", name="Reject").click()
    expect(page.locator(UNANSWERED)).to_have_count(0)
    finalise_reviews(now=clock_now() + UNDO_TIME)
    market.go_on()

    assert market.ending(wanted) is Ending.RECORDED
    assert market.served() == [wanted.authorization]
    found = market.find(unwanted)
    assert (found.ending, found.note) == (Ending.REJECTED, "One report is enough.")

    reviewer.open(f"/authorizations/{wanted.authorization}/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Recorded")
