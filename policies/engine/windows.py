"""Windows of time: calendar ones in any zone, daylight saving included, and rolling ones in sixtieths."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from core.span import Span, bucket_of, first_counted_bucket
from policies.engine.rules import Day, Hours

__all__ = [
    "CalendarPeriod",
    "bucket_of",
    "calendar_span",
    "first_counted_bucket",
    "is_within_hours",
    "local_date",
    "minutes_of_week",
    "rolling_span",
]

DAYS: Final = tuple(Day)
DAY_MINUTES: Final = 24 * 60
SPANS_KEPT: Final = 4096
"""Calendar spans kept in memory: a few windows in a few zones over a few days; a day's span costs 20 µs to find."""


_last_found: Final[dict[tuple["CalendarPeriod", str], Span]] = {}


class CalendarPeriod(StrEnum):
    """A stretch of the calendar, from its first instant on the clock of a zone to the first of the next."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


def calendar_span(period: CalendarPeriod, moment: datetime, time_zone: str) -> Span:
    """Return the calendar window of `time_zone` in which `moment` (aware) lies, in UTC; weeks are ISO weeks.

    The spans of one period and zone never overlap and leave no gap, whatever the clocks do: the one that was found last
    is right for every moment in it.
    """
    last = _last_found.get((period, time_zone))
    if last is None or last.start is None or last.end is None or not last.start <= moment < last.end:
        last = _last_found[period, time_zone] = _calendar_span(period, moment, time_zone)
    return last


def _calendar_span(period: CalendarPeriod, moment: datetime, time_zone: str) -> Span:
    if period is CalendarPeriod.MINUTE:
        return _short_span(moment, timedelta(minutes=1), time_zone)
    if period is CalendarPeriod.HOUR:
        return _short_span(moment, timedelta(hours=1), time_zone)
    first = _first_day(period, local_date(moment, time_zone))
    span = _span_from(period, first, time_zone)
    if span.end is not None and moment >= span.end:
        # Clocks set back over midnight show the old date again after the new day has begun.
        span = _span_from(period, _next_first_day(period, first), time_zone)
    return span


def rolling_span(moment: datetime, rolling_seconds: int) -> Span:
    """Return the time that counts at `moment`: from the start of the oldest counted bucket up to the moment itself."""
    width = timedelta(microseconds=rolling_seconds * 1_000_000 // 60)
    start = datetime(1970, 1, 1, tzinfo=UTC) + first_counted_bucket(moment, rolling_seconds) * width
    return Span(start, moment)


def local_date(moment: datetime, time_zone: str) -> date:
    """Return the date that a calendar on the wall in `time_zone` shows at `moment`."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def is_within_hours(hours: Iterable[Hours], moment: datetime, time_zone: str) -> bool:
    """Say whether any of the recurring hours is open at `moment` by the clock on the wall in `time_zone`."""
    local = moment.astimezone(ZoneInfo(time_zone))
    minute = local.hour * 60 + local.minute
    today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
    return any(_is_open(one, minute, today, yesterday) for one in hours)


def minutes_of_week(several: Iterable[Hours]) -> int:
    """Return the minutes of the week in which any of the hours is open, as bits, Monday 00:00 first."""
    found = 0
    for one in several:
        for place in map(DAYS.index, one.days):
            begins = place * DAY_MINUTES
            if one.start <= one.end:
                found |= _bits(begins + one.start, begins + one.end)
            else:
                next_day = (place + 1) % len(DAYS) * DAY_MINUTES
                found |= _bits(begins + one.start, begins + DAY_MINUTES) | _bits(next_day, next_day + one.end)
    return found


def _bits(first: int, after: int) -> int:
    return ((1 << (after - first)) - 1) << first


def _is_open(hours: Hours, minute: int, today: Day, yesterday: Day) -> bool:
    if hours.start <= hours.end:
        return today in hours.days and hours.start <= minute < hours.end
    return (today in hours.days and minute >= hours.start) or (yesterday in hours.days and minute < hours.end)


def _first_day(period: CalendarPeriod, day: date) -> date:
    match period:
        case CalendarPeriod.WEEK:
            return day - timedelta(days=day.weekday())
        case CalendarPeriod.MONTH:
            return day.replace(day=1)
        case CalendarPeriod.QUARTER:
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case CalendarPeriod.YEAR:
            return day.replace(month=1, day=1)
        case _:
            return day


def _next_first_day(period: CalendarPeriod, first: date) -> date:
    longest = {CalendarPeriod.WEEK: 7, CalendarPeriod.MONTH: 31, CalendarPeriod.QUARTER: 92, CalendarPeriod.YEAR: 366}
    return _first_day(period, first + timedelta(days=longest.get(period, 1)))


@lru_cache(maxsize=SPANS_KEPT)
def _span_from(period: CalendarPeriod, first: date, time_zone: str) -> Span:
    return Span(_start_of(first, time_zone), _start_of(_next_first_day(period, first), time_zone))


def _start_of(day: date, time_zone: str) -> datetime:
    # Of a midnight that comes twice the first counts; one that is skipped is the instant of the skip (PEP 495).
    return datetime.combine(day, time(), ZoneInfo(time_zone)).astimezone(UTC)


def _short_span(moment: datetime, length: timedelta, time_zone: str) -> Span:
    zone = ZoneInfo(time_zone)
    offset = _offset(moment, zone)
    shown = moment.astimezone(UTC) + offset
    start = shown - (shown - datetime.min.replace(tzinfo=UTC)) % length - offset
    end = start + length
    if _offset(start, zone) != offset:
        start = _change_between(start, moment, zone)
    if _offset(end - timedelta(microseconds=1), zone) != offset:
        end = _change_between(moment, end, zone)
    return Span(start, end)


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the second at which the clocks of `zone` are changed after `before` and not after `after`."""
    low, high = before.astimezone(UTC).replace(microsecond=0), after.astimezone(UTC)
    old, span_seconds = _offset(low, zone), 1
    while low + timedelta(seconds=span_seconds) < high:
        span_seconds *= 2
    while span_seconds:
        if _offset(low + timedelta(seconds=span_seconds), zone) == old:
            low += timedelta(seconds=span_seconds)
        span_seconds //= 2
    return low + timedelta(seconds=1)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None, "a zone always has an offset"
    return offset
