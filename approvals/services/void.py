"""Given up by someone, and the doubt whether a payment went through."""

from datetime import datetime
from uuid import UUID

from approvals.lifecycle import Status
from approvals.services.transition import (
    lock_authorization,
    move_to,
    release_rest,
)
from core.actor import Actor
from core.db import use_case
from core.errors import Invalid
from spend.selectors.holds import hold_of


@use_case
def void_authorization(
    authorization_id: UUID,
    *,
    organization_id: UUID,
    agent_id: UUID | None,
    reason: str,
    actor: Actor,
    now: datetime,
) -> None:
    """Give up an authorization and release what it holds; voiding twice changes nothing.

    Out of doubt only with a reason. After parts were recorded it ends `recorded`. Raises `Conflict` (`status_conflict`)
    where it has ended otherwise, `Invalid` (`reason_required`), `NotFound`.
    """
    authorization = lock_authorization(authorization_id, organization_id=organization_id, agent_id=agent_id)
    if authorization.status == Status.VOIDED:
        return
    if authorization.status == Status.IN_DOUBT and not reason.strip():
        raise Invalid(
            "reason_required",
            "Say why the payment is known not to have gone through.",
            field="reason",
        )
    hold = hold_of(authorization.id)
    has_parts = hold is not None and hold.spent > 0 and authorization.status in (Status.APPROVED, Status.IN_DOUBT)
    move_to(
        authorization,
        Status.RECORDED if has_parts else Status.VOIDED,
        actor=actor,
        now=now,
        reason=reason.strip(),
    )
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
) -> None:
    """Note that the app does not know whether the payment went through: the hold stays and no clock ends it.

    Marking twice changes nothing. Raises `Conflict` (`status_conflict`) unless it is approved, `NotFound`.
    """
    authorization = lock_authorization(authorization_id, organization_id=organization_id, agent_id=agent_id)
    if authorization.status != Status.IN_DOUBT:
        move_to(authorization, Status.IN_DOUBT, actor=actor, now=now, reason=reason.strip())
