"""What every rule form has: the rule it shows, the rule it gives back, errors of the parser at their fields."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar, Final
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField

from core.errors import Invalid, InvalidMany
from policies.engine.document import SCHEMA_VERSION, parse
from policies.engine.kinds import MAX_CURRENCIES
from policies.engine.places import is_time_zone
from policies.engine.rules import DEFAULT_TIMEOUT_MINUTES, OnBreach, Rule, RuleType
from policies.engine.shapes import MAX_APPROVALS, MAX_TIMEOUT_MINUTES, MAX_WORDS
from policies.engine.types import Rail
from policies.forms.exempt import ExemptionRows, ExemptionsField
from policies.forms.fields import (
    DurationField,
    LongSelect,
    MomentField,
    MoneyField,
    MoneyRows,
    with_unknown,
)
from policies.forms.hours import HoursField
from policies.forms.picks import (
    CategoriesField,
    CodesField,
    Directory,
    PayeesField,
    Picked,
    PicksField,
    PicksWidget,
    known_identifier,
)
from policies.forms.week import exact_cells, is_whole
from policies.selectors import reviewing_roles

Plain = dict[str, Any]

RAILS: Final = [
    (Rail.CARD.value, "Card"),
    (Rail.BANK.value, "Bank transfer"),
    (Rail.STABLECOIN.value, "Stablecoin"),
    (Rail.X402.value, "x402"),
    (Rail.MPP.value, "MPP"),
    (Rail.INVOICE.value, "Invoice"),
    (Rail.OTHER.value, "Other"),
]
DENY_OR_REVIEW: Final = [(OnBreach.DENY.value, "Deny the payment"), (OnBreach.REVIEW.value, "Ask people")]
TOKEN: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
WHEN: Final = ("when_categories", "when_rails", "when_counterparties", "when_currencies", "when_minimum_amount")
REVIEW: Final = ("review_approvals", "review_roles", "review_people", "review_timeout_minutes")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a rule form must know besides the rule: the organization's defaults, who may review, and the clock."""

    now: datetime
    currency: str = "USD"
    time_zone: str = "UTC"
    reviewers: tuple[tuple[str, str], ...] = ()
    agents: tuple[tuple[str, str], ...] = ()
    directory: Directory | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Fields that stand together; `is_more` ones are folded away while they hold nothing."""

    title: str
    fields: tuple[str, ...]
    says: str = ""
    is_more: bool = False


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A section of one form on a page."""

    section: Section
    fields: list[BoundField] = field(default_factory=list)
    is_open: bool = True


class RuleForm(forms.Form):
    """One rule of a policy. A field's name is the parameter's; `when_…` and `review_…` stand for nested ones."""

    type: ClassVar[RuleType]
    title: ClassVar[str]
    icon: ClassVar[str]
    says: ClassVar[str]
    """One sentence for the person who chooses a type."""
    main: ClassVar[tuple[Section, ...]]
    paths: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Where a field's value stands in the rule, where that is not under its own name."""
    kept_empty: ClassVar[frozenset[str]] = frozenset()
    """Fields whose empty value means something."""

    when_categories = CategoriesField(
        label="Categories", required=False, help_text=f"As the app sends them, up to {MAX_WORDS}."
    )
    when_rails = forms.MultipleChoiceField(
        label="Rails", required=False, choices=RAILS, widget=forms.CheckboxSelectMultiple
    )
    when_counterparties = PayeesField(
        label="Counterparties",
        required=False,
        placeholder="cpt_…",
        help_text=f"Found by name or identifier, up to {MAX_WORDS}; or their ids, one per line.",
    )
    when_currencies = CodesField(
        label="Currencies", required=False, placeholder="USD EUR", help_text=f"Codes, up to {MAX_CURRENCIES}."
    )
    when_minimum_amount = MoneyField(label="At least", required=False, help_text="Smaller payments pass this rule by.")
    review_approvals = forms.IntegerField(
        label="Approvals needed",
        required=False,
        initial=1,
        min_value=1,
        max_value=MAX_APPROVALS,
        help_text=f"1 to {MAX_APPROVALS} people.",
    )
    review_roles = forms.MultipleChoiceField(
        label="With one of these roles", required=False, widget=forms.CheckboxSelectMultiple
    )
    review_people = forms.MultipleChoiceField(
        label="Or these people", required=False, widget=forms.CheckboxSelectMultiple
    )
    review_timeout_minutes = DurationField(
        label="Time to answer",
        required=False,
        initial=DEFAULT_TIMEOUT_MINUTES,
        help_text=f"Up to {MAX_TIMEOUT_MINUTES // (24 * 60)} days; then the payment is declined.",
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        around: Surroundings,
        rule: Mapping[str, Any] | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        self.around = around
        self.rule = rule or {}
        self.key = str(rule["key"]) if rule and "key" in rule else self.type.value.lower()
        known = {name: value for name in self.base_fields if (value := self.in_rule(self.rule, name)) is not None}
        super().__init__(data, initial={**known, **(initial or {})})
        self.parsed: Rule | None = None
        self.plain: Plain = {}
        for name, one in self.fields.items():
            self.fit(name, one)
        self.name_picks()
        self.name_exemptions()

    @classmethod
    def path_of(cls, name: str) -> tuple[str, ...]:
        """Return where a field's value stands in the rule."""
        for group in ("when", "review"):
            if name in (WHEN if group == "when" else REVIEW):
                return group, name.removeprefix(f"{group}_")
        return cls.paths.get(name, (name,))

    @classmethod
    def in_rule(cls, rule: Mapping[str, Any], name: str) -> Any:
        """Return what a rule has for a field; None where it has nothing."""
        value: Any = rule
        for step in cls.path_of(name):
            value = value.get(step) if isinstance(value, Mapping) else None
        return value

    def fit(self, name: str, one: forms.Field) -> None:
        """Give a field what depends on the organization."""
        if isinstance(one.widget, MoneyRows | ExemptionRows):
            one.widget.currency = self.around.currency
        if isinstance(one, ExemptionsField):
            one.directory = self.around.directory
            one.widget.found = one.found = {}
        if isinstance(one, MomentField):
            one.zone = self.around.time_zone
            one.original = str(self.initial.get(name, ""))
        if isinstance(one, forms.ChoiceField) and name == "time_zone":
            one.choices = [("", f"The organization's ({self.around.time_zone})"), *zone_choices()]
        if isinstance(one, forms.MultipleChoiceField) and name == "review_roles":
            one.choices = [(role, role.capitalize()) for role in reviewing_roles()]
        if isinstance(one, forms.MultipleChoiceField) and name == "review_people":
            one.choices = with_unknown(self.around.reviewers, self.initial.get(name, []), "Somebody who may not review")

    def name_picks(self) -> None:
        """Call counterparties by their names, and offer the categories that were seen."""
        picks = {name: one for name, one in self.fields.items() if isinstance(one, PicksField)}
        values = {name: self[name].value() for name, one in picks.items() if isinstance(one, PayeesField)}
        ids = {one for value in values.values() if isinstance(value, Picked) for one in value.ticked}
        names = self.names_of(filter(known_identifier, ids))
        for name, one in picks.items():
            assert isinstance(one.widget, PicksWidget), "this field's widget"
            if name in values:
                one.widget.words = names
            if isinstance(one, CategoriesField) and self.around.directory:
                one.widget.offered = [(category, category) for category in self.around.directory.categories()]

    def name_exemptions(self) -> None:
        """Offer the agents by name, and call the counterparties of exemptions by theirs."""
        for name, one in self.fields.items():
            if isinstance(one.widget, ExemptionRows):
                one.widget.agents = self.around.agents
                rows = self[name].value() or []
                one.widget.names = self.names_of({ticked for row in rows for ticked in row["counterparty"]})

    def exact_hours(self) -> Mapping[str, str] | None:
        """Return what rows with minutes open of which hours of the week; nothing in a form without hours."""
        for name, one in self.fields.items():
            if isinstance(one, HoursField):
                return exact_cells(self[name].value() or [])
        return None

    def names_of(self, ids: Iterable[str]) -> Mapping[str, str]:
        """Return the names of counterparties; nothing is asked where there are none."""
        wanted = list(ids)
        return self.around.directory.names(wanted) if wanted and self.around.directory else {}

    # --- Giving back --------------------------------------------------------------------------------------------------

    def clean(self) -> dict[str, Any]:
        """Build the rule and let the parser judge it; its faults stand at their fields."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            self.plain = self.build(cleaned)
            self.judge()
        return cleaned

    def build(self, cleaned: Mapping[str, Any]) -> Plain:
        """Return the rule as a document has it; what is empty is left out, what this form does not show is kept."""
        shown = {self.path_of(name)[0] for name in self.fields}
        kept = {name: value for name, value in self.rule.items() if name not in shown}
        rule: Plain = {**kept, "key": self.key, "type": self.type.value}
        for name in self.fields:
            value = cleaned.get(name)
            if name not in self.kept_empty and (value is None or value in ("", [], {})):
                continue
            *outer, last = self.path_of(name)
            inside = rule
            for step in outer:
                inside = inside.setdefault(step, {})
            inside[last] = value
        return rule

    def judge(self) -> None:
        """Parse the rule on its own."""
        try:
            (self.parsed,) = parse({"schema": SCHEMA_VERSION, "rules": [self.plain]}).rules
        except InvalidMany as error:
            for path, code, detail in error.errors:
                self.add_fault(path, code, detail)
        except Invalid as error:
            self.add_fault(error.field or "", error.code, error.detail)

    def add_fault(self, path: str, code: str, detail: str) -> None:
        """Show a fault of the parser or of a service at the field its path names, else above the form."""
        steps = [name or int(number) for name, number in TOKEN.findall(re.sub(r"^rules\[\d+\]", "", path))]
        for name in self.fields:
            own = list(self.path_of(name))
            if steps[: len(own)] == own:
                place = self.quoted(name, steps[len(own) :]) or where(self.row_shown(name, steps[len(own) :]))
                self.add_error(name, ValidationError(f"{place}{detail}", code=code))
                return
        self.add_error(None, ValidationError(detail, code=code))

    def quoted(self, name: str, steps: list[str | int]) -> str:
        """Return the value that a fault is about, where it is one of a list that people pick from."""
        members = self.cleaned_data.get(name)
        if not isinstance(self.fields[name], PicksField) or not isinstance(members, list):
            return ""
        place = steps[0] if steps and isinstance(steps[0], int) else None
        return f"{members[place]}: " if place is not None and place < len(members) else ""

    def row_shown(self, name: str, steps: list[str | int]) -> list[str | int]:
        """Return steps with the number of the row as the page shows it: ticked hours stand in none."""
        if not isinstance(self.fields[name], HoursField) or not steps or not isinstance(steps[0], int):
            return steps
        before = (self[name].value() or [])[: steps[0]]
        return [sum(not is_whole(row) for row in before), *steps[1:]]

    # --- Showing ------------------------------------------------------------------------------------------------------

    @classmethod
    def typed(
        cls,
        data: Mapping[str, Any],
        *,
        around: Surroundings,
        rule: Mapping[str, Any] | None,
        more: str = "",
        find: str = "",
    ) -> "RuleForm":
        """Return the form as it was typed, not judged yet.

        With one more empty row in the field `more`, or what was typed there among its chips; with what is found by the
        words of the field `find`.
        """
        shown = {name: one.widget.value_from_datadict(data, {}, name) for name, one in cls.base_fields.items()}
        if isinstance(taking := cls.base_fields.get(more), PicksField):
            shown[more] = taking.taken_up(shown[more])
        form = cls(around=around, rule=rule, initial=shown)
        if more in form.fields:
            form.fields[more].widget.asks_for_more = True
        if isinstance(looking := form.fields.get(find), PicksField) and isinstance(looking.widget, PicksWidget):
            words = shown[find].find.strip()
            looking.widget.found = around.directory.find(words) if words and around.directory else ()
        within, _, row = find.rpartition("-")
        if isinstance(exempting := form.fields.get(within), ExemptionsField):
            exempting.look_in(shown[within], row)
        return form

    def sections(self) -> list[ShownSection]:
        """Return the fields in the order of the page."""
        return [self.shown(section) for section in (*self.main, *self.common())]

    def common(self) -> tuple[Section, ...]:
        """Return the sections that every type has: who reviews, and which payments are judged."""
        reviewing = Section(
            "Who reviews", REVIEW, "Where this rule asks people. Nobody ticked: anybody who may review.", is_more=True
        )
        judged = Section(
            "Which payments", WHEN, "Empty: all of them. Others pass this rule by and are not counted.", is_more=True
        )
        return (*((reviewing,) if "review_approvals" in self.fields else ()), judged)

    def shown(self, section: Section) -> ShownSection:
        """Return a section; a folded one is open where it holds something or a fault."""
        names = section.fields
        is_used = any(self.holds_something(name) or (self.is_bound and name in self.errors) for name in names)
        return ShownSection(section, [self[name] for name in names], is_open=not section.is_more or is_used)

    def holds_something(self, name: str) -> bool:
        """Say whether a field shows something other than its default."""
        shown, default = self[name].value(), self.fields[name].prepare_value(self.fields[name].initial)
        return bool(shown) and str(shown) != str(default)


@lru_cache(maxsize=1)
def zone_choices() -> tuple[tuple[str, str], ...]:
    """Return the time zones that a rule may name."""
    return tuple((name, name.replace("_", " ")) for name in sorted(available_timezones()) if is_time_zone(name))


def where(steps: list[str | int]) -> str:
    """Return in words where within a field a fault is: `Row 2: `."""
    words = [f"row {step + 1}" if isinstance(step, int) else str(step) for step in steps]
    text = ", ".join(words)
    return f"{text[0].upper()}{text[1:]}: " if text else ""


def zone_field() -> forms.ChoiceField:
    """Return the field of a rule's time zone."""
    return forms.ChoiceField(
        label="Time zone", required=False, widget=LongSelect, help_text="Whose clock and calendar count."
    )


def on_breach_field(label: str = "When it is breached", *, initial: OnBreach = OnBreach.DENY) -> forms.ChoiceField:
    """Return the field of what a rule says when it is breached."""
    return forms.ChoiceField(label=label, choices=DENY_OR_REVIEW, widget=forms.RadioSelect, initial=initial.value)
