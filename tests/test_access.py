"""Every address answers each role, each key and each stranger as the table says; what is not in the table fails."""

from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any, Final

import orjson
import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from pytest_django import DjangoDbBlocker

from core.clock import now as clock_now
from people.models import Person
from tests.access import CALLS, PAGES, PERSONAL, PUBLIC, ROLES, Call, Page
from tests.agents.samples import bearer
from tests.factories import make_person
from tests.furnished import Furnished, addresses, furnish, undone

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
SCOPES: Final = ("read", "provision", "policies", "release")
CLIENT: Final = Client()
SIGN_IN: Final = "/accounts/login/?next="


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Furnished]:
    """One organization for all tests here: each puts back what it changes."""
    with django_db_blocker.unblock(), undone():
        yield furnish(clock_now())
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def sessions(world: Furnished) -> dict[str, str]:
    """The session of one person of each role, of a stranger with none, and of another organization's owner."""
    cast = world.cast
    people: dict[str, Person] = {
        "nobody": make_person("Nia"),
        "viewer": cast.vera.person,
        "reviewer": cast.rui.person,
        "operator": cast.olu.person,
        "admin": cast.ada.person,
        "owner": cast.oona.person,
        "foreign": cast.mallory.person,
    }
    return {name: session_of(person) for name, person in people.items()}


def session_of(person: Person) -> str:
    client = Client()
    client.force_login(person)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def answer_to(method: str, path: str, *, session: str = "", data: Any = None, **options: Any) -> Any:
    """What a browser or a program is answered; whatever it does is undone."""
    CLIENT.cookies = SimpleCookie({settings.SESSION_COOKIE_NAME: session} if session else {})
    with undone():
        answer = getattr(CLIENT, method.lower())(path, data, **options)
        if answer.streaming:
            b"".join(answer)
        transaction.set_rollback(True)
    return answer


def expected_of(page: Page) -> dict[str, int]:
    """What each is to be answered."""
    own = {role: page.status if role in page.who else 403 for role in ROLES}
    return {"nobody": 403, **own, "foreign": page.foreign_status}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.method} {page.address}")
def test_a_page_answers_each_role(world: Furnished, sessions: dict[str, str], page: Page) -> None:
    path = world.fill(page.address)

    anonymous = answer_to(page.method, path, data=page.data)
    answers = {
        name: answer_to(page.method, path, session=session, data=page.data).status_code
        for name, session in sessions.items()
    }

    assert (anonymous.status_code, anonymous.headers.get("Location", "")[: len(SIGN_IN)]) == (302, SIGN_IN)
    assert answers == expected_of(page)


@pytest.mark.parametrize("place", PERSONAL)
def test_what_is_personal_answers_whoever_it_is(world: Furnished, sessions: dict[str, str], place: str) -> None:
    method, _, address = place.partition(" ")
    path = world.fill(address)

    answers = tuple(answer_to(method, path, session=one).status_code for one in ("", sessions["viewer"]))

    assert answers == PERSONAL[place]


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_answers_everybody(world: Furnished, sessions: dict[str, str], address: str) -> None:
    assert {answer_to("GET", f"/{address}", session=one).status_code for one in ("", sessions["viewer"])} == {200}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
def test_a_call_answers_each_key(world: Furnished, call: Call) -> None:
    secrets = {"agent": world.world.secret, "other agent": world.other.secret, **world.keys}

    answers = {name: called(world, call, secret).status_code for name, secret in secrets.items()}

    assert answers == {
        "agent": call.status if call.agent else 403,
        "other agent": call.other_agent_status,
        **{scope: call.status if scope in call.scopes else call.without_scope for scope in SCOPES},
        "all": call.status if call.scopes else call.without_scope,
        "foreign": call.foreign_status,
    }


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
def test_a_call_answers_no_one_else(world: Furnished, sessions: dict[str, str], call: Call) -> None:
    spoilt = world.keys["all"][:-1] + ("a" if world.keys["all"][-1] != "a" else "b")

    answers = [called(world, call, secret) for secret in ("", spoilt, "conto_org_nothing")]
    answers.append(called(world, call, "", session=sessions["owner"]))

    assert [answer.status_code for answer in answers] == [401] * 4
    assert {answer["WWW-Authenticate"] for answer in answers} == {"Bearer"}


def called(world: Furnished, call: Call, secret: str, *, session: str = "") -> Any:
    body = {
        name: world.values.get(value, value) if isinstance(value, str) else value
        for name, value in (call.body or {}).items()
    }
    options: dict[str, Any] = {} if call.method == "GET" else {"content_type": "application/json"}
    data = orjson.dumps(body) if body else None if call.method == "GET" else b""
    headers = bearer(secret) if secret else {}
    return answer_to(call.method, world.fill(call.address), session=session, data=data, headers=headers, **options)


def listed() -> set[tuple[str, str]]:
    """Every method and address in the tables."""
    places = {(page.method, page.address) for page in PAGES} | {(call.method, call.address) for call in CALLS}
    personal = {(method, address) for method, _, address in (place.partition(" ") for place in PERSONAL)}
    return places | personal | {("GET", address) for address in PUBLIC}


def test_every_address_is_in_the_table() -> None:
    assert set(addresses()) == {address for _, address in listed()}
    assert len(PAGES) + len(CALLS) + len(PERSONAL) + len(PUBLIC) == len(listed())


@pytest.mark.parametrize("address", sorted(set(addresses())))
def test_a_method_that_is_not_in_the_table_does_nothing(
    world: Furnished, sessions: dict[str, str], address: str
) -> None:
    others = [method for method in METHODS if (method, address) not in listed()]
    headers = bearer(
        world.world.secret if any(one.address == address and one.agent for one in CALLS) else world.keys["all"]
    )

    answers = {
        method: answer_to(method, world.fill(address), session=sessions["owner"], headers=headers).status_code
        for method in others
        if not (address.startswith("accounts/") and method not in ("GET", "POST"))
    }

    assert set(answers.values()) <= {405}, answers
