"""Steps inside the transaction of a use case: place holds, move them, post them to counters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from core.db import must_be_in_transaction, prepared_rows
from core.span import bucket_of

FACTS_OF_ASK: Final = """
facts as (
    select %(agent)s::uuid as agent_id, %(session)s::text as session, %(counterparty)s::uuid as counterparty_id,
        %(category)s::text as category, %(rail)s::text as rail, %(currency)s::text as currency,
        %(counting_currency)s::text as counting_currency, %(amount)s::numeric as amount, true as is_ask,
        %(asked_at)s::timestamptz as asked_at
)"""
FACTS_OF_HOLD: Final = "facts as (select * from spend_hold where id = %(hold)s::uuid)"
"""What counters go by, of an ask about to be stored or of a stored hold."""

COUNTER_CLAUSES: Final = """
passed_by as (
    select c.id from facts f join spend_counter c on c.agent_id = f.agent_id
        and coalesce(c.session, '') in ('', coalesce(f.session, ''))
        and coalesce(c.counterparty, '') in ('', coalesce(f.counterparty_id::text, 'unknown'))
        and coalesce(c.span_end, 'infinity') > f.asked_at
    where not c.has_gap and c.subject <> 'pot' and c.id <> all(%(counter_ids)s::bigint[])
      and (c.span_start is null or c.span_start <= f.asked_at)
      and (c.rolling_seconds is null or %(bucket)s::bigint / c.rolling_seconds > c.head - 64)
      and c.currency in ('', f.counting_currency) and (c.measure = 'amount' or f.is_ask)
      and (c.condition->'categories' = '[]' or f.category is null or c.condition->'categories' ? f.category)
      and (c.condition->'rails' = '[]' or f.rail is null or c.condition->'rails' ? f.rail)
      and (c.condition->'counterparties' = '[]' or f.counterparty_id is null
           or c.condition->'counterparties' ? f.counterparty_id::text)
      and (c.condition->'currencies' = '[]' or c.condition->'currencies' ?| array[f.currency, f.counting_currency])
      and not exists (select from jsonb_array_elements(c.condition->'minimum_amounts') least
                      where least->>0 = f.counting_currency and f.amount < (least->>1)::numeric)
      and not exists (select from spend_posting p where p.hold_id = %(hold)s::uuid and p.counter_id = c.id)
),
wanted as (
    select counter_id, amount, cap, true as is_wanted
    from unnest(%(counter_ids)s::bigint[], %(counter_amounts)s::numeric[], %(counter_caps)s::numeric[])
        as wanted (counter_id, amount, cap)
    union all select id, null, null, false from passed_by
),
locked as materialized (
    select c.id, w.amount, w.cap, w.is_wanted,
        case when c.rolling_seconds is not null then %(bucket)s::bigint / c.rolling_seconds end as bucket
    from wanted w join spend_counter c on c.id = w.counter_id
    where exists (select from {after})
    order by c.key
    for update of c
),
left_with_a_gap as (
    update spend_counter c set has_gap = true from locked l where c.id = l.id and not l.is_wanted
),
moved as (
    update spend_counter c set
        used = case when l.bucket is null then c.used + l.amount else c.used end,
        buckets = case when l.bucket is null then c.buckets else conto_ring_add(c.buckets, c.head, l.bucket,
            l.amount) end,
        head = greatest(c.head, l.bucket)
    from locked l
    where c.id = l.id and l.is_wanted and not c.has_gap
      and (l.cap is null
           or case when l.bucket is null then c.used else conto_ring_used(c.buckets, c.head, l.bucket) end + l.amount
               <= l.cap)
      and (l.bucket is null or l.cap is null or l.bucket >= c.head - 3)
    returning c.id, l.amount, l.bucket
)"""
"""Move every wanted counter that still fits its cap, in key order, where the CTE named by `after` has rows.

The caller compares the number of `moved` with that of the wanted: fewer means that somebody took the room, and rolls
back. A ring that has run more than three buckets ahead of the ask cannot prove its window: it does not move under a
cap. A counter that counts what is asked for and is not wanted, because no rule in force looks at it, has a gap from
here on: should a rule look at it again, it is opened anew. The clauses stand behind one of the `facts`.
"""

HOLD_CLAUSES: Final = """
held as (
    insert into spend_hold (id, organization_id, agent_id, authorization_id, counterparty_id, currency,
        counting_currency,
        amount, held, spent, returned, is_ask, session, category, rail, asked_at)
    select %(hold)s::uuid, %(organization)s::uuid, %(agent)s::uuid, %(authorization)s::uuid, %(counterparty)s::uuid,
        %(currency)s::text, %(counting_currency)s::text, %(amount)s::numeric, %(amount)s::numeric, 0, 0, true,
        %(session)s::text, %(category)s::text, %(rail)s::text, %(asked_at)s::timestamptz
    from {after}
    returning id
),
posted as (
    insert into spend_posting (hold_id, counter_id, amount, bucket)
    select held.id, moved.id, moved.amount, moved.bucket from held, moved
    returning counter_id
)"""
"""Place the hold and post it to the counters it moved."""

FINGERPRINT_CLAUSE: Final = """
fingerprinted as (
    insert into spend_fingerprint as f (agent_id, digest, version)
    select %(agent)s::uuid, %(fingerprint)s::text, 1 from {after} where %(fingerprint)s::text is not null
    on conflict (agent_id, digest) do update set version = f.version + 1 where f.version = %(fingerprint_seen)s::bigint
    returning 1
)"""
"""Raise the fingerprint's version if it is the one that was seen; no row means that an equal ask came in between."""

MOVE_HOLD: Final = """
with former as (
    select id, held + spent - returned as total from spend_hold where id = %(hold)s::uuid for update
),
changed as (
    update spend_hold h set held = %(held)s::numeric, spent = %(spent)s::numeric, returned = %(returned)s::numeric
    from former where h.id = former.id
    returning h.held + h.spent - h.returned - former.total as delta
),
locked as materialized (
    select c.id, p.bucket, changed.delta
    from changed, spend_posting p join spend_counter c on c.id = p.counter_id
    where p.hold_id = %(hold)s::uuid and c.measure = 'amount' and changed.delta <> 0
    order by c.key
    for update of c
),
moved as (
    update spend_counter c set
        used = case when l.bucket is null then c.used + l.delta else c.used end,
        buckets = case when l.bucket is null then c.buckets else conto_ring_add(c.buckets, c.head, l.bucket, l.delta)
            end,
        head = greatest(c.head, l.bucket)
    from locked l where c.id = l.id
)
update spend_posting p set amount = p.amount + l.delta from locked l where p.hold_id = %(hold)s::uuid and
    p.counter_id = l.id
"""

POST: Final = f"""
with {FACTS_OF_HOLD},
{COUNTER_CLAUSES.format(after="facts")},
posted as (
    insert into spend_posting (hold_id, counter_id, amount, bucket)
    select %(hold)s::uuid, id, amount, bucket from moved
    on conflict (hold_id, counter_id) do nothing
    returning 1
)
select count(*) from moved
"""

LOCK: Final = """
select from spend_counter c
where c.id = any(%(counter_ids)s::bigint[])
   or c.id in (select p.counter_id from spend_posting p join spend_hold h on h.id = p.hold_id
               where h.authorization_id = %(authorization)s::uuid)
   or (c.agent_id = %(agent)s::uuid and c.subject <> 'pot' and not c.has_gap
       and coalesce(c.span_start, '-infinity') <= %(asked_at)s::timestamptz
       and coalesce(c.span_end, 'infinity') > %(asked_at)s::timestamptz)
order by c.key
for update
"""


@dataclass(frozen=True, slots=True)
class Move:
    """A counter row to move by `amount`, only while it stays within `cap` (None: whatever it holds)."""

    counter_id: int
    amount: Decimal
    cap: Decimal | None


def move_params(moves: Sequence[Move], asked_at: datetime) -> dict[str, object]:
    """Return the parameters of `COUNTER_CLAUSES`."""
    return {
        "counter_ids": [move.counter_id for move in moves],
        "counter_amounts": [move.amount for move in moves],
        "counter_caps": [move.cap for move in moves],
        "bucket": bucket_of(asked_at, 1),
    }


def move_hold(hold_id: UUID, *, held: Decimal, spent: Decimal, returned: Decimal) -> None:
    """Set what a hold sets aside, has spent and got back; its postings and their counters follow, unguarded.

    The caller holds the row lock of the authorization. Locks the counters in key order.
    """
    must_be_in_transaction()
    prepared_rows(MOVE_HOLD, {"hold": hold_id, "held": held, "spent": spent, "returned": returned})


def lock_counters(authorization_id: UUID, counter_ids: Sequence[int], *, agent_id: UUID, asked_at: datetime) -> None:
    """Lock these counters and those of an authorization's hold, in key order, where one transaction moves both.

    So are all others of the agent that count what is asked for at `asked_at`: those that no rule looks at any more are
    left with a gap by a posting, which would lock them too late for the order.
    """
    must_be_in_transaction()
    params = {"authorization": authorization_id, "counter_ids": list(counter_ids), "agent": agent_id}
    prepared_rows(LOCK, params | {"asked_at": asked_at})


def post_hold(hold_id: UUID, moves: Sequence[Move], *, asked_at: datetime) -> bool:
    """Bring a hold into counters that it has no posting in yet; False where one of them has no room under its cap.

    On False nothing may be kept: the caller rolls back.
    """
    must_be_in_transaction()
    (moved,) = prepared_rows(POST, {"hold": hold_id, **move_params(moves, asked_at)})[0]
    return moved == len(moves)
