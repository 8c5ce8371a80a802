"""The API of counterparties and pegs, with an organization key."""

import json
from typing import Any

import pytest
from django.test import Client

from audit.models import Event
from tests.agents.samples import back_end
from tests.factories import Cast, make_cast
from tests.spend.samples import DOMAIN, a_counterparty, public

pytestmark = pytest.mark.django_db
COUNTERPARTIES = "/api/v1/counterparties"
PEGS = "/api/v1/pegs"


@pytest.fixture
def people() -> Cast:
    return make_cast()


@pytest.fixture
def app(people: Cast) -> Client:
    return back_end(people.ada, "provision")


def send(client: Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    text = "" if body is None else json.dumps(body)
    answer = client.generic(method, path, text, content_type="application/json")
    return answer.status_code, answer.json()


def refused(answer: tuple[int, Any], status: int, code: str, field: str | None = None) -> None:
    assert (answer[0], answer[1]["code"], answer[1].get("field")) == (status, code, field)


def test_a_counterparty_is_created_read_and_changed(app: Client) -> None:
    body = {"name": "OpenAI", "identifiers": ["domain:API.openai.com"], "country": "US", "external_ref": "vendor/1"}
    status, created = send(app, "POST", COUNTERPARTIES, body)
    path = f"{COUNTERPARTIES}/{created['id']}"

    assert status == 201
    assert created["id"].startswith("cpt_")
    expected = body | {"identifiers": [DOMAIN], "standing": "unknown", "note": ""}
    assert created == created | expected
    assert send(app, "GET", path) == (200, created)
    assert send(app, "PATCH", path, {"note": "LLM"}) == (200, created | {"note": "LLM"})
    assert send(app, "GET", f"{COUNTERPARTIES}/by-ref/vendor/1") == (200, created | {"note": "LLM"})
    event = Event.objects.get(action="counterparty.created")
    assert (event.actor_kind, event.subject_id) == ("organization_key", created["id"])


def test_an_upsert_answers_201_then_200_and_changes_nothing(app: Client) -> None:
    path, body = f"{COUNTERPARTIES}/by-ref/vendor/1", {"name": "OpenAI", "identifiers": [DOMAIN]}
    status, created = send(app, "PUT", path, body)

    assert status == 201
    assert send(app, "PUT", path, body) == (200, created)
    assert Event.objects.count() == 1 + Event.objects.exclude(subject_kind="counterparty").count()
    _, changed = send(app, "PUT", path, body | {"standing": "trusted"})
    assert changed == created | {"standing": "trusted"}


def test_standing_and_identifiers_have_calls_of_their_own(people: Cast, app: Client) -> None:
    path = f"{COUNTERPARTIES}/{public(a_counterparty(people.olu))}"

    assert send(app, "POST", f"{path}/standing", {"standing": "trusted", "reason": "paid for years"})[1][
        "standing"
    ] == ("trusted")
    added = send(app, "POST", f"{path}/identifiers", {"identifier": "address:0x" + "AB" * 20})
    assert added[1]["identifiers"] == ["address:0x" + "ab" * 20, DOMAIN]
    assert send(app, "DELETE", f"{path}/identifiers/{DOMAIN}")[1]["identifiers"] == ["address:0x" + "ab" * 20]
    refused(send(app, "POST", f"{path}/standing", {"standing": "loved"}), 422, "invalid_choice", "standing")


def test_what_is_sent_wrongly_is_refused_at_its_field(people: Cast, app: Client) -> None:
    holder = a_counterparty(people.olu)

    refused(send(app, "POST", COUNTERPARTIES, {"name": "X", "colour": "red"}), 422, "unknown_field", "colour")
    refused(send(app, "POST", COUNTERPARTIES, {"name": 7}), 422, "invalid", "name")
    wrong = {"name": "X", "identifiers": ["domain:https://x"]}
    refused(send(app, "POST", COUNTERPARTIES, wrong), 422, "identifier_invalid", "identifiers[0]")
    taken = send(app, "POST", COUNTERPARTIES, {"name": "X", "identifiers": [DOMAIN]})
    refused(taken, 409, "identifier_taken", "identifiers")
    assert taken[1]["counterparty"] == public(holder)


def test_the_list_is_searched_filtered_and_paged(people: Cast, app: Client) -> None:
    for name, standing in (("GitHub", "trusted"), ("OpenAI", "verified"), ("Shady", "blocked")):
        domain = f"domain:{name.lower()}.com"
        a_counterparty(people.olu, name, identifiers=[domain], standing=standing, external_ref=name)
    a_counterparty(people.mallory, "Evil AI", identifiers=["domain:evil.com"])

    def names(query: str) -> list[str]:
        _, page = send(app, "GET", f"{COUNTERPARTIES}?{query}")
        return sorted(one["name"] for one in page["data"])

    assert names("") == ["GitHub", "OpenAI", "Shady"]
    assert names("q=ai") == ["OpenAI"]
    assert names("q=github.com") == ["GitHub"]
    assert names("q=domain:shady") == ["Shady"]
    assert names("q=domain") == []
    assert names("q=evil") == []
    assert names("standing=trusted") == ["GitHub"]
    assert names("external_ref=Shady") == ["Shady"]
    walked, cursor = [], ""
    while True:
        _, page = send(app, "GET", f"{COUNTERPARTIES}?limit=2&cursor={cursor}")
        walked += [one["name"] for one in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(walked) == ["GitHub", "OpenAI", "Shady"]
    refused(send(app, "GET", f"{COUNTERPARTIES}?standing=loved"), 422, "standing_invalid", "standing")
    refused(send(app, "GET", f"{COUNTERPARTIES}?cursor=nonsense"), 422, "cursor_invalid", "cursor")
    refused(send(app, "GET", f"{COUNTERPARTIES}?limit=0"), 422, "limit_invalid", "limit")


def test_pegs_are_read_and_replaced(app: Client) -> None:
    assert send(app, "GET", PEGS) == (200, {"pegs": {}})
    assert send(app, "PUT", PEGS, {"pegs": {"USDC": "USD", "EURC": "EUR"}})[0] == 200
    assert send(app, "GET", PEGS) == (200, {"pegs": {"EURC": "EUR", "USDC": "USD"}})
    assert send(app, "PUT", PEGS, {"pegs": {"USDC": "USD"}}) == (200, {"pegs": {"USDC": "USD"}})
    refused(send(app, "PUT", PEGS, {"pegs": {"DAI": "USDC", "USDC": "USD"}}), 422, "peg_chain", "pegs.DAI")
    refused(send(app, "PUT", PEGS, {"pegs": {"dai": "USD"}}), 422, "currency_invalid", "pegs.dai")


def test_a_key_does_what_its_scope_says(people: Cast) -> None:
    path = f"{COUNTERPARTIES}/{public(a_counterparty(people.olu))}"
    reader, outsider = back_end(people.ada, "read"), back_end(people.ada, "policies")

    for address in (COUNTERPARTIES, path, PEGS):
        assert send(reader, "GET", address)[0] == 200
        refused(send(outsider, "GET", address), 403, "scope_missing")
    writes: list[tuple[str, str, Any]] = [
        ("POST", COUNTERPARTIES, {"name": "X"}),
        ("PATCH", path, {"name": "X"}),
        ("PUT", f"{COUNTERPARTIES}/by-ref/x", {"name": "X"}),
        ("POST", f"{path}/standing", {"standing": "trusted"}),
        ("POST", f"{path}/identifiers", {"identifier": "domain:x.com"}),
        ("DELETE", f"{path}/identifiers/{DOMAIN}", None),
        ("PUT", PEGS, {"pegs": {}}),
    ]
    for method, address, body in writes:
        refused(send(reader, method, address, body), 403, "scope_missing")
        assert send(Client(), method, address, body)[0] == 401


def test_a_foreign_counterparty_is_not_found(people: Cast) -> None:
    path = f"{COUNTERPARTIES}/{public(a_counterparty(people.olu, external_ref='vendor/1'))}"
    mallory = back_end(people.mallory, "provision")

    calls = [
        ("GET", path, None),
        ("GET", f"{COUNTERPARTIES}/by-ref/vendor/1", None),
        ("PATCH", path, {"name": "Mine"}),
        ("POST", f"{path}/standing", {"standing": "trusted"}),
        ("POST", f"{path}/identifiers", {"identifier": "domain:x.com"}),
        ("DELETE", f"{path}/identifiers/{DOMAIN}", None),
    ]
    for method, address, body in calls:
        refused(send(mallory, method, address, body), 404, "not_found")
    assert send(mallory, "GET", COUNTERPARTIES) == (200, {"data": [], "next_cursor": None})
