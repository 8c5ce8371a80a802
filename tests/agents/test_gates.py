"""Changes that decisions rest on wait at the agent's gate for payments under way; authentication waits for nobody."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction

from agents.authentication import authenticate_agent
from agents.models import Agent
from agents.services import (
    CredentialChange,
    change_agent,
    freeze_agent,
    replace_credential,
    retire_agent,
    revoke_credential,
    revoke_key,
    rotate_key,
    thaw_agent,
)
from core.db import gate_number, rows
from core.errors import Unavailable
from tests.agents.samples import a_credential, a_key, an_agent
from tests.factories import NOW, Cast, actor_for, make_cast

pytestmark = pytest.mark.django_db(transaction=True)
SHORT = "300ms"


@pytest.fixture
def people() -> Cast:
    return make_cast()


@contextmanager
def elsewhere(statement: str, *params: UUID | int) -> Iterator[None]:
    """Somebody else's transaction, which holds what `statement` locks."""
    other = connection.copy()
    try:
        other.ensure_connection()
        with other.cursor() as cursor:
            cursor.execute("begin")
            cursor.execute(statement, params)
            yield
            cursor.execute("rollback")
    finally:
        other.close()


def changes(people: Cast, agent: Agent) -> dict[str, Callable[[], object]]:
    """Every change of an agent that decisions or releases rest on."""
    organization, actor = people.organization.pk, actor_for(people.ada)
    key, credential = a_key(people.olu, agent).key.pk, a_credential(people.olu, agent).pk
    return {
        "labels": lambda: change_agent(
            organization_id=organization, agent_id=agent.pk, change={"labels": ["eu"]}, actor=actor, now=NOW
        ),
        "freeze": lambda: freeze_agent(
            organization_id=organization, agent_id=agent.pk, reason="odd", actor=actor, now=NOW
        ),
        "thaw": lambda: thaw_agent(
            organization_id=organization, agent_id=agent.pk, reason="fine", actor=actor, now=NOW
        ),
        "rotate": lambda: rotate_key(organization_id=organization, key_id=key, overlap_seconds=0, actor=actor, now=NOW),
        "revoke": lambda: revoke_key(organization_id=organization, key_id=key, actor=actor, now=NOW),
        "replace": lambda: replace_credential(
            organization_id=organization,
            credential_id=credential,
            secret="s",
            change=CredentialChange(),
            actor=actor,
            now=NOW,
        ),
        "destroy": lambda: revoke_credential(
            organization_id=organization, credential_id=credential, actor=actor, now=NOW
        ),
        "retire": lambda: retire_agent(organization_id=organization, agent_id=agent.pk, actor=actor, now=NOW),
    }


def test_every_change_waits_for_payments_under_way(people: Cast) -> None:
    agent = an_agent(people.olu)
    found = changes(people, agent)
    rows(f"set lock_timeout = '{SHORT}'")
    try:
        with elsewhere("select pg_advisory_xact_lock_shared(%s)", gate_number(agent.pk)):
            for change in found.values():
                with pytest.raises(Unavailable):
                    change()
        with elsewhere("select pg_advisory_xact_lock_shared(%s)", gate_number(people.organization.pk)):
            for change in found.values():
                change()
    finally:
        rows("reset lock_timeout")


def test_authentication_waits_for_nobody(people: Cast) -> None:
    agent = an_agent(people.olu)
    issued = a_key(people.olu, agent)
    locks = {
        "select 1 from agents_agentkey where id = %s for update": issued.key.pk,
        "select 1 from agents_agent where id = %s for update": agent.pk,
    }
    rows(f"set lock_timeout = '{SHORT}'")
    try:
        for minutes, (statement, row) in enumerate(locks.items()):
            with elsewhere(statement, row):
                assert authenticate_agent(f"Bearer {issued.secret}", NOW + timedelta(minutes=minutes)) is not None
        agent.refresh_from_db()
        assert agent.last_seen_at is None
        authenticate_agent(f"Bearer {issued.secret}", NOW + timedelta(hours=1))
        agent.refresh_from_db()
        assert agent.last_seen_at == NOW + timedelta(hours=1)
    finally:
        rows("reset lock_timeout")


def test_a_change_inside_another_transaction_is_refused(people: Cast) -> None:
    agent = an_agent(people.olu)
    olu = actor_for(people.olu)
    with pytest.raises(RuntimeError), transaction.atomic():
        freeze_agent(
            organization_id=people.organization.pk,
            agent_id=agent.pk,
            reason="odd",
            actor=olu,
            now=NOW,
        )
    agent.refresh_from_db()
    assert agent.frozen_at is None
