"""What lint warns of stands in the answer where a change waits as it does where the change is made."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from core.ids import Prefix, to_public
from people.models import Organization
from people.roles import Scope
from policies.models import Policy
from policies.services import AssignTo
from tests.agents.samples import bearer
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.furnished import issue_key
from tests.policies.samples import daily_limit, document, make_agent, make_policy
from tests.policies.test_as_code import file_of, research

pytestmark = pytest.mark.django_db
ADS = {"key": "ads", "type": "CATEGORY", "allowed": ["ads"]}
DATA = {"key": "data", "type": "CATEGORY", "allowed": ["data"]}
FOR_RESEARCH = {"labels": ["research"]}


@pytest.fixture
def people() -> Cast:
    """One agent for research, and a policy for research that lets pass nothing but data."""
    cast = make_cast()
    make_agent(cast.organization, "Scout", labels=("research",))
    actor, targets = actor_for(cast.olu), AssignTo(labels=("research",))
    make_policy(cast.organization, actor, DATA, name="Data only", targets=targets)
    return cast


@pytest.fixture
def app(people: Cast) -> Client:
    """A back end that may sync policies."""
    return Client(headers=bearer(issue_key(people, [Scope.POLICIES], NOW).secret))


def answers(call: Callable[[], Any]) -> tuple[Any, Any]:
    """What a call answers where its change waits, and where it is made."""
    Organization.objects.update(needs_four_eyes=True)
    waiting = call()
    Organization.objects.update(needs_four_eyes=False)
    made = call()
    assert (waiting.status_code, made.status_code) == (202, 200), (waiting.content, made.content)
    return waiting.json(), made.json()


def put(app: Client, path: str, body: dict[str, Any]) -> Any:
    return app.put(f"/api/v1/policies/{path}", body, content_type="application/json")


def test_a_synced_policy_is_warned_of_as_it_would_be_and_for_whom_it_would_be(people: Cast, app: Client) -> None:
    body = {"name": "Ours", "document": document(ADS, daily_limit("20")), "assigned_to": {"labels": ["buying"]}}
    assert put(app, "by-ref/ours", body).json()["warnings"] == []
    waiting, made = answers(lambda: put(app, "by-ref/ours", body | {"assigned_to": FOR_RESEARCH}))
    assert waiting["warnings"] == made["warnings"]
    assert [(one["code"], one["path"]) for one in made["warnings"]] == [("contradicts_policy", "rules[0]")]


def test_agents_that_would_be_left_alone_are_warned_of(app: Client) -> None:
    at = to_public(Prefix.POLICY, Policy.objects.get().pk)
    waiting, made = answers(lambda: put(app, f"{at}/assignments", {"labels": ["other"]}))
    assert waiting["warnings"][0]["detail"] == "Scout has no enforced policy then, and can spend nothing."
    assert waiting["warnings"] == made["warnings"]
    assert put(app, f"{at}/assignments", FOR_RESEARCH).status_code == 200
    waiting, made = answers(lambda: app.post(f"/api/v1/policies/{at}/retire"))
    assert waiting["warnings"][0]["code"] == "agent_without_policy"


def test_a_file_is_warned_of_with_the_places_in_it(app: Client) -> None:
    file = file_of(research(rules=[daily_limit("20"), ADS], assigned_to={"labels": ["new", "research"]}))

    def call(path: str, **more: Any) -> Any:
        return app.post(f"/api/v1/policies/{path}", json.dumps({"file": file, **more}), content_type="application/json")

    digest = call("plan").json()["digest"]
    waiting, made = answers(lambda: call("apply", digest=digest))
    [warning] = waiting["warnings"]
    assert (warning["code"], warning["path"]) == ("contradicts_policy", "policies[0].rules[1]")
    assert made["policies"][0]["findings"] == [warning]
