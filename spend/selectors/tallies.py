"""What counters hold, read without a lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from core.db import prepared_rows, rows
from core.span import CounterKey, Tally, bucket_of

TALLY: Final = """
select key, id, case when rolling_seconds is null then used else conto_ring_used(buckets, head, %(bucket)s::bigint /
    rolling_seconds) end
from spend_counter where key = any(%(keys)s::text[]) and not has_gap
"""

TALLY_WITHOUT_OWN: Final = """
select c.key, c.id,
    case when c.rolling_seconds is null
        then c.used - coalesce((select p.amount from spend_posting p where p.counter_id = c.id and p.hold_id =
            %(hold)s::uuid), 0)
        else conto_ring_used(c.buckets, c.head, %(bucket)s::bigint / c.rolling_seconds)
    end
from spend_counter c where c.key = any(%(keys)s::text[]) and not c.has_gap
"""

TALLY_WITH_HELD: Final = """
with still_open as materialized (
    select h.id, h.held from spend_hold h join agents_agent a on a.id = h.agent_id
    where a.organization_id = %(organization)s::uuid and h.held > 0
), set_aside as (
    select p.counter_id, p.bucket, sum(o.held) as held
    from still_open o cross join lateral (select * from spend_posting where hold_id = o.id offset 0) p
    group by p.counter_id, p.bucket
)
select c.key,
    case when c.rolling_seconds is null then c.used
        else conto_ring_used(c.buckets, c.head, %(bucket)s::bigint / c.rolling_seconds) end,
    case when c.measure = 'count' then 0 else coalesce((
        select sum(s.held) from set_aside s
        where s.counter_id = c.id and (s.bucket is null or s.bucket >= %(bucket)s::bigint / c.rolling_seconds - 60)
    ), 0) end
from spend_counter c where c.key = any(%(keys)s::text[]) and not c.has_gap
"""
"""Begins with the open holds, which are few, and asks each for its postings: a counter's own grow with history."""


@dataclass(frozen=True, slots=True)
class Room:
    """What of a counter is taken: `used` counts holds and records, `held` is the part of it that is set aside."""

    used: Decimal
    held: Decimal


@dataclass(frozen=True, slots=True)
class Tallies:
    """What counters held when they were read, by digest; `ids` are their rows, `missing` those to open first."""

    used: Mapping[str, Tally]
    ids: Mapping[str, int]
    missing: tuple[CounterKey, ...]


def tally(keys: Sequence[CounterKey], asked_at: datetime, *, leaving_out: UUID | None = None) -> Tallies:
    """Return what the counters hold in the window of `asked_at`, without a lock.

    One query, whatever the number of keys.

    `leaving_out` is a hold whose own postings are not counted (a decision made again at quorum); a ring cannot leave
    one out, nor look back: rolling counters are then to be asked of `sum_of_holds`.
    """
    if not keys:
        return Tallies({}, {}, ())
    return tallies_in(prepared_rows(*tally_query(keys, asked_at, leaving_out=leaving_out)), keys)


def tally_query(
    keys: Sequence[CounterKey], asked_at: datetime, *, leaving_out: UUID | None = None
) -> tuple[str, dict[str, object]]:
    """Return the statement and parameters of `tally`, to be sent together with others."""
    params: dict[str, object] = {"keys": [key.digest for key in keys], "bucket": bucket_clock(asked_at)}
    return (TALLY, params) if leaving_out is None else (TALLY_WITHOUT_OWN, params | {"hold": leaving_out})


def tallies_in(found: Sequence[tuple[object, ...]], keys: Sequence[CounterKey]) -> Tallies:
    """Return what the rows of `tally_query` say."""
    told = cast(Sequence[tuple[str, int, Decimal]], found)
    used = {digest: Tally(amount) for digest, _, amount in told}
    ids = {digest: number for digest, number, _ in told}
    return Tallies(used, ids, tuple(key for key in keys if key.digest not in ids))


def used_now(digests: Sequence[str], asked_at: datetime) -> Mapping[str, Decimal]:
    """Return what the counters with these digests hold by now, where they are open."""
    if not digests:
        return {}
    found = prepared_rows(TALLY, {"keys": list(digests), "bucket": bucket_clock(asked_at)})
    return {digest: used for digest, _, used in cast(Sequence[tuple[str, int, Decimal]], found)}


def rooms_now(organization_id: UUID, digests: Sequence[str], now: datetime) -> Mapping[str, Room]:
    """Return what of the counters with these digests is taken by now, where they are open."""
    if not digests:
        return {}
    params: dict[str, object] = {
        "organization": organization_id,
        "keys": list(digests),
        "bucket": bucket_clock(now),
    }
    found = rows(TALLY_WITH_HELD, params)
    return {digest: Room(used, held) for digest, used, held in cast(Sequence[tuple[str, Decimal, Decimal]], found)}


def bucket_clock(moment: datetime) -> int:
    """Return sixtieths of seconds since 1970: divided by a counter's `rolling_seconds` it is the bucket's number."""
    return bucket_of(moment, 1)
