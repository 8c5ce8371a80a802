"""What was reported oddly, what is set aside, and what came last."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from django.db.models import Q, QuerySet

from core.db import prepared_rows, rows
from core.ids import Prefix, to_public
from core.lists import Order, Page, amount, aware, page_of, pages_of
from core.paging import DEFAULT_PAGE
from spend.models import SpendRecord

FLAGS: Final = """
select flag, count(*) from spend_spendrecord r cross join unnest(r.flags) flag
where r.organization_id = %(organization)s and r.recorded_at >= %(since)s and r.flags <> '{}'
  and (%(agent)s::uuid is null or r.agent_id = %(agent)s::uuid)
group by flag order by count(*) desc, flag
"""

FLAGS_OF_AGENT: Final = """
select flag, count(*), count(*) filter (where r.recorded_at >= %(lately)s)
from spend_spendrecord r cross join unnest(r.flags) flag
where r.organization_id = %(organization)s and r.agent_id = %(agent)s and r.recorded_at >= %(since)s and r.flags <> '{}'
group by flag order by 3 desc, 1
"""

NUMBER: Final = """
select count(*) from spend_spendrecord where organization_id = %(organization)s and recorded_at >= %(since)s
  and flags <> '{}'
"""

ORDERS: Final = {
    "newest": Order("Newest first", "recorded_at", is_falling=True, read=aware),
    "oldest": Order("Oldest first", "recorded_at", read=aware),
    "largest": Order("Largest first", "amount", is_falling=True, read=amount),
}
"""By what flagged records go, each served by an index; amounts of all currencies by their numbers."""

OPEN: Final = """
select currency, count(*), sum(held), min(asked_at) from spend_hold
where agent_id = %(agent)s and organization_id = %(organization)s and held > 0
group by currency order by currency
"""

LAST_RECORD: Final = """
select authorization_id, kind, amount, currency, recorded_at from spend_spendrecord
where agent_id = %(agent)s and organization_id = %(organization)s order by recorded_at desc limit 1
"""


@dataclass(frozen=True, slots=True)
class FlaggedRecord:
    """A record that does not fit what was authorized, and why."""

    id: UUID
    agent_id: UUID
    authorization_id: UUID | None
    kind: str
    amount: Decimal
    currency: str
    counterparty_id: UUID | None
    payee_name: str | None
    reference: str | None
    flags: list[str]
    recorded_at: datetime

    @property
    def public_id(self) -> str:
        """`spd_…`."""
        return to_public(Prefix.RECORD, self.id)


@dataclass(frozen=True, slots=True)
class OpenHolds:
    """What an agent has set aside in one currency, over how many holds, the oldest since when."""

    currency: str
    number: int
    held: Decimal
    oldest: datetime


@dataclass(frozen=True, slots=True)
class LastRecord:
    """The newest report of an agent."""

    authorization_id: UUID | None
    kind: str
    amount: Decimal
    currency: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Flags:
    """How many records of an agent came with which flag: in all the time that was asked for, and lately.

    Those that were the most frequent of late come first.
    """

    of_all: Mapping[str, int]
    of_late: Mapping[str, int]


def flag_counts(organization_id: UUID, *, since: datetime, agent_id: UUID | None = None) -> Mapping[str, int]:
    """Return how many records came with each flag, the most frequent first."""
    params = {"organization": organization_id, "since": since, "agent": agent_id}
    return dict(cast(list[tuple[str, int]], rows(FLAGS, params)))


def flags_of_agent(organization_id: UUID, agent_id: UUID, *, since: datetime, lately: datetime) -> Flags:
    """Return how many records of one agent came with which flag, since both moments; one read by index."""
    params: dict[str, object] = {
        "organization": organization_id,
        "agent": agent_id,
        "since": since,
        "lately": lately,
    }
    found = cast(list[tuple[str, int, int]], prepared_rows(FLAGS_OF_AGENT, params))
    return Flags({flag: number for flag, number, _ in found}, {flag: number for flag, _, number in found if number})


def number_flagged(organization_id: UUID, *, since: datetime) -> int:
    """Return how many records came with a flag since then; one with several counts once."""
    return cast(int, rows(NUMBER, {"organization": organization_id, "since": since})[0][0])


def flagged_page(
    organization_id: UUID,
    *,
    flag: str = "",
    agent_id: UUID | None = None,
    begins_at: datetime | None = None,
    order: Order = ORDERS["newest"],
    cursor: str = "",
    limit: int = DEFAULT_PAGE,
) -> Page[FlaggedRecord]:
    """Return the flagged records behind `cursor`, or those before it; raises `Invalid` (`cursor_invalid`)."""
    found = flagged_records(organization_id, flag=flag, agent_id=agent_id, begins_at=begins_at)
    page = page_of(found, order, cursor=cursor, limit=limit)
    return Page(tuple(map(_flagged, page.rows)), page.next_cursor, page.previous_cursor)


def flagged_pages(
    organization_id: UUID,
    *,
    flag: str = "",
    agent_id: UUID | None = None,
    begins_at: datetime | None = None,
    order: Order = ORDERS["newest"],
) -> Iterator[tuple[FlaggedRecord, ...]]:
    """Yield all flagged records in their order, a page in memory at a time."""
    found = flagged_records(organization_id, flag=flag, agent_id=agent_id, begins_at=begins_at)
    for some in pages_of(found, order):
        yield tuple(map(_flagged, some))


def flagged_records(
    organization_id: UUID, *, flag: str, agent_id: UUID | None, begins_at: datetime | None
) -> QuerySet[SpendRecord]:
    """Return the records that came with a flag: with this one, of this agent, since then, where they are given."""
    found = SpendRecord.objects.filter(~Q(flags=[]), organization_id=organization_id)
    if flag:
        found = found.filter(flags__contains=[flag])
    if begins_at is not None:
        found = found.filter(recorded_at__gte=begins_at)
    return found if agent_id is None else found.filter(agent_id=agent_id)


def _flagged(one: SpendRecord) -> FlaggedRecord:
    return FlaggedRecord(
        one.id,
        one.agent_id,
        one.authorization_id,
        one.kind,
        one.amount,
        one.currency,
        one.counterparty_id,
        (one.payee or {}).get("name"),
        one.reference,
        one.flags,
        one.recorded_at,
    )


def open_holds(organization_id: UUID, agent_id: UUID) -> tuple[OpenHolds, ...]:
    """Return what an agent has set aside right now, per currency."""
    params: dict[str, object] = {"organization": organization_id, "agent": agent_id}
    found = cast(list[tuple[str, int, Decimal, datetime]], prepared_rows(OPEN, params))
    return tuple(OpenHolds(*line) for line in found)


def last_record(organization_id: UUID, agent_id: UUID) -> LastRecord | None:
    """Return what an agent reported last."""
    params: dict[str, object] = {"organization": organization_id, "agent": agent_id}
    found = cast(list[tuple[UUID | None, str, Decimal, str, datetime]], prepared_rows(LAST_RECORD, params))
    return LastRecord(*found[0]) if found else None
