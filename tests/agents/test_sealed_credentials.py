"""Sealed credentials: created, replaced, revoked; opened only in their row, with their key, inside a transaction."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from pytest_django import Settings

from agents.models import Agent, SealedCredential
from agents.selectors import unfit_keks
from agents.services import CredentialChange, open_sealed, replace_credential, retire_agent, revoke_credential
from agents.services.credentials import LONGEST_SECRET, MOST_CREDENTIALS
from audit.models import Event
from conto_admin.checks import refuse_unsafe
from core.db import rows
from core.errors import Conflict, Invalid, NotFound
from core.ids import Prefix, new_id, to_public
from core.sealing import CannotOpen
from tests.agents.samples import COUNTERPARTY, PROVIDER_SECRET, a_credential, actions_of, an_agent
from tests.factories import NOW, Cast, actor_for, make_cast

pytestmark = pytest.mark.django_db
OTHER_SECRET = "tok_card_77f0aa51c3"


@pytest.fixture
def people() -> Cast:
    return make_cast()


@pytest.fixture
def agent(people: Cast) -> Agent:
    return an_agent(people.olu)


@pytest.fixture
def credential(people: Cast, agent: Agent) -> SealedCredential:
    return SealedCredential.objects.get(pk=a_credential(people.olu, agent).pk)


def opened(credential: SealedCredential) -> str:
    with transaction.atomic():
        return open_sealed(SealedCredential.objects.get(pk=credential.pk))


def replaced(people: Cast, credential: SealedCredential, change: CredentialChange, secret: str = OTHER_SECRET) -> Any:
    return replace_credential(
        organization_id=people.organization.pk,
        credential_id=credential.pk,
        secret=secret,
        change=change,
        actor=actor_for(people.olu),
        now=NOW + timedelta(hours=1),
    )


def revoked(people: Cast, credential: SealedCredential) -> SealedCredential:
    return revoke_credential(
        organization_id=people.organization.pk, credential_id=credential.pk, actor=actor_for(people.olu), now=NOW
    )


def test_a_sealed_secret_opens_for_a_release(credential: SealedCredential) -> None:
    assert opened(credential) == PROVIDER_SECRET


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_opens(people: Cast) -> None:
    credential = a_credential(people.olu, an_agent(people.olu))
    with pytest.raises(RuntimeError):
        open_sealed(credential)


def test_it_is_stored_with_what_it_may_be_released_for(people: Cast, agent: Agent) -> None:
    kept = a_credential(
        people.olu, agent, name=" Card ", kind="card_token", counterparties=[COUNTERPARTY], rails=["x402", "card"]
    )
    stored = SealedCredential.objects.get(pk=kept.pk)
    assert (stored.name, stored.kind, stored.may_agent_release) == ("Card", "card_token", False)
    assert (stored.counterparties, stored.rails, stored.created_at) == ([COUNTERPARTY], ["card", "x402"], NOW)
    event = Event.objects.get(subject_id=to_public(Prefix.CREDENTIAL, stored.pk))
    assert event.action == "sealed_credential.created"
    assert event.after is not None
    assert event.after["counterparties"] == [to_public(Prefix.COUNTERPARTY, COUNTERPARTY)]
    assert event.after["agent"] == to_public(Prefix.AGENT, agent.pk)


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"name": ""}, "name_invalid", "name"),
        ({"kind": "password"}, "kind_unknown", "kind"),
        ({"secret": ""}, "secret_invalid", "secret"),
        ({"secret": "x" * (LONGEST_SECRET + 1)}, "secret_invalid", "secret"),
        ({"secret": "a\0b"}, "secret_invalid", "secret"),
        ({"rails": []}, "binding_missing", "counterparties"),
        ({"rails": ["card", "barter"]}, "rail_unknown", "rails"),
        ({"counterparties": [new_id(NOW) for _ in range(51)]}, "too_many_counterparties", "counterparties"),
    ],
)
def test_unfit_fields_are_refused(people: Cast, agent: Agent, fields: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        a_credential(people.olu, agent, **fields)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert not SealedCredential.objects.exists()


def test_the_name_is_free_again_after_a_revocation(people: Cast, agent: Agent, credential: SealedCredential) -> None:
    with pytest.raises(Conflict) as refused:
        a_credential(people.olu, agent)
    assert refused.value.code == "name_taken"
    revoked(people, credential)
    a_credential(people.olu, agent)


def test_an_agent_has_a_limited_number_of_credentials(people: Cast, agent: Agent) -> None:
    for number in range(MOST_CREDENTIALS):
        a_credential(people.olu, agent, name=f"credential {number}")
    with pytest.raises(Conflict) as refused:
        a_credential(people.olu, agent)
    assert refused.value.code == "too_many_credentials"


def test_a_replacement_keeps_the_binding_it_does_not_name(people: Cast, credential: SealedCredential) -> None:
    sealed = credential.envelope
    replaced(people, credential, {})
    stored = SealedCredential.objects.get(pk=credential.pk)
    assert opened(credential) == OTHER_SECRET
    assert (stored.rails, stored.counterparties) == (["card"], [])
    assert (stored.replaced_at, stored.name) == (NOW + timedelta(hours=1), "OpenAI")
    assert stored.envelope.wrapped_key != sealed.wrapped_key
    replaced(people, credential, {"rails": [], "counterparties": [COUNTERPARTY], "may_agent_release": True})
    stored.refresh_from_db()
    assert (stored.rails, stored.counterparties, stored.may_agent_release) == ([], [COUNTERPARTY], True)
    assert actions_of(Prefix.CREDENTIAL, credential.pk)[1:] == ["sealed_credential.replaced"] * 2


def test_a_replacement_without_any_binding_is_refused(people: Cast, credential: SealedCredential) -> None:
    with pytest.raises(Invalid) as refused:
        replaced(people, credential, {"rails": []})
    assert refused.value.code == "binding_missing"
    assert opened(credential) == PROVIDER_SECRET


def test_a_revocation_destroys_the_secret(people: Cast, credential: SealedCredential) -> None:
    revoked(people, credential)
    revoked(people, credential)
    stored = SealedCredential.objects.get(pk=credential.pk)
    assert (bytes(stored.sealed), bytes(stored.wrapped_key), stored.kek, stored.revoked_at) == (b"", b"", "", NOW)
    with pytest.raises(Conflict) as refused:
        opened(credential)
    assert refused.value.code == "credential_revoked"
    with pytest.raises(Conflict):
        replaced(people, credential, {})
    assert actions_of(Prefix.CREDENTIAL, credential.pk)[1:] == ["sealed_credential.revoked"]


def test_the_credential_of_a_retired_agent_can_only_be_revoked(
    people: Cast, agent: Agent, credential: SealedCredential
) -> None:
    retire_agent(organization_id=people.organization.pk, agent_id=agent.pk, actor=actor_for(people.olu), now=NOW)
    with pytest.raises(Conflict, match="retired"):
        replaced(people, credential, {})
    with pytest.raises(Conflict, match="retired"):
        a_credential(people.olu, agent, name="late")
    revoked(people, credential)


def test_a_foreign_credential_is_not_found(people: Cast) -> None:
    foreign = a_credential(people.mallory, an_agent(people.mallory))
    with pytest.raises(NotFound):
        replaced(people, foreign, {})
    with pytest.raises(NotFound):
        revoked(people, foreign)
    with pytest.raises(NotFound):
        a_credential(people.olu, foreign.agent)
    assert opened(foreign) == PROVIDER_SECRET


# --- What a thief of the database could try ---------------------------------------------------------------------------


def test_ciphertext_moved_to_another_row_does_not_open(
    people: Cast, agent: Agent, credential: SealedCredential
) -> None:
    other = a_credential(people.olu, agent, name="other", secret=OTHER_SECRET)
    copy = """
        update agents_sealedcredential target set sealed = source.sealed, wrapped_key = source.wrapped_key
          from agents_sealedcredential source where source.id = %s and target.id = %s
    """
    rows(copy, [credential.pk, other.pk])
    with pytest.raises(CannotOpen):
        opened(other)


def test_ciphertext_moved_to_another_field_does_not_open(credential: SealedCredential) -> None:
    rows("update agents_sealedcredential set sealed = wrapped_key, wrapped_key = sealed where id = %s", [credential.pk])
    with pytest.raises(CannotOpen):
        opened(credential)


def test_a_wrong_or_missing_key_fails_closed(credential: SealedCredential, settings: Settings) -> None:
    name = settings.CONTO_KEK_CURRENT
    assert unfit_keks() == ()
    other = b64encode(b"another key of thirty-two bytes!").decode()
    for keks, current in (({name: other}, name), ({"next": other}, "next")):
        settings.CONTO_KEKS, settings.CONTO_KEK_CURRENT = keks, current
        assert unfit_keks() == (name,)
        with pytest.raises(CannotOpen):
            opened(credential)


def test_one_damaged_row_is_not_a_wrong_key(people: Cast, agent: Agent, credential: SealedCredential) -> None:
    a_credential(people.olu, agent, name="other")
    rows("update agents_sealedcredential set wrapped_key = sealed where id = %s", [credential.pk])
    assert unfit_keks() == ()


def test_without_a_key_nothing_is_sealed(people: Cast, agent: Agent, settings: Settings) -> None:
    settings.CONTO_KEKS = {}
    with pytest.raises(CannotOpen):
        a_credential(people.olu, agent)
    assert not SealedCredential.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_server_does_not_start_with_a_wrong_key(people: Cast, settings: Settings) -> None:
    credential = a_credential(people.olu, an_agent(people.olu))
    settings.DEMO = True
    refuse_unsafe()
    settings.CONTO_KEKS = {credential.kek: b64encode(b"another key of thirty-two bytes!").decode()}
    with pytest.raises(ImproperlyConfigured, match=r"conto\.E105"):
        refuse_unsafe()
