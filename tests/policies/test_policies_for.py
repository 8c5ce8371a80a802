"""Which policies are in force for an agent: assignments, modes, retirement, and the cache that the epoch empties."""

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries

from core.db import rows
from core.errors import Unavailable
from core.ids import Prefix, new_id, to_public
from policies.engine.rules import PolicyInForce
from policies.engine.types import Mode
from policies.selectors import current_policies, policies_for
from policies.services import AssignTo, assign, describe_policy, publish, retire, set_assignments, unassign
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.policies.samples import daily_limit, document, epoch, make_agent, make_policy, reload

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


def names(policies: tuple[PolicyInForce, ...]) -> list[str]:
    return [policy.name for policy in policies]


def test_a_policy_is_assigned_to_everybody_to_a_label_or_to_an_agent(people: Cast) -> None:
    olu, organization = actor_for(people.olu), people.organization
    robin, kim = make_agent(organization, labels=("research", "eu")), make_agent(organization, "Kim")
    make_policy(organization, olu, name="everybody")
    make_policy(organization, olu, name="research", targets=AssignTo(labels=("research", "ops")))
    make_policy(organization, olu, name="kim", targets=AssignTo(agents=(kim.pk,)))
    make_policy(organization, olu, name="nobody", targets=AssignTo())
    now = epoch(organization)
    assert sorted(names(policies_for(organization.pk, robin.pk, ("research", "eu"), now))) == ["everybody", "research"]
    assert sorted(names(policies_for(organization.pk, kim.pk, (), now))) == ["everybody", "kim"]
    assert sorted(names(current_policies(organization.pk))) == ["everybody", "kim", "nobody", "research"]


def test_other_organizations_are_never_seen(people: Cast) -> None:
    make_policy(people.organization, actor_for(people.olu))
    evil = people.mallory.organization
    agent = make_agent(evil)
    assert policies_for(evil.pk, agent.pk, (), epoch(evil)) == ()
    assert current_policies(evil.pk) == ()


def test_enforced_and_shadow_versions_are_both_in_force_with_their_mode(people: Cast) -> None:
    olu, organization = actor_for(people.olu), people.organization
    agent = make_agent(organization)
    policy = make_policy(organization, olu)
    stricter = document(daily_limit("100"))
    publish(
        organization_id=organization.pk, policy_id=policy.pk, document=stricter, mode=Mode.SHADOW, actor=olu, now=NOW
    )
    policy = reload(policy.pk)
    assert policy.enforced_id
    assert policy.shadow_id
    found = policies_for(organization.pk, agent.pk, (), epoch(organization))
    assert [(one.mode, one.version, one.policy, one.version_id) for one in found] == [
        (Mode.ENFORCED, 1, to_public(Prefix.POLICY, policy.pk), to_public(Prefix.VERSION, policy.enforced_id)),
        (Mode.SHADOW, 2, to_public(Prefix.POLICY, policy.pk), to_public(Prefix.VERSION, policy.shadow_id)),
    ]
    assert all(one.rules[0].key == "daily" for one in found)


def test_retired_policies_are_not_in_force(people: Cast) -> None:
    olu, organization = actor_for(people.olu), people.organization
    policy = make_policy(organization, olu)
    retire(organization_id=organization.pk, policy_id=policy.pk, actor=olu, now=NOW)
    assert policies_for(organization.pk, make_agent(organization).pk, (), epoch(organization)) == ()


def test_one_read_when_cold_and_none_when_warm(people: Cast, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    organization = people.organization
    for number in range(3):
        make_policy(organization, actor_for(people.olu), name=f"policy {number}")
    agent, now = make_agent(organization), epoch(organization)
    with django_assert_num_queries(1):
        cold = policies_for(organization.pk, agent.pk, (), now)
    with django_assert_num_queries(0):
        assert policies_for(organization.pk, agent.pk, (), now) is cold
    with django_assert_num_queries(1):
        again = policies_for(organization.pk, agent.pk, (), now + 1)
    assert all(new.rules is old.rules for new, old in zip(again, cold, strict=True)), "versions are compiled once"


def changes(people: Cast) -> dict[str, Callable[[], object]]:
    """Everything that changes which policies are in force, or what they are called."""
    olu, organization = actor_for(people.olu), people.organization
    policy = make_policy(organization, olu)
    common = {"organization_id": organization.pk, "policy_id": policy.pk, "actor": olu, "now": NOW}
    return {
        "publish": lambda: publish(document=document(daily_limit("1")), mode=Mode.ENFORCED, **common),  # type: ignore[arg-type]
        "shadow": lambda: publish(document=document(daily_limit("2")), mode=Mode.SHADOW, **common),  # type: ignore[arg-type]
        "rename": lambda: describe_policy(name="Other", description="", **common),  # type: ignore[arg-type]
        "set": lambda: set_assignments(targets=AssignTo(labels=("a", "b")), **common),  # type: ignore[arg-type]
        "assign": lambda: assign(targets=AssignTo(labels=("c",)), **common),  # type: ignore[arg-type]
        "unassign": lambda: unassign(targets=AssignTo(labels=("a",)), **common),  # type: ignore[arg-type]
        "retire": lambda: retire(**common),  # type: ignore[arg-type]
    }


def test_whatever_changes_the_answer_raises_the_epoch_once(people: Cast) -> None:
    agent = make_agent(people.organization, labels=("b",))
    for name, change in changes(people).items():
        before = epoch(people.organization)
        cached = policies_for(people.organization.pk, agent.pk, ("b",), before)
        change()
        after = epoch(people.organization)
        assert after == before + 1, name
        assert policies_for(people.organization.pk, agent.pk, ("b",), before) is cached, "an old epoch keeps its answer"
        assert policies_for(people.organization.pk, agent.pk, ("b",), after) is not cached, name


def test_a_version_that_cannot_be_read_lets_nothing_be_decided(people: Cast) -> None:
    organization = people.organization
    policy = make_policy(organization, actor_for(people.olu))
    future = new_id(NOW)
    rows(
        'insert into policies_policyversion select %s, 2, \'{"schema": 99, "rules": []}\', digest, note,'
        " published_at, published_by_id, published_by_name, organization_id, policy_id from policies_policyversion",
        [future],
    )
    rows("update policies_policy set enforced_id = %s where id = %s", [future, policy.pk])
    with pytest.raises(Unavailable) as refused:
        policies_for(organization.pk, make_agent(organization).pk, (), epoch(organization))
    assert refused.value.code == "policy_unreadable"
