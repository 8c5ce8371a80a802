"""The API describes itself: completely, truly, and to everybody; the committed copy is what the code says."""

from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from conto_admin.openapi import POLLED, TAGS, WORDS, summary_of
from core.errors import ContoError
from tests.api.description import FILE, described, operations, resolved

OPERATIONS = {operation["operationId"]: (method, operation) for method, _, operation in operations()}
UNDESCRIBED = {"/api/v1/openapi.json", "/api/v1/docs"}


def test_the_committed_copy_is_what_the_code_says(tmp_path: Path) -> None:
    """Make it anew with `CONTO_DEMO=1 python manage.py spectacular --format openapi-json --file docs/openapi.json`."""
    made = tmp_path / "openapi.json"
    call_command("spectacular", file=str(made), format="openapi-json", validate=True, fail_on_warn=True)

    assert orjson.loads(FILE.read_bytes()) == orjson.loads(made.read_bytes())
    assert FILE.read_bytes() == made.read_bytes()


def test_every_address_of_the_api_is_described() -> None:
    shapes = {shape(path) for path in described()["paths"]}

    assert {one for one in addresses(get_resolver(), "/") if one.startswith("/api/")} - UNDESCRIBED == shapes


def shape(path: str) -> str:
    return "/".join("*" if part.startswith(("{", "<")) else part for part in path.split("/"))


def addresses(resolver: URLResolver, prefix: str) -> set[str]:
    found: set[str] = set()
    for entry in resolver.url_patterns:
        address = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLPattern):
            found.add(shape(address))
        else:
            found |= addresses(entry, address)
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_what_it_is_who_may_call_it_and_what_can_go_wrong(name: str) -> None:
    method, operation = OPERATIONS[name]
    statuses = set(operation["responses"])

    assert set(operation["tags"]) <= set(TAGS)
    assert 5 < len(operation["summary"]) < 90
    assert not operation["summary"].endswith(".")
    assert {scheme for entry in operation["security"] for scheme in entry} <= {"agentKey", "organizationKey"}
    assert operation["security"]
    assert {"401", "403", "406", "429", "503"} <= statuses
    assert ("requestBody" in operation) <= ({"400", "413", "415", "422"} <= statuses)
    assert (method == "get") or "409" in statuses
    assert ("404" in statuses) == any(one["in"] == "path" for one in operation.get("parameters", []))


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_tells_the_limit_and_errors_are_problems(name: str) -> None:
    for status, response in OPERATIONS[name][1]["responses"].items():
        answer = resolved(response)
        assert {"RateLimit", "RateLimit-Policy", "X-Request-ID"} <= set(answer["headers"])
        is_polled = name in POLLED and int(status) < 400
        assert ("Retry-After" in answer["headers"]) == (is_polled or status in ("429", "503"))
        if int(status) >= 400:
            assert list(answer["content"]) == ["application/problem+json"]
        elif status != "304":
            assert list(answer["content"]) == ["application/json"]


def test_the_calls_that_must_not_happen_twice_take_a_key() -> None:
    taking = {
        name
        for name, (_, operation) in OPERATIONS.items()
        if any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", []))
    }

    assert taking == {"authorizations_ask", "authorizations_credential"}


def test_bodies_take_no_field_that_is_not_described() -> None:
    bodies = {name: one for name, one in described()["components"]["schemas"].items() if name.endswith("Request")}

    assert len(bodies) > 10
    assert [name for name, one in bodies.items() if "properties" in one and one["additionalProperties"]] == []


def test_names_of_operations_are_unique_and_enums_have_names_of_words() -> None:
    assert max(Counter(one["operationId"] for _, _, one in operations()).values()) == 1
    assert [name for name in described()["components"]["schemas"] if any(letter.isdigit() for letter in name)] == []


def test_each_status_of_our_errors_has_words() -> None:
    families: list[type[ContoError]] = [ContoError]
    for family in families:
        families += family.__subclasses__()

    assert {family.status for family in families} - {500} <= set(WORDS)


@pytest.mark.parametrize(
    ("description", "summary"),
    [
        ("Read an agent. Scope: `read`.", "Read an agent"),
        ("Freeze an agent: nothing is approved.", "Freeze an agent"),
        ("Read\n  one v1.2 thing", "Read one v1.2 thing"),
    ],
)
def test_a_summary_is_the_first_sentence(description: str, summary: str) -> None:
    assert summary_of(description) == summary


def test_everybody_may_read_the_description() -> None:
    client = Client()
    answer = client.get("/api/v1/openapi.json")

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == described()
    assert answer.json()["openapi"] == "3.1.1"
    assert client.get("/api/v1/openapi.json", headers={"If-None-Match": answer["ETag"]}).status_code == 304
    assert client.post("/api/v1/openapi.json").status_code == 405


def test_the_page_of_the_description_asks_nobody_else() -> None:
    answer: Any = Client().get("/api/v1/docs")

    assert answer.status_code == 200
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "://" not in answer.text
    assert 'data-description="/api/v1/openapi.json"' in answer.text
