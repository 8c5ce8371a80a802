"""The filter of the list of changes; it lives in the address."""

from typing import ClassVar, Final

from django import forms

from core.lists import NEWEST, OLDEST, ListFilter
from people.models import ChangeEnd, ChangeKind
from people.selectors import WAITING

KINDS: Final = {
    ChangeKind.POLICY: "A policy",
    ChangeKind.POLICIES: "A file of policies",
    ChangeKind.COUNTERPARTY: "A counterparty",
    ChangeKind.PEGS: "Pegged currencies",
    ChangeKind.AGENT: "An agent",
    ChangeKind.MEMBER: "A member",
    ChangeKind.SETTINGS: "The settings",
}
STATES: Final = {
    WAITING: "Waiting",
    ChangeEnd.APPROVED.value: "Agreed",
    ChangeEnd.REJECTED.value: "Rejected",
    ChangeEnd.VOIDED.value: "Voided",
    ChangeEnd.EXPIRED.value: "Expired",
}


class ChangeFilterForm(ListFilter):
    """Which changes the list shows."""

    ORDERS: ClassVar = {"newest": NEWEST, "oldest": OLDEST}

    kind = forms.ChoiceField(
        required=False,
        label="Of what",
        choices=[("", "Any change"), *((kind.value, KINDS[kind]) for kind in ChangeKind)],
    )
    status = forms.ChoiceField(required=False, choices=[("", "Any status"), *STATES.items()])
