"""The world of the benchmark: agents with keys under three limits each, or all on one budget, and a long past."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from agents.services import create_agent, issue_key
from core.actor import Actor, ActorKind
from core.clock import now as clock_now
from core.db import rows
from core.ids import Prefix, from_public
from people.services import NewPerson, create_organization
from policies.engine.types import Mode
from policies.selectors import current_policies
from policies.services import AssignTo, create_policy, publish, retire, set_assignments

LARGE: Final = "100000000"
THREE_LIMITS: Final = [
    {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": LARGE}},
    {"key": "weekly", "type": "SPEND_LIMIT", "weekly": {"USD": LARGE}},
    {"key": "monthly", "type": "SPEND_LIMIT", "monthly": {"USD": LARGE}},
]
ACTOR: Final = Actor(ActorKind.SYSTEM, "bench", "bench", None)


@dataclass(frozen=True)
class World:
    """An organization with its agents' ids and keys."""

    name: str
    organization_id: UUID
    agents: list[UUID]
    keys: list[str]


def budget(amount: str) -> list[dict[str, Any]]:
    """Return rules with one shared pot and two limits beside it."""
    return [pot("pot", amount), *THREE_LIMITS[:2]]


def pot(key: str, amount: str) -> dict[str, Any]:
    """Return a rule with one pot for everybody."""
    return {"key": key, "type": "BUDGET_ALLOCATION", "amount": {"USD": amount}, "period": "year", "shared": True}


def make_world(
    name: str, agents: int, rules: list[dict[str, Any]], *, labels: Sequence[Collection[str]] = ((),)
) -> World:
    """Create an organization with agents and keys, through the real services; `labels` go round among the agents."""
    now = clock_now()
    owner = NewPerson(email=f"{name}@bench.example", name=name, password=None)
    organization = create_organization(name=name, owner=owner, actor=ACTOR, now=now)
    made, keys = [], []
    for number in range(agents):
        own = labels[number % len(labels)]
        agent = create_agent(organization_id=organization.id, name=f"agent {number}", labels=own, actor=ACTOR, now=now)
        issued = issue_key(
            organization_id=organization.id, agent_id=agent.id, name="bench", expires_at=None, actor=ACTOR, now=now
        )
        made.append(agent.id)
        keys.append(issued.secret)
    if rules:
        put_policy(organization.id, rules, now)
    return World(name, organization.id, made, keys)


def put_policy(organization_id: UUID, rules: list[dict[str, Any]], now: datetime) -> UUID:
    """Publish the rules for everybody of the organization."""
    policy = create_policy(organization_id=organization_id, name="limits", actor=ACTOR, now=now)
    document = {"schema": 1, "rules": rules}
    whose: dict[str, Any] = {"organization_id": organization_id, "policy_id": policy, "actor": ACTOR, "now": now}
    publish(document=document, mode=Mode.ENFORCED, **whose)
    set_assignments(targets=AssignTo(organization=True), **whose)
    return policy


def seed_past(world: World, number: int) -> None:
    """Copy `number` recorded authorizations into the last year, spread over the agents, with their postings.

    They go to the payee that was asked for last, for the amounts that `bench.measure.asks` asks for: what an ask
    looks up by payee and amount has the same past as its counters. Counters that are open already are brought
    along, so that the books stay right.
    """
    ends = clock_now() - timedelta(minutes=5)
    with unguarded():
        rows(PAST, {"organization": world.organization_id, "agents": world.agents, "number": number, "ends": ends})
        rows(PAST_POSTINGS, {"organization": world.organization_id})
    rows(PAST_COUNTERS, {"organization": world.organization_id})


@contextmanager
def unguarded() -> Iterator[None]:
    """Let rows be written without triggers: a million rows would be looked up eight million times for their keys.

    `check_books` runs behind every benchmark that seeds.
    """
    rows("set session_replication_role = replica")
    rows("set synchronous_commit = off")
    try:
        yield
    finally:
        rows("reset synchronous_commit")
        rows("reset session_replication_role")


ID_AT: Final = """overlay(md5(n::text || random()::text)
            placing lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' from 1 for 13)::uuid"""
"""The UUIDv7 of row `n` at its moment `at`: ids rise with time, as those of the product do."""
TIMES: Final = """
select n, %(ends)s::timestamptz - (n * interval '1 year' / %(number)s::int) as at
from generate_series(%(number)s::int - 1, 0, -1) n
"""

PAST: Final = f"""
with past as (
    select {ID_AT} as id, (%(agents)s::uuid[])[1 + n %% cardinality(%(agents)s::uuid[])] as agent_id,
        at as asked_at, (100 + n %% 900) / 100.0 as amount
    from ({TIMES}) times
), model as (
    select counterparty_id, payee, payee_digest, category from approvals_authorization
    where organization_id = %(organization)s and counterparty_id is not null order by asked_at desc limit 1
), asked as (
    insert into approvals_authorization (id, organization_id, agent_id, body_digest, amount, currency,
        counting_currency, counterparty_id, payee, payee_digest, category, purpose, context, outcome, reasons, decision,
        facts, versions, status, status_reason, asked_at, approved_at, closed_at, changed_at, decided_in_us)
    select id, %(organization)s, agent_id, repeat('0', 64), amount, 'USD', 'USD', counterparty_id, payee, payee_digest,
        category, '', '{{}}', 'allow', '{{}}', '{{"outcome": "allow", "reasons": [], "checks": []}}', '{{}}', '{{}}',
        'recorded',
        '', asked_at, asked_at, asked_at, asked_at, 0
    from past, model returning id
), held as (
    insert into spend_hold (id, organization_id, agent_id, authorization_id, counterparty_id, currency,
        counting_currency, amount, held, spent, returned, is_ask, category, asked_at)
    select id, %(organization)s, agent_id, id, counterparty_id, 'USD', 'USD', amount, 0, amount, 0, true, category,
        asked_at
    from past, model returning id
)
insert into spend_spendrecord (id, organization_id, agent_id, hold_id, authorization_id, kind, amount, currency,
    counting_currency, body_digest, flags, is_final, gives_room_back, note, recorded_at, reported_by)
select id, %(organization)s, agent_id, id, id, 'payment', amount, 'USD', 'USD', repeat('0', 64), '{{}}',
    true, false, '', asked_at, 'bench' from past
"""

PAST_POSTINGS: Final = """
insert into spend_posting (hold_id, counter_id, amount)
select h.id, c.id, h.held + h.spent - h.returned
from spend_counter c join spend_hold h on h.agent_id = c.agent_id and h.counting_currency = c.currency
where c.organization_id = %(organization)s and c.subject = 'agent' and c.rolling_seconds is null
  and (c.span_start is null or h.asked_at >= c.span_start) and (c.span_end is null or h.asked_at < c.span_end)
on conflict do nothing
"""

PAST_COUNTERS: Final = """
update spend_counter c set used = coalesce((select sum(p.amount) from spend_posting p where p.counter_id = c.id), 0)
where c.organization_id = %(organization)s
"""


def replace_rules(world: World, rules: list[dict[str, Any]]) -> None:
    """Publish a new policy with these rules in the place of the organization's present ones."""
    now = clock_now()
    for policy in current_policies(world.organization_id):
        retire(
            organization_id=world.organization_id,
            policy_id=from_public(Prefix.POLICY, policy.policy),
            actor=ACTOR,
            now=now,
        )
    put_policy(world.organization_id, rules, now)
