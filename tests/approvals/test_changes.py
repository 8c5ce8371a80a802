"""Four eyes: what loosens waits for a second person, what tightens goes alone, and nobody agrees with themselves."""

from datetime import timedelta
from typing import Any

import pytest

from agents.models import Agent
from approvals.services.changes import approve_change, reject_change
from core.errors import Conflict, Invalid, NotAllowed, NotFound
from core.ids import Prefix, to_public
from people.models import ChangeEnd, PendingChange
from people.services import (
    Awaiting,
    at_once,
    change_roles,
    remove_member,
)
from policies.engine.types import Mode
from policies.models import Policy
from policies.services import (
    AssignTo,
    assign,
    create_published_policy,
    publish,
    publish_draft,
    retire,
    save_draft,
    set_assignments,
    unassign,
    upsert_policy_by_ref,
)
from policies.services.publishing import state_digest
from policies.services.targets import present_targets
from tests.approvals.second import ALL, RESEARCH, agree, cautious, limit_of, policy_in_force, send, told, waits
from tests.factories import NOW, Cast, actor_for, make_cast, make_member
from tests.policies.samples import daily_limit, document, epoch, make_agent, make_policy, reload

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return cautious()


# --- Policies ---------------------------------------------------------------------------------------------------------


def test_a_higher_limit_waits_and_counts_once_somebody_else_agrees(people: Cast) -> None:
    policy = policy_in_force(people)
    before = epoch(people.organization)
    change_id = waits(send(people, policy, "900"))
    assert (limit_of(policy), epoch(people.organization)) == ("500.00", before)
    change = PendingChange.objects.get(pk=change_id)
    assert change.loosens == ["Daily: $500.00 becomes $900.00."]
    assert agree(people, change_id) is ChangeEnd.APPROVED
    assert (limit_of(policy), epoch(people.organization)) == ("900.00", before + 1)
    assert told(to_public(Prefix.POLICY, policy.pk)) == ["change.proposed", "change.approved"]


def test_a_lower_limit_and_a_shadow_go_alone(people: Cast) -> None:
    policy = policy_in_force(people)
    assert not isinstance(send(people, policy, "400"), Awaiting)
    assert limit_of(policy) == "400.00"
    assert not isinstance(send(people, policy, "900", mode=Mode.SHADOW), Awaiting)
    assert not PendingChange.objects.exists()


def test_where_four_eyes_are_not_wanted_everything_goes_alone() -> None:
    people = make_cast()
    policy = make_policy(people.organization, actor_for(people.olu))
    assert not isinstance(send(people, policy, "900"), Awaiting)


def test_the_same_change_again_is_the_same_one_and_another_takes_its_place(people: Cast) -> None:
    policy = policy_in_force(people)
    first = waits(send(people, policy, "900"))
    assert waits(send(people, policy, "900", by=people.ada)) == first
    second = waits(send(people, policy, "800"))
    assert second != first
    assert PendingChange.objects.get(pk=first).closed_as == ChangeEnd.VOIDED
    with pytest.raises(Conflict, match="voided"):
        agree(people, first)
    assert agree(people, second) is ChangeEnd.APPROVED
    assert limit_of(policy) == "800.00"


def test_an_edit_voids_what_waits(people: Cast) -> None:
    policy = policy_in_force(people)
    by: Any = {"organization_id": people.organization.pk, "policy_id": policy.pk, "now": NOW}
    save_draft(document=document(daily_limit("900")), actor=actor_for(people.olu), **by)
    shown = state_digest(reload(policy.pk))
    change_id = waits(publish_draft(shown=shown, mode=Mode.ENFORCED, actor=actor_for(people.olu), **by))
    save_draft(document=document(daily_limit("950")), actor=actor_for(people.olu), **by)
    with pytest.raises(Conflict) as caught:
        agree(people, change_id)
    assert caught.value.code == "change_closed"
    assert limit_of(policy) == "500.00"
    assert told(to_public(Prefix.POLICY, policy.pk)) == ["change.proposed", "change.voided"]


def test_a_published_draft_goes_once_it_is_agreed_to(people: Cast) -> None:
    policy = policy_in_force(people)
    by: Any = {"organization_id": people.organization.pk, "policy_id": policy.pk, "now": NOW}
    save_draft(document=document(daily_limit("900")), actor=actor_for(people.olu), **by)
    shown = state_digest(reload(policy.pk))
    change_id = waits(publish_draft(shown=shown, mode=Mode.ENFORCED, actor=actor_for(people.olu), **by))
    assert reload(policy.pk).draft is not None
    agree(people, change_id)
    assert (limit_of(policy), reload(policy.pk).draft) == ("900.00", None)


def test_what_could_not_be_published_is_refused_at_once(people: Cast) -> None:
    policy = policy_in_force(people)
    never = {"key": "hours", "type": "TIME_WINDOW", "windows": [{"from": "09:00", "to": "09:00"}], "time_zone": "UTC"}
    with pytest.raises(Invalid):
        publish(
            organization_id=people.organization.pk,
            policy_id=policy.pk,
            document=document(daily_limit("900"), never),
            mode=Mode.ENFORCED,
            actor=actor_for(people.olu),
            now=NOW,
        )
    assert not PendingChange.objects.exists()


def test_to_retire_and_to_unassign_wait_and_to_assign_more_goes_alone(people: Cast) -> None:
    policy = policy_in_force(people, targets=RESEARCH)
    by: Any = {"organization_id": people.organization.pk, "policy_id": policy.pk, "actor": actor_for(people.olu)}
    change_id = waits(unassign(targets=RESEARCH, now=NOW, **by))
    assert PendingChange.objects.get(pk=change_id).loosens == ["The policy applies no longer to the label research."]
    retired = waits(retire(now=NOW, **by))
    assert PendingChange.objects.get(pk=retired).title == "Retire Research agents"
    agree(people, retired)
    assert reload(policy.pk).retired_at == NOW


def test_the_first_policy_of_anybody_waits_and_a_further_one_goes_alone(people: Cast) -> None:
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": NOW}
    made: Any = {"name": "First", "document": document(daily_limit("9")), "mode": Mode.ENFORCED}
    change_id = waits(create_published_policy(targets=ALL, **made, **by))
    (first,) = Policy.objects.all()
    assert (first.enforced_id, present_targets(first)) == (None, AssignTo())
    agree(people, change_id)
    assert (limit_of(first), present_targets(first)) == ("9.00", ALL)
    second = at_once(create_published_policy(targets=RESEARCH, **{**made, "name": "Second"}, **by))
    assert limit_of(reload(second)) == "9.00"
    assert not isinstance(assign(policy_id=second, targets=AssignTo(labels=("more",)), **by), Awaiting)


def test_an_agent_without_a_policy_gets_its_first_one_by_two(people: Cast) -> None:
    agent = make_agent(people.organization)
    policy = policy_in_force(people, targets=RESEARCH)
    by: Any = {"organization_id": people.organization.pk, "policy_id": policy.pk, "actor": actor_for(people.olu)}
    more = AssignTo(labels=("research",), agents=(agent.pk,))
    change_id = waits(set_assignments(targets=more, now=NOW, **by))
    assert "the agent Robin" in PendingChange.objects.get(pk=change_id).loosens[0]
    Agent.objects.filter(pk=agent.pk).update(labels=["research"])
    policy_in_force(people, daily_limit(), targets=AssignTo(agents=(agent.pk,)))
    assert not isinstance(set_assignments(targets=more, now=NOW, **by), Awaiting)


def test_a_sync_that_loosens_waits_as_a_whole_and_the_same_call_is_the_same_change(people: Cast) -> None:
    sync: Any = {
        "organization_id": people.organization.pk,
        "external_ref": "ours",
        "name": "Limits",
        "document": document(daily_limit("20")),
        "mode": Mode.ENFORCED,
        "targets": ALL,
        "actor": actor_for(people.olu),
        "now": NOW,
    }
    first = waits(upsert_policy_by_ref(**sync))
    assert waits(upsert_policy_by_ref(**sync)) == first
    agree(people, first)
    assert not at_once(upsert_policy_by_ref(**sync)).is_changed
    looser = sync | {"name": "Renamed", "document": document(daily_limit("30"))}
    second = waits(upsert_policy_by_ref(**looser))
    policy = Policy.objects.get(external_ref="ours")
    assert (policy.name, limit_of(policy)) == ("Limits", "20.00")
    agree(people, second)
    assert (reload(policy.pk).name, limit_of(policy)) == ("Renamed", "30.00")
    assert not at_once(upsert_policy_by_ref(**looser)).is_changed
    assert at_once(upsert_policy_by_ref(**sync)).is_changed


def test_further_years_of_public_holidays_wait_whoever_renews_them(people: Cast) -> None:
    off = {"key": "off", "type": "BLACKOUT_PERIOD", "holidays": {"country": "DE"}}
    policy = policy_in_force(people, daily_limit(), off)
    Policy.objects.filter(pk=policy.pk).update(external_ref="ours")
    next_year, years_later = NOW + timedelta(days=366), NOW + timedelta(days=3 * 366)
    sent: Any = {
        "organization_id": people.organization.pk,
        "document": document(daily_limit(), off),
        "mode": Mode.ENFORCED,
        "actor": actor_for(people.olu),
    }
    assert not at_once(publish(policy_id=policy.pk, now=next_year, **sent)).is_changed
    synced: Any = {"external_ref": "ours", "name": policy.name, "targets": None, "now": years_later}
    for waiting in (
        publish(policy_id=policy.pk, now=years_later, **sent),
        upsert_policy_by_ref(**synced, **sent),
    ):
        assert PendingChange.objects.get(pk=waits(waiting)).loosens == [
            "The public holidays of further years become known; beyond the known ones it denied."
        ]
    assert agree(people, waits(publish(policy_id=policy.pk, now=years_later, **sent)), now=years_later)
    enforced = reload(policy.pk).enforced
    assert enforced is not None
    assert enforced.document["rules"][1]["holidays"]["until"] == "2031-12-31"


def test_a_rule_that_stays_for_some_of_everybody_is_compared_for_them(people: Cast) -> None:
    policy = policy_in_force(people)
    wanted: Any = {
        "organization_id": people.organization.pk,
        "external_ref": "ours",
        "name": policy.name,
        "mode": Mode.ENFORCED,
        "document": document(daily_limit("900")),
        "targets": RESEARCH,
        "actor": actor_for(people.olu),
        "now": NOW,
    }
    Policy.objects.filter(pk=policy.pk).update(external_ref="ours")
    assert PendingChange.objects.get(pk=waits(upsert_policy_by_ref(**wanted))).loosens == [
        "The policy applies no longer to every agent.",
        "Daily: $500.00 becomes $900.00.",
    ]


# --- Who agrees -------------------------------------------------------------------------------------------------------


def test_nobody_agrees_to_what_they_proposed(people: Cast) -> None:
    policy = policy_in_force(people)
    change_id = waits(send(people, policy, "900", by=people.ada))
    with pytest.raises(NotAllowed) as caught:
        agree(people, change_id, by=people.ada)
    assert caught.value.code == "own_change"
    assert agree(people, change_id, by=people.olu) is ChangeEnd.APPROVED


@pytest.mark.parametrize("who", ["rui", "vera", "mallory"])
def test_who_could_not_make_the_change_does_not_agree_to_it(people: Cast, who: str) -> None:
    policy = policy_in_force(people)
    change_id = waits(send(people, policy, "900"))
    with pytest.raises(NotAllowed) as caught:
        agree(people, change_id, by=getattr(people, who))
    assert caught.value.code == "right_missing"


def test_roles_are_read_again_when_somebody_agrees(people: Cast) -> None:
    policy = policy_in_force(people)
    change_id = waits(send(people, policy, "900"))
    second = make_member("Omar", people.organization, ["operator"])
    by: Any = {"organization_id": people.organization.pk, "by": people.oona, "actor": actor_for(people.oona)}
    change_roles(member_id=second.pk, roles=["viewer"], now=NOW, **by)
    with pytest.raises(NotAllowed):
        agree(people, change_id, by=second)
    change_roles(member_id=people.olu.pk, roles=["viewer"], now=NOW, **by)
    assert agree(people, change_id) is ChangeEnd.VOIDED
    assert limit_of(policy) == "500.00"


def test_what_a_removed_member_proposed_is_voided(people: Cast) -> None:
    policy = policy_in_force(people)
    change_id = waits(send(people, policy, "900"))
    remove_member(
        organization_id=people.organization.pk,
        member_id=people.olu.pk,
        by=people.oona,
        actor=actor_for(people.oona),
        now=NOW,
    )
    assert agree(people, change_id) is ChangeEnd.VOIDED


def test_only_what_was_shown_is_agreed_to(people: Cast) -> None:
    change_id = waits(send(people, policy_in_force(people), "900"))
    with pytest.raises(Conflict) as caught:
        agree(people, change_id, digest="0" * 64)
    assert caught.value.code == "change_differs"


def test_a_change_that_waited_too_long_is_not_made_and_can_be_proposed_again(people: Cast) -> None:
    policy = policy_in_force(people)
    change_id = waits(send(people, policy, "900"))
    later = NOW + timedelta(days=7)
    assert agree(people, change_id, now=later) is ChangeEnd.EXPIRED
    assert limit_of(policy) == "500.00"
    assert waits(send(people, policy, "900")) != change_id


def test_a_rejected_change_is_not_made_and_says_why(people: Cast) -> None:
    policy = policy_in_force(people)
    by: Any = {"organization_id": people.organization.pk, "now": NOW}
    change_id = waits(send(people, policy, "900"))
    no: Any = {"change_id": change_id, "person_id": people.ada.person_id, "actor": actor_for(people.ada)}
    with pytest.raises(Invalid):
        reject_change(reason=" ", **no, **by)
    reject_change(reason="Too much.", **no, **by)
    change = PendingChange.objects.get(pk=change_id)
    assert (change.closed_as, change.reason, change.closed_by_name) == ("rejected", "Too much.", "Ada")
    with pytest.raises(Conflict):
        agree(people, change_id)
    again = waits(send(people, policy, "900"))
    mine: Any = {"change_id": again, "person_id": people.olu.person_id, "actor": actor_for(people.olu)}
    reject_change(reason="Not meant.", **mine, **by)
    third = waits(send(people, policy, "900"))
    other: Any = {"change_id": third, "person_id": people.rui.person_id, "actor": actor_for(people.rui)}
    with pytest.raises(NotAllowed):
        reject_change(reason="No.", **other, **by)


def test_another_organization_knows_nothing_of_a_change(people: Cast) -> None:
    change_id = waits(send(people, policy_in_force(people), "900"))
    with pytest.raises(NotFound):
        approve_change(
            organization_id=people.mallory.organization_id,
            change_id=change_id,
            digest="",
            person_id=people.mallory.person_id,
            actor=actor_for(people.mallory),
            now=NOW,
        )
