"""Labels that come to an agent: one that brings its first policy waits for a second person."""

from typing import Any

import pytest
from django.test import Client

from agents.models import Agent
from agents.services import change_agent
from core.ids import Prefix, to_public
from people.models import PendingChange
from people.roles import Scope
from people.services import Awaiting
from policies.services import AssignTo
from tests.agents.samples import bearer
from tests.approvals.second import RESEARCH, agree, cautious, policy_in_force, waits
from tests.factories import NOW, Cast, actor_for
from tests.furnished import issue_key
from tests.policies.samples import daily_limit, make_agent

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return cautious()


def labelled(people: Cast, labels: list[str], agent: Agent) -> object:
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": NOW}
    return change_agent(agent_id=agent.pk, change={"labels": labels}, **by)


def test_a_label_that_brings_the_first_policy_of_an_agent_waits_as_to_assign_it_would(people: Cast) -> None:
    policy_in_force(people, targets=RESEARCH)
    agent = make_agent(people.organization, labels=("eu",))
    assert not isinstance(labelled(people, ["eu", "night"], agent), Awaiting), "it brings no policy"
    change_id = waits(labelled(people, ["eu", "night", "research"], agent))
    (why,) = PendingChange.objects.get(pk=change_id).loosens
    assert why.startswith("The agent gains the label research, and with it a policy")
    assert Agent.objects.get(pk=agent.pk).labels == ["eu", "night"]
    agree(people, change_id)
    assert Agent.objects.get(pk=agent.pk).labels == ["eu", "night", "research"]


def test_a_label_that_brings_one_more_policy_to_a_judged_agent_goes_alone(people: Cast) -> None:
    policy_in_force(people, targets=RESEARCH)
    policy_in_force(people, targets=AssignTo(labels=("eu",)))
    agent = make_agent(people.organization, labels=("eu",))
    assert not isinstance(labelled(people, ["eu", "research"], agent), Awaiting)


def test_a_label_that_brings_a_policy_waits_where_the_present_one_judges_some_payments_only(people: Cast) -> None:
    policy_in_force(people, targets=RESEARCH)
    some = daily_limit(when={"categories": ["data"]})
    policy_in_force(people, some, targets=AssignTo(labels=("eu",)))
    waits(labelled(people, ["eu", "research"], make_agent(people.organization, labels=("eu",))))


def test_a_first_policy_by_label_waits_in_the_console_and_over_the_api(people: Cast) -> None:
    policy_in_force(people, targets=RESEARCH)
    agent = make_agent(people.organization, reference="robin")
    agent_id = to_public(Prefix.AGENT, agent.pk)
    sent = {"name": "Robin", "labels": "research", "description": ""}
    olu = Client()
    olu.force_login(people.olu.person)
    told = olu.post(f"/agents/{agent_id}/edit/", sent, follow=True).content.decode()
    assert "waits for a second person" in told
    app = Client(headers=bearer(issue_key(people, [Scope.PROVISION], NOW).secret))
    for method, path, body in (
        (app.patch, f"agents/{agent_id}", {"labels": ["research"]}),
        (app.put, "agents/by-ref/robin", {"name": "Robin", "labels": ["research"]}),
    ):
        answer = method(f"/api/v1/{path}", body, content_type="application/json")
        assert (answer.status_code, answer.json()["kind"]) == (202, "agent")
    assert Agent.objects.get(pk=agent.pk).labels == []
