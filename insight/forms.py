"""What people choose on the pages of analytics; it lives in the address."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import QueryDict

from approvals.services.booking import Flag
from core.filters import RECENT_WORDS, Filter, FoldingFilter, begins
from core.ids import Prefix, from_public, ids_in
from core.lists import Order
from core.templatetags.statuses import status_of
from insight.selectors.choices import Choices
from insight.selectors.ledger import NONE, Chosen, Dimension
from insight.selectors.payments import ORDERS as PAYMENT_ORDERS
from insight.selectors.periods import PRESET_WORDS, Period, Preset, between, preset, today_in
from insight.selectors.spending import Figure
from policies.engine.types import Rail
from spend.selectors.analytics import ORDERS
from spend.selectors.counterparties import counterparties_called, counterparty_names

DEFAULT: Final = Preset.DAYS_30
CUSTOM: Final = "custom"
POTS: Final = (("", "Pots"), ("sessions", "Sessions"), ("warned", "Past a mark"), ("short", "Will not last"))
FULLEST: Final = "fullest"
POT_ORDERS: Final = ((FULLEST, "Fullest first"), ("name", "By policy"), ("soonest", "Runs out first"))
LONGEST_CURRENCY: Final = 10
FIRST_DAY: Final = date(1970, 1, 1)
LAST_DAY: Final = date(2999, 12, 31)
"""Between them every day that a period is counted back or on to is one of the calendar."""
LONGEST_VALUE: Final = 200
PAYEE: Final = forms.TextInput(attrs={"placeholder": "Name or id", "autocomplete": "off", "spellcheck": "false"})
WORDS: Final = {
    Figure.NET: "Net spend",
    Figure.PAYMENTS: "Payments",
    Figure.UNAUTHORIZED: "Without authorization",
}


def _within(day: date | None) -> date | None:
    if day is not None and not FIRST_DAY <= day <= LAST_DAY:
        raise forms.ValidationError(f"Write a day from {FIRST_DAY} to {LAST_DAY}.")
    return day


class FlaggedForm(FoldingFilter):
    """Which flagged records are listed, and in which order."""

    flag = forms.ChoiceField(
        required=False,
        choices=[("", "Any"), *((one.value, status_of(one.value, "flag").word) for one in Flag)],
        widget=forms.HiddenInput,
    )
    agent = forms.ChoiceField(required=False)
    period = forms.ChoiceField(
        required=False, choices=[("", "Reported any time"), *RECENT_WORDS.items()], label="Reported"
    )
    sort = forms.ChoiceField(
        required=False, label="Order", choices=[(name, order.words) for name, order in ORDERS.items()]
    )

    def __init__(self, data: QueryDict, *, agents: list[tuple[str, str]]) -> None:
        super().__init__(data)
        self.names = dict(agents)
        self.fields["agent"] = forms.ChoiceField(required=False, choices=[("", "Any agent"), *agents])

    def more(self) -> tuple[forms.BoundField, ...]:
        """Return the fields that are folded away: with every flag beside them they would not fit in one row."""
        return self["period"], self["sort"]

    def in_force(self) -> list[tuple[str, str]]:
        """Return the agent that filters, with its name, and the period; flags are tabs."""
        agent, period = (str(self.data.get(name) or "") for name in ("agent", "period"))
        return [("agent", self.names.get(agent, agent)), ("period", RECENT_WORDS.get(period, period))]

    def order(self) -> Order:
        """Return by what they go, newest first unless something else is asked for."""
        return ORDERS[self.cleaned_data.get("sort") or next(iter(ORDERS))]

    def chosen_flag(self) -> str:
        """Return the flag, empty for any."""
        return str(self.cleaned_data.get("flag") or "")

    def chosen_agent(self) -> UUID | None:
        """Return the agent, None for any."""
        public_id = self.cleaned_data.get("agent")
        return from_public(Prefix.AGENT, public_id) if public_id else None

    def begins_at(self, *, now: datetime) -> datetime | None:
        """Return since when, None for any time."""
        return begins(str(self.cleaned_data.get("period") or ""), now=now)


class BudgetsForm(Filter):
    """Which pots are listed, and in which order."""

    q = forms.CharField(required=False, max_length=LONGEST_VALUE, label="Text")
    show = forms.ChoiceField(required=False, choices=POTS, widget=forms.HiddenInput)
    sort = forms.ChoiceField(required=False, choices=POT_ORDERS, label="Order")

    def which(self) -> str:
        """Return which kind of pots, as `POTS` names it."""
        return str(self.cleaned_data.get("show") or "")

    def words(self) -> str:
        """Return what to search for."""
        return str(self.cleaned_data.get("q") or "").strip()

    def order(self) -> str:
        """Return by what they go, as `POT_ORDERS` names it."""
        return str(self.cleaned_data.get("sort") or FULLEST)


class AnalyticsForm(Filter):
    """Which period, in which currency, by what, of whom; single payments in which order."""

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
    sort = forms.ChoiceField(
        required=False, label="Order", choices=[(name, order.words) for name, order in PAYMENT_ORDERS.items()]
    )
    agent = forms.ChoiceField(required=False)
    counterparty = forms.CharField(required=False, max_length=LONGEST_VALUE, widget=PAYEE)
    category = forms.ChoiceField(required=False)
    rail = forms.ChoiceField(required=False, choices=[("", "Any rail"), *((one, one.value) for one in Rail)])
    label = forms.ChoiceField(required=False, label="Agent label")
    policy = forms.ChoiceField(required=False)
    none = forms.MultipleChoiceField(
        required=False, choices=[(one.value, one.value) for one in Dimension if one is not Dimension.AGENT]
    )

    def __init__(self, data: QueryDict, *, organization_id: UUID, choices: Choices) -> None:
        super().__init__(data)
        self.organization_id = organization_id
        offered = {
            "agent": ("Any agent", choices.agents),
            "category": ("Any category", choices.categories),
            "label": ("Any label", choices.labels),
            "policy": ("Any policy", choices.policies),
        }
        for name, (any_of_them, some) in offered.items():
            self.fields[name] = forms.ChoiceField(
                required=False, choices=[("", any_of_them), *some], label=self.fields[name].label
            )

    def clean_since(self) -> date | None:
        """Refuse days that no calendar here reaches."""
        return _within(self.cleaned_data["since"])

    def clean_until(self) -> date | None:
        """Refuse days that no calendar here reaches."""
        return _within(self.cleaned_data["until"])

    def clean_counterparty(self) -> str:
        """Return the row id of the counterparty that was typed: its public id, or what it alone is called."""
        typed = str(self.cleaned_data["counterparty"]).strip()
        if not typed:
            return ""
        called = counterparties_called(self.organization_id, typed, limit=2)
        # One that was merged into another is not called anything any more; links to it still lead somewhere.
        known = counterparty_names(self.organization_id, ids_in(Prefix.COUNTERPARTY, [typed]))
        found = [*map(str, known)] or [str(from_public(Prefix.COUNTERPARTY, one)) for one, _ in called]
        if not found:
            raise forms.ValidationError("No counterparty here has this name, identifier or id.")
        if len(found) > 1:
            raise forms.ValidationError("Several are called so. Write the id of the one that you mean.")
        return found[0]

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

    def order(self) -> Order:
        """Return by what single payments go, newest first unless something else is asked for."""
        return PAYMENT_ORDERS[self._said().get("sort") or next(iter(PAYMENT_ORDERS))]

    def wanted_currency(self) -> str:
        """Return the currency asked for, which may not exist."""
        return str(self._said().get("currency") or "")

    def chosen(self, currency: str | None = None) -> Chosen:
        """Return which spend is meant."""
        return Chosen(currency=currency, **{dimension.value: value for dimension, value in self.filters()})

    def filters(self) -> Iterator[tuple[Dimension, str]]:
        """Yield the filters in force, as selectors take them."""
        said = self._said()
        without = said.get("none") or []
        for dimension in Dimension:
            value = str(said.get(dimension.value) or "")
            if value:
                yield dimension, str(from_public(Prefix.AGENT, value)) if dimension is Dimension.AGENT else value
            elif dimension.value in without:
                yield dimension, NONE

    def _said(self) -> Mapping[str, Any]:
        self.is_valid()
        return self.cleaned_data
