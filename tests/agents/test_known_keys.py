"""What lists know of agents' keys: how many are in force, which ends next, of whom the last one ran out."""

from datetime import datetime, timedelta

import pytest

from agents.models import Agent, AgentKey
from agents.selectors.keys import EXPIRING_WITHIN, Keys, counted_keys, ending_keys
from tests.agents.samples import a_key, an_agent
from tests.factories import NOW, Cast, make_cast

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def people() -> Cast:
    return make_cast()


def key_until(people: Cast, agent: Agent, end: datetime | None, **changed: object) -> AgentKey:
    key = a_key(people.olu, agent).key
    AgentKey.objects.filter(pk=key.pk).update(created_at=NOW - 30 * DAY, expires_at=end, **changed)
    return key


def test_what_is_in_force_what_ends_next_and_what_ran_out_last_are_told(people: Cast) -> None:
    agent = an_agent(people.olu)
    successor = key_until(people, agent, None)
    key_until(people, agent, NOW + HOUR, successor=successor)
    key_until(people, agent, NOW + 2 * DAY)
    key_until(people, agent, NOW + DAY)
    key_until(people, agent, NOW - 2 * DAY)
    key_until(people, agent, NOW)
    key_until(people, agent, NOW + HOUR, revoked_at=NOW - HOUR)

    without = an_agent(people.olu, "Without")
    known = counted_keys([agent.pk, without.pk], now=NOW)

    assert known == {agent.pk: Keys(in_force=4, next_expiry=NOW + DAY, ran_out_at=NOW)}


def test_those_are_told_whose_last_key_ran_out_or_one_of_whose_keys_ends_soon(people: Cast) -> None:
    ended, ending, lasting, later, replaced, retired = (
        an_agent(people.olu, name) for name in ("Ended", "Ending", "Lasting", "Later", "Replaced", "Retired")
    )
    for agent in (ended, lasting, retired):
        key_until(people, agent, NOW - DAY)
    key_until(people, lasting, None)
    key_until(people, ending, NOW + EXPIRING_WITHIN)
    key_until(people, later, NOW + EXPIRING_WITHIN + timedelta(microseconds=1))
    key_until(people, replaced, NOW + HOUR, successor=key_until(people, replaced, None))
    Agent.objects.filter(pk=retired.pk).update(retired_at=NOW)

    told = ending_keys(people.organization.pk, now=NOW)

    assert {agent_id: keys.state(NOW) for agent_id, keys in told.items()} == {
        ended.pk: "key_expired",
        ending.pk: "key_expiring",
    }
    assert ending_keys(people.mallory.organization_id, now=NOW) == {}
