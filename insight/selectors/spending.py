"""Spend over time: by day and group, as a chart and a table show it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from agents.selectors import agent_names
from core.ids import Prefix, to_public
from insight.selectors.periods import Period
from spend.selectors.analytics import Dimension, Records, SpendLine, currencies_in, spend_by_day
from spend.selectors.counterparties import counterparty_names

ZERO: Final = Decimal(0)
SERIES: Final = 7
"""Groups with a colour of their own; the rest is stacked as one."""
OTHERS: Final = "All others"
NAMELESS: Final = {
    Dimension.AGENT: "Unknown agent",
    Dimension.CATEGORY: "No category",
    Dimension.COUNTERPARTY: "No known counterparty",
}
PREFIXES: Final = {Dimension.AGENT: Prefix.AGENT, Dimension.COUNTERPARTY: Prefix.COUNTERPARTY}


@dataclass(frozen=True, slots=True)
class Group:
    """One agent, category or counterparty: what was spent less what came back, per day and in all.

    `key` is a public id or a category, empty where records had none.
    """

    key: str
    name: str
    by_day: Mapping[date, Decimal]
    spent: Decimal
    returned: Decimal
    payments: int

    @property
    def net(self) -> Decimal:
        """Spent less returned."""
        return self.spent - self.returned


@dataclass(frozen=True, slots=True)
class Spending:
    """Everything spent in a period in one currency, grouped, the largest group first."""

    period: Period
    by: Dimension
    currency: str
    groups: tuple[Group, ...]

    @property
    def spent(self) -> Decimal:
        """What went out."""
        return sum((group.spent for group in self.groups), ZERO)

    @property
    def returned(self) -> Decimal:
        """What came back."""
        return sum((group.returned for group in self.groups), ZERO)

    @property
    def net(self) -> Decimal:
        """Spent less returned."""
        return self.spent - self.returned

    @property
    def payments(self) -> int:
        """How many payments were recorded."""
        return sum(group.payments for group in self.groups)

    def by_day(self) -> list[Decimal]:
        """Return what was spent less what came back on each day, the oldest first."""
        return [sum((group.by_day.get(day, ZERO) for group in self.groups), ZERO) for day in self.period.days]

    def share_of(self, group: Group) -> Decimal | None:
        """Return a group's part of what went out, in per cent; None where nothing did."""
        return 100 * group.spent / self.spent if self.spent else None


def spending(
    organization_id: UUID,
    period: Period,
    *,
    by: Dimension,
    currency: str,
    agent_id: UUID | None = None,
    counterparty_id: UUID | None = None,
) -> Spending:
    """Return what was spent in a period, from the records."""
    chosen = Records(
        organization_id=organization_id,
        since=period.since,
        until=period.until,
        zone=period.zone,
        currency=currency,
        agent_id=agent_id,
        counterparty_id=counterparty_id,
    )
    lines: defaultdict[str | None, list[SpendLine]] = defaultdict(list)
    for line in spend_by_day(chosen, by):
        lines[line.key].append(line)
    names = _names(organization_id, by, lines)
    groups = (_group(by, key, names.get(key), of_group) for key, of_group in lines.items())
    return Spending(period, by, currency, tuple(sorted(groups, key=lambda group: (-group.net, group.name))))


def currency_for(
    organization_id: UUID, period: Period, *, own: str, wanted: str = "", counterparty_id: UUID | None = None
) -> tuple[str, tuple[str, ...]]:
    """Return the currency to show and all there are: the wanted one, else the own one, else the most frequent."""
    known = currencies_in(organization_id, since=period.since, until=period.until, counterparty_id=counterparty_id)
    for currency in (wanted, own):
        if currency in known:
            return currency, known
    return (known[0] if known else own), known or (own,)


def chart_of(shown: Spending) -> dict[str, Any]:
    """Return the data of a stacked chart: one series per large group, one for the rest."""
    days = shown.period.days
    series = [
        {"name": group.name, "values": [group.by_day.get(day, ZERO) for day in days]} for group in shown.groups[:SERIES]
    ]
    if shown.groups[SERIES:]:
        rest = replace(shown, groups=shown.groups[SERIES:])
        series.append({"name": OTHERS, "values": rest.by_day(), "tone": "neutral"})
    labels = [f"{day:%-d %b}" for day in days]
    return {"kind": "stacked", "axis": "Day", "labels": labels, "series": series, "unit": shown.currency}


def _group(by: Dimension, key: str | None, name: str | None, lines: Collection[SpendLine]) -> Group:
    prefix = PREFIXES.get(by)
    public = "" if key is None else to_public(prefix, UUID(key)) if prefix else key
    return Group(
        key=public,
        name=name or NAMELESS[by],
        by_day={line.day: line.net for line in lines},
        spent=sum((line.spent for line in lines), ZERO),
        returned=sum((line.returned for line in lines), ZERO),
        payments=sum(line.payments for line in lines),
    )


def _names(organization_id: UUID, by: Dimension, keys: Iterable[str | None]) -> dict[str | None, str]:
    known = [key for key in keys if key is not None]
    if by is Dimension.CATEGORY:
        return {key: key for key in known}
    find = agent_names if by is Dimension.AGENT else counterparty_names
    return {str(one): name for one, name in find(organization_id, [UUID(key) for key in known]).items()}
