"""What a person reports as paid or refunded on an authorization, where no app does."""

from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from django import forms
from django.http import QueryDict

from approvals.forms import AMOUNT, ID, ID_LENGTH
from approvals.services.booking import LONGEST_NOTE, LONGEST_REFERENCE, Report
from core.errors import ContoError, Invalid
from core.money import parse_amount

WHEN: Final = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
KINDS: Final = [
    ("payment", "A payment: money was paid"),
    ("refund", "A refund: money came back, and gives room back to the limits it counted in"),
]
PARTS: Final = [
    ("all", "All of it: what is left of the hold is free again"),
    ("part", "A part of it: more will follow"),
]


class ReportForm(forms.Form):
    """One payment or refund, in the authorization's currency."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    """Of this form as it was opened: without a reference of the person's own, a second click is known by it."""
    kind = forms.ChoiceField(
        choices=KINDS,
        widget=forms.RadioSelect,
        label="What happened",
        error_messages={"required": "Say whether it was paid or came back."},
    )
    amount = forms.CharField(
        max_length=ID_LENGTH, widget=AMOUNT, error_messages={"required": "Say how much, such as 12.50."}
    )
    extent = forms.ChoiceField(
        required=False, choices=PARTS, widget=forms.RadioSelect, initial="all", label="Of a payment, this was"
    )
    reference = forms.CharField(
        required=False,
        max_length=LONGEST_REFERENCE,
        widget=ID,
        help_text="The app's or the provider's own id of it. One reference is never recorded twice.",
    )
    occurred_at = forms.DateTimeField(
        required=False, widget=WHEN, label="When it happened", help_text="To be read by people; limits do not use it."
    )
    note = forms.CharField(required=False, max_length=LONGEST_NOTE, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, data: QueryDict | None, *, currency: str) -> None:
        super().__init__(data, initial={"key": uuid4()})
        self.currency = currency

    def clean_amount(self) -> Decimal:
        """Return the exact amount."""
        try:
            return parse_amount(self.cleaned_data["amount"])
        except Invalid as error:
            raise forms.ValidationError(error.detail) from None

    def clean(self) -> dict[str, Any]:
        """Say on the form what is wrong with a field that nobody sees."""
        if "key" in self.errors:
            self.add_error(None, "This form cannot be told from another one. Open it anew.")
        return self.cleaned_data

    def report(self) -> Report:
        """Return what a valid form says."""
        said = self.cleaned_data
        return Report(
            amount=said["amount"],
            currency=self.currency,
            kind=said["kind"],
            reference=said["reference"] or f"console-{said['key'].hex}",
            is_final=said["kind"] == "refund" or said["extent"] != "part",
            occurred_at=said["occurred_at"],
            note=said["note"],
        )

    def refuse(self, error: ContoError) -> None:
        """Put what the report was refused for at the field that it is about."""
        if error.code == "nothing_recorded":
            self.add_error("kind", error.detail)
        elif error.code == "reference_conflict" and not self.cleaned_data["reference"]:
            self.add_error(None, "Something else was reported with this form already. Open it anew to report more.")
        else:
            self.add_error(error.field if error.field in self.fields else None, error.detail)
