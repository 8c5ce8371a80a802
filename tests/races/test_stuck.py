"""A process that hangs keeps nobody: its transaction is ended, and who waited too long is told to ask again."""

import contextlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode, urlsplit

import pytest
from django.db import connection

from agents.services import freeze_agent
from approvals.models import Authorization
from approvals.selectors.books import faults
from conto_admin.celery import give_up_in_time
from conto_admin.embedded import ROOT
from core.clock import now as clock_now
from core.db import gate_number, rows
from core.ids import Prefix, to_public
from spend.models import Hold, SpendRecord
from tests.approvals.world import World, ask, stored
from tests.factories import actor_for
from tests.races.arena import PATIENCE, referee
from tests.races.killing import HANGS_AT
from tests.races.served import Answer, MortalConto, by_app, world_of

DAILY: Final = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100000"}}
PAYMENT: Final = {
    "amount": "10",
    "currency": "USD",
    "counterparty": {"name": "OpenAI", "domain": "api.openai.com"},
}
BEHIND_THE_GATES: Final = 7
"""A boundary of a record at which its transaction has passed them."""
HELD: Final = """
select count(*) from pg_locks
where locktype = 'advisory' and granted and mode = 'ShareLock' and (classid::bigint << 32 | objid::bigint) = %s
"""
LIMITS: Final = """
select current_setting('idle_in_transaction_session_timeout'), current_setting('lock_timeout'),
    current_setting('statement_timeout')
"""
SERVED: Final = f"import conto_admin.{{}}; from core.db import rows; print(rows({LIMITS!r}))"

pytestmark = [pytest.mark.race, pytest.mark.process, pytest.mark.django_db(transaction=True)]


def test_who_hangs_behind_the_gates_is_ended_and_keeps_nobody(conto: MortalConto) -> None:
    world = world_of(DAILY)
    path = f"authorizations/{to_public(Prefix.AUTHORIZATION, stored(ask(world, now=clock_now())).id)}/record"
    record = by_app(world, path, {"amount": "4", "currency": "USD", "reference": "r1"})
    hanging = replace(record, headers={**record.headers, HANGS_AT: str(BEHIND_THE_GATES)})

    with referee() as judge, ThreadPoolExecutor(1) as client:
        answer = client.submit(hanging.sent_to, conto)
        judge.until(HELD, gate_number(world.agent.id), reaches=1)
        freeze(world)
        refused = answer.result(PATIENCE)

    assert is_to_be_sent_again(refused)
    assert not SpendRecord.objects.exists()
    answered = record.sent_to(conto)
    assert answered is not None
    assert answered.status == 201
    assert SpendRecord.objects.count() == 1
    assert faults() == []


def test_an_ask_that_waits_too_long_at_a_gate_stores_nothing(conto: MortalConto) -> None:
    world = world_of(DAILY)
    ask(world, now=clock_now())
    events = "select count(*) from audit_event"
    before = rows(events)
    asking = by_app(world, "authorizations", PAYMENT, **{"Idempotency-Key": "order-1"})

    with referee() as judge:
        judge.close(gate_number(world.agent.id))
        assert is_to_be_sent_again(asking.sent_to(conto))

    assert (Authorization.objects.count(), Hold.objects.count(), rows(events)) == (1, 1, before)
    answered = asking.sent_to(conto)
    assert answered is not None
    assert answered.status == 201
    assert faults() == []


@pytest.mark.parametrize("entry", ["wsgi", "asgi"])
def test_what_serves_requests_has_limits_but_those_that_the_address_sets(entry: str) -> None:
    assert limits_of(entry) == "[('5s', '10s', '30s')]"
    assert limits_of(entry, "-c lock_timeout=3s") == "[('5s', '3s', '30s')]"


def test_the_worker_waits_for_nobody_and_sums_as_long_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    options = connection.settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "options", options["options"])
    assert rows(LIMITS) == [("0", "0", "0")]

    give_up_in_time()

    with contextlib.closing(connection.copy()) as opened_later, opened_later.cursor() as cursor:
        cursor.execute(LIMITS)
        assert cursor.fetchall() == [("5s", "10s", "0")]


def freeze(world: World) -> None:
    actor = actor_for(world.cast.olu)
    freeze_agent(
        organization_id=world.organization_id, agent_id=world.agent.id, reason="odd", actor=actor, now=clock_now()
    )


def is_to_be_sent_again(answer: Answer | None) -> bool:
    assert answer is not None
    said = json.loads(answer.body)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (said["status"], said["code"]) == (answer.status, "unavailable")
    return answer.status == 503 and int(answer.headers["Retry-After"]) > 0


def limits_of(entry: str, options: str = "") -> str:
    """What a connection of a process that enters there says of its limits."""
    address = os.environ["DATABASE_URL"]
    if options:
        address += ("&" if urlsplit(address).query else "?") + urlencode({"options": options})
    command = [sys.executable, "-c", SERVED.format(entry)]
    environment = {**os.environ, "DATABASE_URL": address}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=ROOT)
    return done.stdout.strip()
