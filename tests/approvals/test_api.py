"""The API of authorizations as an app sees it, over HTTP."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests.approvals.world import World, add_agent, make_world

pytestmark = pytest.mark.django_db

DAILY = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "500"}}
BODY = {
    "amount": "12.50",
    "currency": "USD",
    "counterparty": {"name": "OpenAI", "domain": "api.openai.com"},
    "category": "ai_services",
    "purpose": "nightly summary",
    "session": "run_8f2",
    "rail": "card",
}


def post(world: World, path: str, body: object, **headers: str) -> Any:
    return Client().post(
        f"/api/v1/{path}",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {world.secret}", **headers},
    )


def get(world: World, path: str, **headers: str) -> Any:
    return Client().get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {world.secret}", **headers})


def problem(response: Any) -> Mapping[str, Any]:
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert isinstance(body, dict)
    return body


def test_ask_then_record() -> None:
    world = make_world(DAILY)

    asked = post(world, "authorizations", BODY)

    assert asked.status_code == 201, asked.content
    answer = asked.json()
    assert (answer["status"], answer["may_pay"], answer["hold"]) == ("approved", True, {"amount": "12.50"})
    (check,) = answer["decision"]["checks"]
    assert (check["limit"], check["used"], check["remaining"]) == ("500.00", "0.00", "487.50")

    recorded = post(
        world, f"authorizations/{answer['id']}/record", {"amount": "12.00", "currency": "USD", "reference": "r1"}
    )

    assert recorded.status_code == 201, recorded.content
    assert recorded.json()["authorization"]["status"] == "recorded"
    assert recorded.json()["record"]["flags"] == []
    assert get(world, "limits").json()["data"][0]["used"] == "12.00"


@pytest.mark.parametrize("written", ["Gambling", " GAMBLING ", "gambling"])
@pytest.mark.parametrize("asked", ["gambling", " Gambling", "GAMBLING"])
def test_letter_case_does_not_carry_a_category_past_a_rule(written: str, asked: str) -> None:
    world = make_world(DAILY, {"key": "what", "type": "CATEGORY", "blocked": [written]})

    answer = post(world, "authorizations", BODY | {"category": asked}).json()

    assert (answer["status"], answer["decision"]["reasons"]) == ("declined", ["category_blocked"])


@pytest.mark.parametrize("written", ["Cafés", "CAFÉS", "Cafe\u0301s"])
def test_a_condition_covers_its_categories_however_they_are_written(written: str) -> None:
    travel = {"key": "travel", "type": "SPEND_LIMIT", "daily": {"USD": "20"}, "when": {"categories": [written]}}
    world = make_world(DAILY, travel)

    first, second = (post(world, "authorizations", BODY | {"category": "Cafés"}).json() for _ in range(2))

    assert (first["status"], second["status"]) == ("approved", "declined")
    assert get(world, "limits").json()["data"][1]["used"] == "12.50"


def test_a_version_stored_with_capitals_blocks_all_the_same() -> None:
    world = make_world(DAILY, {"key": "what", "type": "CATEGORY", "blocked": ["gambling"]})
    with connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        cursor.execute(
            "update policies_policyversion set document = replace(document::text, 'gambling', 'Gambling')::jsonb"
        )
        cursor.execute("set session_replication_role = origin")

    assert post(world, "authorizations", BODY | {"category": "gambling"}).json()["status"] == "declined"


@pytest.mark.parametrize("country", ["ZZ", "UK", "XK", "us", "USA", "", 1])
def test_what_is_no_country_is_refused_where_it_would_pass_a_list_of_blocked_ones(country: object) -> None:
    world = make_world(DAILY, {"key": "where", "type": "GEOGRAPHIC", "blocked": ["KP"]})

    refused = post(world, "authorizations", BODY | {"counterparty": {"domain": "a.example", "country": country}})

    assert refused.status_code == 422
    assert (problem(refused)["code"], problem(refused)["field"]) == ("country_invalid", "counterparty.country")


def test_a_replay_has_the_same_decision_and_the_present_status() -> None:
    world = make_world(DAILY)
    first = post(world, "authorizations", BODY, **{"Idempotency-Key": "k1"})
    post(world, f"authorizations/{first.json()['id']}/void", {"reason": "not needed"})

    second = post(world, "authorizations", BODY, **{"Idempotency-Key": "k1"})

    assert (second.status_code, second["Idempotent-Replayed"]) == (200, "true")
    assert second.json()["decision"] == first.json()["decision"]
    assert (second.json()["status"], second.json()["may_pay"]) == ("voided", False)


def test_a_poll_costs_nothing_while_nothing_changes() -> None:
    world = make_world(DAILY, {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "1"}})
    answer = post(world, "authorizations", BODY).json()

    seen = get(world, f"authorizations/{answer['id']}")
    again = get(world, f"authorizations/{answer['id']}", **{"If-None-Match": seen["ETag"]})

    assert (seen["Retry-After"], again.status_code, again.content) == ("2", 304, b"")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("{tag}", 304),
        ("W/{tag}", 304),
        ('"other", {tag}', 304),
        ('W/"other",W/{tag}', 304),
        ("*", 304),
        ('"other"', 200),
        ('W/"other"', 200),
        ("nonsense", 200),
        ("", 200),
    ],
)
def test_a_poll_is_compared_as_weakly_as_the_standard_says(sent: str, status: int) -> None:
    world = make_world(DAILY)
    path = f"authorizations/{post(world, 'authorizations', BODY).json()['id']}"
    tag = get(world, path)["ETag"]
    assert get(world, path, **{"If-None-Match": sent.format(tag=tag)}).status_code == status


def test_every_field_at_fault_is_named() -> None:
    world = make_world(DAILY)

    response = post(
        world, "authorizations", {"amount": 1.5, "currency": "usd", "counterparty": {"domain": "http://x"}, "x": 1}
    )

    assert response.status_code == 422
    fields = {error["field"] for error in problem(response)["errors"]}
    assert fields == {"currency", "counterparty.domain", "x"}


def test_another_agents_authorization_is_not_there() -> None:
    ours = make_world(DAILY)
    answer = post(ours, "authorizations", BODY).json()
    theirs = add_agent(ours.cast, "Other")

    assert get(theirs, f"authorizations/{answer['id']}").status_code == 404
    assert post(theirs, f"authorizations/{answer['id']}/void", {}).status_code == 404


def test_simulate_leaves_no_trace() -> None:
    world = make_world(DAILY)

    response = post(world, "authorizations/simulate", BODY)

    assert response.json()["decision"]["outcome"] == "allow"
    assert get(world, "authorizations").json()["data"] == []
