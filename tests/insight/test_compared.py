"""Periods that are compared: the same days say the same as what is before and as what is now, however it is read."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from approvals.services.booking import Report
from approvals.services.record import record_spend
from insight.selectors.ledger import OTHERS, OVERLAPPING, Chosen, Dimension, ledger_of
from insight.selectors.newcomers import newcomers
from insight.selectors.periods import Period, between, last_days
from insight.selectors.rollups import faults
from insight.selectors.spending import SERIES, Spending, spending, total
from insight.services.rollups import BEHIND, roll
from policies.selectors import current_policies
from spend.models import Counterparty
from spend.payee import PayeeClaim
from tests.approvals.test_merge import ROOMY, A, B, merge, payees
from tests.approvals.world import World, add_agent, ask, make_world, put_policy
from tests.factories import NOW

pytestmark = pytest.mark.django_db
LATER = NOW + BEHIND + timedelta(minutes=1)
CATEGORIES = [f"c{number}" for number in range(SERIES + 3)]


@pytest.fixture(autouse=True)
def afterwards(time_machine: Any) -> None:
    time_machine.move_to(LATER, tick=False)


def pay(world: World, amount: Decimal, payee: PayeeClaim, *, now: datetime = NOW, **more: Any) -> None:
    asked = ask(world, str(amount), payee=payee, now=now, **more)
    reach = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    record_spend(asked.answer.id, Report(amount, "USD"), actor=world.actor, now=now, **reach)


def spent(world: World) -> list[Spending]:
    """What every page shows: by each dimension, of everything, of one category, and of one on one rail."""
    ledger = ledger_of(world.cast.organization)
    period = last_days(30, zone=ledger.zone, now=LATER)
    some = [{}, {"category": CATEGORIES[0]}, {"category": CATEGORIES[0], "rail": "card"}, {"label": "eu"}]
    return [
        spending(ledger, period, by=by, chosen=Chosen(currency="USD", **one), is_compared_with=period)
        for by, one in product(Dimension, some)
    ]


def test_the_same_days_say_the_same_twice_whoever_was_merged_and_added_up() -> None:
    world = make_world(ROOMY)
    kept, merged = payees(world)
    others = [world, add_agent(world.cast, "Ops", labels=["eu"]), add_agent(world.cast, "Lab", labels=["eu", "us"])]
    for number, category in enumerate(CATEGORIES):
        payee = (A, B)[number % 2]
        pay(others[number % 3], Decimal(number + 1), payee, category=category, rail=("card", "bank")[number % 2])
    merge(world, kept, merged)

    from_ledger = spent(world)
    roll(world.organization_id, now=LATER)
    added_up = spent(world)

    assert added_up == from_ledger
    everything = Decimal(sum(range(1, len(CATEGORIES) + 1)))
    for shown in added_up:
        assert [group.before for group in shown.groups] == [group.sums for group in shown.groups]
        assert shown.before == shown.all_of_it == total(shown.before_by_step)
        if shown.by not in OVERLAPPING:
            assert shown.by_step() == list(shown.before_by_step)
    by_category = next(shown for shown in added_up if shown.by is Dimension.CATEGORY)
    assert (by_category.net, OTHERS in by_category.by_key) == (everything, True)
    assert total(by_category.by_key[OTHERS].values()).net == 1 + 2 + 3


LONG = (
    (date(2026, 1, 1), date(2026, 11, 22)),
    (date(2026, 8, 2), date(2026, 11, 22)),
    (date(2026, 8, 31), date(2026, 11, 1)),
    (date(2026, 9, 1), date(2026, 9, 30)),
    (date(2026, 9, 2), date(2026, 10, 30)),
    (date(2025, 6, 15), date(2026, 11, 22)),
)
"""Whole months with and without days before and behind them, none at all, and one so long that its steps are months."""


def seen(world: World) -> list[tuple[Period, Spending, Any]]:
    """What pages of long periods show of everything, and the first of one of each dimension that is chosen."""
    ledger = ledger_of(world.cast.organization)
    payee = str(next(one.pk for one in Counterparty.objects.filter(merged_into=None).order_by("first_seen_at")))
    gone = str(Counterparty.objects.exclude(merged_into=None).get().pk)
    some = [
        {}, {"agent": str(world.agent.id)}, {"counterparty": payee}, {"counterparty": gone}, {"counterparty": ""},
        {"category": CATEGORIES[1]}, {"rail": ""}, {"label": "eu"}, {"label": ""}, {"policy": policy_of(world)},
    ]  # fmt: skip
    periods = [between(*days, zone=ledger.zone) for days in LONG]
    asked = [*product(periods, Dimension, some[:1]), *product(periods[:1], Dimension, some[1:])]
    return [
        (
            period,
            spending(ledger, period, by=by, chosen=Chosen(currency="USD", **one), is_compared_with=period.before()),
            newcomers(ledger, period, currency="USD", limit=9),
        )
        for period, by, one in asked
    ]


def policy_of(world: World) -> str:
    return next(one.policy for one in current_policies(world.organization_id) if one.name == "Second")


def test_months_say_what_their_days_and_the_ledger_say() -> None:
    world = make_world(ROOMY)
    put_policy(world.cast, "Second", [ROOMY | {"when": {"categories": CATEGORIES[:4]}}])
    others = [world, add_agent(world.cast, "Ops", labels=["eu"]), add_agent(world.cast, "Lab", labels=["eu", "us"])]
    for number in range(40):
        moment = NOW - timedelta(days=13 * number)
        more: dict[str, Any] = {"category": CATEGORIES[number % 10], "rail": ("card", None)[number % 2]}
        pay(others[number % 3], Decimal(number + 1), (A, B)[number % 2], now=moment, **more)
    kept, merged = Counterparty.objects.order_by("first_seen_at").values_list("pk", flat=True)
    merge(world, kept, merged)

    from_ledger = seen(world)
    for days in (100, 0):
        roll(world.organization_id, now=LATER - timedelta(days=days))
        assert seen(world) == from_ledger
    assert faults() == []
    for period, shown, _ in from_ledger:
        assert (shown.by is Dimension.POLICY) or total(group.sums for group in shown.groups).net >= shown.net, period
    assert {shown.period.step_word for _, shown, _ in from_ledger} == {"Day", "Week", "Month"}
