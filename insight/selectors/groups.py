"""The rows of one dimension: by day, and by month where a question reaches over whole ones.

Pages of a year ask for hundreds of days of each group: its months answer that with a thirtieth of the rows, so that a
page costs no more the longer the history behind it is.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from insight.selectors.periods import DAY, Period

ROWS: Final = """
select d.by, d.{day} as day, d.currency, d.key, d.spent, d.returned, d.payments, d.unauthorized, d.unauthorized_payments
from {table} d
where d.organization_id = %(organization)s and d.by = %(one_thing)s
  and d.{day} >= %({part}_first)s and d.{day} <= %({part}_last)s and {only}
"""
ONLY: Final = """
d.key = any(array(select unnest(%(keys)s::text[]) union all
    select m.id::text from spend_counterparty m where m.merged_into_id::text = any(%(keys)s::text[])))
"""
"""The rows of some groups, those of counterparties that were merged into one of them among them."""
COLUMNS: Final = """
    case d.by when 'agent' then d.key::uuid end, case d.by when 'counterparty' then nullif(d.key, '')::uuid end,
    case d.by when 'category' then nullif(d.key, '') end, case d.by when 'rail' then nullif(d.key, '') end,
    case when d.by = 'policy' and d.key <> '' then array[d.key] else array[]::varchar[] end::varchar[]
"""
BY_STEP: Final = """
select d.day, d.currency, {columns}, d.spent, d.returned, d.payments, d.unauthorized, d.unauthorized_payments
from ({rows}) d
"""
TOTALS: Final = """
select null::date, d.currency, {columns}, d.spent, d.returned, d.payments, d.unauthorized, d.unauthorized_payments
from (
    select d.by, d.currency, d.key, sum(d.spent) as spent, sum(d.returned) as returned,
        sum(d.payments)::bigint as payments, sum(d.unauthorized) as unauthorized,
        sum(d.unauthorized_payments)::bigint as unauthorized_payments
    from ({rows}) d group by 1, 2, 3
) d
"""
"""One row for each key: what follows is done once for a key and not once for a day."""


def group_days(period: Period, only: str = "true") -> tuple[str, dict[str, Any]]:
    """Return SQL for the rows of one dimension, day by day, with its parameters."""
    read, params = _read([("period", period)], only)
    return BY_STEP.format(columns=COLUMNS, rows=read), params


def group_months(period: Period, only: str = "true") -> tuple[str, dict[str, Any]]:
    """Return SQL for the same where a month is the least that is asked about: whole ones stand on their first day."""
    read, params = _read(_parts(period), only)
    return BY_STEP.format(columns=COLUMNS, rows=read), params


def group_totals(period: Period, only: str = "true") -> tuple[str, dict[str, Any]]:
    """Return SQL for what each group had in the whole period."""
    read, params = _read(_parts(period), only)
    return TOTALS.format(columns=COLUMNS, rows=read), params


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


def _read(parts: Iterable[tuple[str, Period]], only: str) -> tuple[str, dict[str, Any]]:
    read: list[str] = []
    params: dict[str, Any] = {}
    for part, days in parts:
        table, day = ("insight_groupmonth", "month") if part == "months" else ("insight_groupday", "day")
        read.append(ROWS.format(table=table, day=day, part=part, only=only))
        params |= {f"{part}_first": days.first, f"{part}_last": days.last}
    return " union all ".join(read), params
