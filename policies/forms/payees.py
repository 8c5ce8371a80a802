"""Forms of the rules about whom, what for and where: counterparties, whitelists, categories, countries, rails."""

from django import forms

from policies.engine.rule_shapes import MAX_IDENTIFIERS
from policies.engine.rules import RuleType
from policies.engine.shapes import MAX_WORDS
from policies.engine.types import Outcome, Standing
from policies.forms.base import RAILS, RuleForm, Section, on_breach_field
from policies.forms.fields import MoneyField
from policies.forms.picks import CategoriesField, CountriesField, IdentifiersField

EXAMPLES = "api.example.com\n*.example.com\naccount:DE89370400440532013000"
HOW = (
    "Found by name, or typed one per line: a domain (*. for everything below it), an address, account:DE89…; "
    f"up to {MAX_IDENTIFIERS:,}."
)
SAYS = [
    ("", "This rule says nothing"),
    (Outcome.ALLOW.value, "Allow"),
    (Outcome.REVIEW.value, "Ask people"),
    (Outcome.DENY.value, "Deny"),
]


class CounterpartyForm(RuleForm):
    """Who may be paid, by standing and by blocked list."""

    type = RuleType.COUNTERPARTY
    title = "Counterparties"
    icon = "building-store"
    says = "By what is known of who is paid: blocked ones, needed standing, unknown ones, first payments."

    blocked = IdentifiersField(label="Never pay", required=False, placeholder=EXAMPLES, help_text=HOW)
    require = forms.ChoiceField(
        label="Standing that is needed",
        required=False,
        choices=[
            ("", "None in particular"),
            (Standing.VERIFIED.value, "Verified or trusted"),
            (Standing.TRUSTED.value, "Trusted"),
        ],
    )
    on_breach = on_breach_field("Where that standing is missing")
    unknown = forms.ChoiceField(label="Counterparties that are not known yet", required=False, choices=SAYS)
    first_payment = forms.ChoiceField(
        label="The first payment to a counterparty",
        required=False,
        choices=SAYS,
        help_text="The first of the whole organization.",
    )

    main = (
        Section(
            "Standing",
            ("require", "on_breach", "unknown", "first_payment"),
            "At least one of these, or a blocked list.",
        ),
        Section("Blocked list", ("blocked",)),
    )


class WhitelistForm(RuleForm):
    """The only ones who may be paid."""

    type = RuleType.WHITELIST
    title = "Only these payees"
    icon = "list-check"
    says = "A list of who may be paid; everybody else is denied."
    kept_empty = frozenset({"allowed"})

    allowed = IdentifiersField(
        label="Pay only", required=False, placeholder=EXAMPLES, help_text=f"{HOW} An empty list pays nobody."
    )
    on_breach = on_breach_field("Everybody else")

    main = (Section("Payees", ("allowed", "on_breach")),)


class CategoryForm(RuleForm):
    """What may be paid for."""

    type = RuleType.CATEGORY
    title = "Categories"
    icon = "tags"
    says = "What payments may be for, as the app states it."

    allowed = CategoriesField(label="Only these categories", required=False, placeholder="ai_services")
    blocked = CategoriesField(label="Any but these categories", required=False, placeholder="gambling")
    on_breach = on_breach_field("Other payments")

    main = (
        Section(
            "Categories",
            ("allowed", "blocked", "on_breach"),
            f"Fill in one of the two lists, up to {MAX_WORDS} categories each.",
        ),
    )


class GeographicForm(RuleForm):
    """The countries of those who may be paid."""

    type = RuleType.GEOGRAPHIC
    title = "Countries"
    icon = "world"
    says = "The countries whose counterparties may be paid."

    allowed = CountriesField(label="Only these countries", required=False, placeholder="Germany")
    blocked = CountriesField(label="Any but these countries", required=False, placeholder="North Korea")
    on_breach = on_breach_field("Other payments")

    main = (
        Section(
            "Countries",
            ("allowed", "blocked", "on_breach"),
            f"Fill in one of the two: names, or codes of two letters (ISO 3166). Up to {MAX_WORDS} each.",
        ),
    )


class RailForm(RuleForm):
    """How money may move."""

    type = RuleType.RAIL
    title = "Rails"
    icon = "route"
    says = "How money may move, and the price ceiling of one machine payment."

    allowed = forms.MultipleChoiceField(
        label="Only these rails", required=False, choices=RAILS, widget=forms.CheckboxSelectMultiple
    )
    ceiling = MoneyField(label="Price ceiling for one call", required=False, help_text="On x402 and MPP only.")
    on_breach = on_breach_field("Other payments")

    main = (Section("Rails", ("allowed", "ceiling", "on_breach"), "At least one of the two."),)
