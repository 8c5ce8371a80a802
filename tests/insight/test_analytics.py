"""Analytics add up exactly what was recorded: by day in the organization's zone, per currency, per group."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from approvals.selectors.activity import declined_by_reason
from approvals.services.booking import Report
from approvals.services.record import record_spend, record_unauthorized
from core.db import rows
from core.ids import Prefix, to_public
from insight.selectors.periods import Period, between, last_days
from insight.selectors.spending import NAMELESS, OTHERS, Spending, chart_of, currency_for, spending
from people.models import Member
from spend.payee import PayeeClaim
from spend.selectors.analytics import Dimension
from tests.approvals.world import World, add_agent, ask, make_world, say_no, stored
from tests.factories import NOW

pytestmark = pytest.mark.django_db
LIMIT = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "1000", "EUR": "1000"}}
PEOPLE = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "300", "EUR": "300"}}
GITHUB = PayeeClaim("GitHub", ("domain:github.com",))
MONTH = Period(date(2026, 10, 24), date(2026, 11, 22), "UTC")


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def world() -> World:
    return make_world(LIMIT, PEOPLE)


def pay(world: World, amount: str, *, now: datetime = NOW, currency: str = "USD", **more: Any) -> None:
    """Ask and record what was asked for."""
    asked = ask(world, amount, now=now, currency=currency, **more)
    report(world, Report(Decimal(amount), currency), asked.answer.id, now)


def report(world: World, what: Report, authorization_id: Any, now: datetime = NOW) -> Any:
    reach = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    if authorization_id is None:
        return record_unauthorized(what, actor=world.actor, now=now, **reach)
    return record_spend(authorization_id, what, actor=world.actor, now=now, **reach)


def spent(world: World, by: Dimension = Dimension.AGENT, *, currency: str = "USD", period: Period = MONTH) -> Spending:
    return spending(world.organization_id, period, by=by, currency=currency)


def nets(shown: Spending) -> dict[str, Decimal]:
    return {group.name: group.net for group in shown.groups}


def page(member: Member, path: str) -> Any:
    client = Client()
    client.force_login(member.person)
    return client.get(path)


def test_groups_add_up_to_a_direct_sum(world: World) -> None:
    other = add_agent(world.cast, "Buyer")
    pay(world, "10", category="ai")
    pay(world, "20.50", category="ai", payee=GITHUB, now=NOW - timedelta(days=3))
    pay(other, "7", category="books")
    pay(other, "99", currency="EUR")
    report(other, Report(Decimal(5), "USD", payee=PayeeClaim("Cash", ())), None)

    agents, categories, payees = (nets(spent(world, by)) for by in Dimension)

    assert agents == {"Research": Decimal("30.50"), "Buyer": Decimal(12)}
    assert categories == {"ai": Decimal("30.50"), "books": Decimal(7), NAMELESS[Dimension.CATEGORY]: Decimal(5)}
    assert payees == {"OpenAI": Decimal(17), "GitHub": Decimal("20.50"), NAMELESS[Dimension.COUNTERPARTY]: Decimal(5)}
    ((direct,),) = rows("select sum(amount) from spend_spendrecord where currency = 'USD'")
    assert spent(world).net == sum(agents.values()) == sum(categories.values()) == sum(payees.values()) == direct
    assert nets(spent(world, currency="EUR")) == {"Buyer": Decimal(99)}


def test_a_refund_counts_against_the_day_it_came_back(world: World) -> None:
    yesterday = NOW - timedelta(days=1)
    asked = ask(world, "50", now=yesterday)
    report(world, Report(Decimal(50), "USD"), asked.answer.id, yesterday)
    report(world, Report(Decimal(20), "USD", kind="refund"), asked.answer.id)

    shown = spent(world)

    assert (shown.spent, shown.returned, shown.net) == (Decimal(50), Decimal(20), Decimal(30))
    assert shown.payments == 1
    assert shown.by_day()[-2:] == [Decimal(50), Decimal(-20)]
    assert shown.groups[0].by_day == {date(2026, 11, 21): Decimal(50), date(2026, 11, 22): Decimal(-20)}


def test_days_are_cut_in_the_organizations_zone(world: World) -> None:
    pay(world, "10", now=datetime(2026, 11, 21, 23, 30, tzinfo=UTC))
    berlin = Period(date(2026, 11, 22), date(2026, 11, 22), "Europe/Berlin")
    utc = Period(date(2026, 11, 22), date(2026, 11, 22), "UTC")

    assert spent(world, period=berlin).net == 10
    assert spent(world, period=utc).net == 0


def test_the_chart_gathers_small_groups_and_loses_nothing(world: World) -> None:
    for number in range(10):
        pay(world, str(10 + number), category=f"c{number}")

    shown = spent(world, Dimension.CATEGORY)
    chart = chart_of(shown)

    assert [one["name"] for one in chart["series"]] == [f"c{number}" for number in range(9, 2, -1)] + [OTHERS]
    assert sum(sum(one["values"]) for one in chart["series"]) == shown.net == Decimal(145)
    assert (len(chart["labels"]), chart["labels"][-1], chart["unit"]) == (30, "22 Nov", "USD")


def test_shares_are_parts_of_what_went_out(world: World) -> None:
    pay(world, "75", category="a")
    pay(world, "25", category="b")
    shown = spent(world, Dimension.CATEGORY)

    assert [shown.share_of(group) for group in shown.groups] == [75, 25]
    nothing = spent(world, currency="EUR")
    assert not nothing.groups
    assert nothing.net == 0


def test_the_currency_shown_is_one_that_was_spent(world: World) -> None:
    def shown(wanted: str = "", own: str = "USD") -> tuple[str, tuple[str, ...]]:
        return currency_for(world.organization_id, MONTH, wanted=wanted, own=own)

    assert shown() == ("USD", ("USD",))
    pay(world, "10", currency="EUR")
    assert shown() == ("EUR", ("EUR",))
    pay(world, "10")
    pay(world, "11", currency="EUR")
    assert shown("EUR") == ("EUR", ("EUR", "USD"))
    assert shown("XXX", own="USD") == ("USD", ("EUR", "USD"))


def test_declined_asks_are_counted_by_their_first_reason(world: World) -> None:
    ask(world, "2000")
    ask(world, "3000")
    ask(world, "5", now=NOW - timedelta(days=60))
    say_no(stored(ask(world, "400")), world.cast.rui, "too dear")

    found = declined_by_reason(world.organization_id, since=MONTH.since, until=MONTH.until, currency="USD")

    assert [(one.code, one.number, one.amount) for one in found] == [
        ("daily_limit", 2, Decimal(5000)),
        ("rejected", 1, Decimal(400)),
    ]
    assert [one.sentence for one in found] == [
        "The payment would take the day's spend above its limit.",
        "A reviewer rejected it.",
    ]
    assert not declined_by_reason(world.organization_id, since=MONTH.since, until=MONTH.until, currency="EUR")


def test_periods_are_whole_days() -> None:
    week = last_days(7, zone="Europe/Berlin", now=datetime(2026, 11, 21, 23, 30, tzinfo=UTC))
    assert (week.first, week.last, len(week.days)) == (date(2026, 11, 16), date(2026, 11, 22), 7)
    # The day on which clocks go back has 25 hours.
    autumn = Period(date(2026, 10, 25), date(2026, 10, 25), "Europe/Berlin")
    assert autumn.until.astimezone(UTC) - autumn.since.astimezone(UTC) == timedelta(hours=25)
    assert between(date(2026, 11, 3), date(2026, 11, 1), zone="UTC").first == date(2026, 11, 1)
    assert len(between(date(2000, 1, 1), date(2026, 1, 1), zone="UTC").days) == 366


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", "24 Oct 2026", "22 Nov 2026"),
        ("days=7", "16 Nov 2026", "22 Nov 2026"),
        ("days=8", "24 Oct 2026", "22 Nov 2026"),
        ("since=2026-11-01&until=2026-11-10", "1 Nov 2026", "10 Nov 2026"),
        ("since=2026-11-10&until=2027-11-01", "10 Nov 2026", "22 Nov 2026"),
        ("since=2027-11-10", "22 Nov 2026", "22 Nov 2026"),
        ("since=nonsense", "24 Oct 2026", "22 Nov 2026"),
        ("by=nonsense&currency=nonsense", "24 Oct 2026", "22 Nov 2026"),
    ],
)
def test_the_period_lives_in_the_address(world: World, query: str, first: str, last: str) -> None:
    assert f"{first} to {last}" in page(world.cast.vera, f"/analytics/?{query}").content.decode()


def test_the_page_shows_its_figures_and_the_export_the_same(world: World) -> None:
    pay(world, "10", category="=cmd()")
    pay(world, "20.5", now=NOW - timedelta(days=2))
    ask(world, "2000")

    html = page(world.cast.vera, "/analytics/?by=category").content.decode()
    csv = page(world.cast.vera, "/analytics/export/?by=category").getvalue().decode()

    assert "30.50" in html
    assert "=cmd()" in html
    assert "above its limit" in html
    assert csv.splitlines() == [
        "day,id,name,net,currency",
        "2026-11-20,,No category,20.50,USD",
        "2026-11-22,'=cmd(),'=cmd(),10.00,USD",
    ]


def test_nobody_of_another_organization_sees_a_figure(world: World) -> None:
    pay(world, "10")
    ask(world, "2000")

    html = page(world.cast.mallory, "/analytics/").content.decode()

    assert "Nothing recorded" in html
    assert "Nothing was declined" in html
    assert page(world.cast.mallory, "/analytics/export/").getvalue().decode() == "day,id,name,net,currency\r\n"


def test_flagged_records_are_listed_by_flag_and_agent(world: World) -> None:
    report(world, Report(Decimal(5), "USD", payee=PayeeClaim("Cash", ()), reference="till-1"), None)
    asked = ask(world, "10")
    report(world, Report(Decimal(12), "USD"), asked.answer.id)
    add_agent(world.cast, "Buyer")

    every = page(world.cast.vera, "/analytics/flagged/").content.decode()
    over = page(world.cast.vera, "/analytics/flagged/?flag=over").content.decode()
    own = page(world.cast.vera, f"/analytics/flagged/?agent={to_public(Prefix.AGENT, world.agent.id)}").content.decode()

    assert "till-1" in every
    assert "12.00" in every
    assert "till-1" not in over
    assert "12.00" in over
    assert "till-1" in own
    assert "Every record fits" in page(world.cast.mallory, "/analytics/flagged/").content.decode()
    foreign = f"/analytics/flagged/?agent={to_public(Prefix.AGENT, world.agent.id)}"
    assert page(world.cast.mallory, foreign).status_code == 404


def test_flagged_records_leave_as_csv_as_they_are_filtered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Pages of one, so that three of them have to be fetched.
    monkeypatch.setattr("spend.selectors.analytics.LARGEST_PAGE", 1)
    report(world, Report(Decimal(5), "USD", payee=PayeeClaim("=Cash", ()), reference="+till"), None)
    for number in (12, 13):
        report(world, Report(Decimal(number), "USD"), ask(world, "10").answer.id)

    every = page(world.cast.vera, "/analytics/flagged/export/").getvalue().decode().splitlines()
    over = page(world.cast.vera, "/analytics/flagged/export/?flag=over").getvalue().decode().splitlines()

    assert every[0] == "id,reported,kind,amount,currency,payee,agent id,agent,flags,reference,authorization"
    assert sorted(line.split(",")[3] for line in every[1:]) == ["12.00", "13.00", "5.00"]
    assert any(",'=Cash," in line and ",'+till," in line for line in every)
    assert sorted(line.split(",")[3] for line in over[1:]) == ["12.00", "13.00"]
    assert len(page(world.cast.mallory, "/analytics/flagged/export/").getvalue().decode().splitlines()) == 1
    shown = page(world.cast.vera, "/analytics/flagged/?flag=over").content.decode()
    assert "/analytics/flagged/export/?flag=over" in shown
