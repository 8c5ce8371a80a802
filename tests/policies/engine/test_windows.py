"""Calendar and rolling windows: every moment lies in exactly one, whatever the clocks do."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.span import ROLLING_BUCKETS, Span
from policies.engine.rules import Day, Hours
from policies.engine.windows import (
    CalendarPeriod,
    bucket_of,
    calendar_span,
    first_counted_bucket,
    is_within_hours,
    local_date,
    rolling_span,
)
from tests.policies.engine.machine import machine_in
from tests.policies.engine.strategies import law

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "America/Santiago",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
]
TICK = timedelta(microseconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def span(start: str, end: str) -> Span:
    return Span(utc(start), utc(end))


def moments_since(year: int) -> st.SearchStrategy[datetime]:
    return st.integers(0, (2037 - year) * 31_557_600_000_000).map(
        lambda ticks: datetime(year, 1, 1, tzinfo=UTC) + ticks * TICK
    )


@law
@given(
    moments_since(1987),
    st.sampled_from(ZONES),
    st.sampled_from(CalendarPeriod),
)
def test_windows_follow_each_other_without_gap_or_overlap(moment: datetime, zone: str, period: CalendarPeriod) -> None:
    found = calendar_span(period, moment, zone)
    assert found.start is not None
    assert found.end is not None
    assert found.start <= moment < found.end
    assert calendar_span(period, found.start, zone) == calendar_span(period, found.end - TICK, zone) == found
    assert calendar_span(period, found.end, zone).start == found.end
    assert calendar_span(period, found.start - TICK, zone).end == found.start


@pytest.mark.parametrize(
    ("period", "moment", "zone", "expected"),
    [
        ("minute", "2026-11-18T12:34:56.789", "UTC", span("2026-11-18T12:34", "2026-11-18T12:35")),
        ("hour", "2026-11-18T12:34:56", "UTC", span("2026-11-18T12:00", "2026-11-18T13:00")),
        ("hour", "2026-11-18T12:34", "Asia/Kathmandu", span("2026-11-18T12:15", "2026-11-18T13:15")),
        ("day", "2026-11-18T23:30", "Asia/Tokyo", span("2026-11-18T15:00", "2026-11-19T15:00")),
        ("week", "2026-12-31T12:00", "UTC", span("2026-12-28T00:00", "2027-01-04T00:00")),
        ("week", "2026-11-15T23:59:59", "UTC", span("2026-11-09T00:00", "2026-11-16T00:00")),
        ("month", "2028-02-29T12:00", "UTC", span("2028-02-01T00:00", "2028-03-01T00:00")),
        ("month", "2026-12-31T23:30", "Europe/Berlin", span("2026-12-31T23:00", "2027-01-31T23:00")),
        ("quarter", "2026-01-01T00:00", "UTC", span("2026-01-01T00:00", "2026-04-01T00:00")),
        ("quarter", "2026-06-30T23:59", "UTC", span("2026-04-01T00:00", "2026-07-01T00:00")),
        ("quarter", "2026-09-30T23:59", "UTC", span("2026-07-01T00:00", "2026-10-01T00:00")),
        ("quarter", "2026-12-31T23:59", "UTC", span("2026-10-01T00:00", "2027-01-01T00:00")),
        ("year", "2026-12-31T23:59:59", "UTC", span("2026-01-01T00:00", "2027-01-01T00:00")),
        ("year", "2028-12-31T12:00", "America/New_York", span("2028-01-01T05:00", "2029-01-01T05:00")),
    ],
)
def test_calendar_window(period: str, moment: str, zone: str, expected: Span) -> None:
    assert calendar_span(CalendarPeriod(period), utc(moment), zone) == expected


@pytest.mark.parametrize(
    ("period", "moment", "zone", "expected"),
    [
        # Berlin, clocks set forward at 01:00 UTC: a day of 23 hours, a week of 167, and no hour from two to three.
        ("day", "2026-03-29T12:00", "Europe/Berlin", span("2026-03-28T23:00", "2026-03-29T22:00")),
        ("week", "2026-03-29T12:00", "Europe/Berlin", span("2026-03-22T23:00", "2026-03-29T22:00")),
        ("hour", "2026-03-29T00:59", "Europe/Berlin", span("2026-03-29T00:00", "2026-03-29T01:00")),
        ("hour", "2026-03-29T01:00", "Europe/Berlin", span("2026-03-29T01:00", "2026-03-29T02:00")),
        # Berlin, clocks set back at 01:00 UTC: a day of 25 hours in which the hour from two to three comes twice.
        ("day", "2026-10-25T12:00", "Europe/Berlin", span("2026-10-24T22:00", "2026-10-25T23:00")),
        ("hour", "2026-10-25T00:30", "Europe/Berlin", span("2026-10-25T00:00", "2026-10-25T01:00")),
        ("hour", "2026-10-25T01:30", "Europe/Berlin", span("2026-10-25T01:00", "2026-10-25T02:00")),
        ("month", "2026-10-25T12:00", "Europe/Berlin", span("2026-09-30T22:00", "2026-10-31T23:00")),
        # Santiago sets its clocks forward at midnight: the day begins at one.
        ("day", "2026-09-06T12:00", "America/Santiago", span("2026-09-06T04:00", "2026-09-07T03:00")),
        # Havana sets them back from one to midnight: the day begins at the first of the two.
        ("day", "2026-11-01T05:30", "America/Havana", span("2026-11-01T04:00", "2026-11-02T05:00")),
        # St. John's set them back at one minute past midnight: yesterday's date came again after the new day had begun.
        ("day", "2000-10-29T03:00", "America/St_Johns", span("2000-10-29T02:30", "2000-10-30T03:30")),
        ("day", "2000-10-29T02:29", "America/St_Johns", span("2000-10-28T02:30", "2000-10-29T02:30")),
        ("month", "2006-10-29T03:00", "America/St_Johns", span("2006-10-01T02:30", "2006-11-01T03:30")),
        ("month", "2009-11-01T02:45", "America/St_Johns", span("2009-11-01T02:30", "2009-12-01T03:30")),
        # Apia left out the 30th of December 2011.
        ("day", "2011-12-30T09:59", "Pacific/Apia", span("2011-12-29T10:00", "2011-12-30T10:00")),
        ("day", "2011-12-30T10:00", "Pacific/Apia", span("2011-12-30T10:00", "2011-12-31T10:00")),
        # Lord Howe moves by half an hour: the hours beside the change are cut where it happens.
        ("hour", "2026-04-04T14:59", "Australia/Lord_Howe", span("2026-04-04T14:00", "2026-04-04T15:00")),
        ("hour", "2026-04-04T15:10", "Australia/Lord_Howe", span("2026-04-04T15:00", "2026-04-04T15:30")),
        ("hour", "2026-10-03T15:10", "Australia/Lord_Howe", span("2026-10-03T14:30", "2026-10-03T15:30")),
        ("hour", "2026-10-03T15:40", "Australia/Lord_Howe", span("2026-10-03T15:30", "2026-10-03T16:00")),
    ],
)
def test_days_on_which_the_clocks_change(period: str, moment: str, zone: str, expected: Span) -> None:
    assert calendar_span(CalendarPeriod(period), utc(moment), zone) == expected


@pytest.mark.parametrize(
    ("period", "moment", "zone", "start", "end"),
    [
        ("hour", "2031-11-18T12:20", "Asia/Kathmandu", "2031-11-18T12:15:00+00:00", "2031-11-18T13:15:00+00:00"),
        ("day", "2031-11-18T12:20", "Asia/Kathmandu", "2031-11-17T18:15:00+00:00", "2031-11-18T18:15:00+00:00"),
        ("hour", "2031-04-05T15:10", "Australia/Lord_Howe", "2031-04-05T15:00:00+00:00", "2031-04-05T15:30:00+00:00"),
        ("hour", "2031-04-05T15:40", "Australia/Lord_Howe", "2031-04-05T15:30:00+00:00", "2031-04-05T16:30:00+00:00"),
    ],
)
def test_windows_are_told_in_utc_whatever_the_machine_is_set_to(
    period: str, moment: str, zone: str, start: str, end: str
) -> None:
    # In a year of its own: what was found once is kept.
    with machine_in("Asia/Kathmandu"):
        found = calendar_span(CalendarPeriod(period), utc(moment), zone)
    assert [one.isoformat() for one in (found.start, found.end) if one] == [start, end]


@pytest.mark.parametrize("moment", ["2000-10-29T02:31:00", "2000-10-29T02:31:30", "2000-10-29T02:59:59"])
def test_an_hour_is_cut_at_the_second_of_the_change(moment: str) -> None:
    # At 02:31 UTC St. John's went from 00:01 back to 23:01.
    assert calendar_span(CalendarPeriod.HOUR, utc(moment), "America/St_Johns") == span(
        "2000-10-29T02:31", "2000-10-29T03:30"
    )
    assert calendar_span(CalendarPeriod.HOUR, utc("2000-10-29T02:30:59.5"), "America/St_Johns") == span(
        "2000-10-29T02:30", "2000-10-29T02:31"
    )


def test_a_moment_may_come_in_any_zone() -> None:
    moment = datetime.fromisoformat("2026-11-18T23:30:00-05:00")
    assert calendar_span(CalendarPeriod.DAY, moment, "UTC") == span("2026-11-19T00:00", "2026-11-20T00:00")
    assert calendar_span(CalendarPeriod.HOUR, moment, "UTC") == span("2026-11-19T04:00", "2026-11-19T05:00")
    assert local_date(moment, "Europe/Berlin") == date(2026, 11, 19)


@law
@given(
    moments_since(2020),
    st.integers(1, 600_000),
    st.floats(0, 2),
)
def test_a_rolling_window_forgets_late_and_never_early(moment: datetime, minutes: int, share: float) -> None:
    seconds = minutes * 60
    earlier = moment - timedelta(seconds=seconds) * share
    counts = first_counted_bucket(moment, seconds) <= bucket_of(earlier, seconds) <= bucket_of(moment, seconds)
    age = moment - earlier
    if age <= timedelta(seconds=seconds):
        assert counts
    if age >= timedelta(seconds=seconds) * (ROLLING_BUCKETS + 1) / ROLLING_BUCKETS + TICK:
        assert not counts
    assert (bucket_of(moment, seconds) - first_counted_bucket(moment, seconds)) == ROLLING_BUCKETS


def test_buckets_are_sixtieths() -> None:
    hour = 3600
    first = bucket_of(utc("2026-11-18T12:00:00"), hour)
    assert bucket_of(utc("2026-11-18T12:00:59.999999"), hour) == first
    assert bucket_of(utc("2026-11-18T12:01:00"), hour) == first + 1
    assert bucket_of(utc("1970-01-01T00:00:00"), hour) == 0
    assert rolling_span(utc("2026-11-18T12:34:56"), hour) == span("2026-11-18T11:34:00", "2026-11-18T12:34:56")


MORNING = Hours(9 * 60, 12 * 60, (Day.MON, Day.WED))
NIGHT = Hours(22 * 60, 2 * 60, (Day.FRI,))


@pytest.mark.parametrize(
    ("hours", "moment", "is_open"),
    [
        ([MORNING], "2026-11-18T09:00", True),
        ([MORNING], "2026-11-18T08:59:59.999999", False),
        ([MORNING], "2026-11-18T11:59:59", True),
        ([MORNING], "2026-11-18T12:00", False),
        ([MORNING], "2026-11-19T10:00", False),
        ([NIGHT], "2026-11-20T22:00", True),
        ([NIGHT], "2026-11-20T21:59", False),
        ([NIGHT], "2026-11-21T01:59", True),
        ([NIGHT], "2026-11-21T02:00", False),
        ([NIGHT], "2026-11-20T01:00", False),
        ([NIGHT], "2026-11-21T23:00", False),
        ([NIGHT, MORNING], "2026-11-16T10:00", True),
        ([], "2026-11-18T10:00", False),
        ([Hours(540, 540)], "2026-11-18T09:00", False),
        ([Hours(0, 1440)], "2026-11-18T23:59:59", True),
        ([Hours(22 * 60, 60, (Day.SUN,))], "2026-11-23T00:30", True),
    ],
)
def test_recurring_hours(hours: list[Hours], moment: str, is_open: bool) -> None:
    assert is_within_hours(hours, utc(moment), "UTC") is is_open
