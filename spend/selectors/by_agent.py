"""The money of several agents at once: what they spent hour by hour, what they hold, which records do not fit."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from core.db import rows
from core.ids import Prefix, to_public

HOUR: Final = timedelta(hours=1)
ZERO: Final = Decimal(0)

SPENT: Final = """
select agent_id, counting_currency, floor(extract(epoch from recorded_at - %(since)s) / 3600)::int,
    sum(case when kind = 'payment' then amount else -amount end)
from spend_spendrecord
where agent_id = any(%(agents)s) and organization_id = %(organization)s
  and recorded_at >= %(since)s and recorded_at < %(until)s
group by 1, 2, 3
"""

HELD: Final = """
select agent_id, counting_currency, count(*), sum(held), min(asked_at) from spend_hold
where agent_id = any(%(agents)s) and organization_id = %(organization)s and held > 0
group by 1, 2 order by 1, 2
"""

FLAGGED: Final = """
select r.agent_id, flag, count(*) from spend_spendrecord r cross join unnest(r.flags) flag
where r.organization_id = %(organization)s and r.flags <> '{}' and r.recorded_at >= %(since)s
group by 1, 2 order by 1, 3 desc, 2
"""

UNASKED: Final = """
select r.agent_id, a.name, count(*), a.frozen_at is null and a.retired_at is null, count(*) over ()
from spend_spendrecord r join agents_agent a on a.id = r.agent_id
where r.organization_id = %(organization)s and r.flags @> array['unauthorized']::varchar[] and r.flags <> '{}'
  and r.recorded_at >= %(since)s
group by r.agent_id, a.name, a.frozen_at, a.retired_at order by 3 desc, 2 limit %(limit)s
"""

MOST_RECORDS: Final = 500
"""Records looked at for the checks of an integration, the newest first."""

RECORDS: Final = """
select id, authorization_id, flags, recorded_at from spend_spendrecord
where agent_id = %(agent)s and organization_id = %(organization)s and recorded_at >= %(since)s and kind = 'payment'
order by recorded_at desc limit %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Reported:
    """One payment that an agent reported, and what did not fit."""

    id: UUID
    authorization_id: UUID | None
    flags: tuple[str, ...]
    recorded_at: datetime

    @property
    def public_id(self) -> str:
        """`spd_…`."""
        return to_public(Prefix.RECORD, self.id)


@dataclass(frozen=True, slots=True)
class Unasked:
    """An agent that paid so often without asking; `of` is how many such agents there are in all."""

    id: UUID
    name: str
    number: int
    can_be_frozen: bool
    of: int

    @property
    def public_id(self) -> str:
        """`agt_…`."""
        return to_public(Prefix.AGENT, self.id)


@dataclass(frozen=True, slots=True)
class Spent:
    """What an agent spent less what came back, in one currency; `by_hour` is the oldest hour first."""

    currency: str
    by_hour: tuple[Decimal, ...]

    @property
    def total(self) -> Decimal:
        """All hours together."""
        return sum(self.by_hour, ZERO)


@dataclass(frozen=True, slots=True)
class Held:
    """What an agent has set aside in one currency, over how many holds, the oldest since when."""

    currency: str
    number: int
    held: Decimal
    oldest: datetime


def spent_by_hour(
    organization_id: UUID, agent_ids: Sequence[UUID], *, hours: int, now: datetime
) -> Mapping[UUID, tuple[Spent, ...]]:
    """Return what each agent spent in the last hours, the currency with the most first; one read by index."""
    since = now - hours * HOUR
    params = {"organization": organization_id, "agents": list(agent_ids), "since": since, "until": now}
    found: defaultdict[UUID, defaultdict[str, dict[int, Decimal]]] = defaultdict(lambda: defaultdict(dict))
    for agent_id, currency, hour, net in cast(list[tuple[UUID, str, int, Decimal]], rows(SPENT, params)):
        found[agent_id][currency][hour] = net
    return {agent_id: _currencies(lines, hours) for agent_id, lines in found.items()}


def held_by_agent(organization_id: UUID, agent_ids: Sequence[UUID]) -> Mapping[UUID, tuple[Held, ...]]:
    """Return what each of these agents has set aside right now; one read by index."""
    params = {"organization": organization_id, "agents": list(agent_ids)}
    found: defaultdict[UUID, list[Held]] = defaultdict(list)
    lines = cast(list[tuple[UUID, str, int, Decimal, datetime]], rows(HELD, params))
    for agent_id, currency, number, held, oldest in lines:
        found[agent_id].append(Held(currency, number, held, oldest))
    return {agent_id: tuple(of_agent) for agent_id, of_agent in found.items()}


def flags_by_agent(organization_id: UUID, *, since: datetime) -> Mapping[UUID, Mapping[str, int]]:
    """Return how many records of each agent came with which flag since then, the most frequent first."""
    found: defaultdict[UUID, dict[str, int]] = defaultdict(dict)
    params = {"organization": organization_id, "since": since}
    for agent_id, flag, number in cast(list[tuple[UUID, str, int]], rows(FLAGGED, params)):
        found[agent_id][flag] = number
    return found


def unasked_by_agent(organization_id: UUID, *, since: datetime, limit: int) -> tuple[Unasked, ...]:
    """Return the agents that paid without asking since then, who did it most first; one read by index."""
    params = {"organization": organization_id, "since": since, "limit": limit}
    return tuple(Unasked(*line) for line in cast(list[tuple[UUID, str, int, bool, int]], rows(UNASKED, params)))


def reported_by(organization_id: UUID, agent_id: UUID, *, since: datetime) -> tuple[Reported, ...]:
    """Return the payments that an agent reported since then, the newest first, at most `MOST_RECORDS`."""
    params = {"organization": organization_id, "agent": agent_id, "since": since, "limit": MOST_RECORDS}
    found = cast(list[tuple[UUID, UUID | None, list[str], datetime]], rows(RECORDS, params))
    return tuple(Reported(one, authorization, tuple(flags), at) for one, authorization, flags, at in found)


def _currencies(lines: Mapping[str, Mapping[int, Decimal]], hours: int) -> tuple[Spent, ...]:
    spent = [
        Spent(currency, tuple(by_hour.get(hour, ZERO) for hour in range(hours))) for currency, by_hour in lines.items()
    ]
    return tuple(sorted(spent, key=lambda one: (-one.total, one.currency)))
