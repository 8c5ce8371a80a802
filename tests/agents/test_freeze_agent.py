"""Freezing, thawing and retiring: at once, once, with a reason."""

from datetime import timedelta

import pytest

from agents.models import Agent
from agents.services import freeze_agent, issue_key, retire_agent, thaw_agent
from audit.models import Event
from core.errors import Conflict, Invalid, NotFound
from core.ids import Prefix
from tests.agents.samples import actions_of, an_agent, epoch_of
from tests.factories import NOW, Cast, actor_for, make_cast

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def people() -> Cast:
    return make_cast()


@pytest.fixture
def agent(people: Cast) -> Agent:
    return an_agent(people.olu)


def freeze(people: Cast, agent: Agent, reason: str = "pays odd payees") -> Agent:
    organization = people.organization.pk
    return freeze_agent(
        organization_id=organization, agent_id=agent.pk, reason=reason, actor=actor_for(people.olu), now=NOW
    )


def thaw(people: Cast, agent: Agent, reason: str = "looked at") -> Agent:
    organization = people.organization.pk
    return thaw_agent(
        organization_id=organization, agent_id=agent.pk, reason=reason, actor=actor_for(people.ada), now=LATER
    )


def retire(people: Cast, agent: Agent) -> Agent:
    return retire_agent(organization_id=people.organization.pk, agent_id=agent.pk, actor=actor_for(people.olu), now=NOW)


def test_a_freeze_is_stored_with_its_reason_and_raises_the_epoch(people: Cast, agent: Agent) -> None:
    before = epoch_of(people.organization)
    freeze(people, agent)
    stored = Agent.objects.get(pk=agent.pk)
    assert (stored.frozen_at, stored.frozen_reason) == (NOW, "pays odd payees")
    assert epoch_of(people.organization) == before + 1
    event = Event.objects.get(action="agent.frozen")
    assert event.before is not None
    assert event.after == event.before | {"frozen": True, "frozen_reason": "pays odd payees"}


def test_a_second_freeze_changes_nothing(people: Cast, agent: Agent) -> None:
    freeze(people, agent)
    before = epoch_of(people.organization)
    assert freeze(people, agent, "another reason").frozen_reason == "pays odd payees"
    assert epoch_of(people.organization) == before
    assert actions_of(Prefix.AGENT, agent.pk) == ["agent.created", "agent.frozen"]


def test_a_thaw_ends_the_freeze(people: Cast, agent: Agent) -> None:
    freeze(people, agent)
    before = epoch_of(people.organization)
    thaw(people, agent)
    stored = Agent.objects.get(pk=agent.pk)
    assert (stored.frozen_at, stored.frozen_reason) == (None, "")
    assert epoch_of(people.organization) == before + 1
    event = Event.objects.get(action="agent.thawed")
    assert event.after is not None
    assert (event.after["frozen"], event.after["reason"], event.actor_name) == (False, "looked at", "Ada")


def test_thawing_what_is_not_frozen_changes_nothing(people: Cast, agent: Agent) -> None:
    before = epoch_of(people.organization)
    thaw(people, agent)
    assert (epoch_of(people.organization), actions_of(Prefix.AGENT, agent.pk)) == (before, ["agent.created"])


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\0"])
def test_a_reason_is_needed(people: Cast, agent: Agent, reason: str) -> None:
    for act in (freeze, thaw):
        with pytest.raises(Invalid) as refused:
            act(people, agent, reason)
        assert (refused.value.code, refused.value.field) == ("reason_invalid", "reason")


def test_a_retired_agent_stays_retired(people: Cast, agent: Agent) -> None:
    before = epoch_of(people.organization)
    retire(people, agent)
    retire(people, agent)
    assert Agent.objects.get(pk=agent.pk).retired_at == NOW
    assert epoch_of(people.organization) == before + 1
    assert actions_of(Prefix.AGENT, agent.pk) == ["agent.created", "agent.retired"]
    for act in (freeze, thaw):
        with pytest.raises(Conflict) as refused:
            act(people, agent)
        assert refused.value.code == "agent_retired"
    with pytest.raises(Conflict):
        issue_key(
            organization_id=people.organization.pk,
            agent_id=agent.pk,
            name="late",
            expires_at=None,
            actor=actor_for(people.olu),
            now=NOW,
        )


def test_a_foreign_agent_is_not_found(people: Cast) -> None:
    foreign = an_agent(people.mallory)
    with pytest.raises(NotFound):
        freeze(people, foreign)
    with pytest.raises(NotFound):
        thaw(people, foreign)
    with pytest.raises(NotFound):
        retire(people, foreign)
