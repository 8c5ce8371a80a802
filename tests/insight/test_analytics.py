"""Analytics add up exactly what was recorded: by day in the organization's zone, per currency, per group."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from approvals.services.booking import Report
from approvals.services.record import record_spend, record_unauthorized
from core.db import rows
from core.ids import Prefix, to_public
from insight.selectors.decisions import decisions
from insight.selectors.ledger import Chosen, Dimension, ledger_of
from insight.selectors.periods import Period, Preset, between, last_days, preset
from insight.selectors.spending import ALL_OTHERS, NAMELESS, Spending, chart_of, currency_for, spending
from people.models import Member, Organization
from spend.payee import PayeeClaim
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
    chosen = Chosen(currency=currency)
    return spending(ledger_of(organization(world)), period, by=by, chosen=chosen)


def organization(world: World) -> Organization:
    return Organization.objects.get(pk=world.organization_id)


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

    agents, payees, categories, rails, labels, policies = (nets(spent(world, by)) for by in Dimension)

    assert agents == {"Research": Decimal("30.50"), "Buyer": Decimal(12)}
    assert categories == {"ai": Decimal("30.50"), "books": Decimal(7), NAMELESS[Dimension.CATEGORY]: Decimal(5)}
    assert payees == {"OpenAI": Decimal(17), "GitHub": Decimal("20.50"), NAMELESS[Dimension.COUNTERPARTY]: Decimal(5)}
    assert rails == {NAMELESS[Dimension.RAIL]: Decimal("42.50")}
    assert labels == {NAMELESS[Dimension.LABEL]: Decimal("42.50")}
    assert policies == {"Research agents": Decimal("37.50"), NAMELESS[Dimension.POLICY]: Decimal(5)}
    ((direct,),) = rows("select sum(amount) from spend_spendrecord where currency = 'USD'")
    assert spent(world).net == sum(agents.values()) == sum(categories.values()) == sum(payees.values()) == direct
    assert nets(spent(world, currency="EUR")) == {"Buyer": Decimal(99)}


def test_a_refund_counts_against_the_day_it_came_back(world: World) -> None:
    yesterday = NOW - timedelta(days=1)
    asked = ask(world, "50", now=yesterday)
    report(world, Report(Decimal(50), "USD"), asked.answer.id, yesterday)
    report(world, Report(Decimal(20), "USD", kind="refund"), asked.answer.id)

    shown = spent(world)

    sums = shown.all_of_it
    assert (sums.spent, sums.returned, shown.net) == (Decimal(50), Decimal(20), Decimal(30))
    assert shown.payments == 1
    assert shown.by_day()[-2:] == [Decimal(50), Decimal(-20)]


def test_days_are_cut_in_the_organizations_zone(world: World) -> None:
    pay(world, "10", now=datetime(2026, 11, 21, 23, 30, tzinfo=UTC))
    Organization.objects.filter(pk=world.organization_id).update(time_zone="Europe/Berlin")
    berlin = Period(date(2026, 11, 22), date(2026, 11, 22), "Europe/Berlin")
    assert spent(world, period=berlin).net == 10
    Organization.objects.filter(pk=world.organization_id).update(time_zone="UTC")
    assert spent(world, period=Period(berlin.first, berlin.last, "UTC")).net == 0


def test_the_chart_gathers_small_groups_and_loses_nothing(world: World) -> None:
    for number in range(10):
        pay(world, str(10 + number), category=f"c{number}")

    shown = spent(world, Dimension.CATEGORY)
    chart = chart_of(shown)

    assert [one["name"] for one in chart["series"]] == [f"c{number}" for number in range(9, 2, -1)] + [ALL_OTHERS]
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
    def shown(wanted: str = "") -> tuple[str, tuple[str, ...]]:
        own = organization(world)
        return currency_for(own, ledger_of(own), MONTH, wanted=wanted)

    assert shown() == ("USD", ("USD",))
    pay(world, "10", currency="EUR")
    assert shown() == ("EUR", ("EUR",))
    pay(world, "10")
    pay(world, "11", currency="EUR")
    assert shown("EUR") == ("EUR", ("EUR", "USD"))
    assert shown("XXX") == ("USD", ("EUR", "USD"))


def test_declined_asks_are_counted_by_their_first_reason(world: World) -> None:
    ask(world, "2000")
    ask(world, "3000")
    ask(world, "5", now=NOW - timedelta(days=60))
    say_no(stored(ask(world, "400")), world.cast.rui, "too dear")

    shown = decisions(ledger_of(organization(world)), MONTH, currency="USD")

    assert [(one.code, one.said.asks, one.said.amount, one.sentence) for one in shown.declined] == [
        ("daily_limit", 2, Decimal(5000), "The payment would take the day's spend above its limit."),
        ("rejected", 1, Decimal(400), "A reviewer rejected it."),
    ]
    assert (shown.asked.asks, shown.refused.asks, shown.set_aside.amount) == (3, 3, Decimal(400))
    assert not decisions(ledger_of(organization(world)), MONTH, currency="EUR").declined


@pytest.mark.parametrize("by_agent", [False, True])
def test_a_number_of_declined_asks_leads_to_exactly_those(world: World, by_agent: bool) -> None:
    Organization.objects.filter(pk=world.organization_id).update(time_zone="Europe/Berlin")
    viewer = world.cast.vera.person
    viewer.time_zone = "America/New_York"
    viewer.save()
    other = add_agent(world.cast, "Other")
    midnight = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
    for minutes in (-30, 30, 60):
        ask(world, "2000", now=midnight + timedelta(minutes=minutes))
    ask(other, "3000", now=midnight + timedelta(minutes=30))
    say_no(stored(ask(world, "400", now=NOW - timedelta(hours=1))), world.cast.rui, "too dear")
    query = "since=2026-11-21&until=2026-11-22"
    if by_agent:
        query += f"&agent={to_public(Prefix.AGENT, world.agent.id)}"

    reasons = page(world.cast.vera, f"/analytics/decisions/?{query}").context["reasons"]

    assert {one.one.code: one.one.said.asks for one in reasons} == {
        "daily_limit": 2 if by_agent else 3,
        "rejected": 1,
    }
    for one in reasons:
        assert len(page(world.cast.vera, one.url).context["rows"]) == one.one.said.asks
    # Another reason of a denial is no first reason.
    assert not page(world.cast.vera, "/authorizations/?because=approval_required").context["rows"]


def test_periods_are_whole_days() -> None:
    week = last_days(7, zone="Europe/Berlin", now=datetime(2026, 11, 21, 23, 30, tzinfo=UTC))
    assert (week.first, week.last, len(week.days)) == (date(2026, 11, 16), date(2026, 11, 22), 7)
    # The day on which clocks go back has 25 hours.
    autumn = Period(date(2026, 10, 25), date(2026, 10, 25), "Europe/Berlin")
    assert autumn.until.astimezone(UTC) - autumn.since.astimezone(UTC) == timedelta(hours=25)
    assert between(date(2026, 11, 3), date(2026, 11, 1), zone="UTC").first == date(2026, 11, 1)
    assert len(between(date(2000, 1, 1), date(2026, 1, 1), zone="UTC").days) == 5 * 366


def test_words_mean_periods_and_each_has_a_time_before() -> None:
    def days(word: Preset) -> tuple[date, date]:
        found = preset(word, zone="UTC", now=NOW)
        return found.first, found.last

    assert days(Preset.WEEK) == (date(2026, 11, 16), date(2026, 11, 22))
    assert days(Preset.MONTH) == (date(2026, 11, 1), date(2026, 11, 22))
    assert days(Preset.LAST_MONTH) == (date(2026, 10, 1), date(2026, 10, 31))
    assert days(Preset.QUARTER) == (date(2026, 10, 1), date(2026, 11, 22))
    assert days(Preset.YEAR) == (date(2026, 1, 1), date(2026, 11, 22))
    before = preset(Preset.LAST_MONTH, zone="UTC", now=NOW).before()
    assert (before.first, before.last) == (date(2026, 9, 1), date(2026, 9, 30))
    before = preset(Preset.WEEK, zone="UTC", now=NOW).before()
    assert (before.first, before.last) == (date(2026, 11, 9), date(2026, 11, 15))


@pytest.mark.parametrize(
    ("first", "last", "number", "labels"),
    [
        ("2026-11-20", "2026-11-22", 3, ["20 Nov", "21 Nov", "22 Nov"]),
        ("2026-06-03", "2026-11-22", 25, ["3 Jun\u20137 Jun", "8 Jun\u201314 Jun"]),
        ("2026-05-25", "2026-11-22", 26, ["25 May\u201331 May", "1 Jun\u20137 Jun"]),
        ("2026-05-24", "2026-11-22", 7, ["24 May\u201331 May", "Jun 2026"]),
        ("2024-02-10", "2026-11-22", 34, ["Feb 2024", "Mar 2024"]),
    ],
)
def test_long_periods_have_weeks_and_months_for_bars(first: str, last: str, number: int, labels: list[str]) -> None:
    period = Period(date.fromisoformat(first), date.fromisoformat(last), "UTC")
    steps = period.steps()

    assert len(steps) == number
    assert [step.label for step in steps[: len(labels)]] == labels
    assert [day for step in steps for day in Period(step.first, step.last, "UTC").days] == list(period.days)


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", "24 Oct 2026", "22 Nov 2026"),
        ("period=7", "16 Nov 2026", "22 Nov 2026"),
        ("since=2026-11-01&until=2026-11-10", "1 Nov 2026", "10 Nov 2026"),
        ("since=2026-11-10&until=2027-11-01", "10 Nov 2026", "22 Nov 2026"),
        ("since=2027-11-10", "22 Nov 2026", "22 Nov 2026"),
        ("currency=nonsense", "24 Oct 2026", "22 Nov 2026"),
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
    assert csv.splitlines() == [
        "day,id,name,paid,came back,net,currency,payments,without authorization",
        "2026-11-20,,No category,20.50,0.00,20.50,USD,1,0.00",
        "2026-11-22,'=cmd(),'=cmd(),10.00,0.00,10.00,USD,1,0.00",
    ]
    assert "above its limit" in page(world.cast.vera, "/analytics/decisions/").content.decode()


def test_a_file_that_compares_has_the_time_before_behind_the_period(world: World) -> None:
    pay(world, "10", now=NOW - timedelta(days=2))
    pay(world, "7", now=NOW - timedelta(days=9))

    csv = page(world.cast.vera, "/analytics/export/?by=category&period=7&compare=on").getvalue().decode()

    assert csv.splitlines()[0].endswith(",without authorization,of")
    assert [(line.split(",")[0], line.split(",")[3], line.split(",")[-1]) for line in csv.splitlines()[1:]] == [
        ("2026-11-20", "10.00", "this period"),
        ("2026-11-13", "7.00", "the time before"),
    ]


def test_only_filters_that_count_on_a_page_stand_as_chips_on_it(world: World) -> None:
    ask(world, "10", category="travel")
    ask(add_agent(world.cast, "Other"), "20", category="books")
    query = f"?category=travel&agent={to_public(Prefix.AGENT, world.agent.id)}"

    def told(name: str) -> tuple[list[str], str]:
        shown = page(world.cast.vera, f"/analytics/{name}{query}")
        said = shown.content.decode().partition('id="unheeded">')[2].partition(".")[0]
        return [chip.label.partition(":")[0] for chip in shown.context["chips"]], said

    agent = f"Agent: {world.agent.name}"
    assert told("") == (["Agent", "Category"], "")
    assert told("decisions/") == (["Agent"], "Not filtered here: Category: travel")
    assert told("review-times/") == ([], f"Not filtered here: {agent}, Category: travel")
    assert page(world.cast.vera, f"/analytics/decisions/{query}").context["shown"].asked.asks == 1


def test_nobody_of_another_organization_sees_a_figure(world: World) -> None:
    pay(world, "10")
    ask(world, "2000")

    html = page(world.cast.mallory, "/analytics/").content.decode()

    assert "Nothing recorded" in html
    assert "Nothing was declined" in page(world.cast.mallory, "/analytics/decisions/").content.decode()
    for path in ("", "payments/", "decisions/"):
        sent = page(world.cast.mallory, f"/analytics/{path}export/").getvalue().decode()
        assert len(sent.splitlines()) == 1


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
    foreign = page(world.cast.mallory, f"/analytics/flagged/?agent={to_public(Prefix.AGENT, world.agent.id)}")
    assert "cannot be understood" in foreign.content.decode()
    assert "till-1" not in foreign.content.decode()


def test_a_flag_that_does_not_exist_shows_and_exports_nothing(world: World) -> None:
    report(world, Report(Decimal(5), "USD", payee=PayeeClaim("Cash", ()), reference="till-1"), None)

    html = page(world.cast.vera, "/analytics/flagged/?flag=nonsense").content.decode()
    refused = page(world.cast.vera, "/analytics/flagged/export/?flag=nonsense")

    assert "till-1" not in html
    assert "Flag: There is no “nonsense” here." in html
    assert refused.status_code == 422
    assert "till-1" not in refused.content.decode()


def test_flagged_records_leave_as_csv_as_they_are_filtered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Pages of one, so that three of them have to be fetched.
    monkeypatch.setattr("core.lists.LARGEST_PAGE", 1)
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
