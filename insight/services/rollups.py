"""Rollups: each record, ask, closed question and review is added to its day once, in the order of time.

The place up to which a ledger is added up moves in the transaction that adds: whoever is killed has added nothing, and
who comes second finds nothing to add. Moments come from the clock at the edge, before their rows are committed, so the
place stays behind the clock, and behind the oldest transaction that may still commit: nothing comes late to a
stretch that is added up. Pages add what has happened since, straight from the ledger (`insight.selectors.ledger`).
"""

from datetime import UTC, datetime, timedelta
from typing import Final, cast
from uuid import UUID

from core.db import rows, use_case
from insight.models import AskDay, GroupDay, GroupMonth, PotDay, ReviewDay, Rollup, SpendDay, SpendMonth
from insight.services.statements import FIRST, OLDEST_OPEN, STATEMENTS
from people.models import Organization

BEHIND: Final = timedelta(minutes=5)
"""How far clocks may differ, and how long an ask may take from the clock to the begin of its transaction."""
STRETCH: Final = timedelta(days=14)
"""What one transaction adds up, so that a rebuild of years holds nothing for long."""
MOST_STRETCHES: Final = 2_000


def roll(organization_id: UUID, *, now: datetime) -> int:
    """Add what has become final since the last time; returns the stretches that were added.

    A rollup whose days were cut in another zone than the organization's is begun anew.
    """
    for number in range(MOST_STRETCHES):
        if not _roll_stretch(organization_id, now=now):
            return number
    return MOST_STRETCHES


def rebuild(organization_id: UUID, *, now: datetime) -> int:
    """Throw the rollups of an organization away and add them up again; returns the stretches that were added."""
    _begin_anew(organization_id, now=now)
    return roll(organization_id, now=now)


@use_case
def _roll_stretch(organization_id: UUID, *, now: datetime) -> bool:
    """Add one stretch; return whether there was one. Whoever else rolls waits, and then finds the place moved."""
    organization = Organization.objects.get(pk=organization_id)
    rollup = Rollup.objects.select_for_update().filter(organization_id=organization_id).first()
    end = _final_until(now)
    if rollup is None or rollup.time_zone != organization.time_zone:
        _start(organization, end=end, now=now)
        return True
    until = min(rollup.until + STRETCH, end)
    if until <= rollup.until:
        return False
    params = {
        "organization": organization_id,
        "zone": rollup.time_zone,
        "since": rollup.until,
        "until": until,
    }
    for statement in STATEMENTS:
        rows(statement, params)
    rollup.until, rollup.rolled_at = until, now
    rollup.save(update_fields=["until", "rolled_at"])
    return True


@use_case
def _begin_anew(organization_id: UUID, *, now: datetime) -> None:
    organization = Organization.objects.get(pk=organization_id)
    Rollup.objects.select_for_update().filter(organization_id=organization_id).first()
    _start(organization, end=_final_until(now), now=now)


def _start(organization: Organization, *, end: datetime, now: datetime) -> None:
    """Empty the rollups and put the place before the first row of the ledger.

    Two that start at once meet on the primary key of the place: the second waits, and sets what the first has set.
    """
    ((first,),) = cast(list[tuple[datetime | None]], rows(FIRST, {"organization": organization.pk}))
    place = {"time_zone": organization.time_zone, "until": min(first or end, end), "rolled_at": now}
    Rollup.objects.update_or_create(organization_id=organization.pk, defaults=place)
    spend = (SpendDay.objects, SpendMonth.objects, GroupDay.objects, GroupMonth.objects)
    for added_up in (*spend, AskDay.objects, ReviewDay.objects, PotDay.objects):
        added_up.filter(organization_id=organization.pk).delete()


def _final_until(now: datetime) -> datetime:
    """Return the moment before which every row has committed, or will never."""
    ((oldest,),) = cast(list[tuple[datetime | None]], rows(OLDEST_OPEN))
    return min(now, oldest.astimezone(UTC) if oldest else now) - BEHIND
