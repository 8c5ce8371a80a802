"""Periods that are compared: the same days say the same as what is before and as what is now, however it is read."""

from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from approvals.services.booking import Report
from approvals.services.record import record_spend
from insight.selectors.ledger import OTHERS, OVERLAPPING, Chosen, Dimension, ledger_of
from insight.selectors.periods import last_days
from insight.selectors.spending import SERIES, Spending, spending, total
from insight.services.rollups import BEHIND, roll
from spend.payee import PayeeClaim
from tests.approvals.test_merge import ROOMY, A, B, merge, payees
from tests.approvals.world import World, add_agent, ask, make_world
from tests.factories import NOW

pytestmark = pytest.mark.django_db
LATER = NOW + BEHIND + timedelta(minutes=1)
CATEGORIES = [f"c{number}" for number in range(SERIES + 3)]


@pytest.fixture(autouse=True)
def afterwards(time_machine: Any) -> None:
    time_machine.move_to(LATER, tick=False)


def pay(world: World, amount: Decimal, payee: PayeeClaim, **more: Any) -> None:
    asked = ask(world, str(amount), payee=payee, **more)
    reach = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    record_spend(asked.answer.id, Report(amount, "USD"), actor=world.actor, now=NOW, **reach)


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
