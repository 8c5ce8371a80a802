"""What the log's sentences call their subjects whose events do not name them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.catalogue import Action
from audit.models import Event
from core.ids import Prefix, to_public
from tests.approvals.world import World, add_agent, ask, counterparty, put_policy
from tests.audit.logbook import signed_in, tell, text_of
from tests.factories import Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


def public_agent(world: World) -> str:
    return to_public(Prefix.AGENT, world.agent.id)


def test_a_sentence_calls_its_subject_by_name_where_the_event_does_not_say_it(people: Cast) -> None:
    world = add_agent(people)
    agent, asked = public_agent(world), ask(world, "12.50")
    payment = to_public(Prefix.AUTHORIZATION, asked.answer.id)
    policy = put_policy(people, "Everyday", [{"key": "ok", "type": "COUNTERPARTY", "blocked": ["domain:bad.example"]}])
    subjects = (
        (Action.AGENT_THAWED, "agent", agent, "Ada thawed agent Research"),
        (Action.POLICY_PUBLISHED, "policy", to_public(Prefix.POLICY, policy), "Ada published policy Everyday"),
        (
            Action.COUNTERPARTY_STANDING_CHANGED,
            "counterparty",
            to_public(Prefix.COUNTERPARTY, counterparty(world).pk),
            "Ada changed the standing of counterparty OpenAI",
        ),
        (Action.AUTHORIZATION_VOIDED, "authorization", payment, "Ada gave up authorization of 12.50 USD to OpenAI"),
        (
            Action.PERSON_CHANGED,
            "person",
            to_public(Prefix.PERSON, people.rui.person_id),
            f"Ada changed the account of {people.rui.person}",
        ),
    )
    client = signed_in(people.vera)
    for action, kind, subject, said in subjects:
        tell(people.organization.pk, action, kind=kind, subject=subject)
        one = Event.objects.get(subject_id=subject, action=action, actor_name="Ada")
        for address in ("/audit/", f"/audit/history/{subject}/", f"/audit/events/{to_public(Prefix.EVENT, one.pk)}/"):
            assert said in text_of(client, address), address
        assert f'title="{action}: history of {subject}"' in client.get("/audit/").content.decode()


def test_a_name_that_is_looked_up_is_escaped_and_bounded(people: Cast) -> None:
    villain = add_agent(people, "<script>" * 15)
    tell(people.organization.pk, Action.AGENT_THAWED, subject=public_agent(villain))
    page = signed_in(people.vera).get("/audit/").content.decode()
    assert "<script>" * 2 not in page
    assert f"Ada thawed agent {'&lt;script&gt;' * 9}&lt;script…" in page


def test_the_names_of_other_organizations_are_not_looked_up(people: Cast) -> None:
    world = add_agent(people, "Secret plans")
    tell(people.mallory.organization_id, Action.AGENT_THAWED, subject=public_agent(world))
    tell(people.mallory.organization_id, Action.AGENT_THAWED, subject="agt_nonsense")
    page = text_of(signed_in(people.mallory), "/audit/")
    assert "Secret plans" not in page
    assert f"Ada thawed agent agt_…{public_agent(world)[-6:]}" in page
    assert "Ada thawed agent agt_…nsense" in page


def test_names_cost_one_query_for_each_kind_of_subject(people: Cast) -> None:
    client, counts = signed_in(people.vera), []
    for round_ in range(2):
        for number in range(12):
            world = add_agent(people, f"Agent {round_} {number}")
            tell(people.organization.pk, Action.AGENT_THAWED, subject=public_agent(world))
        with CaptureQueriesContext(connection) as queries:
            page = client.get("/audit/").content.decode()
        assert f"Ada thawed agent Agent {round_} 11" in page
        counts.append(len(queries))
    assert counts[0] == counts[1]
