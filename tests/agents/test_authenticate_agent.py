"""Authenticating an agent: one read, the same work for unknown ids, and every way to be refused."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from agents.authentication import AgentCaller, authenticate_agent
from agents.models import Agent, AgentKey
from agents.services import IssuedKey, freeze_agent, retire_agent, revoke_key
from core import keys
from core.actor import ActorKind
from core.errors import NotAuthenticated
from core.ids import Prefix, new_id, to_public
from people.services import freeze_organization
from tests.agents.samples import a_key, an_agent, bearer
from tests.factories import NOW, Cast, actor_for, make_cast

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def people() -> Cast:
    return make_cast()


@pytest.fixture
def agent(people: Cast) -> Agent:
    return an_agent(people.olu, labels=["research", "eu"])


@pytest.fixture
def issued(people: Cast, agent: Agent) -> IssuedKey:
    return a_key(people.olu, agent)


def caller_of(secret: str) -> AgentCaller:
    caller = authenticate_agent(f"Bearer {secret}", LATER)
    assert caller is not None
    return caller


def refusal_of(secret: str) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        authenticate_agent(f"Bearer {secret}", LATER)
    return refused.value.code


def test_a_key_says_who_calls(people: Cast, agent: Agent, issued: IssuedKey) -> None:
    caller = caller_of(issued.secret)
    organization = people.organization
    assert caller == AgentCaller(
        agent_id=agent.pk,
        agent_name="Atlas",
        organization_id=organization.pk,
        organization_name="Acme",
        key_id=issued.key.pk,
        labels=("eu", "research"),
        epoch=organization.epoch,
        time_zone="UTC",
        currency="USD",
        approval_ttl_seconds=organization.approval_ttl_seconds,
    )
    actor = caller.actor("req_1", "192.0.2.1")
    assert (actor.kind, actor.id, actor.name) == (ActorKind.AGENT, to_public(Prefix.AGENT, agent.pk), "Atlas")
    assert (actor.organization_id, actor.request_id, actor.address) == (organization.pk, "req_1", "192.0.2.1")


def test_authenticating_costs_one_read_and_a_write_a_minute(
    issued: IssuedKey, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        caller_of(issued.secret)
    with django_assert_num_queries(1):
        caller_of(issued.secret)


def test_last_use_is_written_at_most_once_a_minute(agent: Agent, issued: IssuedKey) -> None:
    header = f"Bearer {issued.secret}"
    for seconds, seen in [(0, 0), (59, 0), (60, 60), (61, 60), (180, 180)]:
        authenticate_agent(header, NOW + timedelta(seconds=seconds))
        expected = NOW + timedelta(seconds=seen)
        assert AgentKey.objects.get(pk=issued.key.pk).last_used_at == expected
        assert Agent.objects.get(pk=agent.pk).last_seen_at == expected


@pytest.mark.parametrize("header", [None, "", "Basic dXNlcjpwYXNz", "Bearer " + "x" * 400, "conto_agent_"])
def test_without_a_bearer_key_nobody_calls(header: str | None) -> None:
    assert authenticate_agent(header, NOW) is None


def test_an_organization_key_is_left_to_others() -> None:
    assert authenticate_agent("Bearer " + keys.mint(keys.ORGANIZATION, new_id(NOW)), NOW) is None


def test_the_scheme_is_read_in_any_case(issued: IssuedKey) -> None:
    assert authenticate_agent(f"bearer  {issued.secret} ", LATER) is not None


@pytest.mark.parametrize("spoil", [str.upper, lambda text: text[:-1], lambda text: text * 2, lambda text: text[-3:]])
def test_text_of_another_form_is_refused(issued: IssuedKey, spoil: Callable[[str], str]) -> None:
    assert refusal_of(spoil(issued.secret)) == "key_unknown"


def test_another_secret_of_a_known_id_is_refused(issued: IssuedKey) -> None:
    assert refusal_of(keys.mint(keys.AGENT, issued.key.pk)) == "key_unknown"


def test_unknown_and_known_ids_cost_the_same_hashing(issued: IssuedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    real = keys.secret_hash

    def counted(text: str) -> str:
        hashed.append(text)
        return real(text)

    monkeypatch.setattr(keys, "secret_hash", counted)
    known, unknown = keys.mint(keys.AGENT, issued.key.pk), keys.mint(keys.AGENT, new_id(NOW))
    for text in (issued.secret, known, unknown):
        hashed.clear()
        if text == issued.secret:
            caller_of(text)
        else:
            assert refusal_of(text) == "key_unknown"
        assert hashed == [text]


def test_a_key_works_until_it_expires(people: Cast, agent: Agent) -> None:
    issued = a_key(people.olu, agent, expires_at=LATER)
    assert authenticate_agent(f"Bearer {issued.secret}", LATER - timedelta(microseconds=1)) is not None
    assert refusal_of(issued.secret) == "key_expired"


def test_a_revoked_key_is_refused(people: Cast, issued: IssuedKey) -> None:
    revoke_key(organization_id=people.organization.pk, key_id=issued.key.pk, actor=actor_for(people.olu), now=NOW)
    assert refusal_of(issued.secret) == "key_revoked"
    assert refusal_of(keys.mint(keys.AGENT, issued.key.pk)) == "key_unknown"


def test_the_key_of_a_retired_agent_is_refused(people: Cast, agent: Agent, issued: IssuedKey) -> None:
    retire_agent(organization_id=people.organization.pk, agent_id=agent.pk, actor=actor_for(people.olu), now=NOW)
    assert refusal_of(issued.secret) == "agent_retired"


def test_a_frozen_agent_still_calls(people: Cast, agent: Agent, issued: IssuedKey) -> None:
    organization = people.organization.pk
    freeze_agent(organization_id=organization, agent_id=agent.pk, reason="odd", actor=actor_for(people.olu), now=NOW)
    assert caller_of(issued.secret).frozen == ("agent_frozen",)
    freeze_organization(organization_id=organization, reason="odd", actor=actor_for(people.olu), now=NOW)
    assert caller_of(issued.secret).frozen == ("agent_frozen", "organization_frozen")


def test_a_refused_key_is_told_how_to_do_better(client: Client) -> None:
    answer = client.get("/api/v1/status", headers=bearer("nonsense"))
    assert (answer.status_code, answer.json()["code"], answer["WWW-Authenticate"]) == (401, "key_unknown", "Bearer")
    assert "nonsense" not in answer.content.decode()
