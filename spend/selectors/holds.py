"""Holds and records as other apps see them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Sum

from core.db import prepared_rows
from spend.models import Hold, SpendRecord
from spend.selectors.families import family_of

MOST_RECORDS: Final = 200
"""Records shown of one authorization; an app that pays in more parts sees the first ones."""

HOLD_OF: Final = """
select id, organization_id, agent_id, counterparty_id, currency, counting_currency, amount, held, spent, returned
from spend_hold where authorization_id = %(authorization)s::uuid
"""
RECORD_COLUMNS: Final = (
    "id, agent_id, hold_id, authorization_id, kind, amount, currency, reference, body_digest, flags, is_final,"
    " recorded_at"
)
"""In the order of the fields of `RecordState`."""
BY_REFERENCE: Final = f"""
select {RECORD_COLUMNS} from spend_spendrecord
where agent_id = %(agent)s::uuid and reference = %(reference)s::text
"""


@dataclass(frozen=True, slots=True)
class HoldState:
    """What is set aside, spent and returned for one authorization, or for spend that had none."""

    id: UUID
    organization_id: UUID
    agent_id: UUID
    counterparty_id: UUID | None
    currency: str
    counting_currency: str
    amount: Decimal
    held: Decimal
    spent: Decimal
    returned: Decimal


@dataclass(frozen=True, slots=True)
class RecordState:
    """A stored record."""

    id: UUID
    agent_id: UUID
    hold_id: UUID
    authorization_id: UUID | None
    kind: str
    amount: Decimal
    currency: str
    reference: str | None
    body_digest: str
    flags: tuple[str, ...]
    is_final: bool
    recorded_at: datetime


def hold_of(authorization_id: UUID) -> HoldState | None:
    """Return the money side of an authorization; None where it was declined at once."""
    found = prepared_rows(HOLD_OF, {"authorization": authorization_id})
    return HoldState(*cast(Any, found[0])) if found else None


def locked_hold(hold_id: UUID) -> HoldState:
    """Lock a hold's row and return it."""
    return state_of(Hold.objects.select_for_update(of=("self",)).get(id=hold_id))


def counters_of(hold_id: UUID) -> frozenset[int]:
    """Return the counters that a hold is posted to."""
    return frozenset(Hold.objects.get(id=hold_id).postings.values_list("counter_id", flat=True))


def record_by_reference(agent_id: UUID, reference: str) -> RecordState | None:
    """Return the record that an agent stored under its own reference."""
    found = prepared_rows(BY_REFERENCE, {"agent": agent_id, "reference": reference})
    return record_of_row(found[0]) if found else None


def last_payment_on(authorization_id: UUID) -> RecordState | None:
    """Return the newest payment recorded on an authorization."""
    paid = (
        SpendRecord.objects.filter(authorization_id=authorization_id, kind="payment").order_by("-recorded_at").first()
    )
    return None if paid is None else record_state(paid)


def is_final_recorded(authorization_id: UUID) -> bool:
    """Say whether a payment was recorded on an authorization as the last one."""
    return SpendRecord.objects.filter(authorization_id=authorization_id, kind="payment", is_final=True).exists()


def paid_among(authorization_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Return those of these authorizations on which a payment was recorded."""
    paid = SpendRecord.objects.filter(authorization_id__in=list(authorization_ids), kind="payment")
    return frozenset(one for one in paid.values_list("authorization_id", flat=True) if one is not None)


def payment_on(field: str) -> Exists:
    """Return the condition that a payment was recorded on the authorization that a query has in this field."""
    return Exists(SpendRecord.objects.filter(authorization_id=OuterRef(field), kind="payment"))


def payment_of_agent(agent_id: UUID, record_id: UUID) -> RecordState | None:
    """Return a payment that this agent recorded."""
    paid = SpendRecord.objects.filter(id=record_id, agent_id=agent_id, kind="payment").first()
    return None if paid is None else record_state(paid)


def state_of(hold: Hold) -> HoldState:
    """Return a hold as other apps see it."""
    return HoldState(
        hold.id,
        hold.organization_id,
        hold.agent_id,
        hold.counterparty_id,
        hold.currency,
        hold.counting_currency,
        hold.amount,
        hold.held,
        hold.spent,
        hold.returned,
    )


def record_state(record: SpendRecord) -> RecordState:
    """Return a record as other apps see it."""
    return RecordState(
        record.id,
        record.agent_id,
        record.hold_id,
        record.authorization_id,
        record.kind,
        record.amount,
        record.currency,
        record.reference,
        record.body_digest,
        tuple(record.flags),
        record.is_final,
        record.recorded_at,
    )


def record_of_row(row: tuple[object, ...]) -> RecordState:
    """Return a record that was read as `RECORD_COLUMNS`."""
    record = RecordState(*cast(Any, row))
    return replace(record, flags=tuple(record.flags))


def records_of(authorization_id: UUID) -> tuple[RecordState, ...]:
    """Return what was recorded on an authorization, oldest first."""
    found = SpendRecord.objects.filter(authorization_id=authorization_id).order_by("recorded_at", "id")
    return tuple(record_state(record) for record in found[:MOST_RECORDS])


def paid_to(organization_id: UUID, counterparty_id: UUID) -> tuple[tuple[str, Decimal, int], ...]:
    """Return what the organization has paid to a counterparty, and to those merged into it: currency, sum, payments."""
    family = family_of(organization_id, counterparty_id)
    found = (
        Hold.objects.filter(organization_id=organization_id, counterparty_id__in=family, spent__gt=0)
        .values_list("currency")
        .annotate(total=Sum("spent"), number=Count("id"))
        .order_by("currency")
    )
    return tuple((currency, total, number) for currency, total, number in found)
