"""Hand out a sealed credential, once, against an approved authorization, to the executor."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from agents.models import AgentKey, SealedCredential
from agents.services import open_sealed
from approvals.models import Authorization, CredentialRelease
from approvals.selectors.answers import may_pay
from approvals.services.transition import lock_authorization
from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.db import use_case
from core.errors import Conflict, NotAllowed, NotAuthenticated
from core.ids import Prefix, to_public
from people.models import OrganizationKey

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
    or name where several match. `key_id` is the key that asks. Raises `NotAuthenticated` (`key_revoked`) where it was
    revoked meanwhile, `Conflict`: `may_not_pay`, `already_released`, `no_matching_credential`,
    `several_credentials`; `NotAllowed` (`executor_only`); `NotFound`.
    """
    authorization = lock_authorization(authorization_id, organization_id=organization_id, agent_id=agent_id)
    # Read after the gates: a freeze or a revocation that has committed is seen.
    if not _is_live(key_id, agent_id):
        raise NotAuthenticated("key_revoked", "The key was revoked while the request was under way.")
    agent, organization = authorization.agent, authorization.organization
    is_frozen = any(moment is not None for moment in (agent.frozen_at, agent.retired_at, organization.frozen_at))
    if not may_pay(authorization.status, authorization.expires_at, is_frozen=is_frozen, now=now):
        raise Conflict(
            "may_not_pay", "This authorization does not allow a payment now.", status_now=authorization.status
        )
    earlier = CredentialRelease.objects.filter(authorization=authorization).first()
    credential = _chosen(authorization, wanted) if earlier is None else _released_before(earlier, idempotency_key, now)
    if agent_id is not None and not credential.may_agent_release:
        raise NotAllowed("executor_only", "This credential is released to an organization key of scope release only.")
    if earlier is None:
        _note(authorization, credential, idempotency_key, actor, now)
    return Released(credential.id, credential.name, credential.kind, open_sealed(credential))


def _is_live(key_id: UUID, agent_id: UUID | None) -> bool:
    keys = OrganizationKey.objects.all() if agent_id is None else AgentKey.objects.filter(agent_id=agent_id)
    return keys.filter(pk=key_id, revoked_at__isnull=True).exists()


def _chosen(authorization: Authorization, wanted: str | None) -> SealedCredential:
    live = SealedCredential.objects.filter(agent_id=authorization.agent_id, revoked_at__isnull=True)
    matching = [one for one in live if _matches(one, authorization)]
    if wanted is not None:
        matching = [one for one in matching if wanted in (one.name, to_public(Prefix.CREDENTIAL, one.id))]
    if not matching:
        raise Conflict("no_matching_credential", "No sealed credential of the agent is meant for this payee and rail.")
    if len(matching) > 1:
        raise Conflict(
            "several_credentials", "Several credentials match; name one.", names=[one.name for one in matching]
        )
    return matching[0]


def _matches(credential: SealedCredential, authorization: Authorization) -> bool:
    is_payee = not credential.counterparties or authorization.counterparty_id in credential.counterparties
    is_rail = not credential.rails or authorization.rail in credential.rails
    return is_payee and is_rail


def _released_before(earlier: CredentialRelease, idempotency_key: str | None, now: datetime) -> SealedCredential:
    is_repeat = idempotency_key is not None and idempotency_key == earlier.idempotency_key
    if not is_repeat or now - earlier.released_at > REPEATABLE_FOR:
        raise Conflict("already_released", "The credential was released for this authorization already.")
    credential = SealedCredential.objects.get(id=earlier.credential_id)
    if credential.revoked_at is not None:
        raise Conflict("no_matching_credential", "The credential was revoked.")
    return credential


def _note(
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
    append(
        organization_id=authorization.organization_id,
        actor=actor,
        action=Action.CREDENTIAL_RELEASED,
        subject_kind="authorization",
        subject_id=to_public(Prefix.AUTHORIZATION, authorization.id),
        after={"credential": to_public(Prefix.CREDENTIAL, credential.id), "name": credential.name},
        now=now,
    )
