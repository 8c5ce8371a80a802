"""What was reported oddly, what is set aside, and what came last."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from core.db import rows
from core.ids import Prefix, to_public
from core.lists import Page, page_from, since
from core.paging import DEFAULT_PAGE, LARGEST_PAGE, encode_cursor

FLAGS: Final = """
select flag, count(*) from spend_spendrecord r cross join unnest(r.flags) flag
where r.organization_id = %(organization)s and r.recorded_at >= %(since)s and r.flags <> '{}'
  and (%(agent)s::uuid is null or r.agent_id = %(agent)s::uuid)
group by flag order by count(*) desc, flag
"""

NUMBER: Final = """
select count(*) from spend_spendrecord where organization_id = %(organization)s and recorded_at >= %(since)s
  and flags <> '{}'
"""

FLAGGED: Final = """
select r.id, r.agent_id, r.authorization_id, r.kind, r.amount, r.currency, r.counterparty_id, r.payee->>'name',
    r.reference, r.flags, r.recorded_at
from spend_spendrecord r
where r.organization_id = %(organization)s and r.flags <> '{{}}'
  and (%(flag)s::text is null or r.flags @> array[%(flag)s]::varchar[])
  and (%(agent)s::uuid is null or r.agent_id = %(agent)s::uuid)
  and (%(since)s::timestamptz is null or r.recorded_at >= %(since)s)
  and (%(behind_at)s::timestamptz is null or (r.recorded_at, r.id) {side} (%(behind_at)s, %(behind_id)s::uuid))
order by r.recorded_at {way}, r.id {way} limit %(limit)s
"""

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


def flag_counts(organization_id: UUID, *, since: datetime, agent_id: UUID | None = None) -> Mapping[str, int]:
    """Return how many records came with each flag, the most frequent first."""
    params = {"organization": organization_id, "since": since, "agent": agent_id}
    return dict(cast(list[tuple[str, int]], rows(FLAGS, params)))


def number_flagged(organization_id: UUID, *, since: datetime) -> int:
    """Return how many records came with a flag since then; one with several counts once."""
    return cast(int, rows(NUMBER, {"organization": organization_id, "since": since})[0][0])


def flagged_page(
    organization_id: UUID,
    *,
    flag: str | None = None,
    agent_id: UUID | None = None,
    begins_at: datetime | None = None,
    cursor: str = "",
    limit: int = DEFAULT_PAGE,
) -> Page[FlaggedRecord]:
    """Return the newest flagged records behind `cursor`, or those before it; raises `Invalid` (`cursor_invalid`)."""
    limit = max(1, min(limit, LARGEST_PAGE))
    begin = since(cursor)
    params = {
        "organization": organization_id,
        "flag": flag,
        "agent": agent_id,
        "since": begins_at,
        "behind_at": begin.moment,
        "behind_id": begin.row_id,
        "limit": limit + 1,
    }
    found = [
        FlaggedRecord(*line)
        for line in cast(
            list[
                tuple[
                    UUID, UUID, UUID | None, str, Decimal, str, UUID | None, str | None, str | None, list[str], datetime
                ]
            ],
            rows(FLAGGED.format(way=begin.way, side=begin.side), params),
        )
    ]
    return page_from(found, lambda one: encode_cursor(one.recorded_at, one.id), cursor=cursor, limit=limit)


def flagged_pages(
    organization_id: UUID, *, flag: str | None = None, agent_id: UUID | None = None, begins_at: datetime | None = None
) -> Iterator[Page[FlaggedRecord]]:
    """Yield all flagged records, newest first, a page in memory at a time."""
    cursor, is_more = "", True
    while is_more:
        page = flagged_page(
            organization_id, flag=flag, agent_id=agent_id, begins_at=begins_at, cursor=cursor, limit=LARGEST_PAGE
        )
        yield page
        cursor, is_more = page.next_cursor, bool(page.next_cursor)


def open_holds(organization_id: UUID, agent_id: UUID) -> tuple[OpenHolds, ...]:
    """Return what an agent has set aside right now, per currency."""
    params = {"organization": organization_id, "agent": agent_id}
    found = cast(list[tuple[str, int, Decimal, datetime]], rows(OPEN, params))
    return tuple(OpenHolds(*line) for line in found)


def last_record(organization_id: UUID, agent_id: UUID) -> LastRecord | None:
    """Return what an agent reported last."""
    params = {"organization": organization_id, "agent": agent_id}
    found = cast(list[tuple[UUID | None, str, Decimal, str, datetime]], rows(LAST_RECORD, params))
    return LastRecord(*found[0]) if found else None
