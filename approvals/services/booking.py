"""Steps of recording: the hold a report goes to, its postings, the stored record, and refunds."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from approvals.models import Authorization
from approvals.selectors.situation import Ask, Asker, ask_of_authorization, payment_of
from audit.catalogue import Action
from audit.services import append
from core.actor import Actor, ActorKind
from core.canonical import digest
from core.errors import Conflict, Invalid
from core.ids import Prefix, to_public
from core.money import amount_text
from core.span import CounterKey, Measure
from policies.engine.evaluate import counters_needed
from policies.selectors import policies_for
from spend.payee import PayeeClaim
from spend.selectors.holds import HoldState, RecordState, record_by_reference
from spend.selectors.payees import resolve_payee
from spend.selectors.tallies import tally
from spend.services.holds import Move, lock_counters, move_hold, post_hold
from spend.services.records import NewRecord, Place, insert_record, place_empty_hold, refunded_on

ZERO: Final = Decimal(0)
LONGEST_REFERENCE: Final = 200
LONGEST_NOTE: Final = 500


class Flag(StrEnum):
    """Why a record does not fit what was authorized (specification §3)."""

    LATE = "late"
    OVER = "over"
    AFTER_FINAL = "after_final"
    UNAPPROVED = "unapproved"
    VOIDED = "voided"
    DECLINED = "declined"
    MISMATCH = "mismatch"
    UNAUTHORIZED = "unauthorized"


@dataclass(frozen=True, slots=True)
class Report:
    """What an app says it paid (`payment`) or got back (`refund`). `reference` is the app's own id, unique per agent.

    `category`, `rail` and `session` are for spend without an authorization only; `occurred_at` is for display.
    """

    amount: Decimal
    currency: str
    kind: str = "payment"
    payee: PayeeClaim | None = None
    reference: str | None = None
    is_final: bool = True
    occurred_at: datetime | None = None
    note: str = ""
    refund_of: UUID | None = None
    category: str | None = None
    rail: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A stored record; `is_replay` where the same reference and body had been reported before."""

    record: RecordState
    is_replay: bool


class Missing(Exception):
    """Counters have to be opened before this can be stored: roll back, open them, begin again."""

    def __init__(self, organization_id: UUID, agent_id: UUID, keys: tuple[CounterKey, ...]) -> None:
        super().__init__()
        self.organization_id = organization_id
        self.agent_id = agent_id
        self.keys = keys


def report_digest(report: Report, authorization_id: UUID | None) -> str:
    """Return what a reference is bound to: everything the app said."""
    return digest({"authorization": authorization_id, "report": report})


def replayed(agent_id: UUID, authorization_id: UUID | None, report: Report) -> Recorded | None:
    """Return the record stored before under this reference; raises `Conflict` where it said something else."""
    if report.reference is None:
        return None
    earlier = record_by_reference(agent_id, report.reference)
    if earlier is None:
        return None
    if earlier.body_digest != report_digest(report, authorization_id):
        raise Conflict(
            "reference_conflict",
            "This reference was used for another record. Use a new reference for a new payment.",
            field="reference",
        )
    return Recorded(earlier, is_replay=True)


def ask_of_report(report: Report) -> Ask:
    """Return a report without authorization as the ask it should have been."""
    payee = report.payee or PayeeClaim("", ())
    return Ask(
        report.amount,
        report.currency,
        payee,
        report.category,
        report.rail,
        report.session,
    )


def ask_of_mismatch(authorization: Authorization, report: Report) -> Ask:
    """Return the stored ask with the money and payee of a report that did not keep to it."""
    asked = ask_of_authorization(authorization)
    payee = report.payee or asked.payee
    return replace(asked, amount=report.amount, currency=report.currency, payee=payee, counting_currency=None)


def new_hold(
    asker: Asker,
    ask: Ask,
    *,
    hold_id: UUID,
    authorization_id: UUID | None,
    asked_at: datetime,
    beside: UUID | None = None,
) -> HoldState:
    """Place an empty hold for spend that has none, posted without guard to every counter that rules in force look at.

    `beside` is an authorization whose own hold moves in the same transaction: the counters of both are locked at once.
    Raises `Missing` where one of them is not open yet.
    """
    payee = resolve_payee(asker.organization_id, ask.payee)
    payment = payment_of(asker, ask, payee, asked_at)
    policies = policies_for(asker.organization_id, asker.agent_id, asker.labels, asker.epoch)
    keys = counters_needed(policies, payment, asker.time_zone)
    counters = tally(keys, asked_at)
    if counters.missing:
        raise Missing(asker.organization_id, asker.agent_id, counters.missing)
    if beside is not None:
        lock_counters(beside, list(counters.ids.values()), agent_id=asker.agent_id, asked_at=asked_at)
    place = Place(
        hold_id=hold_id,
        organization_id=asker.organization_id,
        agent_id=asker.agent_id,
        authorization_id=authorization_id,
        counterparty_id=payee.counterparty,
        currency=ask.currency,
        counting_currency=payment.counting_currency,
        amount=ask.amount,
        session=ask.session,
        category=ask.category,
        rail=ask.rail,
        asked_at=asked_at,
    )
    hold = place_empty_hold(place)
    money = [key for key in keys if key.measure is Measure.AMOUNT]
    post_hold(
        hold.id,
        [Move(counters.ids[key.digest], ZERO, None) for key in money],
        asked_at=asked_at,
    )
    return hold


def store_record(
    hold: HoldState,
    authorization_id: UUID | None,
    report: Report,
    flags: list[Flag],
    *,
    actor: Actor,
    now: datetime,
) -> Recorded:
    """Store the immutable record and its event; a flagged one is told as such."""
    payee = None if report.payee is None else resolve_payee(hold.organization_id, report.payee)
    new = NewRecord(
        kind=report.kind,
        amount=report.amount,
        currency=report.currency,
        payee=report.payee,
        counterparty_id=hold.counterparty_id if payee is None else payee.counterparty,
        reference=report.reference,
        body_digest=report_digest(report, authorization_id),
        flags=tuple(flag.value for flag in flags),
        is_final=report.is_final,
        gives_room_back=report.kind == "refund" and actor.kind is not ActorKind.AGENT,
        occurred_at=report.occurred_at,
        note=report.note,
        reported_by=actor.id,
    )
    record = insert_record(hold, authorization_id, new, now=now)
    append(
        organization_id=hold.organization_id,
        actor=actor,
        action=Action.RECORD_FLAGGED if flags else Action.RECORD_STORED,
        subject_kind="authorization" if authorization_id else "record",
        subject_id=to_public(Prefix.AUTHORIZATION, authorization_id) if authorization_id else _public(record),
        after={
            "record": _public(record),
            "kind": report.kind,
            "amount": amount_text(report.amount),
            "currency": report.currency,
            "flags": [flag.value for flag in flags],
            "agent": to_public(Prefix.AGENT, hold.agent_id),
        },
        now=now,
    )
    return Recorded(record, is_replay=False)


def book_refund(
    hold: HoldState,
    authorization_id: UUID | None,
    report: Report,
    *,
    actor: Actor,
    now: datetime,
) -> Recorded:
    """Store a refund of at most what was recorded; it gives room back only on the word of a back end or an operator.

    Raises `Invalid` (`refund_exceeds_recorded`, `refund_currency`).
    """
    if report.currency != hold.currency:
        raise Invalid(
            "refund_currency",
            f"The payment was recorded in {hold.currency}.",
            field="currency",
        )
    refunded = refunded_on(hold.id)
    if refunded + report.amount > hold.spent:
        raise Invalid(
            "refund_exceeds_recorded",
            f"At most {amount_text(hold.spent - refunded)} {hold.currency} can still be refunded.",
            field="amount",
        )
    if actor.kind is not ActorKind.AGENT:
        move_hold(
            hold.id,
            held=hold.held,
            spent=hold.spent,
            returned=hold.returned + report.amount,
        )
    return store_record(hold, authorization_id, report, [], actor=actor, now=now)


def _public(record: RecordState) -> str:
    return to_public(Prefix.RECORD, record.id)
