"""An agent that a change would leave without any policy: told before the change counts, to people and programs."""

import re
from typing import Any

import pytest
from django.test import Client

from core.ids import Prefix, to_public
from people.models import Organization
from people.services import Awaiting, issue_organization_key
from policies.models import Policy
from policies.selectors import Targets
from policies.services import AssignTo, findings_of_targets, retire
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.policies.samples import daily_limit, document, make_agent, make_policy, reload

pytestmark = pytest.mark.django_db
ALONE = "Scout has no enforced policy then, and can spend nothing."


@pytest.fixture
def people() -> Cast:
    """Two agents with a policy for research, which is Scout's only one."""
    cast = make_cast()
    make_agent(cast.organization, "Scout", labels=("research",))
    make_agent(cast.organization, "Buyer", labels=("research", "buying"))
    make_policy(cast.organization, actor_for(cast.olu), targets=AssignTo(labels=("buying",)), name="Buying")
    return cast


@pytest.fixture
def policy(people: Cast) -> Policy:
    return make_policy(people.organization, actor_for(people.olu), targets=AssignTo(labels=("research",)))


@pytest.fixture
def at(people: Cast, policy: Policy, client: Client) -> str:
    """The address of the policy; an operator is signed in."""
    client.force_login(people.olu.person)
    return f"/policies/{to_public(Prefix.POLICY, policy.pk)}/"


def left(policy: Policy, targets: Targets) -> list[str]:
    return [one.detail for one in findings_of_targets(reload(policy.pk), targets)]


def is_for_research(policy: Policy) -> bool:
    return policy.assignments.filter(label="research").exists()


def test_who_keeps_another_policy_or_this_one_is_not_left_alone(people: Cast, policy: Policy) -> None:
    assert left(policy, Targets()) == left(policy, Targets(labels=("buying",))) == [ALONE]
    assert left(policy, Targets(organization=True)) == left(policy, Targets(labels=("research", "other"))) == []
    third = make_agent(people.organization, "Third", labels=("research",))
    assert left(policy, Targets()) == ["Scout and Third have no enforced policy then, and can spend nothing."]
    assert left(policy, Targets(agents=((third.pk, ""),))) == [ALONE]
    retire(organization_id=people.organization.pk, policy_id=policy.pk, actor=actor_for(people.olu), now=NOW)
    assert left(policy, Targets()) == []


def test_retiring_is_asked_with_the_names_of_those_who_are_left_alone(
    people: Cast, policy: Policy, at: str, client: Client
) -> None:
    page = client.get(at).content.decode()
    assert ALONE in page
    assert "No agent is left" not in page
    make_policy(people.organization, actor_for(people.olu), name="For all")
    page = client.get(at).content.decode()
    assert ALONE not in page
    assert "No agent is left" in page


def test_assignments_that_leave_somebody_alone_are_stored_once_that_is_meant(
    policy: Policy, at: str, client: Client
) -> None:
    fewer = {"labels": ["buying"], "more_labels": ""}
    asked = client.post(f"{at}assignments/", fewer)
    assert (asked.status_code, is_for_research(policy)) == (422, True)
    page = asked.content.decode()
    assert ALONE in page
    seen = re.search(r'name="left" id="left" value="(\w+)"', page)
    assert seen is not None

    assert client.post(f"{at}assignments/", fewer | {"left": "something else"}).status_code == 422
    assert is_for_research(policy)
    assert client.post(f"{at}assignments/", fewer | {"left": seen[1]}).status_code == 302
    assert not is_for_research(policy)


def test_a_yes_to_some_is_no_yes_to_others_and_none_is_needed_where_nobody_is_left_alone(
    people: Cast, policy: Policy, at: str, client: Client
) -> None:
    fewer = {"labels": ["buying"], "more_labels": ""}
    seen = re.search(r'name="left" id="left" value="(\w+)"', client.post(f"{at}assignments/", fewer).content.decode())
    assert seen is not None
    make_agent(people.organization, "Third", labels=("research",))
    again = client.post(f"{at}assignments/", fewer | {"left": seen[1]})
    assert (again.status_code, is_for_research(policy)) == (422, True)
    assert "Scout and Third have no enforced policy then" in again.content.decode()

    more = {"labels": ["buying", "research"], "more_labels": "", "left": seen[1]}
    assert client.post(f"{at}assignments/", more).status_code == 302


@pytest.mark.parametrize("way", ["assignments", "retire"])
def test_a_program_is_told_with_the_answer(people: Cast, policy: Policy, way: str) -> None:
    back_end, api = program(people), f"/api/v1/policies/{to_public(Prefix.POLICY, policy.pk)}"
    if way == "retire":
        told = back_end.post(f"{api}/retire")
    else:
        told = back_end.put(f"{api}/assignments", {"labels": ["buying"]}, content_type="application/json")
    assert told.status_code == 200
    (warning,) = told.json()["warnings"]
    assert (warning["code"], warning["path"], warning["detail"]) == ("agent_without_policy", "assigned_to", ALONE)
    assert "Assign another policy" in warning["remedy"]


def test_a_sync_that_takes_an_agents_last_policy_says_so(people: Cast) -> None:
    back_end = program(people)

    def sync(*labels: str) -> list[str]:
        body = {"name": "Synced", "document": document(daily_limit()), "assigned_to": {"labels": list(labels)}}
        told = back_end.put("/api/v1/policies/by-ref/mine", body, content_type="application/json")
        return [one["detail"] for one in told.json()["warnings"]]

    assert sync("research") == []
    assert sync("buying") == [ALONE]
    assert sync("buying") == []


def test_the_second_person_sees_who_would_be_left_alone(people: Cast, policy: Policy, client: Client) -> None:
    Organization.objects.update(needs_four_eyes=True)
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": NOW}
    awaiting = retire(policy_id=policy.pk, **by)
    assert isinstance(awaiting, Awaiting)
    client.force_login(people.ada.person)
    assert ALONE in client.get(f"/approvals/changes/{awaiting.public_id}/").content.decode()


def program(people: Cast) -> Client:
    """A back end that writes policies."""
    issued = issue_organization_key(
        organization_id=people.organization.pk,
        name="Back end",
        scopes=("policies", "provision"),
        expires_at=None,
        by=people.ada.person,
        actor=actor_for(people.ada),
        now=NOW,
    )
    return Client(headers={"Authorization": f"Bearer {issued.secret}"})
