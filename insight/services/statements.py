"""The SQL that adds a stretch of one organization's ledger to its daily rows: from `since` to before `until`."""

from typing import Final

from insight.selectors.ledger import POLICIES

FIRST: Final = """
select least(
    (select min(recorded_at) from spend_spendrecord where organization_id = %(organization)s),
    (select min(asked_at) from approvals_authorization where organization_id = %(organization)s))
"""
"""When the ledger begins: a question is closed and reviewed after its ask."""

OLDEST_OPEN: Final = """
select min(xact_start) from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
"""
"""When the oldest transaction began that has not ended: one that has written nothing yet may still wait for a gate."""

ADD: Final = """
    spent = kept.spent + excluded.spent, returned = kept.returned + excluded.returned,
    payments = kept.payments + excluded.payments, unauthorized = kept.unauthorized + excluded.unauthorized,
    unauthorized_payments = kept.unauthorized_payments + excluded.unauthorized_payments
"""

SPEND: Final = """
with added as materialized (
    select r.organization_id, (r.recorded_at at time zone %(zone)s)::date as day, r.currency, r.agent_id,
        r.counterparty_id, h.category, h.rail, said.policies, md5(array_to_string(said.policies, ',')) as policies_key,
        coalesce(sum(r.amount) filter (where r.kind = 'payment'), 0) as spent,
        coalesce(sum(r.amount) filter (where r.kind = 'refund'), 0) as returned,
        count(*) filter (where r.kind = 'payment') as payments,
        coalesce(sum(r.amount) filter (where r.kind = 'payment' and r.flags @> '{unauthorized}'), 0) as unauthorized,
        count(*) filter (where r.kind = 'payment' and r.flags @> '{unauthorized}') as unauthorized_payments
    from spend_spendrecord r join spend_hold h on h.id = r.hold_id
    cross join lateral (select {policies} as policies) said
    where r.organization_id = %(organization)s and r.recorded_at >= %(since)s and r.recorded_at < %(until)s
    group by 1, 2, 3, 4, 5, 6, 7, 8
), days as (
    insert into insight_spendday as kept (organization_id, day, currency, agent_id, counterparty_id, category, rail,
        policies, policies_key, spent, returned, payments, unauthorized, unauthorized_payments)
    select * from added
    on conflict (organization_id, day, currency, agent_id, counterparty_id, category, rail, policies_key)
        do update set {add}
)
insert into insight_spendmonth as kept (organization_id, month, currency, agent_id, counterparty_id, category, rail,
    policies, policies_key, spent, returned, payments, unauthorized, unauthorized_payments)
select organization_id, date_trunc('month', day::timestamp)::date, currency, agent_id, counterparty_id, category, rail,
    policies, policies_key, sum(spent), sum(returned), sum(payments), sum(unauthorized), sum(unauthorized_payments)
from added group by 1, 2, 3, 4, 5, 6, 7, 8, 9
on conflict (organization_id, month, currency, agent_id, counterparty_id, category, rail, policies_key)
    do update set {add}
""".replace("{policies}", POLICIES).replace("{add}", ADD)
"""What each day and each month gets is read once."""

GROUPS: Final = """
with added as materialized (
    select r.organization_id, g.by, (r.recorded_at at time zone %(zone)s)::date as day, r.currency, g.key,
        coalesce(sum(r.amount) filter (where r.kind = 'payment'), 0) as spent,
        coalesce(sum(r.amount) filter (where r.kind = 'refund'), 0) as returned,
        count(*) filter (where r.kind = 'payment') as payments,
        coalesce(sum(r.amount) filter (where r.kind = 'payment' and r.flags @> '{unauthorized}'), 0) as unauthorized,
        count(*) filter (where r.kind = 'payment' and r.flags @> '{unauthorized}') as unauthorized_payments
    from spend_spendrecord r join spend_hold h on h.id = r.hold_id
    cross join lateral (select {policies} as policies) said
    cross join lateral (
        values ('agent', r.agent_id::text), ('counterparty', coalesce(r.counterparty_id::text, '')),
            ('category', coalesce(h.category, '')), ('rail', coalesce(h.rail, ''))
        union all
        select 'policy', unnest(case said.policies when '{}' then array[''] else said.policies end)
    ) as g (by, key)
    where r.organization_id = %(organization)s and r.recorded_at >= %(since)s and r.recorded_at < %(until)s
    group by 1, 2, 3, 4, 5
), days as (
    insert into insight_groupday as kept (organization_id, by, day, currency, key, spent, returned, payments,
        unauthorized, unauthorized_payments)
    select * from added
    on conflict (organization_id, by, day, currency, key) do update set {add}
)
insert into insight_groupmonth as kept (organization_id, by, month, currency, key, spent, returned, payments,
    unauthorized, unauthorized_payments)
select organization_id, by, date_trunc('month', day::timestamp)::date, currency, key, sum(spent), sum(returned),
    sum(payments), sum(unauthorized), sum(unauthorized_payments)
from added group by 1, 2, 3, 4, 5
on conflict (organization_id, by, month, currency, key) do update set {add}
""".replace("{policies}", POLICIES).replace("{add}", ADD)

ASKS: Final = """
insert into insight_askday as kept (organization_id, day, currency, agent_id, said, reason, asks, amount)
select a.organization_id, (a.asked_at at time zone %(zone)s)::date, a.currency, a.agent_id, a.outcome,
    case when a.outcome = 'deny' then coalesce(a.reasons[1], '') else '' end, count(*), sum(a.amount)
from approvals_authorization a
where a.organization_id = %(organization)s and a.asked_at >= %(since)s and a.asked_at < %(until)s
group by 1, 2, 3, 4, 5, 6
on conflict (organization_id, day, currency, agent_id, said, reason) do update set
    asks = kept.asks + excluded.asks, amount = kept.amount + excluded.amount
"""

CLOSED: Final = """
insert into insight_askday as kept (organization_id, day, currency, agent_id, said, reason, asks, amount)
select a.organization_id, (a.asked_at at time zone %(zone)s)::date, a.currency, a.agent_id, q.closed_as, '',
    count(*), sum(a.amount)
from approvals_approvalrequest q join approvals_authorization a on a.id = q.authorization_id
where q.organization_id = %(organization)s and q.closed_at >= %(since)s and q.closed_at < %(until)s
group by 1, 2, 3, 4, 5
on conflict (organization_id, day, currency, agent_id, said, reason) do update set
    asks = kept.asks + excluded.asks, amount = kept.amount + excluded.amount
"""

REVIEWS: Final = """
insert into insight_reviewday as kept (organization_id, day, person_id, verdict, waits)
select v.organization_id, (v.at at time zone %(zone)s)::date, v.person_id, v.verdict,
    array_agg(greatest(0, floor(extract(epoch from v.at - q.opened_at)))::int order by v.at, v.id)
from approvals_review v join approvals_approvalrequest q on q.id = v.request_id
where v.organization_id = %(organization)s and v.closed_at >= %(since)s and v.closed_at < %(until)s
    and v.closed_as = 'counted'
group by 1, 2, 3, 4
on conflict (organization_id, day, person_id, verdict) do update set waits = kept.waits || excluded.waits
"""

POTS: Final = """
insert into insight_potday as kept (organization_id, counter_id, day, agent_id, spent, returned, payments)
select r.organization_id, c.id, (r.recorded_at at time zone %(zone)s)::date, r.agent_id,
    coalesce(sum(r.amount) filter (where r.kind = 'payment'), 0),
    coalesce(sum(r.amount) filter (where r.kind = 'refund' and r.gives_room_back), 0),
    count(*) filter (where r.kind = 'payment')
from spend_spendrecord r
join spend_posting p on p.hold_id = r.hold_id
join spend_counter c on c.id = p.counter_id and c.subject = 'pot'
where r.organization_id = %(organization)s and r.recorded_at >= %(since)s and r.recorded_at < %(until)s
group by 1, 2, 3, 4
on conflict (organization_id, counter_id, day, agent_id) do update set
    spent = kept.spent + excluded.spent, returned = kept.returned + excluded.returned,
    payments = kept.payments + excluded.payments
"""

STATEMENTS: Final = (SPEND, GROUPS, ASKS, CLOSED, REVIEWS, POTS)
"""Each adds what lies in the stretch to the rows of its days, and of its months."""
