"""What people type about requests to spend: reasons, and filters of the list."""

from typing import Any

from django import forms

from approvals.lifecycle import Status
from approvals.models import REASON_LENGTH
from policies.engine.types import Rail

ANY = ("", "Any")


class ReasonForm(forms.Form):
    """Why a payment is rejected or given up."""

    reason = forms.CharField(
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="The app and the auditor read it.",
        error_messages={"required": "Say why, so that the app and the auditor can read it."},
    )


class FilterForm(forms.Form):
    """Which authorizations the list shows."""

    status = forms.ChoiceField(required=False, choices=())
    agent = forms.ChoiceField(required=False, choices=())
    outcome = forms.ChoiceField(
        required=False, choices=[ANY, ("allow", "Allow"), ("review", "Review"), ("deny", "Deny")], label="Decision"
    )
    category = forms.CharField(required=False, max_length=100)
    rail = forms.ChoiceField(required=False, choices=[ANY, *((rail.value, rail.value) for rail in Rail)])
    session = forms.CharField(required=False, max_length=200)
    since = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}), label="From")
    until = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}), label="To")

    def __init__(self, *args: Any, agents: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = [(status.value, status.value.replace("_", " ").capitalize()) for status in Status]
        self.fields["status"] = forms.ChoiceField(required=False, choices=[ANY, *words])
        self.fields["agent"] = forms.ChoiceField(required=False, choices=[ANY, *agents])
