"""Figures of analytics lead to what is behind them, and are the same whether they come from rollups or the ledger."""

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.services.booking import Report
from core.db import rows
from core.ids import Prefix, to_public
from insight.selectors.latency import latency
from insight.selectors.ledger import Chosen, Dimension, ledger_of
from insight.selectors.newcomers import newcomers
from insight.selectors.payments import ORDERS, Wanted, payments_page, payments_pages
from insight.selectors.periods import Period, last_days
from insight.selectors.spending import chart_of, spending
from insight.services import roll
from people.models import Organization
from spend.payee import PayeeClaim
from spend.selectors.analytics import flagged_page
from tests.approvals.world import OPENAI, World, add_agent, ask, click_no, make_world, put_policy, say_no, stored
from tests.factories import NOW
from tests.insight.test_analytics import GITHUB, LIMIT, MONTH, PEOPLE, organization, page, pay, report
from tests.listed import payments
from tests.paged import walked

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def world() -> World:
    return make_world(LIMIT, PEOPLE)


DIRECT = """
select coalesce(sum(case r.kind when 'payment' then r.amount else -r.amount end), 0)
from spend_spendrecord r join spend_hold h on h.id = r.hold_id join agents_agent a on a.id = r.agent_id
where r.organization_id = %(organization)s and r.currency = 'USD' and r.recorded_at >= %(since)s
  and r.recorded_at < %(until)s and {condition}
"""


@pytest.mark.parametrize("rolled_days_ago", [None, 9, 0], ids=["never rolled", "partly rolled", "rolled"])
def test_every_group_of_random_spend_is_what_a_direct_sum_says(world: World, rolled_days_ago: int | None) -> None:
    other, chance = add_agent(world.cast, "Buyer", labels=["eu", "books"]), Random(11)
    per_payment = {"key": "ai", "type": "SPEND_LIMIT", "per_transaction": {"USD": "900"}}
    put_policy(world.cast, "AI", [{**per_payment, "when": {"categories": ["ai"]}}])
    for _ in range(60):
        payer, moment = chance.choice([world, other]), NOW - timedelta(minutes=chance.randrange(60 * 24 * 20))
        said: dict[str, Any] = {"category": chance.choice([None, "ai", "books"]), "rail": chance.choice([None, "card"])}
        pay(payer, str(chance.randrange(1, 300)), now=moment, payee=chance.choice([OPENAI, GITHUB]), **said)
    Organization.objects.filter(pk=world.organization_id).update(time_zone="America/New_York")
    if rolled_days_ago is not None:
        roll(world.organization_id, now=NOW - timedelta(days=rolled_days_ago))
    period = last_days(15, zone="America/New_York", now=NOW)
    ledger = ledger_of(organization(world))
    assert (ledger.rolled_until is None) is (rolled_days_ago is None)

    def direct(condition: str, **values: Any) -> Any:
        reach = {"organization": world.organization_id, "since": period.since, "until": period.until}
        return rows(DIRECT.format(condition=condition), reach | values)[0][0]

    columns = {
        Dimension.AGENT: "r.agent_id::text", Dimension.COUNTERPARTY: "r.counterparty_id::text",
        Dimension.CATEGORY: "coalesce(h.category, '')", Dimension.RAIL: "coalesce(h.rail, '')",
        Dimension.POLICY: f"case when exists ({HAD_A_SAY}) then %(key)s else '-' end",
        Dimension.LABEL: "case when a.labels = '{{}}' then '' when %(key)s = any(a.labels) then %(key)s else '-' end",
    }  # fmt: skip
    for by in Dimension:
        shown = spending(ledger, period, by=by, chosen=Chosen(currency="USD"))
        assert shown.net == direct("true")
        assert len(shown.groups) > 1
        for group in shown.groups:
            condition = columns[by].replace("{{}}", "{}") + " = %(key)s"
            assert group.net == direct(condition, key=group.key)
            only = Chosen(currency="USD", **{by.value: group.key})
            assert spending(ledger, period, by=Dimension.AGENT, chosen=only).net == group.net
            drawn = sum((sums.net for sums in shown.by_key[group.key].values()), Decimal(0))
            assert drawn == group.net
    some = Chosen(currency="USD", category="ai", agent=str(other.agent.id))
    condition = "h.category = 'ai' and r.agent_id = %(agent)s"
    assert spending(ledger, period, by=Dimension.LABEL, chosen=some).net == direct(condition, agent=other.agent.id)


HAD_A_SAY = """
select from approvals_authorization z, jsonb_array_elements(z.decision->'checks') c where z.id = r.authorization_id
    and c->>'policy' = %(key)s and c->>'mode' = 'enforced' and c->>'outcome' <> 'not_applicable'
"""


def test_the_time_before_stands_beside(world: World) -> None:
    pay(world, "30")
    pay(world, "20", now=NOW - timedelta(days=7))
    period = last_days(7, zone="UTC", now=NOW)
    ledger, chosen = ledger_of(organization(world)), Chosen(currency="USD")

    shown = spending(ledger, period, by=Dimension.AGENT, chosen=chosen, is_compared_with=period.before())

    assert [shown.change, shown.groups[0].change] == [Decimal(50), Decimal(50)]
    assert chart_of(shown)["series"][-1]["values"][-1] == 20
    html = page(world.cast.vera, "/analytics/?period=7&compare=on").content.decode()
    assert "50 %" in html
    assert "Time before" in html
    assert html.count("Compared with 9\u201315 Nov 2026.") == 1


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2026, 11, 13), date(2026, 11, 13), "13 Nov 2026"),
        (date(2026, 11, 13), date(2026, 11, 19), "13\u201319 Nov 2026"),
        (date(2026, 10, 28), date(2026, 11, 3), "28 Oct\u20133 Nov 2026"),
        (date(2025, 11, 28), date(2026, 11, 3), "28 Nov 2025\u20133 Nov 2026"),
    ],
)
def test_a_period_names_what_both_its_ends_share_once(first: date, last: date, words: str) -> None:
    assert Period(first, last, "UTC").words == words


def test_a_figure_leads_to_its_single_payments(world: World) -> None:
    pay(world, "30", category="ai")
    pay(world, "20", category="books")
    report(world, Report(Decimal(5), "USD", payee=PayeeClaim("=Cash", ())), None)

    def listed(query: str) -> list[str]:
        text = page(world.cast.vera, f"/analytics/payments/export/?{query}").getvalue().decode()
        return sorted(line.split(",")[3] for line in text.splitlines()[1:])

    assert listed("") == ["20.00", "30.00", "5.00"]
    assert listed("category=ai") == ["30.00"]
    assert listed("none=category") == ["5.00"]
    assert listed("unauthorized=on") == ["5.00"]
    assert listed(f"agent={to_public(Prefix.AGENT, world.agent.id)}&rail=card") == []
    shown = page(world.cast.vera, "/analytics/?by=category").content.decode()
    assert "/analytics/payments/?category=ai" in shown
    assert "/analytics/payments/?none=category" in shown
    html = page(world.cast.vera, "/analytics/payments/?category=ai").content.decode()
    assert "/authorizations/atz_" in html
    assert "Category: ai" in html
    assert page(world.cast.mallory, f"/analytics/?agent={to_public(Prefix.AGENT, world.agent.id)}").status_code == 200


def test_payments_are_paged_and_all_of_them_exported(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("insight.selectors.payments.LARGEST_PAGE", 2)
    for number in range(5):
        pay(world, str(10 + number), now=NOW - timedelta(minutes=number))

    text = page(world.cast.vera, "/analytics/payments/export/").getvalue().decode()

    assert [line.split(",")[3] for line in text.splitlines()[1:]] == [f"{10 + number}.00" for number in range(5)]


def test_how_long_people_took_is_told_by_reviewer(world: World) -> None:
    for minutes in (1, 2, 30):
        say_no(stored(ask(world, "400", now=NOW - timedelta(minutes=minutes))), world.cast.rui)
    # One that has not taken effect was not given yet.
    open_still = stored(ask(world, "401", now=NOW - timedelta(hours=9)))
    click_no(open_still, world.cast.rui)
    for rolled in (False, True):
        if rolled:
            roll(world.organization_id, now=NOW + timedelta(hours=1))
        shown = latency(ledger_of(organization(world)), MONTH)
        assert shown.all_of_them is not None
        assert (shown.all_of_them.median, shown.all_of_them.longest, shown.all_of_them.rejected) == (120, 1800, 3)
        assert [(one.name, one.waits.number) for one in shown.reviewers] == [("Rui", 3)]
    assert "2 min" in page(world.cast.vera, "/analytics/review-times/").content.decode()
    text = page(world.cast.vera, "/analytics/review-times/export/").getvalue().decode()
    lines = [line.split(",")[2:] for line in text.splitlines()[1:]]
    rui = to_public(Prefix.PERSON, world.cast.rui.person_id)
    assert lines == [["", "everybody", "0", "3", "120", "1800", "1800"], [rui, "Rui", "0", "3", "120", "1800", "1800"]]


def test_new_counterparties_are_those_nobody_had_asked_for_before(world: World) -> None:
    pay(world, "10", now=NOW - timedelta(days=40))
    pay(world, "20", payee=GITHUB)
    pay(world, "30")

    met, number = newcomers(ledger_of(organization(world)), MONTH, currency="USD", limit=6)

    assert [(one.name, one.net, one.payments) for one in met] == [("GitHub", Decimal(20), 1)]
    assert number == 1


def test_a_reason_leads_to_the_asks_behind_it(world: World) -> None:
    ask(world, "2000")
    say_no(stored(ask(world, "400")), world.cast.rui, "too dear")

    html = page(world.cast.vera, "/analytics/decisions/").content.decode()
    links = re.findall(r'href="(/authorizations/\?[^"]*)"', html)

    found = [page(world.cast.vera, link.replace("&amp;", "&")).content.decode() for link in links]
    assert [("2,000.00" in one, "400.00" in one) for one in found] == [(True, False), (False, True)]


def test_payments_and_flagged_records_are_paged_forth_and_back(world: World) -> None:
    for number in range(7):
        pay(world, str(10 + number), now=NOW - timedelta(minutes=number // 2))
        report(world, Report(Decimal(1 + number), "USD"), None)
    period = last_days(30, zone="UTC", now=NOW)
    wanted = Wanted(organization_id=world.organization_id, period=period, chosen=Chosen(currency="USD"))
    turned = replace(wanted, order=ORDERS["oldest"])

    paid = walked(lambda cursor: payments_page(wanted, cursor=cursor, limit=3))
    assert (
        walked(lambda cursor: payments_page(turned, cursor=cursor, limit=3)) == paid[::-1] == [*payments_pages(turned)]
    )
    flagged = walked(lambda cursor: flagged_page(world.organization_id, cursor=cursor, limit=3))

    assert len({one.id for one in paid}) == len(paid) == 14
    assert len({one.id for one in flagged}) == len(flagged) == 7
    moments = [one.recorded_at for one in paid]
    assert moments == sorted(moments, reverse=True)
    assert page(world.cast.vera, "/analytics/payments/?cursor=back.nonsense").status_code == 422


@pytest.mark.parametrize("sort", list(ORDERS))
def test_payments_are_read_along_an_index_in_either_order(world: World, sort: str) -> None:
    payments(world.cast, range(2_000))
    rows("analyze spend_spendrecord")
    # In a table of a few pages another way may look cheaper: asked for is that there is one.
    rows("set local enable_seqscan = off")
    rows("set local enable_sort = off")
    period = last_days(30, zone="UTC", now=NOW)
    chosen = Chosen(currency="USD", rail="card")
    wanted = Wanted(organization_id=world.organization_id, period=period, chosen=chosen, order=ORDERS[sort])
    middle = payments_page(wanted, limit=500).next_cursor

    for cursor in ("", middle, f"back.{middle}"):
        with CaptureQueriesContext(connection) as seen:
            payments_page(wanted, cursor=cursor)
        (read,) = [one["sql"] for one in seen.captured_queries if "order by" in one["sql"]]
        plan = "\n".join(str(line) for (line,) in rows(f"explain {read}"))
        assert "using record_newest_first on" in plan
        assert "Presorted Key: r.recorded_at" in plan
