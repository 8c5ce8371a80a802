"""Sealed credentials: a provider's secrets, created, replaced and revoked; opened only for a release."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypedDict
from uuid import UUID

from django.views.decorators.debug import sensitive_variables

from agents.models import CREDENTIAL_KINDS, RAILS, Agent, SealedCredential
from agents.services.fields import UNREADABLE, name_of
from agents.services.locking import stop_and_lock_agent, stop_and_lock_living_agent
from audit.catalogue import Action
from audit.services import append
from core.actor import SYSTEM, Actor
from core.db import must_be_in_transaction, use_case
from core.errors import Conflict, Invalid, NotFound
from core.ids import Prefix, new_id, to_public
from core.sealing import CannotOpen, Sealed, keyring, rewrap, seal, unseal

MOST_CREDENTIALS: Final = 50
"""Credentials in force per agent: more would be somebody else's vault."""
MOST_COUNTERPARTIES: Final = 50
LONGEST_SECRET: Final = 16_384
"""Characters; a signing key with its certificates fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredential:
    """A secret that is about to be sealed, and what it may be released for (ids of counterparties, names of rails)."""

    name: str
    kind: str
    secret: str = field(repr=False)
    counterparties: Collection[UUID] = ()
    rails: Collection[str] = ()
    may_agent_release: bool = False


class CredentialChange(TypedDict, total=False):
    """What a replacement may change besides the secret; fields left out stay as they are."""

    counterparties: Collection[UUID]
    rails: Collection[str]
    may_agent_release: bool


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What one batch did: the last credential it looked at, how many it wrapped, and those that open with no key."""

    last: UUID | None
    wrapped: int
    unreadable: tuple[UUID, ...]


@sensitive_variables("new", "sealed")
@use_case
def create_credential(
    *, organization_id: UUID, agent_id: UUID, new: NewCredential, actor: Actor, now: datetime
) -> SealedCredential:
    """Seal a secret for an agent; it cannot be shown again, only released.

    Raises `NotFound`, `Invalid` (name, kind, secret, `binding_missing`, rails), `Conflict` (`agent_retired`,
    `name_taken`, `too_many_credentials`), `Unavailable` where there is no key to seal with.
    """
    name = name_of(new.name)
    if new.kind not in CREDENTIAL_KINDS:
        raise Invalid("kind_unknown", f"The kind is one of {', '.join(CREDENTIAL_KINDS)}.", field="kind")
    agent = stop_and_lock_living_agent(organization_id, agent_id)
    _demand_room(agent, name)
    credential = SealedCredential(id=new_id(now), organization_id=organization_id, agent=agent, created_at=now)
    credential.name, credential.kind = name, new.kind
    _bind(credential, new.counterparties, new.rails)
    credential.may_agent_release = new.may_agent_release
    _store_sealed(credential, seal(_secret(new.secret), credential.place))
    credential.save(force_insert=True)
    _append(Action.SEALED_CREDENTIAL_CREATED, credential, before=None, actor=actor, now=now)
    return credential


@sensitive_variables("secret", "sealed")
@use_case
def replace_credential(
    *, organization_id: UUID, credential_id: UUID, secret: str, change: CredentialChange, actor: Actor, now: datetime
) -> SealedCredential:
    """Put another secret in the place of the sealed one.

    What it may be released for changes only with the secret: nobody turns a secret they do not know towards another
    payee. Takes the agent's gate. Raises `NotFound`, `Invalid`, `Unavailable`, `Conflict` (`agent_retired`,
    `credential_revoked`).
    """
    credential = _locked(organization_id, credential_id, is_living=True)
    if credential.revoked_at is not None:
        raise Conflict("credential_revoked", "This credential has been revoked. Create a new one.")
    before = credential_facts(credential)
    _bind(credential, change.get("counterparties", credential.counterparties), change.get("rails", credential.rails))
    credential.may_agent_release = change.get("may_agent_release", credential.may_agent_release)
    _store_sealed(credential, seal(_secret(secret), credential.place))
    credential.replaced_at = now
    credential.save()
    _append(Action.SEALED_CREDENTIAL_REPLACED, credential, before=before, actor=actor, now=now)
    return credential


@use_case
def revoke_credential(*, organization_id: UUID, credential_id: UUID, actor: Actor, now: datetime) -> SealedCredential:
    """Destroy a sealed secret: nothing is released after the commit. Revoking a revoked one changes nothing."""
    credential = _locked(organization_id, credential_id, is_living=False)
    if credential.revoked_at is not None:
        return credential
    before = credential_facts(credential)
    credential.revoked_at = now
    _store_sealed(credential, Sealed(b"", b"", ""))
    credential.save()
    _append(Action.SEALED_CREDENTIAL_REVOKED, credential, before=before, actor=actor, now=now)
    return credential


def open_sealed(credential: SealedCredential) -> str:
    """Return the secret; a step of a release, inside its transaction and behind its gates.

    Raises `Conflict` (`credential_revoked`), and `Unavailable` (`secret_unreadable`) where the keys do not fit.
    """
    must_be_in_transaction()
    if credential.revoked_at is not None:
        raise Conflict("credential_revoked", "This credential has been revoked.")
    return unseal(credential.envelope, credential.place)


@use_case
def rewrap_batch(*, after: UUID | None, limit: int, now: datetime) -> Rewrapped:
    """Wrap the data keys of up to `limit` credentials behind `after` with the current key-encryption key.

    Secrets are not opened. What somebody is changing, and what opens with no key, is left as it is.
    """
    stale = SealedCredential.objects.filter(revoked_at=None).exclude(kek=keyring().current)
    rest = stale if after is None else stale.filter(pk__gt=after)
    batch = list(rest.select_for_update(skip_locked=True).order_by("pk")[:limit])
    unreadable = [credential.pk for credential in batch if not _rewrap(credential, now=now)]
    return Rewrapped(batch[-1].pk if batch else None, len(batch) - len(unreadable), tuple(unreadable))


def credential_facts(credential: SealedCredential) -> dict[str, object]:
    """Return a sealed credential as the history shows it: never the secret, sealed or not."""
    return {
        "agent": to_public(Prefix.AGENT, credential.agent_id),
        "name": credential.name,
        "kind": credential.kind,
        "counterparties": [to_public(Prefix.COUNTERPARTY, one) for one in credential.counterparties],
        "rails": list(credential.rails),
        "may_agent_release": credential.may_agent_release,
        "key_encryption_key": credential.kek,
        "revoked": credential.revoked_at is not None,
    }


def _rewrap(credential: SealedCredential, *, now: datetime) -> bool:
    before = {"key_encryption_key": credential.kek}
    try:
        _store_sealed(credential, rewrap(credential.envelope, credential.place))
    except CannotOpen:
        return False
    credential.save(update_fields=["sealed", "wrapped_key", "kek"])
    _append(Action.SEALED_CREDENTIAL_REWRAPPED, credential, before=before, actor=SYSTEM, now=now)
    return True


def _locked(organization_id: UUID, credential_id: UUID, *, is_living: bool) -> SealedCredential:
    """Take the gate of the credential's agent, then its row; a credential never changes its agent."""
    credentials = SealedCredential.objects.filter(organization_id=organization_id, pk=credential_id)
    agent_id = credentials.values_list("agent_id", flat=True).first()
    if agent_id is None:
        raise NotFound()
    lock = stop_and_lock_living_agent if is_living else stop_and_lock_agent
    lock(organization_id, agent_id)
    return credentials.select_for_update().get()


def _demand_room(agent: Agent, name: str) -> None:
    in_force = SealedCredential.objects.filter(agent=agent, revoked_at=None)
    if in_force.filter(name=name).exists():
        raise Conflict("name_taken", "This agent has a credential of this name.", field="name")
    if in_force.count() >= MOST_CREDENTIALS:
        raise Conflict(
            "too_many_credentials", f"An agent has at most {MOST_CREDENTIALS} credentials. Revoke one first."
        )


def _bind(credential: SealedCredential, counterparties: Collection[UUID], rails: Collection[str]) -> None:
    if unknown := sorted(set(rails) - set(RAILS)):
        raise Invalid("rail_unknown", f"There is no rail {unknown[0]!r}.", field="rails")
    if len(set(counterparties)) > MOST_COUNTERPARTIES:
        detail = f"A credential names at most {MOST_COUNTERPARTIES} counterparties."
        raise Invalid("too_many_counterparties", detail, field="counterparties")
    if not counterparties and not rails:
        detail = "Name the counterparties or the rails that the secret may be released for."
        raise Invalid("binding_missing", detail, field="counterparties")
    credential.counterparties = sorted(set(counterparties))
    credential.rails = [rail for rail in RAILS if rail in rails]


@sensitive_variables("secret")
def _secret(secret: str) -> str:
    """Return the secret as it came; spaces may belong to it."""
    if not 0 < len(secret) <= LONGEST_SECRET or UNREADABLE.search(secret):
        raise Invalid("secret_invalid", f"The secret has 1 to {LONGEST_SECRET} readable characters.", field="secret")
    return secret


def _store_sealed(credential: SealedCredential, sealed: Sealed) -> None:
    credential.sealed, credential.wrapped_key, credential.kek = sealed.text, sealed.wrapped_key, sealed.kek


def _append(
    action: Action, credential: SealedCredential, *, before: Mapping[str, object] | None, actor: Actor, now: datetime
) -> None:
    append(
        organization_id=credential.organization_id,
        actor=actor,
        action=action,
        subject_kind="sealed_credential",
        subject_id=to_public(Prefix.CREDENTIAL, credential.pk),
        before=before,
        after=credential_facts(credential),
        now=now,
    )
