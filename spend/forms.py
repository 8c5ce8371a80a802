"""What people type about counterparties and pegs: shape only; the services decide."""

import re
from datetime import datetime
from typing import Any, ClassVar, Final

import pycountry
from django import forms
from django.http import HttpRequest, QueryDict

from core.filters import RECENT_WORDS, Filter, begins
from core.lists import ListFilter, Order
from core.money import CURRENCY_PATTERN
from core.templatetags.statuses import status_of
from spend.models import IDENTIFIER_KINDS, IDENTIFIER_LENGTH, NAME_LENGTH, NOTE_LENGTH, REFERENCE_LENGTH, STANDINGS
from spend.selectors.counterparties import CounterpartyFilter, CounterpartyView
from spend.services.changes import CounterpartyChange

STANDING_WORDS: Final = [(standing, status_of(standing).word) for standing in STANDINGS]
KIND_WORDS: Final = {"domain": "Domain", "address": "Payment address", "account": "Account"}
SORTS: Final = (("newest", "Newest first"), ("name", "By name"))
SELECT: Final = forms.Select(attrs={"class": "form-select"})
LONGEST_LIST_TEXT: Final = 5_000
SEPARATORS: Final = re.compile(r"[\r\n,;]+")
COUNTRIES: Final = sorted(((one.alpha_2, one.name) for one in pycountry.countries), key=lambda pair: pair[1])


class CounterpartyFilterForm(Filter):
    """The filter of the list; it lives in the address."""

    q = forms.CharField(required=False, max_length=IDENTIFIER_LENGTH)
    standing = forms.ChoiceField(required=False, choices=[("", "Any standing"), *STANDING_WORDS], widget=SELECT)
    seen = forms.ChoiceField(
        required=False, choices=[("", "First seen any time"), *RECENT_WORDS.items()], label="First seen", widget=SELECT
    )
    sort = forms.ChoiceField(required=False, choices=SORTS, label="Order", widget=SELECT)

    def chosen(self, *, now: datetime) -> CounterpartyFilter:
        """Return the filter of a form; raises `Invalid` (`filter_invalid`) where it makes no sense."""
        self.must_make_sense()
        typed = self.cleaned_data
        return CounterpartyFilter(
            search=typed["q"],
            standing=typed["standing"],
            seen_since=begins(typed["seen"], now=now),
            sort=typed["sort"] or "newest",
        )


class PegFilterForm(ListFilter):
    """Which pegs the table shows."""

    ORDERS: ClassVar = {
        "currency": Order("By stablecoin", "currency"),
        "target": Order("By what it counts with", "pegged_to"),
    }


class CounterpartyForm(forms.Form):
    """A counterparty's name, country and note."""

    name = forms.CharField(max_length=NAME_LENGTH, help_text="Shown to reviewers. A name never matches anything.")
    country = forms.ChoiceField(
        required=False, choices=[("", "Not known"), *COUNTRIES], help_text="Rules that go by country trust this one."
    )
    note = forms.CharField(required=False, max_length=NOTE_LENGTH, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, data: QueryDict | None, *, counterparty: CounterpartyView | None = None) -> None:
        super().__init__(data, initial=None if counterparty is None else initial_of(counterparty))

    def change(self) -> CounterpartyChange:
        """Return what was typed, in the words of the use case."""
        typed = self.cleaned_data
        return CounterpartyChange(name=typed["name"], country=typed["country"], note=typed["note"])


class NewCounterpartyForm(CounterpartyForm):
    """A new counterparty."""

    standing = forms.ChoiceField(choices=STANDING_WORDS)
    identifiers = forms.CharField(
        max_length=LONGEST_LIST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One on each line: domain:api.example.com, address:0x…, account:DE89…. An app's payment is this "
        "counterparty's only where all identifiers it sends stand here.",
    )
    external_ref = forms.CharField(
        required=False, max_length=REFERENCE_LENGTH, label="Reference", help_text="Your app's own id of it."
    )
    field_order = ("name", "identifiers", "standing", "country", "note", "external_ref")

    def clean_identifiers(self) -> list[str]:
        """Return the identifiers that were typed."""
        lines = SEPARATORS.split(self.cleaned_data["identifiers"])
        return [line.strip() for line in lines if line.strip()]

    def change(self) -> CounterpartyChange:
        """Return what was typed, in the words of the use case."""
        typed = self.cleaned_data
        return {**super().change(), "standing": typed["standing"], "identifiers": typed["identifiers"]}


class StandingForm(forms.Form):
    """What the organization makes of a counterparty."""

    standing = forms.ChoiceField(choices=STANDING_WORDS, widget=forms.RadioSelect)
    reason = forms.CharField(required=False, max_length=NOTE_LENGTH, help_text="It stands in the history.")


class IdentifierForm(forms.Form):
    """One strong identifier."""

    kind = forms.ChoiceField(choices=[(kind, KIND_WORDS[kind]) for kind in IDENTIFIER_KINDS])
    value = forms.CharField(
        max_length=IDENTIFIER_LENGTH, label="Identifier", widget=forms.TextInput(attrs={"spellcheck": "false"})
    )

    def identifier(self) -> str:
        """Return `kind:value` as typed."""
        return f"{self.cleaned_data['kind']}:{self.cleaned_data['value']}"


class PegForm(forms.Form):
    """One stablecoin and the currency it counts with."""

    currency = forms.RegexField(CURRENCY_PATTERN.pattern, label="Stablecoin", help_text="Such as USDC.")
    pegged_to = forms.RegexField(CURRENCY_PATTERN.pattern, label="Counts with", help_text="Such as USD, one to one.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.error_messages["invalid"] = "Three to ten capital letters and digits."


def initial_of(counterparty: CounterpartyView) -> dict[str, str]:
    """Return a counterparty as its form begins."""
    return {"name": counterparty.name, "country": counterparty.country, "note": counterparty.note}


def sent(request: HttpRequest) -> QueryDict | None:
    """Return what was posted, an empty form included; `None` where the page was only asked for."""
    return request.POST if request.method == "POST" else None
