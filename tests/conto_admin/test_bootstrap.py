"""`manage.py bootstrap`: one organization, one owner, one link that sets the password once."""

import io
import re

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from people.models import Member, Organization, Person
from tests.factories import PASSWORD, make_member, make_organization

pytestmark = pytest.mark.django_db

LINK = re.compile(r"http://localhost:8000(/\S+/key/\S+)")


def bootstrap(*options: str, owner: str = "oona@example.com") -> str:
    said = io.StringIO()
    call_command("bootstrap", "--organization", "Acme", "--owner", owner, *options, stdout=said)
    return said.getvalue()


def link_in(said: str) -> str:
    found = LINK.search(said)
    assert found is not None, said
    return found[1]


def set_password(client: Client, path: str, password: str) -> int:
    """Follow the link as a browser does; return the status of the form's answer."""
    page = client.get(path, follow=True)
    if not page.redirect_chain:
        return page.status_code
    return client.post(page.redirect_chain[-1][0], {"password1": password, "password2": password}).status_code


def test_it_creates_the_organization_and_says_what_comes_next() -> None:
    said = bootstrap("--name", "Oona", "--currency", "EUR", "--time-zone", "Europe/Berlin")
    member = Member.objects.get()
    assert member.roles == ["owner"]
    assert (member.person.name, member.organization.currency) == ("Oona", "EUR")
    assert "Authorization: Bearer" in said
    assert '{"amount": "1.00", "currency": "EUR"' in said


def test_the_link_sets_the_password_once(client: Client) -> None:
    path = link_in(bootstrap())
    assert set_password(client, path, PASSWORD) == 302
    assert client.login(email="oona@example.com", password=PASSWORD)
    set_password(Client(), path, "another one, by somebody else")
    assert Person.objects.get().check_password(PASSWORD)


def test_a_password_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    assert not LINK.search(bootstrap("--password-stdin"))
    assert Person.objects.get().check_password(PASSWORD)


def test_a_weak_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("password\n"))
    with pytest.raises(CommandError, match="too common"):
        bootstrap("--password-stdin")
    assert not Organization.objects.exists()


@pytest.mark.parametrize(
    ("options", "owner"),
    [((), "nobody"), (("--time-zone", "Mars/Olympus"), "a@example.com"), (("--currency", "dollars"), "a@example.com")],
)
def test_what_makes_no_sense_is_refused(options: tuple[str, ...], owner: str) -> None:
    with pytest.raises(CommandError):
        bootstrap(*options, owner=owner)
    assert not Organization.objects.exists()


def test_an_owner_who_set_a_password_is_refused_a_second_time(client: Client) -> None:
    set_password(client, link_in(bootstrap()), PASSWORD)
    with pytest.raises(CommandError, match="already owns an organization named Acme"):
        bootstrap()
    assert Organization.objects.count() == 1


def test_an_owner_who_lost_the_link_gets_another_one(client: Client) -> None:
    bootstrap()
    said = bootstrap()
    assert "Nothing was changed" in said
    assert Organization.objects.count() == 1
    assert set_password(client, link_in(said), PASSWORD) == 302


def test_somebody_with_an_account_owns_a_second_organization_with_it() -> None:
    oona = make_member("Oona", make_organization("Other"), ["owner"]).person
    oona.set_password(PASSWORD)
    oona.save()
    assert not LINK.search(bootstrap(owner=oona.email))
    assert oona.memberships.count() == 2
