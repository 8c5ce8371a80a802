"""Objects in a rule document: how one is read, written and described, and those that stand inside rules."""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from typing import Any, Final

from core.errors import Invalid
from core.ids import Prefix
from core.span import Condition
from policies.engine import values
from policies.engine.kinds import MAX_CURRENCIES, Choice, Integer, Many, Money, PublicId
from policies.engine.rules import DateRange, Day, Exemption, Holidays, Hours, Review
from policies.engine.types import Rail
from policies.engine.values import Kind, below

MAX_WORDS: Final = 200
"""Categories, countries and ids of one condition."""
MAX_HOURS: Final = 50
"""Seven days with several openings each."""
MAX_DATE_RANGES: Final = 200
"""Some years of closing days."""
MAX_HOLIDAYS: Final = 2_000
"""Ten years of the country with the most of them, with room to spare."""
MAX_EXEMPTIONS: Final = 200
"""More pairs than this want a policy of their own."""
MAX_APPROVALS: Final = 10
"""A quorum beyond ten is a mistake."""
MAX_REVIEWERS: Final = 50
"""People named one by one; more than that is a role."""
MAX_TIMEOUT_MINUTES: Final = 30 * 24 * 60
"""A hold that waits longer than a month for a person keeps room from others for nothing."""


class ReviewingRole(StrEnum):
    """The roles that may review (specification §9)."""

    REVIEWER = "reviewer"
    ADMIN = "admin"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One field of an object in a document; `renamed` is its name in the dataclass where that is another one."""

    name: str
    kind: Kind
    says: str
    is_required: bool = False
    renamed: str | None = None

    @property
    def attribute(self) -> str:
        """Its name in the dataclass."""
        return self.renamed or self.name


@dataclass(frozen=True, slots=True)
class Shape:
    """An object in a document: its dataclass, its fields, and what must hold between them."""

    of: Callable[..., Any]
    purpose: str
    parameters: tuple[Parameter, ...]
    check: Callable[[Any, str], None] = lambda _value, _path: None

    @property
    def says(self) -> str:
        """What the value is, for people."""
        return f"an object of {', '.join(f'`{parameter.name}`' for parameter in self.parameters)}"

    def read(self, value: object, path: str) -> Any:
        """Return the dataclass that `value` stands for; raises `InvalidMany` with every fault in it."""
        if not isinstance(value, dict):
            raise Invalid("type_wrong", "Must be an object.", field=path)
        faults = values.Faults()
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in sorted(map(str, value.keys() - known.keys())):
            faults.add(below(path, name), "field_unknown", f"There is no such field. Known: {', '.join(known)}.")
        found = {
            parameter.attribute: faults.read(parameter.kind.read, value[name], below(path, name))
            for name, parameter in known.items()
            if name in value
        }
        for parameter in self.parameters:
            if parameter.is_required and parameter.name not in value:
                faults.add(below(path, parameter.name), "field_missing", "This field is required.")
        faults.raise_if_any()
        made = self.of(**found)
        self.check(made, path)
        return made

    def write(self, value: Any) -> dict[str, object]:
        """Return the fields of `value` that are not at their default."""
        defaults = {field.name: field.default for field in fields(value)}
        present = ((parameter, getattr(value, parameter.attribute)) for parameter in self.parameters)
        return {
            parameter.name: parameter.kind.write(member)
            for parameter, member in present
            if defaults[parameter.attribute] is MISSING or member != defaults[parameter.attribute]
        }

    def schema(self) -> dict[str, object]:
        """Return the JSON schema of the object."""
        return {
            "type": "object",
            "properties": {each.name: {**each.kind.schema(), "description": each.says} for each in self.parameters},
            "required": [each.name for each in self.parameters if each.is_required],
            "additionalProperties": False,
        }


def _check_dates(made: DateRange, path: str) -> None:
    if made.last < made.first:
        raise Invalid("range_reversed", "Must not be before the first day.", field=below(path, "to"))


def _check_hours(made: Hours, path: str) -> None:
    if made.start == 24 * 60:
        raise Invalid("time_invalid", "A day begins at 00:00; only its end may be 24:00.", field=below(path, "from"))


RAILS: Final = Many(Choice(tuple(Rail)), least=1, most=len(Rail))
CATEGORIES: Final = Many(values.CATEGORY, least=1, most=MAX_WORDS)
HOURS: Final = Shape(
    Hours,
    "Recurring hours; past midnight where `to` is before `from`.",
    (
        Parameter(
            "days", Many(Choice(tuple(Day)), least=1, most=len(Day)), "The days on which they begin; all by default."
        ),
        Parameter("from", values.CLOCK, "First minute.", renamed="start", is_required=True),
        Parameter(
            "to", values.CLOCK, "First minute after; 24:00 is the end of the day.", renamed="end", is_required=True
        ),
    ),
    _check_hours,
)
HOURS_LIST: Final = Many(HOURS, least=1, most=MAX_HOURS, is_set=False)

DATE_RANGE: Final = Shape(
    DateRange,
    "Days of the calendar.",
    (
        Parameter("from", values.DATE, "First day.", renamed="first", is_required=True),
        Parameter("to", values.DATE, "Last day, included.", renamed="last", is_required=True),
    ),
    _check_dates,
)

HOLIDAYS: Final = Shape(
    Holidays,
    "Public holidays.",
    (
        Parameter("country", values.COUNTRY, "The country.", is_required=True),
        Parameter("subdivision", values.SUBDIVISION, "The state or region, such as BE in DE."),
        Parameter("dates", Many(values.DATE, least=0, most=MAX_HOLIDAYS), "Resolved when the version is published."),
        Parameter("until", values.DATE, "The last day for which they are known; beyond it the rule denies."),
    ),
)

EXEMPTION: Final = Shape(
    Exemption,
    "One counterparty that one agent may pay more before people decide.",
    (
        Parameter("agent", PublicId(Prefix.AGENT, "an agent"), "Whose payments.", is_required=True),
        Parameter("counterparty", PublicId(Prefix.COUNTERPARTY, "a counterparty"), "To whom.", is_required=True),
        Parameter(
            "above",
            Money(),
            "People decide above this amount; the rule's own counts where it is higher.",
            is_required=True,
        ),
    ),
)

REVIEW: Final = Shape(
    Review,
    "Who is asked where the rule says review.",
    (
        Parameter("approvals", Integer(1, MAX_APPROVALS, "people"), "How many people must approve; 1 by default."),
        Parameter(
            "roles",
            Many(Choice(tuple(ReviewingRole)), least=0, most=len(ReviewingRole)),
            "Only people with one of these roles; anybody who may review by default.",
        ),
        Parameter(
            "people",
            Many(PublicId(Prefix.PERSON, "a person"), least=0, most=MAX_REVIEWERS),
            "Only these people.",
        ),
        Parameter(
            "timeout_minutes",
            Integer(1, MAX_TIMEOUT_MINUTES, "minutes"),
            "How long the request waits; 1440 (a day) by default.",
        ),
    ),
)

WHEN: Final = Shape(
    Condition,
    "Which payments the rule judges and counts; a field that the payment lacks counts as matching.",
    (
        Parameter("categories", CATEGORIES, "Only payments of these categories."),
        Parameter("rails", RAILS, "Only payments on these rails."),
        Parameter(
            "counterparties",
            Many(PublicId(Prefix.COUNTERPARTY, "a counterparty"), least=1, most=MAX_WORDS),
            "Only payments to these counterparties.",
        ),
        Parameter(
            "currencies",
            Many(values.CURRENCY, least=1, most=MAX_CURRENCIES),
            "Only payments in these currencies, or in one pegged to them.",
        ),
        Parameter("minimum_amount", Money(), "Only payments of at least this amount.", renamed="minimum_amounts"),
    ),
)
