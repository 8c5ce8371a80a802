"""Hand out a sealed credential, once, against an approved authorization, to the executor."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from agents.models import Agent, SealedCredential
from agents.services import open_sealed
from approvals.models import Authorization, CredentialRelease
from approvals.selectors.answers import may_pay
from approvals.services.transition import demand_live_key, lock_authorization
from audit.catalogue import Action
from audit.services import NewEvent, append_all
from core.actor import Actor
from core.db import use_case
from core.errors import Conflict, NotAllowed
from core.ids import Prefix, to_public

REPEATABLE_FOR: Final = timedelta(seconds=60)
"""A lost answer may be asked for again with the same idempotency key; longer would make a release a store."""


@dataclass(frozen=True, slots=True)
class Released:
    """The secret, and which credential it was; the secret stands nowhere else in any answer, log or event."""

    credential_id: UUID
    name: str
    kind: str
    secret: str

    def __repr__(self) -> str:
        return f"Released({self.name!r})"


@use_case
def release_credential(
    authorization_id: UUID,
    *,
    organization_id: UUID,
    agent_id: UUID | None,
    key_id: UUID,
    wanted: str | None,
    idempotency_key: str | None,
    actor: Actor,
    now: datetime,
) -> Released:
    """Open the credential that matches the authorization's counterparty and rail and hand it out, once.

    `agent_id` is given where the agent's own key asks: then the credential must allow that. `wanted` names it by id
    or name where several match. `key_id` is the key that asks. Raises `NotAuthenticated` (`key_revoked`,
    `key_expired`) where it ended meanwhile, `Conflict`: `may_not_pay`, `already_released`, `no_matching_credential`,
    `several_credentials`; `NotAllowed` (`executor_only`); `NotFound`.
    """
    authorization = lock_authorization(authorization_id, organization_id=organization_id, agent_id=agent_id)
    # Read after the gates: a freeze or a revocation that has committed is seen.
    demand_live_key(key_id, agent_id=agent_id, now=now)
    agent = Agent.objects.select_related("organization").get(id=authorization.agent_id)
    is_frozen = any(moment is not None for moment in (agent.frozen_at, agent.retired_at, agent.organization.frozen_at))
    if not may_pay(authorization.status, authorization.expires_at, is_frozen=is_frozen, now=now):
        raise Conflict(
            "may_not_pay", "This authorization does not allow a payment now.", status_now=authorization.status
        )
    earlier = CredentialRelease.objects.filter(authorization=authorization).first()
    if earlier is not None:
        _demand_repeat(earlier, idempotency_key, actor, now)
    credential = _chosen(authorization, wanted) if earlier is None else _released_before(earlier, authorization, wanted)
    if agent_id is not None and not credential.may_agent_release:
        raise NotAllowed("executor_only", "This credential is released to an organization key of scope release only.")
    if earlier is None:
        _store(authorization, credential, idempotency_key, actor, now)
    _tell(authorization, credential, actor, now, is_repeat=earlier is not None)
    return Released(credential.id, credential.name, credential.kind, open_sealed(credential))


def _chosen(authorization: Authorization, wanted: str | None) -> SealedCredential:
    live = SealedCredential.objects.filter(agent_id=authorization.agent_id, revoked_at__isnull=True)
    matching = [one for one in live if _matches(one, authorization) and _is_called(one, wanted)]
    if not matching:
        raise Conflict("no_matching_credential", "No sealed credential of the agent is meant for this payee and rail.")
    if len(matching) > 1:
        raise Conflict(
            "several_credentials", "Several credentials match; name one.", names=[one.name for one in matching]
        )
    return matching[0]


def _is_called(credential: SealedCredential, wanted: str | None) -> bool:
    return wanted in (None, credential.name, to_public(Prefix.CREDENTIAL, credential.id))


def _matches(credential: SealedCredential, authorization: Authorization) -> bool:
    is_payee = not credential.counterparties or authorization.counterparty_id in credential.counterparties
    is_rail = not credential.rails or authorization.rail in credential.rails
    return is_payee and is_rail


def _demand_repeat(earlier: CredentialRelease, idempotency_key: str | None, actor: Actor, now: datetime) -> None:
    """Only who got the secret may ask for it again; another key that knows the idempotency key is another caller."""
    is_same = idempotency_key is not None and idempotency_key == earlier.idempotency_key
    if not is_same or actor.id != earlier.released_to or now - earlier.released_at > REPEATABLE_FOR:
        raise Conflict("already_released", "The credential was released for this authorization already.")


def _released_before(earlier: CredentialRelease, authorization: Authorization, wanted: str | None) -> SealedCredential:
    """Return the credential of the earlier release while it is still the same one, meant for the same payment."""
    credential = earlier.credential
    is_changed = credential.replaced_at is not None and credential.replaced_at > earlier.released_at
    if credential.revoked_at is not None or not _matches(credential, authorization):
        raise Conflict("no_matching_credential", "The credential was revoked or is meant for other payments now.")
    if is_changed or not _is_called(credential, wanted):
        raise Conflict("already_released", "Another secret was released for this authorization already.")
    return credential


def _store(
    authorization: Authorization,
    credential: SealedCredential,
    idempotency_key: str | None,
    actor: Actor,
    now: datetime,
) -> None:
    CredentialRelease.objects.create(
        authorization=authorization,
        organization_id=authorization.organization_id,
        credential=credential,
        idempotency_key=idempotency_key,
        released_to=actor.id,
        released_at=now,
    )


def _tell(
    authorization: Authorization, credential: SealedCredential, actor: Actor, now: datetime, *, is_repeat: bool
) -> None:
    """Write each hand-out into both histories: who got this secret, and what this payment was given."""
    paid_for, secret_of = to_public(Prefix.AUTHORIZATION, authorization.id), to_public(Prefix.CREDENTIAL, credential.id)
    facts = {"authorization": paid_for, "credential": secret_of, "name": credential.name, "is_repeat": is_repeat}
    whose: dict[str, Any] = {"organization_id": authorization.organization_id, "actor": actor, "now": now}
    release = NewEvent(
        action=Action.CREDENTIAL_RELEASED, subject_kind="sealed_credential", subject_id=secret_of, after=facts, **whose
    )
    use = NewEvent(
        action=Action.AUTHORIZATION_CREDENTIAL_RELEASED,
        subject_kind="authorization",
        subject_id=paid_for,
        after=facts,
        **whose,
    )
    append_all([release, use])
