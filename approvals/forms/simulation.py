"""A payment that nobody asks for: what people type into the simulator."""

from collections.abc import Callable
from typing import Any, ClassVar, Final

from django import forms
from django.http import QueryDict

from approvals.forms import AMOUNT, ANY, ID, ID_LENGTH
from approvals.models import TEXT_LENGTH
from approvals.selectors.situation import Ask
from core.errors import Invalid
from core.ids import Prefix
from core.money import parse_amount, parse_currency
from people.models import FILTER_LENGTH
from policies.engine.places import is_country
from policies.engine.types import Rail
from policies.engine.values import read_category
from spend.payee import LONGEST_IDENTIFIER, PayeeClaim, normal_identifier

IMAGINED: Final = "imagined"
"""Chosen in the place of an agent's id."""
MOMENT: Final = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class SimulationForm(forms.Form):
    """A payment that nobody asks for, and who would: the address holds it, so that it can be shared and changed."""

    ASIDE: ClassVar = ("labels", "time_zone", "at", "country", "purpose")

    agent = forms.ChoiceField(choices=())
    labels = forms.CharField(required=False, max_length=FILTER_LENGTH, help_text="Of an imagined agent, by commas.")
    amount = forms.CharField(max_length=ID_LENGTH, widget=AMOUNT)
    currency = forms.CharField(max_length=10)
    payee = forms.CharField(
        required=False,
        max_length=LONGEST_IDENTIFIER,
        widget=ID,
        help_text="A domain, domain:…, address:…, account:…, or the id of a counterparty.",
    )
    category = forms.CharField(required=False, max_length=TEXT_LENGTH)
    rail = forms.ChoiceField(required=False, choices=[ANY, *((rail, rail.value) for rail in Rail)])
    country = forms.CharField(required=False, max_length=2, help_text="Two letters, such as DE.")
    session = forms.CharField(required=False, max_length=TEXT_LENGTH)
    purpose = forms.CharField(required=False, max_length=TEXT_LENGTH)
    at = forms.DateTimeField(required=False, widget=MOMENT, label="When", help_text="Now where it is left empty.")
    time_zone = forms.CharField(required=False, max_length=64, help_text="Of an imagined agent, such as Europe/Berlin.")
    draft = forms.ChoiceField(required=False, choices=(), label="With the draft of")

    def __init__(
        self, data: QueryDict | None, *, agents: list[tuple[str, str]], drafts: list[tuple[str, str]], currency: str
    ) -> None:
        super().__init__(data, initial={"currency": currency})
        self.fields["agent"] = forms.ChoiceField(choices=[*agents, (IMAGINED, "An imagined agent")])
        self.fields["draft"] = forms.ChoiceField(
            required=False, choices=[("", "No draft: what is in force"), *drafts], label="With the draft of"
        )

    def clean(self) -> dict[str, Any]:
        """Bring the payment to the form in which an app's is brought; what is wrong stands at its field."""
        found = self.cleaned_data
        for name, read in READ.items():
            if found.get(name):
                found[name] = self._read(name, read)
        return found

    def ask(self) -> Ask:
        """Return the payment."""
        found = self.cleaned_data
        identifier, counterparty = found["payee"] or None, None
        if identifier and identifier.startswith(f"{Prefix.COUNTERPARTY.value}_"):
            identifier, counterparty = None, identifier
        claim = PayeeClaim("", (identifier,) if identifier else (), counterparty, found["country"] or None)
        return Ask(
            amount=found["amount"],
            currency=found["currency"],
            payee=claim,
            category=found["category"] or None,
            rail=found["rail"] or None,
            session=found["session"] or None,
            purpose=found["purpose"],
        )

    @property
    def has_more(self) -> bool:
        """Whether one of the fields that stand aside holds something, or is wrong."""
        return any(self[name].value() or self[name].errors for name in self.ASIDE)

    def labels_in(self) -> list[str]:
        """Return the labels of an imagined agent."""
        return [label.strip() for label in self.cleaned_data["labels"].split(",") if label.strip()]

    def _read(self, name: str, read: Callable[..., Any]) -> Any:
        try:
            return read(self.cleaned_data[name], field=name)
        except Invalid as error:
            self.add_error(name, error.detail)
            return None


def _payee_in(text: str, *, field: str) -> str:
    """Return an identifier in its one form; a bare word is a domain, an id of a counterparty stays."""
    if text.startswith(f"{Prefix.COUNTERPARTY.value}_"):
        return text
    kind, mark, value = text.partition(":")
    return normal_identifier(kind, value, field=field) if mark else normal_identifier("domain", text, field=field)


def _category_in(text: str, *, field: str) -> str:
    return read_category(text, field)


def _country_in(text: str, *, field: str) -> str:
    if not is_country(text.upper()):
        raise Invalid("country_unknown", "Two letters of ISO 3166, such as DE.", field=field)
    return text.upper()


READ: Final[dict[str, Callable[..., Any]]] = {
    "amount": parse_amount,
    "currency": lambda text, *, field: parse_currency(text.upper(), field=field),
    "payee": _payee_in,
    "category": _category_in,
    "country": _country_in,
}
"""How each field of a payment is read, as for an app's."""
