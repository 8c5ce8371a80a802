"""Forms of the policy itself: created, described, assigned, published."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError

from core.errors import ContoError, NotFound
from core.ids import Prefix, from_public, to_public
from policies.engine.types import Mode
from policies.forms.fields import LinesField
from policies.forms.starters import STARTERS
from policies.models import NAME_LENGTH, NOTE_LENGTH
from policies.selectors import Targets
from policies.services import AssignTo

NOBODY = Targets()
EVERYBODY = Targets(organization=True)
MODES = [
    (Mode.ENFORCED.value, "Enforced: it counts from now on"),
    (Mode.SHADOW.value, "Shadow: it is only shown beside what counts"),
]


class FaultyForm(forms.Form):
    """A form that shows what services refuse."""

    def add_fault(self, error: ContoError) -> None:
        """Show a refusal at the field it names, or above the form."""
        name = (error.field or "").removeprefix("assigned_to.").partition("[")[0]
        self.add_error(name if name in self.fields else None, ValidationError(error.detail, code=error.code))


class PolicyForm(FaultyForm):
    """What a policy is called."""

    name = forms.CharField(max_length=NAME_LENGTH)
    description = forms.CharField(
        max_length=NOTE_LENGTH, required=False, help_text="What it is for.", widget=forms.Textarea(attrs={"rows": 2})
    )


class AssignmentForm(FaultyForm):
    """To whom a policy applies."""

    organization = forms.BooleanField(label="Every agent of the organization", required=False)
    labels = forms.MultipleChoiceField(
        label="Agents with one of these labels", required=False, widget=forms.CheckboxSelectMultiple
    )
    more_labels = LinesField(
        label="Other labels", required=False, rows=2, help_text="One per line; agents may get them later."
    )
    agents = forms.MultipleChoiceField(label="Single agents", required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        labels: tuple[str, ...],
        agents: tuple[tuple[UUID, str], ...],
        targets: Targets = NOBODY,
    ) -> None:
        chosen = [to_public(Prefix.AGENT, agent) for agent, _ in targets.agents]
        super().__init__(
            data, initial={"organization": targets.organization, "labels": list(targets.labels), "agents": chosen}
        )
        offered = {to_public(Prefix.AGENT, agent): name for agent, name in (*agents, *targets.agents)}
        self.offer("labels", [(label, label) for label in sorted({*labels, *targets.labels})])
        self.offer("agents", list(offered.items()))

    def offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        """Give a field its choices; where there are none the field goes."""
        one = self.fields[name]
        assert isinstance(one, forms.MultipleChoiceField), "only these have choices"
        one.choices = choices
        if not choices:
            del self.fields[name]

    def targets(self) -> AssignTo:
        """Return what was chosen."""
        typed = self.cleaned_data
        labels = (*typed.get("labels", []), *typed["more_labels"])
        return AssignTo(typed["organization"], labels, tuple(map(agent_of, typed.get("agents", ()))))


class NewPolicyForm(PolicyForm, AssignmentForm):
    """A new policy with a draft to begin with, for every agent unless somebody says otherwise: for none it is idle."""

    starter = forms.ChoiceField(
        label="Begin with",
        choices=[(one.key, f"{one.name}: {one.says}") for one in STARTERS],
        widget=forms.RadioSelect,
        initial=STARTERS[0].key,
    )
    field_order = ("name", "description", "starter")

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        labels: tuple[str, ...],
        agents: tuple[tuple[UUID, str], ...],
    ) -> None:
        super().__init__(data, labels=labels, agents=agents, targets=EVERYBODY)


class PublishForm(forms.Form):
    """How the draft is published, and why; bound to what the person was shown."""

    mode = forms.ChoiceField(choices=MODES, widget=forms.RadioSelect, initial=Mode.ENFORCED.value)
    note = forms.CharField(max_length=NOTE_LENGTH, required=False, help_text="Why, for those who read the history.")
    shown = forms.CharField(widget=forms.HiddenInput)
    warnings = forms.CharField(widget=forms.HiddenInput, required=False)
    is_seen = forms.BooleanField(label="I have looked at the warnings, and mean it as it is", required=False)

    def offer(self, codes: Iterable[str]) -> None:
        """Ask about the warnings of these codes; where there are none, ask nothing."""
        self.initial["warnings"] = " ".join(dict.fromkeys(codes))
        if not self.initial["warnings"]:
            del self.fields["warnings"], self.fields["is_seen"]

    def seen(self) -> list[str]:
        """Return the codes of the warnings that the person was shown and has ticked."""
        return self.cleaned_data["warnings"].split() if self.cleaned_data["is_seen"] else []


def agent_of(text: str) -> UUID:
    """Return the id of an agent that the form offered."""
    try:
        return from_public(Prefix.AGENT, text)
    except NotFound as error:
        raise AssertionError("the choices are ids") from error
