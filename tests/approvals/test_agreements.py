"""What a key proposes needs two persons: nobody knows who holds a key, and one of two is certainly somebody else."""

from datetime import datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils.html import strip_tags

from approvals.selectors.changes import number_to_agree
from approvals.services.changes import reject_change
from audit.models import Event
from core.actor import SYSTEM, Actor, ActorKind
from core.db import rows
from core.errors import Conflict, NotAllowed
from core.ids import Prefix, to_public
from people.models import Agreement, ChangeEnd, Member, PendingChange
from people.services import (
    add_member,
    change_roles,
    issue_organization_key,
    remove_member,
    revoke_organization_key,
)
from policies.engine.types import Mode
from policies.models import Policy
from policies.services import publish, save_draft
from tests.approvals.second import agree, cautious, limit_of, policy_in_force, send, told, waits
from tests.factories import NOW, Cast, actor_for, make_member
from tests.policies.samples import daily_limit, document

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return cautious()


def key_of(people: Cast, issuer: Member, *, expires_at: datetime | None = None) -> tuple[Actor, UUID]:
    issued = issue_organization_key(
        organization_id=people.organization.pk,
        name="Back end",
        scopes=("policies",),
        expires_at=expires_at,
        by=issuer.person,
        actor=actor_for(issuer),
        now=NOW,
    )
    key_id = issued.key.pk
    return Actor(ActorKind.ORGANIZATION_KEY, to_public(Prefix.KEY, key_id), "Back end", people.organization.pk), key_id


def by_key(people: Cast, policy: Policy, actor: Actor | None = None, amount: str = "900") -> UUID:
    """A change that a key of Ada's proposed, whoever holds it."""
    return waits(
        publish(
            organization_id=people.organization.pk,
            policy_id=policy.pk,
            document=document(daily_limit(amount)),
            mode=Mode.ENFORCED,
            actor=actor or key_of(people, people.ada)[0],
            now=NOW,
        )
    )


def owner_of(people: Cast) -> dict[str, Any]:
    return {
        "organization_id": people.organization.pk,
        "by": people.oona,
        "actor": actor_for(people.oona),
        "now": NOW,
    }


# --- Two agree --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [("ada", "olu"), ("olu", "ada"), ("olu", "oona")])
def test_who_holds_a_key_that_a_colleague_issued_cannot_agree_to_what_it_proposed_alone(
    people: Cast, order: tuple[str, str]
) -> None:
    """Olu may hold the key, or Ada may: of two who agree, one is somebody else."""
    policy = policy_in_force(people)
    change_id = by_key(people, policy)
    first, second = (getattr(people, name) for name in order)
    assert agree(people, change_id, by=first) is None
    assert limit_of(policy) == "500.00"
    with pytest.raises(Conflict) as caught:
        agree(people, change_id, by=first)
    assert caught.value.code == "already_agreed"
    assert agree(people, change_id, by=second) is ChangeEnd.APPROVED
    assert limit_of(policy) == "900.00"
    assert told(to_public(Prefix.POLICY, policy.pk)) == ["change.proposed", "change.agreed", "change.approved"]
    made = Event.objects.get(action="change.approved")
    assert made.after is not None
    assert set(made.after["agreed_by"]) == {to_public(Prefix.PERSON, one.person_id) for one in (first, second)}


def test_what_a_command_proposed_needs_two_for_nobody_knows_who_ran_it(people: Cast) -> None:
    policy = policy_in_force(people)
    change_id = by_key(people, policy, SYSTEM)
    assert agree(people, change_id) is None
    assert agree(people, change_id, by=people.olu) is ChangeEnd.APPROVED


def test_no_key_agrees(people: Cast) -> None:
    actor, _ = key_of(people, people.ada)
    change_id = by_key(people, policy_in_force(people), actor)
    with pytest.raises(NotAllowed) as caught:
        agree(people, change_id, by=people.olu, actor=actor)
    assert caught.value.code == "person_required"


def test_what_a_person_proposed_needs_one_other_and_that_one_is_stored(people: Cast) -> None:
    policy = policy_in_force(people)
    change_id = waits(send(people, policy, "900"))
    assert agree(people, change_id) is ChangeEnd.APPROVED
    given = Agreement.objects.get(change_id=change_id)
    assert (given.person_id, given.name, given.at) == (people.ada.person_id, "Ada", NOW)
    assert given.digest == PendingChange.objects.get(pk=change_id).digest


def test_the_same_content_from_a_person_does_not_make_one_of_two_enough(people: Cast) -> None:
    """Whoever holds the key proposes by it, then the same in the console, and needs two other agreements still."""
    policy = policy_in_force(people)
    change_id = by_key(people, policy)
    assert waits(send(people, policy, "900")) == change_id
    assert agree(people, change_id, by=people.olu) is None
    assert agree(people, change_id) is ChangeEnd.APPROVED


def test_the_same_content_from_a_key_lets_a_person_not_agree_to_their_own(people: Cast) -> None:
    policy = policy_in_force(people)
    change_id = waits(send(people, policy, "900"))
    assert by_key(people, policy) == change_id
    with pytest.raises(NotAllowed) as caught:
        agree(people, change_id, by=people.olu)
    assert caught.value.code == "own_change"


def test_an_edit_voids_the_agreement_with_the_change(people: Cast) -> None:
    policy = policy_in_force(people)
    actor, _ = key_of(people, people.ada)
    change_id = by_key(people, policy, actor)
    agree(people, change_id)
    save_draft(
        organization_id=people.organization.pk,
        policy_id=policy.pk,
        document=document(daily_limit("950")),
        actor=actor_for(people.olu),
        now=NOW,
    )
    with pytest.raises(Conflict):
        agree(people, change_id, by=people.olu)
    again = by_key(people, policy, actor)
    assert again != change_id
    assert agree(people, again, by=people.olu) is None, "Ada agreed to the one before"
    assert by_key(people, policy, actor, "800") != again
    assert limit_of(policy) == "500.00"


def test_one_of_two_may_still_reject_it(people: Cast) -> None:
    change_id = by_key(people, policy_in_force(people))
    agree(people, change_id)
    no: Any = {"change_id": change_id, "person_id": people.ada.person_id, "actor": actor_for(people.ada), "now": NOW}
    reject_change(organization_id=people.organization.pk, reason="On second thoughts.", **no)
    assert PendingChange.objects.get(pk=change_id).closed_as == ChangeEnd.REJECTED


# --- Who may agree is read again --------------------------------------------------------------------------------------


def test_an_agreement_goes_with_the_role_and_does_not_come_back_with_it(people: Cast) -> None:
    policy = policy_in_force(people)
    change_id = by_key(people, policy)
    assert agree(people, change_id, by=people.olu) is None
    change_roles(member_id=people.olu.pk, roles=["viewer"], **owner_of(people))
    assert Agreement.objects.get().withdrawn_at == NOW
    agree(people, waits(change_roles(member_id=people.olu.pk, roles=["operator"], **owner_of(people))))
    assert agree(people, change_id) is None
    assert limit_of(policy) == "500.00"
    assert agree(people, change_id, by=people.olu) is ChangeEnd.APPROVED
    assert "change.agreement_withdrawn" in told(to_public(Prefix.POLICY, policy.pk))


def test_a_role_that_still_includes_the_right_keeps_the_agreement(people: Cast) -> None:
    change_id = by_key(people, policy_in_force(people))
    agree(people, change_id, by=people.olu)
    change_roles(member_id=people.olu.pk, roles=["operator", "reviewer"], **owner_of(people))
    assert agree(people, change_id) is ChangeEnd.APPROVED


def test_an_agreement_goes_with_the_member_who_comes_back_without_it(people: Cast) -> None:
    policy = policy_in_force(people)
    change_id = by_key(people, policy)
    assert agree(people, change_id, by=people.olu) is None
    remove_member(member_id=people.olu.pk, **owner_of(people))
    add_member(
        organization_id=people.organization.pk,
        person=people.olu.person,
        roles=["operator"],
        actor=actor_for(people.oona),
        now=NOW,
    )
    assert agree(people, change_id) is None
    assert limit_of(policy) == "500.00"


@pytest.mark.parametrize(
    "sql",
    [
        "update people_member set roles = '{viewer}' where id = %s",
        "update people_member set removed_at = now() where id = %s",
        "update people_person set is_active = false where id = (select person_id from people_member where id = %s)",
    ],
)
def test_rights_are_read_again_when_the_last_one_agrees(people: Cast, sql: str) -> None:
    policy = policy_in_force(people)
    change_id = by_key(people, policy)
    agree(people, change_id, by=people.olu)
    rows(sql, [people.olu.pk])
    assert agree(people, change_id) is None
    assert limit_of(policy) == "500.00"
    assert agree(people, change_id, by=people.oona) is ChangeEnd.APPROVED


def test_a_revoked_key_proposes_nothing_any_more(people: Cast) -> None:
    policy = policy_in_force(people)
    actor, key_id = key_of(people, people.ada)
    change_id = by_key(people, policy, actor)
    assert agree(people, change_id, by=people.olu) is None
    revoke_organization_key(organization_id=people.organization.pk, key_id=key_id, actor=actor_for(people.ada), now=NOW)
    assert agree(people, change_id, by=people.oona) is ChangeEnd.VOIDED
    assert limit_of(policy) == "500.00"


@pytest.mark.parametrize(
    ("hours", "end", "limit"), [(2, ChangeEnd.APPROVED, "900.00"), (1, ChangeEnd.VOIDED, "500.00")]
)
def test_what_a_key_proposed_is_made_only_while_the_key_lives(
    people: Cast, hours: int, end: ChangeEnd, limit: str
) -> None:
    policy = policy_in_force(people)
    actor, _ = key_of(people, people.ada, expires_at=NOW + timedelta(hours=hours))
    change_id = by_key(people, policy, actor)
    assert agree(people, change_id) is None
    assert agree(people, change_id, by=people.olu, now=NOW + timedelta(hours=1)) is end
    assert limit_of(policy) == limit


# --- Pages ------------------------------------------------------------------------------------------------------------


def test_pages_say_how_many_of_the_two_have_agreed_and_why_two(people: Cast) -> None:
    policy = policy_in_force(people)
    change_id = by_key(people, policy)
    rows("update people_pendingchange set expires_at = now() + interval '1 day'")
    at = f"/approvals/changes/{to_public(Prefix.CHANGE, change_id)}/"

    def read(member: Member, path: str = at) -> str:
        client = Client()
        client.force_login(member.person)
        return " ".join(unescape(strip_tags(client.get(path).content.decode())).split())

    def post(member: Member) -> str:
        client = Client()
        client.force_login(member.person)
        sent = {"digest": PendingChange.objects.get(pk=change_id).digest}
        return client.post(f"{at}approve/", sent, follow=True).content.decode()

    why = "because a key proposed it, and nobody knows who holds a key."
    assert f"0 of 2 have agreed One person Another person Two different persons are needed, {why}" in read(people.ada)
    assert "Nothing of it counts before the other person agrees." in read(people.ada)
    assert [number_to_agree(one, now=NOW) for one in (people.ada, people.olu, people.rui)] == [1, 1, 0]
    assert "One more person must" in post(people.ada)
    assert limit_of(policy) == "500.00"
    assert [number_to_agree(one, now=NOW) for one in (people.ada, people.olu)] == [0, 1]
    for member in (people.ada, people.olu, people.vera):
        page = read(member)
        assert "1 of 2 have agreed Ada " in page
        assert f"One more person Two different persons are needed, {why}" in page
        assert "1 of 2: Ada" in read(member, "/approvals/changes/")
    assert "You agreed. Somebody else must agree as well." in read(people.ada)
    assert "Agree, and make the change" in read(people.olu)
    assert "1 of 2 have agreed: Ada" in read(people.rui, "/approvals/")
    post(people.olu)
    assert limit_of(policy) == "900.00"
    page = read(people.vera)
    assert "Ada agreed" in page
    assert "Olu agreed" in page


def test_somebody_who_joins_later_is_one_of_two_as_anybody_is(people: Cast) -> None:
    change_id = by_key(people, policy_in_force(people))
    agree(people, change_id)
    assert agree(people, change_id, by=make_member("Omar", people.organization, ["operator"])) is ChangeEnd.APPROVED
