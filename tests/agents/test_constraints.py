"""Every constraint of the agents' tables, violated with raw SQL."""

import pytest
from django.db import IntegrityError, transaction

from agents.models import Agent, AgentKey, SealedCredential
from core.db import rows
from core.ids import new_id
from tests.agents.samples import a_credential, a_key, an_agent
from tests.factories import NOW, Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


@pytest.fixture
def agent(people: Cast) -> Agent:
    return an_agent(people.olu, external_ref="actor/1")


@pytest.fixture
def key(people: Cast, agent: Agent) -> AgentKey:
    return a_key(people.olu, agent).key


@pytest.fixture
def credential(people: Cast, agent: Agent) -> SealedCredential:
    kept: SealedCredential = a_credential(people.olu, agent)
    return kept


def refuse(constraint: str, sql: str, *params: object) -> None:
    with pytest.raises(IntegrityError, match=f'"{constraint}"'), transaction.atomic():
        rows(sql, params)


def test_agent_reference_is_unique(people: Cast, agent: Agent) -> None:
    other = an_agent(people.olu, "Other")
    refuse("agent_reference_is_unique", "update agents_agent set external_ref = 'actor/1' where id = %s", other.pk)


def test_agent_has_a_name(agent: Agent) -> None:
    refuse("agent_has_a_name", "update agents_agent set name = '' where id = %s", agent.pk)


def test_agent_key_expires_after_creation(key: AgentKey) -> None:
    sql = "update agents_agentkey set expires_at = created_at where id = %s"
    refuse("agent_key_expires_after_creation", sql, key.pk)


def test_sealed_credential_name_is_unique(people: Cast, agent: Agent, credential: SealedCredential) -> None:
    other = a_credential(people.olu, agent, name="other")
    sql = "update agents_sealedcredential set name = %s where id = %s"
    refuse("sealed_credential_name_is_unique", sql, credential.name, other.pk)


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("sealed_credential_kind_is_known", "kind = 'password'"),
        ("sealed_credential_is_bound", "rails = '{}', counterparties = '{}'"),
        ("sealed_credential_rails_are_known", "rails = '{card,barter}'"),
        ("sealed_credential_is_destroyed_when_revoked", "revoked_at = now()"),
        ("sealed_credential_is_destroyed_when_revoked", "revoked_at = now(), sealed = '', wrapped_key = ''"),
        ("sealed_credential_is_destroyed_when_revoked", "sealed = ''"),
        ("sealed_credential_is_destroyed_when_revoked", "wrapped_key = ''"),
        ("sealed_credential_is_destroyed_when_revoked", "kek = ''"),
    ],
)
def test_what_a_sealed_credential_must_hold(credential: SealedCredential, constraint: str, change: str) -> None:
    refuse(constraint, f"update agents_sealedcredential set {change} where id = %s", credential.pk)


@pytest.mark.usefixtures("key")
def test_nothing_an_agent_rests_on_can_be_deleted(people: Cast, agent: Agent) -> None:
    rows("set constraints all immediate")
    refuse("[a-z_]+_organization_id_.*", "delete from people_organization where id = %s", people.organization.pk)
    refuse("agents_.*_agent_id_.*", "delete from agents_agent where id = %s", agent.pk)


def test_a_key_belongs_to_an_agent_that_exists(key: AgentKey) -> None:
    rows("set constraints all immediate")
    refuse("agents_agentkey_agent_id_.*", "update agents_agentkey set agent_id = %s where id = %s", new_id(NOW), key.pk)
