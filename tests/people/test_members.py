"""Members: added, given other roles, removed; owners are the owners' matter and the last one stays."""

from datetime import timedelta
from typing import Any

import pytest

from audit.models import Event
from core.errors import Conflict, Invalid, NotAllowed, NotFound
from people.models import Member, Organization
from people.services import add_member, at_once, change_roles, remove_member
from tests.factories import NOW, Cast, actor_for, make_cast, make_member, make_person
from tests.people.history import told

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def roles_of(member: Member) -> list[str]:
    return Member.objects.get(pk=member.pk).roles


def give(cast: Cast, by: Member, member: Member, *roles: str) -> Member:
    of: dict[str, Any] = {"organization_id": cast.organization.id, "member_id": member.id, "now": NOW}
    return at_once(change_roles(roles=roles, by=by, actor=actor_for(by), **of))


def remove(cast: Cast, by: Member, member: Member) -> None:
    remove_member(organization_id=cast.organization.id, member_id=member.id, by=by, actor=actor_for(by), now=NOW)


def test_an_admin_gives_a_member_other_roles(cast: Cast) -> None:
    epoch = cast.organization.epoch
    give(cast, cast.ada, cast.vera, "reviewer", "operator")
    assert roles_of(cast.vera) == ["reviewer", "operator"]
    change = told("member.roles_changed")
    assert change.before["roles"] == ["viewer"]
    assert change.after["roles"] == ["reviewer", "operator"]
    assert change.event.actor_name == "Ada"
    assert Organization.objects.get(pk=cast.organization.pk).epoch == epoch + 1


def test_the_same_roles_change_nothing(cast: Cast) -> None:
    give(cast, cast.ada, cast.vera, "viewer", "viewer")
    assert not Event.objects.exists()


@pytest.mark.parametrize("name", ["olu", "rui", "vera"])
def test_who_is_no_admin_changes_no_roles(cast: Cast, name: str) -> None:
    by: Member = getattr(cast, name)
    with pytest.raises(NotAllowed, match="managing members"):
        give(cast, by, cast.vera, "admin")
    assert roles_of(cast.vera) == ["viewer"]


def test_only_an_owner_makes_an_owner(cast: Cast) -> None:
    with pytest.raises(NotAllowed, match="Only an owner"):
        give(cast, cast.ada, cast.vera, "owner")
    give(cast, cast.oona, cast.vera, "owner")
    assert roles_of(cast.vera) == ["owner"]


def test_only_an_owner_changes_or_removes_an_owner(cast: Cast) -> None:
    make_member("Otto", cast.organization, ["owner"])
    with pytest.raises(NotAllowed):
        give(cast, cast.ada, cast.oona, "viewer")
    with pytest.raises(NotAllowed):
        remove(cast, cast.ada, cast.oona)
    assert roles_of(cast.oona) == ["owner"]


def test_the_last_owner_cannot_go(cast: Cast) -> None:
    with pytest.raises(Conflict, match="last owner"):
        remove(cast, cast.oona, cast.oona)
    with pytest.raises(Conflict, match="last owner"):
        give(cast, cast.oona, cast.oona, "admin")
    assert roles_of(cast.oona) == ["owner"]


def test_a_removed_owner_is_no_second_owner(cast: Cast) -> None:
    otto = make_member("Otto", cast.organization, ["owner"])
    remove(cast, cast.oona, otto)
    with pytest.raises(Conflict, match="last owner"):
        remove(cast, cast.oona, cast.oona)


def test_one_of_two_owners_may_go(cast: Cast) -> None:
    otto = make_member("Otto", cast.organization, ["owner"])
    remove(cast, otto, cast.oona)
    assert Member.objects.get(pk=cast.oona.pk).removed_at == NOW
    assert told("member.removed").before["email"] == "oona@example.com"


def test_rights_are_those_of_now_not_those_of_the_page(cast: Cast) -> None:
    stale = Member.objects.get(pk=cast.ada.pk)
    remove(cast, cast.oona, cast.ada)
    with pytest.raises(NotAllowed):
        give(cast, stale, cast.vera, "admin")


def test_rights_in_another_organization_count_nothing_here(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        give(cast, cast.mallory, cast.vera, "admin")
    with pytest.raises(NotAllowed):
        remove(cast, cast.mallory, cast.vera)


def test_a_member_of_another_organization_is_not_found(cast: Cast) -> None:
    with pytest.raises(NotFound):
        give(cast, cast.oona, cast.mallory, "viewer")
    with pytest.raises(NotFound):
        remove(cast, cast.oona, cast.mallory)


@pytest.mark.parametrize(("roles", "code"), [([], "roles_missing"), (["root"], "role_unknown")])
def test_unknown_roles_are_refused(cast: Cast, roles: list[str], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        give(cast, cast.oona, cast.vera, *roles)
    assert caught.value.code == code


def test_who_comes_back_is_the_same_member(cast: Cast) -> None:
    remove(cast, cast.ada, cast.vera)
    later = NOW + timedelta(days=1)
    back = add_member(
        organization_id=cast.organization.id,
        person=cast.vera.person,
        roles=["reviewer"],
        actor=actor_for(cast.ada),
        now=later,
    )
    assert back.pk == cast.vera.pk
    assert back.removed_at is None
    assert roles_of(back) == ["reviewer"]


def test_nobody_is_a_member_twice(cast: Cast) -> None:
    with pytest.raises(Conflict, match="already a member"):
        add_member(
            organization_id=cast.organization.id,
            person=cast.vera.person,
            roles=["viewer"],
            actor=actor_for(cast.ada),
            now=NOW,
        )


def test_a_new_member_is_told(cast: Cast) -> None:
    add_member(
        organization_id=cast.organization.id,
        person=make_person("Nia"),
        roles=["viewer"],
        actor=actor_for(cast.ada),
        now=NOW,
    )
    assert told("member.added").after["email"] == "nia@example.com"
