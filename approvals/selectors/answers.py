"""The answer to an ask, as apps see it: the stored decision with the present status."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

import orjson

from approvals.lifecycle import Status, status_at
from approvals.selectors.situation import Situation
from core.canonical import moment_text
from core.db import prepared_rows
from core.errors import NotFound
from core.ids import Prefix, to_public
from core.money import amount_text

ANSWER: Final = """
select a.id, a.agent_id, a.status, a.status_reason, a.amount, a.currency, a.counterparty_id, a.payee, a.category,
    a.rail,
    a.session, a.purpose, a.decision::text, a.asked_at, a.expires_at, a.changed_at, a.possible_duplicate_of,
    g.frozen_at is not null or g.retired_at is not null or o.frozen_at is not null, h.held, h.spent, h.returned,
    r.id, r.expires_at, r.requirements,
    (select count(*) from approvals_review v where v.request_id = r.id and v.verdict = 'approve'
        and v.closed_as = 'counted'), a.body_digest,
    exists (select from spend_spendrecord s where s.authorization_id = a.id and s.kind = 'payment')
from approvals_authorization a
join agents_agent g on g.id = a.agent_id
join people_organization o on o.id = a.organization_id
left join spend_hold h on h.authorization_id = a.id
left join approvals_approvalrequest r on r.authorization_id = a.id
"""
BY_ID: Final = ANSWER + "where a.id = %(id)s::uuid and a.organization_id = %(organization)s::uuid"
BY_KEY: Final = ANSWER + "where a.agent_id = %(agent)s::uuid and a.idempotency_key = %(key)s::text"

AMOUNT_FIELDS: Final = ("limit", "used", "requested", "remaining")


@dataclass(frozen=True, slots=True)
class Answer:
    """One authorization as apps see it. Amounts are exact; moments aware; `decision` is as it was first given."""

    id: UUID
    agent_id: UUID
    status: str
    status_reason: str
    may_pay: bool
    amount: Decimal
    currency: str
    counterparty_id: UUID | None
    payee: Mapping[str, object]
    category: str | None
    rail: str | None
    session: str | None
    purpose: str
    decision: Mapping[str, object]
    asked_at: datetime
    expires_at: datetime | None
    changed_at: datetime
    possible_duplicate_of: UUID | None
    held: Decimal | None
    spent: Decimal
    returned: Decimal
    request_id: UUID | None
    request_expires_at: datetime | None
    requirements: list[dict[str, object]]
    approvals: int


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer found again, with the digest of the body it was given to."""

    answer: Answer
    body_digest: str


def may_pay(status: str, expires_at: datetime | None, *, is_frozen: bool, now: datetime) -> bool:
    """Say whether the app may pay now: only while approved, unexpired, and neither agent nor organization frozen.

    A retired agent is as good as frozen, and for ever.
    """
    return status == Status.APPROVED and expires_at is not None and now < expires_at and not is_frozen


def answer_to(stored: Mapping[str, object], decision: Mapping[str, object], situation: Situation) -> Answer:
    """Return the answer to an ask just stored with the parameters `stored`, without reading it back."""
    values = cast(dict[str, object], stored)
    status, now = cast(str, values["status"]), cast(datetime, values["asked_at"])
    expires_at = cast(datetime | None, values["expires_at"])
    is_waiting = status == Status.PENDING_REVIEW
    return Answer(
        id=cast(UUID, values["authorization"]),
        agent_id=situation.asker.agent_id,
        status=status,
        status_reason="",
        may_pay=may_pay(status, expires_at, is_frozen=bool(situation.asker.frozen), now=now),
        amount=situation.payment.amount,
        currency=situation.payment.currency,
        counterparty_id=situation.payee.counterparty,
        payee=orjson.loads(cast(str, values["payee"])),
        category=situation.payment.category,
        rail=cast(str | None, values["rail"]),
        session=situation.payment.session,
        purpose=cast(str, values["purpose"]),
        decision=decision,
        asked_at=now,
        expires_at=expires_at,
        changed_at=now,
        possible_duplicate_of=situation.possible_duplicate_of,
        held=None if status == Status.DECLINED else situation.payment.amount,
        spent=Decimal(0),
        returned=Decimal(0),
        request_id=cast(UUID, values["request"]) if is_waiting else None,
        request_expires_at=expires_at if is_waiting else None,
        requirements=orjson.loads(cast(str, values["requirements"])) if is_waiting else [],
        approvals=0,
    )


def answer(
    organization_id: UUID,
    authorization_id: UUID,
    *,
    now: datetime,
    agent_id: UUID | None = None,
) -> Answer:
    """Return one authorization.

    Raises `NotFound`, also where it is another organization's or (given one) another agent's.
    """
    found = prepared_rows(BY_ID, {"id": authorization_id, "organization": organization_id})
    if not found or (agent_id is not None and found[0][1] != agent_id):
        raise NotFound()
    return _answer(found[0], now).answer


def answer_by_key(agent_id: UUID, idempotency_key: str, *, now: datetime) -> Stored:
    """Return what was answered to the ask with this idempotency key; raises `NotFound`."""
    found = prepared_rows(BY_KEY, {"agent": agent_id, "key": idempotency_key})
    if not found:
        raise NotFound()
    return _answer(found[0], now)


def as_json(one: Answer) -> dict[str, object]:
    """Return the answer in the API's words (specification §6)."""
    return {
        "id": to_public(Prefix.AUTHORIZATION, one.id),
        "agent": to_public(Prefix.AGENT, one.agent_id),
        "status": one.status,
        "status_reason": one.status_reason,
        "may_pay": one.may_pay,
        "amount": amount_text(one.amount),
        "currency": one.currency,
        "counterparty": _payee_json(one),
        "category": one.category,
        "rail": one.rail,
        "session": one.session,
        "purpose": one.purpose,
        "asked_at": moment_text(one.asked_at),
        "expires_at": _moment(one.expires_at),
        "decision": decision_json(one.decision),
        "hold": None if not one.held else {"amount": amount_text(one.held)},
        "recorded": amount_text(one.spent - one.returned),
        "approval_request": _request_json(one),
        "possible_duplicate_of": _public(Prefix.AUTHORIZATION, one.possible_duplicate_of),
        "verdict": None,
    }


def decision_json(decision: Mapping[str, object]) -> dict[str, object]:
    """Return a stored decision in the API's words; equal stored decisions give equal bytes."""
    checks = cast(list[dict[str, object]], decision["checks"])
    return {
        "outcome": decision["outcome"],
        "reasons": decision["reasons"],
        "checks": [_check_json(check) for check in checks],
    }


def _check_json(check: dict[str, object]) -> dict[str, object]:
    is_money = check.get("currency") is not None
    amounts = {name: _amount(check.get(name), is_money=is_money) for name in AMOUNT_FIELDS}
    return {
        "policy": check["policy_name"],
        "policy_id": check["policy"],
        "version": check["version"],
        "mode": check["mode"],
        "rule": check["rule"],
        "rule_key": check["rule_key"],
        "outcome": check["outcome"],
        "code": check["code"],
        **amounts,
        "currency": check.get("currency"),
        "window_ends_at": check.get("window_ends_at"),
    }


def _amount(value: object, *, is_money: bool) -> str | None:
    if value is None:
        return None
    return amount_text(Decimal(str(value))) if is_money else str(value)


def _payee_json(one: Answer) -> dict[str, object]:
    return {
        "id": _public(Prefix.COUNTERPARTY, one.counterparty_id),
        "name": one.payee.get("name"),
        "identifiers": one.payee.get("identifiers"),
    }


def _request_json(one: Answer) -> dict[str, object] | None:
    if one.request_id is None:
        return None
    return {
        "id": to_public(Prefix.APPROVAL, one.request_id),
        "expires_at": _moment(one.request_expires_at),
        "approvals": one.approvals,
        "requirements": [
            {
                "policy": need["policy"],
                "rule_key": need["rule_key"],
                "approvals": need["approvals"],
            }
            for need in one.requirements
        ],
    }


def _moment(value: datetime | None) -> str | None:
    return None if value is None else moment_text(value)


def _public(prefix: Prefix, value: UUID | None) -> str | None:
    return None if value is None else to_public(prefix, value)


def _answer(row: tuple[object, ...], now: datetime) -> Stored:
    # The columns are those of ANSWER, in its order.
    values = row
    stored, expires_at = Status(cast(str, values[2])), cast(datetime | None, values[14])
    status = status_at(stored, expires_at, has_parts=cast(bool, values[26]), now=now)
    # What the clock has not come to store yet is told as it will be stored.
    is_over = status is not stored
    asked_until = cast(datetime | None, values[22])
    one = Answer(
        id=cast(UUID, values[0]),
        agent_id=cast(UUID, values[1]),
        status=status.value,
        status_reason="expired" if is_over else cast(str, values[3]),
        may_pay=may_pay(status, expires_at, is_frozen=cast(bool, values[17]), now=now),
        amount=cast(Decimal, values[4]),
        currency=cast(str, values[5]),
        counterparty_id=cast(UUID | None, values[6]),
        payee=_json(values[7]),
        category=cast(str | None, values[8]),
        rail=cast(str | None, values[9]),
        session=cast(str | None, values[10]),
        purpose=cast(str, values[11]),
        decision=_json(values[12]),
        asked_at=cast(datetime, values[13]),
        # While an answer is on its way the clock stands still; people's time is over all the same.
        expires_at=None if is_over else asked_until if status is Status.PENDING_REVIEW else expires_at,
        changed_at=cast(datetime, values[15]),
        possible_duplicate_of=cast(UUID | None, values[16]),
        held=Decimal(0) if is_over else cast(Decimal | None, values[18]),
        spent=cast(Decimal | None, values[19]) or Decimal(0),
        returned=cast(Decimal | None, values[20]) or Decimal(0),
        request_id=cast(UUID | None, values[21]),
        request_expires_at=asked_until,
        requirements=cast(list[dict[str, object]], _json(values[23]) if values[23] else []),
        approvals=cast(int, values[24]),
    )
    return Stored(one, cast(str, values[25]))


def _json(value: object) -> dict[str, object]:
    return cast(
        dict[str, object],
        orjson.loads(value) if isinstance(value, str | bytes) else value,
    )
