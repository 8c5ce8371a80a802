"""What no handler could take is refused with the place at fault, and nothing of it is stored."""

import http.client
import json
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from django.test import Client

from approvals.api.parsing import LARGEST_CONTEXT_BYTES, LONGEST_KEY, LONGEST_PURPOSE
from conto_admin.api_render import DEEPEST_NESTING, LARGEST_BODY_BYTES, LONGEST_NUMBER
from core.db import rows
from core.ids import Prefix, to_public
from people.roles import Scope
from tests.agents.samples import a_credential, a_key, back_end, bearer
from tests.api.calls import CALLS, DAILY, PAYMENT, Stage
from tests.approvals.world import World, make_world, put_policy
from tests.examples.server import HOST, LiveConto
from tests.spend.samples import a_counterparty, public

pytestmark = pytest.mark.django_db

TABLES: Final = (
    "agents_agent", "agents_agentkey", "agents_sealedcredential", "approvals_authorization", "audit_event",
    "policies_policy", "policies_policyversion", "spend_counterparty", "spend_identifier", "spend_peg",
    "spend_spendrecord",
)  # fmt: skip


@pytest.fixture
def stage() -> Stage:
    world = make_world()
    member, policy = world.cast.olu, put_policy(world.cast, "Research", [DAILY])
    counterparty = a_counterparty(member, identifiers=["domain:a.example"])
    ids = {
        "agent": to_public(Prefix.AGENT, world.agent.id),
        "key": to_public(Prefix.KEY, a_key(member, world.agent).key.pk),
        "credential": to_public(Prefix.CREDENTIAL, a_credential(member, world.agent).pk),
        "policy": to_public(Prefix.POLICY, policy),
        "counterparty": public(counterparty),
    }
    return Stage(Client(headers=bearer(world.secret)), back_end(member, *Scope), ids)


def stored() -> dict[str, object]:
    return {table: rows(f"select count(*) from {table}")[0][0] for table in TABLES}


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["status"], bool(body["code"]), bool(body["detail"])) == (status, True, True)
    return body


# --- Every call -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CALLS)
def test_what_is_sent_here_is_taken(stage: Stage, name: str) -> None:
    assert stage.send(CALLS[name], orjson.dumps(CALLS[name].body)).status_code in (200, 201)


UNREADABLE: Final = {
    "not JSON": b"{'amount': 1}",
    "cut off": b'{"amount": "1',
    "more than one value": b"{} {}",
    "two of one name": b'{"name": "a", "name": "b"}',
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "half a character": b'{"name": "\\ud800"}',
    "not a number": b'{"amount": NaN}',
    "endless": b'{"amount": -Infinity}',
    "too many digits": b'{"amount": 1' + b"0" * LONGEST_NUMBER + b"}",
    "a million digits in ten characters": b'{"context": {"n": 1e1000000}}',
    "an exponent beyond everything": b'{"context": {"n": 1e99999999999999999999}}',
    "too deep": b'{"context": ' + b"[" * DEEPEST_NESTING + b"]" * DEEPEST_NESTING + b"}",
    "far too deep": b"[" * 100_000,
    "compressed": b"\x1f\x8b\x08\x00",
    "blank": b" \n ",
}


@pytest.mark.parametrize("name", CALLS)
def test_what_cannot_be_read_is_malformed(stage: Stage, name: str) -> None:
    before = stored()

    for what, body in UNREADABLE.items():
        assert (what, problem(stage.send(CALLS[name], body), 400)["code"]) == (what, "malformed")
    assert stored() == before


@pytest.mark.parametrize("name", CALLS)
def test_a_body_is_an_object(stage: Stage, name: str) -> None:
    before = stored()

    for body in (b"[]", b'"text"', b"1", b"true", b'[{"name": "a"}]'):
        answer = stage.send(CALLS[name], body)
        assert answer.status_code in (400, 422), answer.content
        problem(answer, answer.status_code)
    assert stored() == before


@pytest.mark.parametrize("name", CALLS)
def test_a_body_over_the_limit_is_too_large(stage: Stage, name: str) -> None:
    before, space = stored(), b" " * LARGEST_BODY_BYTES
    body = orjson.dumps(CALLS[name].body)

    assert problem(stage.send(CALLS[name], space + body), 413)["code"] == "body_too_large"
    assert stored() == before
    assert stage.send(CALLS[name], body + space[len(body) :]).status_code in (200, 201)


@pytest.mark.parametrize("name", CALLS)
def test_only_json_is_read(stage: Stage, name: str) -> None:
    before = stored()

    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
    ):
        code = problem(stage.send(CALLS[name], orjson.dumps(CALLS[name].body), kind), 415)["code"]
        assert code == "unsupported_media_type"
    assert stored() == before
    utf8 = "application/json; charset=utf-8"
    assert stage.send(CALLS[name], orjson.dumps(CALLS[name].body), utf8).status_code in (200, 201)


@pytest.mark.parametrize("name", CALLS)
def test_an_unknown_field_is_named(stage: Stage, name: str) -> None:
    before = stored()

    body = problem(stage.send(CALLS[name], orjson.dumps({**CALLS[name].body, "amuont": "1"})), 422)

    assert body["field"] == "amuont"
    assert stored() == before


@pytest.mark.parametrize("name", [name for name in CALLS if CALLS[name].method != "PATCH" and name != "assign"])
def test_an_empty_body_names_what_is_missing(stage: Stage, name: str) -> None:
    before = stored()

    for body in (b"", b"{}"):
        answer = problem(stage.send(CALLS[name], body), 422)
        assert answer["code"] == "required"
        assert answer["field"] in CALLS[name].body
    assert stored() == before


TEXTS: Final = [
    (name, field)
    for name, call in CALLS.items()
    for field, value in call.body.items()
    if isinstance(value, str) and field != "amount"
]


@pytest.mark.parametrize(("name", "field"), TEXTS)
def test_a_text_is_a_short_text_without_nul(stage: Stage, name: str, field: str) -> None:
    before = stored()

    for value in ("x" * 20_000, "a\0b", True, 5, ["a"], {"a": "b"}):
        answer = problem(stage.send(CALLS[name], orjson.dumps({**CALLS[name].body, field: value})), 422)
        assert (value, answer["field"]) == (value, field)
    assert stored() == before


# --- Single fields ----------------------------------------------------------------------------------------------------


AMOUNTS: Final = [
    b"true", b"false", b"[]", b"{}", b'""', b'" 1"', b'"1e3"', b"1e3", b"1.25e1", b"1E-2", b"-1", b'"-1"', b"0",
    b'"0.00"', b'"+1"', b'"1,000.00"', b'"0x10"', b"1.1234567", b'"1.1234567"', b"123456789012345",
    b'"123456789012345"',
    b'".5"', b'"5."', b'"NaN"', b'"Infinity"', '"١٢"'.encode(), '"１２"'.encode(), b'"1\\u0000"', b'"1\\n"',
]  # fmt: skip


@pytest.mark.parametrize("name", ["ask", "simulate", "report"])
def test_an_amount_is_exact_and_positive(stage: Stage, name: str) -> None:
    before = stored()

    for amount in AMOUNTS:
        body = orjson.dumps({**PAYMENT, "amount": None}).replace(b"null", amount)
        answer = problem(stage.send(CALLS[name], body), 422)
        assert (amount, answer["field"]) == (amount, "amount")
        assert answer["code"] in ("amount_invalid", "amount_not_positive")
    assert stored() == before


@pytest.mark.parametrize("amount", [b"12.5", b'"12.50"', b"12", b'"00012.500000"', b"12.500000"])
def test_an_amount_may_be_a_number_of_plain_digits(stage: Stage, amount: bytes) -> None:
    body = orjson.dumps({**PAYMENT, "amount": None}).replace(b"null", amount)

    answer = stage.send(CALLS["ask"], body)

    assert answer.status_code == 201, answer.content
    assert answer.json()["amount"] in ("12.50", "12.00")


@pytest.mark.parametrize(
    ("field", "value", "at"),
    [
        ("purpose", "x" * (LONGEST_PURPOSE + 1), "purpose"),
        ("idempotency_key", "x" * (LONGEST_KEY + 1), "idempotency_key"),
        ("context", {"a": "x" * LARGEST_CONTEXT_BYTES}, "context"),
        ("context", {"a\0": 1}, "context"),
        ("context", {"a": ["b\0"]}, "context"),
        ("context", [], "context"),
        ("rail", "pigeon", "rail"),
        ("rail", True, "rail"),
        ("currency", "usd", "currency"),
        ("currency", 840, "currency"),
        ("counterparty", "OpenAI", "counterparty"),
        ("counterparty", {}, "counterparty"),
        ("counterparty", {"domain": "x" * 300}, "counterparty.domain"),
        ("counterparty", {"domain": "a b.example"}, "counterparty.domain"),
        ("counterparty", {"name": "a", "country": "usa"}, "counterparty.country"),
        ("counterparty", {"name": "a", "iban": "DE89"}, "counterparty.iban"),
    ],
)
def test_the_field_at_fault_is_named(stage: Stage, field: str, value: object, at: str) -> None:
    before = stored()

    answer = problem(stage.send(CALLS["ask"], orjson.dumps({**PAYMENT, field: value})), 422)

    assert answer["field"] == at
    assert stored() == before


def test_every_field_at_fault_is_named_at_once(stage: Stage) -> None:
    body = {"amount": True, "currency": "usd", "counterparty": {"domain": "-"}, "rail": "pigeon", "colour": "red"}

    errors = problem(stage.send(CALLS["ask"], orjson.dumps(body)), 422)["errors"]

    assert {one["field"] for one in errors} == {"amount", "currency", "counterparty.domain", "rail", "colour"}


@pytest.mark.parametrize(
    ("rule", "at"),
    [
        ({**DAILY, "daily": {"USD": True}}, "rules[0].daily.USD"),
        ({**DAILY, "daily": {"usd": "1"}}, "rules[0].daily.usd"),
        ({**DAILY, "colour": "red"}, "rules[0].colour"),
        ({**DAILY, "type": "MAGIC"}, "rules[0].type"),
        ({"key": "v", "type": "VELOCITY", "limit": True, "period_minutes": 5}, "rules[0].limit"),
        ({"key": "v", "type": "VELOCITY", "limit": 10**40, "period_minutes": 5}, "rules[0].limit"),
    ],
)
def test_the_place_at_fault_in_a_document_is_named(stage: Stage, rule: dict[str, Any], at: str) -> None:
    before = stored()
    body = json.dumps({"document": {"schema": 1, "rules": [rule]}}).encode()

    answer = problem(stage.send(CALLS["publish"], body), 422)

    assert answer["field"] == at
    assert stored() == before


@pytest.mark.parametrize("value", [True, "60", 1.5, -1, 10**15, None])
def test_a_number_is_a_number(stage: Stage, value: object) -> None:
    before = stored()

    answer = problem(stage.send(CALLS["rotate key"], orjson.dumps({"overlap_seconds": value})), 422)

    assert answer["field"] == "overlap_seconds"
    assert stored() == before


@pytest.mark.parametrize("value", ["true", 1, "yes", None])
def test_a_flag_is_true_or_false(stage: Stage, value: object) -> None:
    before = stored()
    calls = {"report": "final", "seal": "may_agent_release", "assign": "organization"}

    for name, field in calls.items():
        if (name, value) == ("report", None):
            continue
        answer = problem(stage.send(CALLS[name], orjson.dumps({**CALLS[name].body, field: value})), 422)
        assert (name, answer["field"]) == (name, field)
    assert stored() == before


# --- Queries and headers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["agents", "policies", "counterparties", "audit-events", "authorizations"])
def test_the_part_of_a_query_at_fault_is_named(stage: Stage, path: str) -> None:
    for value in ("0", "-1", "201", "1.5", "1e2", "x", "9" * 400, "٣", "1\0"):
        answer = problem(stage.organization.get(f"/api/v1/{path}", {"limit": value}), 422)
        assert (value, answer["field"]) == (value, "limit")
    for value in ("x", "MHg=", "\0", "agt_01k8zq3v5ye1wr9m4t7b2c6d0g", "9" * 5_000):
        answer = problem(stage.organization.get(f"/api/v1/{path}", {"cursor": value}), 422)
        assert (value, answer["field"]) == (value, "cursor")


@pytest.mark.parametrize("parameter", ["category", "session", "reason", "currency", "agent", "counterparty", "since"])
def test_a_filter_that_no_row_could_hold_is_named(stage: Stage, parameter: str) -> None:
    for value in ("a\0b", "x" * 5_000):
        answer = problem(stage.organization.get("/api/v1/authorizations", {parameter: value}), 422)
        assert answer["field"] == parameter


def test_a_session_that_no_ask_could_have_is_named(stage: Stage) -> None:
    for value in ("a\0b", "x" * 5_000):
        assert problem(stage.agent.get("/api/v1/limits", {"session": value}), 422)["field"] == "session"


@pytest.mark.parametrize("key", ["", " ", "x" * (LONGEST_KEY + 1)])
def test_an_idempotency_key_that_cannot_be_kept_is_named(stage: Stage, key: str) -> None:
    body = orjson.dumps(PAYMENT)
    answer = stage.agent.post(
        "/api/v1/authorizations", body, content_type="application/json", headers={"Idempotency-Key": key}
    )

    assert problem(answer, 422)["field"] == "Idempotency-Key"


# --- Over the wire ----------------------------------------------------------------------------------------------------


@pytest.mark.process
@pytest.mark.django_db(transaction=True)
def test_bodies_over_the_wire(tmp_path: Path) -> None:
    world, conto = make_world(DAILY), LiveConto(tmp_path / "web.log")
    conto.start()
    try:
        assert sent(conto, world, orjson.dumps(PAYMENT)) == 201
        assert (
            sent(conto, world, iter([b'{"amount": "1", "currency": "USD", ', b'"counterparty": {"name": "a"}}'])) == 201
        )
        assert sent(conto, world, b" " * (LARGEST_BODY_BYTES + 1)) == 413
        assert sent(conto, world, iter([b" " * 65_536] * 17)) == 413
        assert sent(conto, world, b"") == 422
    finally:
        conto.supervisor.stop()


def sent(conto: LiveConto, world: World, body: Any) -> int:
    """The status of an ask; an iterator goes in chunks, its length unsaid."""
    connection = http.client.HTTPConnection(HOST, conto.port, timeout=20)
    try:
        headers = {**bearer(world.secret), "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/authorizations", body, headers, encode_chunked=not isinstance(body, bytes))
        return connection.getresponse().status
    finally:
        connection.close()
