"""Hours as a week to tick: which rows are whole hours, which cells they cover, and the rows that ticked cells make."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from policies.engine.rules import Day

Row = dict[str, Any]

DAYS: Final = tuple(day.value for day in Day)
HOURS_OF_DAY: Final = 24
HOURS_OF_WEEK: Final = len(DAYS) * HOURS_OF_DAY
MINUTES_OF_WEEK: Final = HOURS_OF_WEEK * 60
HOUR_BITS: Final = (1 << 60) - 1
MOST_KEPT: Final = 250
"""More rows than a rule may have; what else a browser sends is dropped."""
CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
CELLS: Final = tuple(f"{day}-{hour}" for day in DAYS for hour in range(HOURS_OF_DAY))
"""Every hour of the week, as the value of its checkbox."""
PLACES: Final = {cell: place for place, cell in enumerate(CELLS)}


def is_whole(row: Mapping[str, Any]) -> bool:
    """Say whether a row can stand as ticked cells: it names days, and from one full hour to another."""
    times = times_of(row)
    return times is not None and times[0] % 60 == times[1] % 60 == 0


def times_of(row: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the minutes of a day between which a row opens; nothing where it cannot be read or never opens.

    What ends before it begins runs past midnight: its end lies beyond the day.
    """
    found = [CLOCK.fullmatch(str(row["from"])), CLOCK.fullmatch(str(row["to"]))]
    if not all(found) or not row["days"] or set(row["days"]) - set(DAYS):
        return None
    first, after = (int(text[:2]) * 60 + int(text[3:]) for text in (row["from"], row["to"]))
    if first == after or first == HOURS_OF_DAY * 60:
        return None
    return first, after if after > first else after + HOURS_OF_DAY * 60


def cells_of(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the cells that rows of whole hours cover; those past midnight belong to the next day."""
    return {cell for cell, minutes in covered(rows).items() if minutes}


def exact_cells(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return what rows with minutes open of which hours: `whole` or `part`."""
    found = covered(row for row in rows if not is_whole(row))
    return {cell: "whole" if minutes == 60 else "part" for cell, minutes in found.items() if minutes}


def covered(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return of each hour of the week how many minutes these rows open; those that cannot be read open none."""
    open_minutes = 0
    for row in rows:
        times = times_of(row)
        for day in row["days"] if times else ():
            begins = DAYS.index(day) * HOURS_OF_DAY * 60
            open_minutes |= bits(begins, times)
    # What ends on the day after Sunday ends on Monday.
    open_minutes |= open_minutes >> MINUTES_OF_WEEK
    return {cell: (open_minutes >> place * 60 & HOUR_BITS).bit_count() for cell, place in PLACES.items()}


def bits(begins: int, times: tuple[int, int] | None) -> int:
    """Return the minutes from first to last as bits, counted from the minute at which the day begins."""
    return ((1 << times[1] - times[0]) - 1) << begins + times[0] if times else 0


def rows_of(cells: Collection[str]) -> list[Row]:
    """Return the fewest rows that open just these hours; a night that begins on one day and ends on the next is one."""
    runs = {day: list(runs_of(day, cells)) for day in DAYS}
    nights = {day for day in DAYS if is_night(runs[day], runs[day_after(day)])}
    found: dict[tuple[int, int], list[str]] = {}
    for day in DAYS:
        for first, after in runs[day]:
            if first == 0 and day_before(day) in nights:
                continue
            is_carried = after == HOURS_OF_DAY and day in nights
            end = runs[day_after(day)][0][1] if is_carried else after
            found.setdefault((first, end), []).append(day)
    return [{"days": days, "from": f"{first:02}:00", "to": f"{after:02}:00"} for (first, after), days in found.items()]


def runs_of(day: str, cells: Collection[str]) -> Iterator[tuple[int, int]]:
    """Yield the hours of a day that are ticked without a gap: the first, and the first after."""
    first = None
    for hour in range(HOURS_OF_DAY + 1):
        is_ticked = hour < HOURS_OF_DAY and f"{day}-{hour}" in cells
        if is_ticked and first is None:
            first = hour
        elif not is_ticked and first is not None:
            yield first, hour
            first = None


def is_night(today: list[tuple[int, int]], tomorrow: list[tuple[int, int]]) -> bool:
    """Say whether what is ticked at the end of a day goes on into the next, and both together are less than a day."""
    if not today or not tomorrow or today[-1][1] != HOURS_OF_DAY or tomorrow[0][0] != 0:
        return False
    return tomorrow[0][1] < today[-1][0]


def day_after(day: str) -> str:
    """Return the next day of the week."""
    return DAYS[(DAYS.index(day) + 1) % len(DAYS)]


def day_before(day: str) -> str:
    """Return the day before."""
    return DAYS[DAYS.index(day) - 1]


# --- What a form carries along ----------------------------------------------------------------------------------------


def kept_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the rows that stand as ticked cells, each with its place among all, for a form to bring back."""
    return json.dumps([[place, row["days"], row["from"], row["to"]] for place, row in enumerate(rows) if is_whole(row)])


def with_ticked(exact: list[Row], kept: str, ticked: Collection[str]) -> list[Row]:
    """Return all rows of a form: those with minutes, and in their old places those that stand as cells.

    Where other cells are ticked than the kept rows cover, the cells count and make rows anew.
    """
    known, rows = read_kept(kept), list(exact)
    if cells_of(row for _, row in known) != set(ticked) & set(CELLS):
        return [*rows_of(set(ticked)), *rows]
    for place, row in known:
        rows.insert(place, row)
    return rows


def read_kept(text: str) -> list[tuple[int, Row]]:
    """Return what `kept_text` has written; what a browser sends otherwise is as good as nothing."""
    try:
        found = [
            (int(place), {"days": [str(day) for day in days], "from": str(first), "to": str(after)})
            for place, days, first, after in json.loads(text)[:MOST_KEPT]
        ]
    except (ArithmeticError, KeyError, RecursionError, TypeError, ValueError):
        return []
    return sorted((one for one in found if is_whole(one[1])), key=lambda one: one[0])
