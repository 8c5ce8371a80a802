"""Counterparties that were met for the first time in a period, and what was spent there in it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from core.db import rows
from core.ids import Prefix, to_public
from insight.selectors.ledger import COLUMNS, TAIL, Dimension, Ledger, both_sides
from insight.selectors.periods import Period
from insight.selectors.summed import Least, rows_of_groups

ONLY: Final = """
d.key in (select n.id::text from newcomers n
    union all select m.id::text from newcomers n join spend_counterparty m on m.merged_into_id = n.id)
"""
NEWCOMERS: Final = """
with newcomers as (
    select c.id, c.name, c.standing, c.first_seen_at from spend_counterparty c
    where c.organization_id = %(organization)s and c.merged_into_id is null
      and c.first_seen_at >= %(begin)s and c.first_seen_at < %(until)s
),
spent_on ({columns}) as ({both})
select n.id, n.name, n.standing, n.first_seen_at, coalesce(sum(s.spent - s.returned), 0),
    coalesce(sum(s.payments), 0)::bigint, count(*) over ()
from newcomers n left join (
    spent_on s left join spend_counterparty m on m.id = s.counterparty_id and m.merged_into_id is not null
) on coalesce(m.merged_into_id, s.counterparty_id) = n.id and s.currency = %(currency)s
group by 1, 2, 3, 4 order by 5 desc, 4 desc, 1 limit %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A counterparty that nobody had asked to pay before, and its net spend in one currency since."""

    public_id: str
    name: str
    standing: str
    first_seen_at: datetime
    net: Decimal
    payments: int


def newcomers(ledger: Ledger, period: Period, *, currency: str, limit: int) -> tuple[tuple[Newcomer, ...], int]:
    """Return those most was spent at, and how many there are."""
    totals, params = rows_of_groups(ledger.in_whole_months(period), Least.PERIOD, ONLY)
    both, more = both_sides(ledger, period, totals, TAIL)
    more |= {"one_thing": Dimension.COUNTERPARTY, "begin": period.since, "currency": currency, "limit": limit}
    found = cast(
        list[tuple[UUID, str, str, datetime, Decimal, int, int]],
        rows(NEWCOMERS.format(columns=COLUMNS, both=both), params | more),
    )
    met = tuple(Newcomer(to_public(Prefix.COUNTERPARTY, one), *rest[:-1]) for one, *rest in found)  # type: ignore[arg-type]
    return met, found[0][-1] if found else 0
