"""Rules that no payment of late would have met: what lint says with an eye on history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from core.db import rows
from core.ids import Prefix, to_public
from core.span import ANY_PAYMENT, Condition
from policies.engine.lint import Finding, Level
from policies.engine.rules import Rule

LOOKED_BACK: Final = timedelta(days=90)
"""A quarter: what happens less often than that is looked at by nobody's lint."""
MOST_LOOKED_AT: Final = 10_000
"""Payments that are read, the newest of each agent first: some ten milliseconds, however long the past is."""

KINDS: Final = """
with asked as (
    select agent.id as agent_id, one.* from unnest(%(agents)s::uuid[]) agent (id)
    cross join lateral (
        select category, rail, counterparty_id, currency, counting_currency, amount from approvals_authorization a
        where a.agent_id = agent.id and a.asked_at >= %(since)s::timestamptz
        order by a.asked_at desc limit %(each)s::int) one
)
select category, rail, coalesce(m.merged_into_id, m.id), currency, counting_currency, max(amount),
    (select max(number) from (select count(*) as number from asked group by agent_id) read)
from asked left join spend_counterparty m on m.id = asked.counterparty_id
group by 1, 2, 3, 4, 5
"""


@dataclass(frozen=True, slots=True)
class _Kind:
    """Payments that conditions see as one, and the largest amount among them: a minimum is met by it or by none."""

    category: str | None
    rail: str | None
    counterparty: str | None
    currency: str
    counting_currency: str
    amount: Decimal

    def meets(self, when: Condition) -> bool:
        return when.covers(
            category=self.category,
            rail=self.rail,
            counterparty=self.counterparty,
            currency=self.currency,
            counting_currency=self.counting_currency,
            amount=self.amount,
        )


def unmet_rules(agents: Sequence[UUID], rules: Sequence[Rule], now: datetime) -> tuple[Finding, ...]:
    """Return a warning for each rule whose condition no payment of the last 90 days would have met.

    Payments are those of these agents. Where they asked for nothing at all nothing is said: a rule for an agent to come
    is no mistake. One read, bounded.
    """
    if not agents:
        return ()
    each = max(1, MOST_LOOKED_AT // len(agents))
    bounds = {"agents": list(agents), "since": now - LOOKED_BACK, "each": each}
    found: list[tuple[Any, ...]] = rows(KINDS, bounds)
    kinds = [
        _Kind(category, rail, payee and to_public(Prefix.COUNTERPARTY, payee), *money)
        for category, rail, payee, *money, _ in found
    ]
    if not kinds:
        return ()
    is_cut = found[0][-1] == each
    looked_at = f" that were looked at, the newest {each:,} of each agent," if is_cut else ""
    detail = f"No payment of the last 90 days{looked_at} would have met its condition."
    return tuple(
        Finding(Level.WARNING, "rule_unmet", f"rules[{place}].when", detail)
        for place, rule in enumerate(rules)
        if rule.when != ANY_PAYMENT and not any(kind.meets(rule.when) for kind in kinds)
    )
