"""Every constraint of the tables of policies, violated by raw SQL."""

from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction

from core.db import rows
from policies.models import Policy
from tests.factories import actor_for, make_cast
from tests.policies.samples import make_agent, make_policy

pytestmark = pytest.mark.django_db

POLICY = (
    "insert into policies_policy (id, organization_id, name, description, external_ref, draft_notes, created_at)"
    " values (gen_random_uuid(), %(organization)s, %(name)s, '', %(reference)s, '[]', now())"
)
VERSION = (
    "insert into policies_policyversion (id, organization_id, policy_id, number, document, digest, note,"
    " published_at, published_by_id, published_by_name)"
    " values (gen_random_uuid(), %(organization)s, %(policy)s, %(number)s, '{}', '', '', now(), '', '')"
)
ASSIGNMENT = (
    "insert into policies_assignment (id, organization_id, policy_id, label, agent_id, created_at)"
    " values (gen_random_uuid(), %(organization)s, %(policy)s, %(label)s, %(agent)s, now())"
)


@pytest.fixture
def policy() -> Policy:
    people = make_cast()
    made = make_policy(people.organization, actor_for(people.olu))
    Policy.objects.filter(pk=made.pk).update(external_ref="ours")
    return made


def refused(constraint: str, sql: str, own: Policy, **values: object) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        rows(sql, {"organization": own.organization_id, "policy": own.pk} | values)


def test_policy_reference_is_unique(policy: Policy) -> None:
    refused("policy_reference_is_unique", POLICY, policy, name="Other", reference="ours")


def test_policy_has_a_name(policy: Policy) -> None:
    refused("policy_has_a_name", POLICY, policy, name="", reference=None)


def test_version_number_is_unique(policy: Policy) -> None:
    refused("version_number_is_unique", VERSION, policy, number=1)


def test_version_number_is_positive(policy: Policy) -> None:
    refused("version_number_is_positive", VERSION, policy, number=0)


def test_assignment_has_at_most_one_target(policy: Policy) -> None:
    agent = make_agent(policy.organization)
    refused("assignment_has_at_most_one_target", ASSIGNMENT, policy, label="eu", agent=agent.pk)


def test_assignment_is_one_per_target(policy: Policy) -> None:
    agent: UUID = make_agent(policy.organization).pk
    for label, target in (("eu", None), (None, agent)):
        rows(ASSIGNMENT, {"organization": policy.organization_id, "policy": policy.pk, "label": label, "agent": target})
        refused("assignment_is_one_per_target", ASSIGNMENT, policy, label=label, agent=target)
    refused("assignment_is_one_per_target", ASSIGNMENT, policy, label=None, agent=None)


def test_an_organization_with_policies_cannot_be_deleted(policy: Policy) -> None:
    rows("set constraints all immediate")
    refused("foreign key constraint", "delete from people_organization where id = %(organization)s", policy)


def test_an_assignment_belongs_to_a_policy(policy: Policy) -> None:
    rows("set constraints all immediate")
    refused("foreign key constraint", ASSIGNMENT, policy, policy=uuid4(), label=None, agent=None)
