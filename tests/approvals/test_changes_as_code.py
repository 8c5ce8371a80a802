"""A file of policies that loosens: it waits as one change, and somebody else agrees to all of it or to nothing."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from approvals.services.changes import reject_change
from core.actor import Actor, ActorKind
from core.errors import Conflict, InvalidMany, NotAllowed
from core.ids import Prefix, to_public
from people.models import ChangeEnd, Member, Organization, PendingChange
from people.services import (
    at_once,
    issue_organization_key,
    remove_member,
    revoke_organization_key,
)
from policies.engine.types import Mode
from policies.models import Policy, PolicyVersion
from policies.services import (
    AssignTo,
    create_policy,
    describe_policy,
    publish,
    retire,
    save_draft,
    set_assignments,
)
from tests.agents.samples import bearer
from tests.approvals.filed import EVERYBODY, LOOSER, at, change, in_force, limit, signed_in, yes
from tests.approvals.second import told, waits
from tests.approvals.world import add_agent
from tests.factories import Cast, actor_for
from tests.policies.samples import daily_limit, document, epoch, make_policy, reload
from tests.policies.test_as_code import LATER, applied, planned, research, sent, stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return in_force()


# --- It waits as a whole ----------------------------------------------------------------------------------------------


def test_a_mixed_file_waits_as_a_whole_and_is_brought_as_a_whole(people: Cast) -> None:
    by_hand = make_policy(people.organization, actor_for(people.olu), name="By hand")
    tighter = {"ref": "tighter", "name": "Tighter", "rules": [daily_limit("50")], "assigned_to": EVERYBODY}
    before, versions = epoch(people.organization), PolicyVersion.objects.count()
    change_id = waits(sent(people, LOOSER, tighter, retires_others=True))
    assert (limit(people), epoch(people.organization), PolicyVersion.objects.count()) == ("500.00", before, versions)
    assert not Policy.objects.filter(external_ref="tighter").exists()
    waiting = change(change_id)
    assert waiting.title == "Apply a file of policies: 1 created, 1 changed, 1 retired"
    assert waiting.loosens == [
        "Research agents: Daily: $500.00 becomes $900.00.",
        "By hand: The rule daily is taken away: At most $500.00 a day.",
    ]
    assert yes(people, change_id) is ChangeEnd.APPROVED
    assert (limit(people), limit(people, "tighter"), epoch(people.organization)) == ("900.00", "50.00", before + 1)
    assert reload(by_hand.pk).retired_at == LATER
    enforced = stored(people).enforced
    assert enforced is not None
    assert (enforced.note, enforced.published_by_name) == ("from the repository", "Ada")
    assert told("policies") == ["change.proposed", "change.approved"]
    assert not planned(people, LOOSER, tighter, retires_others=True).has_changes


def test_a_plan_says_whether_it_would_wait(people: Cast) -> None:
    assert planned(people, LOOSER).facts()["needs_second_person"] is True
    assert planned(people, research(rules=[daily_limit("400")])).facts()["needs_second_person"] is False
    Organization.objects.update(needs_four_eyes=False)
    assert planned(people, LOOSER).facts()["needs_second_person"] is False


def test_the_first_policy_of_anybody_waits_in_a_file_too(people: Cast) -> None:
    at_once(sent(people, research(), research(ref="idle", name="Idle")))
    change_id = waits(sent(people, research(assigned_to={"labels": ["eu"]})))
    assert change(change_id).loosens == ["Research agents: The policy applies no longer to every agent."]
    yes(people, change_id)
    change_id = waits(sent(people, research(ref="idle", name="Idle", assigned_to={"labels": ["us"]})))
    assert change(change_id).loosens == [
        "Idle: The policy applies to the label us, for whom no rule judges every payment yet."
    ]
    at_once(sent(people, research(ref="idle", name="Idle", assigned_to={"labels": ["eu"]})))


def test_the_same_file_again_is_the_same_change_and_another_one_takes_its_place(people: Cast) -> None:
    first = waits(sent(people, LOOSER))
    assert waits(sent(people, LOOSER)) == first
    assert waits(sent(people, LOOSER, actor=actor_for(people.ada))) == first
    second = waits(sent(people, research(rules=[daily_limit("800")], assigned_to=EVERYBODY)))
    assert second != first
    assert (change(first).closed_as, change(first).reason) == ("voided", "Another one was proposed in its place.")
    with pytest.raises(Conflict, match="voided"):
        yes(people, first)
    assert waits(sent(people, LOOSER, note="another reason")) != second


def test_what_is_not_as_planned_or_has_an_error_does_not_wait(people: Cast) -> None:
    with pytest.raises(Conflict) as outdated:
        sent(people, LOOSER, digest="0" * 64)
    assert outdated.value.code == "plan_outdated"
    never = {"key": "never", "type": "TIME_WINDOW", "windows": [{"from": "09:00", "to": "09:00"}], "time_zone": "UTC"}
    with pytest.raises(InvalidMany):
        sent(people, research(rules=[daily_limit("900"), never], assigned_to=EVERYBODY))
    assert not PendingChange.objects.exists()


# --- What happens meanwhile -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edit", ["publish", "describe", "assign", "retire", "apply"])
def test_whatever_happens_to_a_policy_of_the_file_voids_it(people: Cast, edit: str) -> None:
    change_id = waits(sent(people, LOOSER))
    by: Any = {"organization_id": people.organization.pk, "policy_id": stored(people).pk, "now": LATER}
    by["actor"] = actor_for(people.olu)
    match edit:
        case "publish":
            publish(document=document(daily_limit("400")), mode=Mode.ENFORCED, **by)
        case "describe":
            describe_policy(name="Renamed", description="", **by)
        case "assign":
            set_assignments(targets=AssignTo(organization=True, labels=("eu",)), **by)
        case "retire":
            yes(people, waits(retire(**by)))
        case _:
            applied(people, research(rules=[daily_limit("400")]))
    assert (change(change_id).closed_as, change(change_id).reason) == ("voided", "The subject was changed meanwhile.")
    with pytest.raises(Conflict):
        yes(people, change_id)
    assert not PolicyVersion.objects.filter(document=document(daily_limit("900.00"))).exists()


def test_a_draft_and_a_policy_that_the_file_does_not_name_do_not_void_it(people: Cast) -> None:
    other = make_policy(people.organization, actor_for(people.olu), name="Other", targets=AssignTo())
    change_id = waits(sent(people, LOOSER))
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": LATER}
    save_draft(policy_id=stored(people).pk, document=document(daily_limit("1")), **by)
    publish(policy_id=other.pk, document=document(daily_limit("7")), mode=Mode.ENFORCED, **by)
    assert waits(sent(people, LOOSER)) == change_id
    assert yes(people, change_id) is ChangeEnd.APPROVED
    assert (limit(people), stored(people).draft) == ("900.00", document(daily_limit("1.00")))


def test_a_file_that_would_do_something_else_meanwhile_is_voided_when_somebody_agrees(people: Cast) -> None:
    fresh = {"ref": "fresh", "name": "Fresh", "rules": [daily_limit("9")], "assigned_to": EVERYBODY}
    change_id = waits(sent(people, LOOSER, fresh))
    create_policy(
        organization_id=people.organization.pk,
        name="By hand",
        external_ref="fresh",
        actor=actor_for(people.olu),
        now=LATER,
    )
    before, versions = epoch(people.organization), PolicyVersion.objects.count()
    assert yes(people, change_id) is ChangeEnd.VOIDED
    assert "would do something else" in change(change_id).reason
    assert (limit(people), stored(people, "fresh").enforced) == ("500.00", None)
    assert (epoch(people.organization), PolicyVersion.objects.count()) == (before, versions)


def test_a_file_that_loosens_more_than_was_shown_is_voided(people: Cast) -> None:
    """Nothing happens to a policy of the file: another one goes, beside which it loosened less."""
    guard = make_policy(people.organization, actor_for(people.olu), name="Guard")
    assert isinstance(guard, Policy)
    more = {"ref": "more", "name": "More", "rules": [daily_limit("5")], "assigned_to": {"labels": ["eu"]}}
    narrow = daily_limit("500", when={"rails": ["card"]})
    applied_narrow = waits(sent(people, research(rules=[narrow], assigned_to=EVERYBODY)))
    yes(people, applied_narrow)
    wide = research(rules=[daily_limit("900", when={"rails": ["card"]})], assigned_to=EVERYBODY)
    change_id = waits(sent(people, wide, more))
    assert len(change(change_id).loosens) == 1
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": LATER}
    yes(people, waits(retire(policy_id=guard.pk, **by)))
    assert change(change_id).closed_as is None
    assert yes(people, change_id) is ChangeEnd.VOIDED


def test_what_cannot_be_made_any_more_is_refused_with_its_place_and_waits_on(people: Cast) -> None:
    asks = {"key": "ask", "type": "APPROVAL_THRESHOLD", "above": {"USD": "5"}}
    named = asks | {"review": {"people": [to_public(Prefix.PERSON, people.rui.person_id)]}}
    change_id = waits(sent(people, research(rules=[daily_limit("900"), named], assigned_to=EVERYBODY)))
    remove_member(
        organization_id=people.organization.pk,
        member_id=people.rui.pk,
        by=people.oona,
        actor=actor_for(people.oona),
        now=LATER,
    )
    with pytest.raises(InvalidMany) as refused:
        yes(people, change_id)
    assert refused.value.errors[0][:2] == ("policies[0].rules[1].review.people", "reviewer_unknown")
    assert (change(change_id).closed_as, limit(people)) == (None, "500.00")
    page = signed_in(people.ada).post(f"{at(change_id)}approve/", {"digest": change(change_id).digest})
    assert page.status_code == 422
    assert "is no present member who may review" in page.content.decode()


def test_further_years_of_holidays_are_not_brought_by_what_was_agreed_to_before(people: Cast) -> None:
    off = {"key": "off", "type": "BLACKOUT_PERIOD", "holidays": {"country": "DE"}}
    applied(people, research(rules=[daily_limit(), off]))
    change_id = waits(sent(people, research(rules=[daily_limit("900"), off])))
    PendingChange.objects.filter(pk=change_id).update(expires_at=LATER + timedelta(days=5_000))
    assert yes(people, change_id, now=LATER + timedelta(days=3 * 366)) is ChangeEnd.VOIDED


# --- Who agrees -------------------------------------------------------------------------------------------------------


def key_of(people: Cast, issuer: Member) -> tuple[Actor, UUID, str]:
    issued = issue_organization_key(
        organization_id=people.organization.pk,
        name="CI",
        scopes=("policies",),
        expires_at=None,
        by=issuer.person,
        actor=actor_for(issuer),
        now=LATER,
    )
    key = issued.key.pk
    return (
        Actor(ActorKind.ORGANIZATION_KEY, to_public(Prefix.KEY, key), "CI", people.organization.pk),
        key,
        issued.secret,
    )


def test_nobody_agrees_to_a_file_of_theirs_by_any_path(people: Cast) -> None:
    change_id = waits(sent(people, LOOSER, actor=actor_for(people.ada)))
    with pytest.raises(NotAllowed) as refused:
        yes(people, change_id)
    assert refused.value.code == "own_change"
    actor, _, secret = key_of(people, people.ada)
    by_key = waits(sent(people, research(rules=[daily_limit("800")], assigned_to=EVERYBODY), actor=actor))
    for more, code in (
        ({"actor": actor}, "person_required"),
        ({"actor": actor, "by": people.olu}, "person_required"),
        ({"by": people.rui}, "right_missing"),
        ({"by": people.vera}, "right_missing"),
        ({"by": people.mallory}, "right_missing"),
    ):
        with pytest.raises(NotAllowed) as refused:
            yes(people, by_key, **more)
        assert refused.value.code == code
    app = Client(headers=bearer(secret))
    public_id = to_public(Prefix.CHANGE, by_key)
    assert app.get(f"/api/v1/changes/{public_id}").status_code == 200
    for method in (app.post, app.put, app.patch):
        for path in (f"/api/v1/changes/{public_id}", f"/api/v1/changes/{public_id}/approve"):
            answer = method(path, json.dumps({"status": "approved"}), content_type="application/json")
            assert answer.status_code in (404, 405)
    assert app.post(f"{at(by_key)}approve/", {"digest": change(by_key).digest}).status_code in (302, 403)
    assert yes(people, by_key) is None, "Ada issued the key, and may not be who holds it"
    assert limit(people) == "500.00"
    assert yes(people, by_key, by=people.olu) is ChangeEnd.APPROVED


def test_what_a_revoked_key_proposed_is_voided(people: Cast) -> None:
    actor, key_id, _ = key_of(people, people.ada)
    change_id = waits(sent(people, LOOSER, actor=actor))
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.ada), "now": LATER}
    revoke_organization_key(key_id=key_id, **by)
    assert yes(people, change_id, by=people.olu) is ChangeEnd.VOIDED
    assert limit(people) == "500.00"


def test_a_file_is_rejected_taken_back_and_runs_out(people: Cast) -> None:
    by: Any = {"organization_id": people.organization.pk, "now": LATER}
    for who in (people.ada, people.olu):
        change_id = waits(sent(people, LOOSER))
        no: Any = {"change_id": change_id, "person_id": who.person_id, "actor": actor_for(who)}
        reject_change(reason="Not this month.", **no, **by)
        assert (change(change_id).closed_as, limit(people)) == ("rejected", "500.00")
    change_id = waits(sent(people, LOOSER))
    assert yes(people, change_id, now=LATER + timedelta(days=7)) is ChangeEnd.EXPIRED
    assert limit(people) == "500.00"
    assert waits(sent(people, LOOSER)) != change_id


def test_an_agent_called_by_the_id_of_another_one_does_not_hide_whom_a_limit_leaves(people: Cast) -> None:
    twins = [add_agent(people, "Twin").agent.pk for _ in range(2)]
    left, stays = (to_public(Prefix.AGENT, one) for one in twins)
    mine = to_public(Prefix.AGENT, add_agent(people, left).agent.pk)
    strict = {"ref": "strict", "name": "Strict", "rules": [daily_limit("10")]}
    at_once(sent(people, strict | {"assigned_to": {"agents": [left, stays]}}))

    moved = strict | {"assigned_to": {"agents": [mine, stays]}}
    [plan] = planned(people, moved).policies
    assert plan.changes == (f"It applies to the agent {mine} as well.", f"It no longer applies to the agent {left}.")
    change_id = waits(sent(people, moved, research(description="Another one")))

    page = signed_in(people.ada).get(at(change_id)).content.decode()
    assert f"It applies to the agent {mine} as well." in page, "its name would be taken for another agent"
    assert "It no longer applies to the agent Twin." in page
    assert Policy.objects.get(external_ref="strict").assignments.filter(agent_id=twins[0]).exists()
