"""Every constraint of people's tables, violated with raw SQL: the database is the last line of defence."""

import pytest
from django.db import IntegrityError, connection, transaction

from core.ids import new_id
from people.models import Invitation, OrganizationKey, PendingChange
from tests.factories import NOW, Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def key(cast: Cast) -> OrganizationKey:
    return OrganizationKey.objects.create(
        id=new_id(NOW),
        organization=cast.organization,
        name="billing",
        secret_hash="0" * 64,
        scopes=["read"],
        created_by=cast.ada.person,
        created_at=NOW,
    )


@pytest.fixture
def invitation(cast: Cast) -> Invitation:
    return Invitation.objects.create(
        id=new_id(NOW),
        organization=cast.organization,
        email="nia@example.com",
        roles=["viewer"],
        secret_hash="1" * 64,
        invited_by=cast.ada.person,
        created_at=NOW,
        expires_at=NOW.replace(year=2027),
    )


def refuse(constraint: str, statement: str, *params: object) -> None:
    """Run a statement that the named constraint must refuse."""
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, params)  # type: ignore[arg-type]


def test_an_organization_has_a_name(cast: Cast) -> None:
    refuse("organization_has_a_name", "update people_organization set name = ''")


@pytest.mark.parametrize("seconds", [0, 30 * 86_400 + 1])
def test_an_approvals_time_is_bounded(cast: Cast, seconds: int) -> None:
    refuse(
        "approval_ttl_is_between_a_second_and_thirty_days",
        "update people_organization set approval_ttl_seconds = %s",
        seconds,
    )


def test_a_mail_address_is_lower_case(cast: Cast) -> None:
    refuse("person_email_is_lower_case", "update people_person set email = 'Ada@Example.com' where name = 'Ada'")


def test_a_mail_address_belongs_to_one_person(cast: Cast) -> None:
    refuse("people_person_email", "update people_person set email = 'olu@example.com' where name = 'Ada'")


def test_a_theme_is_known(cast: Cast) -> None:
    refuse("person_theme_is_known", "update people_person set theme = 'pink'")


def test_a_person_is_a_member_once(cast: Cast) -> None:
    refuse(
        "member_is_one_per_person",
        "insert into people_member (id, organization_id, person_id, roles, created_at)"
        " values (%s, %s, %s, '{viewer}', now())",
        new_id(NOW),
        cast.organization.id,
        cast.ada.person_id,
    )


@pytest.mark.parametrize("roles", ["{}", "{root}", "{viewer,root}"])
def test_roles_are_known_and_at_least_one(cast: Cast, roles: str) -> None:
    refuse("member_roles_are_known", "update people_member set roles = %s::varchar(20)[]", roles)


def test_two_invitations_have_two_secrets(cast: Cast, invitation: Invitation) -> None:
    refuse(
        "invitation_secret_is_unique",
        "insert into people_invitation"
        " (id, organization_id, email, roles, secret_hash, invited_by_id, created_at, expires_at)"
        " select %s, organization_id, email, roles, secret_hash, invited_by_id, created_at, expires_at"
        " from people_invitation",
        new_id(NOW),
    )


def test_an_invitation_expires_after_its_creation(cast: Cast, invitation: Invitation) -> None:
    refuse("invitation_expires_after_creation", "update people_invitation set expires_at = created_at")


@pytest.mark.parametrize("roles", ["{}", "{root}"])
def test_an_invitation_is_to_known_roles(cast: Cast, invitation: Invitation, roles: str) -> None:
    refuse("invitation_roles_are_known", "update people_invitation set roles = %s::varchar(20)[]", roles)


def test_a_key_expires_after_its_creation(cast: Cast, key: OrganizationKey) -> None:
    refuse("organization_key_expires_after_creation", "update people_organizationkey set expires_at = created_at")


@pytest.mark.parametrize("scopes", ["{}", "{root}", "{read,root}"])
def test_scopes_are_known_and_at_least_one(cast: Cast, key: OrganizationKey, scopes: str) -> None:
    refuse("organization_key_scopes_are_known", "update people_organizationkey set scopes = %s::varchar(30)[]", scopes)


@pytest.mark.parametrize("table", ["people_organization", "people_person"])
def test_what_others_hang_on_is_not_deleted(cast: Cast, table: str) -> None:
    refuse("fk_", f"set constraints all immediate; delete from {table}")


# --- Changes that wait for a second person ----------------------------------------------------------------------------


@pytest.fixture
def change(cast: Cast) -> PendingChange:
    return PendingChange.objects.create(**a_change(cast))


def a_change(cast: Cast) -> dict[str, object]:
    return {
        "id": new_id(NOW),
        "organization": cast.organization,
        "kind": "policy",
        "subject_id": "pol_1",
        "title": "Publish",
        "content": {},
        "digest": "0" * 64,
        "loosens": [],
        "proposed_by_kind": "person",
        "proposed_by_id": "per_1",
        "proposed_by_name": "Olu",
        "proposed_by_person": cast.olu.person,
        "created_at": NOW,
        "expires_at": NOW.replace(year=2027),
    }


@pytest.mark.usefixtures("change")
def test_one_change_of_a_subject_waits(cast: Cast) -> None:
    with pytest.raises(IntegrityError, match="one_change_of_a_subject_waits"), transaction.atomic():
        PendingChange.objects.create(**a_change(cast))


def test_a_change_is_of_a_known_kind(cast: Cast) -> None:
    with pytest.raises(IntegrityError, match="change_kind_is_known"), transaction.atomic():
        PendingChange.objects.create(**a_change(cast) | {"kind": "other"})


@pytest.mark.usefixtures("change")
@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("change_has_ended_in_a_known_way", "closed_as = 'approved'"),
        ("change_has_ended_in_a_known_way", "closed_at = now(), closed_as = 'forgotten'"),
        ("change_is_approved_by_a_person", "closed_at = now(), closed_as = 'approved'"),
        (
            "change_is_approved_by_a_second_person",
            "closed_at = now(), closed_as = 'approved', closed_by_person_id = proposed_by_person_id",
        ),
        ("change_expires_after_creation", "expires_at = created_at"),
    ],
)
def test_a_change_is_what_it_says(constraint: str, values: str) -> None:
    refuse(constraint, f"update people_pendingchange set {values}")
