"""The rows that are added up: by day, and by month where a question reaches over whole ones.

Pages of a year ask for hundreds of days of each group: its months answer that with a thirtieth of the rows, so that a
page costs no more the longer the history behind it is. Of several dimensions a month has a row for each combination
that it had: where none comes twice in a month, its rows are as many as those of its days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from insight.selectors.periods import DAY, Period


class Least(StrEnum):
    """The least of a period that a question tells apart."""

    DAY = "day"
    MONTH = "month"
    """What a whole month had may stand on its first day."""
    PERIOD = "period"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one kind: where those of days and of months stand, what of them is read, and which of them."""

    of_days: str
    of_months: str
    columns: str
    which: str = "true"


SPEND: Final = Rows(
    "insight_spendday", "insight_spendmonth", "d.agent_id, d.counterparty_id, d.category, d.rail, d.policies"
)
GROUPS: Final = Rows("insight_groupday", "insight_groupmonth", "d.by, d.key", "d.by = %(one_thing)s")
READ: Final = """
select d.{day} as day, d.currency, {columns}, d.spent, d.returned, d.payments, d.unauthorized, d.unauthorized_payments
from {table} d
where d.organization_id = %(organization)s and {which}
  and d.{day} >= %({part}_first)s and d.{day} <= %({part}_last)s and {only}
"""
ONLY: Final = """
d.key = any(array(select unnest(%(keys)s::text[]) union all
    select m.id::text from spend_counterparty m where m.merged_into_id::text = any(%(keys)s::text[])))
"""
"""The rows of some groups, those of counterparties that were merged into one of them among them."""
DIMENSIONS: Final = """
    case d.by when 'agent' then d.key::uuid end, case d.by when 'counterparty' then nullif(d.key, '')::uuid end,
    case d.by when 'category' then nullif(d.key, '') end, case d.by when 'rail' then nullif(d.key, '') end,
    case when d.by = 'policy' and d.key <> '' then array[d.key] else array[]::varchar[] end::varchar[]
"""
"""The only dimension of a group among those of spend."""
BY_STEP: Final = """
select d.day, d.currency, {dimensions}, d.spent, d.returned, d.payments, d.unauthorized, d.unauthorized_payments
from ({rows}) d
"""
TOTALS: Final = """
select null::date, d.currency, {dimensions}, d.spent, d.returned, d.payments, d.unauthorized, d.unauthorized_payments
from (
    select d.by, d.currency, d.key, sum(d.spent) as spent, sum(d.returned) as returned,
        sum(d.payments)::bigint as payments, sum(d.unauthorized) as unauthorized,
        sum(d.unauthorized_payments)::bigint as unauthorized_payments
    from ({rows}) d group by 1, 2, 3
) d
"""
"""One row for each key: what follows is done once for a key and not once for a day."""


def rows_of_spend(period: Period, least: Least) -> tuple[str, dict[str, Any]]:
    """Return SQL for the rows of all dimensions, with its parameters."""
    return _read(SPEND, period, least)


def rows_of_groups(period: Period, least: Least, only: str = "true") -> tuple[str, dict[str, Any]]:
    """Return SQL for the rows of one dimension that `only` lets through, with its parameters."""
    read, params = _read(GROUPS, period, least, only)
    asked = TOTALS if least is Least.PERIOD else BY_STEP
    return asked.format(dimensions=DIMENSIONS, rows=read), params


def _read(rows: Rows, period: Period, least: Least, only: str = "true") -> tuple[str, dict[str, Any]]:
    read: list[str] = []
    params: dict[str, Any] = {}
    for part, days in [("period", period)] if least is Least.DAY else _parts(period):
        table, day = (rows.of_months, "month") if part == "months" else (rows.of_days, "day")
        read.append(READ.format(table=table, day=day, columns=rows.columns, which=rows.which, part=part, only=only))
        params |= {f"{part}_first": days.first, f"{part}_last": days.last}
    return " union all ".join(read), params


def _parts(period: Period) -> Iterator[tuple[str, Period]]:
    """Yield the whole months of a period, and the days before and behind them."""
    months = period.whole_months()
    if months is None:
        yield "period", period
        return
    yield "months", months
    if months.first > period.first:
        yield "head", Period(period.first, months.first - DAY, period.zone)
    if months.last < period.last:
        yield "rest", Period(months.last + DAY, period.last, period.zone)
