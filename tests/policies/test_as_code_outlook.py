"""What lint says in a plan: with an eye on the organization as it would be once the file is applied."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.test import Client

from agents.models import Agent
from core.errors import Conflict, InvalidMany
from core.ids import Prefix, to_public
from people.roles import Scope
from policies.engine.texts import write_yaml
from policies.models import Policy
from policies.services import AssignTo
from policies.services.code import Plan, outlook
from policies.services.code import planning as planning_module
from tests.agents.samples import bearer
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.furnished import issue_key
from tests.policies.samples import daily_limit, make_agent, make_policy
from tests.policies.test_as_code import applied, file_of, planned, research, run

pytestmark = pytest.mark.django_db
EVERYBODY = {"organization": True}
ADS = {"key": "ads", "type": "CATEGORY", "allowed": ["ads"]}
DATA = {"key": "data", "type": "CATEGORY", "allowed": ["data"]}
ASK = {"key": "ask", "type": "APPROVAL_THRESHOLD", "above": {"USD": "5"}}
NEVER = {"key": "never", "type": "TIME_WINDOW", "windows": [{"from": "09:00", "to": "09:00"}], "time_zone": "UTC"}


@pytest.fixture
def people() -> Cast:
    return make_cast()


def said(plan: Plan) -> list[tuple[str, str]]:
    return [(one.code, one.path) for each in plan.policies for one in each.findings]


def said_of_all(plan: Plan) -> list[tuple[str, str]]:
    return [(one.code, one.detail) for one in plan.findings]


def test_a_contradiction_with_a_policy_that_stays_is_planned(people: Cast) -> None:
    make_agent(people.organization)
    make_policy(people.organization, actor_for(people.olu), ADS, daily_limit(), name="Only ads")
    plan = planned(people, research(rules=[daily_limit(), DATA], assigned_to=EVERYBODY))
    assert said(plan) == [("contradicts_policy", "policies[0].rules[1]")]
    assert said(planned(people, research(rules=[daily_limit(), DATA], assigned_to={"labels": ["nobody"]}))) == []


def test_a_contradiction_is_looked_for_as_everything_would_be(people: Cast) -> None:
    make_agent(people.organization)
    ours = {"ref": "ads", "name": "Only ads", "rules": [ADS, daily_limit()], "assigned_to": EVERYBODY}
    applied(people, ours)
    data = research(rules=[daily_limit(), DATA], assigned_to=EVERYBODY)
    assert said(planned(people, data)) == [("contradicts_policy", "policies[0].rules[1]")]
    assert said(planned(people, data, retires_others=True)) == [], "the other one goes with it"
    assert said(planned(people, data, {**ours, "assigned_to": {}})) == [], "the other one leaves them with it"
    both = planned(people, data, {**ours, "name": "Ads only"})
    assert said(both) == [
        ("contradicts_policy", "policies[0].rules[1]"),
        ("contradicts_policy", "policies[1].rules[0]"),
    ]
    shadow = research(rules=[daily_limit()], shadow=[daily_limit("9"), DATA], assigned_to=EVERYBODY)
    assert said(planned(people, shadow)) == [("contradicts_policy", "policies[0].shadow[1]")]


def test_a_currency_without_an_amount_and_reviewers_who_are_too_few_are_planned(people: Cast) -> None:
    euros = {"key": "euros", "type": "SPEND_LIMIT", "daily": {"EUR": "5"}}
    named = {"people": [to_public(Prefix.PERSON, people.rui.person_id)]}
    agent = make_agent(people.organization, labels=("research",))
    Agent.objects.filter(pk=agent.pk).update(owner=people.rui.person)
    entries = (
        research(rules=[euros], assigned_to={}),
        research(ref="few", rules=[daily_limit(), ASK | {"review": {"approvals": 9}}], assigned_to={}),
        research(ref="own", rules=[daily_limit(), ASK | {"review": named}], assigned_to={"labels": ["research"]}),
        research(ref="others", rules=[daily_limit(), ASK | {"review": named}], assigned_to={"labels": ["eu"]}),
    )
    assert said(planned(people, *entries)) == [
        ("currency_uncovered", "policies[0].rules[0]"),
        ("reviewers_too_few", "policies[1].rules[1].review"),
        ("reviewers_too_few_for_owner", "policies[2].rules[1].review"),
    ]


def test_agents_whose_last_policy_goes_are_named(people: Cast) -> None:
    for name in ("Alex", "Robin"):
        make_agent(people.organization, name, labels=(name.lower(),))
    make_agent(people.organization, "Never had one")
    both = {"labels": ["alex", "robin"]}
    applied(people, research(assigned_to=both))
    assert said_of_all(planned(people, research(assigned_to=both))) == []
    plan = planned(people, research(assigned_to={"labels": ["robin"]}))
    words = "Alex has no enforced policy then, and can spend nothing."
    assert said_of_all(plan) == [("agent_without_policy", words)]
    fresh = {"ref": "fresh", "name": "Fresh", "rules": [daily_limit()], "assigned_to": {"labels": ["alex"]}}
    assert said_of_all(planned(people, research(assigned_to={"labels": ["robin"]}), fresh)) == []
    retiring = planned(people, {**fresh, "assigned_to": {}}, retires_others=True)
    assert said_of_all(retiring)[0][1].startswith("Alex and Robin have no enforced policy then")


def test_what_apply_refuses_the_plan_told(people: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = to_public(Prefix.PERSON, people.mallory.person_id)
    asks = ASK | {"review": {"people": [stranger]}}
    for entry, code, path in (
        (research(rules=[daily_limit(), asks]), "reviewer_unknown", "policies[0].rules[1].review.people"),
        (research(shadow=[daily_limit(), asks]), "reviewer_unknown", "policies[0].shadow[1].review.people"),
        (research(shadow=[daily_limit()]), "version_is_enforced", "policies[0].shadow"),
        (research(rules=[daily_limit(), NEVER]), "hours_empty", "policies[0].rules[1].windows[0]"),
    ):
        plan = planned(people, entry)
        assert [(one.code, one.path) for one in plan.errors] == [(code, path)]
        with pytest.raises(InvalidMany) as refused:
            applied(people, entry)
        assert refused.value.errors[0][:2] == (path, code)
    assert not Policy.objects.exists()
    monkeypatch.setattr(planning_module, "MOST_POLICIES", 0)
    with pytest.raises(Conflict) as full:
        planned(people, research())
    assert full.value.code == "too_many_policies"


def test_very_many_policies_of_the_same_agents_are_not_compared_without_end(
    people: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_agent(people.organization)
    make_policy(people.organization, actor_for(people.olu), ADS, name="Only ads")
    monkeypatch.setattr(outlook, "MOST_COMPARED", 1)
    plan = planned(people, research(rules=[daily_limit(), DATA], assigned_to=EVERYBODY))
    assert (said(plan), [code for code, _ in said_of_all(plan)]) == ([], ["contradictions_unsought"])


def test_a_plan_with_findings_asks_no_more_of_the_database_for_more_policies(
    people: Cast, django_assert_max_num_queries: Any
) -> None:
    make_agent(people.organization)
    make_policy(people.organization, actor_for(people.olu), ADS, targets=AssignTo(organization=True))
    entries = [research(ref=f"r{number}", rules=[daily_limit(), DATA], assigned_to=EVERYBODY) for number in range(30)]
    with django_assert_max_num_queries(8):
        assert len(said(planned(people, *entries))) == 30


# --- By the command and over the API ----------------------------------------------------------------------------------


def test_the_command_ends_with_1_where_lint_finds_an_error(people: Cast, tmp_path: Path) -> None:
    people.organization.name = "Acme"
    people.organization.save()
    make_agent(people.organization, "Alex", labels=("alex",))
    applied(people, research(assigned_to={"labels": ["alex"]}))
    path = tmp_path / "policies.yaml"
    path.write_text(write_yaml(file_of(research(assigned_to={}))))
    told, code = run("plan", str(path))
    assert code == 2
    assert "warning policies: Alex has no enforced policy then" in told
    path.write_text(write_yaml(file_of(research(rules=[daily_limit(), NEVER]))))
    with pytest.raises(CommandError) as refused:
        run("plan", str(path))
    assert refused.value.returncode == 1
    assert "errors" in str(refused.value)
    with pytest.raises(CommandError) as refused:
        run("apply", str(path))
    assert "policies[0].rules[1].windows[0]" in str(refused.value)


def test_over_the_api_a_plan_shows_what_lint_says(people: Cast) -> None:
    client = Client(headers=bearer(issue_key(people, [Scope.POLICIES], NOW).secret))

    def call(path: str, body: dict[str, Any]) -> Any:
        return client.post(f"/api/v1/policies/{path}", json.dumps(body), content_type="application/json")

    make_agent(people.organization, "Alex", labels=("alex",))
    applied(people, research(assigned_to={"labels": ["alex"]}))
    plan = call("plan", {"file": file_of(research(assigned_to={}))}).json()
    assert (plan["has_errors"], [one["code"] for one in plan["findings"]]) == (False, ["agent_without_policy"])
    sent = {"file": file_of(research(rules=[daily_limit(), NEVER]))}
    plan = call("plan", sent).json()
    assert (plan["has_errors"], plan["policies"][0]["findings"][0]["code"]) == (True, "hours_empty")
    refused = call("apply", {**sent, "digest": plan["digest"]})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "hours_empty")
