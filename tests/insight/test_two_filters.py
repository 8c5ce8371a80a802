"""Under two and three filters at once, pages of long periods say what a direct sum of the ledger says."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import combinations, cycle
from typing import Any, Final, cast

import pytest

from approvals.services.booking import Report
from approvals.services.record import record_spend, record_unauthorized
from core.db import rows
from insight.models import SpendDay, SpendMonth
from insight.selectors.ledger import OVERLAPPING, Chosen, Dimension, Sums, ledger_of
from insight.selectors.periods import Period, between
from insight.selectors.rollups import faults
from insight.selectors.spending import Spending, spending, total
from insight.services import rebuild, roll
from insight.services.rollups import BEHIND
from people.models import Organization
from policies.selectors import current_policies
from spend.models import Counterparty
from tests.approvals.test_merge import A, B, merge, payees
from tests.approvals.world import World, add_agent, ask, make_world, put_policy
from tests.factories import NOW

pytestmark = pytest.mark.django_db
LATER: Final = NOW + BEHIND + timedelta(minutes=1)
ROOMY: Final[dict[str, Any]] = {"key": "day", "type": "SPEND_LIMIT", "daily": {"USD": "1000", "EUR": "1000"}}
PERIODS: Final = {
    "a year": (date(2026, 1, 1), date(2026, 11, 22)),
    "a quarter": (date(2026, 10, 1), date(2026, 11, 22)),
    "ragged ends": (date(2026, 8, 13), date(2026, 11, 3)),
    "months for bars": (date(2025, 9, 10), date(2026, 11, 20)),
    "a month that is over": (date(2026, 9, 1), date(2026, 9, 30)),
    "no whole month": (date(2026, 9, 20), date(2026, 10, 20)),
}
DIRECT: Final = """
select coalesce(sum(r.amount) filter (where r.kind = 'payment'), 0),
    coalesce(sum(r.amount) filter (where r.kind = 'refund'), 0), count(*) filter (where r.kind = 'payment'),
    coalesce(sum(r.amount) filter (where 'unauthorized' = any(r.flags)), 0),
    count(*) filter (where 'unauthorized' = any(r.flags))
from spend_spendrecord r
    join spend_hold h on h.id = r.hold_id
    join agents_agent g on g.id = r.agent_id
    left join spend_counterparty c on c.id = r.counterparty_id
where r.organization_id = %(organization)s and r.currency = 'USD'
  and date(timezone(%(zone)s, r.recorded_at)) between %(first)s and %(last)s and {conditions}
"""
SAID: Final = """
select c.policy from approvals_authorization a,
    jsonb_to_recordset(coalesce(a.redecision, a.decision)->'checks') as c(policy text, mode text, outcome text)
where a.id = r.authorization_id and c.mode = 'enforced' and c.outcome <> 'not_applicable'
"""
IS: Final = {
    Dimension.AGENT: "r.agent_id::text = %(agent)s",
    Dimension.COUNTERPARTY: "coalesce(c.merged_into_id, c.id)::text is not distinct from nullif(%(counterparty)s, '')",
    Dimension.CATEGORY: "coalesce(h.category, '') = %(category)s",
    Dimension.RAIL: "coalesce(h.rail, '') = %(rail)s",
    Dimension.LABEL: "(%(label)s = any(g.labels) or %(label)s = '' and cardinality(g.labels) = 0)",
    Dimension.POLICY: f"(%(policy)s in ({SAID}) or %(policy)s = '' and not exists ({SAID}))",
}


@pytest.fixture(autouse=True)
def afterwards(time_machine: Any) -> None:
    time_machine.move_to(LATER, tick=False)


@pytest.fixture
def world() -> World:
    """Payments, refunds and spend that nobody asked for, by three agents, in two currencies, over two years."""
    world = make_world(ROOMY)
    put_policy(world.cast, "Second", [ROOMY | {"when": {"categories": ["ai"]}}])
    others = [world, add_agent(world.cast, "Ops", labels=["eu"]), add_agent(world.cast, "Lab", labels=["eu", "us"])]
    kept, merged = payees(world)
    ends = datetime.fromisoformat("2026-10-31T23:30:00Z")
    for number in range(72):
        moment = ends if number == 7 else NOW - timedelta(days=number * number // 8)
        live(others[number // 2 % 3], number, moment)
    merge(world, kept, merged)
    return world


def live(world: World, number: int, moment: datetime) -> None:
    """Spend something then: what differs from one number to the next goes round at different speeds."""
    reach: dict[str, Any] = {"organization_id": world.organization_id, "actor": world.actor, "now": moment}
    if number % 9 == 8:
        record_unauthorized(Report(Decimal(number), "USD"), agent_id=world.agent.id, **reach)
        return
    currency = "EUR" if number % 7 == 6 else "USD"
    more: dict[str, Any] = {
        "category": ("ai", "ai", "books", None)[number % 4],
        "rail": ("card", None)[number // 3 % 2],
    }
    asked = ask(world, str(number + 1), currency=currency, payee=(A, B)[number % 2], now=moment, **more).answer.id
    record_spend(asked, Report(Decimal(number + 1), currency), agent_id=world.agent.id, **reach)
    if number % 5 == 0:
        record_spend(asked, Report(Decimal("0.5"), currency, kind="refund"), agent_id=world.agent.id, **reach)


def values(world: World) -> Mapping[Dimension, tuple[str, str]]:
    """One value of each dimension that much was spent under, and one that is another or none."""
    second = next(one.policy for one in current_policies(world.organization_id) if one.name == "Second")
    return {
        Dimension.AGENT: (str(world.agent.id), str(world.agent.id)),
        Dimension.COUNTERPARTY: (str(Counterparty.objects.get(name="Acme").pk), ""),
        Dimension.CATEGORY: ("ai", ""),
        Dimension.RAIL: ("card", ""),
        Dimension.LABEL: ("eu", ""),
        Dimension.POLICY: (second, ""),
    }


def several(world: World) -> Iterator[dict[str, str]]:
    """Yield every two filters, each with a value and with none, and every three."""
    known = values(world)
    for one, two in combinations(Dimension, 2):
        yield from ({one.value: a, two.value: b} for a, b in zip(known[one], known[two], strict=True))
    for three in combinations(Dimension, 3):
        yield {dimension.value: known[dimension][0] for dimension in three}


def direct(world: World, period: Period, chosen: Mapping[str, str]) -> Sums:
    conditions = " and ".join(IS[Dimension(name)] for name in chosen)
    params: dict[str, Any] = {
        "organization": world.organization_id,
        "zone": period.zone,
        "first": period.first,
        "last": period.last,
    }
    (found,) = cast(list[tuple[Any, ...]], rows(DIRECT.format(conditions=conditions), params | dict(chosen)))
    return Sums(*found)


def shown(world: World, days: tuple[date, date], by: Dimension, chosen: Mapping[str, str]) -> Spending:
    ledger = ledger_of(Organization.objects.get(pk=world.organization_id))
    period = between(*days, zone=ledger.zone)
    some = Chosen(currency="USD", **chosen)
    return spending(ledger, period, by=by, chosen=some, is_compared_with=period.before())


def must_be_right(world: World, one: Spending, chosen: Mapping[str, str]) -> None:
    """Compare a page with direct sums: everything, the time before, each group, and what the chart draws."""
    before = one.period.before()
    assert one.all_of_it == direct(world, one.period, chosen)
    assert one.before == direct(world, before, chosen) == total(one.before_by_step)
    for group in one.groups:
        if chosen.get(one.by.value, group.key) == group.key:
            assert group.sums == direct(world, one.period, {**chosen, one.by.value: group.key}), group.name
            assert group.before == direct(world, before, {**chosen, one.by.value: group.key}), group.name
            assert total(one.by_key[group.key].values()) == group.sums
    if one.by not in OVERLAPPING:
        assert total(one.by_step()) == one.all_of_it


def test_two_and_three_filters_say_what_a_direct_sum_says(world: World) -> None:
    asked = [(name, by, some) for name in PERIODS for by, some in zip(cycle(Dimension), several(world), strict=False)]

    def pages() -> list[Spending]:
        return [shown(world, PERIODS[name], by, chosen) for name, by, chosen in asked]

    from_ledger = pages()
    for one, (_, _, chosen) in zip(from_ledger, asked, strict=True):
        must_be_right(world, one, chosen)
    assert sum(one.payments > 0 for one in from_ledger) > len(asked) / 3
    for days in (100, 20, 0):
        roll(world.organization_id, now=LATER - timedelta(days=days))
        assert pages() == from_ledger, days
    assert faults() == []


def test_months_are_cut_and_rebuilt_as_days_are(world: World) -> None:
    roll(world.organization_id, now=LATER)
    first = kept(world)
    rebuild(world.organization_id, now=LATER)
    assert kept(world) == first
    Organization.objects.filter(pk=world.organization_id).update(time_zone="Europe/Berlin")
    roll(world.organization_id, now=LATER)
    in_berlin = kept(world)

    # What was spent half an hour before the end of October in UTC was spent in November in Berlin.
    assert in_berlin != first
    assert faults() == []
    for chosen in ({"category": "books", "rail": "card"}, {"category": "ai", "rail": ""}):
        must_be_right(world, shown(world, PERIODS["a quarter"], Dimension.AGENT, chosen), chosen)
    Organization.objects.filter(pk=world.organization_id).update(time_zone="UTC")
    rebuild(world.organization_id, now=LATER)
    assert kept(world) == first


def kept(world: World) -> list[tuple[Any, ...]]:
    found = SpendMonth.objects.filter(organization_id=world.organization_id)
    columns = ("month", "currency", "agent_id", "counterparty_id", "category", "rail", "policies_key", "spent")
    return sorted(found.values_list(*columns), key=repr)


def test_whole_months_are_read_from_their_rows_and_ragged_ends_from_days(world: World) -> None:
    roll(world.organization_id, now=LATER)
    chosen = {"category": "ai", "rail": "card"}
    whole, ragged = PERIODS["a month that is over"], PERIODS["ragged ends"]
    of_year = shown(world, PERIODS["a year"], Dimension.POLICY, chosen)
    SpendDay.objects.all().delete()

    # By policy everything is asked for by itself: it is no sum of what is drawn.
    assert shown(world, PERIODS["a year"], Dimension.POLICY, chosen).all_of_it == of_year.all_of_it
    months = shown(world, whole, Dimension.POLICY, chosen)
    assert months.all_of_it == direct(world, months.period, chosen)
    inner = between(date(2026, 9, 1), date(2026, 10, 31), zone=months.period.zone)
    assert shown(world, ragged, Dimension.POLICY, chosen).all_of_it == direct(world, inner, chosen)
