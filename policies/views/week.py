"""Recurring hours drawn as a week: seven days of twenty-four hours, each whole, in part or not at all."""

from dataclasses import dataclass
from typing import Final

from policies.engine.rules import BlackoutPeriod, Day, Hours, Rule, TimeWindow
from policies.forms.fields import DAY_NAMES

MINUTES_OF_DAY: Final = 24 * 60
MINUTES_OF_WEEK: Final = 7 * MINUTES_OF_DAY


@dataclass(frozen=True, slots=True)
class DrawnDay:
    """One day: its short name, and for each hour `whole`, `part` or `none`."""

    name: str
    hours: tuple[str, ...]


def week_of(rule: Rule) -> tuple[DrawnDay, ...]:
    """Return the hours of a rule as a week by its own clock; nothing where it has none."""
    several = rule.windows if isinstance(rule, TimeWindow) else rule.hours if isinstance(rule, BlackoutPeriod) else ()
    if not several:
        return ()
    minutes = bytearray(MINUTES_OF_WEEK)
    for one in several:
        fill(minutes, one)
    return tuple(
        DrawnDay(DAY_NAMES[day], tuple(hour(minutes, place * 24 + number) for number in range(24)))
        for place, day in enumerate(Day)
    )


def fill(minutes: bytearray, one: Hours) -> None:
    """Mark the minutes of the week that these hours cover; those past midnight belong to the next day."""
    length = one.end - one.start if one.end >= one.start else MINUTES_OF_DAY - one.start + one.end
    for day in one.days:
        first = list(Day).index(day) * MINUTES_OF_DAY + one.start
        for minute in range(first, first + length):
            minutes[minute % MINUTES_OF_WEEK] = 1


def hour(minutes: bytearray, number: int) -> str:
    """Return how much of one hour of the week is covered."""
    covered = sum(minutes[number * 60 : number * 60 + 60])
    return "whole" if covered == 60 else "part" if covered else "none"
