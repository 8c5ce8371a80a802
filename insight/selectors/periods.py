"""Periods of whole days in an organization's time zone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

DAY: Final = timedelta(days=1)
LONGEST_DAYS: Final = 5 * 366
"""Days of one period; a chart of it has sixty bars."""
MOST_DAY_STEPS: Final = 93
MOST_WEEK_STEPS: Final = 26 * 7
"""Weeks are added up from days, months are added up already: a year under several filters would be read day by day."""
MONTHS_OF_QUARTER: Final = 3
MONTHS: Final = 12


class Preset(StrEnum):
    """Periods that people ask for by a word."""

    WEEK = "7"
    DAYS_30 = "30"
    DAYS_90 = "90"
    MONTH = "month"
    LAST_MONTH = "last-month"
    QUARTER = "quarter"
    YEAR = "year"


PRESET_WORDS: Final = {
    Preset.WEEK: "7 days",
    Preset.DAYS_30: "30 days",
    Preset.DAYS_90: "90 days",
    Preset.MONTH: "This month",
    Preset.LAST_MONTH: "Last month",
    Preset.QUARTER: "This quarter",
    Preset.YEAR: "This year",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One bar of a chart: a day, a week or a month, cut off where the period begins or ends inside it."""

    first: date
    last: date

    @property
    def label(self) -> str:
        """As an axis names it."""
        if self.first == self.last:
            return f"{self.first:%-d %b}"
        is_month = self.first.month == self.last.month and (self.last - self.first).days > 7
        return f"{self.first:%b %Y}" if is_month else f"{self.first:%-d %b}\u2013{self.last:%-d %b}"


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
    def number_of_days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1

    @property
    def days(self) -> tuple[date, ...]:
        """Every day, the oldest first."""
        return tuple(self.first + DAY * number for number in range(self.number_of_days))

    @property
    def step_word(self) -> str:
        """What the bars of its chart are."""
        number = self.number_of_days
        return "Day" if number <= MOST_DAY_STEPS else "Week" if number <= MOST_WEEK_STEPS else "Month"

    def steps(self) -> tuple[Step, ...]:
        """Return days, from three months on weeks that begin on Monday, and from half a year on months."""
        return tuple(self._steps())

    def _steps(self) -> Iterator[Step]:
        begin = self.first
        while begin <= self.last:
            end = min(self.last, self._end_of_step(begin))
            yield Step(begin, end)
            begin = end + DAY

    def _end_of_step(self, begin: date) -> date:
        match self.step_word:
            case "Day":
                return begin
            case "Week":
                return begin + DAY * (6 - begin.weekday())
            case _:
                return months_on(begin.replace(day=1), 1) - DAY

    @property
    def words(self) -> str:
        """As a sentence names it: `13\u201319 Nov 2026`, with what both ends share said once."""
        first, last = self.first, self.last
        if first == last:
            return f"{last:%-d %b %Y}"
        if first.year != last.year:
            return f"{first:%-d %b %Y}\u2013{last:%-d %b %Y}"
        start = f"{first:%-d}" if first.month == last.month else f"{first:%-d %b}"
        return f"{start}\u2013{last:%-d %b %Y}"

    def whole_months(self) -> "Period | None":
        """Return the months that lie wholly in it; None where there is none."""
        first = self.first if self.first.day == 1 else months_on(self.first.replace(day=1), 1)
        end = (self.last + DAY).replace(day=1)
        return Period(first, end - DAY, self.zone) if first < end else None

    def before(self) -> "Period":
        """Return the period that it is compared with: as many days just before, or whole months before whole months."""
        if self.first.day == 1 and (self.last + DAY).day == 1:
            months = MONTHS * (self.last.year - self.first.year) + self.last.month - self.first.month + 1
            return Period(months_on(self.first, -months), self.first - DAY, self.zone)
        return Period(self.first - DAY * self.number_of_days, self.first - DAY, self.zone)


def last_days(number: int, *, zone: str, now: datetime) -> Period:
    """Return the last days, today included."""
    today = today_in(zone, now)
    return Period(today - DAY * (number - 1), today, zone)


def preset(chosen: Preset, *, zone: str, now: datetime) -> Period:
    """Return the period that a word means now; one that is not over ends today."""
    today = today_in(zone, now)
    month = today.replace(day=1)
    match chosen:
        case Preset.MONTH:
            return Period(month, today, zone)
        case Preset.LAST_MONTH:
            return Period(months_on(month, -1), month - DAY, zone)
        case Preset.QUARTER:
            return Period(months_on(month, -((today.month - 1) % MONTHS_OF_QUARTER)), today, zone)
        case Preset.YEAR:
            return Period(month.replace(month=1), today, zone)
        case _:
            return last_days(int(chosen), zone=zone, now=now)


def between(first: date, last: date, *, zone: str) -> Period:
    """Return the days from one to another, in whichever order they came; what is too long loses its oldest days."""
    first, last = min(first, last), max(first, last)
    return Period(max(first, last - DAY * (LONGEST_DAYS - 1)), last, zone)


def today_in(zone: str, now: datetime) -> date:
    """Return the day it is there."""
    return now.astimezone(ZoneInfo(zone)).date()


def months_on(month: date, number: int) -> date:
    """Return the first of the month so many months after the first of another."""
    years, index = divmod(month.year * MONTHS + month.month - 1 + number, MONTHS)
    return date(years, index + 1, 1)
