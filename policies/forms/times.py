"""Forms of the rules about when and how often: hours, blackouts, validity, velocity, duplicates."""

from typing import ClassVar

from django import forms

from core.errors import Invalid
from policies.engine.document import Document
from policies.engine.rule_shapes import MAX_ASKS, MAX_DUPLICATE_MINUTES, MAX_PERIOD_MINUTES
from policies.engine.rules import OnBreach, Per, RuleType, SameField
from policies.engine.shapes import MAX_DATE_RANGES, MAX_HOURS
from policies.forms.base import RuleForm, Section, on_breach_field, zone_field
from policies.forms.fields import DateRangesField, DurationField, LongSelect, MomentField
from policies.forms.hours import HoursField
from policies.forms.picks import country_choices
from policies.services.calendars import with_holidays

MINUTES_OF_DAY = 24 * 60
EXACT_HELP = (
    "Rows take times such as 09:15; 24:00 is the end of the day, and what ends before it begins runs past midnight. "
    f"Up to {MAX_HOURS} openings."
)


class TimeWindowForm(RuleForm):
    """The hours in which money may move."""

    type = RuleType.TIME_WINDOW
    title = "Hours"
    icon = "clock"
    says = "The days and hours in which money may move."

    windows = HoursField(label="Open", help_text=f"Ticked hours are open. {EXACT_HELP}")
    time_zone = zone_field()
    on_breach = on_breach_field("Outside these hours")

    main = (Section("Hours", ("windows", "time_zone", "on_breach")),)


class BlackoutForm(RuleForm):
    """Days and hours in which no money moves."""

    type = RuleType.BLACKOUT_PERIOD
    title = "Blackout"
    icon = "calendar-off"
    says = "Dates, recurring hours and public holidays on which no money moves."
    paths: ClassVar = {"holidays_country": ("holidays", "country"), "holidays_subdivision": ("holidays", "subdivision")}

    dates = DateRangesField(
        label="Dates",
        required=False,
        help_text=f"First and last day, both included. One day: leave the last empty. Up to {MAX_DATE_RANGES} rows.",
    )
    hours = HoursField(
        label="Recurring hours", required=False, help_text=f"Ticked hours are closed. {EXACT_HELP}", is_closing=True
    )
    holidays_country = forms.ChoiceField(
        label="Public holidays of",
        required=False,
        widget=LongSelect,
        help_text="Their dates are fixed when the policy is published.",
    )
    holidays_subdivision = forms.CharField(
        label="State or region", required=False, max_length=3, help_text="Its code, such as BE (Berlin) in Germany."
    )
    time_zone = zone_field()
    on_breach = on_breach_field("In a blackout")

    main = (
        Section("Closed", ("dates", "hours"), "At least one of dates, hours and public holidays."),
        Section("Public holidays", ("holidays_country", "holidays_subdivision")),
        Section("How it is judged", ("time_zone", "on_breach")),
    )

    def fit(self, name: str, one: forms.Field) -> None:
        """Give the countries their names."""
        super().fit(name, one)
        if isinstance(one, forms.ChoiceField) and name == "holidays_country":
            one.choices = [("", "No country"), *country_choices()]

    def clean_holidays_subdivision(self) -> str:
        """Return the code in capitals."""
        return str(self.cleaned_data["holidays_subdivision"]).upper()

    def judge(self) -> None:
        """Parse the rule, and look whether its holidays are known."""
        super().judge()
        if self.parsed is not None:
            try:
                with_holidays(Document((self.parsed,)), known=(), now=self.around.now)
            except Invalid as error:
                self.add_fault(error.field or "", error.code, error.detail)


class ExpirationForm(RuleForm):
    """From when and until when money may move."""

    type = RuleType.EXPIRATION
    title = "Validity"
    icon = "calendar-event"
    says = "From when and until when money may move at all."

    review_approvals = None  # type: ignore[assignment]
    review_roles = None  # type: ignore[assignment]
    review_people = None  # type: ignore[assignment]
    review_timeout_minutes = None  # type: ignore[assignment]

    valid_from = MomentField(label="Valid from", required=False)
    valid_until = MomentField(label="Valid until", required=False)

    main = (Section("Validity", ("valid_from", "valid_until"), "At least one of the two."),)


class VelocityForm(RuleForm):
    """How often an agent may ask."""

    type = RuleType.VELOCITY
    title = "Velocity"
    icon = "activity"
    says = "How many payments an agent may ask for in the time that just went by."

    limit = forms.IntegerField(
        label="At most, in number of asks", min_value=1, max_value=MAX_ASKS, help_text=f"1 to {MAX_ASKS:,}."
    )
    period_minutes = DurationField(label="In the last", help_text=f"Up to {MAX_PERIOD_MINUTES // MINUTES_OF_DAY} days.")
    per = forms.ChoiceField(
        label="Counted",
        choices=[
            (Per.AGENT.value, "For each agent"),
            (Per.AGENT_COUNTERPARTY.value, "For each agent and counterparty"),
        ],
        widget=forms.RadioSelect,
        initial=Per.AGENT.value,
    )
    on_breach = on_breach_field("When it asks more often")

    main = (Section("Velocity", ("limit", "period_minutes", "per", "on_breach")),)


class DuplicateForm(RuleForm):
    """The same payment again."""

    type = RuleType.DUPLICATE
    title = "Duplicates"
    icon = "copy-check"
    says = "The same counterparty, amount and currency again within some minutes."

    minutes = DurationField(label="Within the last", help_text=f"Up to {MAX_DUPLICATE_MINUTES // MINUTES_OF_DAY} days.")
    match = forms.MultipleChoiceField(
        label="Only where this is the same as well",
        required=False,
        choices=[(SameField.PURPOSE.value, "Purpose"), (SameField.SESSION.value, "Session")],
        widget=forms.CheckboxSelectMultiple,
    )
    on_breach = on_breach_field("When it looks like a duplicate", initial=OnBreach.REVIEW)

    main = (Section("Duplicates", ("minutes", "match", "on_breach")),)
