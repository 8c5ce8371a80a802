"""Secrets are looked for everywhere they must not be: every table, every log line, every answer, every refusal."""

import logging
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    SECRET_SESSION_KEY,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core.management import call_command
from django.db import connection
from django.test import Client
from pytest_django import Settings

from agents.models import Agent, SealedCredential
from agents.selectors import unfit_keks
from audit.services.sealing import seal
from core.clock import now as clock_now
from core.db import rows
from core.ids import Prefix, to_public
from people.authentication import SecondFactorAdapter
from tests.agents.samples import a_key, an_agent, back_end, bearer
from tests.approvals.world import make_world
from tests.factories import PASSWORD, Cast, make_cast

pytestmark = pytest.mark.django_db
SECRET = "sk_provider_4f9d1c7eb2a84c0fa5d0"
SUCCESSOR = "tok_card_77f0aa51c3b94e1d8a66"
JSON = "application/json"


@pytest.fixture
def people() -> Cast:
    return make_cast()


@pytest.fixture
def agent(people: Cast) -> Agent:
    return an_agent(people.olu)


def disguises(secret: str) -> Iterator[str]:
    """The secret as it is, and as a careless program would write it."""
    raw = secret.encode()
    yield secret
    yield raw.hex()
    yield b64encode(raw).decode().rstrip("=")
    yield b64encode(b"x" + raw).decode()[4:-4]


def database() -> str:
    """Every row of every table, as text."""
    tables = [str(name) for (name,) in rows("select tablename from pg_tables where schemaname = 'public'")]
    assert "agents_sealedcredential" in tables
    found = [str(text) for table in tables for (text,) in rows(f'select row_to_json(t)::text from "{table}" t')]
    return "\n".join(found)


def assert_nowhere(secret: str, *places: str) -> None:
    for text in places:
        assert not any(disguise in text for disguise in disguises(secret))


def test_the_search_finds_what_is_there(people: Cast, agent: Agent) -> None:
    """The control: a secret put where it must not be is found."""
    Agent.objects.filter(pk=agent.pk).update(description=f"use {SECRET}")
    with pytest.raises(AssertionError):
        assert_nowhere(SECRET, database())
    Agent.objects.filter(pk=agent.pk).update(description=SECRET.encode().hex())
    with pytest.raises(AssertionError):
        assert_nowhere(SECRET, database())


def test_a_sealed_secret_is_readable_nowhere(
    people: Cast, agent: Agent, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], settings: Settings
) -> None:
    caplog.set_level(logging.DEBUG)
    app = back_end(people.ada, "provision")
    answers: list[str] = []

    def send(method: str, path: str, body: dict[str, Any]) -> Any:
        answer: Any = getattr(app, method)(path, body, content_type=JSON)
        answers.append(answer.content.decode() + str(answer.headers))
        return answer

    listed = f"/api/v1/agents/{to_public(Prefix.AGENT, agent.pk)}/sealed-credentials"
    body = {"name": "OpenAI", "kind": "api_key", "secret": SECRET, "rails": ["card"]}
    send("post", listed, body | {"kind": "password"})
    send("post", listed, body | {"rails": []})
    send("post", listed, body | {"secret": [SECRET]})
    send("post", listed, body | {SECRET: "an unknown field"} | {"name": SECRET * 9})
    sealed = send("post", listed, body).json()
    send("post", listed, body)
    assert send("put", f"/api/v1/sealed-credentials/{sealed['id']}", {"secret": SUCCESSOR}).status_code == 200
    assert_nowhere(SECRET, database())
    assert_nowhere(SUCCESSOR, database())
    settings.CONTO_KEKS = {}
    assert send("put", f"/api/v1/sealed-credentials/{sealed['id']}", {"secret": SECRET}).status_code == 503
    send("get", listed, {})
    send("post", f"/api/v1/sealed-credentials/{sealed['id']}/revoke", {})
    console = Client()
    console.force_login(people.olu.person)
    address = f"/agents/{to_public(Prefix.AGENT, agent.pk)}/"
    for path, typed in [("credentials/new/", body), ("credentials/new/", body | {"rails": "barter"})]:
        answers.append(console.post(address + path, typed).content.decode())
    answers.append(console.get(address).content.decode())
    answers.append(console.get("/audit/").content.decode())
    told = capfd.readouterr()
    # The unknown field was the caller's own word for a name; it comes back in that one refusal, and nowhere else.
    refused = answers.pop(3)
    assert '"unknown_field"' in refused
    for secret in (SECRET, SUCCESSOR):
        assert_nowhere(secret, database(), caplog.text, told.out, told.err, *answers)
    assert SealedCredential.objects.get().revoked_at is not None


def exports(viewer: Client) -> Iterator[str]:
    """Everything that a member may take away as a file."""
    for address in ("/audit/export/", "/audit/table/", "/agents/export/", "/authorizations/export/"):
        answer: Any = viewer.get(address)
        assert answer.status_code == 200, address
        yield b"".join(answer).decode() + str(answer.headers)


def test_only_the_answer_that_releases_a_secret_holds_it(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    world = make_world({"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}, now=clock_now())
    ada, organization = world.cast.ada, world.cast.organization
    provisioner, executor = back_end(ada, "provision"), back_end(ada, "release")
    agent, paying = Client(headers=bearer(world.secret)), to_public(Prefix.AGENT, world.agent.pk)
    body = {"name": "OpenAI", "kind": "api_key", "secret": SECRET, "rails": ["card"]}
    others = [provisioner.post(f"/api/v1/agents/{paying}/sealed-credentials", body, content_type=JSON)]
    wish = {"amount": "5", "currency": "USD", "rail": "card", "counterparty": {"domain": "api.openai.com"}}
    others.append(agent.post("/api/v1/authorizations", wish, content_type=JSON))
    assert [answer.status_code for answer in others] == [201, 201], others[-1].content
    address = f"/api/v1/authorizations/{others[-1].json()['id']}"
    others.append(agent.post(f"{address}/credential", {}, content_type=JSON))
    once = {"Idempotency-Key": "once"}
    released = executor.post(f"{address}/credential", {}, content_type=JSON, headers=once)
    repeated = executor.post(f"{address}/credential", {}, content_type=JSON, headers=once)
    assert released.json()["secret"] == repeated.json()["secret"] == SECRET
    others += [executor.post(f"{address}/credential", {}, content_type=JSON), agent.get(address)]
    others.append(executor.post(f"{address}/credential", {"credential": SECRET}, content_type=JSON, headers=once))
    assert [answer.status_code for answer in others[2:]] == [403, 409, 200, 409]
    seal(organization.pk, now=clock_now())
    console, written = Client(), tmp_path / "export.jsonl"
    console.force_login(ada.person)
    call_command("export_audit", to_public(Prefix.ORGANIZATION, organization.pk), output=written)
    files = [*exports(console), written.read_text()]
    assert sum("credential.released" in text for text in files) == 3
    history = database()
    assert history.count('"credential.released"') == 2
    told = capfd.readouterr()
    answers = [answer.content.decode() + str(answer.headers) for answer in others]
    assert_nowhere(SECRET, history, caplog.text, told.out, told.err, *files, *answers)
    assert_nowhere(SECRET, *(str(answer.headers) for answer in (released, repeated)))


def test_a_runtime_key_is_stored_as_a_hash_only(people: Cast, agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    issued = a_key(people.olu, agent)
    caller = Client(headers={"Authorization": f"Bearer {issued.secret}"})
    answers = [caller.get(path).content.decode() for path in ("/api/v1/status", "/api/v1/agents", "/api/v1/nowhere")]
    wrong = issued.secret[:-1] + ("a" if issued.secret[-1] != "a" else "b")
    answers.append(Client(headers={"Authorization": f"Bearer {wrong}"}).get("/api/v1/status").content.decode())
    hidden = issued.secret.rpartition("_")[2]
    for text in (database(), caplog.text, *answers):
        assert issued.secret not in text
        assert hidden[:40] not in text


def test_no_statement_carries_a_secret(people: Cast, agent: Agent) -> None:
    sent: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        sent.append(f"{sql} {params!r}")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        app = back_end(people.ada, "provision")
        path = f"/api/v1/agents/{to_public(Prefix.AGENT, agent.pk)}/"
        body = {"name": "OpenAI", "kind": "api_key", "secret": SECRET, "rails": ["card"]}
        assert app.post(path + "sealed-credentials", body, content_type=JSON).status_code == 201
        issued = app.post(path + "keys", {"name": "worker"}, content_type=JSON).json()["secret"]
        Client(headers={"Authorization": f"Bearer {issued}"}).get("/api/v1/status")
    assert len(sent) > 10
    assert_nowhere(SECRET, *sent)
    assert not any(issued in text for text in sent)


def test_a_session_is_stored_under_another_name_than_the_browser_holds(people: Cast, settings: Settings) -> None:
    console = Client()
    console.force_login(people.olu.person)
    held = console.cookies[settings.SESSION_COOKIE_NAME].value
    assert console.get("/agents/").status_code == 200
    assert_nowhere(held, database())
    (stored,) = (str(key) for (key,) in rows("select session_key from people_session"))
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = stored
    assert thief.get("/agents/").status_code == 302
    console.post("/accounts/logout/")
    assert rows("select session_key from people_session") == []


def test_the_secret_of_a_second_factor_is_readable_nowhere(people: Cast, settings: Settings) -> None:
    console, page = Client(), "/accounts/2fa/totp/activate/"
    person = people.olu.person
    person.set_password(PASSWORD)
    person.save()
    console.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    console.post("/accounts/reauthenticate/", {"password": PASSWORD})
    console.get(page)
    secret = console.session[SECRET_SESSION_KEY]
    (now,) = yield_hotp_counters_from_time()
    console.post(page, {"code": format_hotp_value(hotp_value(secret, now))})
    assert_nowhere(secret, database())
    codes = RecoveryCodes(Authenticator.objects.get(type="recovery_codes"))
    assert_nowhere(SecondFactorAdapter().decrypt(codes.instance.data["seed"]), database())
    assert codes.generate_codes()
    settings.CONTO_KEKS = {settings.CONTO_KEK_CURRENT: b64encode(b"w" * 16 + bytes(range(16))).decode()}
    assert unfit_keks() == (settings.CONTO_KEK_CURRENT,)
