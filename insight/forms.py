"""What people choose on the pages of analytics; it lives in the address."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import QueryDict

from approvals.services.booking import Flag
from core.filters import Filter
from core.ids import Prefix, from_public
from core.templatetags.statuses import status_of
from insight.selectors.ledger import NONE, Chosen, Dimension
from insight.selectors.periods import PRESET_WORDS, Period, Preset, between, preset, today_in
from insight.selectors.spending import PREFIXES, Figure

DEFAULT: Final = Preset.DAYS_30
CUSTOM: Final = "custom"
POTS: Final = (("", "Pots"), ("sessions", "Sessions"), ("warned", "Past a mark"), ("short", "Will not last"))
LONGEST_CURRENCY: Final = 10
LONGEST_VALUE: Final = 200
WORDS: Final = {
    Figure.NET: "Net spend",
    Figure.PAYMENTS: "Payments",
    Figure.UNAUTHORIZED: "Without authorization",
}


class FlaggedForm(Filter):
    """Which flagged records are listed."""

    flag = forms.ChoiceField(
        required=False,
        choices=[("", "Any"), *((one.value, status_of(one.value, "flag").word) for one in Flag)],
        widget=forms.HiddenInput,
    )
    agent = forms.ChoiceField(required=False)

    def __init__(self, data: QueryDict, *, agents: list[tuple[str, str]]) -> None:
        super().__init__(data)
        self.names = dict(agents)
        self.fields["agent"] = forms.ChoiceField(required=False, choices=[("", "Any agent"), *agents])

    def in_force(self) -> list[tuple[str, str]]:
        """Return the agent that filters, with its name; flags are tabs."""
        agent = str(self.data.get("agent") or "")
        return [("agent", self.names.get(agent, agent))] if agent else []

    def chosen_flag(self) -> str:
        """Return the flag, empty for any."""
        return str(self.cleaned_data.get("flag") or "")

    def chosen_agent(self) -> UUID | None:
        """Return the agent, None for any."""
        public_id = self.cleaned_data.get("agent")
        return from_public(Prefix.AGENT, public_id) if public_id else None


class BudgetsForm(Filter):
    """Which pots are listed."""

    show = forms.ChoiceField(required=False, choices=POTS)

    def which(self) -> str:
        """Return which kind of pots, as `POTS` names it."""
        return str(self.cleaned_data.get("show") or "")


class AnalyticsForm(Filter):
    """Which period, in which currency, by what, of whom; a part that makes no sense is left out, and said."""

    period = forms.ChoiceField(
        required=False, choices=[*((one.value, PRESET_WORDS[one]) for one in Preset), (CUSTOM, "Other dates")]
    )
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))
    currency = forms.CharField(required=False, max_length=LONGEST_CURRENCY)
    compare = forms.BooleanField(required=False)
    by = forms.ChoiceField(required=False, choices=[(one.value, one.value) for one in Dimension])
    figure = forms.ChoiceField(required=False, choices=[(one.value, WORDS[one]) for one in Figure])
    unauthorized = forms.BooleanField(required=False)
    agent = forms.CharField(required=False, max_length=LONGEST_VALUE)
    counterparty = forms.CharField(required=False, max_length=LONGEST_VALUE)
    category = forms.CharField(required=False, max_length=LONGEST_VALUE)
    rail = forms.CharField(required=False, max_length=LONGEST_VALUE)
    label = forms.CharField(required=False, max_length=LONGEST_VALUE)
    policy = forms.CharField(required=False, max_length=LONGEST_VALUE)
    none = forms.MultipleChoiceField(required=False, choices=[(one.value, one.value) for one in Dimension])

    def chosen_period(self) -> str:
        """Return which of the offered periods is meant: dates count where no word does."""
        said = self._said()
        has_dates = bool(said.get("since") or said.get("until"))
        word = said.get("period") or (CUSTOM if has_dates else DEFAULT.value)
        return word if word != CUSTOM or has_dates else DEFAULT.value

    def dates(self, *, zone: str, now: datetime) -> Period:
        """Return the period asked for; days to come are left out."""
        word = self.chosen_period()
        if word != CUSTOM:
            return preset(Preset(word), zone=zone, now=now)
        since: date | None = self._said().get("since")
        until: date | None = self._said().get("until")
        today = today_in(zone, now)
        last = min(until or today, today)
        return between(min(since or last, today), last, zone=zone)

    def by_what(self) -> Dimension:
        """Return what spend is grouped by."""
        return Dimension(self._said().get("by") or Dimension.AGENT)

    def of_what(self) -> Figure:
        """Return which figure is drawn."""
        return Figure(self._said().get("figure") or Figure.NET)

    def is_compared(self) -> bool:
        """Say whether the time before stands beside it."""
        return bool(self._said().get("compare"))

    def is_unauthorized(self) -> bool:
        """Say whether only what had no authorization is listed."""
        return bool(self._said().get("unauthorized"))

    def wanted_currency(self) -> str:
        """Return the currency asked for, which may not exist."""
        return str(self._said().get("currency") or "")

    def chosen(self, currency: str | None = None) -> Chosen:
        """Return which spend is meant; raises `NotFound` for what is no id."""
        return Chosen(currency=currency, **{dimension.value: value for dimension, value in self.filters()})

    def filters(self) -> Iterator[tuple[Dimension, str]]:
        """Yield the filters in force, as selectors take them."""
        said = self._said()
        without = said.get("none") or []
        for dimension in Dimension:
            value = str(said.get(dimension.value) or "")
            if dimension.value in without:
                yield dimension, NONE
            elif value:
                yield dimension, self._key(dimension, value)

    def _key(self, dimension: Dimension, value: str) -> str:
        prefix = PREFIXES.get(dimension)
        return str(from_public(prefix, value)) if prefix else value

    def _said(self) -> Mapping[str, Any]:
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if not _has_nul(value)}


def _has_nul(value: object) -> bool:
    return isinstance(value, str) and "\0" in value
