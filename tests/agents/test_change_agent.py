"""Creating and changing agents, and bringing them to what the app's own reference says."""

from typing import Any

import pytest

from agents.models import Agent
from agents.services import AgentChange, Upserted, change_agent, retire_agent, upsert_agent_by_ref
from audit.models import Event
from core.errors import Conflict, Invalid, NotFound
from core.ids import Prefix, to_public
from people.services import at_once, remove_member
from tests.agents.samples import actions_of, an_agent, epoch_of
from tests.factories import NOW, Cast, actor_for, make_cast, public_person

pytestmark = pytest.mark.django_db
REFERENCE = "actor/42"


@pytest.fixture
def people() -> Cast:
    return make_cast()


def change(people: Cast, agent: Agent, fields: AgentChange) -> Agent:
    return at_once(
        change_agent(
            organization_id=people.organization.pk,
            agent_id=agent.pk,
            change=fields,
            actor=actor_for(people.olu),
            now=NOW,
        )
    )


def upsert(people: Cast, fields: AgentChange, reference: str = REFERENCE) -> Upserted:
    return at_once(
        upsert_agent_by_ref(
            organization_id=people.organization.pk,
            external_ref=reference,
            change=fields,
            actor=actor_for(people.olu),
            now=NOW,
        )
    )


def test_an_agent_is_stored_as_given(people: Cast) -> None:
    owner = people.ada.person_id
    agent = an_agent(
        people.olu,
        "  Atlas ",
        description=" Buys data. ",
        external_ref=REFERENCE,
        owner_id=owner,
        labels=["eu", "a", "eu"],
    )
    stored = Agent.objects.get(pk=agent.pk)
    assert (stored.name, stored.description, stored.external_ref) == ("Atlas", "Buys data.", REFERENCE)
    assert (stored.owner_id, stored.labels, stored.created_at) == (owner, ["a", "eu"], NOW)
    event = Event.objects.get(subject_id=to_public(Prefix.AGENT, agent.pk))
    assert (event.action, event.before, event.actor_name, event.request_id) == (
        "agent.created",
        None,
        "Olu",
        "req_test",
    )
    assert event.after == {
        "name": "Atlas",
        "description": "Buys data.",
        "external_ref": REFERENCE,
        "owner": public_person(owner),
        "labels": ["a", "eu"],
    }


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"name": " "}, "name_invalid", "name"),
        ({"name": "x" * 121}, "name_invalid", "name"),
        ({"name": "a\0b"}, "name_invalid", "name"),
        ({"name": "a\ud800b"}, "name_invalid", "name"),
        ({"description": "x" * 501}, "description_invalid", "description"),
        ({"external_ref": ""}, "reference_invalid", "external_ref"),
        ({"external_ref": "x" * 201}, "reference_invalid", "external_ref"),
        ({"labels": ["eu", "No"]}, "label_invalid", "labels[1]"),
        ({"labels": ["x" * 61]}, "label_invalid", "labels[0]"),
        ({"labels": [f"l{number}" for number in range(21)]}, "too_many_labels", "labels"),
    ],
)
def test_unfit_fields_are_refused(people: Cast, fields: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        an_agent(people.olu, **fields)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert not Agent.objects.exists()


def test_the_owner_must_be_a_member(people: Cast) -> None:
    for stranger in (people.mallory, people.vera):
        if stranger is people.vera:
            organization = people.organization.pk
            remove_member(
                organization_id=organization,
                member_id=people.vera.pk,
                by=people.ada,
                actor=actor_for(people.ada),
                now=NOW,
            )
        with pytest.raises(Invalid) as refused:
            an_agent(people.olu, owner_id=stranger.person_id)
        assert refused.value.code == "owner_unknown"


def test_a_reference_names_one_agent_of_an_organization(people: Cast) -> None:
    an_agent(people.olu, external_ref=REFERENCE)
    with pytest.raises(Conflict) as refused:
        an_agent(people.olu, "Other", external_ref=REFERENCE)
    assert refused.value.code == "reference_taken"
    an_agent(people.mallory, external_ref=REFERENCE)
    assert an_agent(people.olu).external_ref is None
    assert an_agent(people.olu).external_ref is None


def test_only_the_sent_fields_change(people: Cast) -> None:
    agent = an_agent(people.olu, description="Old", labels=["eu"])
    change(people, agent, {"description": "New"})
    stored = Agent.objects.get(pk=agent.pk)
    assert (stored.name, stored.description, stored.labels) == ("Atlas", "New", ["eu"])
    event = Event.objects.get(action="agent.changed")
    assert event.before is not None
    assert event.after == event.before | {"description": "New"}


@pytest.mark.parametrize(
    ("fields", "raised"), [({"name": "New"}, 0), ({"labels": ["us"]}, 1), ({"labels": []}, 1), ({"owner_id": None}, 1)]
)
def test_what_decisions_rest_on_raises_the_epoch(people: Cast, fields: AgentChange, raised: int) -> None:
    agent = an_agent(people.olu, labels=["eu"], owner_id=people.olu.person_id)
    before = epoch_of(people.organization)
    change(people, agent, fields)
    assert epoch_of(people.organization) == before + raised


def test_a_change_to_what_is_stored_writes_nothing(people: Cast) -> None:
    agent = an_agent(people.olu, labels=["eu"])
    before = epoch_of(people.organization)
    change(people, agent, {"name": "Atlas", "labels": ["eu"], "owner_id": None})
    assert (epoch_of(people.organization), actions_of(Prefix.AGENT, agent.pk)) == (before, ["agent.created"])


def test_an_owner_who_left_may_stay_written_down(people: Cast) -> None:
    owner = people.vera.person_id
    agent = an_agent(people.olu, owner_id=owner)
    organization = people.organization.pk
    remove_member(
        organization_id=organization, member_id=people.vera.pk, by=people.ada, actor=actor_for(people.ada), now=NOW
    )
    assert change(people, agent, {"name": "New", "owner_id": owner}).owner_id == owner


def test_a_foreign_agent_is_not_found(people: Cast) -> None:
    foreign = an_agent(people.mallory)
    with pytest.raises(NotFound):
        change(people, foreign, {"name": "Mine"})
    assert Agent.objects.get(pk=foreign.pk).name == "Atlas"


def test_a_retired_agent_does_not_change(people: Cast) -> None:
    agent = an_agent(people.olu, external_ref=REFERENCE)
    retire_agent(organization_id=people.organization.pk, agent_id=agent.pk, actor=actor_for(people.olu), now=NOW)
    with pytest.raises(Conflict) as refused:
        change(people, agent, {"name": "New"})
    assert refused.value.code == "agent_retired"
    with pytest.raises(Conflict):
        upsert(people, {"name": "New"})


def test_an_upsert_creates_once_and_then_changes_nothing(people: Cast) -> None:
    fields: AgentChange = {"name": "Atlas", "labels": ["eu"], "description": "Buys data."}
    first = upsert(people, fields)
    assert first.is_new
    before = epoch_of(people.organization)
    second = upsert(people, fields)
    assert not second.is_new
    assert second.agent.pk == first.agent.pk
    assert epoch_of(people.organization) == before
    assert actions_of(Prefix.AGENT, first.agent.pk) == ["agent.created"]


def test_an_upsert_brings_the_agent_to_what_is_sent(people: Cast) -> None:
    agent = upsert(people, {"name": "Atlas", "labels": ["eu"], "owner_id": people.olu.person_id}).agent
    changed = upsert(people, {"name": "Atlas", "labels": ["us"]}).agent
    assert (changed.pk, changed.labels, changed.owner_id) == (agent.pk, ["us"], people.olu.person_id)
    assert actions_of(Prefix.AGENT, agent.pk) == ["agent.created", "agent.changed"]


def test_a_new_agent_needs_a_name(people: Cast) -> None:
    with pytest.raises(Invalid) as refused:
        upsert(people, {"labels": ["eu"]})
    assert (refused.value.code, refused.value.field) == ("name_invalid", "name")


def test_references_of_two_organizations_do_not_meet(people: Cast) -> None:
    foreign = an_agent(people.mallory, external_ref=REFERENCE)
    assert upsert(people, {"name": "Ours"}).is_new
    assert Agent.objects.get(pk=foreign.pk).name == "Atlas"
