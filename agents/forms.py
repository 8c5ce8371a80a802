"""What people type about agents: shape only; the services decide."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict

from agents.models import DESCRIPTION_LENGTH, NAME_LENGTH, RAILS, REFERENCE_LENGTH, Agent
from agents.selectors import KEY_STATES, STATES, AgentFilter
from agents.services import AgentChange, CredentialChange, NewCredential
from agents.services.credentials import LONGEST_SECRET
from core.errors import NotFound
from core.filters import Filter
from core.ids import Prefix, from_public, to_public
from core.lists import NEWEST, OLDEST, ListFilter, Order
from core.templatetags.statuses import status_of
from people.models import Member

LIFETIMES: Final = (("30", "30 days"), ("90", "90 days"), ("365", "One year"), ("", "Until it is revoked"))
OVERLAPS: Final = (
    ("0", "Not at all: it ends at once"),
    ("3600", "One hour"),
    ("86400", "One day"),
    ("604800", "One week"),
)
KINDS: Final = (("api_key", "API key"), ("card_token", "Card token"), ("signer", "Signing key"), ("other", "Other"))
RAIL_NAMES: Final = {"x402": "x402", "mpp": "MPP"}
SORTS: Final = (("trouble", "Trouble first"), ("newest", "Newest first"), ("name", "By name"))
LONGEST_LIST_TEXT: Final = 2_000
NOT_OFFERED: Final = "There is no “%(value)s” here: left out."
SEPARATORS: Final = re.compile(r"[\s,;]+")


class SecretArea(forms.Textarea):
    """A field for a secret of one or more lines; what was typed is never sent back."""

    def format_value(self, value: Any) -> str:  # noqa: ARG002 - that it is not used is the point
        """Return nothing, whatever was typed."""
        return ""


class AgentFilterForm(Filter):
    """The filter of the list; it lives in the address."""

    q = forms.CharField(required=False, max_length=REFERENCE_LENGTH)
    state = forms.ChoiceField(required=False)
    label = forms.ChoiceField(required=False)
    owner = forms.ChoiceField(required=False)
    sort = forms.ChoiceField(required=False, choices=SORTS, label="Order")

    def __init__(self, data: Any, *, labels: Sequence[str], members: Sequence[Member]) -> None:
        super().__init__(data)
        states = [(state, status_of(state).word) for state in STATES]
        self.names_of_owners = dict(owner_choices(members))
        choices = {
            "state": [("", "Not retired"), *states],
            "label": [("", "Any label"), *((label, label) for label in labels)],
            "owner": [("", "Any owner"), *self.names_of_owners.items()],
        }
        for name, offered in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = offered
        for name in ("state", "label", "owner", "sort"):
            self.fields[name].error_messages["invalid_choice"] = NOT_OFFERED
            self.fields[name].widget.attrs["class"] = "form-select"

    def chosen(self) -> AgentFilter:
        """Return the filter; raises `Invalid` (`filter_invalid`) where it makes no sense."""
        self.must_make_sense()
        return self.understood()

    def understood(self) -> AgentFilter:
        """Return the filter without what makes no sense in it, which the field itself says."""
        self.is_valid()
        typed = self.cleaned_data
        owner = typed.get("owner")
        return AgentFilter(
            search=typed.get("q", ""),
            state=typed.get("state", ""),
            label=typed.get("label", ""),
            owner_id=from_public(Prefix.PERSON, owner) if owner else None,
            sort=typed.get("sort") or "trouble",
        )


class KeyFilterForm(ListFilter):
    """Which runtime keys of an agent the list shows."""

    ORDERS: ClassVar = {"newest": NEWEST, "oldest": OLDEST, "name": Order("By name", "name")}

    status = forms.ChoiceField(
        required=False, choices=[("", "Any status"), *((one, status_of(one, "key").word) for one in KEY_STATES)]
    )


class CredentialFilterForm(ListFilter):
    """Which sealed credentials of an agent the list shows."""

    ORDERS: ClassVar = {"newest": NEWEST, "oldest": OLDEST, "name": Order("By name", "name")}

    status = forms.ChoiceField(
        required=False,
        choices=[("", "Any status"), *((one, status_of(one, "key").word) for one in ("active", "revoked"))],
    )


class AgentForm(forms.Form):
    """An agent, new or changed."""

    name = forms.CharField(max_length=NAME_LENGTH, help_text="As reviewers see it beside a payment.")
    description = forms.CharField(
        required=False,
        max_length=DESCRIPTION_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What it does.",
    )
    labels = forms.CharField(
        required=False,
        max_length=LONGEST_LIST_TEXT,
        help_text="Separated by commas. Policies are assigned to labels: a label may bring limits, or take them away.",
    )
    owner = forms.ChoiceField(
        required=False, help_text="The person who answers for it, and who therefore does not review its payments."
    )
    external_ref = forms.CharField(
        required=False, max_length=REFERENCE_LENGTH, label="Reference", help_text="Your app's own id of this actor."
    )

    def __init__(self, data: QueryDict | None, *, members: Sequence[Member], agent: Agent | None = None) -> None:
        super().__init__(data, initial=None if agent is None else initial_of(agent))
        owners = owner_choices(members)
        if agent is not None:
            del self.fields["external_ref"]  # the app knows the agent by it: it does not change
            if agent.owner is not None and agent.owner_id not in {member.person_id for member in members}:
                owners.append((to_public(Prefix.PERSON, agent.owner.pk), f"{agent.owner} (no longer a member)"))
        field = self.fields["owner"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "Nobody"), *owners]

    def clean_labels(self) -> list[str]:
        """Return the labels that were typed."""
        return split(self.cleaned_data["labels"])

    def clean_owner(self) -> UUID | None:
        """Return the id of the chosen person."""
        chosen: str = self.cleaned_data["owner"]
        return from_public(Prefix.PERSON, chosen) if chosen else None

    def change(self) -> AgentChange:
        """Return what was typed, in the words of the use case."""
        typed = self.cleaned_data
        return AgentChange(
            name=typed["name"], description=typed["description"], labels=typed["labels"], owner_id=typed["owner"]
        )


class KeyForm(forms.Form):
    """A new runtime key."""

    name = forms.CharField(max_length=NAME_LENGTH, help_text="The process or machine that will hold it.")
    lifetime_days = forms.TypedChoiceField(
        label="Expires after", choices=LIFETIMES, coerce=int, empty_value=None, required=False, initial="90"
    )


class RotationForm(forms.Form):
    """How long an old key works beside its successor."""

    overlap_seconds = forms.TypedChoiceField(
        label="The old key goes on working for", choices=OVERLAPS, coerce=int, initial="86400"
    )


class SecretForm(forms.Form):
    """A secret to seal in the place of another, and what it may be released for."""

    secret = forms.CharField(
        max_length=LONGEST_SECRET,
        widget=SecretArea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
        help_text="Encrypted at once and never shown again.",
    )
    rails = forms.MultipleChoiceField(
        required=False,
        choices=[(rail, RAIL_NAMES.get(rail, rail.capitalize())) for rail in RAILS],
        widget=forms.CheckboxSelectMultiple,
        help_text="Released only for payments on these rails. None ticked: any rail.",
    )
    counterparties = forms.CharField(
        required=False,
        max_length=LONGEST_LIST_TEXT,
        help_text="Released only for payments to these: their ids (cpt_…), separated by commas. Empty: any one. "
        "Name rails, counterparties or both.",
    )
    may_agent_release = forms.BooleanField(
        required=False,
        label="The agent's own key may release it too",
        help_text="Otherwise only an organization key with the scope release: your executor's.",
    )

    def clean_secret(self) -> str:
        """Return the secret with line ends as they were before the browser changed them."""
        secret: str = self.cleaned_data["secret"]
        return secret.replace("\r\n", "\n")

    def clean_counterparties(self) -> list[UUID]:
        """Return the ids that were typed."""
        try:
            return [from_public(Prefix.COUNTERPARTY, text) for text in split(self.cleaned_data["counterparties"])]
        except NotFound as error:
            raise ValidationError("An id of a counterparty looks like cpt_01k….", code="id_invalid") from error

    def change(self) -> CredentialChange:
        """Return what the secret may be released for."""
        typed = self.cleaned_data
        return CredentialChange(
            counterparties=typed["counterparties"], rails=typed["rails"], may_agent_release=typed["may_agent_release"]
        )


class CredentialForm(SecretForm):
    """A new sealed credential."""

    name = forms.CharField(max_length=NAME_LENGTH, help_text="Such as the provider's name.")
    kind = forms.ChoiceField(choices=KINDS)
    field_order = ("name", "kind", "secret", "rails", "counterparties", "may_agent_release")

    def new(self) -> NewCredential:
        """Return what was typed."""
        return NewCredential(name=self.cleaned_data["name"], kind=self.cleaned_data["kind"], **self._rest())

    def _rest(self) -> dict[str, Any]:
        return {"secret": self.cleaned_data["secret"], **self.change()}


def initial_of(agent: Agent) -> dict[str, str]:
    """Return an agent as its form begins."""
    return {
        "name": agent.name,
        "description": agent.description,
        "labels": ", ".join(agent.labels),
        "owner": "" if agent.owner_id is None else to_public(Prefix.PERSON, agent.owner_id),
    }


def owner_choices(members: Sequence[Member]) -> list[tuple[str, str]]:
    """Return the members as choices, by public id."""
    return [(to_public(Prefix.PERSON, member.person_id), str(member.person)) for member in members]


def split(text: str) -> list[str]:
    """Return the words of a list that somebody typed."""
    return [word for word in SEPARATORS.split(text) if word]


def sent(request: HttpRequest) -> QueryDict | None:
    """Return what was posted, an empty form included; `None` where the page was only asked for."""
    return request.POST if request.method == "POST" else None
