"""What every move of a stored authorization shares.

Gates, row lock, the table of moves, the event, the open question.
"""

from datetime import datetime
from typing import Final, cast
from uuid import UUID

from django.db.models import Max

from agents.models import AgentKey
from approvals.lifecycle import HOLDING, LONGEST_ON_ITS_WAY, ReviewEnd, Status, demand_move, status_at
from approvals.models import ApprovalRequest, Authorization, Review
from audit.catalogue import Action
from audit.services import append
from core.actor import SYSTEM, Actor
from core.db import prepared_rows, share_gates
from core.errors import NotAuthenticated, NotFound
from core.ids import Prefix, to_public
from people.models import OrganizationKey
from spend.selectors.holds import HoldState, hold_of, last_payment_on
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

OWNER: Final = """
select agent_id from approvals_authorization
where id = %(authorization)s::uuid and organization_id = %(organization)s::uuid
  and (%(agent)s::uuid is null or agent_id = %(agent)s::uuid)
"""
MOVED: Final = (
    *("status", "status_reason", "given_up_as", "expires_at", "changed_at"),
    *("approved_at", "in_doubt_at", "closed_at"),
)
MOVE: Final = f"""
update approvals_authorization set {", ".join(f"{name} = %({name})s" for name in MOVED)}
where id = %(authorization)s::uuid
"""
LOCK: Final = "select * from approvals_authorization where id = %s for update"
"""Written out, as for so wide a row Django takes longer to make the statement than the server to answer it."""


def lock_authorization(authorization_id: UUID, *, organization_id: UUID, agent_id: UUID | None = None) -> Authorization:
    """Pass the gates of its organization and agent and lock its row.

    Raises `NotFound`, also for what is not the caller's.
    """
    _pass_gates(authorization_id, organization_id, agent_id)
    return Authorization.objects.raw(LOCK, [authorization_id])[0]


def try_lock_authorization(authorization_id: UUID, *, organization_id: UUID) -> Authorization | None:
    """Lock it as `lock_authorization` does, or return None at once where somebody else has it."""
    _pass_gates(authorization_id, organization_id, None)
    return next(iter(Authorization.objects.raw(f"{LOCK} skip locked", [authorization_id])), None)


def _pass_gates(authorization_id: UUID, organization_id: UUID, agent_id: UUID | None) -> None:
    found = prepared_rows(
        OWNER, {"authorization": authorization_id, "organization": organization_id, "agent": agent_id}
    )
    if not found:
        raise NotFound()
    share_gates(organization_id, cast(UUID, found[0][0]))


def demand_live_key(key_id: UUID | None, *, agent_id: UUID | None, now: datetime) -> None:
    """Raise `NotAuthenticated` where the key that calls has ended, or its agent was retired, since it was let in.

    To be asked behind the gates: a revocation that has committed is seen. `agent_id` None means an organization's key;
    `key_id` None a person, whose rights are not a key's.
    """
    if key_id is None:
        return
    key: AgentKey | OrganizationKey | None
    if agent_id is None:
        key = OrganizationKey.objects.filter(pk=key_id).first()
    else:
        key = AgentKey.objects.select_related("agent").filter(pk=key_id, agent_id=agent_id).first()
    if key is None or key.revoked_at is not None:
        raise NotAuthenticated("key_revoked", "The key was revoked while the request was under way.")
    if key.expires_at is not None and key.expires_at <= now:
        raise NotAuthenticated("key_expired", "This key has expired.")
    if isinstance(key, AgentKey) and key.agent.retired_at is not None:
        raise NotAuthenticated("agent_retired", "This agent has been retired.")


def settle_clock(authorization: Authorization, *, now: datetime) -> bool:
    """Do to the locked authorization what the clock has not come to do yet; False where its time is not over.

    Whoever comes late finds the same, the worker having been there or not. After parts it ends `recorded`.
    """
    status, ends = Status(authorization.status), authorization.expires_at
    if status_at(status, ends, has_parts=False, now=now) is status:
        return False
    hold = hold_of(authorization.id)
    assert hold is not None, "a waiting authorization has a hold"
    release_rest(hold)
    after = status_at(status, ends, has_parts=has_parts(authorization), now=now)
    move_to(authorization, after, actor=SYSTEM, now=now, reason="expired", given_up_as=Status.EXPIRED)
    return True


def has_parts(authorization: Authorization) -> bool:
    """Say whether a payment was recorded on it, be it to somebody else or in other money than was asked for."""
    return last_payment_on(authorization.id) is not None


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
    given_up_as: Status | None = None,
) -> None:
    """Bring the locked authorization to `status`, close an open question where it leaves review, and write the event.

    `given_up_as` says that the clock or somebody gave it up, where that ends it `recorded` too. Raises `Conflict`
    (`status_conflict`) where the table of moves does not allow it.
    """
    before = Status(authorization.status)
    demand_move(before, status)
    authorization.status = status.value
    authorization.status_reason = reason
    authorization.expires_at = expires_at
    authorization.changed_at = now
    if given_up_as is not None:
        authorization.given_up_as = given_up_as.value
    if status is Status.APPROVED:
        authorization.approved_at = now
    if status is Status.IN_DOUBT:
        authorization.in_doubt_at = now
    authorization.closed_at = None if status in HOLDING else now
    values = {name: getattr(authorization, name) for name in MOVED}
    prepared_rows(MOVE, {"authorization": authorization.id, **values})
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
        after={"status": status.value, "reason": reason},
        now=now,
    )


def close_request(authorization: Authorization, word: str, *, now: datetime) -> None:
    """Close the question put to people with the word that says how it ended; answers on their way come too late."""
    ApprovalRequest.objects.filter(authorization=authorization, closed_at__isnull=True).update(
        closed_at=now, closed_as=word
    )
    on_their_way = Review.objects.filter(request__authorization=authorization, closed_at__isnull=True)
    on_their_way.update(closed_at=now, closed_as=ReviewEnd.OVERTAKEN.value)


def keep_clock(authorization: Authorization, request: ApprovalRequest) -> None:
    """Let the clock of the locked, waiting authorization be its question's, or later while answers are on their way.

    An answer given in time counts even where it takes effect behind the question's end. Nobody has to know this but
    here: whoever looks at `expires_at` finds the question still open.
    """
    last = request.reviews.filter(closed_at__isnull=True).aggregate(last=Max("effective_at"))["last"]
    ends = request.expires_at if last is None else max(request.expires_at, last + LONGEST_ON_ITS_WAY)
    if authorization.expires_at != ends:
        authorization.expires_at = ends
        authorization.save(update_fields=["expires_at"])
