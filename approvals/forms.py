"""What people type about requests to spend: reasons, and filters of the list."""

from typing import Any

from django import forms

from approvals.lifecycle import Status
from approvals.models import REASON_LENGTH
from approvals.selectors.queue import Wanted
from core.ids import Prefix, from_public
from people.models import Member
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


class QueueForm(forms.Form):
    """Which requests the inbox shows; it lives in the address."""

    who = forms.ChoiceField(required=False, choices=[("", "Everybody's"), ("mine", "Mine")], widget=forms.HiddenInput)
    agent = forms.ChoiceField(required=False, choices=())
    payee = forms.CharField(required=False, max_length=100, label="Counterparty")
    minimum = forms.DecimalField(
        required=False, min_value=0, max_digits=20, decimal_places=6, label="At least", localize=False,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "size": 9}),
    )  # fmt: skip
    currency = forms.CharField(required=False, max_length=10, widget=forms.TextInput(attrs={"size": 6}))

    def __init__(self, *args: Any, agents: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["agent"] = forms.ChoiceField(required=False, choices=[ANY, *agents])

    def wanted(self, member: Member) -> Wanted | None:
        """Return what was asked for; None where it cannot be understood."""
        if not self.is_valid():
            return None
        typed = self.cleaned_data
        return Wanted(
            member=member,
            agent_id=from_public(Prefix.AGENT, typed["agent"]) if typed["agent"] else None,
            payee=typed["payee"],
            minimum=typed["minimum"],
            currency=typed["currency"].upper(),
            is_mine=typed["who"] == "mine",
        )

    def number_in_force(self) -> int:
        """Return how many filters are set, those of the tabs left out."""
        return sum(bool(self.data.get(name)) for name in ("agent", "payee", "minimum", "currency"))
