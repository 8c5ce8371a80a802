"""What people type about requests to spend: reasons, and filters of the list."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict
from django.utils import timezone

from agents.models import LABEL_LENGTH
from approvals.lifecycle import Status
from approvals.models import REASON_LENGTH, TEXT_LENGTH
from approvals.selectors.lists import LARGEST, NEWEST, Chosen
from approvals.selectors.queue import Wanted
from approvals.selectors.told import OVERDUE
from core.errors import Invalid, NotFound
from core.filters import Filter, FoldingFilter
from core.ids import Prefix, from_public, ids_in
from core.money import CURRENCY_PATTERN, LARGEST_AMOUNT, amount_text, parse_amount
from core.paging import LONGEST_FILTER
from core.templatetags.statuses import status_of
from people.models import REASON_LENGTH as CHANGE_REASON_LENGTH
from people.models import Member, Organization
from policies.engine.reasons import Reason
from policies.engine.types import Rail
from spend.selectors.counterparties import counterparty_names

ANY: Final = ("", "Any")
DECISIONS: Final = [("allow", "Allow"), ("review", "Review"), ("deny", "Deny")]
ORDERS: Final = [(NEWEST, "Newest first"), (LARGEST, "Largest first")]
REASONS: Final = sorted(
    ((one.value, one.value.replace("_", " ").capitalize()) for one in Reason), key=lambda one: one[1]
)
MAIN: Final = ("status", "agent", "period")
"""What stands in the one row beside the search; the other fields are folded until one of them filters."""
LAST_DAY: Final = "24h"
"""The last 24 hours, in whichever zone."""
PERIODS: Final = [
    ("", "Any time"),
    (LAST_DAY, "Last 24 hours"),
    ("1", "Today"),
    *((days, f"Last {days} days") for days in ("7", "30", "90")),
]
CAUSES: Final = [*REASONS, ("rejected", "Rejected by a person"), ("redecided", "Decided again after reviews")]
ZONES: Final = [("", "Yours"), ("organization", "The organization’s")]
ID_LENGTH: Final = 60
ID: Final = forms.TextInput(attrs={"placeholder": "an id", "autocomplete": "off", "spellcheck": "false"})
DATE: Final = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
AMOUNT: Final = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})


class ChangeReasonForm(forms.Form):
    """Why a change is not to be made."""

    reason = forms.CharField(
        max_length=CHANGE_REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Who proposed it and the auditor read it.",
        error_messages={"required": "Say why, so that who proposed it can read it."},
    )


class NoteForm(forms.Form):
    """What a person says with a yes above the confirmation amount; it stands with the answer."""

    reason = forms.CharField(required=False, max_length=REASON_LENGTH, label="Note")

    def said(self) -> str:
        """Return the words, as many of them as are kept."""
        return str(self.data.get("reason", "")).strip()[:REASON_LENGTH]


class ReasonForm(forms.Form):
    """Why a payment is rejected or given up."""

    reason = forms.CharField(
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="The app and the auditor read it.",
        error_messages={"required": "Say why, so that the app and the auditor can read it."},
    )


class UpToForm(forms.Form):
    """The most that is to pass without asking: at least what this payment is about."""

    up_to = forms.CharField(label="Up to", max_length=ID_LENGTH, widget=AMOUNT)

    def __init__(self, data: QueryDict | None, *, least: Decimal, currency: str) -> None:
        super().__init__(data, initial={"up_to": amount_text(least)})
        self.least, self.currency = least, currency

    def clean_up_to(self) -> Decimal:
        """Return the amount."""
        try:
            up_to = parse_amount(self.cleaned_data["up_to"].replace(",", ""))
        except Invalid as error:
            raise forms.ValidationError(error.detail) from None
        if up_to < self.least:
            raise forms.ValidationError("That is less than this payment: the next one would be asked about again.")
        return up_to


class FilterForm(FoldingFilter):
    """Which authorizations the list shows, and in which order."""

    q = forms.CharField(required=False, max_length=LONGEST_FILTER, label="Search")
    status = forms.ChoiceField(
        required=False, choices=[("", "Any status"), *((one, status_of(one).word) for one in (*Status, OVERDUE))]
    )
    agent = forms.ChoiceField(required=False, choices=())
    period = forms.ChoiceField(required=False, choices=PERIODS)
    outcome = forms.ChoiceField(required=False, choices=[ANY, *DECISIONS], label="Decision")
    since = forms.DateField(required=False, widget=DATE, label="From")
    until = forms.DateField(required=False, widget=DATE, label="To")
    sort = forms.ChoiceField(required=False, choices=ORDERS, label="Order")
    reason = forms.ChoiceField(required=False, choices=[ANY, *REASONS])
    because = forms.ChoiceField(required=False, choices=[ANY, *CAUSES], label="Declined because")
    zone = forms.ChoiceField(required=False, choices=ZONES, label="Days in the zone")
    counterparty = forms.CharField(required=False, max_length=ID_LENGTH, widget=ID)
    id = forms.CharField(required=False, max_length=ID_LENGTH, widget=ID, label="Authorization")
    label = forms.CharField(required=False, max_length=LABEL_LENGTH, label="Agent label")
    category = forms.CharField(required=False, max_length=TEXT_LENGTH)
    rail = forms.ChoiceField(required=False, choices=[ANY, *((rail, rail.value) for rail in Rail)])
    session = forms.CharField(required=False, max_length=TEXT_LENGTH)
    currency = forms.RegexField(CURRENCY_PATTERN.pattern, required=False, error_messages={"invalid": "Such as USD."})
    at_least = forms.DecimalField(required=False, widget=AMOUNT, min_value=0, max_value=LARGEST_AMOUNT)
    at_most = forms.DecimalField(required=False, widget=AMOUNT, min_value=0, max_value=LARGEST_AMOUNT)

    def __init__(
        self, data: QueryDict, *, agents: list[tuple[str, str]], organization: Organization, now: datetime
    ) -> None:
        super().__init__(data)
        self.organization_id, self.now, self.organization_zone = organization.pk, now, organization.time_zone
        self.names = dict(agents)
        self.fields["agent"] = forms.ChoiceField(required=False, choices=[("", "Any agent"), *agents])

    def clean_id(self) -> UUID | None:
        """Return the authorization's id."""
        return self._id_in("id", Prefix.AUTHORIZATION)

    def clean_counterparty(self) -> UUID | None:
        """Return the counterparty's id, one of this organization."""
        found = self._id_in("counterparty", Prefix.COUNTERPARTY)
        if found is None:
            return None
        names = counterparty_names(self.organization_id, [found])
        if found not in names:
            raise forms.ValidationError("No counterparty here has this id.")
        self.names[self.cleaned_data["counterparty"]] = names[found]
        return found

    def chosen(self) -> Chosen:
        """Return what a valid form asks for; days begin and end in the viewer's zone, or the organization's."""
        asked = self.cleaned_data
        until, text = asked["until"], asked["q"]
        zone = ZoneInfo(self.organization_zone) if asked["zone"] else timezone.get_current_timezone()
        since = [_midnight(asked["since"], zone), self._period_begins(asked["period"], zone)]
        # A whole id is pasted into the first field there is.
        named = next(iter(ids_in(Prefix.AUTHORIZATION, [text])), None)
        return Chosen(
            organization_id=self.organization_id,
            authorization_id=asked["id"] or named,
            agent_id=from_public(Prefix.AGENT, asked["agent"]) if asked["agent"] else None,
            counterparty_id=asked["counterparty"],
            status=asked["status"],
            outcome=asked["outcome"],
            reason=asked["reason"],
            because=asked["because"],
            category=asked["category"].lower(),
            rail=asked["rail"],
            session=asked["session"],
            currency=asked["currency"],
            label=asked["label"],
            at_least=asked["at_least"],
            at_most=asked["at_most"],
            text="" if named and not asked["id"] else text,
            since=max((moment for moment in since if moment), default=None),
            until=_midnight(until + timedelta(days=1), zone) if until and until < date.max else None,
            sort=asked["sort"] or NEWEST,
        )

    def _period_begins(self, period: str, zone: tzinfo) -> datetime | None:
        if period == LAST_DAY:
            return self.now - timedelta(days=1)
        days = int(period) - 1 if period else None
        return None if days is None else _midnight(self.now.astimezone(zone).date() - timedelta(days=days), zone)

    def in_force(self) -> list[tuple[str, str]]:
        """Return the fields that filter, each with its name and words for what it lets through."""
        typed = {name: self.data.get(name, "").strip() for name in self.fields if name != "sort"}
        return [(name, f"{self[name].label}: {self._word(name, text)}") for name, text in typed.items() if text]

    def main(self) -> Iterator[forms.BoundField]:
        """Yield the fields that most people filter by."""
        return (self[name] for name in self.fields if name in MAIN)

    def more(self) -> Iterator[forms.BoundField]:
        """Yield the other fields."""
        return (self[name] for name in self.fields if name not in MAIN and name != "q")

    def _word(self, name: str, text: str) -> str:
        widget = self.fields[name].widget
        words = {str(value): str(word) for value, word in widget.choices} if isinstance(widget, forms.Select) else {}
        return words.get(text) or self.names.get(text, text)

    def _id_in(self, name: str, prefix: Prefix) -> UUID | None:
        text = self.cleaned_data[name]
        try:
            return from_public(prefix, text) if text else None
        except NotFound:
            raise forms.ValidationError(
                f"This is no id. Write one such as {prefix.value}_01k…, or leave it empty."
            ) from None


class QueueForm(Filter):
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


def _midnight(day: date | None, zone: tzinfo) -> datetime | None:
    return None if day is None else timezone.make_aware(datetime.combine(day, time()), zone)


class DuplicateForm(forms.Form):
    """The counterparty that is to be merged into another."""

    duplicate = forms.CharField(max_length=ID_LENGTH, error_messages={"required": "Choose the duplicate first."})

    def clean_duplicate(self) -> UUID:
        """Return its id."""
        try:
            return from_public(Prefix.COUNTERPARTY, self.cleaned_data["duplicate"])
        except NotFound:
            raise forms.ValidationError("This is not the id of a counterparty.") from None

    def chosen(self) -> UUID | None:
        """Return its id, None where none was chosen or it is no id."""
        return self.cleaned_data.get("duplicate") if self.is_valid() else None


class BacktestForm(forms.Form):
    """Of how long a time, and of whose asks."""

    days = forms.TypedChoiceField(
        choices=[("7", "The last 7 days"), ("30", "The last 30 days"), ("90", "The last 90 days"), ("365", "A year")],
        coerce=int,
        initial="30",
        label="Period",
    )
    since = forms.DateField(
        required=False, widget=DATE, label="From", help_text="Days that are named here count in place of the period."
    )
    until = forms.DateField(required=False, widget=DATE, label="To", help_text="Included; up to now where it is empty.")
    agent = forms.ChoiceField(required=False, choices=(), label="Agents")

    def __init__(self, data: QueryDict | None, *, agents: list[tuple[str, str]]) -> None:
        super().__init__(data)
        self.fields["agent"] = forms.ChoiceField(
            required=False, choices=[("", "Every agent that the policy binds"), *agents], label="Agents"
        )

    def clean(self) -> dict[str, Any]:
        """Refuse an end without a beginning, and one before it."""
        said: dict[str, Any] = super().clean() or {}
        since, until = said.get("since"), said.get("until")
        if until and not since and "since" not in self.errors:
            self.add_error("since", "Say from which day, or leave both empty.")
        if since and until and until < since:
            self.add_error("until", "The last day lies before the first.")
        return said

    def period(self, *, zone: str, now: datetime) -> tuple[datetime, datetime]:
        """Return when the period begins and when it is over; days are cut in `zone`, and end now at the latest."""
        first: date | None = self.cleaned_data["since"]
        if first is None:
            return now - timedelta(days=self.cleaned_data["days"]), now
        last: date | None = self.cleaned_data["until"]
        begins = datetime.combine(first, time(), ZoneInfo(zone))
        # A day that is not over ends now; the last day of the calendar has none after it.
        if last is None or last >= now.astimezone(ZoneInfo(zone)).date():
            return begins, now
        return begins, datetime.combine(last + timedelta(days=1), time(), ZoneInfo(zone))

    def agent_id(self) -> UUID | None:
        """Return the one agent that is asked about."""
        chosen = self.cleaned_data["agent"]
        return from_public(Prefix.AGENT, chosen) if chosen else None
