"""Forms of the rules about amounts: spend limits, budgets, approval thresholds."""

from collections.abc import Mapping
from typing import Any

from django import forms

from policies.engine.kinds import MAX_CURRENCIES
from policies.engine.rule_shapes import MAX_MARKS
from policies.engine.rules import Per, Period, RuleType, WindowKind
from policies.forms.base import REVIEW, Plain, RuleForm, Section, on_breach_field, zone_field
from policies.forms.exempt import ExemptionsField
from policies.forms.fields import MomentField, MoneyField, NumbersField


class SpendLimitForm(RuleForm):
    """Caps on a single payment and on sums over time."""

    type = RuleType.SPEND_LIMIT
    title = "Spend limit"
    icon = "gauge"
    says = "The most for one payment, or for all payments of an hour, a day, a week, a month or ever."

    per_transaction = MoneyField(label="One payment", required=False)
    hourly = MoneyField(label="An hour", required=False)
    daily = MoneyField(label="A day", required=False)
    weekly = MoneyField(label="A week", required=False)
    monthly = MoneyField(label="A month", required=False)
    total = MoneyField(label="Altogether", required=False)
    window = forms.ChoiceField(
        label="Windows",
        choices=[
            (WindowKind.CALENDAR.value, "By the calendar: the present hour, day, week, month"),
            (WindowKind.ROLLING.value, "Rolling: the last 60 minutes, 24 hours, 7 or 30 days"),
        ],
        widget=forms.RadioSelect,
        initial=WindowKind.CALENDAR.value,
    )
    per = forms.ChoiceField(
        label="Counted",
        choices=[
            (Per.AGENT.value, "For each agent"),
            (Per.AGENT_COUNTERPARTY.value, "For each agent and counterparty"),
            (Per.SESSION.value, "For each session of an agent"),
        ],
        widget=forms.RadioSelect,
        initial=Per.AGENT.value,
    )
    time_zone = zone_field()
    on_breach = on_breach_field("Above a limit")

    main = (
        Section(
            "Limits",
            ("per_transaction", "hourly", "daily", "weekly", "monthly", "total"),
            f"At least one, each in up to {MAX_CURRENCIES} currencies. "
            "A payment in a currency that a limit does not name is denied.",
        ),
        Section("How it is counted", ("window", "per", "time_zone", "on_breach")),
    )


class BudgetForm(RuleForm):
    """A pot from which agents draw."""

    type = RuleType.BUDGET_ALLOCATION
    title = "Budget"
    icon = "wallet"
    says = "A pot for a session, a day, a week, a month, a quarter, a year or a project."

    amount = MoneyField(label="In the pot", help_text="A payment in a currency that is not named is denied.")
    period = forms.ChoiceField(
        label="Filled again",
        choices=[
            (Period.SESSION.value, "For each session"),
            (Period.DAY.value, "Every day"),
            (Period.WEEK.value, "Every week"),
            (Period.MONTH.value, "Every month"),
            (Period.QUARTER.value, "Every quarter"),
            (Period.YEAR.value, "Every year"),
            (Period.ONCE.value, "Never: one filling, with dates where given"),
        ],
        initial=Period.MONTH.value,
    )
    shared = forms.TypedChoiceField(
        label="Drawn from by",
        choices=[("true", "All agents of the policy together"), ("false", "Each agent from a pot of its own")],
        coerce=lambda text: text == "true",
        widget=forms.RadioSelect,
        initial="true",
    )
    starts_at = MomentField(label="Open from", required=False)
    ends_at = MomentField(label="Open until", required=False)
    warn_at = NumbersField(
        label="Warn at, in per cent", required=False, help_text=f"Such as 50, 80, 100. Up to {MAX_MARKS}."
    )
    time_zone = zone_field()
    on_breach = on_breach_field("When a payment does not fit")

    main = (
        Section("Budget", ("amount", "period", "shared", "on_breach")),
        Section("Dates", ("starts_at", "ends_at"), "Only for a budget that is filled once.", is_more=True),
        Section("More", ("warn_at", "time_zone"), is_more=True),
    )

    @classmethod
    def in_rule(cls, rule: Mapping[str, Any], name: str) -> Any:
        """Return what a rule has for a field; true and false as the choices name them."""
        value = super().in_rule(rule, name)
        return str(value).lower() if isinstance(value, bool) else value

    def build(self, cleaned: Mapping[str, Any]) -> Plain:
        """Return the rule; false is a value, not an empty one."""
        return super().build({**cleaned, "shared": bool(cleaned["shared"])})


class ApprovalThresholdForm(RuleForm):
    """The amount above which people decide."""

    type = RuleType.APPROVAL_THRESHOLD
    title = "Review above an amount"
    icon = "hand-stop"
    says = "Above an amount people decide: how many, who, and in what time."

    above = MoneyField(
        label="People decide above", help_text="Exactly this amount still passes. 0 asks for every payment."
    )
    exemptions = ExemptionsField(
        label="More for one payee",
        required=False,
        help_text="The agent may pay this counterparty up to the amount without asking.",
    )
    cumulative = forms.ChoiceField(
        label="Compared with",
        required=False,
        choices=[("", "Each single payment"), (Period.DAY.value, "The sum of the agent's day")],
        widget=forms.RadioSelect,
    )
    time_zone = zone_field()

    main = (
        Section("Threshold", ("above", "cumulative")),
        Section("Who reviews", REVIEW, "Nobody ticked: anybody who may review."),
        Section("Exemptions", ("exemptions",), "One agent, one counterparty, and their own amount.", is_more=True),
        Section("Whose day", ("time_zone",), is_more=True),
    )

    def common(self) -> tuple[Section, ...]:
        """Return the other common section: who reviews stands further up."""
        return super().common()[1:]
