"""Assigning: exactly, more, fewer; what is told; what is refused."""

import pytest

from core.errors import Invalid
from policies.models import Assignment
from policies.services import AssignTo, assign, set_assignments, unassign
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.policies.samples import epoch, events_of, make_agent, make_policy

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


def test_assignments_become_exactly_what_was_asked_for(people: Cast) -> None:
    olu, organization = actor_for(people.olu), people.organization
    agent, policy = make_agent(organization), make_policy(organization, olu)
    kept = AssignTo(labels=("b", "a", "a"), agents=(agent.pk, agent.pk))
    assert set_assignments(organization_id=organization.pk, policy_id=policy.pk, targets=kept, actor=olu, now=NOW)
    stored = set(Assignment.objects.filter(policy=policy).values_list("label", "agent_id"))
    assert stored == {("a", None), ("b", None), (None, agent.pk)}
    before = epoch(organization), events_of(policy.pk)
    assert not set_assignments(organization_id=organization.pk, policy_id=policy.pk, targets=kept, actor=olu, now=NOW)
    assert (epoch(organization), events_of(policy.pk)) == before


def test_assigning_adds_and_unassigning_takes_away(people: Cast) -> None:
    olu, organization = actor_for(people.olu), people.organization
    policy = make_policy(organization, olu)
    common = {"organization_id": organization.pk, "policy_id": policy.pk, "actor": olu, "now": NOW}
    assert assign(targets=AssignTo(labels=("eu",)), **common)  # type: ignore[arg-type]
    assert not assign(targets=AssignTo(organization=True, labels=("eu",)), **common)  # type: ignore[arg-type]
    assert unassign(targets=AssignTo(organization=True), **common)  # type: ignore[arg-type]
    assert not unassign(targets=AssignTo(organization=True), **common)  # type: ignore[arg-type]
    assert [(one.label, one.agent) for one in Assignment.objects.filter(policy=policy)] == [("eu", None)]
    assert events_of(policy.pk)[-2:] == ["policy.assigned", "policy.unassigned"]


def test_the_agent_of_another_organization_is_unknown(people: Cast) -> None:
    olu, organization = actor_for(people.olu), people.organization
    policy, strange = make_policy(organization, olu), make_agent(people.mallory.organization)
    wanted = AssignTo(agents=(make_agent(organization).pk, strange.pk))
    with pytest.raises(Invalid) as refused:
        set_assignments(organization_id=organization.pk, policy_id=policy.pk, targets=wanted, actor=olu, now=NOW)
    assert (refused.value.code, refused.value.field) == ("agent_unknown", "assigned_to.agents[1]")


@pytest.mark.parametrize("label", ["", " eu", "x" * 61, "a\nb", "Prod"])
def test_a_label_that_no_agent_can_have_is_refused(people: Cast, label: str) -> None:
    olu, organization = actor_for(people.olu), people.organization
    policy = make_policy(organization, olu)
    with pytest.raises(Invalid) as refused:
        set_assignments(
            organization_id=organization.pk, policy_id=policy.pk, targets=AssignTo(labels=(label,)), actor=olu, now=NOW
        )
    assert (refused.value.code, refused.value.field) == ("label_invalid", "assigned_to.labels[0]")


def test_a_policy_names_only_so_many_targets(people: Cast) -> None:
    olu, organization = actor_for(people.olu), people.organization
    policy = make_policy(organization, olu)
    many = AssignTo(labels=tuple(f"label {number}" for number in range(1_001)))
    with pytest.raises(Invalid) as refused:
        set_assignments(organization_id=organization.pk, policy_id=policy.pk, targets=many, actor=olu, now=NOW)
    assert refused.value.code == "too_many"
