"""How an organization's agents are doing: counted by state, and each with what is wrong, the worst first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final, TypeAlias
from uuid import UUID

from django.db.models import Count, Q

from agents.models import Agent
from agents.selectors import (
    SILENT_AFTER,
    AgentFilter,
    AgentRow,
    Likeness,
    agent_rows,
    agents_like,
)
from agents.selectors.keys import Keys, ending_keys
from approvals.selectors.activity import Ages, Unfinished
from approvals.selectors.by_agent import Denied, asked_by_agent, denied_by_agent, denied_to, unsettled_by_agent
from core.errors import NotFound
from core.ids import Prefix, from_public, to_public
from core.paging import wrong_cursor
from spend.selectors.by_agent import Held, Spent, flags_by_agent, held_by_agent, spent_by_hour

LOOKED_AT: Final = timedelta(days=1)
HOURS: Final = 24
BACK: Final = "back."
"""Begins a cursor that reads towards the beginning of the list."""
ROWS: Final = 50
"""Agents on one page: what a page costs does not grow with the fleet."""
DISOBEDIENT: Final = frozenset({"declined", "voided", "unapproved"})
"""Flags of a record that was paid although the answer was not, or no longer, yes."""
UNAUTHORIZED: Final = "unauthorized"
NOTHING: Final = Unfinished(0, None)
Rank: TypeAlias = tuple[int, int]
"""Where an agent stands in the list of those in trouble, the lowest first."""


class Kind(IntEnum):
    """What may be wrong with an agent, the worst first; from `KEY_EXPIRED` up somebody has to look."""

    UNAUTHORIZED = 1
    DISOBEDIENT = 2
    MISFIT = 3
    IN_DOUBT = 4
    OFTEN_DENIED = 5
    KEY_EXPIRED = 6
    DENIED = 7
    WAITING = 8
    KEY_EXPIRING = 9
    SILENT = 10
    FROZEN = 11


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong: how often, of how many, for which reason or flags, since when."""

    kind: Kind
    number: int = 0
    among: int = 0
    words: tuple[str, ...] = ()
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One agent with its last 24 hours."""

    row: AgentRow
    troubles: tuple[Trouble, ...]
    spent: tuple[Spent, ...]
    held: tuple[Held, ...]
    asked: int
    denied: int
    waiting: Unfinished

    @property
    def is_bad(self) -> bool:
        """Whether somebody has to look at it now."""
        is_stopped = self.row.status == "frozen"
        return not is_stopped and bool(self.troubles) and self.troubles[0].kind <= Kind.KEY_EXPIRED


@dataclass(frozen=True, slots=True)
class FleetPage:
    """One page of agents, the cursors of those beside it, how many there are, need a look, have any trouble at all."""

    rows: tuple[FleetRow, ...] = ()
    next_cursor: str | None = None
    number: int = 0
    bad: int = 0
    troubled: int = 0
    previous_cursor: str | None = None
    ending: Mapping[UUID, Keys] = field(default_factory=dict)
    """The keys of all agents of the organization whose last key has run out or ends soon."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Agents that are not retired, by state; those whose keys end or have ended are counted in their own state too."""

    number: int
    active: int
    silent: int
    never_seen: int
    frozen: int
    key_expiring: int
    key_expired: int


@dataclass(frozen=True, slots=True)
class _Signs:
    """What is known of all agents of an organization, or of one, by agent: reads of the last day, by index."""

    flags: Mapping[UUID, Mapping[str, int]]
    denied: Mapping[UUID, Denied]
    asked: Mapping[UUID, int]
    unfinished: Mapping[UUID, Mapping[str, Unfinished]]
    keys: Mapping[UUID, Keys]

    def told_of(self) -> frozenset[UUID]:
        """Return the agents of whom anything is known; of most there is nothing to tell."""
        return frozenset().union(self.flags, self.denied, self.unfinished, self.keys)


def fleet_page(organization_id: UUID, chosen: AgentFilter, *, cursor: str, now: datetime) -> FleetPage:
    """Return one page of agents, the worst first unless the filter wants another order.

    Raises `Invalid` (`cursor_invalid`).
    Costs the same number of reads whatever there is, each of the last day or of what is open.
    """
    signs = _signs(organization_id, now)
    found = agents_like(organization_id, chosen, now=now)
    ranks = _ranks(found, signs, now)
    ids = [one.id for one in _ordered(found, chosen.sort, ranks)]
    start, end = _part_of(ids, cursor)
    shown = agent_rows(organization_id, ids[start:end], now=now)
    return FleetPage(
        rows=_fleet_rows(organization_id, shown, signs, now),
        next_cursor=to_public(Prefix.AGENT, ids[end - 1]) if end < len(ids) else None,
        previous_cursor=f"{BACK}{to_public(Prefix.AGENT, ids[start])}" if start else None,
        number=len(ids),
        bad=sum(kind <= Kind.KEY_EXPIRED for kind, _ in ranks.values()),
        troubled=sum(kind <= Kind.FROZEN for kind, _ in ranks.values()),
        ending=signs.keys,
    )


def troubles_of(
    organization_id: UUID, row: AgentRow, *, flags: Mapping[str, int], unfinished: Mapping[str, Ages], now: datetime
) -> tuple[Trouble, ...]:
    """Return what is wrong with one agent, the worst first, as the list says it; nothing of one that is retired.

    `flags` are those of its records since `LOOKED_AT`, `unfinished` is what is not over: its page reads them anyway.
    """
    if row.status == "retired":
        return ()
    agent_id, since = row.agent.pk, now - LOOKED_AT
    unsettled = {status: Unfinished(ages.number, ages.oldest) for status, ages in unfinished.items() if ages.number}
    signs = _Signs(
        flags={agent_id: flags},
        denied=denied_to(organization_id, agent_id, since=since),
        asked=asked_by_agent([agent_id], since=since),
        unfinished={agent_id: unsettled},
        keys={agent_id: row.unrevoked},
    )
    return _troubles(row, signs, now)


def fleet_of(organization_id: UUID, *, now: datetime, ending: Mapping[UUID, Keys] | None = None) -> Fleet:
    """Return how many agents are in each state, as the list's filter of that state would find them.

    `ending` are the keys that end where they have been read already.
    """
    ending = ending_keys(organization_id, now=now) if ending is None else ending
    thawed = Q(frozen_at=None)
    found = Agent.objects.filter(organization_id=organization_id, retired_at=None).aggregate(
        number=Count("pk"),
        active=Count("pk", filter=thawed & Q(last_seen_at__gt=now - SILENT_AFTER)),
        silent=Count("pk", filter=thawed & Q(last_seen_at__lte=now - SILENT_AFTER)),
        never_seen=Count("pk", filter=thawed & Q(last_seen_at=None)),
        frozen=Count("pk", filter=Q(frozen_at__isnull=False)),
    )
    states = [keys.state(now) for keys in ending.values()]
    return Fleet(**found, key_expiring=states.count("key_expiring"), key_expired=states.count("key_expired"))


def _signs(organization_id: UUID, now: datetime) -> _Signs:
    since = now - LOOKED_AT
    denied = denied_by_agent(organization_id, since=since)
    return _Signs(
        flags=flags_by_agent(organization_id, since=since),
        denied=denied,
        asked=asked_by_agent(tuple(denied), since=since),
        unfinished=unsettled_by_agent(organization_id, now=now),
        keys=ending_keys(organization_id, now=now),
    )


def _ordered(found: Sequence[Likeness], sort: str, ranks: Mapping[UUID, Rank]) -> list[Likeness]:
    by_name = sorted(found, key=lambda one: (one.name.casefold(), one.id))
    if sort == "name":
        return by_name
    if sort == "newest":
        return sorted(found, key=lambda one: one.id, reverse=True)
    return sorted(by_name, key=lambda one: ranks[one.id])


def _ranks(found: Sequence[Likeness], signs: _Signs, now: datetime) -> dict[UUID, Rank]:
    told_of = signs.told_of()
    return {
        one.id: _rank(one, next(_signs_of(one.id, signs, now), None) if one.id in told_of else None, now)
        for one in found
    }


def _rank(one: Likeness, worst: Trouble | None, now: datetime) -> Rank:
    """Return where an agent stands: by the worst that is wrong with it; a frozen one can do no more harm."""
    if one.frozen_at is not None:
        return Kind.FROZEN, 0
    if worst is not None:
        return worst.kind, -worst.number
    if one.last_seen_at is None:
        return len(Kind) + 2, 0
    return (Kind.SILENT if now - one.last_seen_at >= SILENT_AFTER else len(Kind) + 1), 0


def _signs_of(agent_id: UUID, signs: _Signs, now: datetime) -> Iterator[Trouble]:
    """Yield what is wrong with an agent, the worst first, as far as activity and keys tell it."""
    flags = signs.flags.get(agent_id, {})
    unfinished = signs.unfinished.get(agent_id, {})
    if flags.get(UNAUTHORIZED):
        yield Trouble(Kind.UNAUTHORIZED, flags[UNAUTHORIZED])
    for kind, of_kind in (
        (Kind.DISOBEDIENT, [flag for flag in flags if flag in DISOBEDIENT]),
        (Kind.MISFIT, [flag for flag in flags if flag not in DISOBEDIENT and flag != UNAUTHORIZED]),
    ):
        if of_kind:
            yield Trouble(kind, sum(flags[flag] for flag in of_kind), words=tuple(of_kind))
    if "in_doubt" in unfinished:
        yield Trouble(Kind.IN_DOUBT, unfinished["in_doubt"].number, since=unfinished["in_doubt"].oldest)
    denied, asked = signs.denied.get(agent_id), signs.asked.get(agent_id, 0)
    if denied and denied.is_often:
        yield Trouble(Kind.OFTEN_DENIED, denied.number, asked, (denied.reason,), denied.last)
    keys = signs.keys.get(agent_id)
    if keys and keys.state(now) == "key_expired":
        yield Trouble(Kind.KEY_EXPIRED, since=keys.ran_out_at)
    if denied and not denied.is_often:
        yield Trouble(Kind.DENIED, denied.number, asked, (denied.reason,), denied.last)
    if "pending_review" in unfinished:
        yield Trouble(Kind.WAITING, unfinished["pending_review"].number, since=unfinished["pending_review"].oldest)
    if keys and keys.state(now) == "key_expiring":
        yield Trouble(Kind.KEY_EXPIRING, since=keys.next_expiry)


def _troubles(row: AgentRow, signs: _Signs, now: datetime) -> tuple[Trouble, ...]:
    found = list(_signs_of(row.agent.pk, signs, now))
    if row.status == "silent":
        found.append(Trouble(Kind.SILENT, since=row.agent.last_seen_at))
    if row.status == "frozen":
        found.append(Trouble(Kind.FROZEN, since=row.agent.frozen_at, words=(row.agent.frozen_reason,)))
    return tuple(sorted(found, key=lambda one: one.kind))


def _part_of(ids: list[UUID], cursor: str) -> tuple[int, int]:
    """Return where the page behind an agent, or before it, begins and ends; raises `Invalid` (`cursor_invalid`).

    An agent that has left the list since is no error, for the list moves while it is looked at: it begins anew.
    """
    try:
        edge = from_public(Prefix.AGENT, cursor.removeprefix(BACK)) if cursor else None
    except NotFound:
        raise wrong_cursor() from None
    place = ids.index(edge) if edge in ids else -1
    start = max(0, place - ROWS) if cursor.startswith(BACK) and place >= 0 else place + 1
    return start, min(len(ids), start + ROWS)


def _fleet_rows(
    organization_id: UUID, shown: tuple[AgentRow, ...], signs: _Signs, now: datetime
) -> tuple[FleetRow, ...]:
    ids = [row.agent.pk for row in shown]
    spent = spent_by_hour(organization_id, ids, hours=HOURS, now=now)
    held = held_by_agent(organization_id, ids)
    asked = asked_by_agent(ids, since=now - LOOKED_AT)
    return tuple(
        FleetRow(
            row,
            _troubles(row, signs, now),
            spent.get(row.agent.pk, ()),
            held.get(row.agent.pk, ()),
            asked.get(row.agent.pk, 0),
            signs.denied[row.agent.pk].number if row.agent.pk in signs.denied else 0,
            signs.unfinished.get(row.agent.pk, {}).get("pending_review", NOTHING),
        )
        for row in shown
    )
