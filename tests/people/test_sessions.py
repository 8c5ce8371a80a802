"""Sessions: one read says what they hold and who has signed in, and what that person may do is never remembered."""

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conto_admin.sessions import SessionStore
from core.clock import now as clock_now
from people.authentication import Backend, hand_over
from people.models import Member, Session
from people.services import forget_ended_sessions
from people.services.sessions import AT_ONCE
from tests.factories import make_member, make_organization, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def vera() -> Member:
    return make_member(make_person("Vera"), make_organization("Acme"), ["viewer"])


@pytest.fixture
def console(vera: Member) -> Client:
    client = Client()
    client.force_login(vera.person)
    return client


def status_of(client: Client) -> int:
    return client.get("/settings/").status_code


def test_who_looks_is_read_with_one_statement(console: Client) -> None:
    with CaptureQueriesContext(
        connection,
    ) as read:
        assert console.get("/approvals/", headers={"HX-Request": "true"}).status_code == HTTPStatus.OK
    about_people = [one["sql"] for one in read if "people_person" in one["sql"] or "people_session" in one["sql"]]
    assert len(about_people) == 1


def test_a_row_knows_whose_session_it_is_from_the_sign_in_to_the_sign_out(console: Client, vera: Member) -> None:
    assert Session.objects.get().person_id == vera.person_id
    console.post("/accounts/logout/")
    assert not Session.objects.filter(person=vera.person_id).exists()


def test_somebody_who_may_no_longer_sign_in_is_out_at_the_next_page(console: Client, vera: Member) -> None:
    assert status_of(console) == HTTPStatus.OK
    vera.person.is_active = False
    vera.person.save()
    assert status_of(console) == HTTPStatus.FOUND


def test_a_new_password_ends_the_sessions_of_the_old_one(console: Client, vera: Member) -> None:
    assert status_of(console) == HTTPStatus.OK
    vera.person.set_password("another one that is long")
    vera.person.save()
    assert status_of(console) == HTTPStatus.FOUND


def test_a_member_who_was_removed_is_out_at_the_next_page(console: Client, vera: Member) -> None:
    assert status_of(console) == HTTPStatus.OK
    Member.objects.filter(pk=vera.pk).update(removed_at=clock_now())
    assert status_of(console) == HTTPStatus.FORBIDDEN


def test_who_was_read_with_one_session_never_answers_for_another_person(vera: Member) -> None:
    olu = make_person("Olu")
    hand_over(vera.person)
    found = Backend().get_user(olu.pk)
    assert found is not None
    assert found.name == "Olu"


def test_who_was_read_with_a_session_answers_once(vera: Member) -> None:
    hand_over(vera.person)
    assert Backend().get_user(vera.person_id) is vera.person
    assert Backend().get_user(vera.person_id) is not vera.person


def test_a_session_that_is_none_hands_nobody_over(vera: Member) -> None:
    hand_over(vera.person)
    assert SessionStore("no such key").load() == {}
    found = Backend().get_user(vera.person_id)
    assert found is not vera.person


def test_a_row_that_names_somebody_else_lets_in_only_whom_its_data_names(console: Client, vera: Member) -> None:
    olu = make_member(make_person("Olu"), make_organization("Beta"), ["owner"])
    Session.objects.update(person=olu.person)
    page = console.get("/settings/account/").content.decode()
    assert "Vera" in page
    assert "Olu" not in page


def test_sessions_that_have_ended_are_thrown_away_and_others_stay(console: Client) -> None:
    ended = clock_now() - timedelta(seconds=1)
    many = [Session(session_key=f"old{number}", session_data="", expire_date=ended) for number in range(AT_ONCE + 1)]
    Session.objects.bulk_create(many)
    assert forget_ended_sessions(now=clock_now()) == AT_ONCE + 1
    assert status_of(console) == HTTPStatus.OK
    later = clock_now() + timedelta(seconds=settings.SESSION_COOKIE_AGE + 1)
    assert forget_ended_sessions(now=later) == 1
    assert not Session.objects.exists()
