"""How a pot of a budget empties: day by day, by whom, and when it will be empty at the pace so far."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from agents.selectors import agent_names
from core.db import rows
from core.ids import Prefix, to_public
from insight.selectors.budgets import Budget
from insight.selectors.ledger import ZERO, Ledger
from insight.selectors.periods import DAY, LONGEST_DAYS, Period

EARLY: Final = Decimal("0.03")
"""The part of a filling after which its pace tells something."""
FARTHEST: Final = timedelta(days=3650)
SPENDERS_SHOWN: Final = 10

DAYS: Final = """
select c.key, d.day, d.agent_id, d.spent - d.returned, d.payments
from spend_counter c join insight_potday d on d.organization_id = c.organization_id and d.counter_id = c.id
where c.organization_id = %(organization)s and c.key = any(%(keys)s::text[])
"""
TAIL: Final = """
select c.key, (r.recorded_at at time zone %(zone)s)::date, r.agent_id,
    case when r.kind = 'payment' then r.amount when r.gives_room_back then -r.amount else 0 end,
    case r.kind when 'payment' then 1 else 0 end
from spend_spendrecord r
join spend_posting p on p.hold_id = r.hold_id
join spend_counter c on c.id = p.counter_id and c.key = any(%(keys)s::text[])
where r.organization_id = %(organization)s and r.recorded_at >= %(since)s
"""
DRAWN: Final = """
with drawn_on (key, day, agent_id, net, payments) as ({both})
select {what}, sum(net), sum(payments)::bigint from drawn_on group by 1, 2 order by 1, 2
"""


@dataclass(frozen=True, slots=True)
class Spender:
    """An agent and what it drew from a pot, as recorded."""

    agent_id: str
    name: str
    net: Decimal
    payments: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What follows if the pot goes on emptying as it has since it was filled: the mean of the whole time, per day.

    `runs_out_at` is None where it lasts until it is filled again, or where nothing is drawn.
    """

    per_day: Decimal
    runs_out_at: datetime | None


@dataclass(frozen=True, slots=True)
class Burning:
    """A pot with what was recorded against it on each day of the present filling, and by whom."""

    budget: Budget
    period: Period | None
    by_day: Mapping[date, Decimal]
    spenders: tuple[Spender, ...]
    forecast: Forecast | None

    def left_by_day(self) -> list[Decimal]:
        """Return what was left after what was recorded, at the end of each day so far."""
        if self.period is None:
            return []
        left, line = self.budget.amount, []
        for day in self.period.days:
            left -= self.by_day.get(day, ZERO)
            line.append(left)
        return line


def burning(ledger: Ledger, budgets: Collection[Budget], *, now: datetime) -> tuple[Burning, ...]:
    """Return how each of these pots empties, without its spenders."""
    drawn: defaultdict[str, dict[date, Decimal]] = defaultdict(dict)
    for key, day, net, _ in _drawn(ledger, budgets, what="key, day"):
        drawn[key][day] = net
    return tuple(
        Burning(one, filling(one, ledger.zone, now), drawn[one.counter], (), forecast(one, now)) for one in budgets
    )


def burning_of(ledger: Ledger, budget: Budget, *, now: datetime) -> Burning:
    """Return how one pot empties, with those who drew most."""
    (shown,) = burning(ledger, [budget], now=now)
    drawn = sorted(_drawn(ledger, [budget], what="key, agent_id"), key=lambda line: -line[2])[:SPENDERS_SHOWN]
    names = agent_names(ledger.organization_id, [agent for _, agent, _, _ in drawn])
    spenders = [
        Spender(to_public(Prefix.AGENT, agent), names.get(agent, ""), net, payments)
        for _, agent, net, payments in drawn
    ]
    return replace(shown, spenders=tuple(sorted(spenders, key=lambda one: (-one.net, one.name))))


def filling(budget: Budget, zone: str, now: datetime) -> Period | None:
    """Return the days of the present filling up to today; None where it never began."""
    if budget.starts_at is None:
        return None
    first, today = (moment.astimezone(ZoneInfo(zone)).date() for moment in (budget.starts_at, now))
    return Period(max(first, today - DAY * LONGEST_DAYS), today, zone) if first <= today else None


def forecast(budget: Budget, now: datetime) -> Forecast | None:
    """Return when the pot is empty at its mean pace; None where it was filled too short a time ago to tell."""
    if budget.starts_at is None or budget.ends_at is None or not budget.starts_at < now < budget.ends_at:
        return None
    elapsed, whole = _days(now - budget.starts_at), _days(budget.ends_at - budget.starts_at)
    if elapsed < whole * EARLY:
        return None
    per_day = budget.used / elapsed
    if per_day <= 0:
        return Forecast(ZERO, None)
    if budget.remaining <= 0:
        return Forecast(per_day, now)
    seconds = budget.remaining / per_day * 86_400
    left = timedelta(seconds=float(min(seconds, Decimal(FARTHEST.total_seconds()))))
    return Forecast(per_day, now + left if now + left < budget.ends_at else None)


def burn_down_chart(shown: Burning) -> dict[str, Any] | None:
    """Return the data of a chart: what was left, where it goes at this pace, and an even pace to compare with."""
    budget, so_far = shown.budget, shown.period
    if so_far is None or budget.ends_at is None or budget.starts_at is None:
        return None
    end = (budget.ends_at - timedelta(microseconds=1)).astimezone(ZoneInfo(so_far.zone)).date()
    steps = Period(so_far.first, max(end, so_far.last), so_far.zone).steps()
    today = so_far.last
    # From today on what is held counts as taken: the line ends where the forecast begins.
    left = dict(zip(so_far.days, shown.left_by_day(), strict=True)) | {today: budget.remaining}
    per_day = shown.forecast.per_day if shown.forecast else None
    number = Decimal((steps[-1].last - so_far.first).days + 1)
    ahead = [
        None if per_day is None or step.last < today else budget.remaining - per_day * (step.last - today).days
        for step in steps
    ]
    even = [budget.amount * (1 - Decimal((step.last - so_far.first).days + 1) / number) for step in steps]
    series: list[dict[str, Any]] = [
        {
            "name": "Left",
            "values": [left.get(min(step.last, today)) if step.first <= today else None for step in steps],
        },
        {"name": "Forecast", "values": [one if one is None else max(one, ZERO) for one in ahead], "dashed": True},
        {"name": "Even pace", "values": [_cents(one) for one in even], "dashed": True, "tone": "neutral"},
    ]
    series[1]["values"] = [one if one is None else _cents(one) for one in series[1]["values"]]
    labels = [step.label for step in steps]
    word = Period(so_far.first, steps[-1].last, so_far.zone).step_word
    return {"kind": "line", "axis": word, "labels": labels, "series": series, "unit": budget.currency}


def _drawn(ledger: Ledger, budgets: Collection[Budget], *, what: str) -> list[tuple[Any, Any, Decimal, int]]:
    """Return what was recorded against these pots, by pot and day or agent."""
    starts = [one.starts_at for one in budgets if one.starts_at is not None]
    params = {
        "organization": ledger.organization_id,
        "zone": ledger.zone,
        "keys": [one.counter for one in budgets],
        "since": ledger.rolled_until or min(starts, default=datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))),
    }
    both = TAIL if ledger.rolled_until is None else f"{DAYS} union all {TAIL}"
    found = rows(DRAWN.format(both=both, what=what), params) if budgets else []
    return cast(list[tuple[Any, Any, Decimal, int]], found)


def _days(length: timedelta) -> Decimal:
    return Decimal(length / timedelta(seconds=1)) / 86_400


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"))
