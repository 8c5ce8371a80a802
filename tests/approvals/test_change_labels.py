"""Labels that come to an agent: one that brings its first policy waits for a second person."""

from typing import Any

import pytest
from django.test import Client

from agents.models import Agent
from agents.services import change_agent
from approvals.selectors.changes import compared
from core.errors import Invalid
from core.ids import Prefix, to_public
from people.models import ChangeEnd, Member, PendingChange, Person
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


# --- What goes with a label, and with an owner ------------------------------------------------------------------------


def test_a_label_that_takes_the_last_policy_along_is_shown_with_what_it_leaves(people: Cast) -> None:
    policy_in_force(people, targets=RESEARCH)
    agent = make_agent(people.organization, labels=("eu", "research"))
    change_id = waits(labelled(people, ["eu"], agent))
    warned = compared(PendingChange.objects.get(pk=change_id), now=NOW).findings
    assert [(one.code, one.path) for one in warned] == [("agent_without_policy", "labels")]
    assert "Robin has no enforced policy then" in warned[0].detail
    page = Client()
    page.force_login(people.ada.person)
    assert "has no enforced policy then" in page.get(f"/approvals/changes/{to_public(Prefix.CHANGE, change_id)}/").text

    policy_in_force(people, targets=AssignTo(labels=("eu",)))
    assert compared(PendingChange.objects.get(pk=change_id), now=NOW).findings == ()


def owned(people: Cast, owner: Member, agent: Agent, by: Member) -> object:
    change: Any = {"owner_id": owner.person_id}
    who: Any = {"organization_id": people.organization.pk, "actor": actor_for(by), "now": NOW}
    return change_agent(agent_id=agent.pk, change=change, **who)


def test_whoever_owns_an_agent_cannot_give_it_away_alone_and_then_review_what_it_asks_for(people: Cast) -> None:
    agent = make_agent(people.organization)
    assert not isinstance(owned(people, people.olu, agent, by=people.olu), Awaiting), "nobody owned it"
    change_id = waits(owned(people, people.vera, agent, by=people.olu))
    change = PendingChange.objects.get(pk=change_id)
    assert change.loosens == ["Olu owns the agent no more, and may review what it asks for."]
    assert Agent.objects.get(pk=agent.pk).owner_id == people.olu.person_id
    shown = compared(change, now=NOW)
    assert (shown.before, shown.after) == ({"owner": "Olu"}, {"owner": "Vera"})
    agree(people, change_id)
    assert Agent.objects.get(pk=agent.pk).owner_id == people.vera.person_id


def test_an_owner_who_has_left_is_replaced_by_one_person(people: Cast) -> None:
    agent = make_agent(people.organization)
    Agent.objects.filter(pk=agent.pk).update(owner_id=people.rui.person_id)
    Member.objects.filter(pk=people.rui.pk).update(removed_at=NOW)
    assert not isinstance(owned(people, people.vera, agent, by=people.olu), Awaiting)


def test_a_change_of_an_agent_that_loosens_more_than_was_shown_is_voided(people: Cast) -> None:
    """No policy came with the label when it was proposed; one has been assigned to it since."""
    policy_in_force(people, targets=RESEARCH)
    agent = make_agent(people.organization, labels=("old",))
    change_id = waits(labelled(people, ["night"], agent))
    assert len(PendingChange.objects.get(pk=change_id).loosens) == 1, "only that a label goes"
    policy_in_force(people, targets=AssignTo(labels=("night",)))
    assert agree(people, change_id) is ChangeEnd.VOIDED
    assert Agent.objects.get(pk=agent.pk).labels == ["old"]


def test_an_owner_who_is_no_member_is_refused_and_waits_for_nobody(people: Cast) -> None:
    agent = make_agent(people.organization)
    owned(people, people.olu, agent, by=people.olu)
    with pytest.raises(Invalid) as caught:
        owned(people, people.mallory, agent, by=people.olu)
    assert caught.value.code == "owner_unknown"
    assert not PendingChange.objects.exists()


def test_an_owner_who_is_renamed_meanwhile_voids_nothing(people: Cast) -> None:
    agent = make_agent(people.organization)
    owned(people, people.olu, agent, by=people.olu)
    change_id = waits(owned(people, people.vera, agent, by=people.olu))
    Person.objects.filter(pk=people.olu.person_id).update(name="Olu Two")
    assert agree(people, change_id) is ChangeEnd.APPROVED
