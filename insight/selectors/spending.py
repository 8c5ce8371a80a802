"""Spend over time: by day and group, compared with the time before, as a chart and a table show it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from agents.selectors import agent_names
from core.db import one_snapshot
from core.ids import Prefix, to_public
from insight.selectors.ledger import (
    NONE,
    NOTHING,
    OTHERS,
    OVERLAPPING,
    Chosen,
    Dimension,
    Ledger,
    Sums,
    ledger_of,
    renewed,
    sums_by_currency,
    sums_by_day,
    sums_by_group,
    sums_of_days,
    sums_of_groups,
)
from insight.selectors.periods import DAY, Period, Step
from insight.selectors.summed import Least
from people.models import Organization
from policies.selectors import policy_names
from spend.selectors.counterparties import counterparty_names

SERIES: Final = 7
"""Groups with a colour of their own; the rest is stacked as one."""
ROWS: Final = 25
"""Groups that a page lists; all of them are in the CSV."""
MOST_GROUPS: Final = 10_000
"""Groups of a CSV's day."""
EXPORT_DAYS: Final = 7
ALL_OTHERS: Final = "All others"
NAMELESS: Final = {
    Dimension.AGENT: "Unknown agent",
    Dimension.COUNTERPARTY: "No known counterparty",
    Dimension.CATEGORY: "No category",
    Dimension.RAIL: "No rail",
    Dimension.LABEL: "No label",
    Dimension.POLICY: "No policy",
}
PREFIXES: Final = {Dimension.AGENT: Prefix.AGENT, Dimension.COUNTERPARTY: Prefix.COUNTERPARTY}


class Figure(StrEnum):
    """What of the spend is drawn."""

    NET = "net"
    PAYMENTS = "payments"
    UNAUTHORIZED = "unauthorized"


FIGURES: Final[Mapping[Figure, Callable[[Sums], Decimal | int]]] = {
    Figure.NET: lambda sums: sums.net,
    Figure.PAYMENTS: lambda sums: sums.payments,
    Figure.UNAUTHORIZED: lambda sums: sums.unauthorized,
}


@dataclass(frozen=True, slots=True)
class Group:
    """One agent, counterparty, category, rail, label or policy: what was recorded, and what in the time before.

    `key` is the text of a UUID, a word, or `NONE`; `public` is its public id or the word.
    """

    key: str
    public: str
    name: str
    sums: Sums
    before: Sums | None = None

    @property
    def net(self) -> Decimal:
        """Spent less returned."""
        return self.sums.net

    @property
    def change(self) -> Decimal | None:
        """How much more than in the time before, in per cent; None where nothing can be said."""
        return change(self.sums.net, None if self.before is None else self.before.net)


@dataclass(frozen=True, slots=True)
class Spending:
    """What was recorded in a period in one currency, grouped, the largest group first.

    `all_of_it` is everything, once, whatever the groups; `by_key` what each group of the chart had on each step.
    """

    period: Period
    by: Dimension
    currency: str
    groups: tuple[Group, ...]
    number_of_groups: int
    all_of_it: Sums
    before: Sums | None
    by_key: Mapping[str, Mapping[Step, Sums]]
    before_by_step: Sequence[Sums] = field(default=())
    in_others: Mapping[str, Sums] = field(default_factory=dict)
    """What was recorded in the currencies that are not shown; only `last_spending` says it."""

    @property
    def net(self) -> Decimal:
        """Spent less returned."""
        return self.all_of_it.net

    @property
    def payments(self) -> int:
        """How many payments were recorded."""
        return self.all_of_it.payments

    @property
    def change(self) -> Decimal | None:
        """How much more than in the time before, in per cent."""
        return change(self.net, None if self.before is None else self.before.net)

    @property
    def hidden(self) -> int:
        """How many groups stand in the CSV only."""
        return self.number_of_groups - len(self.groups)

    def by_step(self) -> list[Sums]:
        """Return everything on each step, the oldest first; what has two labels or policies counts twice here."""
        return [total(steps.get(step, NOTHING) for steps in self.by_key.values()) for step in self.period.steps()]

    def by_day(self) -> list[Decimal]:
        """Return what was spent less what came back on each step, the oldest first."""
        return [sums.net for sums in self.by_step()]

    def share_of(self, group: Group) -> Decimal | None:
        """Return a group's part of what went out, in per cent; None where nothing did."""
        return 100 * group.sums.spent / self.all_of_it.spent if self.all_of_it.spent else None


def spending(
    ledger: Ledger, period: Period, *, by: Dimension, chosen: Chosen, is_compared_with: Period | None = None
) -> Spending:
    """Return what was recorded in a period in the currency of `chosen`, and in another period beside it."""
    assert chosen.currency is not None, "currencies do not mix"
    found, number = sums_by_group(ledger, period, by, chosen, limit=ROWS)
    before, days_before = None, None
    if is_compared_with is not None:
        before = sums_of_groups(ledger, is_compared_with, by, chosen, keys=list(found))
        days_before = sums_of_days(ledger, is_compared_with, chosen)
    names = names_of(ledger.organization_id, by, found)
    groups = tuple(
        Group(
            key,
            public_key(by, key),
            names.get(key) or NAMELESS[by],
            sums,
            None if before is None else before.get(key, NOTHING),
        )
        for key, sums in found.items()
    )
    keys = [group.key for group in groups[:SERIES]]
    least = Least.MONTH if period.step_word == "Month" else Least.DAY
    by_key = _by_key(period, sums_by_day(ledger, period, by, chosen, keys=keys, least=least))
    beside = _beside(period, is_compared_with, days_before) if is_compared_with and days_before is not None else ()
    if by in OVERLAPPING:
        # What has two labels or policies stands in two groups.
        whole = sums_by_currency(ledger, period, chosen).get(chosen.currency, NOTHING)
    else:
        whole = total(sums for steps in by_key.values() for sums in steps.values())
    return Spending(
        period=period,
        by=by,
        currency=chosen.currency,
        groups=groups,
        number_of_groups=number,
        all_of_it=whole,
        before=None if days_before is None else total(days_before.values()),
        by_key=by_key,
        before_by_step=beside,
    )


def total(many: Iterable[Sums]) -> Sums:
    """Return all together."""
    whole = NOTHING
    for one in many:
        whole = whole.plus(one)
    return whole


def change(now: Decimal, before: Decimal | None) -> Decimal | None:
    """Return how much more now is than what was before, in per cent; None where there was nothing before."""
    return 100 * (now - before) / before if before and before > 0 else None


def currency_for(
    organization: Organization, ledger: Ledger, period: Period, *, wanted: str = "", chosen: Chosen | None = None
) -> tuple[str, tuple[str, ...]]:
    """Return the currency to show and all there are: the wanted one, else the own one, else the most frequent."""
    known = tuple(sums_by_currency(ledger, period, chosen or Chosen()))
    own = organization.currency
    return _one_of(known, wanted, own), known or (own,)


def last_spending(organization: Organization, period: Period, *, counterparty_id: UUID | None = None) -> Spending:
    """Return what agents spent in a period, in the currency to show, for pages that show it beside other things."""
    ledger = ledger_of(organization)
    some = Chosen(counterparty=None if counterparty_id is None else str(counterparty_id))
    known = sums_by_currency(ledger, period, some)
    currency = _one_of(tuple(known), "", organization.currency)
    chosen = Chosen(counterparty=some.counterparty, currency=currency)
    others = {one: sums for one, sums in known.items() if one != currency}
    return replace(spending(ledger, period, by=Dimension.AGENT, chosen=chosen), in_others=others)


def chart_of(shown: Spending, figure: Figure = Figure.NET) -> dict[str, Any]:
    """Return the data of a stacked chart: a series per large group, one for the rest, a line for the time before."""
    read, steps = FIGURES[figure], shown.period.steps()
    names = {group.key: group.name for group in shown.groups} | {OTHERS: ALL_OTHERS}
    order = [group.key for group in shown.groups[:SERIES]] + [OTHERS]
    series: list[dict[str, Any]] = [
        {"name": names[key], "values": [read(shown.by_key[key].get(step, NOTHING)) for step in steps]}
        for key in order
        if key in shown.by_key
    ]
    if OTHERS in shown.by_key:
        series[-1]["tone"] = "neutral"
    if shown.before_by_step:
        line = [read(sums) for sums in shown.before_by_step]
        series.append({"name": "Time before", "values": line, "tone": "neutral", "line": True, "dashed": True})
    unit = "" if figure is Figure.PAYMENTS else shown.currency
    labels = [step.label for step in steps]
    return {"kind": "stacked", "axis": shown.period.step_word, "labels": labels, "series": series, "unit": unit}


def lines_by_day(
    ledger: Ledger, period: Period, *, by: Dimension, chosen: Chosen
) -> Iterator[tuple[date, str, str, Sums]]:
    """Yield day, public key, name and sums of every group, the oldest day first, some days in memory at a time.

    These are read in one snapshot: a file takes as long as whoever loads it, and days are added up meanwhile.
    """
    for first in period.days[::EXPORT_DAYS]:
        some = Period(first, min(period.last, first + DAY * (EXPORT_DAYS - 1)), period.zone)
        with one_snapshot():
            present = renewed(ledger)
            keys, _ = sums_by_group(present, some, by, chosen, limit=MOST_GROUPS)
            names = names_of(ledger.organization_id, by, keys)
            found = list(sums_by_day(present, some, by, chosen, keys=list(keys)))
        for day, key, sums in found:
            yield day, public_key(by, key), names.get(key) or NAMELESS[by], sums


def public_key(by: Dimension, key: str) -> str:
    """Return a group's key as addresses and files name it."""
    prefix = PREFIXES.get(by)
    return to_public(prefix, UUID(key)) if prefix and key not in (NONE, OTHERS) else key


def names_of(organization_id: UUID, by: Dimension, keys: Iterable[str]) -> Mapping[str, str]:
    """Return what groups are called, by key."""
    if by not in PREFIXES:
        known = [key for key in keys if key != NONE]
        return policy_names(organization_id, known) if by is Dimension.POLICY else {key: key for key in known}
    find = agent_names if by is Dimension.AGENT else counterparty_names
    return {str(one): name for one, name in find(organization_id, [UUID(key) for key in keys if key != NONE]).items()}


def _one_of(known: Sequence[str], wanted: str, own: str) -> str:
    return next((currency for currency in (wanted, own) if currency in known), known[0] if known else own)


def _by_key(period: Period, found: Iterable[tuple[date, str, Sums]]) -> Mapping[str, Mapping[Step, Sums]]:
    step_of = {day: step for step in period.steps() for day in Period(step.first, step.last, period.zone).days}
    by_key: defaultdict[str, defaultdict[Step, Sums]] = defaultdict(lambda: defaultdict(lambda: NOTHING))
    for day, key, sums in found:
        step = step_of[day]
        by_key[key][step] = by_key[key][step].plus(sums)
    return by_key


def _beside(period: Period, before: Period, found: Mapping[date, Sums]) -> list[Sums]:
    """Return what was recorded before, laid under the steps of the present: the tenth day under the tenth day."""
    line: list[Sums] = []
    for step in period.steps():
        skipped = (step.first - period.first).days
        days = [before.first + DAY * (skipped + number) for number in range((step.last - step.first).days + 1)]
        line.append(total(found[day] for day in days if day in found and day <= before.last))
    return line
