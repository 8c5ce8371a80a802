"""A sealed credential is handed out once, for what it is meant for, to a live key that may have it, and told of."""

from datetime import datetime, timedelta
from typing import Any, Final, cast

import pytest

from agents.models import AgentKey, SealedCredential
from agents.services import freeze_agent, replace_credential, retire_agent, revoke_credential, revoke_key
from approvals.models import Authorization, CredentialRelease
from approvals.services.release import REPEATABLE_FOR, Released, release_credential
from audit.selectors import Filters, events_of, newest
from core.actor import Actor, ActorKind
from core.errors import Conflict, NotAllowed, NotAuthenticated, NotFound
from core.ids import Prefix, new_id, to_public
from people.services import IssuedKey, freeze_organization, issue_organization_key, revoke_organization_key
from tests.agents.samples import PROVIDER_SECRET, a_credential
from tests.approvals.world import World, add_agent, ask, counterparty, make_world, stored
from tests.factories import NOW, actor_for

pytestmark = pytest.mark.django_db(transaction=True)

DAILY: Final[dict[str, Any]] = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}
OTHER_SECRET: Final = "sk_provider_0000000000000000000b"
SOMEONE: Final = new_id(NOW)


@pytest.fixture
def world() -> World:
    return make_world(DAILY)


def changed_by(world: World) -> dict[str, Any]:
    return {"organization_id": world.organization_id, "actor": actor_for(world.cast.olu), "now": NOW}


def executor(world: World, name: str = "back end", *, ends: datetime | None = None) -> IssuedKey:
    """An organization key with which an executor has secrets released."""
    ada = world.cast.ada
    return issue_organization_key(
        organization_id=world.organization_id,
        name=name,
        scopes=["release"],
        expires_at=ends,
        by=ada.person,
        actor=actor_for(ada),
        now=NOW,
    )


def by_key(world: World, issued: IssuedKey, one: Authorization, **more: Any) -> Released:
    """Ask for the secret as the executor does."""
    name = to_public(Prefix.KEY, issued.key.pk)
    actor = Actor(ActorKind.ORGANIZATION_KEY, name, issued.key.name, world.organization_id)
    asked = {"wanted": None, "idempotency_key": None, "now": NOW} | more
    return release_credential(
        one.id,
        organization_id=world.organization_id,
        agent_id=None,
        key_id=issued.key.pk,
        actor=actor,
        **asked,
    )


def by_agent(world: World, one: Authorization, **more: Any) -> Released:
    """Ask for the secret as the agent's own app does."""
    asked = {"wanted": None, "idempotency_key": None, "now": NOW} | more
    return release_credential(
        one.id,
        organization_id=world.organization_id,
        agent_id=world.agent.pk,
        key_id=world.key_id,
        actor=world.actor,
        **asked,
    )


def code_of(error: pytest.ExceptionInfo[Any]) -> str:
    return str(error.value.code)


def told(world: World) -> list[str]:
    """Who was given which secret for which payment, by the log, the newest first."""
    page = newest(world.organization_id, Filters(action="credential.released"))
    return [event.subject_id for event in page.events]


# --- What it is meant for -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payees", "rails", "rail", "is_released"),
    [
        ("own", [], "card", True),
        ("own", [], None, True),
        ("other", [], "card", False),
        ("both", [], "card", True),
        ("none", ["card"], "card", True),
        ("none", ["card", "x402"], "x402", True),
        ("none", ["x402"], "card", False),
        ("none", ["card"], None, False),
        ("own", ["card"], "card", True),
        ("own", ["x402"], "card", False),
        ("other", ["card"], "card", False),
        ("own", ["card"], None, False),
    ],
)
def test_payee_and_rail_must_match_where_they_are_given(
    world: World, payees: str, rails: list[str], rail: str | None, is_released: bool
) -> None:
    one = stored(ask(world, "5", rail=rail))
    own = counterparty(world).pk
    ids = {"own": [own], "other": [SOMEONE], "both": [SOMEONE, own], "none": []}[payees]
    a_credential(world.cast.olu, world.agent, counterparties=ids, rails=rails)
    if is_released:
        assert by_key(world, executor(world), one).secret == PROVIDER_SECRET
        return
    with pytest.raises(Conflict) as error:
        by_key(world, executor(world), one)
    assert code_of(error) == "no_matching_credential"
    assert not CredentialRelease.objects.exists()
    assert told(world) == []


def test_a_credential_of_another_agent_does_not_match(world: World) -> None:
    other = add_agent(world.cast, "Other")
    a_credential(world.cast.olu, other.agent, rails=["card"])
    with pytest.raises(Conflict) as error:
        by_key(world, executor(world), stored(ask(world, "5", rail="card")))
    assert code_of(error) == "no_matching_credential"


def test_a_revoked_credential_does_not_match(world: World) -> None:
    credential = a_credential(world.cast.olu, world.agent)
    revoke_credential(credential_id=credential.pk, **changed_by(world))
    with pytest.raises(Conflict) as error:
        by_key(world, executor(world), stored(ask(world, "5", rail="card")))
    assert code_of(error) == "no_matching_credential"


def test_of_several_that_match_one_is_named(world: World) -> None:
    a_credential(world.cast.olu, world.agent, name="OpenAI")
    second = a_credential(world.cast.olu, world.agent, name="Backup", secret=OTHER_SECRET)
    one, other = stored(ask(world, "5", rail="card")), stored(ask(world, "6", rail="card"))
    key = executor(world)
    with pytest.raises(Conflict) as error:
        by_key(world, key, one)
    assert code_of(error) == "several_credentials"
    assert sorted(cast(list[str], error.value.facts["names"])) == ["Backup", "OpenAI"]
    with pytest.raises(Conflict) as unknown:
        by_key(world, key, one, wanted="Stripe")
    assert code_of(unknown) == "no_matching_credential"
    assert by_key(world, key, one, wanted="OpenAI").secret == PROVIDER_SECRET
    assert by_key(world, key, other, wanted=to_public(Prefix.CREDENTIAL, second.pk)).secret == OTHER_SECRET


# --- While it may pay ---------------------------------------------------------------------------------------------


def refused_as_unpayable(world: World, one: Authorization, now: datetime = NOW) -> None:
    with pytest.raises(Conflict) as error:
        by_key(world, executor(world), one, now=now)
    assert code_of(error) == "may_not_pay"
    assert not CredentialRelease.objects.exists()


def test_nothing_is_released_for_a_frozen_agent(world: World) -> None:
    a_credential(world.cast.olu, world.agent)
    one = stored(ask(world, "5", rail="card"))
    freeze_agent(agent_id=world.agent.pk, reason="odd", **changed_by(world))
    refused_as_unpayable(world, one)


def test_nothing_is_released_in_a_frozen_organization(world: World) -> None:
    a_credential(world.cast.olu, world.agent)
    one = stored(ask(world, "5", rail="card"))
    freeze_organization(reason="odd", **changed_by(world))
    refused_as_unpayable(world, one)


def test_nothing_is_released_for_a_retired_agent(world: World) -> None:
    a_credential(world.cast.olu, world.agent)
    one = stored(ask(world, "5", rail="card"))
    retire_agent(agent_id=world.agent.pk, **changed_by(world))
    refused_as_unpayable(world, one)


def test_nothing_is_released_from_the_moment_at_which_the_authorization_ends(world: World) -> None:
    a_credential(world.cast.olu, world.agent)
    one = stored(ask(world, "5", rail="card"))
    assert one.expires_at is not None
    refused_as_unpayable(world, one, one.expires_at)
    last = one.expires_at - timedelta(microseconds=1)
    assert by_key(world, executor(world), one, now=last).secret == PROVIDER_SECRET


def test_nothing_is_released_for_a_declined_payment(world: World) -> None:
    a_credential(world.cast.olu, world.agent)
    refused_as_unpayable(world, stored(ask(world, "500", rail="card")))


# --- Who may have it ----------------------------------------------------------------------------------------------


def test_the_agent_gets_what_its_own_key_may_have(world: World) -> None:
    a_credential(world.cast.olu, world.agent, may_agent_release=True)
    assert by_agent(world, stored(ask(world, "5", rail="card"))).secret == PROVIDER_SECRET


def test_the_agent_does_not_get_what_only_the_executor_may_have(world: World) -> None:
    a_credential(world.cast.olu, world.agent, may_agent_release=False)
    one = stored(ask(world, "5", rail="card"))
    with pytest.raises(NotAllowed) as error:
        by_agent(world, one)
    assert code_of(error) == "executor_only"
    assert not CredentialRelease.objects.exists()
    assert told(world) == []


def test_the_agent_of_another_payment_finds_none(world: World) -> None:
    a_credential(world.cast.olu, world.agent, may_agent_release=True)
    one = stored(ask(world, "5", rail="card"))
    with pytest.raises(NotFound):
        by_agent(add_agent(world.cast, "Other"), one)


def test_a_key_of_an_agent_that_was_revoked_after_it_was_read_gets_no_secret(world: World) -> None:
    a_credential(world.cast.olu, world.agent, may_agent_release=True)
    one = stored(ask(world, "5", rail="card"))
    revoke_key(key_id=world.key_id, **changed_by(world))
    with pytest.raises(NotAuthenticated) as error:
        by_agent(world, one)
    assert code_of(error) == "key_revoked"
    assert not CredentialRelease.objects.exists()


def test_a_key_of_an_agent_that_ended_after_it_was_read_gets_no_secret(world: World) -> None:
    a_credential(world.cast.olu, world.agent, may_agent_release=True)
    one = stored(ask(world, "5", rail="card"))
    AgentKey.objects.filter(pk=world.key_id).update(expires_at=NOW + timedelta(seconds=1))
    with pytest.raises(NotAuthenticated) as error:
        by_agent(world, one, now=NOW + timedelta(seconds=1))
    assert code_of(error) == "key_expired"
    assert by_agent(world, one).secret == PROVIDER_SECRET


def test_the_executor_gets_it_while_its_key_is_live(world: World) -> None:
    a_credential(world.cast.olu, world.agent)
    one, other = stored(ask(world, "5", rail="card")), stored(ask(world, "6", rail="card"))
    key = executor(world)
    assert by_key(world, key, one).secret == PROVIDER_SECRET
    revoke_organization_key(
        organization_id=world.organization_id, key_id=key.key.pk, actor=actor_for(world.cast.ada), now=NOW
    )
    with pytest.raises(NotAuthenticated) as error:
        by_key(world, key, other)
    assert code_of(error) == "key_revoked"


def test_the_executor_gets_nothing_with_a_key_that_ended(world: World) -> None:
    a_credential(world.cast.olu, world.agent)
    ends = NOW + timedelta(minutes=1)
    with pytest.raises(NotAuthenticated) as error:
        by_key(world, executor(world, ends=ends), stored(ask(world, "5", rail="card")), now=ends)
    assert code_of(error) == "key_expired"


# --- Once, and again only to whom it was lost ---------------------------------------------------------------------


@pytest.fixture
def sealed(world: World) -> SealedCredential:
    credential: SealedCredential = a_credential(world.cast.olu, world.agent)
    return credential


@pytest.fixture
def paid(world: World, sealed: SealedCredential) -> Authorization:
    return stored(ask(world, "5", rail="card"))


def refused_again(world: World, key: IssuedKey, one: Authorization, **more: Any) -> str:
    before = told(world)
    with pytest.raises(Conflict) as error:
        by_key(world, key, one, **more)
    assert told(world) == before
    return code_of(error)


def test_a_second_release_is_refused(world: World, paid: Authorization) -> None:
    key = executor(world)
    by_key(world, key, paid)
    assert refused_again(world, key, paid) == "already_released"
    assert refused_again(world, key, paid, idempotency_key="once") == "already_released"


def test_the_same_key_of_idempotency_repeats_it_for_sixty_seconds(world: World, paid: Authorization) -> None:
    key = executor(world)
    by_key(world, key, paid, idempotency_key="once")
    last = NOW + REPEATABLE_FOR
    assert by_key(world, key, paid, idempotency_key="once", now=last).secret == PROVIDER_SECRET
    late = last + timedelta(microseconds=1)
    assert refused_again(world, key, paid, idempotency_key="once", now=late) == "already_released"
    assert refused_again(world, key, paid, idempotency_key="twice") == "already_released"


def test_another_executor_that_knows_the_idempotency_key_gets_nothing(world: World, paid: Authorization) -> None:
    by_key(world, executor(world), paid, idempotency_key="once")
    other = executor(world, "other back end")
    assert refused_again(world, other, paid, idempotency_key="once") == "already_released"


def test_a_repeat_names_the_same_credential_or_none(world: World, paid: Authorization) -> None:
    key = executor(world)
    by_key(world, key, paid, idempotency_key="once", wanted="OpenAI")
    assert by_key(world, key, paid, idempotency_key="once", wanted="OpenAI").secret == PROVIDER_SECRET
    assert refused_again(world, key, paid, idempotency_key="once", wanted="Stripe") == "already_released"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "already_released"),
        ({"counterparties": [SOMEONE]}, "no_matching_credential"),
        ({"rails": ["x402"]}, "no_matching_credential"),
    ],
)
def test_a_secret_put_in_its_place_since_is_not_handed_out_for_the_old_release(
    world: World, paid: Authorization, sealed: SealedCredential, change: dict[str, Any], code: str
) -> None:
    key, later = executor(world), NOW + timedelta(seconds=1)
    by_key(world, key, paid, idempotency_key="once")
    by = changed_by(world) | {"now": later}
    replace_credential(credential_id=sealed.pk, secret=OTHER_SECRET, change=change, **by)  # type: ignore[arg-type]
    assert refused_again(world, key, paid, idempotency_key="once", now=later) == code


def test_a_secret_revoked_since_is_not_repeated(world: World, paid: Authorization, sealed: SealedCredential) -> None:
    key = executor(world)
    by_key(world, key, paid, idempotency_key="once")
    revoke_credential(credential_id=sealed.pk, **changed_by(world))
    assert refused_again(world, key, paid, idempotency_key="once") == "no_matching_credential"


def test_each_handing_out_is_told_in_the_history_of_the_credential_and_of_the_payment(
    world: World, paid: Authorization, sealed: SealedCredential
) -> None:
    key = executor(world)
    by_key(world, key, paid, idempotency_key="once")
    by_key(world, key, paid, idempotency_key="once", now=NOW + timedelta(seconds=3))
    of_secret = events_of(world.organization_id, to_public(Prefix.CREDENTIAL, sealed.pk))
    given = [event for event in of_secret if event.action == "credential.released"]
    name = to_public(Prefix.KEY, key.key.pk)
    assert [event.actor_id for event in given] == [name, name]
    facts = {
        "authorization": to_public(Prefix.AUTHORIZATION, paid.id),
        "credential": to_public(Prefix.CREDENTIAL, sealed.pk),
        "name": "OpenAI",
    }
    assert [event.after for event in given] == [facts | {"is_repeat": True}, facts | {"is_repeat": False}]
    of_payment = events_of(world.organization_id, to_public(Prefix.AUTHORIZATION, paid.id))
    used = [event for event in of_payment if event.action == "authorization.credential_released"]
    assert [event.after for event in used] == [event.after for event in given]
