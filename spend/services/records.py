"""Steps of recording: an empty hold for spend that has none, and the immutable record."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import orjson
from django.db.models import Sum

from core.canonical import plain
from core.db import must_be_in_transaction, prepared_rows
from core.ids import new_id
from spend.models import Hold, SpendRecord
from spend.payee import PayeeClaim
from spend.selectors.holds import RECORD_COLUMNS, HoldState, RecordState, record_of_row, state_of

ZERO: Final = Decimal(0)
INSERT: Final = f"""
insert into spend_spendrecord (id, organization_id, agent_id, hold_id, authorization_id, kind, amount, currency,
    counting_currency, counterparty_id, payee, reference, body_digest, flags, is_final, gives_room_back, occurred_at,
    note, recorded_at, reported_by)
values (%(id)s, %(organization)s, %(agent)s, %(hold)s, %(authorization)s, %(kind)s, %(amount)s, %(currency)s,
    %(counting_currency)s, %(counterparty)s, %(payee)s, %(reference)s, %(body_digest)s, %(flags)s, %(is_final)s,
    %(gives_room_back)s, %(occurred_at)s, %(note)s, %(recorded_at)s, %(reported_by)s)
returning {RECORD_COLUMNS}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an empty hold stands: whose it is, and the facts that counters go by."""

    hold_id: UUID
    organization_id: UUID
    agent_id: UUID
    authorization_id: UUID | None
    counterparty_id: UUID | None
    currency: str
    counting_currency: str
    amount: Decimal
    session: str | None
    category: str | None
    rail: str | None
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record about to be stored. `flags` say why it does not fit what was authorized."""

    kind: str
    amount: Decimal
    currency: str
    payee: PayeeClaim | None
    counterparty_id: UUID | None
    reference: str | None
    body_digest: str
    flags: tuple[str, ...]
    is_final: bool
    gives_room_back: bool
    occurred_at: datetime | None
    note: str
    reported_by: str


def place_empty_hold(place: Place) -> HoldState:
    """Store a hold that sets nothing aside, for spend that comes without one."""
    must_be_in_transaction()
    hold = Hold.objects.create(
        id=place.hold_id,
        organization_id=place.organization_id,
        agent_id=place.agent_id,
        authorization_id=place.authorization_id,
        counterparty_id=place.counterparty_id,
        currency=place.currency,
        counting_currency=place.counting_currency,
        amount=place.amount,
        held=ZERO,
        is_ask=False,
        session=place.session,
        category=place.category,
        rail=place.rail,
        asked_at=place.asked_at,
    )
    return state_of(hold)


def insert_record(hold: HoldState, authorization_id: UUID | None, new: NewRecord, *, now: datetime) -> RecordState:
    """Store the record; the caller moves the hold. Raises `IntegrityError` where the reference was taken meanwhile."""
    must_be_in_transaction()
    values: dict[str, object] = {
        "id": new_id(now),
        "organization": hold.organization_id,
        "agent": hold.agent_id,
        "hold": hold.id,
        "authorization": authorization_id,
        "kind": new.kind,
        "amount": new.amount,
        "currency": new.currency,
        "counting_currency": hold.counting_currency,
        "counterparty": new.counterparty_id,
        "payee": None if new.payee is None else orjson.dumps(plain(new.payee)).decode(),
        "reference": new.reference,
        "body_digest": new.body_digest,
        "flags": list(new.flags),
        "is_final": new.is_final,
        "gives_room_back": new.gives_room_back,
        "occurred_at": new.occurred_at,
        "note": new.note,
        "recorded_at": now,
        "reported_by": new.reported_by,
    }
    return record_of_row(prepared_rows(INSERT, values)[0])


def refunded_on(hold_id: UUID) -> Decimal:
    """Return what was refunded of a hold so far, whether it gave room back or not."""
    found = SpendRecord.objects.filter(hold_id=hold_id, kind="refund").aggregate(total=Sum("amount"))
    return found["total"] or ZERO
