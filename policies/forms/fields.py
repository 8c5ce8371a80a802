"""Fields of the rule forms: each shows a part of a rule document and gives it back as it stands there."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, TypeVar
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from core.ids import Prefix
from policies.engine.values import MOMENT
from policies.forms.week import Row

MOST_ROWS: Final = 250
"""More rows than a rule may have of anything; a longer body is cut here and refused by the parser."""
LONGEST_TEXT: Final = 300_000
"""A thousand identifiers of full length, one per line."""
UNITS: Final = (("1", "minutes"), ("60", "hours"), ("1440", "days"))
V = TypeVar("V")


# --- Widgets ----------------------------------------------------------------------------------------------------------


class PageWidget(forms.Widget):
    """A widget whose template stands with those of the pages."""

    def _render(self, template_name: str, context: dict[str, Any], _renderer: object = None) -> SafeString:
        return mark_safe(render_to_string(template_name, context))  # noqa: S308  what a template made is escaped


class LongSelect(PageWidget, forms.Select):
    """A choice among hundreds, drawn by one template instead of one for each."""

    template_name = "policies/widgets/long_select.html"


class RowsWidget(PageWidget):
    """Rows of inputs; without scripts another row comes with the button that asks for it (`add=<name>`)."""

    parts: ClassVar[tuple[str, ...]]
    """What a row consists of; the first part of an empty row is empty, and then the row is left out."""
    asks_for_more = False

    def value_from_datadict(self, data: Mapping[str, Any], _files: object, name: str) -> list[Row]:
        """Return the rows that hold anything."""
        rows = []
        for number in range(MOST_ROWS):
            if f"{name}-{number}-{self.parts[0]}" not in data:
                break
            row = {part: self.part_in(data, f"{name}-{number}-{part}") for part in self.parts}
            if not self.is_empty(row):
                rows.append(row)
        return rows

    def part_in(self, data: Mapping[str, Any], name: str) -> Any:
        """Return one input."""
        return str(data.get(name, "")).strip()

    def is_empty(self, row: Row) -> bool:
        """Say whether a row was left empty."""
        return not row[self.parts[0]]

    def value_omitted_from_data(self, data: Mapping[str, Any], _files: object, name: str) -> bool:
        """Say whether the form was sent without this field."""
        return f"{name}-0-{self.parts[0]}" not in data

    def blank(self) -> Row:
        """Return an empty row."""
        return dict.fromkeys(self.parts, "")

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the template shows: every row, and one more where there is none or one was asked for."""
        context = super().get_context(name, value, attrs)
        rows = list(value or [])
        shown = [*rows, self.blank()] if self.asks_for_more or not rows else rows
        numbered = [{"number": number, **row} for number, row in enumerate(shown)]
        attributes = context["widget"]["attrs"]
        return {
            **context,
            "rows": numbered,
            "is_invalid": "is-invalid" in str(attributes.get("class", "")),
            "described_by": attributes.get("aria-describedby", ""),
        }

    def id_for_label(self, id_: str) -> str:
        """Return the id of the first input."""
        return f"{id_}-0-{self.parts[0]}" if id_ else ""


class MoneyRows(RowsWidget):
    """Amounts with their currencies."""

    template_name = "policies/widgets/money_rows.html"
    parts = ("amount", "currency")
    currency = "USD"

    def blank(self) -> Row:
        """Return an empty row in the organization's currency."""
        return {"amount": "", "currency": self.currency}


class DateRows(RowsWidget):
    """Ranges of dates."""

    template_name = "policies/widgets/date_rows.html"
    parts = ("from", "to")

    def is_empty(self, row: Row) -> bool:
        """Say whether neither date was filled in."""
        return not (row["from"] or row["to"])


class DurationInput(PageWidget):
    """A number of minutes, hours or days."""

    template_name = "policies/widgets/duration.html"

    def value_from_datadict(self, data: Mapping[str, Any], _files: object, name: str) -> tuple[str, str]:
        """Return the number and the unit as they were typed."""
        return str(data.get(f"{name}-number", "")).strip(), str(data.get(f"{name}-unit", "1"))

    def value_omitted_from_data(self, data: Mapping[str, Any], _files: object, name: str) -> bool:
        """Say whether the form was sent without this field."""
        return f"{name}-number" not in data

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the template shows."""
        number, unit = value or ("", "1")
        return {**super().get_context(name, value, attrs), "number": number, "unit": unit, "units": UNITS}

    def id_for_label(self, id_: str) -> str:
        """Return the id of the number."""
        return f"{id_}-number" if id_ else ""


# --- Fields -----------------------------------------------------------------------------------------------------------


class MoneyField(forms.Field):
    """Amounts by currency."""

    widget = MoneyRows

    def prepare_value(self, value: Any) -> list[Row]:
        """Return the rows of a map, or rows as they were typed."""
        if isinstance(value, dict):
            return [{"amount": amount, "currency": currency} for currency, amount in value.items()]
        return list(value or [])

    def clean(self, value: list[Row]) -> dict[str, str]:
        """Return the map; what an amount may be is the parser's business."""
        amounts: dict[str, str] = {}
        for row in value:
            currency = row["currency"].upper()
            if currency in amounts:
                raise ValidationError(f"{currency} stands twice.", code="currency_repeated")
            amounts[currency] = row["amount"]
        return required(self, amounts, "Give an amount and its currency.")


class DateRangesField(forms.Field):
    """Ranges of dates; a single day needs no end."""

    widget = DateRows

    def clean(self, value: list[Row]) -> list[Row]:
        """Return the ranges."""
        return required(self, [{"from": row["from"], "to": row["to"] or row["from"]} for row in value], "Add dates.")


class LinesField(forms.CharField):
    """Texts, one per line."""

    def __init__(self, *, rows: int = 4, placeholder: str = "", **kwargs: Any) -> None:
        attrs = {"rows": rows, "placeholder": placeholder, "spellcheck": "false", "autocapitalize": "off"}
        super().__init__(max_length=LONGEST_TEXT, strip=True, widget=forms.Textarea(attrs=attrs), **kwargs)

    def prepare_value(self, value: Any) -> str:
        """Return one line for each text."""
        return value if isinstance(value, str) else "\n".join(map(str, value or []))

    def clean(self, value: Any) -> Any:
        """Return the texts."""
        return self.texts(super().clean(value))

    def texts(self, text: str) -> list[str]:
        """Return the lines that are not empty."""
        return [line.strip() for line in text.split("\n") if line.strip()]


class NumbersField(LinesField):
    """Whole numbers, apart by spaces, commas or lines."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(rows=1, **kwargs)
        self.widget = forms.TextInput(attrs={"inputmode": "numeric"})

    def prepare_value(self, value: Any) -> str:
        """Return the numbers in one line."""
        return value if isinstance(value, str) else ", ".join(map(str, value or []))

    def clean(self, value: Any) -> Any:
        """Return the numbers."""
        words = forms.CharField.clean(self, value).replace(",", " ").replace("%", " ").split()
        if any(not (word.isascii() and word.isdigit() and len(word) <= 9) for word in words):
            raise ValidationError("Give whole numbers, such as 50, 80, 100.", code="invalid")
        return [int(word) for word in words]


class DurationField(forms.Field):
    """A length of time, in a document a number of minutes."""

    widget = DurationInput

    def prepare_value(self, value: Any) -> Any:
        """Return the number in the largest unit that fits, or both as they were typed."""
        if not isinstance(value, int):
            return value
        unit = next(int(unit) for unit, _ in reversed(UNITS) if value % int(unit) == 0)
        return str(value // unit), str(unit)

    def clean(self, value: tuple[str, str]) -> int | None:
        """Return minutes."""
        number, unit = value
        if not number:
            return required(self, None, "Give a length of time.")
        if not (number.isascii() and number.isdigit() and len(number) <= 9) or unit not in dict(UNITS):
            raise ValidationError("Give a whole number.", code="invalid")
        return int(number) * int(unit)


class MomentField(forms.CharField):
    """A moment, shown by the clock of `zone`; what was not changed keeps its exact value."""

    zone = "UTC"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.DateTimeInput(attrs={"type": "datetime-local"}), **kwargs)
        self.original = ""

    def prepare_value(self, value: Any) -> str:
        """Return a moment of a document as local time, or what was typed."""
        return self.local(value) if str(value or "").endswith("Z") else str(value or "")

    def local(self, text: str) -> str:
        """Return `2026-12-24T18:00` for an RFC 3339 moment in UTC."""
        local = datetime.fromisoformat(text).astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        return local.isoformat(timespec="seconds" if local.second else "minutes")

    def clean(self, value: Any) -> Any:
        """Return the moment as a document has it, or nothing."""
        text = super().clean(value)
        if not text or (self.original and text == self.local(self.original)):
            return self.original if text else ""
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            raise ValidationError("Give a date and a time, such as 2026-12-24 18:00.", code="moment_invalid") from None
        return MOMENT.write(local.replace(tzinfo=local.tzinfo or ZoneInfo(self.zone)))


def identifier(line: str) -> str:
    """Return what was typed with the kind it must be of: `api.example.com` is a domain, `0x…` an address."""
    if ":" in line or line.startswith(f"{Prefix.COUNTERPARTY.value}_"):
        return line
    if line.lower().startswith("0x"):
        return f"address:{line}"
    return f"domain:{line}" if "." in line else line


def required(field: forms.Field, value: V, detail: str) -> V:
    """Return `value`; raises where the field must not be empty and is."""
    if field.required and not value:
        raise ValidationError(detail, code="required")
    return value


def with_unknown(choices: Iterable[tuple[str, str]], chosen: Iterable[str], words: str) -> list[tuple[str, str]]:
    """Return choices with those that are chosen and no longer offered, so that saving does not lose them."""
    offered = list(choices)
    known = {value for value, _ in offered}
    return offered + [(value, f"{words} ({value})") for value in chosen if value not in known]
