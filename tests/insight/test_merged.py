"""What was paid to two that were one is shown under the one that is left."""

from datetime import timedelta
from decimal import Decimal

import pytest

from insight.selectors.ledger import Chosen, Dimension, ledger_of, sums_by_currency, sums_by_group
from insight.selectors.newcomers import newcomers
from insight.selectors.periods import last_days
from insight.selectors.rollups import faults as rollup_faults
from insight.services.rollups import BEHIND, roll
from tests.approvals.test_merge import ROOMY, A, B, merge, pay, payees
from tests.approvals.world import make_world
from tests.factories import NOW
from tests.spend.samples import public

pytestmark = pytest.mark.django_db


def test_analytics_show_both_under_the_one_that_is_left() -> None:
    world = make_world(ROOMY)
    kept, merged = payees(world)
    pay(world, "6", A)
    pay(world, "5", B)
    later = NOW + BEHIND + timedelta(minutes=1)
    period = last_days(30, zone=world.cast.organization.time_zone, now=later)

    def sums() -> dict[str, Decimal]:
        ledger = ledger_of(world.cast.organization)
        found, _ = sums_by_group(ledger, period, Dimension.COUNTERPARTY, Chosen(currency="USD"), limit=9)
        return {key: one.net for key, one in found.items()}

    assert sums() == {str(kept): Decimal(6), str(merged): Decimal(5)}
    merge(world, kept, merged)
    assert sums() == {str(kept): Decimal(11)}
    roll(world.organization_id, now=later)
    assert sums() == {str(kept): Decimal(11)}
    ledger = ledger_of(world.cast.organization)
    for one in (kept, merged):
        only = Chosen(currency="USD", counterparty=str(one))
        assert sums_by_currency(ledger, period, only)["USD"].net == Decimal(11)
    met, number = newcomers(ledger, period, currency="USD", limit=9)
    assert [(one.public_id, one.net) for one in met] == [(public(kept), Decimal(11))]
    assert number == 1
    assert rollup_faults() == []
