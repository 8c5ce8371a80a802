"""What people type about people: shape only; the services decide."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar, Final, TypeVar

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import QueryDict

from core.errors import ContoError, Invalid
from core.filters import Filter
from core.lists import NEWEST, OLDEST, ListFilter, Order
from core.money import parse_amount, parse_currency
from core.templatetags.statuses import status_of
from people.models import (
    FILTER_LENGTH,
    FILTER_NAME_LENGTH,
    LONGEST_APPROVAL_TTL_SECONDS,
    NAME_LENGTH,
    REASON_LENGTH,
    TIME_ZONES,
    Member,
    Organization,
    Person,
)
from people.roles import ROLE_SENTENCES, SCOPE_SENTENCES, Role, Scope
from people.selectors import KEY_STATES
from people.services import AccountSettings, OrganizationSettings

T = TypeVar("T")

ZONE_CHOICES: Final = tuple((name, name.replace("_", " ")) for name in sorted(TIME_ZONES))
THEME_CHOICES: Final = (("auto", "As the device"), ("light", "Light"), ("dark", "Dark"))
LIFETIME_CHOICES: Final = (("30", "30 days"), ("90", "90 days"), ("365", "One year"), ("", "Until it is revoked"))
SECONDS_PER_MINUTE: Final = 60
LONGEST_TTL_MINUTES: Final = Decimal(LONGEST_APPROVAL_TTL_SECONDS) / SECONDS_PER_MINUTE
LONGEST_PASSWORD: Final = 256


def add_fault(form: forms.Form, error: ContoError) -> None:
    """Show a service's refusal at the field it names, or above the form."""
    field = error.field if error.field in form.fields else None
    form.add_error(field, ValidationError(error.detail, code=error.code))


def role_choices() -> list[tuple[str, str]]:
    """Each role with what it says, from the least rights to the most."""
    return [(role.value, f"{role.value.capitalize()}: {ROLE_SENTENCES[role]}") for role in Role]


class OrganizationForm(forms.Form):
    """The organization's settings."""

    name = forms.CharField(max_length=NAME_LENGTH)
    currency = forms.CharField(
        max_length=10, help_text="The currency that pages begin with and that the confirmation amount is in."
    )
    time_zone = forms.ChoiceField(
        choices=ZONE_CHOICES, help_text="Days, weeks and months of limits begin here, unless a rule names its own."
    )
    approval_ttl_minutes = forms.DecimalField(
        label="Approvals count for",
        min_value=Decimal("0.02"),
        max_value=LONGEST_TTL_MINUTES,
        max_digits=8,
        decimal_places=2,
        help_text="How long an app may pay on an approval after it took effect.",
    )
    needs_four_eyes = forms.BooleanField(
        label="Four eyes: a second person agrees to what may let more money pass",
        required=False,
        help_text="Looser policies, better standings, other pegs, fewer labels. What only tightens goes alone.",
    )
    confirmation_amount = forms.CharField(
        required=False,
        max_length=24,
        help_text="Approving more asks for confirmation, and for a second factor if one is set. Empty: never.",
    )

    @classmethod
    def of(cls, organization: Organization) -> "OrganizationForm":
        """Return the form as the organization stands."""
        amount = organization.confirmation_amount
        minutes = Decimal(organization.approval_ttl_seconds) / SECONDS_PER_MINUTE
        initial = {
            "name": organization.name,
            "currency": organization.currency,
            "time_zone": organization.time_zone,
            "approval_ttl_minutes": f"{minutes.quantize(Decimal('0.01')).normalize():f}",
            "needs_four_eyes": organization.needs_four_eyes,
            "confirmation_amount": "" if amount is None else f"{amount.normalize():f}",
        }
        return cls(initial=initial)

    def clean_currency(self) -> str:
        """Refuse what is no currency code."""
        return _checked(parse_currency, self.cleaned_data["currency"].upper())

    def clean_confirmation_amount(self) -> Decimal | None:
        """Refuse what is no exact positive amount."""
        text = self.cleaned_data["confirmation_amount"]
        return _checked(parse_amount, text) if text else None

    def settings(self) -> OrganizationSettings:
        """Return what was typed."""
        typed = self.cleaned_data
        return OrganizationSettings(
            name=typed["name"],
            currency=typed["currency"],
            time_zone=typed["time_zone"],
            approval_ttl_seconds=max(1, round(typed["approval_ttl_minutes"] * SECONDS_PER_MINUTE)),
            confirmation_amount=typed["confirmation_amount"],
            needs_four_eyes=typed["needs_four_eyes"],
        )


class ReasonForm(forms.Form):
    """Why something is stopped or let go on."""

    reason = forms.CharField(max_length=REASON_LENGTH, widget=forms.Textarea(attrs={"rows": 2}))


class MemberFilterForm(ListFilter):
    """Which members the list shows."""

    ORDERS: ClassVar = {"name": Order("By name", "person__name"), "newest": NEWEST, "oldest": OLDEST}

    role = forms.ChoiceField(
        required=False, choices=[("", "Any role"), *((role.value, role.value.capitalize()) for role in Role)]
    )
    factor = forms.ChoiceField(
        required=False,
        label="Second factor",
        choices=[("", "Any second factor"), ("with", "With second factor"), ("without", "Without second factor")],
    )


class KeyFilterForm(ListFilter):
    """Which organization keys the list shows."""

    ORDERS: ClassVar = {"newest": NEWEST, "oldest": OLDEST, "name": Order("By name", "name")}

    status = forms.ChoiceField(
        required=False, choices=[("", "Any status"), *((one, status_of(one, "key").word) for one in KEY_STATES)]
    )


class KeepFilterForm(forms.Form):
    """A name for the filter that a list shows now; `reads` is the form of that list."""

    name = forms.CharField(
        max_length=FILTER_NAME_LENGTH,
        error_messages={"required": "Give the filter a name.", "max_length": "The name is too long."},
    )
    query = forms.CharField(
        required=False, max_length=FILTER_LENGTH, error_messages={"max_length": "The filter is too long to be kept."}
    )

    def __init__(self, data: QueryDict, *, reads: type[Filter]) -> None:
        super().__init__(data)
        self.reads = reads

    def clean_query(self) -> str:
        """Return what of the query the list knows, without its place in it; something must filter."""
        kept = self.reads.known(QueryDict(self.cleaned_data["query"]))
        query = kept.urlencode()
        if not query:
            raise ValidationError("Nothing is filtered yet.")
        if len(query) > FILTER_LENGTH:
            raise ValidationError("The filter is too long to be kept.")
        if not self.reads.understands(kept):
            raise ValidationError("The filter cannot be understood, so it was not kept.")
        return query


class InvitationForm(forms.Form):
    """Who is to become a member."""

    email = forms.EmailField(label="Mail address", max_length=254)
    roles = forms.MultipleChoiceField(choices=role_choices, widget=forms.CheckboxSelectMultiple)


class RolesForm(forms.Form):
    """A member's roles."""

    roles = forms.MultipleChoiceField(choices=role_choices, widget=forms.CheckboxSelectMultiple)

    @classmethod
    def of(cls, member: Member) -> "RolesForm":
        """Return the form as the member stands; ids differ, for a page shows one form per member."""
        return cls(initial={"roles": member.roles}, auto_id=f"id_{member.id.hex}_%s")


class KeyForm(forms.Form):
    """What an organization key is for."""

    name = forms.CharField(max_length=NAME_LENGTH, help_text="The service that will hold it.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, f"{scope.value.capitalize()}: {SCOPE_SENTENCES[scope]}") for scope in Scope],
        widget=forms.CheckboxSelectMultiple,
    )
    lifetime_days = forms.TypedChoiceField(
        label="Expires after", choices=LIFETIME_CHOICES, coerce=int, empty_value=None, required=False, initial="365"
    )


class AccountForm(forms.Form):
    """What a person says about themselves."""

    name = forms.CharField(max_length=NAME_LENGTH, help_text="As others see it beside your approvals.")
    time_zone = forms.ChoiceField(
        choices=[("", "As the browser, else the organization's"), *ZONE_CHOICES],
        required=False,
        help_text="Pages show times in it. Limits and reports keep to the organization's.",
    )
    theme = forms.ChoiceField(choices=THEME_CHOICES, widget=forms.RadioSelect)
    has_single_key_shortcuts = forms.BooleanField(label="Single-letter keys, such as j and k", required=False)

    @classmethod
    def of(cls, person: Person, *, theme: str) -> "AccountForm":
        """Return the form as the person stands, with the theme that this browser shows."""
        initial = {
            "name": person.name,
            "time_zone": person.time_zone,
            "theme": theme,
            "has_single_key_shortcuts": person.has_single_key_shortcuts,
        }
        return cls(initial=initial)

    def settings(self) -> AccountSettings:
        """Return what was typed."""
        return AccountSettings(**self.cleaned_data)


class NewAccountForm(forms.Form):
    """How somebody who was invited will be known and will sign in."""

    name = forms.CharField(max_length=NAME_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    password = forms.CharField(
        max_length=LONGEST_PASSWORD,
        strip=False,
        help_text="At least twelve characters; a few unrelated words are good.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean_password(self) -> str:
        """Refuse a password that is short, common or like the mail address or the name."""
        password: str = self.cleaned_data["password"]
        validate_password(password, Person(email=self.email, name=self.cleaned_data.get("name", "")))
        return password


def _checked(parse: Callable[[object], T], text: str) -> T:
    """Return what `parse` makes of `text`; its refusal becomes the field's error."""
    try:
        return parse(text)
    except Invalid as error:
        raise ValidationError(error.detail, code=error.code) from error
