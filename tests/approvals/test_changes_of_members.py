"""Who may agree is not for one person to say: a role that lets somebody agree waits where four eyes are wanted."""

from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from core.errors import NotAllowed
from core.ids import Prefix, to_public
from people.models import ChangeEnd, Member, Organization, PendingChange
from people.services import Awaiting, accept_invitation_as_new_person, change_roles, invite, remove_member
from tests.approvals.second import agree, cautious, limit_of, policy_in_force, send, waits
from tests.factories import NOW, PASSWORD, Cast, actor_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return cautious()


def joined(people: Cast, *roles: str, by: Member | None = None) -> Member:
    """Somebody new, by an invitation of Ada's: Ada herself, for all that anybody knows."""
    inviter = by or people.ada
    issued = invite(
        organization_id=people.organization.pk,
        email="ada.too@example.com",
        roles=roles,
        by=inviter,
        actor=actor_for(inviter),
        now=NOW,
    )
    return accept_invitation_as_new_person(
        secret=issued.secret, name="Ada Too", password=PASSWORD, request_id="req_1", address="192.0.2.1", now=NOW
    )


def give(people: Cast, member: Member, *roles: str, by: Member | None = None) -> Member | Awaiting:
    who = by or people.ada
    of: Any = {"organization_id": people.organization.pk, "member_id": member.pk, "now": NOW}
    return change_roles(roles=roles, by=who, actor=actor_for(who), **of)


def roles_of(member: Member) -> list[str]:
    return list(Member.objects.get(pk=member.pk).roles)


def waiting_for(member: Member) -> UUID:
    return PendingChange.objects.get(subject_id=to_public(Prefix.MEMBER, member.pk), closed_at=None).pk


def test_nobody_says_yes_to_payments_twice_under_another_address(people: Cast) -> None:
    second = joined(people, "reviewer")
    assert roles_of(second) == ["viewer"]
    assert roles_of(people.vera) == ["viewer"]
    waits(give(people, people.vera, "reviewer"))
    assert roles_of(people.vera) == ["viewer"]
    assert agree(people, waiting_for(second), by=people.oona) is ChangeEnd.APPROVED
    assert roles_of(second) == ["reviewer"]


@pytest.mark.parametrize("role", ["operator", "admin"])
def test_nobody_agrees_with_themselves_under_another_address(people: Cast, role: str) -> None:
    policy = policy_in_force(people)
    second = joined(people, role)
    assert roles_of(second) == ["viewer"]
    proposed = waits(send(people, policy, "900", by=people.ada))
    for change_id in (proposed, waiting_for(second)):
        with pytest.raises(NotAllowed) as caught:
            agree(people, change_id, by=second)
        assert caught.value.code == "right_missing"
    with pytest.raises(NotAllowed) as caught:
        agree(people, waiting_for(second), by=people.ada)
    assert caught.value.code == "own_change"
    assert limit_of(policy) == "500.00"
    assert agree(people, waiting_for(second), by=people.oona) is ChangeEnd.APPROVED
    assert roles_of(second) == [role]


def test_a_role_that_says_yes_to_nothing_comes_at_once_and_the_others_when_somebody_agrees(people: Cast) -> None:
    assert roles_of(joined(people, "viewer")) == ["viewer"]
    assert not PendingChange.objects.exists()
    both = joined_as_both(people)
    assert roles_of(both) == ["viewer"]
    agree(people, waiting_for(both), by=people.oona)
    assert roles_of(both) == ["reviewer", "operator"]


def joined_as_both(people: Cast) -> Member:
    issued = invite(
        organization_id=people.organization.pk,
        email="both@example.com",
        roles=["reviewer", "operator"],
        by=people.ada,
        actor=actor_for(people.ada),
        now=NOW,
    )
    return accept_invitation_as_new_person(
        secret=issued.secret, name="Both", password=PASSWORD, request_id="req_1", address="192.0.2.1", now=NOW
    )


def test_another_role_waits_only_where_it_lets_somebody_agree_to_more(people: Cast) -> None:
    change = waits(give(people, people.vera, "operator"))
    assert roles_of(people.vera) == ["viewer"]
    told = "Vera (vera@example.com) may say yes, as operator, to payments or to what others propose."
    assert PendingChange.objects.get(pk=change).loosens == [told]
    assert waits(give(people, people.vera, "operator")) == change
    waits(give(people, people.vera, "reviewer"))
    assert PendingChange.objects.get(pk=change).closed_as == ChangeEnd.VOIDED
    assert not isinstance(give(people, people.olu, "viewer"), Awaiting)
    waits(give(people, people.olu, "operator"))
    assert not isinstance(give(people, people.ada, "owner", by=people.oona), Awaiting)


def test_where_four_eyes_are_not_wanted_every_role_comes_at_once(people: Cast) -> None:
    Organization.objects.filter(pk=people.organization.pk).update(needs_four_eyes=False)
    assert roles_of(joined(people, "operator")) == ["operator"]
    assert not isinstance(give(people, people.vera, "admin"), Awaiting)


def test_an_owner_is_made_by_an_owner_also_when_somebody_agrees(people: Cast) -> None:
    change = waits(give(people, people.vera, "owner", by=people.oona))
    Member.objects.filter(pk=people.oona.pk).update(roles=["admin"])
    with pytest.raises(NotAllowed) as caught:
        agree(people, change)
    assert caught.value.code == "owners_only"
    Member.objects.filter(pk=people.oona.pk).update(roles=["owner"])
    assert agree(people, change) is ChangeEnd.APPROVED
    assert roles_of(people.vera) == ["owner"]


def test_what_waits_for_a_member_goes_with_the_member_or_with_who_proposed(people: Cast) -> None:
    of: Any = {"organization_id": people.organization.pk, "by": people.oona, "actor": actor_for(people.oona)}
    change = waits(give(people, people.vera, "operator"))
    remove_member(member_id=people.vera.pk, now=NOW, **of)
    assert PendingChange.objects.get(pk=change).closed_as == ChangeEnd.VOIDED
    change = waits(give(people, people.rui, "operator"))
    remove_member(member_id=people.ada.pk, now=NOW, **of)
    assert agree(people, change, by=people.oona) is ChangeEnd.VOIDED
    assert roles_of(people.rui) == ["reviewer"]


def test_the_pages_say_that_a_role_waits(people: Cast, client: Client) -> None:
    client.force_login(people.ada.person)
    at = f"/settings/members/{to_public(Prefix.MEMBER, people.vera.pk)}/roles/"
    page = client.post(at, {"roles": ["operator"]}, follow=True).content.decode()
    assert "waits for a second person" in page
    assert "A role that lets somebody review payments or agree to changes waits" in page
    client.force_login(people.oona.person)
    page = client.get(f"/approvals/changes/{to_public(Prefix.CHANGE, waiting_for(people.vera))}/").content.decode()
    assert "Make Vera operator" in page
    assert "may say yes, as operator, to payments or to what others propose." in page
