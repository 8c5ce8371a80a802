"""Whether the rollups are right: compared with the ledger by separate SQL, up to the place they have reached."""

from typing import Final
from uuid import UUID

from approvals.selectors.books import Fault, faults_in
from people.models import Organization

QUESTIONS: Final[dict[str, str]] = {
    "day of spend differs from its records": """
        select organization_id, day, currency, agent_id, counterparty_id, category, rail, policies from (
            select organization_id, day, currency, agent_id, counterparty_id, category, rail, policies, spent, returned,
                payments, unauthorized, unauthorized_payments
            from insight_spendday where /*by k: organization_id*/ true
            union all
            select r.organization_id, date(timezone(k.time_zone, r.recorded_at)), r.currency, r.agent_id,
                r.counterparty_id, h.category, h.rail, said.policies,
                case r.kind when 'payment' then -r.amount else 0 end,
                case r.kind when 'refund' then -r.amount else 0 end,
                case r.kind when 'payment' then -1 else 0 end,
                case when r.kind = 'payment' and 'unauthorized' = any(r.flags) then -r.amount else 0 end,
                case when r.kind = 'payment' and 'unauthorized' = any(r.flags) then -1 else 0 end
            from insight_rollup k
            join spend_spendrecord r on r.organization_id = k.organization_id and r.recorded_at < k.until
            join spend_hold h on h.id = r.hold_id
            cross join lateral (
                select coalesce(array_agg(distinct c.policy order by c.policy), '{}')::varchar[] as policies
                from approvals_authorization a,
                    jsonb_to_recordset(coalesce(a.redecision, a.decision)->'checks')
                        as c(policy text, mode text, outcome text)
                where a.id = r.authorization_id and c.mode = 'enforced' and c.outcome <> 'not_applicable'
            ) said
            where /*by k: k.organization_id*/ true
        ) both_sides
        group by organization_id, day, currency, agent_id, counterparty_id, category, rail, policies
        having (sum(spent), sum(returned), sum(payments)) <> (0, 0, 0)
            or (sum(unauthorized), sum(unauthorized_payments)) <> (0, 0)
    """,
    "month of spend differs from its days": """
        select organization_id, month, currency, agent_id, counterparty_id, category, rail, policies from (
            select organization_id, month, currency, agent_id, counterparty_id, category, rail, policies, spent,
                returned, payments, unauthorized, unauthorized_payments
            from insight_spendmonth where /*by k: organization_id*/ true
            union all
            select organization_id, make_date(extract(year from day)::int, extract(month from day)::int, 1), currency,
                agent_id, counterparty_id, category, rail, policies, -spent, -returned, -payments, -unauthorized,
                -unauthorized_payments
            from insight_spendday where /*by k: organization_id*/ true
        ) both_sides
        group by organization_id, month, currency, agent_id, counterparty_id, category, rail, policies
        having (sum(spent), sum(returned), sum(payments)) <> (0, 0, 0)
            or (sum(unauthorized), sum(unauthorized_payments)) <> (0, 0)
    """,
    "day of a group differs from its records": """
        select organization_id, by, day, currency, key from (
            select organization_id, by, day, currency, key, spent, returned, payments, unauthorized,
                unauthorized_payments
            from insight_groupday where /*by k: organization_id*/ true
            union all
            select d.organization_id, g.by, d.day, d.currency, g.key, -d.spent, -d.returned, -d.payments,
                -d.unauthorized, -d.unauthorized_payments
            from insight_spendday d
            cross join lateral (
                select * from unnest(array['agent', 'counterparty', 'category', 'rail'], array[d.agent_id::text,
                    coalesce(d.counterparty_id::text, ''), coalesce(d.category, ''), coalesce(d.rail, '')])
                union all
                select 'policy', coalesce(policy, '') from (select 1) once left join unnest(d.policies) policy on true
            ) as g (by, key)
            where /*by k: d.organization_id*/ true
        ) both_sides
        group by organization_id, by, day, currency, key
        having (sum(spent), sum(returned), sum(payments)) <> (0, 0, 0)
            or (sum(unauthorized), sum(unauthorized_payments)) <> (0, 0)
    """,
    "month of a group differs from its days": """
        select organization_id, by, month, currency, key from (
            select organization_id, by, month, currency, key, spent, returned, payments, unauthorized,
                unauthorized_payments
            from insight_groupmonth where /*by k: organization_id*/ true
            union all
            select organization_id, by, make_date(extract(year from day)::int, extract(month from day)::int, 1),
                currency, key, -spent, -returned, -payments, -unauthorized, -unauthorized_payments
            from insight_groupday where /*by k: organization_id*/ true
        ) both_sides
        group by organization_id, by, month, currency, key
        having (sum(spent), sum(returned), sum(payments)) <> (0, 0, 0)
            or (sum(unauthorized), sum(unauthorized_payments)) <> (0, 0)
    """,
    "day of asks differs from its authorizations": """
        select organization_id, day, currency, agent_id, said, reason from (
            select organization_id, day, currency, agent_id, said, reason, asks, amount from insight_askday
            where /*by k: organization_id*/ true
            union all
            select a.organization_id, date(timezone(k.time_zone, a.asked_at)), a.currency, a.agent_id, a.outcome,
                case a.outcome when 'deny' then coalesce(a.reasons[1], '') else '' end, -1, -a.amount
            from insight_rollup k
            join approvals_authorization a on a.organization_id = k.organization_id and a.asked_at < k.until
            where /*by k: k.organization_id*/ true
            union all
            select a.organization_id, date(timezone(k.time_zone, a.asked_at)), a.currency, a.agent_id, q.closed_as, '',
                -1, -a.amount
            from insight_rollup k
            join approvals_approvalrequest q on q.organization_id = k.organization_id and q.closed_at < k.until
            join approvals_authorization a on a.id = q.authorization_id
            where /*by k: k.organization_id*/ true
        ) both_sides
        group by organization_id, day, currency, agent_id, said, reason
        having (sum(asks), sum(amount)) <> (0, 0)
    """,
    "day of reviews differs from its reviews": """
        select organization_id, day, person_id, verdict from (
            select d.organization_id, d.day, d.person_id, d.verdict, w.wait, 1 as number
            from insight_reviewday d cross join unnest(d.waits) as w(wait)
            where /*by k: d.organization_id*/ true
            union all
            select v.organization_id, date(timezone(k.time_zone, v.at)), v.person_id, v.verdict,
                greatest(0, floor(extract(epoch from v.at - q.opened_at)))::int, -1
            from insight_rollup k
            join approvals_review v on v.organization_id = k.organization_id and v.closed_at < k.until
                and v.closed_as = 'counted'
            join approvals_approvalrequest q on q.id = v.request_id
            where /*by k: k.organization_id*/ true
        ) both_sides
        group by organization_id, day, person_id, verdict, wait having sum(number) <> 0
    """,
    "day of a pot differs from its records": """
        select organization_id, counter_id, day, agent_id from (
            select organization_id, counter_id, day, agent_id, spent, returned, payments from insight_potday
            where /*by k: organization_id*/ true
            union all
            select r.organization_id, c.id, date(timezone(k.time_zone, r.recorded_at)), r.agent_id,
                case r.kind when 'payment' then -r.amount else 0 end,
                case when r.kind = 'refund' and r.gives_room_back then -r.amount else 0 end,
                case r.kind when 'payment' then -1 else 0 end
            from insight_rollup k
            join spend_spendrecord r on r.organization_id = k.organization_id and r.recorded_at < k.until
            join spend_posting p on p.hold_id = r.hold_id
            join spend_counter c on c.id = p.counter_id and c.subject = 'pot'
            where /*by k: k.organization_id*/ true
        ) both_sides
        group by organization_id, counter_id, day, agent_id
        having (sum(spent), sum(returned), sum(payments)) <> (0, 0, 0)
    """,
}
"""What must never be found, in words, and the SQL that looks for it; what is not added up yet is not looked at."""


def faults() -> list[Fault]:
    """Return where the rollups differ from the ledger; empty means that they are right."""
    return faults_in(QUESTIONS)


def organization_ids() -> list[UUID]:
    """Return every organization there is: each has rollups of its own."""
    return list(Organization.objects.order_by("pk").values_list("pk", flat=True))
