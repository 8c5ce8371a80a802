"""Second factors, through allauth's own pages: each change is told with it, and no copy of the data opens one."""

from datetime import timedelta
from http import HTTPStatus
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    SECRET_SESSION_KEY,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.db import DatabaseError, connection
from django.test import Client
from pytest_django import Settings

from audit.models import Event
from core.sealing import CannotOpen
from people.models import Person
from people.selectors import SECOND_FACTOR_COUNTS
from people.services import rewrap_factors
from tests.factories import NOW, PASSWORD, make_member, make_organization, make_person

pytestmark = pytest.mark.django_db

HOME: str = "/accounts/2fa/"
ACTIVATE, DEACTIVATE = f"{HOME}totp/activate/", f"{HOME}totp/deactivate/"
CODES = f"{HOME}recovery-codes/"
GENERATE = f"{CODES}generate/"
ADD_KEY = f"{HOME}webauthn/add/"
ADDED, REMOVED = "person.second_factor_added", "person.second_factor_removed"
HOURS = count()
NEXT = "bmV4dCBrZXkgb2YgZXhhY3RseSAzMiBieXRlcy4uLiE="


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> Any:
    """The code that an app shows changes every half minute: here it is the same until a test goes on.

    Each test has an hour of its own: all of them sign in from one address, which may do so thirty times a minute.
    """
    time_machine.move_to(NOW + timedelta(hours=next(HOURS)), tick=False)
    return time_machine


@pytest.fixture
def vera() -> Person:
    person = make_person("Vera", password=PASSWORD)
    make_member(person, make_organization("Acme"), ["viewer"])
    return person


@pytest.fixture
def signed_in(client: Client, vera: Person, settings: Settings) -> Client:
    """Vera, who has just given her password once more, as these pages demand."""
    # All tests sign in from one address, which may do so only so often in a minute.
    settings.ACCOUNT_RATE_LIMITS = False
    client.post("/accounts/login/", {"login": vera.email, "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def code_of(secret: str) -> str:
    """What the person's app shows now."""
    (now,) = yield_hotp_counters_from_time()
    return str(format_hotp_value(hotp_value(secret, now)))


def set_up(client: Client) -> str:
    """Set up an authenticator app; return the secret it holds."""
    client.get(ACTIVATE)
    secret: str = client.session[SECRET_SESSION_KEY]
    assert client.post(ACTIVATE, {"code": code_of(secret)}).status_code == HTTPStatus.FOUND
    return secret


def changes() -> list[tuple[str, str]]:
    events = Event.objects.filter(action__in=[ADDED, REMOVED]).order_by("id")
    return [(event.action, (event.after or {})["second_factor"]) for event in events]


def stored(kind: str) -> Authenticator:
    return Authenticator.objects.get(type=kind)


def test_setting_one_up_is_told_with_its_recovery_codes(signed_in: Client) -> None:
    set_up(signed_in)
    assert changes() == [(ADDED, "totp"), (ADDED, "recovery_codes")]
    event = Event.objects.filter(action=ADDED).latest("id")
    assert (event.actor_name, event.address, event.subject_kind) == ("Vera", "127.0.0.1", "person")


def test_new_recovery_codes_are_told(signed_in: Client) -> None:
    set_up(signed_in)
    signed_in.post(GENERATE)
    assert changes()[2:] == [(REMOVED, "recovery_codes"), (ADDED, "recovery_codes")]


def test_switching_it_off_is_told(signed_in: Client) -> None:
    set_up(signed_in)
    signed_in.post(DEACTIVATE)
    assert changes()[2:] == [(REMOVED, "totp"), (REMOVED, "recovery_codes")]
    assert not Authenticator.objects.exists()


@pytest.fixture
def only_password(signed_in: Client, vera: Person) -> Client:
    """Somebody who knows Vera's password and found her window open; her second factor was proven some time ago."""
    set_up(signed_in)
    session = signed_in.session
    records = [one for one in session[AUTHENTICATION_METHODS_SESSION_KEY] if one["method"] == "password"]
    session[AUTHENTICATION_METHODS_SESSION_KEY] = records
    session.save()
    return signed_in


BEHIND = (CODES, f"{CODES}download/", GENERATE, DEACTIVATE, ADD_KEY, f"{HOME}webauthn/keys/1/remove/")


@pytest.mark.parametrize("address", BEHIND)
@pytest.mark.parametrize("method", ["get", "post"])
def test_the_password_alone_neither_shows_nor_changes_what_is_set_up(
    only_password: Client, address: str, method: str
) -> None:
    before, told = list(Authenticator.objects.order_by("pk").values()), changes()
    answer = getattr(only_password, method)(address)
    assert answer.headers["Location"] == f"{HOME}reauthenticate/?{urlencode({'next': address})}"
    assert (list(Authenticator.objects.order_by("pk").values()), changes()) == (before, told)


def test_where_the_second_factor_is_asked_for_the_password_is_no_way_out(only_password: Client) -> None:
    asked = only_password.get(only_password.get(CODES).headers["Location"]).content.decode()
    assert "password" not in asked.partition("<main")[2].lower()


def test_who_proves_it_goes_on_to_where_they_wanted_to_go(only_password: Client) -> None:
    (code, *_) = stored("recovery_codes").wrap().get_unused_codes()
    proven = only_password.post(f"{HOME}reauthenticate/", {"code": code, "next": DEACTIVATE})
    assert proven.headers["Location"] == DEACTIVATE
    only_password.post(DEACTIVATE)
    assert not Authenticator.objects.exists()


def test_a_proof_counts_for_five_minutes(signed_in: Client, at_noon: Any) -> None:
    set_up(signed_in)
    at_noon.shift(SECOND_FACTOR_COUNTS - timedelta(seconds=1))
    assert signed_in.get(CODES).status_code == HTTPStatus.OK
    at_noon.shift(timedelta(seconds=1))
    assert signed_in.get(CODES).headers["Location"] == f"{HOME}reauthenticate/?{urlencode({'next': CODES})}"


def test_who_has_none_needs_the_password_only_and_sees_the_codes_at_once(signed_in: Client) -> None:
    assert signed_in.get(ACTIVATE).status_code == HTTPStatus.OK
    set_up(signed_in)
    assert signed_in.get(CODES).status_code == HTTPStatus.OK


def test_a_wrong_code_changes_and_tells_nothing(signed_in: Client) -> None:
    signed_in.get(ACTIVATE)
    assert signed_in.post(ACTIVATE, {"code": "000000"}).status_code == HTTPStatus.OK
    assert changes() == []
    assert not Authenticator.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_told_is_not_changed(signed_in: Client) -> None:
    signed_in.get(ACTIVATE)
    code = code_of(signed_in.session[SECRET_SESSION_KEY])

    def fail(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if "insert into audit_event" in sql:
            raise DatabaseError("the disk is full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail), pytest.raises(DatabaseError):
        signed_in.post(ACTIVATE, {"code": code})
    assert not Authenticator.objects.exists()


def test_the_secrets_are_sealed_and_still_let_their_owner_in(signed_in: Client, vera: Person) -> None:
    secret = set_up(signed_in)
    codes = stored("recovery_codes").wrap().get_unused_codes()
    for factor in Authenticator.objects.all():
        assert not any(one in str(factor.data) for one in (secret, *codes))
    visitor = Client()
    asked = visitor.post("/accounts/login/", {"login": vera.email, "password": PASSWORD})
    assert asked.headers["Location"].startswith(f"{HOME}authenticate/")
    assert visitor.get("/settings/").status_code == HTTPStatus.FOUND
    visitor.post(f"{HOME}authenticate/", {"code": codes[0]})
    assert visitor.get("/settings/").status_code == HTTPStatus.OK


def test_an_unsealed_secret_put_into_the_table_opens_nothing(signed_in: Client) -> None:
    set_up(signed_in)
    factor = stored("totp")
    factor.data["secret"] = "JBSWY3DPEHPK3PXP"
    factor.save()
    with pytest.raises(CannotOpen):
        factor.wrap().validate_code(code_of("JBSWY3DPEHPK3PXP"))


def test_they_come_under_the_current_key(signed_in: Client, settings: Settings) -> None:
    secret = set_up(signed_in)
    old = settings.CONTO_KEKS
    settings.CONTO_KEKS, settings.CONTO_KEK_CURRENT = {**old, "next": NEXT}, "next"
    assert rewrap_factors(now=NOW) == (2, 0)
    assert Event.objects.filter(action="person.second_factor_rewrapped").count() == 2
    assert rewrap_factors(now=NOW) == (0, 0)
    settings.CONTO_KEKS = {"next": NEXT}
    assert stored("totp").wrap().validate_code(code_of(secret))


def test_without_their_key_they_are_counted_and_left(signed_in: Client, settings: Settings) -> None:
    set_up(signed_in)
    before = stored("totp").data
    settings.CONTO_KEKS, settings.CONTO_KEK_CURRENT = {"next": NEXT}, "next"
    assert rewrap_factors(now=NOW) == (0, 2)
    assert stored("totp").data == before


@pytest.mark.parametrize("page", ["email/", "confirm-email/", "confirm-email/x:y:z/", "login/code/confirm/"])
def test_there_is_no_page_with_which_a_stolen_session_could_add_a_mail_address(signed_in: Client, page: str) -> None:
    answer = signed_in.post(f"/accounts/{page}", {"email": "mallory@evil.example", "action_add": ""})
    assert answer.status_code == HTTPStatus.NOT_FOUND


def test_a_session_without_the_password_changes_no_second_factor(signed_in: Client, vera: Person) -> None:
    set_up(signed_in)
    stolen = Client()
    stolen.force_login(vera)
    for page in (DEACTIVATE, GENERATE, f"{HOME}webauthn/add/"):
        assert "reauthenticate" in stolen.post(page).headers["Location"]
    assert changes() == [(ADDED, "totp"), (ADDED, "recovery_codes")]
