"""How long a draft takes to be asked of a long history, and whether the same rules answer as they did."""

import logging
import time
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from approvals.models import Backtest
from approvals.services.backtests import Wanted, run_backtests, start_backtest
from bench import world
from bench.report import Report
from bench.world import ACTOR, World
from core.clock import now as clock_now
from core.db import rows
from core.ids import Prefix, new_id, to_public

AGENTS: Final = 100
PAYEES: Final = 200
PAST_DAYS: Final = 30
MOST_SECONDS: Final = 60
DRAFT: Final[list[dict[str, Any]]] = [
    {"key": "payee", "type": "SPEND_LIMIT", "daily": {"USD": "9000"}, "per": "agent_counterparty"},
    {"key": "pace", "type": "VELOCITY", "limit": 40, "period_minutes": 60},
    {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "30000000"}, "period": "month"},
    {"key": "big", "type": "APPROVAL_THRESHOLD", "above": {"USD": "800"}},
    {"key": "who", "type": "COUNTERPARTY", "first_payment": "review"},
    {"key": "twice", "type": "DUPLICATE", "minutes": 30},
]
"""Six rules that ask for each kind of fact, beside three limits of another policy."""

PAYEE: Final = """
insert into spend_counterparty (id, organization_id, name, look, standing, country, note, first_seen_at)
select id, %(organization)s, 'Payee', 'payee', 'verified', '', '', %(now)s from unnest(%(payees)s::uuid[]) id
"""
PAST: Final = f"""
with past as (
    select {world.ID_AT} as id, n, 1 + n %% cardinality(%(agents)s::uuid[]) as agent,
        1 + (n::bigint * 7919) %% cardinality(%(payees)s::uuid[]) as payee, (100 + n * 31 %% 90000) / 100.0 as amount,
        at as asked_at
    from (select n, %(ends)s::timestamptz - ((%(number)s::int - n) * interval '30 days' / %(number)s::int) as at
          from generate_series(0, %(number)s::int - 1) n) times
), asked as (
    insert into approvals_authorization (id, organization_id, agent_id, body_digest, amount, currency,
        counting_currency, counterparty_id, payee, payee_digest, category, rail, purpose, context, outcome, reasons,
        decision, facts, versions, status, status_reason, asked_at, approved_at, closed_at, changed_at, decided_in_us)
    select id, %(organization)s, (%(agents)s::uuid[])[agent], repeat('0', 64), amount, 'USD', 'USD',
        (%(payees)s::uuid[])[payee], '{{}}', md5(payee::text), 'cloud', 'card', '', '{{}}', 'allow', '{{}}',
        '{{"outcome": "allow", "reasons": [], "checks": []}}', jsonb_build_object(
            'facts', '{{"frozen": []}}'::jsonb, 'policies', '[]'::jsonb, 'payment', jsonb_build_object(
                'organization', %(public)s::text, 'agent', (%(agent_names)s::text[])[agent], 'amount', amount::text,
                'currency', 'USD', 'counting_currency', 'USD', 'asked_at',
                to_char(asked_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'identifiers',
                jsonb_build_array('domain:p' || payee || '.example'), 'other_identifiers', '[]'::jsonb,
                'counterparty', (%(payee_names)s::text[])[payee], 'standing', 'verified',
                'has_identifier_mismatch', false, 'category', 'cloud', 'rail', 'card', 'country', null,
                'session', null, 'purpose', null)),
        '{{}}', 'recorded', '', asked_at, asked_at, asked_at + interval '2 s', asked_at, 0
    from past returning id
), held as (
    insert into spend_hold (id, organization_id, agent_id, authorization_id, counterparty_id, currency,
        counting_currency, amount, held, spent, returned, is_ask, category, rail, asked_at)
    select id, %(organization)s, (%(agents)s::uuid[])[agent], id, (%(payees)s::uuid[])[payee], 'USD', 'USD', amount, 0,
        amount * 0.9, 0, true, 'cloud', 'card', asked_at
    from past returning id
)
insert into spend_spendrecord (id, organization_id, agent_id, hold_id, authorization_id, kind, amount, currency,
    counting_currency, counterparty_id, body_digest, flags, is_final, gives_room_back, note, recorded_at, reported_by)
select id, %(organization)s, (%(agents)s::uuid[])[agent], id, id, 'payment', amount * 0.9, 'USD', 'USD',
    (%(payees)s::uuid[])[payee], repeat('0', 64), '{{}}', true, false, '', asked_at + interval '2 s', 'bench' from past
"""
"""A month of asks at even distances, each paid two seconds later for nine tenths of what was asked for."""


def backtests(report: Report, number: int) -> None:
    """Seed a month, ask it with a draft as the worker does, and say how long that took."""
    logging.disable(logging.INFO)
    place = world.make_world("backtests", AGENTS, world.THREE_LIMITS)
    seed(place, number)
    policy = world.put_policy(place.organization_id, DRAFT, clock_now())
    report.say("")
    report.say("## Backtest")
    report.say("")
    row, seconds = asked(place, policy, DRAFT)
    report.say(f"{number:,} asks of {AGENTS} agents and {PAYEES} payees, followed again under six drafted rules beside")
    report.say(f"three limits of another policy: {seconds:.1f} s, {number / max(seconds, 0.001):,.0f} a second.")
    report.demand(row.status == "done" and row.done == number, f"the backtest is {row.status} at {row.done}: {row.why}")
    report.demand(seconds < MOST_SECONDS, f"a backtest takes {seconds:.0f} s")
    same, _ = asked(place, policy, [DRAFT[-1] | {"minutes": 1}])
    changed = None if same.result is None else same.result["changed"]
    report.demand(changed == 0, f"rules that none of it meets change {changed}")


def asked(place: World, policy: UUID, rules: list[dict[str, Any]]) -> tuple[Backtest, float]:
    """Return a finished backtest and how many seconds it took."""
    now = clock_now()
    document = {"schema": 1, "rules": rules}
    wanted = Wanted(policy, now - timedelta(days=PAST_DAYS + 1), now, document=document)
    backtest = start_backtest(wanted, organization_id=place.organization_id, actor=ACTOR, now=now)
    begun = time.monotonic()
    run_backtests(clock=clock_now)
    return Backtest.objects.get(pk=backtest), time.monotonic() - begun


def seed(place: World, number: int) -> None:
    """Copy a month of asks into the past."""
    now = clock_now()
    payees = [new_id(now) for _ in range(PAYEES)]
    whose: dict[str, Any] = {"organization": place.organization_id, "payees": payees}
    rows(PAYEE, whose | {"now": now})
    names = {
        "public": to_public(Prefix.ORGANIZATION, place.organization_id),
        "agents": place.agents,
        "agent_names": [to_public(Prefix.AGENT, agent) for agent in place.agents],
        "payee_names": [to_public(Prefix.COUNTERPARTY, payee) for payee in payees],
    }
    with world.unguarded():
        rows(PAST, whose | names | {"number": number, "ends": now - timedelta(minutes=1)})
    rows("analyze")
