"""The API passes no middleware of pages, and every answer names the request it belongs to."""

import json
import logging
import re
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import get_resolver, path
from pytest_django import Settings

from conto_admin import logs
from tests.furnished import addresses

pytestmark = pytest.mark.urls(__name__)

LOOK = {"HX-Request": "true", "If-None-Match": "none"}
"""Sent by a part of a page that renews itself."""


def describe(request: HttpRequest, **_: str) -> HttpResponse:
    return HttpResponse(
        "\n".join(
            [request.META["REMOTE_ADDR"], *(name for name in ("session", "user", "htmx") if hasattr(request, name))]
        )
    )


def fail(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("an accident")


urlpatterns = [
    path("api/fail", fail),
    path("fail", fail),
    path("api/look", describe),
    path("look", describe),
    path("invitations/<secret>/", describe),
]


def test_an_api_request_meets_no_session(client: Client) -> None:
    assert client.get("/api/look").text == "127.0.0.1"
    assert client.get("/look").text.split() == ["127.0.0.1", "session", "user", "htmx"]


def test_pages_carry_the_strict_policy_and_the_api_needs_none(client: Client) -> None:
    policy = client.get("/look")["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "Content-Security-Policy" not in client.get("/api/look")


@pytest.mark.parametrize("headers", [{}, LOOK])
def test_neither_page_nor_look_answers_for_another_host(client: Client, headers: dict[str, str]) -> None:
    assert client.get("/look", headers=headers | {"Host": "evil.example"}).status_code == 400


def test_a_look_knows_who_looks_and_keeps_every_header_of_a_page(client: Client) -> None:
    page, look = client.get("/look"), client.get("/look", headers=LOOK)
    assert look.text == page.text
    assert look.headers.keys() == page.headers.keys()
    assert {name: value for name, value in look.headers.items() if name != "X-Request-ID"} == {
        name: value for name, value in page.headers.items() if name != "X-Request-ID"
    }


@pytest.mark.parametrize("address", ["/api/look", "/look"])
def test_every_answer_is_named_by_an_id_of_our_own(client: Client, address: str) -> None:
    ids = {client.get(address, headers={"X-Request-ID": "mine\n"})["X-Request-ID"] for _ in range(3)}

    assert len(ids) == 3
    assert not any("mine" in one for one in ids)


@pytest.mark.parametrize("address", ["/api/look", "/look"])
def test_sniffing_is_forbidden_everywhere(client: Client, address: str) -> None:
    assert client.get(address)["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("proxies", "header", "seen"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (3, "198.51.100.1, 203.0.113.9", "127.0.0.1"),
    ],
)
def test_the_address_is_what_the_trusted_proxies_say(
    client: Client, settings: Settings, proxies: int, header: str, seen: str
) -> None:
    settings.TRUSTED_PROXIES = proxies

    assert client.get("/api/look", headers={"X-Forwarded-For": header}).text == seen


@pytest.mark.parametrize(("address", "headers"), [("/api/fail", {}), ("/fail", {}), ("/fail", LOOK)])
def test_an_accident_is_logged_once_under_the_id_of_its_request(
    client: Client, caplog: pytest.LogCaptureFixture, address: str, headers: dict[str, str]
) -> None:
    client.raise_request_exception = False

    response = client.get(address, headers=headers)

    failures = [record.msg for record in caplog.records if "an accident" in str(record.msg)]
    assert response.status_code == 500
    assert len(failures) == 1
    assert response["X-Request-ID"] in str(failures[0])


@pytest.mark.parametrize(
    ("address", "headers", "shown"),
    [
        ("/api/look", {}, "/api/look"),
        ("/look", LOOK, "/look"),
        ("/invitations/s3cr3t/", LOOK, "/invitations/***/"),
    ],
)
def test_each_request_of_the_api_and_each_look_leave_one_line(
    client: Client, caplog: pytest.LogCaptureFixture, address: str, headers: dict[str, str], shown: str
) -> None:
    logs.ACCESS.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.INFO), caplog.at_level(logging.INFO, logger=logs.ACCESS.name):
            response = client.get(f"{address}?token=t0k3n", headers=headers)
    finally:
        logs.ACCESS.removeHandler(caplog.handler)

    lines = [json.loads(record.msg) for record in caplog.records if record.name == logs.ACCESS.name]
    assert [(line["request"], line["code"], line["request_id"]) for line in lines] == [
        (f"GET {shown}", 200, response["X-Request-ID"])
    ]
    assert "s3cr3t" not in caplog.text
    assert "request_started" not in caplog.text


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("/invitations/s3cr3t/", "/invitations/***/"),
        ("/invitations/s3cr3t", "/invitations/***"),
        ("/invitations/s3cr3t/more", "/invitations/***/more"),
        ("/invitations//s3cr3t/", "/invitations//***/"),
        ("/Invitations/s3cr3t/", "/Invitations/***/"),
        ("/accounts/password/reset/key/1-s3cr3t/", "/accounts/password/reset/key/***/"),
        ("/accounts/password/reset/key/1-s3cr3t", "/accounts/password/reset/key/***"),
    ],
)
def test_logs_hold_neither_queries_nor_secrets_in_addresses(
    client: Client, caplog: pytest.LogCaptureFixture, address: str, shown: str
) -> None:
    """Also where no page is found, and in the line of the beginning, which is written before one is looked for."""
    with caplog.at_level(logging.DEBUG):
        client.get(f"{address}?token=t0k3n")

    said: list[Any] = [record.msg for record in caplog.records]
    begun_and_ended = [one["request"] for one in said if isinstance(one, dict) and "request" in one]
    assert begun_and_ended == [f"GET {shown}"] * 2
    assert "s3cr3t" not in str(said)
    assert "t0k3n" not in str(said)


def test_each_address_that_holds_a_secret_is_masked_by_its_beginning() -> None:
    """Whoever adds one adds its beginning to `SECRET_ADDRESSES`; the key of a rule is none."""
    secret = re.compile(r"<(?:\w+:)?(?:secret|token)>|\(\?P<(?:key|token|secret)>\.\+\)")
    named = [one for one in addresses(get_resolver("conto_admin.urls")) if secret.search(one)]

    assert len(named) == 2
    for one in named:
        address = "/" + re.sub(r"\(\?P<uidb36>[^)]+\)", "1", secret.sub("s3cr3t", one)).replace("^", "")
        assert "s3cr3t" not in logs.without_secrets(address), one


def test_a_refused_form_is_logged_without_the_secret_of_its_address() -> None:
    line = formatted(
        logging.getLogger("django.security.csrf"),
        "Forbidden (%s): %s",
        "CSRF token missing",
        "/invitations/s3cr3t/",
        extra={"status_code": 403, "request": RequestFactory().post("/invitations/s3cr3t/?x")},
    )

    assert line["event"] == "Forbidden (CSRF token missing): /invitations/***/"
    assert line["status_code"] == 403
    assert "s3cr3t" not in str(line)


def test_what_a_line_is_told_besides_its_event_stands_in_it() -> None:
    facts = {"log": "conto/org_1", "place": "leaf 7", "problem": "hash"}

    line = formatted(logging.getLogger("audit.tasks"), "audit_fault", extra=facts)

    assert {name: line[name] for name in ("event", "level", "logger", *facts)} == {
        "event": "audit_fault",
        "level": "error",
        "logger": "audit.tasks",
        **facts,
    }


def formatted(logger: logging.Logger, event: str, *parts: object, extra: dict[str, Any]) -> dict[str, Any]:
    """The line of an error as an installation writes it."""
    configured = logs.logging_settings(level="INFO")["formatters"]["json"]
    kind = configured["()"]
    formatter = kind(**{name: value for name, value in configured.items() if name != "()"})
    record = logger.makeRecord(logger.name, logging.ERROR, __file__, 1, event, parts, None, extra=extra)
    line: dict[str, Any] = json.loads(formatter.format(record))
    return line
