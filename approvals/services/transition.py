"""What every move of a stored authorization shares.

Gates, row lock, the table of moves, the event, the open question.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from approvals.lifecycle import Status, demand_move
from approvals.models import ApprovalRequest, Authorization
from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.db import share_gates
from core.errors import NotFound
from core.ids import Prefix, to_public
from spend.selectors.holds import HoldState
from spend.services.holds import move_hold

ACTION_OF: Final = {
    Status.APPROVED: Action.AUTHORIZATION_APPROVED,
    Status.DECLINED: Action.AUTHORIZATION_DECLINED,
    Status.EXPIRED: Action.AUTHORIZATION_EXPIRED,
    Status.VOIDED: Action.AUTHORIZATION_VOIDED,
    Status.IN_DOUBT: Action.AUTHORIZATION_IN_DOUBT,
    Status.RECORDED: Action.AUTHORIZATION_RECORDED,
}
CLOSED_AS: Final = {
    Status.APPROVED: "approved",
    Status.DECLINED: "rejected",
    Status.EXPIRED: "expired",
    Status.VOIDED: "voided",
    Status.RECORDED: "recorded",
}


def lock_authorization(authorization_id: UUID, *, organization_id: UUID, agent_id: UUID | None = None) -> Authorization:
    """Pass the gates of its organization and agent and lock its row.

    Raises `NotFound`, also for what is not the caller's.
    """
    wanted = Authorization.objects.filter(id=authorization_id, organization_id=organization_id)
    if agent_id is not None:
        wanted = wanted.filter(agent_id=agent_id)
    owner = wanted.values_list("agent_id", flat=True).first()
    if owner is None:
        raise NotFound()
    share_gates(organization_id, owner)
    return (
        Authorization.objects.select_for_update(of=("self",))
        .select_related("agent", "organization")
        .get(id=authorization_id)
    )


def release_rest(hold: HoldState) -> None:
    """Let go what is still held; what was spent stays."""
    if hold.held:
        move_hold(hold.id, held=hold.held * 0, spent=hold.spent, returned=hold.returned)


def move_to(
    authorization: Authorization,
    status: Status,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    expires_at: datetime | None = None,
    facts: dict[str, object] | None = None,
) -> None:
    """Bring the locked authorization to `status`, close an open question where it leaves review, and write the event.

    Raises `Conflict` (`status_conflict`) where the table of moves does not allow it.
    """
    before = Status(authorization.status)
    demand_move(before, status)
    authorization.status = status.value
    authorization.status_reason = reason
    authorization.expires_at = expires_at
    authorization.changed_at = now
    if status is Status.APPROVED:
        authorization.approved_at = now
    if status is Status.IN_DOUBT:
        authorization.in_doubt_at = now
    if status not in (Status.APPROVED, Status.IN_DOUBT):
        authorization.closed_at = now
    authorization.save(
        update_fields=[
            *(
                "status",
                "status_reason",
                "expires_at",
                "changed_at",
                "approved_at",
                "in_doubt_at",
                "closed_at",
            ),
            *("redecision", "redecision_facts"),
        ]
    )
    if before is Status.PENDING_REVIEW:
        close_request(
            authorization,
            "redecided" if reason == "redecided" else CLOSED_AS[status],
            now=now,
        )
    append(
        organization_id=authorization.organization_id,
        actor=actor,
        action=ACTION_OF[status],
        subject_kind="authorization",
        subject_id=to_public(Prefix.AUTHORIZATION, authorization.id),
        before={"status": before.value},
        after={"status": status.value, "reason": reason, **(facts or {})},
        now=now,
    )


def close_request(authorization: Authorization, word: str, *, now: datetime) -> None:
    """Close the question put to people with the word that says how it ended."""
    ApprovalRequest.objects.filter(authorization=authorization, closed_at__isnull=True).update(
        closed_at=now, closed_as=word
    )
