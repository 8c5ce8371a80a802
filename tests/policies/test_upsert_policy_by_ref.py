"""Policies that an app keeps under its own reference: the same call twice changes nothing."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.actor import Actor, ActorKind
from core.errors import Conflict, Invalid, InvalidMany
from people.services import at_once
from policies.engine.types import Mode
from policies.models import Assignment, Policy, PolicyVersion
from policies.services import AssignTo, Synced, retire, upsert_policy_by_ref
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.policies.samples import daily_limit, document, epoch, events_of, make_agent, reload

pytestmark = pytest.mark.django_db

APP = Actor(ActorKind.ORGANIZATION_KEY, "key_app", "App", None)


@pytest.fixture
def people() -> Cast:
    return make_cast()


def send(people: Cast, **changed: Any) -> Synced:
    sent: dict[str, Any] = {
        "organization_id": people.organization.pk,
        "external_ref": "user-7/limits",
        "name": "Limits of user 7",
        "document": document(daily_limit("20")),
        "mode": Mode.ENFORCED,
        "targets": AssignTo(labels=("user-7",)),
        "actor": replace(APP, organization_id=people.organization.pk),
        "now": NOW,
    }
    return at_once(upsert_policy_by_ref(**{**sent, **changed}))


def test_the_first_call_creates_publishes_and_assigns(people: Cast) -> None:
    before = epoch(people.organization)
    made = send(people)
    policy = reload(made.policy_id)
    assert made.is_created
    assert made.is_changed
    assert policy.enforced is not None
    assert (policy.external_ref, policy.enforced.number) == ("user-7/limits", 1)
    assert [one.label for one in Assignment.objects.filter(policy=policy)] == ["user-7"]
    assert epoch(people.organization) == before + 1
    assert events_of(policy.pk) == ["policy.created", "policy.published", "policy.assigned"]


def test_the_same_call_again_changes_nothing_and_waits_for_nobody(people: Cast) -> None:
    made = send(people)
    before = epoch(people.organization), events_of(made.policy_id), PolicyVersion.objects.count()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        again = send(people, document=document({"daily": {"USD": 20}, "type": "SPEND_LIMIT", "key": "daily"}))
    assert again == Synced(made.policy_id, is_created=False, is_changed=False)
    assert (epoch(people.organization), events_of(made.policy_id), PolicyVersion.objects.count()) == before
    assert not [
        one for one in queries.captured_queries if "advisory" in one["sql"] or "for update" in one["sql"].lower()
    ]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"name": "Other"}, ["policy.changed"]),
        ({"description": "what for"}, ["policy.changed"]),
        ({"document": document(daily_limit("21"))}, ["policy.published"]),
        ({"targets": AssignTo(organization=True)}, ["policy.assigned"]),
        ({"targets": AssignTo()}, ["policy.unassigned"]),
    ],
)
def test_each_difference_is_one_change(people: Cast, changed: dict[str, Any], told: list[str]) -> None:
    made = send(people)
    before, events = epoch(people.organization), events_of(made.policy_id)
    assert send(people, **changed).is_changed
    assert events_of(made.policy_id)[len(events) :] == told
    assert epoch(people.organization) == before + 1
    assert not send(people, **changed).is_changed


def test_a_shadow_is_not_synced_over_what_is_enforced_for_that_would_stay_in_force(people: Cast) -> None:
    shadow: dict[str, Any] = {"mode": Mode.SHADOW, "document": document(daily_limit("5"))}
    made = send(people, **shadow)
    assert not send(people, **shadow).is_changed
    send(people)
    before = events_of(made.policy_id)
    for sent in (shadow, {"mode": Mode.SHADOW}):
        with pytest.raises(Conflict) as refused:
            send(people, **sent)
        assert (refused.value.code, refused.value.field) == ("policy_is_enforced", "mode")
    assert events_of(made.policy_id) == before
    retire(organization_id=people.organization.pk, policy_id=made.policy_id, actor=actor_for(people.olu), now=NOW)
    assert send(people, **shadow).is_changed
    assert reload(made.policy_id).enforced is None


def test_targets_that_are_not_sent_stay(people: Cast) -> None:
    made = send(people)
    assert not send(people, targets=None).is_changed
    assert Assignment.objects.filter(policy_id=made.policy_id).count() == 1


def test_a_retired_policy_comes_back(people: Cast) -> None:
    made = send(people)
    retire(organization_id=people.organization.pk, policy_id=made.policy_id, actor=actor_for(people.olu), now=NOW)
    back = send(people)
    assert (back.policy_id, back.is_created, back.is_changed) == (made.policy_id, False, True)
    policy = reload(made.policy_id)
    assert policy.retired_at is None
    assert policy.enforced is not None
    assert events_of(policy.pk)[-2:] == ["policy.changed", "policy.published"]


def test_what_is_refused_leaves_nothing_behind(people: Cast) -> None:
    with pytest.raises(InvalidMany):
        send(people, document=document(daily_limit("none")))
    with pytest.raises(Invalid) as refused:
        send(people, targets=AssignTo(agents=(make_agent(people.mallory.organization).pk,)))
    assert refused.value.field == "assigned_to.agents[0]"
    assert not Policy.objects.exists()


def test_references_of_two_organizations_do_not_meet(people: Cast) -> None:
    made = send(people)
    other = send(people, organization_id=people.mallory.organization_id)
    assert other.is_created
    assert other.policy_id != made.policy_id
