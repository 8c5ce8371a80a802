"""What was recorded, by day and group: the daily rows, and straight from the ledger what is not in them yet.

Everything that a page shows is read in one snapshot (`core.db.one_snapshot`), the place up to which the daily rows
reach included: what is before it comes from them, what is not from the ledger, so nothing is missing or counted twice.
A refund counts against the day on which it was reported. Records are summed in the currency they were reported in:
currencies do not mix.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import reduce
from typing import Any, Final, cast
from uuid import UUID

from core.db import rows
from insight.models import Rollup
from insight.selectors.periods import DAY, Period, months_on
from insight.selectors.summed import ONLY, Least, rows_of_groups, rows_of_spend
from people.models import Organization
from spend.selectors.families import FAMILY

MOST_CURRENCIES: Final = 50
ZERO: Final = Decimal(0)
NONE: Final = ""
"""The key of what has no category, rail, label or known counterparty."""
OTHERS: Final = "\x01"
"""The key of all groups without a line of their own."""


class Dimension(StrEnum):
    """What spend is grouped by."""

    AGENT = "agent"
    COUNTERPARTY = "counterparty"
    CATEGORY = "category"
    RAIL = "rail"
    LABEL = "label"
    POLICY = "policy"


KEYS: Final = {
    Dimension.AGENT: "s.agent_id::text",
    Dimension.COUNTERPARTY: "coalesce(merged.merged_into_id::text, s.counterparty_id::text, '')",
    Dimension.CATEGORY: "coalesce(s.category, '')",
    Dimension.RAIL: "coalesce(s.rail, '')",
    Dimension.LABEL: "coalesce(label, '')",
    Dimension.POLICY: "coalesce(policy, '')",
}
PRESENT: Final = """
left join spend_counterparty merged on merged.id = s.counterparty_id and merged.merged_into_id is not null
"""
"""The daily rows name whom a record named; what was paid to somebody who was merged is shown under who is left."""
LABELS: Final = """
left join (select id, unnest(labels) as label from agents_agent where organization_id = %(organization)s) labelled
    on labelled.id = s.agent_id
"""
"""The labels an agent has now, whenever it spent; an agent with two of them stands in two groups."""

EACH_POLICY: Final = "left join lateral unnest(s.policies) as policy on true"
JOINS: Final = {Dimension.COUNTERPARTY: PRESENT, Dimension.LABEL: LABELS, Dimension.POLICY: EACH_POLICY}
OVERLAPPING: Final = frozenset({Dimension.LABEL, Dimension.POLICY})
"""What one payment may have several of: it stands under each, and the groups together are more than was spent."""
POLICIES: Final = """
array(select distinct said->>'policy'
    from approvals_authorization a, jsonb_array_elements(coalesce(a.redecision, a.decision)->'checks') said
    where a.id = r.authorization_id and said->>'mode' = 'enforced' and said->>'outcome' <> 'not_applicable'
    order by 1)::varchar[]
"""
"""The policies that had a say in what record `r` was paid on: enforced, a rule of theirs applied, the last decision."""

LABELLED: Final = "s.agent_id = any(array(select id from agents_agent where organization_id = %(organization)s and"
FILTERS: Final = {
    Dimension.AGENT: ("s.agent_id = %(agent)s::uuid", ""),
    Dimension.COUNTERPARTY: (f"s.counterparty_id = any(array({FAMILY}))", "s.counterparty_id is null"),
    Dimension.CATEGORY: ("s.category = %(category)s", "s.category is null"),
    Dimension.RAIL: ("s.rail = %(rail)s", "s.rail is null"),
    Dimension.LABEL: (f"{LABELLED} labels @> array[%(label)s]::varchar[]))", f"{LABELLED} labels = '{{}}'))"),
    Dimension.POLICY: ("s.policies @> array[%(policy)s]::varchar[]", "s.policies = '{}'"),
}
"""What lets one value through, and what lets through only those that have none."""
OF_AGENTS: Final = "d.key = any(array(select id::text from agents_agent where organization_id = %(organization)s and"
ONLY_CHOSEN: Final = {
    Dimension.AGENT: ("d.key = %(agent)s::uuid::text", "false"),
    Dimension.COUNTERPARTY: (f"d.key = any(array({FAMILY})::text[])", "d.key = ''"),
    Dimension.CATEGORY: ("d.key = %(category)s", "d.key = ''"),
    Dimension.RAIL: ("d.key = %(rail)s", "d.key = ''"),
    Dimension.LABEL: (f"{OF_AGENTS} labels @> array[%(label)s]::varchar[]))", f"{OF_AGENTS} labels = '{{}}'))"),
    Dimension.POLICY: ("d.key = %(policy)s", "d.key = ''"),
}
"""The same for the rows of one dimension: they are found by their key, others are not read."""

TAIL: Final = """
select (r.recorded_at at time zone %(zone)s)::date, r.currency, r.agent_id, r.counterparty_id, h.category, h.rail,
    {policies},
    case r.kind when 'payment' then r.amount else 0 end, case r.kind when 'refund' then r.amount else 0 end,
    case r.kind when 'payment' then 1 else 0 end,
    case when r.kind = 'payment' and r.flags @> '{unauthorized}' then r.amount else 0 end,
    case when r.kind = 'payment' and r.flags @> '{unauthorized}' then 1 else 0 end
from spend_spendrecord r join spend_hold h on h.id = r.hold_id
where r.organization_id = %(organization)s and r.recorded_at >= %(since)s and r.recorded_at < %(until)s
""".replace("{policies}", POLICIES)
COLUMNS: Final = (
    "day, currency, agent_id, counterparty_id, category, rail, policies, spent, returned, payments, unauthorized,\
 unauthorized_payments"
)
SUMS: Final = "coalesce(sum(s.spent), 0), coalesce(sum(s.returned), 0), coalesce(sum(s.payments), 0)::bigint,\
 coalesce(sum(s.unauthorized), 0), coalesce(sum(s.unauthorized_payments), 0)::bigint"

CURRENCIES: Final = """
with spent_on ({columns}) as ({both})
select s.currency, {sums} from spent_on s where {chosen} group by 1 order by 4 desc, 1 limit %(limit)s
"""
GROUPS: Final = """
with spent_on ({columns}) as ({both}),
grouped as (select {key} as key, {sums} from spent_on s {joins} where {chosen} and {some} group by 1)
select *, count(*) over () from grouped as g (key, spent, returned, payments, unauthorized, unauthorized_payments)
order by spent - returned desc, key limit %(limit)s
"""
SERIES: Final = """
with spent_on ({columns}) as ({both})
select s.day, case when {key} = any(%(lines)s::text[]) then {key} else %(others)s end, {sums}
from spent_on s {joins} where {chosen} group by 1, 2 order by 1, 2
"""
SERIES_OF_SOME: Final = """
with spent_on ({columns}) as ({both})
select s.day, {key}, {sums} from spent_on s {joins} where {chosen} and {some} group by 1, 2 order by 1, 2
"""
WHOLE: Final = """
with spent_on ({columns}) as ({both})
select s.day, {sums} from spent_on s where {chosen} group by 1 order by 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which spend is summed; None means any, and `NONE` what has no such thing."""

    agent: str | None = None
    counterparty: str | None = None
    category: str | None = None
    rail: str | None = None
    label: str | None = None
    policy: str | None = None
    currency: str | None = None


ANYTHING: Final = Chosen()


@dataclass(frozen=True, slots=True)
class Ledger:
    """One organization's ledger with its daily rows: they hold what happened before `rolled_until`.

    None where there are none in the organization's present time zone: everything is then summed from the ledger.
    """

    organization_id: UUID
    zone: str
    rolled_until: datetime | None

    def in_whole_months(self, period: Period) -> Period:
        """Return a period in which the same is added up: to the end of its last month, if nothing is there yet."""
        is_all = self.rolled_until is not None and self.rolled_until <= period.until
        return replace(period, last=months_on(period.last.replace(day=1), 1) - DAY) if is_all else period


@dataclass(frozen=True, slots=True)
class Sums:
    """What was recorded: `unauthorized` is the part of `spent` that no authorization stood behind."""

    spent: Decimal = ZERO
    returned: Decimal = ZERO
    payments: int = 0
    unauthorized: Decimal = ZERO
    unauthorized_payments: int = 0

    @property
    def net(self) -> Decimal:
        """Spent less returned; below zero where more came back than went out."""
        return self.spent - self.returned

    def plus(self, other: "Sums") -> "Sums":
        """Return both together."""
        return Sums(
            self.spent + other.spent,
            self.returned + other.returned,
            self.payments + other.payments,
            self.unauthorized + other.unauthorized,
            self.unauthorized_payments + other.unauthorized_payments,
        )

    def less(self, other: "Sums") -> "Sums":
        """Return what is left of this without a part of it."""
        return Sums(
            self.spent - other.spent,
            self.returned - other.returned,
            self.payments - other.payments,
            self.unauthorized - other.unauthorized,
            self.unauthorized_payments - other.unauthorized_payments,
        )


NOTHING: Final = Sums()


def ledger_of(organization: Organization) -> Ledger:
    """Return the ledger of an organization, as far as it is added up."""
    return renewed(Ledger(organization.pk, organization.time_zone, None))


def renewed(ledger: Ledger) -> Ledger:
    """Return a ledger as far as it is added up by now: for whoever reads in more than one snapshot."""
    found = Rollup.objects.filter(organization_id=ledger.organization_id, time_zone=ledger.zone)
    return replace(ledger, rolled_until=found.values_list("until", flat=True).first())


def sums_by_currency(ledger: Ledger, period: Period, chosen: Chosen = ANYTHING) -> Mapping[str, Sums]:
    """Return what was recorded per currency, the one with most payments first."""
    found = _read(CURRENCIES, ledger, period, chosen, least=Least.PERIOD, limit=MOST_CURRENCIES)
    return {str(currency): Sums(*sums) for currency, *sums in found}


def sums_by_group(
    ledger: Ledger, period: Period, by: Dimension, chosen: Chosen, *, limit: int
) -> tuple[Mapping[str, Sums], int]:
    """Return the groups with the largest net spend, the largest first, and how many groups there are."""
    found = _read(GROUPS, ledger, period, chosen, by=by, least=Least.PERIOD, limit=limit)
    return {key: Sums(*sums) for key, *sums, _ in found}, found[0][-1] if found else 0


def sums_of_groups(
    ledger: Ledger, period: Period, by: Dimension, chosen: Chosen, *, keys: Sequence[str]
) -> Mapping[str, Sums]:
    """Return what was recorded in these groups; one in which nothing was is missing."""
    found = _read(GROUPS, ledger, period, chosen, by=by, least=Least.PERIOD, keys=list(keys), limit=len(keys))
    return {key: Sums(*sums) for key, *sums, _ in found}


def sums_by_day(
    ledger: Ledger, period: Period, by: Dimension, chosen: Chosen, *, keys: Sequence[str], least: Least = Least.DAY
) -> Iterable[tuple[date, str, Sums]]:
    """Return what was recorded on each day in each of these groups, and in all others as `OTHERS`, the oldest first."""
    if by in OVERLAPPING or _one_thing(chosen, by) is None:
        found = _read(SERIES, ledger, period, chosen, by=by, least=least, lines=list(keys), others=OTHERS)
        return [(day, key, Sums(*sums)) for day, key, *sums in found]
    # Rows are as many as groups: those of the others are not read, what they had is what is left of each day.
    some: defaultdict[date, dict[str, Sums]] = defaultdict(dict)
    for day, key, *sums in _read(SERIES_OF_SOME, ledger, period, chosen, by=by, least=least, keys=list(keys)):
        some[day][key] = Sums(*sums)
    for day, whole in sums_of_days(ledger, period, chosen, least=least).items():
        others = reduce(Sums.less, some[day].values(), whole)
        some[day] |= {OTHERS: others} if others != NOTHING else {}
    return [(day, key, sums) for day, groups in sorted(some.items()) for key, sums in groups.items()]


def sums_of_days(ledger: Ledger, period: Period, chosen: Chosen, *, least: Least = Least.DAY) -> Mapping[date, Sums]:
    """Return what was recorded on each day on which anything was, once, the oldest day first."""
    return {day: Sums(*sums) for day, *sums in _read(WHOLE, ledger, period, chosen, least=least)}


def both_sides(ledger: Ledger, period: Period, days: str, tail: str) -> tuple[str, dict[str, Any]]:
    """Return SQL for the daily rows of a period and what of the ledger they do not hold, with its parameters."""
    since, until = period.since, period.until
    place = ledger.rolled_until
    params = {
        "organization": ledger.organization_id,
        "zone": ledger.zone,
        "first": period.first,
        "last": period.last,
        "since": since if place is None else max(since, place),
        "until": until,
    }
    if place is None:
        return tail, params
    return (days, params) if place >= until else (f"{days} union all {tail}", params)


def conditions_of(chosen: Chosen) -> tuple[list[str], dict[str, str]]:
    """Return the SQL conditions on `s` that let through what is chosen, with their values."""
    conditions: list[str] = ["true"]
    values: dict[str, str] = {}
    for dimension, (one, none) in FILTERS.items():
        value: str | None = getattr(chosen, dimension.value)
        if value is not None:
            conditions.append(one if value != NONE else none or "false")
            values[dimension.value] = value
    if chosen.currency is not None:
        conditions.append("s.currency = %(currency)s")
        values["currency"] = chosen.currency
    return conditions, values


def _read(
    sql: str,
    ledger: Ledger,
    period: Period,
    chosen: Chosen,
    *,
    least: Least,
    by: Dimension | None = None,
    keys: Sequence[str] | None = None,
    **more: Any,
) -> list[tuple[Any, ...]]:
    """Ask a question; `least` is what it tells apart, `keys` the groups it is about."""
    one_thing = _one_thing(chosen, by)
    conditions, values = conditions_of(chosen)
    if by is Dimension.POLICY and chosen.policy is not None:
        # Others that had a say beside the chosen one are not groups of this question.
        conditions.append(f"{KEYS[by]} = %(policy)s")
    reach = ledger.in_whole_months(period)
    if one_thing is None:
        summed, params = rows_of_spend(reach, least)
    else:
        summed, params = rows_of_groups(reach, least, _only(one_thing, by, chosen, keys))
    both, read = both_sides(ledger, period, summed, TAIL)
    asked = sql.format(
        columns=COLUMNS,
        sums=SUMS,
        both=both,
        chosen=" and ".join(conditions),
        some=f"{KEYS[by]} = any(%(keys)s::text[])" if by and keys is not None else "true",
        key=KEYS[by] if by else "",
        joins=JOINS.get(by, "") if by else "",
    )
    return cast(
        list[tuple[Any, ...]],
        rows(asked, read | params | values | more | {"one_thing": one_thing, "keys": keys}),
    )


def _only(one_thing: Dimension, by: Dimension | None, chosen: Chosen, keys: Sequence[str] | None) -> str:
    """Return the SQL condition on the rows of one dimension that are read at all."""
    # Labels are not what the rows of agents go by.
    only = [ONLY] if keys is not None and one_thing is by else []
    for dimension, (one, none) in ONLY_CHOSEN.items():
        value: str | None = getattr(chosen, dimension.value)
        if value is not None:
            only.append(one if value != NONE else none)
    return " and ".join(only) or "true"


def _one_thing(chosen: Chosen, by: Dimension | None) -> Dimension | None:
    """Return the only dimension that a question looks at; None where it looks at several. Labels are agents'."""
    looked_at = {one for one in Dimension if one is by or getattr(chosen, one.value) is not None}
    things = {Dimension.AGENT if one is Dimension.LABEL else one for one in looked_at}
    return None if len(things) > 1 else next(iter(things), Dimension.RAIL)
