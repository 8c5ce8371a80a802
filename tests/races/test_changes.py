"""Two people agree at once, and one edits while another agrees: a change is made once, and never beside an edit."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from approvals.selectors.books import faults
from approvals.services.changes import approve_change
from core.actor import Actor, ActorKind
from core.errors import ContoError
from core.ids import Prefix, to_public
from people.models import ChangeEnd, Member, Organization, PendingChange
from people.services import Awaiting, agree_to, close, issue_organization_key, remove_member, those_who_agree
from policies.engine.types import Mode
from policies.models import Policy, PolicyVersion
from policies.services import publish, save_draft
from tests.factories import NOW, Cast, actor_for, make_cast, make_member
from tests.policies.samples import daily_limit, document, make_policy

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

APPROVERS = 6
ROUNDS = 4


def set_up() -> tuple[Cast, Policy, UUID]:
    people = make_cast()
    policy = make_policy(people.organization, actor_for(people.olu))
    Organization.objects.filter(pk=people.organization.pk).update(needs_four_eyes=True)
    return people, policy, proposed(people, policy, "900")


def proposed(people: Cast, policy: Policy, amount: str, actor: Actor | None = None) -> UUID:
    waiting = publish(
        organization_id=people.organization.pk,
        policy_id=policy.pk,
        document=document(daily_limit(amount)),
        mode=Mode.ENFORCED,
        actor=actor or actor_for(people.olu),
        now=NOW,
    )
    assert isinstance(waiting, Awaiting)
    return waiting.change_id


def agree(people: Cast, change_id: UUID, who: Member) -> str:
    digest = PendingChange.objects.values_list("digest", flat=True).get(pk=change_id)
    try:
        end = approve_change(
            organization_id=people.organization.pk,
            change_id=change_id,
            digest=digest,
            person_id=who.person_id,
            actor=actor_for(who),
            now=NOW,
        )
    except ContoError as error:
        return error.code
    return "waits" if end is None else end.value


def at_the_same_time(*calls: Any) -> Counter[str]:
    start = Barrier(len(calls))

    def run(call: Any) -> str:
        try:
            start.wait()
            return str(call())
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(pool.map(run, calls))


def test_control_without_the_lock_a_change_is_closed_by_everybody_who_looked() -> None:
    people, _, change_id = set_up()
    looked = Barrier(2)

    def call(who: Member) -> str:
        with transaction.atomic():
            change = PendingChange.objects.get(pk=change_id, closed_at=None)
            looked.wait()
            agree_to(change, who.person_id, actor=actor_for(who), now=NOW)
            looked.wait()
            close(change, ChangeEnd.APPROVED, reason="", actor=actor_for(who), now=NOW)
        return "approved"

    both = at_the_same_time(lambda: call(people.ada), lambda: call(people.oona))
    assert both == Counter({"approved": 2})


def test_of_several_who_agree_at_once_one_makes_the_change() -> None:
    people, policy, change_id = set_up()
    members = [make_member(f"Member {number}", people.organization, ["operator"]) for number in range(APPROVERS)]
    answers = at_the_same_time(*[lambda who=who: agree(people, change_id, who) for who in members])
    assert answers == Counter({"approved": 1, "change_closed": APPROVERS - 1})
    assert PolicyVersion.objects.filter(policy=policy).count() == 2
    assert faults() == []


def by_key(people: Cast, policy: Policy, amount: str = "800") -> UUID:
    """A change that a key of Ada's proposed."""
    issued = issue_organization_key(
        organization_id=people.organization.pk,
        name="Back end",
        scopes=("policies",),
        expires_at=None,
        by=people.ada.person,
        actor=actor_for(people.ada),
        now=NOW,
    )
    key = to_public(Prefix.KEY, issued.key.pk)
    actor = Actor(ActorKind.ORGANIZATION_KEY, key, "Back end", people.organization.pk)
    return proposed(people, policy, amount, actor)


def test_control_without_the_gate_each_of_two_who_agree_at_once_takes_themselves_for_the_first() -> None:
    people, policy, _ = set_up()
    change_id = by_key(people, policy)
    written, counted = Barrier(2), Barrier(2)

    def call(who: Member) -> str:
        with transaction.atomic():
            change = PendingChange.objects.get(pk=change_id)
            agree_to(change, who.person_id, actor=actor_for(who), now=NOW)
            written.wait()
            number = len(those_who_agree(change))
            counted.wait()
            return f"{number} of 2"

    assert at_the_same_time(lambda: call(people.ada), lambda: call(people.oona)) == Counter({"1 of 2": 2})


def test_of_several_who_agree_at_once_to_what_a_key_proposed_the_second_makes_it() -> None:
    people, policy, _ = set_up()
    change_id = by_key(people, policy)
    members = [make_member(f"Member {number}", people.organization, ["operator"]) for number in range(APPROVERS)]
    answers = at_the_same_time(*[lambda who=who: agree(people, change_id, who) for who in members])
    assert answers == Counter({"waits": 1, "approved": 1, "change_closed": APPROVERS - 2})
    assert PolicyVersion.objects.filter(policy=policy).count() == 2
    assert faults() == []


def test_one_person_who_agrees_many_times_at_once_is_one_of_two() -> None:
    people, policy, _ = set_up()
    change_id = by_key(people, policy)
    answers = at_the_same_time(*[lambda: agree(people, change_id, people.ada)] * APPROVERS)
    assert answers == Counter({"waits": 1, "already_agreed": APPROVERS - 1})
    assert PolicyVersion.objects.filter(policy=policy).count() == 1
    assert agree(people, change_id, people.oona) == "approved"


def test_who_is_removed_while_another_agrees_is_none_of_the_two() -> None:
    """Either order is right: the change is made while both are there, or waits for another one."""
    people, policy, _ = set_up()
    for number in range(ROUNDS):
        change_id = by_key(people, policy, f"{1000 + number}")
        gone = make_member(f"Gone {number}", people.organization, ["operator"])
        other = make_member(f"Other {number}", people.organization, ["operator"])
        assert agree(people, change_id, gone) == "waits"
        by: Any = {"organization_id": people.organization.pk, "by": people.oona, "actor": actor_for(people.oona)}
        before = PolicyVersion.objects.filter(policy=policy).count()

        def remove(who: Member, by: Any) -> str:
            remove_member(member_id=who.pk, now=NOW, **by)
            return "removed"

        answers = at_the_same_time(
            lambda: remove(gone, by),  # noqa: B023
            lambda: agree(people, change_id, other),  # noqa: B023
        )
        made = PolicyVersion.objects.filter(policy=policy).count() - before
        assert answers == Counter({"removed": 1, "approved" if made else "waits": 1})


def test_an_edit_and_an_agreement_at_once_leave_one_of_the_two() -> None:
    people, policy, change_id = set_up()
    by: Any = {"organization_id": people.organization.pk, "policy_id": policy.pk, "now": NOW}

    def edit(amount: str) -> str:
        save_draft(document=document(daily_limit(amount)), actor=actor_for(people.olu), **by)
        return "edited"

    for number in range(ROUNDS):
        before = PolicyVersion.objects.filter(policy=policy).count()
        answers = at_the_same_time(
            lambda: edit(f"{1000 + number}"),  # noqa: B023
            lambda: agree(people, change_id, people.ada),  # noqa: B023
        )
        assert answers["edited"] == 1
        end = PendingChange.objects.get(pk=change_id).closed_as
        assert answers[{"approved": "approved", "voided": "change_closed"}[str(end)]] == 1
        made = PolicyVersion.objects.filter(policy=policy).count() - before
        assert made == (1 if end == "approved" else 0)
        change_id = proposed(people, policy, f"{2000 + number}")
    assert faults() == []
