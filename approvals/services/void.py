"""Given up by someone, and the doubt whether a payment went through."""

from datetime import datetime
from uuid import UUID

from approvals.lifecycle import Status, demand_move
from approvals.models import Authorization
from approvals.services.transition import (
    demand_live_key,
    has_parts,
    lock_authorization,
    move_to,
    release_rest,
    settle_clock,
)
from core.actor import Actor
from core.db import use_case
from core.errors import Conflict, Invalid
from spend.selectors.holds import hold_of
from spend.services.holds import move_hold


@use_case
def void_authorization(
    authorization_id: UUID,
    *,
    organization_id: UUID,
    agent_id: UUID | None,
    reason: str,
    actor: Actor,
    now: datetime,
    key_id: UUID | None = None,
) -> None:
    """Give up an authorization and release what it holds; voiding twice changes nothing.

    Out of doubt only with a reason. After parts were recorded it ends `recorded`. `key_id` is the key that calls, None
    where a person does. Raises `Conflict` (`status_conflict`) where it has ended otherwise, its time being over
    included, `Invalid` (`reason_required`), `NotFound`, `NotAuthenticated` (`key_revoked`, `key_expired`).
    """
    authorization = lock_authorization(authorization_id, organization_id=organization_id, agent_id=agent_id)
    demand_live_key(key_id, agent_id=agent_id, now=now)
    if authorization.status == Status.VOIDED:
        return
    settle_clock(authorization, now=now)
    if authorization.status == Status.IN_DOUBT and not reason.strip():
        raise Invalid(
            "reason_required",
            "Say why the payment is known not to have gone through.",
            field="reason",
        )
    demand_move(Status(authorization.status), Status.VOIDED)
    move_to(
        authorization,
        Status.RECORDED if has_parts(authorization) else Status.VOIDED,
        actor=actor,
        now=now,
        reason=reason.strip(),
        given_up_as=Status.VOIDED,
    )
    hold = hold_of(authorization.id)
    if hold is not None:
        release_rest(hold)


@use_case
def mark_in_doubt(
    authorization_id: UUID,
    *,
    organization_id: UUID,
    agent_id: UUID | None,
    reason: str,
    actor: Actor,
    now: datetime,
    key_id: UUID | None = None,
) -> None:
    """Note that the app does not know whether the payment went through: the hold stays and no clock ends it.

    Marking twice changes nothing. Once an approval has expired its room may be somebody else's, and the money may have
    moved all the same: it is held again, past a cap where it must be. Raises `Conflict` (`status_conflict`) unless it
    is or was approved, and otherwise as `void_authorization` does.
    """
    authorization = lock_authorization(authorization_id, organization_id=organization_id, agent_id=agent_id)
    demand_live_key(key_id, agent_id=agent_id, now=now)
    if authorization.status == Status.IN_DOUBT:
        return
    settle_clock(authorization, now=now)
    if authorization.status == Status.EXPIRED:
        _hold_again(authorization)
    move_to(authorization, Status.IN_DOUBT, actor=actor, now=now, reason=reason.strip())


def _hold_again(authorization: Authorization) -> None:
    """Set aside again what the clock has let go: unguarded, as spending that is reported late is."""
    hold = hold_of(authorization.id)
    assert hold is not None, "an expired authorization has a hold"
    if authorization.approved_at is None:
        raise Conflict(
            "status_conflict", "Nobody has approved it, so no payment can be in doubt.", status_now=Status.EXPIRED.value
        )
    move_hold(hold.id, held=hold.amount, spent=hold.spent, returned=hold.returned)
