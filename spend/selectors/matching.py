"""Which holds a counter counts: the question of `core.span.CounterKey`, asked of rows in SQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from core.canonical import canonical_json
from core.db import rows
from core.ids import Prefix, from_public
from core.span import Condition, CounterKey, Measure, Subject, bucket_of, first_counted_bucket
from spend.models import RING_SLOTS

ZERO: Final = Decimal(0)

CONDITION: Final = """
    (cardinality(%(categories)s::text[]) = 0 or category is null or category = any(%(categories)s::text[]))
    and (cardinality(%(rails)s::text[]) = 0 or rail is null or rail = any(%(rails)s::text[]))
    and (cardinality(%(counterparties)s::uuid[]) = 0 or counterparty_id is null
         or counterparty_id = any(%(counterparties)s::uuid[])
         or exists (select from spend_counterparty m where m.id = spend_hold.counterparty_id
                    and m.merged_into_id = any(%(counterparties)s::uuid[])))
    and (cardinality(%(currencies)s::text[]) = 0 or currency = any(%(currencies)s::text[])
         or counting_currency = any(%(currencies)s::text[]))
    and not exists (
        select from unnest(%(minimum_currencies)s::text[], %(minimum_amounts)s::numeric[]) as least (currency, amount)
        where least.currency = spend_hold.counting_currency and spend_hold.amount < least.amount)
"""
"""The same question as `core.span.Condition.covers`, asked of rows; a test holds the two together.

Who was merged into another counts as that other one.
"""

MATCHING: Final = f"""
from spend_hold
where agent_id = %(agent)s::uuid
  and (%(is_count)s or counting_currency = %(currency)s::text)
  and (not %(is_count)s or is_ask)
  and (%(session)s::text is null or session = %(session)s::text)
  and (not %(is_by_counterparty)s or counterparty_id is not distinct from %(counterparty)s::uuid
       or counterparty_id in (select id from spend_counterparty where merged_into_id = %(counterparty)s::uuid))
  and (%(start)s::timestamptz is null or asked_at >= %(start)s::timestamptz)
  and (%(end)s::timestamptz is null or asked_at < %(end)s::timestamptz)
  and (%(rolling)s::bigint is null
       or floor(extract(epoch from asked_at) * 60 / %(rolling)s::bigint) > %(head)s::bigint - {RING_SLOTS})
  and {CONDITION}
"""

COUNTED: Final = "case when %(is_count)s then 1 else held + spent - returned end"
BUCKET: Final = "floor(extract(epoch from asked_at) * 60 / %(rolling)s::bigint)::bigint"

DRAWN_AMONG: Final = """
select coalesce(sum(h.held), 0)
from spend_hold h join spend_posting p on p.hold_id = h.id join spend_counter c on c.id = p.counter_id
where h.id = any(%(holds)s::uuid[]) and c.key = %(key)s and not c.has_gap
"""


def counter_params(organization_id: UUID, agent_id: UUID, key: CounterKey, now: datetime) -> dict[str, object]:
    """Return what the row of a counter holds, and what its question asks for."""
    rolling = key.rolling_seconds
    counterparty = key.counterparty
    known = _known(counterparty)
    condition = key.condition
    return {
        "key": key.digest,
        "organization": organization_id,
        "measure": key.measure.value,
        "subject": key.subject.value,
        "currency": key.currency,
        "agent": None if key.subject is Subject.POT and key.agent is None else agent_id,
        "counterparty_text": str(known) if known else counterparty,
        "counterparty": known,
        "is_by_counterparty": key.subject is Subject.AGENT_COUNTERPARTY,
        "session": key.session,
        "pot": key.pot,
        "condition": _stored_condition(condition),
        "start": key.span.start,
        "end": key.span.end,
        "rolling": rolling,
        "head": None if rolling is None else bucket_of(now, rolling),
        "empty_ring": None if rolling is None else [ZERO] * RING_SLOTS,
        "now": now,
        "is_count": key.measure is Measure.COUNT,
        "categories": list(condition.categories),
        "rails": list(condition.rails),
        "counterparties": [from_public(Prefix.COUNTERPARTY, one) for one in condition.counterparties],
        "currencies": list(condition.currencies),
        "minimum_currencies": [currency for currency, _ in condition.minimum_amounts],
        "minimum_amounts": [amount for _, amount in condition.minimum_amounts],
    }


def _known(counterparty: str | None) -> UUID | None:
    is_public = counterparty is not None and counterparty.startswith(f"{Prefix.COUNTERPARTY}_")
    return from_public(Prefix.COUNTERPARTY, counterparty) if is_public and counterparty else None


def _stored_condition(condition: Condition) -> str:
    """Return the condition for the row, with counterparties by the ids that rows have."""
    rows_ids = [from_public(Prefix.COUNTERPARTY, one) for one in condition.counterparties]
    return canonical_json({**asdict(condition), "counterparties": rows_ids}).decode()


def sum_of_holds(
    organization_id: UUID, agent_id: UUID, key: CounterKey, asked_at: datetime, *, leaving_out: UUID | None = None
) -> Decimal:
    """Return what a counter would hold at `asked_at`, summed from the holds themselves; a pot begins empty.

    `leaving_out` is the hold of an authorization decided again: it is not counted, nor what was asked in later
    sixtieths of a rolling window, which was decided with that hold counted.
    """
    if key.subject is Subject.POT:
        return ZERO
    params = counter_params(organization_id, agent_id, key, asked_at)
    rolling = key.rolling_seconds
    params["own"] = leaving_out
    counted = "and id is distinct from %(own)s::uuid"
    if rolling is not None:
        params["first"] = first_counted_bucket(asked_at, rolling)
        params["last"] = None if leaving_out is None else bucket_of(asked_at, rolling)
        counted += f" and {BUCKET} >= %(first)s and (%(last)s::bigint is null or {BUCKET} <= %(last)s)"
    found = rows(f"select coalesce(sum({COUNTED}), 0) {MATCHING} {counted}", params)
    return cast(Decimal, found[0][0])


def held_among(
    holds: Sequence[UUID],
    organization_id: UUID,
    agent_id: UUID,
    key: CounterKey,
    asked_at: datetime,
    *,
    is_again: bool,
) -> Decimal:
    """Return what these holds set aside of what a counter holds at `asked_at`, whether it is open or not.

    `is_again` where a decision is made again: later sixtieths of a rolling window are then left out, as in
    `sum_of_holds`.
    """
    if key.measure is Measure.COUNT:
        return ZERO
    params = counter_params(organization_id, agent_id, key, asked_at) | {"holds": list(holds)}
    if key.subject is Subject.POT:
        return cast(Decimal, rows(DRAWN_AMONG, params)[0][0])
    among = "and held > 0 and id = any(%(holds)s::uuid[])"
    if key.rolling_seconds is not None:
        params["first"] = first_counted_bucket(asked_at, key.rolling_seconds)
        params["last"] = bucket_of(asked_at, key.rolling_seconds) if is_again else None
        among += f" and {BUCKET} >= %(first)s and (%(last)s::bigint is null or {BUCKET} <= %(last)s)"
    return cast(Decimal, rows(f"select coalesce(sum(held), 0) {MATCHING} {among}", params)[0][0])


def held_of_holds(organization_id: UUID, agent_id: UUID, key: CounterKey, now: datetime) -> Decimal:
    """Return what of `sum_of_holds` is set aside and not spent; counts and pots that are not open hold nothing."""
    if key.subject is Subject.POT or key.measure is Measure.COUNT:
        return ZERO
    params = counter_params(organization_id, agent_id, key, now)
    counted = "and held > 0"
    if key.rolling_seconds is not None:
        params["first"] = first_counted_bucket(now, key.rolling_seconds)
        counted += f" and {BUCKET} >= %(first)s"
    found = rows(f"select coalesce(sum(held), 0) {MATCHING} {counted}", params)
    return cast(Decimal, found[0][0])
