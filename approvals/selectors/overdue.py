"""Approvals and questions whose time is over and that still hold money, because the clock has not come to them yet."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from approvals.selectors.situation import Situation
from core.db import prepared_rows
from core.span import Tally
from spend.selectors.matching import held_among

DUE: Final = """
select id, organization_id, expires_at from approvals_authorization
where status in ('approved', 'pending_review') and expires_at <= %(now)s::timestamptz
  and (%(organization)s::uuid is null or organization_id = %(organization)s::uuid)
  and (expires_at, id) > (%(expires_at)s::timestamptz, %(id)s::uuid)
order by expires_at, id limit %(limit)s::int
"""
DUE_IN_COUNTERS: Final = """
select a.id, a.organization_id, a.expires_at from approvals_authorization a
where a.status in ('approved', 'pending_review') and a.expires_at <= %(now)s::timestamptz
  and (a.expires_at, a.id) > (%(expires_at)s::timestamptz, %(id)s::uuid)
  and exists (select from spend_posting p join spend_hold h on h.id = p.hold_id
              where h.authorization_id = a.id and h.held > 0 and p.counter_id = any(%(counters)s::bigint[]))
order by a.expires_at, a.id limit %(limit)s::int
"""
DUE_OF_ORGANIZATION: Final = """
select id from approvals_authorization
where organization_id = %(organization)s::uuid
  and status in ('approved', 'pending_review') and expires_at <= %(now)s::timestamptz
"""


@dataclass(frozen=True, slots=True)
class Overdue:
    """One authorization whose time is over."""

    id: UUID
    organization_id: UUID
    expires_at: datetime


def overdue(
    *, now: datetime, limit: int, organization_id: UUID | None = None, after: Overdue | None = None
) -> list[Overdue]:
    """Return the longest overdue ones, of everybody or of one organization, behind `after` where one is given."""
    return _found(DUE, {"now": now, "limit": limit, "organization": organization_id}, after)


def overdue_in(counter_ids: Sequence[int], *, now: datetime, limit: int, after: Overdue | None = None) -> list[Overdue]:
    """Return the longest overdue ones that take room in these counters, behind `after` where one is given."""
    if not counter_ids:
        return []
    return _found(DUE_IN_COUNTERS, {"now": now, "limit": limit, "counters": list(counter_ids)}, after)


def overdue_of(organization_id: UUID, *, now: datetime) -> list[UUID]:
    """Return every authorization of an organization whose time is over and that the clock has not come to."""
    found = prepared_rows(DUE_OF_ORGANIZATION, {"organization": organization_id, "now": now})
    return [cast(UUID, one) for (one,) in found]


def without_overdue(
    situation: Situation, *, now: datetime, own: UUID | None = None, holds: Sequence[UUID] | None = None
) -> Situation:
    """Return the situation as it will be when the clock has come: what overdue holds take counts as room.

    For whoever decides without a trace and cannot expire them first, as an ask does. `own` as in `look`; `holds` are
    those that `overdue_of` found, where it was asked already.
    """
    asker, payment = situation.asker, situation.payment
    if holds is None:
        holds = overdue_of(asker.organization_id, now=now)
    if not holds:
        return situation
    tallies = dict(situation.facts.tallies)
    for key in situation.question.counters_needed():
        whose = asker.organization_id, asker.agent_id
        dead = held_among(holds, *whose, key, payment.asked_at, is_again=own is not None)
        tallies[key.digest] = Tally(tallies[key.digest].used - dead)
    return replace(situation, facts=replace(situation.facts, tallies=tallies))


def _found(sql: str, params: dict[str, object], after: Overdue | None) -> list[Overdue]:
    place = (
        {"expires_at": "-infinity", "id": UUID(int=0)}
        if after is None
        else {"expires_at": after.expires_at, "id": after.id}
    )
    found = prepared_rows(sql, params | place)
    return [Overdue(*row) for row in cast(Sequence[tuple[UUID, UUID, datetime]], found)]
