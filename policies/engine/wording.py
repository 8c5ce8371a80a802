"""Amounts, lists, days and hours as people write them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from core.money import amount_text
from policies.engine.rules import DateRange, Day, Hours, MoneyMap
from policies.engine.values import write_clock

SYMBOLS: Final = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩"}
SHOWN: Final = 3
"""A sentence names so many members of a list and counts the rest."""
DAYS: Final = tuple(Day)
MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def money(amount: Decimal, currency: str) -> str:
    """Return `$1,250.00`, or `1,250.00 CHF` where the currency has no symbol of its own."""
    whole, _, fraction = amount_text(abs(amount)).partition(".")
    figure = f"{int(whole):,}.{fraction}"
    sign = "−" if amount < 0 else ""
    symbol = SYMBOLS.get(currency)
    return f"{sign}{symbol}{figure}" if symbol else f"{sign}{figure} {currency}"


def amounts(pairs: MoneyMap) -> str:
    """Return the amounts of a map: `$500.00 or €450.00`."""
    return listed([money(amount, currency) for currency, amount in pairs], "or", shown=len(pairs))


def listed(words: Sequence[str], last: str, *, shown: int = SHOWN) -> str:
    """Return `a, b and c`, or `a, b, c and 4 more`."""
    if len(words) > shown:
        return f"{', '.join(words[:shown])} {last} {len(words) - shown} more"
    return f" {last} ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def count(number: int, one: str, many: str) -> str:
    """Return `1 person`, or `3 people`."""
    return f"{number} {one if number == 1 else many}"


def days(chosen: Sequence[Day]) -> str:
    """Return `Mon–Fri`, `Sat, Sun`, or `every day`."""
    if len(chosen) == len(DAYS):
        return "every day"
    places = [DAYS.index(day) for day in chosen]
    names = [day.value.capitalize() for day in chosen]
    is_run = len(places) > 2 and places[-1] - places[0] == len(places) - 1
    return f"{names[0]}–{names[-1]}" if is_run else ", ".join(names)


def hours(several: Sequence[Hours], *, shown: int = SHOWN) -> str:
    """Return `Mon–Fri 09:00–17:00`, and past midnight `Sat 22:00–02:00 (next day)`."""
    return listed([_one_of_hours(one) for one in several], "and", shown=shown)


def date_ranges(ranges: Sequence[DateRange], *, shown: int = SHOWN) -> str:
    """Return `24 to 26 December 2026` and single days as they are."""
    return listed([_one_of_ranges(one) for one in ranges], "and", shown=shown)


def day(value: date) -> str:
    """Return `24 December 2026`."""
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def moment(value: datetime) -> str:
    """Return `24 December 2026, 09:00 UTC`."""
    value = value.astimezone(UTC)
    return f"{day(value)}, {value:%H:%M} UTC"


def minutes(count: int) -> str:
    """Return `a minute`, `10 minutes`, `an hour`, `24 hours`, `7 days`."""
    for size, name in ((24 * 60, "day"), (60, "hour")):
        if count % size == 0 and count > size:
            return f"{count // size} {name}s"
    if count == 60:
        return "an hour"
    return "a minute" if count == 1 else f"{count} minutes"


def sentences(*parts: str) -> str:
    """Return the parts that are not empty as sentences, each with its capital and its full stop."""
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in parts if part)


def _one_of_hours(one: Hours) -> str:
    next_day = " (next day)" if one.end < one.start else ""
    return f"{days(one.days)} {write_clock(one.start)}–{write_clock(one.end)}{next_day}"


def _one_of_ranges(one: DateRange) -> str:
    if one.first == one.last:
        return day(one.first)
    return f"{day(one.first)} to {day(one.last)}"
