"""A finance person asks who spent what, finds the single payment, and sees how long a budget lasts."""

import csv
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.sync_api import expect

from approvals.services.booking import Flag, Report
from approvals.services.record import record_spend
from core.clock import now as clock_now
from core.ids import new_id
from insight.services import roll
from spend.models import Hold, SpendRecord
from spend.payee import PayeeClaim
from tests.approvals.world import World, add_agent, ask, make_world
from tests.journeys.browser import DESKTOP, PHONE
from tests.journeys.conftest import WITH_SCRIPTS, OpenFor
from tests.listed import payments

pytestmark = pytest.mark.journey

POT = {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "1000"}, "period": "year", "warn_at": [10]}

DRAWN = """() => {
  const chart = echarts.getInstanceByDom(document.querySelector("#spend-over-time"));
  const [lowest, highest] = chart.getModel().getComponent("yAxis").axis.scale.getExtent();
  const dashes = chart.getOption().legend[0].data.filter((one) => one.icon).map((one) => one.name);
  return { lowest, highest, dashes };
}"""

LEGEND_IS = """(kind) => {
  const chart = window.echarts?.getInstanceByDom(document.querySelector("#spend-over-time"));
  return chart?.getOption()?.legend?.[0]?.type === kind;
}"""

GITHUB = PayeeClaim("GitHub", ("domain:github.com",))
OPENAI = PayeeClaim("OpenAI", ("domain:api.openai.com",))


def pay(world: World, amount: str, category: str, now: datetime, payee: PayeeClaim = GITHUB) -> None:
    asked = ask(world, amount, category=category, payee=payee, now=now).answer.id
    reach: dict[str, Any] = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    record_spend(asked, Report(Decimal(amount), "USD"), actor=world.actor, now=now, **reach)


def test_a_figure_leads_to_the_single_payment(open_for: OpenFor) -> None:
    now = clock_now()
    world = make_world(POT, now=now - timedelta(days=2))
    pay(world, "120", "cloud", now - timedelta(days=1))
    pay(world, "45.50", "books", now - timedelta(minutes=1))
    roll(world.organization_id, now=now)
    window = open_for(world.cast.vera)
    page = window.page

    window.open("/analytics/")
    expect(page.locator("#spend")).to_contain_text("165.50")
    page.get_by_label("Group spend by").get_by_role("link", name="Category").click()
    page.locator("#groups").get_by_role("link", name="books", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Payments")
    expect(page.locator("main")).to_contain_text("45.50")
    expect(page.locator("main")).not_to_contain_text("120.00")
    page.locator("main table tbody tr").first.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Recorded")

    window.open("/budgets/")
    expect(page.locator("#pots")).to_contain_text("834.50")
    page.locator(".pot-name").get_by_role("link").click()
    expect(page.locator("#spenders")).to_contain_text("165.50")


def test_a_period_is_chosen_and_compared(open_for: OpenFor) -> None:
    now = clock_now()
    world = make_world(POT, now=now - timedelta(days=12))
    pay(world, "40", "cloud", now - timedelta(days=9))
    pay(world, "60", "cloud", now - timedelta(days=1))
    window = open_for(world.cast.vera)
    page = window.page

    window.open("/analytics/")
    page.get_by_label("Period").select_option("7")
    if window.has_scripts:
        expect(page.locator("#spend .stat-value").first).to_contain_text("60.00")
    page.get_by_label("Compare with the time before").check()
    if not window.has_scripts:
        page.locator(".analytics-filters").get_by_role("button", name="Show").click()
    expect(page.locator("#spend")).to_contain_text("50 %")
    assert "compare=on" in page.url
    assert "period=7" in page.url


@WITH_SCRIPTS
def test_neither_a_cent_that_came_back_nor_the_time_before_is_drawn_as_more_than_it_is(open_for: OpenFor) -> None:
    now = clock_now()
    world = make_world(POT, now=now - timedelta(days=12))
    pay(world, "900", "cloud", now - timedelta(days=2))
    asked = ask(world, "0.30", category="cloud", payee=GITHUB, now=now - timedelta(days=6)).answer.id
    reach: dict[str, Any] = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    for kind, days in (("payment", 6), ("refund", 4)):
        record_spend(
            asked, Report(Decimal("0.30"), "USD", kind=kind), actor=world.actor, now=now - timedelta(days=days), **reach
        )
    window = open_for(world.cast.vera)

    window.open("/analytics/?compare=on")

    drawn = window.page.evaluate(DRAWN)
    assert drawn["lowest"] == -0.3
    assert drawn["highest"] >= 900
    assert drawn["dashes"] == ["Time before"]


@WITH_SCRIPTS
def test_a_chart_that_gets_narrow_shows_all_its_names(open_for: OpenFor) -> None:
    now = clock_now()
    world = make_world(POT, now=now - timedelta(days=3))
    for category in ("books", "cloud", "paper"):
        pay(world, "10", category, now - timedelta(days=1))
    window = open_for(world.cast.vera)
    page = window.page
    window.open("/analytics/?by=category")

    for size, kind in ((DESKTOP, "scroll"), (PHONE, "plain"), (DESKTOP, "scroll")):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.wait_for_function(LEGEND_IS, arg=kind)


def test_spend_is_filtered_in_the_row_above_it(open_for: OpenFor) -> None:
    now = clock_now()
    world = make_world(POT, now=now - timedelta(days=2))
    pay(world, "120", "cloud", now - timedelta(days=1))
    pay(world, "45.50", "books", now - timedelta(days=1))
    roll(world.organization_id, now=now)
    window = open_for(world.cast.vera)
    page = window.page

    window.open("/analytics/")
    page.locator(".filters-more > summary").click()
    page.locator("#id_category").select_option("cloud")
    if not window.has_scripts:
        page.locator(".analytics-filters").get_by_role("button", name="Show").click()
    expect(page.locator("#spend .stat-value").first).to_contain_text("120.00")
    expect(page.get_by_label("Filters in force")).to_contain_text("Category: cloud")
    if not window.has_scripts:
        page.locator(".filters-more > summary").click()
    page.locator("#id_counterparty").fill("nobody")
    page.locator(".analytics-filters").get_by_role("button", name="Show").click()
    expect(page.locator("main")).to_contain_text("No counterparty here has this name, identifier or id.")
    page.get_by_role("link", name="Begin anew").click()
    expect(page.locator("#spend .stat-value").first).to_contain_text("165.50")


def test_spend_of_a_period_leads_by_agent_and_counterparty_to_the_payment_and_to_its_file(open_for: OpenFor) -> None:
    now = clock_now()
    world = make_world(POT, now=now - timedelta(days=60))
    other = add_agent(world.cast, "Buyer", now=now - timedelta(days=60))
    pay(world, "11", "ai", now - timedelta(days=50), OPENAI)
    pay(world, "30.25", "ai", now - timedelta(days=2), OPENAI)
    pay(world, "7", "cloud", now - timedelta(days=2))
    pay(other, "90", "ai", now - timedelta(days=2), OPENAI)
    window = open_for(world.cast.vera)
    page = window.page

    window.open("/analytics/?period=7")
    expect(page.locator("#spend")).to_contain_text("127.25")
    page.locator("#groups").get_by_role("link", name="Only Research").click()
    expect(page.locator("#spend")).to_contain_text("37.25")
    page.get_by_label("Group spend by").get_by_role("link", name="Counterparty").click()
    page.locator("#groups").get_by_role("link", name="OpenAI", exact=True).click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Payments")
    rows = page.locator("main table tbody tr")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("30.25")
    sent = window.context.request.get(
        urljoin(page.url, page.get_by_role("link", name="CSV").get_attribute("href") or "")
    )
    lines = list(csv.DictReader(StringIO(sent.text())))
    assert [(line["agent"], line["payee"], line["amount"]) for line in lines] == [("Research", "OpenAI", "30.25")]

    rows.first.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Recorded")
    expect(page.locator("main")).to_contain_text(lines[0]["authorization"][-6:])


def test_the_filters_of_flagged_records_fit_in_one_row_whatever_the_flags(open_for: OpenFor) -> None:
    world = make_world(POT, now=clock_now() - timedelta(days=2))
    payments(world.cast, range(1))
    hold, now = Hold.objects.get(), clock_now()
    SpendRecord.objects.create(
        id=new_id(now), hold=hold, kind="payment", amount=5, payee={}, body_digest="d", reported_by="x",
        flags=[one.value for one in Flag], organization=world.cast.organization, agent=hold.agent, currency="USD",
        counting_currency="USD", recorded_at=now,
    )  # fmt: skip
    window = open_for(world.cast.vera)
    window.page.set_viewport_size({"width": 1280, "height": 800})
    window.open("/analytics/flagged/?flag=unauthorized")

    tops = window.page.locator("form.filters > *").evaluate_all(
        "(all) => all.filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect().top)"
    )
    assert len(set(tops)) == 1, tops
    expect(window.page.locator(".segmented > [aria-current]")).to_be_in_viewport()
    window.page.locator("summary", has_text="More filters").click()
    expect(window.page.locator("#id_period")).to_be_visible()
