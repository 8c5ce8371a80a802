"""The API of agents: provisioning with an organization key, and an agent's own status."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from agents.models import Agent, AgentKey
from agents.services import freeze_agent, thaw_agent
from audit.models import Event
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from people.models import Member
from people.services import freeze_organization
from tests.agents.samples import COUNTERPARTY, a_credential, a_key, actions_of, an_agent, back_end, bearer
from tests.factories import Cast, actor_for, make_cast, public_person

pytestmark = pytest.mark.django_db
AGENTS = "/api/v1/agents"
JSON = "application/json"


@pytest.fixture
def people() -> Cast:
    return make_cast()


@pytest.fixture
def app(people: Cast) -> Client:
    return back_end(people.ada, "provision")


@pytest.fixture
def agent(people: Cast) -> Agent:
    return an_agent(people.olu, labels=["eu"])


def address(agent: Agent, *parts: str) -> str:
    return "/".join([AGENTS, to_public(Prefix.AGENT, agent.pk), *parts])


def send(client: Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = client.generic(method, path, "" if body is None else json.dumps(body), content_type=JSON)
    return answer.status_code, answer.json()


def refused(answer: tuple[int, Any], status: int, code: str, field: str | None = None) -> None:
    assert (answer[0], answer[1]["code"], answer[1].get("field")) == (status, code, field)


# --- Agents -----------------------------------------------------------------------------------------------------------


def test_an_agent_is_created_read_and_changed(people: Cast, app: Client) -> None:
    owner = public_person(people.olu.person_id)
    body = {"name": "Atlas", "description": "Buys.", "labels": ["us", "eu"], "owner": owner, "external_ref": "a/1"}
    status, created = send(app, "POST", AGENTS, body)
    assert status == 201
    assert created["id"].startswith("agt_")
    assert created == created | body | {
        "labels": ["eu", "us"],
        "frozen_at": None,
        "frozen_reason": "",
        "retired_at": None,
    }
    path = f"{AGENTS}/{created['id']}"
    assert send(app, "GET", path) == (200, created)
    assert send(app, "PATCH", path, {"owner": None, "name": "Borea"}) == (
        200,
        created | {"owner": None, "name": "Borea"},
    )
    event = Event.objects.get(action="agent.created")
    assert (event.actor_kind, event.actor_name, event.subject_id) == ("organization_key", "back end", created["id"])
    assert event.request_id
    assert event.address == "127.0.0.1"


def test_an_upsert_answers_201_then_200_and_changes_nothing(app: Client) -> None:
    path, body = f"{AGENTS}/by-ref/tenant%2F7/actor-1", {"name": "Atlas", "labels": ["eu"]}
    status, created = send(app, "PUT", path, body)
    assert (status, created["external_ref"]) == (201, "tenant/7/actor-1")
    assert send(app, "PUT", path, body) == (200, created)
    assert send(app, "GET", path) == (200, created)
    assert Event.objects.filter(subject_id=created["id"]).count() == 1
    assert send(app, "PUT", path, body | {"labels": []}) == (200, created | {"labels": []})


def test_agents_are_listed_in_pages(people: Cast, app: Client) -> None:
    names = [an_agent(people.olu, f"Agent {number}", labels=["even"] * (number % 2 == 0)).name for number in range(5)]
    an_agent(people.mallory, "Foreign")
    seen: list[str] = []
    cursor: str | None = ""
    for _ in range(3):
        status, page = send(app, "GET", f"{AGENTS}?limit=2&cursor={cursor}")
        assert status == 200
        seen += [one["name"] for one in page["data"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert sorted(seen) == names
    assert len(send(app, "GET", f"{AGENTS}?label=even")[1]["data"]) == 3
    assert [one["name"] for one in send(app, "GET", f"{AGENTS}?q=agent+3")[1]["data"]] == ["Agent 3"]
    assert send(app, "GET", f"{AGENTS}?external_ref=none")[1]["data"] == []
    assert send(app, "GET", f"{AGENTS}?q=%00&label=%00")[1]["data"] == []


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("limit=0", "limit_invalid", "limit"),
        ("limit=101", "limit_invalid", "limit"),
        ("limit=ten", "limit_invalid", "limit"),
        ("limit=%C2%B2", "limit_invalid", "limit"),
        ("cursor=agt_nothing", "cursor_invalid", "cursor"),
        ("state=asleep", "state_unknown", "state"),
    ],
)
def test_an_unfit_question_is_refused(app: Client, query: str, code: str, field: str) -> None:
    refused(send(app, "GET", f"{AGENTS}?{query}"), 422, code, field)


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({}, 422, "required", "name"),
        ({"name": 7}, 422, None, "name"),
        ({"name": "Atlas", "label": ["eu"]}, 422, "unknown_field", "label"),
        ({"name": "Atlas", "labels": ["EU"]}, 422, "label_invalid", "labels[0]"),
        ({"name": "Atlas", "owner": "per_nobody"}, 422, "id_invalid", "owner"),
        ({"name": "Atlas", "owner": "per_01k00000000000000000000000"}, 422, "owner_unknown", "owner"),
        ({"name": "A\ud800"}, 422, None, "name"),
        ({"name": "A\0"}, 422, None, "name"),
        ([], 422, None, None),
    ],
)
def test_an_unfit_body_is_refused(app: Client, body: Any, status: int, code: str | None, field: str | None) -> None:
    answer = send(app, "POST", AGENTS, body)
    assert answer[0] in (status, 400)
    assert code in (None, answer[1]["code"])
    assert answer[0] == 400 or field in (None, answer[1].get("field"))
    assert not Agent.objects.exists()


def test_the_app_may_freeze_and_not_thaw(people: Cast, app: Client, agent: Agent) -> None:
    status, frozen = send(app, "POST", address(agent, "freeze"), {"reason": "pays odd payees"})
    assert (status, frozen["frozen_reason"]) == (200, "pays odd payees")
    assert frozen["frozen_at"]
    assert send(app, "POST", address(agent, "freeze"), {"reason": "again"}) == (200, frozen)
    assert send(app, "POST", address(agent, "thaw"), {"reason": "fine"})[0] == 404
    refused(send(app, "POST", address(agent, "freeze"), {}), 422, "required", "reason")


def test_a_retired_agent_answers_409_to_changes(app: Client, agent: Agent) -> None:
    status, retired = send(app, "POST", address(agent, "retire"))
    assert status == 200
    assert retired["retired_at"]
    refused(send(app, "PATCH", address(agent), {"name": "New"}), 409, "agent_retired")
    assert send(app, "GET", f"{AGENTS}?state=retired")[1]["data"] == [retired]


# --- Keys -------------------------------------------------------------------------------------------------------------


def test_a_key_is_issued_once_rotated_and_revoked(app: Client, agent: Agent) -> None:
    ends = (clock_now() + timedelta(days=30)).isoformat()
    status, issued = send(app, "POST", address(agent, "keys"), {"name": "worker", "expires_at": ends})
    assert (status, issued["status"], issued["agent"]) == (201, "active", to_public(Prefix.AGENT, agent.pk))
    assert Client(headers=bearer(issued["secret"])).get("/api/v1/status").status_code == 200
    status, rotated = send(app, "POST", f"/api/v1/keys/{issued['id']}/rotate", {"overlap_seconds": 60})
    assert (status, rotated["name"]) == (201, "worker")
    listed = send(app, "GET", address(agent, "keys"))[1]["data"]
    assert [(one["id"], one["status"]) for one in listed] == [(rotated["id"], "active"), (issued["id"], "replaced")]
    assert listed[1]["successor"] == rotated["id"]
    assert not any("secret" in one for one in listed)
    status, revoked = send(app, "POST", f"/api/v1/keys/{rotated['id']}/revoke", {})
    assert (status, revoked["status"]) == (200, "revoked")
    answer = Client(headers=bearer(rotated["secret"])).get("/api/v1/status")
    assert (answer.status_code, answer.json()["code"]) == (401, "key_revoked")


def test_an_answer_with_a_secret_is_kept_by_nobody(app: Client, agent: Agent) -> None:
    answer = app.post(address(agent, "keys"), {"name": "worker"}, content_type=JSON)
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "required", "name"),
        ({"name": "worker", "expires_at": "2020-01-01T00:00:00Z"}, "expiry_is_past", "expires_at"),
        ({"name": "worker", "expires_at": "soon"}, "invalid", "expires_at"),
        ({"name": "worker", "secret": "mine"}, "unknown_field", "secret"),
    ],
)
def test_an_unfit_key_is_refused(app: Client, agent: Agent, body: Any, code: str, field: str) -> None:
    refused(send(app, "POST", address(agent, "keys"), body), 422, code, field)
    assert not AgentKey.objects.exists()


# --- Sealed credentials -----------------------------------------------------------------------------------------------


def test_a_credential_is_sealed_replaced_and_revoked(app: Client, agent: Agent) -> None:
    payee = to_public(Prefix.COUNTERPARTY, COUNTERPARTY)
    body = {"name": "OpenAI", "kind": "api_key", "counterparties": [payee], "rails": ["card"]}
    status, sealed = send(app, "POST", address(agent, "sealed-credentials"), body | {"secret": "  sk_1 "})
    assert status == 201
    assert sealed == sealed | body | {"may_agent_release": False, "replaced_at": None, "revoked_at": None}
    assert send(app, "GET", address(agent, "sealed-credentials")) == (200, {"data": [sealed]})
    path = f"/api/v1/sealed-credentials/{sealed['id']}"
    status, replaced = send(app, "PUT", path, {"secret": "sk_2", "rails": []})
    assert (status, replaced["rails"], replaced["counterparties"]) == (200, [], [payee])
    assert send(app, "GET", path) == (200, replaced)
    status, revoked = send(app, "POST", f"{path}/revoke")
    assert status == 200
    assert revoked["revoked_at"]
    refused(send(app, "PUT", path, {"secret": "sk_3"}), 409, "credential_revoked")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"secret": None}, "null", "secret"),
        ({"secret": ""}, "blank", "secret"),
        ({"kind": "password"}, "invalid_choice", "kind"),
        ({"rails": ["barter"]}, "invalid_choice", "rails[0]"),
        ({"rails": []}, "binding_missing", "counterparties"),
        ({"counterparties": ["agt_x"]}, "id_invalid", "counterparties[0]"),
    ],
)
def test_an_unfit_credential_is_refused(app: Client, agent: Agent, change: Any, code: str, field: str) -> None:
    body = {"name": "OpenAI", "kind": "api_key", "secret": "sk_provider_1", "rails": ["card"]} | change
    answer = send(app, "POST", address(agent, "sealed-credentials"), body)
    refused(answer, 422, code, field)
    assert "sk_provider_1" not in str(answer[1])


# --- Who may ----------------------------------------------------------------------------------------------------------


def calls(member: Member) -> list[tuple[str, str, Any]]:
    """Every call with what it needs, on objects of the member's organization."""
    agent = an_agent(member, external_ref="actor/1")
    key = to_public(Prefix.KEY, a_key(member, agent).key.pk)
    credential = to_public(Prefix.CREDENTIAL, a_credential(member, agent).pk)
    sealed = {"name": "n", "kind": "other", "secret": "s", "rails": ["card"]}
    return [
        ("GET", address(agent), None),
        ("GET", address(agent, "keys"), None),
        ("GET", address(agent, "sealed-credentials"), None),
        ("GET", f"/api/v1/sealed-credentials/{credential}", None),
        ("PATCH", address(agent), {"name": "New"}),
        ("POST", address(agent, "freeze"), {"reason": "odd"}),
        ("POST", address(agent, "keys"), {"name": "worker"}),
        ("POST", f"/api/v1/keys/{key}/rotate", {"overlap_seconds": 0}),
        ("POST", f"/api/v1/keys/{key}/revoke", {}),
        ("POST", address(agent, "sealed-credentials"), sealed),
        ("PUT", f"/api/v1/sealed-credentials/{credential}", {"secret": "s"}),
        ("POST", f"/api/v1/sealed-credentials/{credential}/revoke", {}),
        ("POST", address(agent, "retire"), {}),
    ]


def test_what_belongs_to_another_organization_is_not_found(people: Cast, app: Client) -> None:
    for method, path, body in calls(people.mallory):
        refused(send(app, method, path, body), 404, "not_found")
    refused(send(app, "GET", f"{AGENTS}/by-ref/actor/1"), 404, "not_found")


def test_reading_needs_one_scope_and_writing_the_other(people: Cast) -> None:
    may_read, may_not = back_end(people.ada, "read"), back_end(people.ada, "policies", "release")
    general = [("GET", AGENTS, None), ("POST", AGENTS, {"name": "x"}), ("PUT", f"{AGENTS}/by-ref/x", {"name": "x"})]
    for method, path, body in [*calls(people.olu), *general]:
        refused(send(may_not, method, path, body), 403, "scope_missing")
        answer = send(may_read, method, path, body)
        assert (answer[0] == 200) == (method == "GET"), path
        assert method == "GET" or answer[1]["code"] == "scope_missing"


def test_without_an_organization_key_nothing_is_provisioned(people: Cast, client: Client) -> None:
    agent = an_agent(people.olu)
    as_agent = Client(headers=bearer(a_key(people.olu, agent).secret))
    for method, path, body in [*calls(people.olu), ("POST", AGENTS, {"name": "x"})]:
        assert send(client, method, path, body)[0] == 401
        assert send(as_agent, method, path, body)[0] == 403


# --- Status -----------------------------------------------------------------------------------------------------------


def test_an_agent_reads_its_own_status(people: Cast, agent: Agent) -> None:
    issued = a_key(people.olu, agent)
    as_agent = Client(headers=bearer(issued.secret))
    status, state = send(as_agent, "GET", "/api/v1/status")
    assert status == 200
    assert abs(datetime.fromisoformat(state.pop("server_time")) - clock_now()) < timedelta(minutes=1)
    organization = people.organization
    assert state == {
        "id": to_public(Prefix.AGENT, agent.pk),
        "name": "Atlas",
        "labels": ["eu"],
        "may_ask": True,
        "frozen": False,
        "organization": {
            "id": to_public(Prefix.ORGANIZATION, organization.pk),
            "name": "Acme",
            "frozen": False,
            "currency": "USD",
            "time_zone": "UTC",
        },
        "key": {"id": to_public(Prefix.KEY, issued.key.pk), "expires_at": None},
    }


def test_a_freeze_shows_in_the_status_at_once(people: Cast, agent: Agent) -> None:
    as_agent = Client(headers=bearer(a_key(people.olu, agent).secret))
    organization, ada, now = people.organization.pk, actor_for(people.ada), clock_now()
    freeze_agent(organization_id=organization, agent_id=agent.pk, reason="odd", actor=ada, now=now)
    state = send(as_agent, "GET", "/api/v1/status")[1]
    assert (state["may_ask"], state["frozen"], state["organization"]["frozen"]) == (False, True, False)
    thaw_agent(organization_id=organization, agent_id=agent.pk, reason="fine", actor=ada, now=now)
    freeze_organization(organization_id=organization, reason="odd", actor=ada, now=now)
    state = send(as_agent, "GET", "/api/v1/status")[1]
    assert (state["may_ask"], state["frozen"], state["organization"]["frozen"]) == (False, False, True)
    assert actions_of(Prefix.AGENT, agent.pk)[-2:] == ["agent.frozen", "agent.thawed"]
