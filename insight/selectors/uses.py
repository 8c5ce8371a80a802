"""How much each policy has to do: the payments of late that it had a say in."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from insight.selectors.ledger import ANYTHING, Dimension, ledger_of, sums_of_groups
from insight.selectors.periods import last_days
from people.models import Organization

LATELY_DAYS: Final = 30


def payments_by_policy(organization: Organization, policies: Sequence[str], now: datetime) -> Mapping[str, int]:
    """Return by public id how many payments of the last 30 days each of these policies had a say in, in any currency.

    One that had none is missing. Two reads, however many policies there are and however long the history is.
    """
    ledger = ledger_of(organization)
    period = last_days(LATELY_DAYS, zone=ledger.zone, now=now)
    found = sums_of_groups(ledger, period, Dimension.POLICY, ANYTHING, keys=policies)
    return {policy: sums.payments for policy, sums in found.items()}
