"""The field of recurring hours: a week to tick, and rows for what is not of whole hours."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

from policies.engine.rules import Day
from policies.forms.fields import RowsWidget, required
from policies.forms.week import HOURS_OF_DAY, Row, cells_of, exact_cells, is_whole, kept_text, with_ticked

DAY_NAMES: Final = {
    Day.MON: "Mon", Day.TUE: "Tue", Day.WED: "Wed", Day.THU: "Thu", Day.FRI: "Fri", Day.SAT: "Sat", Day.SUN: "Sun",
}  # fmt: skip
WORKING_DAYS: Final = [day.value for day in Day][:5]


class HoursRows(RowsWidget):
    """Recurring hours: whole ones are cells of a week to tick, others rows with times to the minute."""

    template_name = "policies/widgets/hours_rows.html"
    parts = ("from", "to", "days")
    use_fieldset = True

    def __init__(self, *, is_closing: bool) -> None:
        super().__init__()
        self.is_closing = is_closing
        """Whether what is ticked is closed."""

    def value_from_datadict(self, data: Mapping[str, Any], _files: object, name: str) -> list[Row]:
        """Return the rows that were typed with those of the ticked cells; without cells they are all."""
        typed = super().value_from_datadict(data, _files, name)
        if f"{name}-kept" not in data:
            return typed
        return with_ticked(typed, str(data[f"{name}-kept"]), many_in(data, f"{name}-cell"))

    def value_omitted_from_data(self, data: Mapping[str, Any], _files: object, name: str) -> bool:
        """Say whether the form was sent without this field."""
        return f"{name}-kept" not in data and super().value_omitted_from_data(data, _files, name)

    def part_in(self, data: Mapping[str, Any], name: str) -> Any:
        """Return one input, or all ticked days."""
        return many_in(data, name) if name.endswith("-days") else super().part_in(data, name)

    def is_empty(self, row: Row) -> bool:
        """Say whether neither time was filled in."""
        return not (row["from"] or row["to"])

    def blank(self) -> Row:
        """Return an empty row of a working week."""
        return {"from": "", "to": "", "days": WORKING_DAYS}

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the template shows: the week, and a row for all that is not of whole hours."""
        rows = list(value or [])
        minutes = [row for row in rows if not is_whole(row)]
        context = super().get_context(name, minutes, attrs)
        ticked, exact = cells_of(row for row in rows if is_whole(row)), exact_cells(minutes)
        return {
            **context,
            "rows": context["rows"] if minutes or self.asks_for_more else [],
            "kept": kept_text(rows),
            "hours": [f"{hour:02}" for hour in range(HOURS_OF_DAY)],
            "week": [(label, week_day(day, ticked, exact)) for day, label in DAY_NAMES.items()],
            "days": DAY_NAMES.items(),
            "is_closing": self.is_closing,
        }


class HoursField(forms.Field):
    """Recurring hours of days of the week."""

    def __init__(self, *, is_closing: bool = False, **kwargs: Any) -> None:
        super().__init__(widget=HoursRows(is_closing=is_closing), **kwargs)

    def prepare_value(self, value: Any) -> list[Row]:
        """Return the rows; a document that names no days means all of them."""
        every = [day.value for day in Day]
        return [{"days": every, **row} for row in value or []]

    def clean(self, value: list[Row]) -> list[Row]:
        """Return the rows as a document has them."""
        if any(not row["days"] for row in value):
            raise ValidationError("Choose at least one day.", code="too_few")
        return required(
            self, [{"days": row["days"], "from": row["from"], "to": row["to"]} for row in value], "Add hours."
        )


def many_in(data: Mapping[str, Any], name: str) -> list[str]:
    """Return every value that was sent under one name."""
    return list(data.getlist(name) if hasattr(data, "getlist") else data.get(name, []))


def week_day(day: str, ticked: Collection[str], exact: Mapping[str, str]) -> list[tuple[str, bool, str]]:
    """Return the hours of a day: value of the checkbox, whether it is ticked, and what rows with minutes open of it."""
    cells = [f"{day}-{hour}" for hour in range(HOURS_OF_DAY)]
    return [(cell, cell in ticked, exact.get(cell, "")) for cell in cells]
