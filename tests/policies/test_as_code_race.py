"""A plan that several apply at the same moment, or while somebody publishes: one brings it about, nobody half of it."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from core.errors import Conflict
from policies.engine.types import Mode
from policies.engine.written import parse_file
from policies.models import Policy, PolicyVersion
from policies.services import publish
from policies.services.code import apply_file, plan_file
from tests.factories import NOW, actor_for, make_cast
from tests.policies.samples import daily_limit, document, make_policy, reload
from tests.policies.test_as_code import file_of, research

CALLERS = 6


def outcomes(*calls: Callable[[], object]) -> Counter[str]:
    """Call all at the same moment; returns how often each was done, and each code with which it was refused."""
    start = Barrier(len(calls))

    def run(call: Callable[[], object]) -> str:
        try:
            start.wait()
            call()
        except Conflict as error:
            return error.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(pool.map(run, calls))


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_one_of_several_applies_a_plan_and_the_others_are_told_that_it_is_old() -> None:
    people = make_cast()
    file = parse_file(file_of(research(assigned_to={"organization": True})))
    plan = plan_file(people.organization.pk, file, retires_others=False, now=NOW)

    def apply() -> None:
        apply_file(
            organization_id=people.organization.pk,
            file=file,
            planned=plan.digest,
            retires_others=False,
            actor=actor_for(people.olu),
            now=NOW,
        )

    assert outcomes(*[apply] * CALLERS) == {"done": 1, "plan_outdated": CALLERS - 1}
    assert (Policy.objects.count(), PolicyVersion.objects.count()) == (1, 1)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_publication_at_the_same_moment_comes_wholly_before_or_after() -> None:
    people = make_cast()
    policy = make_policy(people.organization, actor_for(people.olu))
    Policy.objects.filter(pk=policy.pk).update(external_ref="research")
    file = parse_file(file_of(research(rules=[daily_limit("7")]), research(ref="second")))
    plan = plan_file(people.organization.pk, file, retires_others=False, now=NOW)
    common = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": NOW}

    found = outcomes(
        lambda: apply_file(file=file, planned=plan.digest, retires_others=False, **common),  # type: ignore[arg-type]
        lambda: publish(policy_id=policy.pk, document=document(daily_limit("9")), mode=Mode.ENFORCED, **common),  # type: ignore[arg-type]
    )

    enforced = reload(policy.pk).enforced
    assert enforced is not None
    assert enforced.document == document(daily_limit("9.00"))
    is_applied = found["plan_outdated"] == 0
    assert Policy.objects.filter(external_ref="second").exists() == is_applied
    assert enforced.number == (3 if is_applied else 2)
