"""Lists that people pick from: each value stands as a chip that can be ticked off, more are searched for or typed.

A chip is a checkbox, so that all of it works without scripts: ticking takes a value up, unticking drops it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

import pycountry
from django import forms
from django.core.exceptions import ValidationError

from core.ids import Prefix
from policies.engine.places import is_country
from policies.forms.fields import LONGEST_TEXT, PageWidget, identifier, required

MOST_CHIPS: Final = 100
"""Further values of a long list stand as lines: a browser sends one control for each chip."""
LONGEST_WORDS: Final = 100
"""More than anybody types to find somebody."""
Pairs = Sequence[tuple[str, str]]


class Directory(Protocol):
    """What other apps know of an organization's payments: who is paid, by name, and for what."""

    def names(self, ids: Iterable[str]) -> Mapping[str, str]:
        """Return the names of counterparties by public id; unknown ones are missing."""

    def find(self, words: str) -> Pairs:
        """Return some counterparties as public id and name: those with `words` in their name or identifiers."""

    def called(self, words: str) -> Pairs:
        """Return the counterparties that have exactly this name, identifier, reference or public id."""

    def categories(self) -> Sequence[str]:
        """Return the categories of what was paid, the most paid first."""


@dataclass(frozen=True, slots=True)
class Picked:
    """What a browser sends of a list: ticked values, text beside them, and what somebody looks for."""

    ticked: tuple[str, ...] = ()
    typed: str = ""
    find: str = ""

    def __bool__(self) -> bool:
        return bool(self.ticked or self.typed.strip())


class PicksWidget(PageWidget):
    """Chips, a search where there is something to search, and a field to type more into."""

    template_name = "policies/widgets/picks.html"

    def __init__(self, *, has_search: bool, is_line: bool, rows: int, placeholder: str) -> None:
        super().__init__()
        self.has_search, self.is_line, self.rows, self.placeholder = has_search, is_line, rows, placeholder
        self.words: Mapping[str, str] = {}
        """What values are called; those that are not in here are shown as they are."""
        self.offered: Pairs = ()
        self.found: Pairs | None = None
        self.options: Sequence[str] = ()
        """What the browser offers while somebody types."""

    def value_from_datadict(self, data: Mapping[str, Any], _files: object, name: str) -> Picked:
        """Return what was ticked and typed."""
        ticked = data.getlist(name) if hasattr(data, "getlist") else data.get(name, [])
        typed, find = str(data.get(f"{name}-typed", "")), str(data.get(f"{name}-find", ""))
        return Picked(tuple(dict.fromkeys(map(str, ticked))), typed, find[:LONGEST_WORDS].replace("\0", ""))

    def value_omitted_from_data(self, data: Mapping[str, Any], _files: object, name: str) -> bool:
        """Say whether the form was sent without this field."""
        return f"{name}-typed" not in data

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the template shows."""
        context = super().get_context(name, value, attrs)
        picked = value if isinstance(value, Picked) else Picked()
        attributes = context["widget"]["attrs"]
        return {
            **context,
            "chosen": [(one, self.words.get(one, one)) for one in picked.ticked],
            "offered": [pair for pair in self.offered if pair[0] not in picked.ticked],
            "found": None if self.found is None else [pair for pair in self.found if pair[0] not in picked.ticked],
            "picked": picked,
            "own": self,
            "is_invalid": "is-invalid" in str(attributes.get("class", "")),
            "described_by": attributes.get("aria-describedby", ""),
        }

    def id_for_label(self, id_: str) -> str:
        """Return the id of the field to type into, or of the search."""
        return f"{id_}-{'find' if self.has_search else 'typed'}" if id_ else ""


class PicksField(forms.Field):
    """Texts, each a chip; more are typed one per line."""

    has_search = False
    is_line = False
    rows = 2

    def __init__(self, *, placeholder: str = "", **kwargs: Any) -> None:
        widget = PicksWidget(has_search=self.has_search, is_line=self.is_line, rows=self.rows, placeholder=placeholder)
        super().__init__(widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Picked:
        """Return the values of a document as chips, those of a long list as lines; or what was sent, as it was."""
        if isinstance(value, Picked):
            return value
        members = [str(one) for one in value or []]
        return Picked(tuple(members[:MOST_CHIPS]), "\n".join(members[MOST_CHIPS:]))

    def clean(self, value: Picked) -> list[str]:
        """Return the values; what each may be is the parser's business."""
        if len(value.typed) > LONGEST_TEXT or "\0" in value.typed:
            raise ValidationError(f"May have at most {LONGEST_TEXT} characters.", code="max_length")
        members = dict.fromkeys([*value.ticked, *self.texts(value.typed)])
        return required(self, list(members), "Choose at least one.")

    def taken_up(self, value: Picked) -> Picked:
        """Return the same with what was typed among the chips, as far as there is room."""
        members = list(dict.fromkeys([*value.ticked, *self.texts(value.typed)]))
        return Picked(tuple(members[:MOST_CHIPS]), "\n".join(members[MOST_CHIPS:]), value.find)

    def texts(self, typed: str) -> list[str]:
        """Return the lines that are not empty."""
        return [line.strip() for line in typed.split("\n") if line.strip()]


class PayeesField(PicksField):
    """Counterparties by their ids, found by name."""

    has_search = True


class IdentifiersField(PayeesField):
    """Payees, found by name or typed; a bare domain and a bare EVM address are understood."""

    rows = 3

    def texts(self, typed: str) -> list[str]:
        """Return identifiers as a document has them."""
        return [identifier(line) for line in super().texts(typed)]


class CategoriesField(PicksField):
    """Categories: those that were seen are offered."""


class CodesField(PicksField):
    """Codes in capitals, apart by spaces, commas or lines."""

    is_line = True

    def texts(self, typed: str) -> list[str]:
        """Return the codes."""
        return typed.replace(",", " ").upper().split()


class CountriesField(PicksField):
    """Countries by name; codes are understood as well."""

    is_line = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        assert isinstance(self.widget, PicksWidget), "this field's widget"
        self.widget.words = dict(country_choices())
        self.widget.options = list(self.widget.words.values())

    def texts(self, typed: str) -> list[str]:
        """Return the codes of the countries; what is neither name nor code stays as it was typed."""
        by_name = {name.casefold(): code for code, name in country_choices()}
        if code := by_name.get(typed.strip().casefold()):
            return [code]
        parts = [part.strip() for part in typed.replace(";", ",").split(",") if part.strip()]
        words = [word for part in parts for word in ([part] if part.casefold() in by_name else in_codes(part))]
        return [by_name.get(word.casefold(), word) for word in words]


def in_codes(text: str) -> list[str]:
    """Return `DE FR` as two codes, and any other text as it is."""
    words = text.upper().split()
    return words if all(len(word) == 2 for word in words) else [text]


def known_identifier(value: str) -> bool:
    """Say whether a value of a list names a counterparty by its id."""
    return value.startswith(f"{Prefix.COUNTERPARTY.value}_")


@lru_cache(maxsize=1)
def region_names() -> Mapping[str, str]:
    """Return what states and regions are called, by ISO 3166-2."""
    return {one.code: one.name for one in pycountry.subdivisions}


@lru_cache(maxsize=1)
def country_choices() -> tuple[tuple[str, str], ...]:
    """Return the countries by name."""
    named: list[Any] = [one for one in pycountry.countries if is_country(one.alpha_2)]
    pairs = [(str(one.alpha_2), str(getattr(one, "common_name", one.name))) for one in named]
    return tuple(sorted(pairs, key=lambda pair: pair[1]))
