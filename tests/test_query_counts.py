"""How many SQL statements each address costs, compared with a reviewed baseline; how many round trips a decision.

A number that changed on purpose: `CONTO_COUNT_QUERIES=write python -m pytest -n0 tests/test_query_counts.py`, then look
at the difference of `tests/query_counts.toml`.
"""

import os
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import orjson
import pytest
from django.db import connection, transaction
from django.test import Client
from pytest_django import DjangoDbBlocker

from approvals.models import Authorization
from approvals.selectors.evidence import evidence_of_each
from core.clock import now as clock_now
from core.db import rows
from core.ids import Prefix, to_public
from people.services import invite
from spend.payee import PayeeClaim
from tests.access import CALLS, PAGES, Call, Page
from tests.agents.samples import a_credential, a_key, an_agent, bearer
from tests.approvals.world import add_agent, ask, make_world, put_policy, stored
from tests.factories import actor_for
from tests.furnished import RULES, Furnished, furnish, undone
from tests.spend.samples import a_counterparty

BASELINE: Final = Path(__file__).with_name("query_counts.toml")
HEAD: Final = """\
# SQL statements per address, transactions included; written by tests/test_query_counts.py, reviewed by people.
"""
ROUND_TRIPS: Final = 3
"""Of a decision: the key; the snapshot; gates, decision and COMMIT together."""
MOST_ROUND_TRIPS: Final = 9
BODY: Final = orjson.dumps(
    {"amount": "1.00", "currency": "USD", "counterparty": {"domain": "api.openai.com"}, "session": "run_1"}
)
CLIENT: Final = Client()
SEVERAL: Final = 5
"""Payments that are looked at and answered at once."""


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Furnished]:
    with django_db_blocker.unblock(), undone():
        made = furnish(clock_now())
        # Otherwise the first call of a minute would cost a statement more: the one that notes the use of the key.
        rows("update agents_agentkey set last_used_at = now() + interval '1 day'")
        rows("update people_organizationkey set last_used_at = now() + interval '1 day'")
        CLIENT.force_login(made.cast.oona.person)
        yield made
        transaction.set_rollback(True)


def counted(request: Callable[[], Any]) -> int:
    """The statements of a request, the second of its kind, both undone."""
    statements: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(sql)
        return execute(sql, params, many, context)

    for _ in range(2):
        statements.clear()
        with undone():
            with connection.execute_wrapper(note):
                answer = request()
                if answer.streaming:
                    b"".join(answer)
            transaction.set_rollback(True)
        assert answer.status_code < 500
    return len(statements)


def open_page(world: Furnished, page: Page) -> Any:
    return getattr(CLIENT, page.method.lower())(world.fill(page.address), page.data)


def make_call(world: Furnished, call: Call) -> Any:
    path, method = world.fill(call.address), call.method.lower()
    headers = bearer(world.world.secret if call.agent else world.keys["all"])
    if method == "get":
        return CLIENT.get(path, headers=headers)
    body = {
        name: world.values.get(value, value) if isinstance(value, str) else value
        for name, value in (call.body or {}).items()
    }
    return getattr(CLIENT, method)(path, orjson.dumps(body), content_type="application/json", headers=headers)


def counts(world: Furnished) -> dict[str, dict[str, int]]:
    """What each address costs now."""
    pages = {f"{one.method} /{one.address}": counted(partial(open_page, world, one)) for one in PAGES}
    return {
        "pages": pages | bulk(world),
        "api": {f"{one.method} /{one.address}": counted(partial(make_call, world, one)) for one in CALLS},
    }


def bulk(world: Furnished) -> dict[str, int]:
    """What several payments at once cost: to look at them, and to answer them."""
    with undone():
        ids = [ask(world.world, f"{101 + one}", now=clock_now()).answer.id for one in range(SEVERAL)]
        chosen = [to_public(Prefix.AUTHORIZATION, one) for one in ids]
        path, sent = "/approvals/bulk/", {"chosen": chosen, "verdict": "approve"}
        evidence = evidence_of_each(list(Authorization.objects.filter(id__in=ids)), now=clock_now())
        shown = {f"evidence-{to_public(Prefix.AUTHORIZATION, one)}": evidence[one].digest for one in ids}
        looked = counted(lambda: CLIENT.post(path, sent))
        answered = counted(lambda: CLIENT.post(path, {**sent, **shown, "answer": "yes"}))
        transaction.set_rollback(True)
    return {f"POST {path}, {SEVERAL} shown": looked, f"POST {path}, {SEVERAL} answered": answered}


def test_each_address_costs_what_was_reviewed(world: Furnished) -> None:
    found = counts(world)

    if os.environ.get("CONTO_COUNT_QUERIES") == "write":
        BASELINE.write_text(HEAD + "".join(section(name, numbers) for name, numbers in found.items()))
    assert found == tomllib.loads(BASELINE.read_text())


def section(name: str, numbers: dict[str, int]) -> str:
    lines = "".join(f'"{place}" = {number}\n' for place, number in numbers.items())
    return f"\n[{name}]\n{lines}"


def test_more_rows_cost_no_more_statements(world: Furnished) -> None:
    reviewed = tomllib.loads(BASELINE.read_text())
    reading = [page for page in PAGES if page.method == "GET"]

    with undone():
        crowd(world)
        found = {f"GET /{page.address}": counted(partial(open_page, world, page)) for page in reading}
        calls = [call for call in CALLS if call.method == "GET"]
        found |= {f"GET /{call.address}": counted(partial(make_call, world, call)) for call in calls}
        transaction.set_rollback(True)

    known = reviewed["pages"] | reviewed["api"]
    assert {place: number for place, number in found.items() if number > known[place]} == {}


def crowd(world: Furnished) -> None:
    """Ten more of everything."""
    now, cast = clock_now(), world.cast
    member, actor = cast.olu, actor_for(cast.olu)
    for number in range(10):
        payee = PayeeClaim(f"Vendor {number}", (f"domain:v{number}.example",))
        ask(world.world, "1", payee=payee, now=now)
        ask(world.world, "150", payee=payee, now=now)
        asker = add_agent(cast, f"Agent {number}", labels=[f"label{number}"], now=now)
        ask(asker, "200", payee=payee, now=now)
        ask(asker, "90000", payee=payee, now=now)
        put_policy(cast, f"Policy {number}", RULES, now=now)
        a_counterparty(
            member, f"Named {number}", identifiers=[f"domain:n{number}.example", f"domain:m{number}.example"]
        )
        bound = an_agent(member, f"Bound {number}")
        a_key(member, world.world.agent)
        a_credential(member, bound)
        address = f"guest{number}@acme.example"
        invite(
            organization_id=cast.organization.id, email=address, roles=["viewer"], by=cast.oona, actor=actor, now=now
        )


# --- Round trips ------------------------------------------------------------------------------------------------------


class Wire:
    """What goes to the database and waits for an answer, as libpq itself tells it."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def __enter__(self) -> Self:
        self.file = tempfile.TemporaryFile("w+")
        connection.ensure_connection()
        connection.connection.pgconn.trace(self.file.fileno())
        return self

    def __exit__(self, *_: object) -> None:
        connection.connection.pgconn.untrace()
        self.file.seek(0)
        # A round trip ends each `Query` (text) and each `Sync` (prepared, or many in a pipeline).
        lines = [line.split("\t") for line in self.file.read().splitlines()]
        self.sent = [
            parts[3] for parts in lines if len(parts) > 3 and parts[1] == "F" and parts[3] in ("Query", "Sync")
        ]
        self.file.close()


def rules_of(number: int) -> list[dict[str, Any]]:
    """So many rules, each with a counter of its own."""
    return [
        {
            "key": f"limit{index}",
            "type": "SPEND_LIMIT",
            "daily": {"USD": "1000"},
            "when": {"minimum_amount": {"USD": "0.5"}},
        }
        | ({"time_zone": zone} if (zone := ZONES[index % len(ZONES)]) else {})
        for index in range(number)
    ]


ZONES: Final = (
    "",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Africa/Cairo",
    "Asia/Kolkata",
)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [1, 3, 20])
def test_a_decision_costs_few_round_trips_whatever_the_number_of_rules(number: int) -> None:
    world = make_world(*rules_of(number), now=clock_now())
    client = Client(headers=bearer(world.secret))
    for _ in range(2):
        assert client.post("/api/v1/authorizations", BODY, content_type="application/json").status_code == 201

    with Wire() as wire:
        answer = client.post("/api/v1/authorizations", BODY, content_type="application/json")

    assert answer.status_code == 201
    assert len(answer.json()["decision"]["checks"]) == number
    assert answer.json()["status"] == "approved"
    assert len(wire.sent) == ROUND_TRIPS


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("amount", "status"), [("1.00", "approved"), ("50", "pending_review"), ("5000", "declined")])
def test_each_kind_of_answer_costs_few_round_trips(amount: str, status: str) -> None:
    world = make_world(*RULES, {"key": "review", "type": "APPROVAL_THRESHOLD", "above": {"USD": "40"}}, now=clock_now())
    client = Client(headers=bearer(world.secret))
    body = {**orjson.loads(BODY), "amount": amount}

    for turn in ("warm", "warmer"):
        client.post("/api/v1/authorizations", {**body, "idempotency_key": turn}, content_type="application/json")
    with Wire() as wire:
        answer = client.post(
            "/api/v1/authorizations", {**body, "idempotency_key": "k"}, content_type="application/json"
        )

    assert answer.json()["status"] == status
    assert len(wire.sent) <= MOST_ROUND_TRIPS


@pytest.mark.django_db(transaction=True)
def test_a_poll_is_one_read_beside_the_key() -> None:
    world = make_world(*RULES, now=clock_now())
    client, asked = Client(headers=bearer(world.secret)), ask(world, "200", now=clock_now())
    path = f"/api/v1/authorizations/{to_public(Prefix.AUTHORIZATION, stored(asked).id)}"
    etag = client.get(path)["ETag"]

    for headers, status in (({}, 200), ({"If-None-Match": etag}, 304)):
        with Wire() as wire:
            answer = client.get(path, headers=headers)
        assert (answer.status_code, len(wire.sent)) == (status, 2)
