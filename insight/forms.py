"""What people choose on the pages of analytics; it lives in the address."""

from datetime import date, datetime
from typing import Final

from django import forms

from insight.selectors.periods import Period, between, last_days
from spend.selectors.analytics import Dimension

DAYS: Final = (7, 30, 90)
DEFAULT_DAYS: Final = 30
LONGEST_CURRENCY: Final = 10


class AnalyticsForm(forms.Form):
    """Which period, in which currency, by what; a part that makes no sense is left out."""

    days = forms.TypedChoiceField(
        required=False, choices=[(str(days), f"{days} days") for days in DAYS], coerce=int, empty_value=None
    )
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))
    currency = forms.CharField(required=False, max_length=LONGEST_CURRENCY)
    by = forms.ChoiceField(required=False, choices=[(one.value, one.value.capitalize()) for one in Dimension])

    def period(self, *, zone: str, now: datetime) -> Period:
        """Return the period asked for: the last days, else the dates typed; days to come are left out."""
        days = self.days_back()
        if days:
            return last_days(days, zone=zone, now=now)
        since: date | None = self.cleaned_data.get("since")
        until: date | None = self.cleaned_data.get("until")
        today = last_days(1, zone=zone, now=now).last
        last = min(until or today, today)
        return between(min(since or last, today), last, zone=zone)

    def days_back(self) -> int | None:
        """Return how many days back the period reaches; None where dates say it."""
        self.is_valid()
        typed = self.cleaned_data
        has_dates = bool(typed.get("since") or typed.get("until"))
        days: int | None = typed.get("days")
        return days or (None if has_dates else DEFAULT_DAYS)

    def by_what(self) -> Dimension:
        """Return what spend is grouped by."""
        self.is_valid()
        return Dimension(self.cleaned_data.get("by") or Dimension.AGENT)

    def wanted_currency(self) -> str:
        """Return the currency asked for, which may not exist."""
        self.is_valid()
        return str(self.cleaned_data.get("currency") or "")
