"""Several back ends sync the same new policy at the same moment: one policy, one version, one of them made it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import IntegrityError, connection

from core.db import use_case
from people.services import at_once
from policies.engine.types import Mode
from policies.models import Policy, PolicyVersion
from policies.selectors import policy_by_reference
from policies.services import AssignTo, Synced, upsert_policy_by_ref
from policies.services.steps import new_policy
from tests.factories import NOW, actor_for, make_cast
from tests.policies.samples import daily_limit, document, epoch, events_of

CALLERS = 8


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_control_without_the_gate_only_the_constraint_is_left() -> None:
    people, looked = make_cast(), Barrier(2)

    @use_case
    def create_without_gate(_number: int) -> None:
        assert policy_by_reference(people.organization.pk, "ours") is None
        looked.wait()
        actor = actor_for(people.olu)
        new_policy(people.organization.pk, name="Limits", description="", external_ref="ours", actor=actor, now=NOW)

    def call(number: int) -> str:
        try:
            create_without_gate(number)
        except IntegrityError:
            return "refused"
        finally:
            connection.close()
        return "made"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(call, range(2))) == ["made", "refused"]


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_simultaneous_syncs_of_one_reference_make_one_policy() -> None:
    people = make_cast()
    before, start = epoch(people.organization), Barrier(CALLERS)

    def call(_number: int) -> Synced:
        try:
            start.wait()
            return at_once(
                upsert_policy_by_ref(
                    organization_id=people.organization.pk,
                    external_ref="ours",
                    name="Limits",
                    document=document(daily_limit()),
                    mode=Mode.ENFORCED,
                    targets=AssignTo(organization=True),
                    actor=actor_for(people.olu),
                    now=NOW,
                )
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(call, range(CALLERS)))
    assert sum(one.is_created for one in answers) == 1
    assert sum(one.is_changed for one in answers) == 1
    assert len({one.policy_id for one in answers}) == Policy.objects.count() == PolicyVersion.objects.count() == 1
    assert epoch(people.organization) == before + 1
    assert events_of(answers[0].policy_id) == ["policy.created", "policy.published", "policy.assigned"]
