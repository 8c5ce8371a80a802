"""Decide without effect: what would be answered now."""

from datetime import datetime

from approvals.selectors.overdue import without_overdue
from approvals.selectors.situation import Ask, Asker, Situation, look, with_missing_summed
from policies.engine.evaluate import evaluate
from policies.engine.types import Decision


def simulate_payment(asker: Asker, ask: Ask, *, now: datetime) -> tuple[Situation, Decision]:
    """Return the situation and the decision that an ask would meet now; nothing is stored, no counter is opened.

    Overdue holds, which an ask would expire, count as room.
    """
    seen = with_missing_summed(look(asker, ask, asked_at=now, now=now))
    situation = without_overdue(seen, now=now)
    return situation, evaluate(situation.payment, situation.policies, situation.facts)
