"""Invitations: a link works once, for seven days, while its inviter still may invite; only its hash is stored."""

from datetime import datetime, timedelta

import pytest
from django.db import connection

from audit.models import Event
from core.errors import Conflict, NotAllowed, NotFound
from core.ids import new_id
from people.models import Invitation, Member, Person
from people.services import (
    IssuedInvitation,
    accept_invitation,
    accept_invitation_as_new_person,
    change_roles,
    invite,
    remove_member,
    withdraw_invitation,
)
from people.services.invitations import INVITATION_LIFE, MOST_OPEN_INVITATIONS
from tests.factories import NOW, PASSWORD, Cast, actor_for, make_cast, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def invited(
    cast: Cast, *roles: str, by: Member | None = None, email: str = "nia@example.com", now: datetime = NOW
) -> IssuedInvitation:
    inviter = by or cast.ada
    return invite(
        organization_id=cast.organization.id,
        email=email,
        roles=roles or ["reviewer"],
        by=inviter,
        actor=actor_for(inviter),
        now=now,
    )


def accept(cast: Cast, issued: IssuedInvitation, person: Person, *, now: datetime = NOW) -> Member:
    return accept_invitation(secret=issued.secret, person=person, actor=actor_for(cast.ada), now=now)


def create(issued: IssuedInvitation, *, now: datetime = NOW) -> Member:
    return accept_invitation_as_new_person(
        secret=issued.secret, name="Nia", password=PASSWORD, request_id="req_9", address="192.0.2.9", now=now
    )


def test_a_new_person_gets_an_account_and_the_roles(cast: Cast) -> None:
    member = create(invited(cast, "viewer", "reviewer", email="Nia@Example.com"))
    assert (member.person.email, member.person.name) == ("nia@example.com", "Nia")
    assert member.roles == ["viewer", "reviewer"]
    assert member.organization_id == cast.organization.id
    assert member.person.check_password(PASSWORD)
    event = Event.objects.get(action="member.joined")
    assert (event.actor_name, event.request_id, event.address) == ("Nia", "req_9", "192.0.2.9")


def test_somebody_with_an_account_joins_with_it(cast: Cast) -> None:
    member = accept(cast, invited(cast), cast.mallory.person)
    assert member.person_id == cast.mallory.person_id
    assert Person.objects.count() == 6


def test_a_link_works_once(cast: Cast) -> None:
    issued = invited(cast)
    create(issued)
    with pytest.raises(NotFound):
        accept(cast, issued, cast.mallory.person)


def test_a_link_works_seven_days(cast: Cast) -> None:
    first, second = invited(cast), invited(cast, email="noa@example.com")
    create(first, now=NOW + INVITATION_LIFE - timedelta(microseconds=1))
    with pytest.raises(NotFound):
        create(second, now=NOW + timedelta(days=7))


def test_a_withdrawn_link_does_not_work(cast: Cast) -> None:
    issued = invited(cast)
    withdraw_invitation(
        organization_id=cast.organization.id,
        invitation_id=issued.invitation.id,
        actor=actor_for(cast.ada),
        now=NOW,
    )
    with pytest.raises(NotFound):
        create(issued)
    assert Event.objects.filter(action="member.invitation_withdrawn").exists()


def test_a_new_link_for_the_same_address_ends_the_old_one(cast: Cast) -> None:
    old, new = invited(cast, "admin"), invited(cast, "viewer")
    with pytest.raises(NotFound):
        create(old)
    assert create(new).roles == ["viewer"]


def test_a_guessed_secret_opens_nothing(cast: Cast) -> None:
    issued = invited(cast)
    with pytest.raises(NotFound):
        create(IssuedInvitation(issued.invitation, issued.secret[:-1]))


def test_the_secret_is_not_stored(cast: Cast) -> None:
    secret = invited(cast).secret
    with connection.cursor() as cursor:
        cursor.execute("select i::text from people_invitation i union all select e::text from audit_event e")
        assert secret not in " ".join(row[0] for row in cursor.fetchall())


def test_the_secret_is_not_in_what_python_prints(cast: Cast) -> None:
    issued = invited(cast)
    assert issued.secret not in repr(issued)


@pytest.mark.parametrize("name", ["olu", "rui", "vera", "mallory"])
def test_only_admins_of_the_organization_invite(cast: Cast, name: str) -> None:
    with pytest.raises(NotAllowed):
        invited(cast, by=getattr(cast, name))
    assert not Invitation.objects.exists()


def test_only_owners_invite_owners(cast: Cast) -> None:
    with pytest.raises(NotAllowed, match="Only an owner"):
        invited(cast, "owner")
    assert create(invited(cast, "owner", by=cast.oona)).roles == ["owner"]


def test_a_link_ends_with_the_rights_of_who_made_it(cast: Cast) -> None:
    issued = invited(cast, "admin")
    change_roles(
        organization_id=cast.organization.id,
        member_id=cast.ada.id,
        roles=["viewer"],
        by=cast.oona,
        actor=actor_for(cast.oona),
        now=NOW,
    )
    with pytest.raises(NotFound):
        create(issued)
    assert not Person.objects.filter(email="nia@example.com").exists()


def test_a_link_ends_with_the_membership_of_who_made_it(cast: Cast) -> None:
    issued = invited(cast)
    remove_member(
        organization_id=cast.organization.id,
        member_id=cast.ada.id,
        by=cast.oona,
        actor=actor_for(cast.oona),
        now=NOW,
    )
    with pytest.raises(NotFound):
        create(issued)


def test_a_link_opens_nobodys_account(cast: Cast) -> None:
    nia = make_person("Nia", password="the one she has had all along")
    issued = invited(cast)
    with pytest.raises(Conflict, match="Sign in"):
        create(issued)
    assert Person.objects.get(pk=nia.pk).password == nia.password
    assert Invitation.objects.get().accepted_at is None


def test_a_member_is_not_invited_and_does_not_join_twice(cast: Cast) -> None:
    with pytest.raises(Conflict, match="already a member"):
        invited(cast, email="Vera@example.com")
    issued = invited(cast)
    with pytest.raises(Conflict, match="already a member"):
        accept(cast, issued, cast.vera.person)
    assert Invitation.objects.get().accepted_at is None


def test_a_foreign_invitation_is_not_found(cast: Cast) -> None:
    issued = invited(cast)
    with pytest.raises(NotFound):
        withdraw_invitation(
            organization_id=cast.mallory.organization_id,
            invitation_id=issued.invitation.id,
            actor=actor_for(cast.mallory),
            now=NOW,
        )


def test_there_are_at_most_so_many_open_links(cast: Cast) -> None:
    Invitation.objects.bulk_create(
        Invitation(
            id=new_id(NOW),
            organization=cast.organization,
            email=f"{number}@example.com",
            roles=["viewer"],
            secret_hash=f"{number:064}",
            invited_by=cast.ada.person,
            created_at=NOW,
            expires_at=NOW + INVITATION_LIFE,
        )
        for number in range(MOST_OPEN_INVITATIONS)
    )
    with pytest.raises(Conflict, match="At most"):
        invited(cast)
