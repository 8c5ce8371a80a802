"""Policies over HTTP: an app's back end creates, publishes, syncs, assigns, retires and reads."""

import json
from typing import Any

import pytest
from django.test import Client

from core.ids import Prefix, to_public
from people.models import Member
from people.services import issue_organization_key
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.policies.samples import daily_limit, document, epoch, make_agent, make_policy

pytestmark = pytest.mark.django_db


class Backend:
    """An app's back end with an organization key."""

    def __init__(self, member: Member, *scopes: str) -> None:
        issued = issue_organization_key(
            organization_id=member.organization_id,
            name="Back end",
            scopes=scopes,
            expires_at=None,
            by=member.person,
            actor=actor_for(member),
            now=NOW,
        )
        self.client = Client(headers={"Authorization": f"Bearer {issued.secret}"})

    def send(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        data = "" if body is None else json.dumps(body)
        response = self.client.generic(method, f"/api/v1/{path}", data, content_type="application/json")
        return response.status_code, response.json()


@pytest.fixture
def people() -> Cast:
    return make_cast()


@pytest.fixture
def app(people: Cast) -> Backend:
    return Backend(people.ada, "policies")


SYNC = {"name": "Limits", "document": document(daily_limit("20")), "assigned_to": {"labels": ["user-7"]}}


def test_a_policy_is_created_with_its_first_version_in_force(app: Backend, people: Cast) -> None:
    agent = make_agent(people.organization, reference="robin")
    named = [to_public(Prefix.AGENT, agent.pk), {"external_ref": "robin"}]
    status, made = app.send("POST", "policies", SYNC | {"external_ref": "ours", "assigned_to": {"agents": named}})
    assert status == 201
    assert made["enforced"]["document"] == document(daily_limit("20.00"))
    assert (made["enforced"]["number"], made["enforced"]["mode"], made["shadow"]) == (1, "enforced", None)
    assert made["assigned_to"] == {"organization": False, "labels": [], "agents": [to_public(Prefix.AGENT, agent.pk)]}
    assert app.send("GET", f"policies/{made['id']}") == (200, made)
    assert app.send("GET", "policies/by-ref/ours") == (200, made)
    assert app.send("POST", "policies", SYNC | {"external_ref": "ours"})[1]["code"] == "reference_taken"


NOBODY_LISTED = {"key": "list", "type": "WHITELIST", "allowed": []}


def test_warnings_are_acknowledged_to_publish_and_told_by_a_sync(app: Backend) -> None:
    doubtful = SYNC | {"document": document(daily_limit("20"), NOBODY_LISTED)}
    for path, body in (("policies", doubtful), (None, {"document": doubtful["document"]})):
        at = path or f"policies/{app.send('PUT', 'policies/by-ref/ours', SYNC)[1]['id']}/versions"
        status, refused = app.send("POST", at, body)
        assert (status, refused["code"]) == (422, "warnings_not_acknowledged")
        assert refused["warnings"] == [
            {
                "level": "warning",
                "code": "whitelist_empty",
                "path": "rules[1].allowed",
                "detail": "An empty list denies everybody.",
                "remedy": "Name those who may be paid, or say that nobody may.",
            }
        ]
        assert app.send("POST", at, {**body, "acknowledge": ["whitelist_empty"]})[0] == 201
    status, synced = app.send("PUT", "policies/by-ref/theirs", doubtful)
    assert status == 201
    assert [one["code"] for one in synced["warnings"]] == ["whitelist_empty"]
    assert app.send("PUT", "policies/by-ref/theirs", doubtful) == (200, synced)


def test_errors_are_refused_with_their_path_and_a_remedy(app: Backend) -> None:
    never = {"key": "hours", "type": "TIME_WINDOW", "windows": [{"from": "09:00", "to": "09:00"}], "time_zone": "UTC"}
    for method, path in (("POST", "policies"), ("PUT", "policies/by-ref/ours")):
        status, refused = app.send(method, path, SYNC | {"document": document(daily_limit("20"), never)})
        assert (status, refused["code"]) == (422, "hours_empty")
        assert [one["field"] for one in refused["errors"]] == ["rules[1].windows[0]"]
    assert app.send("GET", "policies")[1]["data"] == []


def test_syncing_twice_changes_nothing(app: Backend, people: Cast) -> None:
    status, made = app.send("PUT", "policies/by-ref/user/7", SYNC)
    before = epoch(people.organization)
    assert status == 201
    assert app.send("PUT", "policies/by-ref/user/7", SYNC) == (200, made)
    assert epoch(people.organization) == before
    status, changed = app.send("PUT", "policies/by-ref/user/7", SYNC | {"document": document(daily_limit("21"))})
    assert (status, changed["enforced"]["number"], changed["assigned_to"]["labels"]) == (200, 2, ["user-7"])


def test_a_shadow_synced_over_an_enforced_version_is_refused_at_its_field(app: Backend) -> None:
    app.send("PUT", "policies/by-ref/ours", SYNC)
    status, refused = app.send("PUT", "policies/by-ref/ours", SYNC | {"mode": "shadow"})
    assert (status, refused["code"], refused["field"]) == (409, "policy_is_enforced", "mode")
    assert "/versions" in refused["detail"]


def test_versions_are_published_and_listed(app: Backend, people: Cast) -> None:
    policy = to_public(Prefix.POLICY, make_policy(people.organization, actor_for(people.olu)).pk)
    sent = {"document": document(daily_limit("7")), "mode": "shadow", "note": "trying"}
    status, version = app.send("POST", f"policies/{policy}/versions", sent)
    assert (status, version["number"], version["mode"], version["note"]) == (201, 2, "shadow", "trying")
    assert version["published_by"]["name"] == "Back end"
    assert app.send("POST", f"policies/{policy}/versions", sent) == (200, version)
    listed = app.send("GET", f"policies/{policy}/versions")[1]["data"]
    assert [(one["number"], one["mode"]) for one in listed] == [(2, "shadow"), (1, "enforced")]


def test_assigning_and_retiring(app: Backend, people: Cast) -> None:
    policy = to_public(Prefix.POLICY, make_policy(people.organization, actor_for(people.olu)).pk)
    status, answer = app.send("PUT", f"policies/{policy}/assignments", {"labels": ["eu", "eu"]})
    assert (status, answer["assigned_to"]) == (200, {"organization": False, "labels": ["eu"], "agents": []})
    status, answer = app.send("POST", f"policies/{policy}/retire")
    assert status == 200
    assert answer["retired_at"]
    assert answer["enforced"] is None
    assert app.send("POST", f"policies/{policy}/retire") == (200, answer)
    status, problem = app.send("PUT", f"policies/{policy}/assignments", {})
    assert (status, problem["code"]) == (409, "policy_retired")


def test_lists_are_paged(app: Backend, people: Cast) -> None:
    made = [make_policy(people.organization, actor_for(people.olu), name=f"policy {number}") for number in range(3)]
    ids = sorted(to_public(Prefix.POLICY, policy.pk) for policy in made)
    _, first = app.send("GET", "policies?limit=2")
    _, second = app.send("GET", f"policies?limit=2&cursor={first['next_cursor']}")
    assert [one["id"] for one in first["data"] + second["data"]] == ids
    assert second["next_cursor"] is None
    for query, code in (
        ("limit=0", "limit_invalid"),
        ("limit=0000000010", "limit_invalid"),
        (f"limit=1{'0' * 4400}", "limit_invalid"),
        ("limit=x", "limit_invalid"),
        ("cursor=pol_1", "cursor_invalid"),
    ):
        status, problem = app.send("GET", f"policies?{query}")
        assert (status, problem["code"]) == (422, code)


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"document": document(daily_limit("-1"))}, "rules[0].daily.USD", "amount_invalid"),
        ({"document": document(daily_limit(colour="red"))}, "rules[0].colour", "field_unknown"),
        ({"document": {"schema": 1, "rules": [], "more": 1}}, "document.more", "field_unknown"),
        ({"document": {"schema": 2, "rules": []}}, "schema", "schema_unknown"),
        ({"document": []}, "document", "type_wrong"),
        ({"document": document()}, "rules", "rules_missing"),
        ({"mode": "draft"}, "mode", "invalid_choice"),
        ({"name": ""}, "name", "blank"),
        ({"asigned_to": {}}, "asigned_to", "field_unknown"),
        ({"assigned_to": {"agents": ["agt_x"]}}, "assigned_to.agents[0]", "agent_invalid"),
        ({"assigned_to": {"agents": [{"external_ref": "nobody"}]}}, "assigned_to.agents[0]", "agent_unknown"),
        ({"assigned_to": {"labels": ["ok", "a\nb"]}}, "assigned_to.labels[1]", "label_invalid"),
        ({"assigned_to": {"group": "x"}}, "assigned_to.group", "field_unknown"),
    ],
)
def test_every_error_names_its_field(app: Backend, changed: dict[str, Any], field: str, code: str) -> None:
    status, problem = app.send("PUT", "policies/by-ref/ours", SYNC | changed)
    assert (status, problem["field"], problem["code"]) == (422, field, code)
    assert app.send("GET", "policies/by-ref/ours")[0] == 404


def test_all_faults_of_a_document_are_told_at_once(app: Backend) -> None:
    wrong = document(daily_limit("x"), daily_limit("y", key="other"))
    _, problem = app.send("PUT", "policies/by-ref/ours", SYNC | {"document": wrong})
    assert [one["field"] for one in problem["errors"]] == ["rules[0].daily.USD", "rules[1].daily.USD"]


CALLS = [
    ("GET", "policies", None, "read"),
    ("POST", "policies", SYNC, "write"),
    ("GET", "policies/{id}", None, "read"),
    ("GET", "policies/by-ref/ours", None, "read"),
    ("PUT", "policies/by-ref/ours", SYNC, "write"),
    ("GET", "policies/{id}/versions", None, "read"),
    ("POST", "policies/{id}/versions", {"document": document(daily_limit("3"))}, "write"),
    ("PUT", "policies/{id}/assignments", {"organization": True}, "write"),
    ("POST", "policies/{id}/retire", None, "write"),
]


@pytest.mark.parametrize(("method", "path", "body", "kind"), CALLS)
def test_each_call_needs_its_scope(people: Cast, method: str, path: str, body: object, kind: str) -> None:
    make_policy(people.organization, actor_for(people.olu))
    allowed = {"read": {"read", "policies"}, "write": {"policies"}}[kind]
    for scope in ("read", "provision", "release", "policies"):
        status, problem = Backend(people.ada, scope).send(method, path.format(id="pol_x"), body)
        assert (status == 403 and problem["code"] == "scope_missing") == (scope not in allowed), scope
    anonymous = Client().generic(method, f"/api/v1/{path}", "", content_type="application/json")
    assert anonymous.status_code == 401


@pytest.mark.parametrize(("method", "path", "body", "kind"), [call for call in CALLS if "{id}" in call[1]])
def test_the_policies_of_others_are_not_found(people: Cast, method: str, path: str, body: object, kind: str) -> None:
    theirs = make_policy(people.mallory.organization, actor_for(people.mallory))
    assert kind in ("read", "write")
    status, problem = Backend(people.ada, "policies").send(
        method, path.format(id=to_public(Prefix.POLICY, theirs.pk)), body
    )
    assert (status, problem["code"]) == (404, "not_found")
    assert Backend(people.ada, "policies").send("GET", "policies")[1]["data"] == []


ODD = ["\0", "\u202e", "x" * 501]


@pytest.mark.parametrize("odd", ODD)
def test_odd_texts_are_refused_wherever_they_stand(app: Backend, odd: str) -> None:
    bodies: list[dict[str, Any]] = [
        {"name": odd},
        {"note": odd},
        {"description": odd},
        {"mode": odd},
        {odd: 1},
        {"document": {odd: 1, "schema": 1, "rules": []}},
        {"document": document(daily_limit(key=odd))},
        {"document": document({"key": "a", "type": odd})},
        {"document": document({"key": "a", "type": "SPEND_LIMIT", "daily": {odd: "1"}})},
        {"document": document({"key": "a", "type": "SPEND_LIMIT", "daily": {"USD": odd}})},
        {"document": document({"key": "a", "type": "CATEGORY", "allowed": [odd]})},
        {"document": document({"key": "a", "type": "WHITELIST", "allowed": [f"account:{odd}"]})},
        {"assigned_to": {"labels": [odd]}},
        {"assigned_to": {"agents": [odd]}},
        {"assigned_to": {"agents": [{"external_ref": odd}]}},
    ]
    for body in bodies:
        status, problem = app.send("PUT", "policies/by-ref/ours", SYNC | body)
        assert (status, bool(problem.get("field"))) == (422, True), (body, problem)
    assert app.send("POST", "policies", SYNC | {"external_ref": odd})[0] == 422


@pytest.mark.parametrize("body", [{"name": "\ud800"}, {"\udfff": 1}, {"document": {"\ud800": 1}}])
def test_half_a_character_is_malformed(app: Backend, body: dict[str, Any]) -> None:
    status, problem = app.send("PUT", "policies/by-ref/ours", SYNC | body)
    assert (status, problem["code"]) == (400, "malformed")


def test_a_reference_that_cannot_be_is_not_there_and_cannot_be_made(app: Backend) -> None:
    for path in ("a%00b", "%1F", "x" * 201):
        assert app.send("GET", f"policies/by-ref/{path}")[0] == 404
        status, problem = app.send("PUT", f"policies/by-ref/{path}", SYNC)
        assert (status, problem.get("field")) == (422, "external_ref"), (path, problem)
