"""Periods of whole days in an organization's time zone."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAY: Final = timedelta(days=1)
LONGEST_DAYS: Final = 366
"""Days of one period: sums are made from records until there are rollups."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included, as they are cut in `zone`."""

    first: date
    last: date
    zone: str

    @property
    def since(self) -> datetime:
        """When the first day begins."""
        return datetime.combine(self.first, time(), ZoneInfo(self.zone))

    @property
    def until(self) -> datetime:
        """When the last day is over: the first moment that does not belong to it."""
        return datetime.combine(self.last + DAY, time(), ZoneInfo(self.zone))

    @property
    def days(self) -> tuple[date, ...]:
        """Every day, the oldest first."""
        return tuple(self.first + DAY * number for number in range((self.last - self.first).days + 1))


def last_days(number: int, *, zone: str, now: datetime) -> Period:
    """Return the last days, today included."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return Period(today - DAY * (number - 1), today, zone)


def between(first: date, last: date, *, zone: str) -> Period:
    """Return the days from one to another, in whichever order they came; what is too long loses its oldest days."""
    first, last = min(first, last), max(first, last)
    return Period(max(first, last - DAY * (LONGEST_DAYS - 1)), last, zone)
