"""Whether the books are right: counters, postings, holds and records recomputed from one another by separate SQL."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from core.db import one_snapshot, rows

SHOWN: Final = 100
"""Faults named per question; one is enough to fail."""
NEAR: Final = 20
"""Asks just before a spend that tell which pots the rules of that time draw from; more would find the same pots."""

MERGED_INTO: Final = "(select m.merged_into_id::text from spend_counterparty m where m.id = h.counterparty_id)"
"""Who was merged counts as the one it was merged into, in every counter that has been opened since."""

CONDITION_HELD: Final = """
    (c.condition->'categories' = '[]' or h.category is null or c.condition->'categories' ? h.category)
    and (c.condition->'rails' = '[]' or h.rail is null or c.condition->'rails' ? h.rail)
    and (c.condition->'counterparties' = '[]' or h.counterparty_id is null
         or c.condition->'counterparties' ? h.counterparty_id::text)
    and (c.condition->'currencies' = '[]' or c.condition->'currencies' ?| array[h.currency, h.counting_currency])
    and not exists (select from jsonb_array_elements(c.condition->'minimum_amounts') as m
                    where m->>0 = h.counting_currency and h.amount < (m->>1)::numeric)
"""
CONDITION_HOLDS: Final = CONDITION_HELD.replace(
    "c.condition->'counterparties' ? h.counterparty_id::text",
    f"c.condition->'counterparties' ?| array[h.counterparty_id::text, {MERGED_INTO}]",
)
"""A pot counts what was drawn from it and nothing that was drawn before a merge; others count who was merged too."""

NAMED_AGAIN: Final = """
    exists (select from approvals_authorization a, jsonb_array_elements(a.redecision->'checks') said
            where a.id = h.id and said->>'counter' = c.key)
"""
"""At quorum the payee is resolved again, and may be somebody else than the hold says: that decision names the counter.
"""

NOTHING_CHANGED: Final = """
    not exists (select from audit_event e where e.organization_id = h.organization_id
        and e.action in ('policy.published', 'policy.assigned', 'policy.unassigned', 'policy.retired', 'agent.changed',
                         'organization.changed')
        and e.at between near.asked_at - interval '1 minute' and placed.at + interval '1 minute')
"""
"""The same rules judged both. The minute is for clocks, and for what was thought before it was stored."""

QUESTIONS: Final[dict[str, str]] = {
    "counter differs from its postings": """
        select c.id, c.used, coalesce(sum(p.amount), 0)
        from spend_counter c left join spend_posting p on p.counter_id = c.id
        where c.rolling_seconds is null and /*by c: c.id*/ true
        group by c.id having c.used <> coalesce(sum(p.amount), 0)
    """,
    "bucket differs from its postings": """
        with slot as (
            select c.id, n as bucket, c.buckets[(n % 64) + 1] as kept
            from spend_counter c, generate_series(c.head - 63, c.head) n
            where c.rolling_seconds is not null and /*by c: c.id*/ true
        ), posted as (
            select p.counter_id, p.bucket, sum(p.amount) as amount from spend_posting p
            where p.bucket is not null and /*by c: p.counter_id*/ true group by p.counter_id, p.bucket
        )
        select slot.id, slot.bucket, slot.kept, coalesce(posted.amount, 0)
        from slot left join posted on posted.counter_id = slot.id and posted.bucket = slot.bucket
        where slot.kept <> coalesce(posted.amount, 0)
    """,
    "posting is in the wrong bucket": """
        select p.hold_id, p.counter_id, p.bucket
        from spend_posting p join spend_counter c on c.id = p.counter_id join spend_hold h on h.id = p.hold_id
        where /*by h: h.id*/ true and p.bucket is distinct from
            case when c.rolling_seconds is not null then floor(extract(epoch from h.asked_at) * 60 /
                c.rolling_seconds) end
    """,
    "posting differs from its hold": """
        select p.hold_id, p.counter_id, p.amount, h.held + h.spent - h.returned
        from spend_posting p join spend_counter c on c.id = p.counter_id join spend_hold h on h.id = p.hold_id
        where /*by h: h.id*/ true
          and p.amount <> case when c.measure = 'amount' then h.held + h.spent - h.returned else 1 end
    """,
    "posting is in the counter of another currency": """
        select p.hold_id, p.counter_id, h.counting_currency, c.currency
        from spend_posting p join spend_counter c on c.id = p.counter_id join spend_hold h on h.id = p.hold_id
        where /*by h: h.id*/ true and c.currency <> '' and c.currency <> h.counting_currency
    """,
    "posting is in a counter that does not count its hold": f"""
        select p.hold_id, p.counter_id
        from spend_posting p join spend_counter c on c.id = p.counter_id join spend_hold h on h.id = p.hold_id
        where /*by h: h.id*/ true and (
           h.organization_id <> c.organization_id or (c.agent_id is not null and h.agent_id <> c.agent_id)
           or (c.session is not null and h.session is distinct from c.session) or (c.measure = 'count' and not h.is_ask)
           or h.asked_at < c.span_start or h.asked_at >= c.span_end
           or (c.subject = 'agent_counterparty' and coalesce(h.counterparty_id::text, 'unknown') <> c.counterparty
               and {MERGED_INTO} is distinct from c.counterparty and not {NAMED_AGAIN})
           or (not ({CONDITION_HOLDS}) and not {NAMED_AGAIN}))
    """,
    "posting is in a pot that no decision names": """
        select p.hold_id, p.counter_id
        from spend_posting p join spend_counter c on c.id = p.counter_id join spend_hold h on h.id = p.hold_id
        join approvals_authorization a on a.id = h.id
        where /*by h: h.id*/ true and c.subject = 'pot' and a.outcome <> 'deny' and not exists (
            select from jsonb_array_elements((a.decision->'checks') || coalesce(a.redecision->'checks', '[]')) said
            where said->>'counter' = c.key)
    """,
    "posting is missing": f"""
        select h.id, c.id
        from spend_counter c join spend_hold h on h.agent_id = c.agent_id
        where /*by h: h.id*/ true and c.subject <> 'pot' and not c.has_gap
          and (c.currency = '' or h.counting_currency = c.currency) and (c.measure = 'amount' or h.is_ask)
          and (c.session is null or h.session = c.session)
          and (c.subject <> 'agent_counterparty' or coalesce(h.counterparty_id::text, 'unknown') = c.counterparty
               or {MERGED_INTO} = c.counterparty)
          and (c.span_start is null or h.asked_at >= c.span_start) and (c.span_end is null or h.asked_at < c.span_end)
          and (c.rolling_seconds is null
               or floor(extract(epoch from h.asked_at) * 60 / c.rolling_seconds) > c.head - 61)
          and {CONDITION_HOLDS}
          and not exists (select from spend_posting p where p.hold_id = h.id and p.counter_id = c.id)
    """,
    "posting to a counter of the decision is missing": """
        select a.id, said->>'counter'
        from approvals_authorization a, jsonb_array_elements(coalesce(
            case when a.approved_at is not null then a.redecision end, a.decision)->'checks') said
        where /*by a: a.id*/ true
          and a.outcome <> 'deny' and said->>'counter' is not null and said->>'outcome' <> 'not_applicable'
          and not exists (select from spend_posting p join spend_counter c on c.id = p.counter_id
                          where p.hold_id = a.id and c.key = said->>'counter')
    """,
    "posting of spend that no decision allowed is missing in a pot": f"""
        select distinct h.id, c.id
        from spend_hold h
        cross join lateral (select min(r.recorded_at) as at from spend_spendrecord r where r.hold_id = h.id) placed
        cross join lateral (
            select a.asked_at, a.decision from approvals_authorization a
            where a.agent_id = h.agent_id and a.asked_at <= placed.at order by a.asked_at desc limit {NEAR}
        ) near
        cross join lateral jsonb_array_elements(near.decision->'checks') said
        join spend_counter c on c.key = said->>'counter'
        where /*by h: h.id*/ true and not h.is_ask and c.subject = 'pot' and said->>'outcome' <> 'not_applicable'
          and c.currency = h.counting_currency and (c.session is null or h.session = c.session)
          and (c.span_start is null or h.asked_at >= c.span_start) and (c.span_end is null or h.asked_at < c.span_end)
          and {CONDITION_HELD}
          and {NOTHING_CHANGED}
          and not exists (select from spend_posting p where p.hold_id = h.id and p.counter_id = c.id)
    """,
    "hold is missing": """
        select a.id from approvals_authorization a
        where /*by a: a.id*/ true and a.outcome <> 'deny'
          and not exists (select from spend_hold h where h.authorization_id = a.id)
    """,
    "hold differs from its authorization": """
        select h.id from spend_hold h join approvals_authorization a on a.id = h.authorization_id
        where /*by h: h.id*/ true and (
           (h.id, h.organization_id, h.agent_id, h.amount, h.currency, h.counting_currency, h.asked_at)
              <> (a.id, a.organization_id, a.agent_id, a.amount, a.currency, a.counting_currency, a.asked_at)
           or (h.session, h.category, h.rail) is distinct from (a.session, a.category, a.rail)
           or h.is_ask <> (a.outcome <> 'deny'))
    """,
    "hold is not what its authorization needs": """
        select a.id, a.status, h.held, h.spent
        from approvals_authorization a join spend_hold h on h.authorization_id = a.id
        where /*by h: h.id*/ true and h.held <> case when a.status in ('approved', 'pending_review', 'in_doubt')
            then greatest(0, a.amount - h.spent) else 0 end
    """,
    "hold differs from its records": """
        select h.id, h.spent, h.returned
        from spend_hold h left join lateral (
            select coalesce(sum(r.amount) filter (where r.kind = 'payment'), 0) as paid,
                   coalesce(sum(r.amount) filter (where r.kind = 'refund' and r.gives_room_back), 0) as returned
            from spend_spendrecord r where r.hold_id = h.id
        ) r on true
        where /*by h: h.id*/ true and (h.spent <> r.paid or h.returned <> r.returned)
    """,
    "authorization is not where its records have brought it": """
        select a.id, a.status from approvals_authorization a
        left join lateral (
            select count(*) as number, coalesce(bool_or(is_final), false) as is_final from spend_spendrecord r
            where r.authorization_id = a.id and r.kind = 'payment'
        ) r on true
        where /*by a: a.id*/ true and ((a.status = 'recorded' and r.number = 0)
           or (r.is_final and a.status in ('approved', 'in_doubt', 'pending_review', 'expired'))
           or (r.number > 0 and a.status in ('pending_review', 'expired')))
    """,
    "clock of a waiting authorization is not that of its question": """
        select a.id, a.expires_at from approvals_authorization a
        join approvals_approvalrequest q on q.authorization_id = a.id
        where /*by a: a.id*/ true and a.status = 'pending_review' and a.expires_at <> greatest(q.expires_at, (
            select max(v.effective_at) + interval '1 day' from approvals_review v
            where v.request_id = q.id and v.closed_at is null))
    """,
    "question was not answered as its reviews say": """
        select q.id, q.closed_as from approvals_approvalrequest q left join lateral (
            select count(*) filter (where v.closed_at is null) as on_their_way,
                   count(*) filter (where v.closed_as = 'counted' and v.verdict = 'approve') as yeses,
                   count(*) filter (where v.closed_as = 'counted' and v.verdict = 'reject') as noes
            from approvals_review v where v.request_id = q.id
        ) said on true
        where /*by q: q.id*/ true and ((q.closed_at is not null and said.on_their_way > 0)
           or (q.closed_as in ('approved', 'redecided') and said.yeses = 0)
           or (q.closed_as = 'rejected') <> (said.noes > 0))
    """,
}
"""What must never be found, in words, and the SQL that looks for it; where `/*by …*/ true` stands it can be cut."""

CUT: Final = re.compile(r"/\*by (\w): ([\w.]+)\*/ true")


@dataclass(frozen=True, slots=True)
class Table:
    """What a question goes through row by row, in the order of its key: so many in one part."""

    name: str
    kind: str
    first: str
    """Comes before every key."""
    rows: int


TABLES: Final = {
    "c": Table("spend_counter", "bigint", "-1", 500),
    "h": Table("spend_hold", "uuid", str(UUID(int=0)), 1_000),
    "a": Table("approvals_authorization", "uuid", str(UUID(int=0)), 1_000),
    "q": Table("approvals_approvalrequest", "uuid", str(UUID(int=0)), 1_000),
    "k": Table("people_organization", "uuid", str(UUID(int=0)), 1),
}
"""By the letter in a question. Parts of this size take a fraction of a second however long history is."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in the books that does not add up."""

    what: str
    where: str


def faults() -> list[Fault]:
    """Return what does not add up, at most `SHOWN` of each kind; empty means that the books are right."""
    return faults_in(QUESTIONS)


def faults_in(questions: Mapping[str, str]) -> list[Fault]:
    """Return what these questions find, at most `SHOWN` each."""
    return [
        Fault(what, ", ".join(str(value) for value in row))
        for what, question in questions.items()
        for row in rows(f"select * from ({question}) as fault limit {SHOWN}")
    ]


def table_of(question: str) -> Table:
    """Return what a question goes through."""
    cut = CUT.search(question)
    assert cut is not None, "every question can be cut"
    return TABLES[cut[1]]


def next_part(question: str, after: str) -> str | None:
    """Return the last key of the part behind a key, None where nothing is left."""
    table = table_of(question)
    found = rows(
        f"select id::text from (select id from {table.name} where id > %(after)s::{table.kind}"
        " order by id limit %(rows)s) part order by part.id desc limit 1",
        {"after": after or table.first, "rows": table.rows},
    )
    return str(found[0][0]) if found else None


def faults_in_part(what: str, question: str, *, after: str, until: str, milliseconds: int) -> list[Fault]:
    """Return what a question finds behind one key up to another, at most `SHOWN`; takes no lock and writes nothing.

    Raises `OperationalError` (SQLSTATE 57014) where it takes longer than `milliseconds`.
    """
    table = table_of(question)
    within = f"({{key}} > %(after)s::{table.kind} and {{key}} <= %(until)s::{table.kind})"
    part = CUT.sub(lambda cut: within.format(key=cut[2]), question.replace("%", "%%"))
    with one_snapshot():
        rows(f"set local statement_timeout = {milliseconds:d}")
        found = rows(f"select * from ({part}) as fault limit {SHOWN}", {"after": after or table.first, "until": until})
    return [Fault(what, ", ".join(str(value) for value in row)) for row in found]
