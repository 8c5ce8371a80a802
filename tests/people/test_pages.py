"""The settings pages over HTTP: who sees and changes what, and what a form does when something is wrong with it."""

import re
from datetime import timedelta
from http import HTTPStatus
from typing import Protocol

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import Event
from core.ids import Prefix, to_public
from people.models import Invitation, Member, Organization, OrganizationKey, Person
from people.services import issue_organization_key
from tests.factories import NOW, PASSWORD, Cast, actor_for, make_cast, make_member, make_person
from tests.people.history import told

pytestmark = pytest.mark.django_db

SETTINGS = {
    "name": "Acme Ltd",
    "currency": "eur",
    "time_zone": "Europe/Berlin",
    "approval_ttl_minutes": "1.5",
    "confirmation_amount": "250.50",
}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def as_member(member: Member) -> Client:
    client = Client()
    client.force_login(member.person)
    return client


class Answer(Protocol):
    """What a test client's answers have in common."""

    content: bytes


def text(answer: Answer) -> str:
    return answer.content.decode()


def member_url(name: str, member: Member) -> str:
    return reverse(f"people:{name}", args=[to_public(Prefix.MEMBER, member.id)])


# --- The organization -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["settings", "members", "keys", "account"])
def test_every_member_reads_every_settings_page(cast: Cast, name: str) -> None:
    for member in cast.members():
        assert as_member(member).get(reverse(f"people:{name}")).status_code == HTTPStatus.OK


@pytest.mark.parametrize("name", ["settings", "members", "keys", "account"])
def test_nobody_reads_them_without_signing_in(name: str) -> None:
    page = reverse(f"people:{name}")
    answer = Client().get(page)
    assert answer.status_code == HTTPStatus.FOUND
    assert answer["Location"] == f"/accounts/login/?next={page}"


def test_a_fragment_leads_the_whole_page_to_sign_in() -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/approvals/?mine=1"}
    answer = Client().get(reverse("people:settings"), headers=headers)
    assert answer["HX-Redirect"] == "/accounts/login/?next=/approvals/%3Fmine%3D1"


def test_an_admin_stores_settings(cast: Cast) -> None:
    client = as_member(cast.ada)
    answer = client.post(reverse("people:settings"), SETTINGS, follow=True)
    assert "The settings are stored." in text(answer)
    stored = Organization.objects.get(pk=cast.organization.pk)
    assert (stored.name, stored.currency, stored.time_zone) == ("Acme Ltd", "EUR", "Europe/Berlin")
    assert (stored.approval_ttl_seconds, str(stored.confirmation_amount)) == (90, "250.500000")
    page = text(client.get(reverse("people:settings")))
    assert 'value="1.5"' in page
    assert 'value="250.5"' in page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("currency", "E"),
        ("time_zone", "Mars/Olympus"),
        ("approval_ttl_minutes", "0"),
        ("approval_ttl_minutes", "43200.01"),
        ("confirmation_amount", "-1"),
        ("confirmation_amount", "1e3"),
        ("confirmation_amount", "0"),
    ],
)
def test_a_wrong_setting_is_shown_at_its_field_and_nothing_typed_is_lost(cast: Cast, field: str, value: str) -> None:
    answer = as_member(cast.ada).post(reverse("people:settings"), SETTINGS | {"name": "Typed"} | {field: value})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert f'id="id_{field}_error"' in text(answer)
    assert field == "name" or 'value="Typed"' in text(answer)
    assert Organization.objects.get(pk=cast.organization.pk).name == "Acme"


@pytest.mark.parametrize("name", ["olu", "rui", "vera"])
def test_who_is_no_admin_stores_no_settings(cast: Cast, name: str) -> None:
    answer = as_member(getattr(cast, name)).post(reverse("people:settings"), SETTINGS)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert Organization.objects.get(pk=cast.organization.pk).name == "Acme"


def test_an_operator_freezes_and_only_an_admin_thaws(cast: Cast) -> None:
    operator, admin = as_member(cast.olu), as_member(cast.ada)
    page = operator.post(reverse("people:freeze"), {"reason": "an agent runs wild"}, follow=True)
    assert "Acme is frozen" in text(page)
    assert "an agent runs wild" in text(page)
    assert operator.post(reverse("people:thaw"), {"reason": "calm"}).status_code == HTTPStatus.FORBIDDEN
    assert "Acme is frozen" not in text(admin.post(reverse("people:thaw"), {"reason": "calm"}, follow=True))
    assert told("organization.frozen").event.actor_name == "Olu"
    assert told("organization.thawed").event.address == "127.0.0.1"


@pytest.mark.parametrize("name", ["rui", "vera"])
def test_who_is_no_operator_does_not_freeze(cast: Cast, name: str) -> None:
    answer = as_member(getattr(cast, name)).post(reverse("people:freeze"), {"reason": "because"})
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert Organization.objects.get(pk=cast.organization.pk).frozen_at is None


@pytest.mark.parametrize("name", ["freeze", "thaw"])
def test_freezing_and_thawing_need_a_reason(cast: Cast, name: str) -> None:
    answer = as_member(cast.ada).post(reverse(f"people:{name}"), {"reason": " "})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert not Event.objects.filter(action__startswith="organization").exists()


# --- Members ----------------------------------------------------------------------------------------------------------


def test_an_admin_changes_roles_on_the_page(cast: Cast) -> None:
    client = as_member(cast.ada)
    page = client.post(member_url("change_roles", cast.vera), {"roles": ["reviewer", "operator"]}, follow=True)
    assert "Vera is now reviewer, operator." in text(page)


def test_a_refused_change_says_why(cast: Cast) -> None:
    page = as_member(cast.ada).post(member_url("change_roles", cast.vera), {"roles": ["owner"]}, follow=True)
    assert "Only an owner makes, changes or removes an owner." in text(page)
    page = as_member(cast.oona).post(member_url("remove_member", cast.oona), follow=True)
    assert "The last owner cannot go." in text(page)
    page = as_member(cast.oona).post(member_url("change_roles", cast.vera), follow=True)
    assert "at least one role" in text(page)


@pytest.mark.parametrize("name", ["change_roles", "remove_member"])
def test_another_organizations_member_is_not_found(cast: Cast, name: str) -> None:
    answer = as_member(cast.oona).post(member_url(name, cast.mallory), {"roles": ["viewer"]})
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert as_member(cast.oona).post(reverse(f"people:{name}", args=["mbr_nonsense"])).status_code == 404


def test_a_removed_member_loses_access_at_once(cast: Cast) -> None:
    vera = as_member(cast.vera)
    assert vera.get(reverse("people:members")).status_code == HTTPStatus.OK
    as_member(cast.ada).post(member_url("remove_member", cast.vera))
    assert vera.get(reverse("people:members")).status_code == HTTPStatus.FORBIDDEN
    assert vera.get(reverse("people:account")).status_code == HTTPStatus.OK


def test_lost_roles_count_at_once(cast: Cast) -> None:
    ada = as_member(cast.ada)
    as_member(cast.oona).post(member_url("change_roles", cast.ada), {"roles": ["viewer"]})
    assert ada.post(reverse("people:settings"), SETTINGS).status_code == HTTPStatus.FORBIDDEN


def test_a_member_may_be_removed_from_the_page_only_by_who_may(cast: Cast) -> None:
    url = member_url("remove_member", cast.vera)
    assert url not in text(as_member(cast.rui).get(reverse("people:members")))
    assert url in text(as_member(cast.ada).get(reverse("people:members")))
    assert member_url("remove_member", cast.oona) not in text(as_member(cast.ada).get(reverse("people:members")))


# --- Invitations ------------------------------------------------------------------------------------------------------


def invite(cast: Cast, email: str = "nia@example.com") -> str:
    """Invite as Ada and return the path of the link that the page shows."""
    page = as_member(cast.ada).post(reverse("people:invite"), {"email": email, "roles": ["reviewer"]})
    assert page.status_code == HTTPStatus.OK
    assert "no-store" in page["Cache-Control"]
    found = re.search(r'<code class="secret-value"[^>]*>http://testserver(/invitations/[^<]+)</code>', text(page))
    assert found is not None
    return found[1]


def test_a_new_person_joins_by_the_link_and_is_signed_in(cast: Cast, client: Client) -> None:
    link = invite(cast)
    assert "Acme" in text(client.get(link))
    answer = client.post(link, {"name": "Nia", "password": PASSWORD})
    assert answer.status_code == HTTPStatus.FOUND
    assert client.get(reverse("people:members")).status_code == HTTPStatus.OK
    assert Member.objects.get(person__email="nia@example.com").roles == ["reviewer"]
    assert client.get(link).status_code == HTTPStatus.NOT_FOUND


def test_a_weak_password_makes_no_account(cast: Cast, client: Client) -> None:
    answer = client.post(invite(cast), {"name": "Nia", "password": "nia"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'value="Nia"' in text(answer)
    assert not Person.objects.filter(email="nia@example.com").exists()


def test_who_is_signed_in_joins_and_works_there_at_once(cast: Cast) -> None:
    link, mallory = invite(cast), as_member(cast.mallory)
    assert mallory.get(link).status_code == HTTPStatus.OK
    assert not Member.objects.filter(organization=cast.organization, person=cast.mallory.person).exists()
    mallory.post(link)
    assert "Acme" in text(mallory.get(reverse("people:settings")))


def test_an_address_with_an_account_is_asked_to_sign_in(cast: Cast, client: Client) -> None:
    nia = make_person("Nia")
    link = invite(cast)
    assert f"/accounts/login/?next={link}" in text(client.get(link))
    assert client.post(link, {"name": "Nia", "password": PASSWORD}).status_code == HTTPStatus.OK
    assert Person.objects.get(pk=nia.pk).password == nia.password
    assert not Member.objects.filter(person=nia).exists()


def test_a_withdrawn_link_says_so(cast: Cast, client: Client) -> None:
    link = invite(cast)
    public_id = to_public(Prefix.INVITATION, Invitation.objects.get().id)
    as_member(cast.ada).post(reverse("people:withdraw_invitation", args=[public_id]))
    for answer in (client.get(link), client.post(link, {"name": "Nia", "password": PASSWORD})):
        assert answer.status_code == HTTPStatus.NOT_FOUND
        assert "no longer works" in text(answer)


def test_an_invitation_without_roles_or_address_is_shown_again(cast: Cast) -> None:
    answer = as_member(cast.ada).post(reverse("people:invite"), {"email": "nobody"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'value="nobody"' in text(answer)
    answer = as_member(cast.ada).post(reverse("people:invite"), {"email": "vera@example.com", "roles": ["viewer"]})
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "is already a member" in text(answer)


def test_allauths_own_sign_up_is_closed(client: Client) -> None:
    answer = client.post("/accounts/signup/", {"email": "nia@example.com", "password1": PASSWORD})
    assert answer.status_code == HTTPStatus.OK
    assert not Person.objects.exists()


# --- Keys -------------------------------------------------------------------------------------------------------------


def test_a_key_is_shown_once(cast: Cast) -> None:
    client = as_member(cast.ada)
    page = client.post(
        reverse("people:issue_key"), {"name": "billing", "scopes": ["read", "release"], "lifetime_days": "30"}
    )
    found = re.search(r"conto_org_\w+", text(page))
    assert found is not None
    assert "no-store" in page["Cache-Control"]
    assert found[0] not in text(client.get(reverse("people:keys")))
    key = OrganizationKey.objects.get()
    assert key.expires_at == key.created_at + timedelta(days=30)
    assert key.scopes == ["read", "release"]


def test_a_key_may_live_until_it_is_revoked(cast: Cast) -> None:
    client = as_member(cast.ada)
    client.post(reverse("people:issue_key"), {"name": "billing", "scopes": ["read"], "lifetime_days": ""})
    key = OrganizationKey.objects.get()
    assert key.expires_at is None
    page = client.post(reverse("people:revoke_key", args=[to_public(Prefix.KEY, key.id)]), follow=True)
    assert "The key billing is revoked." in text(page)
    assert "Revoked" in text(page)


def test_a_key_without_scopes_is_not_issued(cast: Cast) -> None:
    answer = as_member(cast.ada).post(reverse("people:issue_key"), {"name": "billing"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert not OrganizationKey.objects.exists()


@pytest.mark.parametrize("name", ["olu", "rui", "vera"])
def test_who_is_no_admin_issues_and_revokes_no_keys(cast: Cast, name: str) -> None:
    client = as_member(getattr(cast, name))
    issued = issue_organization_key(
        organization_id=cast.organization.id,
        name="billing",
        scopes=["read"],
        expires_at=None,
        by=cast.ada.person,
        actor=actor_for(cast.ada),
        now=NOW,
    )
    public_id = to_public(Prefix.KEY, issued.key.id)
    assert client.post(reverse("people:issue_key"), {"name": "x", "scopes": ["read"]}).status_code == 403
    assert client.post(reverse("people:revoke_key", args=[public_id])).status_code == 403
    assert as_member(cast.mallory).post(reverse("people:revoke_key", args=[public_id])).status_code == 404
    assert OrganizationKey.objects.get().revoked_at is None


# --- One's own account and the organization one works in --------------------------------------------------------------


def test_a_person_changes_their_account(cast: Cast) -> None:
    client = as_member(cast.vera)
    answer = client.post(reverse("people:account"), {"name": "Vera Lind", "time_zone": "Asia/Tokyo", "theme": "dark"})
    assert answer.cookies["theme"].value == "dark"
    vera = Person.objects.get(pk=cast.vera.person_id)
    assert (vera.name, vera.time_zone, vera.theme, vera.has_single_key_shortcuts) == (
        "Vera Lind",
        "Asia/Tokyo",
        "dark",
        False,
    )
    assert (told("person.changed").before, told("person.changed").after) == ({"name": "Vera"}, {"name": "Vera Lind"})


def test_times_are_shown_in_the_viewers_zone(cast: Cast) -> None:
    Organization.objects.filter(pk=cast.organization.pk).update(frozen_at=NOW, frozen_reason="audit")
    Person.objects.filter(pk=cast.vera.person_id).update(time_zone="Asia/Tokyo")
    assert "22 Nov 2026, 21:00" in text(as_member(cast.vera).get(reverse("people:settings")))
    assert "22 Nov 2026, 12:00" in text(as_member(cast.rui).get(reverse("people:settings")))


def test_a_person_without_an_organization_has_an_account_and_nothing_else() -> None:
    client = Client()
    client.force_login(make_person("Nia"))
    assert client.get(reverse("people:account")).status_code == HTTPStatus.OK
    assert client.get(reverse("people:settings")).status_code == HTTPStatus.FORBIDDEN


def test_a_person_switches_between_their_organizations(cast: Cast) -> None:
    make_member(cast.mallory.person, cast.organization, ["viewer"])
    client = as_member(cast.mallory)
    evil = str(cast.mallory.organization_id)
    assert "Acme" in text(client.get(reverse("people:settings")))
    client.post(reverse("people:switch"), {"organization": evil})
    assert 'value="Evil Corp"' in text(client.get(reverse("people:settings")))
    assert 'value="Acme"' not in text(client.get(reverse("people:settings")))


@pytest.mark.parametrize("organization", ["", "nonsense", "theirs"])
def test_nobody_switches_to_an_organization_that_is_not_theirs(cast: Cast, organization: str) -> None:
    client = as_member(cast.mallory)
    wanted = str(cast.organization.id) if organization == "theirs" else organization
    assert client.post(reverse("people:switch"), {"organization": wanted}).status_code == HTTPStatus.NOT_FOUND
    assert "Evil Corp" in text(client.get(reverse("people:settings")))


def test_a_session_that_names_a_foreign_organization_does_not_open_it(cast: Cast) -> None:
    client = as_member(cast.mallory)
    session = client.session
    session["organization"] = str(cast.organization.id)
    session.save()
    assert "Acme" not in text(client.get(reverse("people:settings")))


@pytest.mark.parametrize("name", ["freeze", "thaw", "invite", "issue_key", "switch"])
def test_what_changes_something_is_posted(cast: Cast, name: str) -> None:
    assert as_member(cast.oona).get(reverse(f"people:{name}")).status_code == HTTPStatus.METHOD_NOT_ALLOWED


def test_forms_are_protected_against_other_sites(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.oona.person)
    assert client.post(reverse("people:freeze"), {"reason": "not me"}).status_code == HTTPStatus.FORBIDDEN
    assert Organization.objects.get(pk=cast.organization.pk).frozen_at is None


def test_names_are_escaped(cast: Cast) -> None:
    Person.objects.filter(pk=cast.vera.person_id).update(name="<script>alert(1)</script>")
    page = text(as_member(cast.ada).get(reverse("people:members")))
    assert "<script>alert" not in page
