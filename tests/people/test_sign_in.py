"""Signing in and out and passwords, through allauth's own pages, each with its event in every organization."""

from http import HTTPStatus

import pytest
from django.test import Client

from audit.models import Event
from people.models import Member, Person
from tests.factories import NOW, PASSWORD, make_member, make_organization, make_person
from tests.people.history import told

pytestmark = pytest.mark.django_db

LOGIN, LOGOUT, CHANGE = "/accounts/login/", "/accounts/logout/", "/accounts/password/change/"
OTHER_PASSWORD = "a staple that is battery powered"


@pytest.fixture
def vera() -> Person:
    person = make_person("Vera", password=PASSWORD)
    make_member(person, make_organization("Acme"), ["viewer"])
    return person


def sign_in(client: Client, email: str = "vera@example.com", password: str = PASSWORD) -> int:
    return client.post(LOGIN, {"login": email, "password": password}).status_code


def test_a_member_signs_in_and_it_is_told(client: Client, vera: Person) -> None:
    assert sign_in(client, "Vera@Example.com") == HTTPStatus.FOUND
    assert client.get("/settings/").status_code == HTTPStatus.OK
    event = told("person.signed_in").event
    assert (event.actor_name, event.address) == ("Vera", "127.0.0.1")
    assert event.request_id


def test_a_sign_in_is_told_to_each_organization_of_the_person_and_to_no_other(client: Client, vera: Person) -> None:
    second = make_member(vera, make_organization("Beta"), ["viewer"])
    left = make_member(vera, make_organization("Left"), ["viewer"])
    make_organization("Evil Corp")
    Member.objects.filter(pk=left.pk).update(removed_at=NOW)
    sign_in(client)
    told_to = set(Event.objects.filter(action="person.signed_in").values_list("organization_id", flat=True))
    assert told_to == {Member.objects.get(organization__name="Acme").organization_id, second.organization_id}


def test_a_wrong_password_signs_nobody_in(client: Client, vera: Person) -> None:
    assert sign_in(client, password="wrong") == HTTPStatus.OK
    assert client.get("/settings/").status_code == HTTPStatus.FOUND
    assert not Event.objects.exists()


def test_somebody_shut_out_does_not_sign_in(client: Client, vera: Person) -> None:
    Person.objects.update(is_active=False)
    sign_in(client)
    assert client.get("/settings/").status_code == HTTPStatus.FOUND


def test_the_theme_comes_along(client: Client, vera: Person) -> None:
    Person.objects.update(theme="dark")
    sign_in(client)
    assert client.cookies["theme"].value == "dark"


def test_signing_out_ends_the_session_and_is_told(client: Client, vera: Person) -> None:
    sign_in(client)
    client.post(LOGOUT)
    assert client.get("/settings/").status_code == HTTPStatus.FOUND
    assert told("person.signed_out").event.actor_name == "Vera"


def test_a_changed_password_ends_the_other_sessions_and_is_told(client: Client, vera: Person) -> None:
    elsewhere = Client()
    sign_in(client)
    sign_in(elsewhere)
    changed = client.post(CHANGE, {"oldpassword": PASSWORD, "password1": OTHER_PASSWORD, "password2": OTHER_PASSWORD})
    assert changed.status_code == HTTPStatus.FOUND
    assert elsewhere.get("/settings/").status_code == HTTPStatus.FOUND
    assert sign_in(Client(), password=OTHER_PASSWORD) == HTTPStatus.FOUND
    change = told("person.password_changed")
    assert (change.before, change.after) == ({"name": "Vera"}, {"name": "Vera"})


def test_sign_in_leads_back_to_the_page_that_was_wanted(client: Client, vera: Person) -> None:
    answer = client.post(f"{LOGIN}?next=/settings/members/", {"login": vera.email, "password": PASSWORD})
    assert answer["Location"] == "/settings/members/"
    away = Client().post(f"{LOGIN}?next=https://evil.example/", {"login": vera.email, "password": PASSWORD})
    assert away["Location"] == "/"
