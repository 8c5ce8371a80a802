"""What was really paid: every report is stored, flagged where it does not fit, and counted against the limits."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import IntegrityError

from approvals.lifecycle import Status
from approvals.models import Authorization
from approvals.selectors.situation import ask_of_authorization, read_asker
from approvals.services.booking import (
    Flag,
    Missing,
    Recorded,
    Report,
    ask_of_mismatch,
    ask_of_report,
    book_refund,
    new_hold,
    replayed,
    store_record,
)
from approvals.services.transition import (
    demand_live_key,
    lock_authorization,
    move_to,
    release_rest,
    settle_clock,
)
from core.actor import Actor, ActorKind
from core.db import share_gates, use_case
from core.errors import NotFound, Unavailable
from core.ids import new_id
from spend.selectors.families import are_one
from spend.selectors.holds import (
    HoldState,
    hold_of,
    is_final_recorded,
    last_payment_on,
    locked_hold,
    payment_of_agent,
)
from spend.selectors.payees import resolve_payee
from spend.services.counters import open_counters
from spend.services.holds import move_hold

ATTEMPTS: Final = 5
"""A counter may have to be opened, and a policy may be published meanwhile; beyond that the caller tries again."""
ZERO: Final = Decimal(0)
FLAG_OF: Final = {Status.EXPIRED.value: Flag.LATE, Status.VOIDED.value: Flag.VOIDED}
"""By the word with which it was given up, whatever became of it then."""


def record_spend(
    authorization_id: UUID,
    report: Report,
    *,
    organization_id: UUID,
    agent_id: UUID | None,
    actor: Actor,
    now: datetime,
    key_id: UUID | None = None,
) -> Recorded:
    """Store what was paid on an authorization. The truth is never refused: what does not fit is flagged and counted.

    `key_id` is the key that calls, None where no key does. Raises `Conflict` (`reference_conflict`) where the reference
    was used for another body, `Invalid` (`refund_exceeds_recorded`), `NotFound`, `NotAuthenticated` (`key_revoked`,
    `key_expired`) where the key was given up meanwhile.
    """
    return _until_stored(
        lambda: _record_on(authorization_id, report, organization_id, agent_id, key_id, actor, now),
        now,
    )


def record_unauthorized(
    report: Report,
    *,
    organization_id: UUID,
    agent_id: UUID,
    actor: Actor,
    now: datetime,
    key_id: UUID | None = None,
) -> Recorded:
    """Store spend that had no authorization: accepted, flagged, counted at the time of the report.

    A refund names the record it pays back (`refund_of`). Raises as `record_spend` does.
    """
    return _until_stored(lambda: _record_alone(report, organization_id, agent_id, key_id, actor, now), now)


def _until_stored(attempt: Callable[[], Recorded], now: datetime) -> Recorded:
    for _ in range(ATTEMPTS):
        try:
            return attempt()
        except Missing as missing:
            open_counters(missing.organization_id, missing.agent_id, missing.keys, now=now)
        except IntegrityError:
            # The same reference was stored by somebody faster: the next attempt finds it.
            continue
    raise Unavailable()


@use_case
def _record_on(
    authorization_id: UUID,
    report: Report,
    organization_id: UUID,
    agent_id: UUID | None,
    key_id: UUID | None,
    actor: Actor,
    now: datetime,
) -> Recorded:
    authorization = lock_authorization(authorization_id, organization_id=organization_id, agent_id=agent_id)
    demand_live_key(key_id, agent_id=agent_id, now=now)
    earlier = replayed(authorization.agent_id, authorization_id, report)
    if earlier is not None:
        return earlier
    if report.kind == "refund":
        return book_refund(
            _hold_to_refund(authorization),
            authorization_id,
            report,
            actor=actor,
            now=now,
        )
    # Paid to somebody else or in other money: it counts where it really went, and the hold is not used up by it.
    mismatch = _hold_of_mismatch(authorization, report, now) if _is_mismatch(authorization, report) else None
    settle_clock(authorization, now=now)
    flags = _flags_of(authorization)
    if mismatch is not None:
        flags.append(Flag.MISMATCH)
    target = mismatch or hold_of(authorization.id) or _hold_of_declined(authorization)
    if mismatch is None and target.spent + report.amount > authorization.amount:
        flags.append(Flag.OVER)
    spent = _spend(target, report)
    _advance(authorization, report, spent if mismatch is None else hold_of(authorization.id), actor, now)
    return store_record(target, authorization_id, report, flags, actor=actor, now=now)


@use_case
def _record_alone(
    report: Report, organization_id: UUID, agent_id: UUID, key_id: UUID | None, actor: Actor, now: datetime
) -> Recorded:
    share_gates(organization_id, agent_id)
    demand_live_key(key_id, agent_id=agent_id if actor.kind is ActorKind.AGENT else None, now=now)
    if report.kind == "refund":
        return _refund_of_record(report, organization_id, agent_id, actor, now)
    earlier = replayed(agent_id, None, report)
    if earlier is not None:
        return earlier
    hold = new_hold(
        read_asker(agent_id),
        ask_of_report(report),
        hold_id=new_id(now),
        authorization_id=None,
        asked_at=now,
    )
    _spend(hold, report)
    return store_record(hold, None, report, [Flag.UNAUTHORIZED], actor=actor, now=now)


def _refund_of_record(report: Report, organization_id: UUID, agent_id: UUID, actor: Actor, now: datetime) -> Recorded:
    paid = None if report.refund_of is None else payment_of_agent(agent_id, report.refund_of)
    if paid is None:
        raise NotFound(
            "record_not_found",
            "The refund names no payment record of this agent.",
            field="refund_of",
        )
    if paid.authorization_id is not None:
        # Whoever records, voids or expires it writes the hold as read under this lock.
        lock_authorization(paid.authorization_id, organization_id=organization_id)
    earlier = replayed(agent_id, paid.authorization_id, report)
    if earlier is not None:
        return earlier
    return book_refund(locked_hold(paid.hold_id), paid.authorization_id, report, actor=actor, now=now)


def _flags_of(authorization: Authorization) -> list[Flag]:
    """Return why any record on the authorization as it stands does not fit; the clock is settled."""
    if authorization.status == Status.DECLINED:
        return [Flag.DECLINED]
    given_up_as = authorization.given_up_as
    flags = [] if given_up_as is None else [FLAG_OF[given_up_as]]
    if authorization.status == Status.RECORDED and is_final_recorded(authorization.id):
        flags.append(Flag.AFTER_FINAL)
    if authorization.approved_at is None:
        flags.append(Flag.UNAPPROVED)
    return flags


def _is_mismatch(authorization: Authorization, report: Report) -> bool:
    if report.currency != authorization.currency:
        return True
    if report.payee is None or not (report.payee.identifiers or report.payee.counterparty):
        return False
    payee = resolve_payee(authorization.organization_id, report.payee)
    if payee.counterparty is not None or authorization.counterparty_id is not None:
        return not are_one(payee.counterparty, authorization.counterparty_id)
    return bool(list(report.payee.identifiers) != authorization.payee["identifiers"])


def _hold_of_declined(authorization: Authorization) -> HoldState:
    asker = read_asker(authorization.agent_id)
    return new_hold(
        asker,
        ask_of_authorization(authorization),
        hold_id=authorization.id,
        authorization_id=authorization.id,
        asked_at=authorization.asked_at,
    )


def _hold_of_mismatch(authorization: Authorization, report: Report, now: datetime) -> HoldState:
    return new_hold(
        read_asker(authorization.agent_id),
        ask_of_mismatch(authorization, report),
        hold_id=new_id(now),
        authorization_id=None,
        asked_at=authorization.asked_at,
        beside=authorization.id,
    )


def _spend(hold: HoldState, report: Report) -> HoldState:
    """Turn what was set aside into what was spent and return the hold; what is not final keeps the rest."""
    rest = ZERO if report.is_final else max(ZERO, hold.held - report.amount)
    after = replace(hold, held=rest, spent=hold.spent + report.amount)
    move_hold(after.id, held=after.held, spent=after.spent, returned=after.returned)
    return after


def _advance(authorization: Authorization, report: Report, hold: HoldState | None, actor: Actor, now: datetime) -> None:
    """Bring the authorization to `recorded` where it ends with this record; voided, declined and recorded stay.

    `hold` is its own, as it stands now.
    """
    status = Status(authorization.status)
    ends = report.is_final or status in (Status.PENDING_REVIEW, Status.EXPIRED)
    if status in (Status.VOIDED, Status.DECLINED, Status.RECORDED) or not ends:
        return
    if hold is not None:
        release_rest(hold)
    move_to(authorization, Status.RECORDED, actor=actor, now=now)


def _hold_to_refund(authorization: Authorization) -> HoldState:
    paid = last_payment_on(authorization.id)
    if paid is None:
        raise NotFound(
            "nothing_recorded",
            "Nothing was recorded on this authorization that could be refunded.",
        )
    return locked_hold(paid.hold_id)
