"""A sealed credential is handed out to a key that is live when the gates have been passed, and to no other."""

from typing import Any, Final
from uuid import UUID

import pytest

from agents.services import revoke_key
from approvals.models import CredentialRelease
from approvals.services.release import release_credential
from core.errors import NotAuthenticated
from people.services import issue_organization_key, revoke_organization_key
from tests.agents.samples import PROVIDER_SECRET, a_credential
from tests.approvals.world import World, ask, make_world, stored
from tests.factories import NOW, actor_for

pytestmark = pytest.mark.django_db(transaction=True)

DAILY: Final[dict[str, Any]] = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}


@pytest.fixture
def world() -> World:
    made = make_world(DAILY)
    a_credential(made.cast.olu, made.agent, rails=["card"], may_agent_release=True)
    return made


def release(world: World, authorization_id: UUID, *, agent_id: UUID | None, key_id: UUID) -> str:
    return release_credential(
        authorization_id,
        organization_id=world.organization_id,
        agent_id=agent_id,
        key_id=key_id,
        wanted=None,
        idempotency_key=None,
        actor=world.actor,
        now=NOW,
    ).secret


def test_a_key_that_was_revoked_after_it_was_read_gets_no_secret(world: World) -> None:
    one = stored(ask(world, "5", rail="card"))
    olu = world.cast.olu
    revoke_key(organization_id=world.organization_id, key_id=world.key_id, actor=actor_for(olu), now=NOW)
    with pytest.raises(NotAuthenticated):
        release(world, one.id, agent_id=world.agent.pk, key_id=world.key_id)
    assert not CredentialRelease.objects.exists()


def test_a_live_key_of_the_agent_gets_it(world: World) -> None:
    one = stored(ask(world, "5", rail="card"))
    assert release(world, one.id, agent_id=world.agent.pk, key_id=world.key_id) == PROVIDER_SECRET


def test_the_back_end_gets_it_while_its_key_is_live(world: World) -> None:
    one, other = stored(ask(world, "5", rail="card")), stored(ask(world, "6", rail="card"))
    ada = world.cast.ada
    whose: dict[str, Any] = {"organization_id": world.organization_id, "actor": actor_for(ada), "now": NOW}
    key = issue_organization_key(name="back end", scopes=["release"], expires_at=None, by=ada.person, **whose).key
    assert release(world, one.id, agent_id=None, key_id=key.pk) == PROVIDER_SECRET
    revoke_organization_key(key_id=key.pk, **whose)
    with pytest.raises(NotAuthenticated):
        release(world, other.id, agent_id=None, key_id=key.pk)
