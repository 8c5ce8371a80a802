"""Pages of analytics and budgets with a long past: how long the server takes, and whether the sums are right."""

import json
import logging
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.test import Client
from django.urls import reverse

from approvals.selectors.situation import Ask, read_asker
from approvals.services.authorize import authorize_payment
from bench import sums, world
from bench.report import Report
from bench.world import ACTOR, World
from core.clock import now as clock_now
from core.db import rows
from core.ids import Prefix, to_public
from insight.selectors.budgets import budgets_of
from insight.selectors.ledger import Dimension
from insight.services import rebuild, roll
from people.models import Organization, Person
from policies.services import create_policy
from spend.payee import PayeeClaim

ID: Final = re.compile(r"(?<=[=/])(agt|cpt)_\w+")
AGENTS: Final = 100
PAYEES: Final = 200
RUNS: Final = 20
MOST_MS: Final = 300
FILES: Final = (
    "/analytics/export/?period=year&by=counterparty",
    "/analytics/export/?period=30&by=policy",
    "/analytics/payments/export/?period=7",
    "/analytics/flagged/export/",
)
RULES: Final = [*world.THREE_LIMITS, world.pot("pot", world.LARGE)]

PAST: Final = f"""
with payee as (
    select id, row_number() over (order by id) - 1 as number from spend_counterparty
    where organization_id = %(organization)s
), past as (
    select {world.ID_AT} as id, n, (%(agents)s::uuid[])[1 + n %% cardinality(%(agents)s::uuid[])] as agent_id,
        (select p.id from payee p where p.number = (n::bigint * 7919) %% %(payees)s) as payee_id,
        (array['ai_services', 'cloud', 'data', 'office', 'travel', null])[1 + n / 3 %% 6] as category,
        (array['card', 'bank', 'x402', 'stablecoin', null])[1 + n / 5 %% 5] as rail,
        at as asked_at,
        (100 + n * 31 %% 90000) / 100.0 as amount,
        case when n %% 23 = 0 then 'deny' when n %% 17 = 0 then 'review' else 'allow' end as outcome
    from ({world.TIMES}) times
), drawn as (
    select past.*, c.id as counter_id, c.key
    from past left join spend_counter c on c.organization_id = %(organization)s and c.pot is not null
        and past.outcome <> 'deny' and past.asked_at >= c.span_start and past.asked_at < c.span_end
), asked as (
    insert into approvals_authorization (id, organization_id, agent_id, body_digest, amount, currency,
        counting_currency, counterparty_id, payee, payee_digest, category, rail, purpose, context, outcome, reasons,
        decision, facts, versions, status, status_reason, asked_at, approved_at, closed_at, changed_at, decided_in_us)
    select id, %(organization)s, agent_id, repeat('0', 64), amount, 'USD', 'USD', payee_id, '{{}}', repeat('0', 64),
        category, rail, '', '{{}}', outcome, case outcome when 'deny' then array['daily_limit'] else '{{}}' end,
        jsonb_build_object('outcome', outcome, 'reasons', '[]'::jsonb, 'checks', (%(checks)s::jsonb -> (n %% 4)) || case
            when key is null then '[]'
            else jsonb_build_array(jsonb_build_object('code', 'allow', 'counter', key, 'outcome', 'allow')) end),
        '{{}}', '{{}}', case outcome when 'deny' then 'declined' else 'recorded' end, '', asked_at,
        case outcome when 'deny' then null else asked_at end, asked_at, asked_at, 0
    from drawn returning id, outcome
), held as (
    insert into spend_hold (id, organization_id, agent_id, authorization_id, counterparty_id, currency,
        counting_currency, amount, held, spent, returned, is_ask, category, rail, asked_at)
    select id, %(organization)s, agent_id, id, payee_id, 'USD', 'USD', amount, 0, amount, 0, true, category, rail,
        asked_at
    from past where outcome <> 'deny' returning id
), posted as (
    insert into spend_posting (hold_id, counter_id, amount)
    select id, counter_id, amount from drawn where counter_id is not null returning 1
), questions as (
    insert into approvals_approvalrequest (id, organization_id, authorization_id, requirements, opened_at, expires_at,
        closed_at, closed_as)
    select id, %(organization)s, id, '[]', asked_at, asked_at + interval '1 day',
        asked_at + (5 + n %% 900) * interval '1 s', 'approved'
    from past where outcome = 'review' returning id
), reviewed as (
    insert into approvals_review (id, organization_id, request_id, person_id, verdict, reason, evidence_digest, at,
        effective_at, closed_at, closed_as)
    select id, %(organization)s, id, %(person)s, 'approve', '', '', asked_at + n %% 900 * interval '1 s',
        asked_at + (5 + n %% 900) * interval '1 s', asked_at + (5 + n %% 900) * interval '1 s', 'counted'
    from past where outcome = 'review' returning 1
)
insert into spend_spendrecord (id, organization_id, agent_id, hold_id, authorization_id, kind, amount, currency,
    counting_currency, counterparty_id, body_digest, flags, is_final, gives_room_back, note, recorded_at, reported_by)
select id, %(organization)s, agent_id, id, id, 'payment', amount, 'USD', 'USD', payee_id,
    repeat('0', 64), case when n %% 41 = 0 then array['unauthorized'] else '{{}}' end, true, false, '', asked_at,
    'bench'
from past where outcome <> 'deny'
"""
"""A year of asks of many kinds, one after the other at even distances; what is not denied is paid at once."""

COUNTERS: Final = """
update spend_counter c set used = coalesce((select sum(p.amount) from spend_posting p where p.counter_id = c.id), 0)
where c.organization_id = %s and c.pot is not null
"""
PAYEE: Final = """
insert into spend_counterparty (id, organization_id, name, look, standing, country, note, first_seen_at)
select gen_random_uuid(), %(organization)s, 'Payee ' || n, 'payee' || n, 'verified', '', '',
    now() - n * interval '1 day'
from generate_series(1, %(payees)s - 1) n
"""
ANY_PAYEE: Final = "select id from spend_counterparty where organization_id = %s order by id limit 1"
LABELS: Final = (("eu", "ads"), ("eu",), ("research",), ())
"""Of one agent after the other."""
POLICIES: Final = ("Clouds", "Marketing", "Tried out")


def pages(report: Report, past: int) -> None:
    """Seed a year, add it up, open each page again and again, and compare its sums with direct ones."""
    logging.disable(logging.INFO)
    place = world.make_world("pages", AGENTS, RULES, labels=LABELS)
    seed(place, past)
    report.say("")
    report.say("## Pages")
    report.say("")
    begun = time.monotonic()
    rebuild(place.organization_id, now=clock_now())
    rebuilt = time.monotonic() - begun
    rows("analyze")
    begun = time.monotonic()
    roll(place.organization_id, now=clock_now())
    rolled = time.monotonic() - begun
    report.say(f"A year of {past:,} authorizations is added up in {rebuilt:.1f} s, the worker's next look takes")
    report.say(f"{1000 * rolled:.0f} ms. Server time of {RUNS} answers each, template and session included.")
    report.say("")
    report.say("| page | p50 ms | p95 ms |")
    report.say("| --- | --- | --- |")
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(Person.objects.get(email="pages@bench.example"))
    for path in addresses(place):
        taken(client, path)  # compiles the template, and fills what every process keeps
        times = sorted(taken(client, path) for _ in range(RUNS))
        p50, p95 = (times[min(RUNS - 1, int(RUNS * share))] for share in (0.5, 0.95))
        shown = "/budgets/…/" if "pol_" in path else ID.sub("…", path)
        report.say(f"| {shown} | {p50:.0f} | {p95:.0f} |")
        report.demand(p95 < MOST_MS, f"{shown} takes {p95:.0f} ms")
    files(report, client)
    compared = sums.compare(report, place, client)
    report.say("")
    report.say(f"{compared} sums of pages and files were compared with direct sums of the ledger.")


def seed(place: World, past: int) -> None:
    """Ask once, so that the counters are open, and copy a year of asks from it."""
    now = clock_now()
    # Through the real services: the pot's counter, and a payee.
    one = Ask(Decimal("1.00"), "USD", PayeeClaim("OpenAI", ("domain:api.openai.com",)))
    authorize_payment(read_asker(place.agents[0]), one, idempotency_key=None, actor=ACTOR, now=now)
    whose: dict[str, Any] = {"organization": place.organization_id, "payees": PAYEES}
    about = {
        "person": Person.objects.get(email="pages@bench.example").pk,
        "agents": place.agents,
        "checks": json.dumps(checks(place.organization_id, now)),
        "number": past,
        "ends": now - timedelta(minutes=30),
    }
    rows(PAYEE, whose)
    with world.unguarded():
        rows(PAST, whose | about)
        rows(world.PAST_POSTINGS, {"organization": place.organization_id})
    rows(world.PAST_COUNTERS, {"organization": place.organization_id})
    rows("analyze")


def checks(organization_id: UUID, now: datetime) -> list[list[dict[str, str]]]:
    """Create policies and return what they said of one payment after the other: two of them, one, or none."""
    ids = [create_policy(organization_id=organization_id, name=name, actor=ACTOR, now=now) for name in POLICIES]
    first, second, shadow = (
        {"code": "allow", "policy": to_public(Prefix.POLICY, one), "mode": mode, "outcome": "allow"}
        for one, mode in zip(ids, ("enforced", "enforced", "shadow"), strict=True)
    )
    return [[first], [first, second, shadow], [shadow], [second, shadow | {"outcome": "not_applicable"}]]


def addresses(place: World) -> Iterator[str]:
    """Yield the pages that are measured."""
    names = ("insight:overview", "insight:fleet", "approvals:inbox", "approvals:authorizations", "audit:log")
    yield from map(reverse, (*names, "spend:counterparties"))
    for days in (30, 90):
        yield from (f"/analytics/?period={days}&by={by.value}" for by in Dimension)
    yield "/analytics/?period=90&by=counterparty&compare=on"
    yield from (f"/analytics/?period=year&by={by.value}&compare=on" for by in (Dimension.AGENT, Dimension.COUNTERPARTY))
    yield from (f"/analytics/?period=year&by={by.value}" for by in (Dimension.LABEL, Dimension.POLICY))
    yield from (f"/analytics/?period={days}&by=rail&label=eu&compare=on" for days in ("90", "year"))
    yield "/analytics/?period=90&category=cloud&rail=card"
    for by in Dimension:
        yield f"/analytics/?period=year&by={by.value}&category=cloud&rail=card&compare=on"
    agent, payee = to_public(Prefix.AGENT, place.agents[0]), rows(ANY_PAYEE, [place.organization_id])[0][0]
    yield reverse("insight:agent_runtime", args=[agent])
    yield f"/analytics/?period=year&by=counterparty&agent={agent}&compare=on"
    yield f"/analytics/?period=year&by=agent&counterparty={to_public(Prefix.COUNTERPARTY, payee)}&compare=on"
    yield f"/analytics/payments/?period=year&agent={agent}&category=cloud&rail=card"
    yield "/analytics/payments/?period=90"
    yield "/analytics/payments/?period=90&category=cloud&rail=card"
    yield "/analytics/payments/?period=year&unauthorized=on"
    yield "/analytics/decisions/?period=90"
    yield "/analytics/decisions/?period=year"
    yield "/analytics/review-times/?period=90"
    yield from ("/analytics/flagged/", "/analytics/flagged/?flag=unauthorized")
    yield "/budgets/"
    pot = budgets_of(Organization.objects.get(pk=place.organization_id), now=clock_now())[0]
    yield f"/budgets/{pot.policy}/{pot.rule_key}/"


def taken(client: Client, path: str) -> float:
    """Return the milliseconds of one answer."""
    begun = time.monotonic()
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return 1000 * (time.monotonic() - begun)


def files(report: Report, client: Client) -> None:
    """Fetch files, and say how long the first line behind the heads of their columns takes, and all of them."""
    report.say("")
    report.say("| file | first line ms | lines | lines per second |")
    report.say("| --- | --- | --- | --- |")
    for path in FILES:
        client.get(path).close()
        begun = time.monotonic()
        lines = iter(client.get(path))
        next(lines), next(lines, None)
        first = 1000 * (time.monotonic() - begun)
        number = 1 + sum(1 for _ in lines)
        rate = number / (time.monotonic() - begun)
        report.say(f"| {path} | {first:.0f} | {number:,} | {rate:,.0f} |")
        report.demand(first < MOST_MS, f"{path} takes {first:.0f} ms")
