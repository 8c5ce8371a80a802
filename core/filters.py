"""Filters that live in the address: what makes no sense stays in its field, and the field says so and what it takes."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from django import forms
from django.http import QueryDict

from core.errors import Invalid

NOT_OFFERED: Final = "There is no “%(value)s” here. Choose one of the list."
NO_DATE: Final = "This is no date. Write one such as 2026-01-31, or leave it empty."
NO_NUMBER: Final = "This is no number. Write one such as 12.50, or leave it empty."
WORDS: Final[tuple[tuple[type[forms.Field], str, str], ...]] = (
    (forms.ChoiceField, "invalid_choice", NOT_OFFERED),
    (forms.DateField, "invalid", NO_DATE),
    (forms.DecimalField, "invalid", NO_NUMBER),
)
LONGEST_ECHO: Final = 60
LAST_DAY: Final = "24h"
LAST_WEEK: Final = "7d"
LAST_MONTH: Final = "30d"
RECENT: Final = {LAST_DAY: timedelta(days=1), LAST_WEEK: timedelta(days=7), LAST_MONTH: timedelta(days=30)}
"""Periods up to now, whichever zone somebody lives in."""
RECENT_WORDS: Final = {LAST_DAY: "Last 24 hours", LAST_WEEK: "Last 7 days", LAST_MONTH: "Last 30 days"}


class Filter(forms.Form):
    """A filter of a page: while a field cannot be read nothing is listed, for everything would pass for it."""

    def full_clean(self) -> None:
        """Check the fields; what was typed into a wrong one is kept, even where its control could not hold it."""
        for field in self.fields.values():
            for kind, code, words in WORDS:
                if isinstance(field, kind) and field.error_messages[code] is _default(kind, code):
                    field.error_messages[code] = words
        super().full_clean()
        for name in self.errors:
            if name in self.fields:
                _show_what_was_typed(self.fields[name], self.data.get(self.add_prefix(name)))

    @classmethod
    def known(cls, query: QueryDict) -> QueryDict:
        """Return what of a query the fields know, in their order, without what is empty."""
        kept = QueryDict(mutable=True)
        for name, field in cls.base_fields.items():
            is_many = isinstance(field, forms.MultipleChoiceField)
            values = query.getlist(name) if is_many else [query.get(name, "")]
            if said := [value for value in values if value]:
                kept.setlist(name, said)
        return kept

    @classmethod
    def understands(cls, query: QueryDict) -> bool:
        """Say whether fields of this kind can read a query; what is offered for a choice is up to each page."""
        for name in query:
            field = cls.base_fields[name]
            if isinstance(field, forms.ChoiceField) and not field.choices:
                continue
            try:
                field.clean(field.widget.value_from_datadict(query, {}, name))
            except forms.ValidationError:
                return False
        return True

    def faults(self) -> list[str]:
        """Return what makes no sense, each with the name of its field."""
        return [
            f"{self[name].label}: {said}"
            for name, found in self.errors.items()
            if name in self.fields
            for said in found
        ]

    def must_make_sense(self) -> None:
        """Raise `Invalid` (`filter_invalid`) unless it does: a file does not say what was left out of it."""
        if not self.is_valid():
            name, errors = next(iter(self.errors.items()))
            raise Invalid("filter_invalid", " ".join(map(str, errors)), field=name)


class FoldingFilter(Filter):
    """A filter that folds away what is seldom used (`components/more_filters.html`)."""

    NEWEST_FIRST: ClassVar = "newest"
    """How the list goes by itself."""

    def more(self) -> Iterable[forms.BoundField]:
        """Return the fields that are folded away."""
        raise NotImplementedError

    def is_more_wrong(self) -> bool:
        """Say whether one of these says what it takes: it has to be seen."""
        return any(one.errors for one in self.more())

    def number_of_more(self) -> int:
        """Return how many of these filter, order otherwise than the list does by itself, or are wrong."""
        typed = [one.name for one in self.more() if self.data.get(one.name) or one.errors]
        return len(typed) - ("sort" in typed and self.data.get("sort") == self.NEWEST_FIRST)


def begins(period: str, *, now: datetime) -> datetime | None:
    """Return when one of the `RECENT` periods begins; None where it is none of them."""
    return now - RECENT[period] if period in RECENT else None


def _default(kind: type[forms.Field], code: str) -> Any:
    for one in kind.__mro__:
        if code in (found := getattr(one, "default_error_messages", {})):
            return found[code]
    return None


def _show_what_was_typed(field: forms.Field, typed: Any) -> None:
    """Give the field a control that shows what was typed, whatever it is."""
    if isinstance(field, forms.DateField):
        # A browser empties a field for dates that is given none.
        own = {name: value for name, value in field.widget.attrs.items() if name != "type"}
        field.widget = forms.TextInput(attrs=own)
    elif isinstance(field, forms.ChoiceField) and isinstance(field.widget, forms.Select) and typed:
        words = str(typed) if len(str(typed)) <= LONGEST_ECHO else f"{str(typed)[:LONGEST_ECHO]}…"
        field.widget.choices = [*field.widget.choices, (typed, f"{words} (unknown)")]
