"""Simultaneous upserts of one reference make one agent."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
from django.db import connection

from agents.models import Agent
from agents.services import Upserted, upsert_agent_by_ref
from core.ids import Prefix
from people.services import at_once
from tests.agents.samples import actions_of
from tests.factories import NOW, actor_for, make_cast

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
THREADS = 8


def test_simultaneous_upserts_make_one_agent() -> None:
    people = make_cast()
    start = Barrier(THREADS)

    def upsert(number: int) -> Upserted:
        start.wait()
        try:
            return at_once(
                upsert_agent_by_ref(
                    organization_id=people.organization.pk,
                    external_ref="actor/1",
                    change={"name": "Atlas", "labels": ["eu"]},
                    actor=actor_for(people.olu),
                    now=NOW,
                )
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(upsert, range(THREADS)))
    assert [answer.is_new for answer in answers].count(True) == 1
    agents: set[UUID] = {answer.agent.pk for answer in answers}
    assert agents == set(Agent.objects.values_list("pk", flat=True))
    assert actions_of(Prefix.AGENT, agents.pop()) == ["agent.created"]
