"""Whatever goes wrong under /api/, the answer is a problem body (RFC 9457) with a stable code."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.test import Client
from django.urls import path
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conto_admin import views
from core.errors import Conflict, ContoError, Invalid, InvalidMany, NotAllowed, NotAuthenticated, TooMany, Unavailable

pytestmark = pytest.mark.urls(__name__)

ERRORS: dict[str, Exception] = {
    "invalid": Invalid("amount_invalid", "Not an amount.", field="amount", status="taken"),
    "many": InvalidMany([("amount", "amount_invalid", "No."), ("payee.domain", "domain_invalid", "No.")]),
    "not-allowed": NotAllowed("scope_missing", "The key lacks a scope."),
    "unknown": NotAuthenticated("key_unknown", "No such key."),
    "conflict": Conflict("idempotency_key_reused", "Another body came with this key.", first_seen="2026-11-22"),
    "too-many": TooMany("rate_limited", "Too many.", retry_after_seconds=7),
    "unavailable": Unavailable(),
    "lost-database": OperationalError("the connection was lost: host=db password=hunter2"),
    "forbidden": PermissionDenied(),
    "missing": Http404(),
    "throttled": Throttled(wait=3),
    "accident": RuntimeError("secret-of-the-house"),
}


class Line(serializers.Serializer[Any]):
    """One line of a body."""

    sku = serializers.CharField(max_length=3)


class Body(serializers.Serializer[Any]):
    """A body with fields that can be wrong."""

    amount = serializers.IntegerField()
    lines = Line(many=True)


class Drf(APIView):
    """Raises what its address says, or checks a body."""

    authentication_classes = ()
    permission_classes = ()

    def get(self, _request: Request, name: str) -> Response:
        raise ERRORS[name]

    def post(self, request: Request, name: str) -> Response:
        body = Body(data=request.data)
        body.is_valid(raise_exception=True)
        return Response({"name": name, **body.validated_data})


def plain(request: HttpRequest, name: str) -> HttpResponse:
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    raise ERRORS[name]


urlpatterns = [path("api/drf/<name>", Drf.as_view()), path("api/plain/<name>", plain)]
handler404 = views.page_not_found
handler500 = views.server_error


@pytest.mark.parametrize("kind", ["drf", "plain"])
@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("invalid", 422, "amount_invalid"),
        ("not-allowed", 403, "scope_missing"),
        ("unknown", 401, "key_unknown"),
        ("conflict", 409, "idempotency_key_reused"),
        ("too-many", 429, "rate_limited"),
        ("unavailable", 503, "unavailable"),
        ("lost-database", 503, "unavailable"),
        ("forbidden", 403, "not_allowed"),
        ("missing", 404, "not_found"),
        ("accident", 500, "internal_error"),
    ],
)
def test_an_error_becomes_a_problem(client: Client, kind: str, name: str, status: int, code: str) -> None:
    client.raise_request_exception = False

    response = client.get(f"/api/{kind}/{name}")

    problem = response.json()
    assert response.status_code == status == problem["status"]
    assert response["Content-Type"] == "application/problem+json"
    assert problem["code"] == code
    assert problem["type"] == f"urn:conto:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response["X-Request-ID"]
    assert "hunter2" not in response.text
    assert "secret-of-the-house" not in response.text


def test_facts_stand_beside_the_members_and_never_replace_them(client: Client) -> None:
    problem = client.get("/api/drf/invalid").json()

    assert problem["field"] == "amount"
    assert problem["status"] == 422
    assert client.get("/api/drf/conflict").json()["first_seen"] == "2026-11-22"


def test_several_fields_at_fault_are_all_named(client: Client) -> None:
    problem = client.get("/api/drf/many").json()

    assert problem["field"] == "amount"
    assert [(one["field"], one["code"]) for one in problem["errors"]] == [
        ("amount", "amount_invalid"),
        ("payee.domain", "domain_invalid"),
    ]


def test_serializer_errors_carry_the_path_of_the_field(client: Client) -> None:
    body = {"amount": "x", "lines": [{"sku": "abc"}, {"sku": "abcd"}]}

    response = client.post("/api/drf/body", body, content_type="application/json")

    assert response.status_code == 422
    assert [(one["field"], one["code"]) for one in response.json()["errors"]] == [
        ("amount", "invalid"),
        ("lines[1].sku", "max_length"),
    ]


@pytest.mark.parametrize(
    ("address", "header", "value"),
    [
        ("/api/drf/unknown", "WWW-Authenticate", "Bearer"),
        ("/api/plain/unknown", "WWW-Authenticate", "Bearer"),
        ("/api/drf/unavailable", "Retry-After", "1"),
        ("/api/plain/lost-database", "Retry-After", "1"),
        ("/api/drf/too-many", "Retry-After", "7"),
        ("/api/drf/throttled", "Retry-After", "4"),
    ],
)
def test_headers_say_what_to_do(client: Client, address: str, header: str, value: str) -> None:
    assert client.get(address)[header] == value


@pytest.mark.parametrize(("address", "allowed"), [("/api/drf/invalid", "GET, POST"), ("/api/plain/invalid", "GET")])
def test_a_wrong_method_is_a_problem_that_names_the_right_ones(client: Client, address: str, allowed: str) -> None:
    response = client.put(address)

    assert response.status_code == 405
    assert response.json()["code"] == "method_not_allowed"
    assert set(allowed.split(", ")) <= set(response["Allow"].split(", "))


def test_an_unknown_address_is_a_problem(client: Client) -> None:
    response = client.get("/api/v1/nothing-here")

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "not_found"


def test_a_body_of_another_type_is_refused(client: Client) -> None:
    response = client.post("/api/drf/body", "amount=1", content_type="application/x-www-form-urlencoded")

    assert response.status_code == 415
    assert response.json()["code"] == "unsupported_media_type"


def test_an_answer_in_another_form_is_refused(client: Client) -> None:
    response = client.get("/api/drf/invalid", headers={"Accept": "text/html"})

    assert response.status_code == 406
    assert response.json()["code"] == "not_acceptable"


def test_an_error_of_ours_always_has_a_code() -> None:
    assert all(error.code for error in ERRORS.values() if isinstance(error, ContoError))
