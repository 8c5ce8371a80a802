"""Hours as a week to tick: cells and rows of whole hours say the same, and what cannot stand in cells stays a row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.forms.week import CELLS, DAYS, Row, cells_of, exact_cells, is_whole, kept_text, rows_of, with_ticked

HOURS = st.integers(0, 23)


def row(first: str, after: str, *days: str) -> Row:
    return {"days": list(days or DAYS), "from": first, "to": after}


def clock(hours: int) -> str:
    return f"{hours:02}:00"


WHOLE = st.builds(
    lambda first, after, days: {"days": sorted(days, key=DAYS.index), "from": clock(first), "to": clock(after)},
    HOURS, st.integers(0, 24), st.sets(st.sampled_from(DAYS), min_size=1),
).filter(lambda one: one["from"] != one["to"])  # fmt: skip


@given(st.sets(st.sampled_from(CELLS)))
def test_rows_open_just_the_ticked_cells(cells: set[str]) -> None:
    rows = rows_of(cells)
    assert all(map(is_whole, rows))
    assert cells_of(rows) == cells


@given(st.lists(WHOLE, max_size=8))
def test_what_nobody_ticked_otherwise_comes_back_as_it_was(rows: list[Row]) -> None:
    minutes = [row("09:15", "17:45", "mon"), row("00:30", "01:30")]
    mixed = [minutes[0], *rows, minutes[1]]
    assert with_ticked(minutes, kept_text(mixed), cells_of(rows)) == mixed


@pytest.mark.parametrize(
    ("cells", "rows"),
    [
        ([f"{day}-{hour}" for day in DAYS[:5] for hour in range(9, 17)], [row("09:00", "17:00", *DAYS[:5])]),
        (["fri-22", "fri-23", "sat-0", "sat-1"], [row("22:00", "02:00", "fri")]),
        (["sun-23", "mon-0"], [row("23:00", "01:00", "sun")]),
        (CELLS, [row("00:00", "24:00")]),
        ([cell for cell in CELLS if cell.startswith("sat")], [row("00:00", "24:00", "sat")]),
        ([], []),
    ],
)
def test_rows_are_those_that_a_person_would_write(cells: list[str], rows: list[Row]) -> None:
    assert rows_of(cells) == rows


@pytest.mark.parametrize(
    "one",
    [
        row("09:15", "17:00"), row("09:00", "17:45"), row("09:00", "09:00"), row("24:00", "09:00"), row("", ""),
        row("9:00", "17:00"), row("09:00", "25:00"), row("09:00", "17:00", "someday"),
        {**row("09:00", "17:00"), "days": []},
    ],
)  # fmt: skip
def test_what_cannot_be_ticked_stays_a_row(one: Row) -> None:
    assert not is_whole(one)
    assert with_ticked([one], kept_text([one]), ()) == [one]


def test_minutes_are_marked_in_the_hours_that_they_touch() -> None:
    assert exact_cells([row("22:30", "01:15", "sun")]) == {
        "sun-22": "part",
        "sun-23": "whole",
        "mon-0": "whole",
        "mon-1": "part",
    }
    assert exact_cells([row("22:00", "01:00", "sun"), row("9", "10:00")]) == {}


@pytest.mark.parametrize(
    "text", ["", "[", "{}", "7", '"mon"', "[[0]]", "[[Infinity, [], 1, 2]]", "[[0, 7, 8, 9]]", "[" * 100_000, "[{}]"]
)
def test_what_a_browser_sends_otherwise_is_as_good_as_nothing(text: str) -> None:
    assert with_ticked([], text, ["mon-9", "mon-99", "<b>"]) == [row("09:00", "10:00", "mon")]
