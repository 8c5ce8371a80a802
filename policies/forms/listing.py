"""The filter of the list of policies."""

from typing import Final

from django import forms

from core.filters import Filter
from core.paging import LONGEST_FILTER

CURRENT: Final = "current"
SHOWS: Final = ((CURRENT, "Current"), ("retired", "Retired"), ("all", "All"))


class PolicyFilterForm(Filter):
    """Which policies the list shows."""

    q = forms.CharField(required=False, max_length=LONGEST_FILTER, label="Search")
    show = forms.ChoiceField(required=False, choices=SHOWS)

    def words(self) -> str:
        """Return what to search for; what cannot be printed is in no name."""
        return "".join(filter(str.isprintable, self.cleaned_data.get("q", ""))).strip()

    def which(self) -> str:
        """Return which are shown."""
        return self.cleaned_data.get("show") or CURRENT
