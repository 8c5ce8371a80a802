"""What each rule type is made of: one table that drives the parser, the JSON schema, the forms and the reference."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.errors import Invalid
from policies.engine import values
from policies.engine.kinds import Choice, Integer, Many, Money
from policies.engine.rules import (
    ApprovalThreshold,
    BlackoutPeriod,
    BudgetAllocation,
    Category,
    CounterpartyRule,
    Duplicate,
    Expiration,
    Geographic,
    OnBreach,
    Per,
    Period,
    RailRule,
    RuleType,
    SameField,
    SpendLimit,
    TimeWindow,
    Velocity,
    Whitelist,
    WindowKind,
)
from policies.engine.shapes import (
    CATEGORIES,
    DATE_RANGE,
    EXEMPTION,
    HOLIDAYS,
    HOURS_LIST,
    MAX_DATE_RANGES,
    MAX_EXEMPTIONS,
    MAX_WORDS,
    RAILS,
    REVIEW,
    WHEN,
    Parameter,
    Shape,
)
from policies.engine.types import Outcome, Standing
from policies.engine.values import below

MAX_IDENTIFIERS: Final = 1_000
"""A list of payees longer than this belongs in the standing of the counterparties."""
MAX_PERIOD_MINUTES: Final = 366 * 24 * 60
"""A year."""
MAX_DUPLICATE_MINUTES: Final = 31 * 24 * 60
"""A month; payments that are alike month after month are meant."""
MAX_ASKS: Final = 1_000_000
"""More asks than one agent makes in a period."""
MAX_MARK: Final = 100
"""In per cent of the pot."""
MAX_MARKS: Final = 10
"""Nobody wants to be warned more often while one pot runs dry."""


@dataclass(frozen=True, slots=True)
class NeedsAnyOf:
    """A rule that says nothing without at least one of these parameters."""

    names: tuple[str, ...]

    def __call__(self, made: Any, path: str) -> None:
        """Refuse a rule that has none of them."""
        if all(getattr(made, name) in ((), None) for name in self.names):
            raise Invalid("field_missing", f"At least one of these is required: {', '.join(self.names)}.", field=path)


def _needs_one_list(made: Category | Geographic, path: str) -> None:
    if bool(made.allowed) == bool(made.blocked):
        raise Invalid("fields_conflict", "Give either allowed or blocked.", field=path)


def _check_threshold(made: ApprovalThreshold, path: str) -> None:
    if made.exemptions and made.cumulative is not None:
        raise Invalid("fields_conflict", "A sum of the day has no exemptions.", field=below(path, "exemptions"))


def _check_budget(made: BudgetAllocation, path: str) -> None:
    if made.period is not Period.ONCE and (made.starts_at or made.ends_at):
        raise Invalid("fields_conflict", "Dates belong to a budget of period once.", field=below(path, "period"))
    if made.starts_at and made.ends_at and made.ends_at <= made.starts_at:
        raise Invalid("range_reversed", "Must be after starts_at.", field=below(path, "ends_at"))


def _check_expiration(made: Expiration, path: str) -> None:
    if made.valid_from is None and made.valid_until is None:
        raise Invalid("field_missing", "At least one of these is required: valid_from, valid_until.", field=path)
    if made.valid_from and made.valid_until and made.valid_until <= made.valid_from:
        raise Invalid("range_reversed", "Must be after valid_from.", field=below(path, "valid_until"))


_OUTCOME: Final = Choice(tuple(Outcome))
_WHERE_ZONE: Final = Parameter("time_zone", values.TIME_ZONE, "The zone whose calendar and clock count.")
_ON_BREACH: Final = Parameter(
    "on_breach", Choice(tuple(OnBreach)), "What the rule says when it is breached; deny by default."
)
_COUNTRIES: Final = Many(values.COUNTRY, least=1, most=MAX_WORDS)
_IDENTIFIERS: Final = Many(values.IDENTIFIER, least=1, most=MAX_IDENTIFIERS)


_KEY: Final = Parameter("key", values.KEY, "Stable name of the rule within its policy.", is_required=True)
_WHEN: Final = Parameter("when", WHEN, WHEN.purpose)
_REVIEW: Final = Parameter("review", REVIEW, REVIEW.purpose)


SHAPES: Final[Mapping[RuleType, Shape]] = {
    RuleType.SPEND_LIMIT: Shape(
        SpendLimit,
        "Caps a single payment, and what is spent in an hour, a day, a week, a month or altogether.",
        (
            _KEY,
            _WHEN,
            Parameter("per_transaction", Money(), "The most in one payment."),
            Parameter("hourly", Money(), "The most in an hour."),
            Parameter("daily", Money(), "The most in a day."),
            Parameter("weekly", Money(), "The most in a week (ISO: from Monday), or in 7 days where rolling."),
            Parameter("monthly", Money(), "The most in a month, or in 30 days where rolling."),
            Parameter("total", Money(), "The most ever."),
            Parameter(
                "window", Choice(tuple(WindowKind)), "Calendar windows (default), or the time that just went by."
            ),
            Parameter(
                "per",
                Choice(tuple(Per)),
                "Whose spending is added up: the agent's (default), per counterparty, or per session.",
            ),
            _WHERE_ZONE,
            _ON_BREACH,
            _REVIEW,
        ),
        NeedsAnyOf(("per_transaction", "hourly", "daily", "weekly", "monthly", "total")),
    ),
    RuleType.BUDGET_ALLOCATION: Shape(
        BudgetAllocation,
        "A pot that one or several agents draw from.",
        (
            _KEY,
            _WHEN,
            Parameter("amount", Money(), "What is in the pot.", is_required=True),
            Parameter("period", Choice(tuple(Period)), "How long one filling lasts.", is_required=True),
            Parameter("starts_at", values.MOMENT, "From when a budget of period once is open."),
            Parameter("ends_at", values.MOMENT, "Until when a budget of period once is open, excluded."),
            Parameter("shared", values.BOOLEAN, "One pot for all assigned agents (default), or one for each."),
            Parameter(
                "warn_at",
                Many(Integer(1, MAX_MARK, "per cent"), least=0, most=MAX_MARKS),
                "Marks at which a warning is given, in per cent.",
            ),
            _WHERE_ZONE,
            _ON_BREACH,
            _REVIEW,
        ),
        _check_budget,
    ),
    RuleType.COUNTERPARTY: Shape(
        CounterpartyRule,
        "Who may be paid, by blocked list and by standing.",
        (
            _KEY,
            _WHEN,
            Parameter(
                "blocked", _IDENTIFIERS, "Never paid, whichever of their identifiers is sent; nor is who sends none."
            ),
            Parameter(
                "require",
                Choice(
                    (
                        Standing.VERIFIED,
                        Standing.TRUSTED,
                    )
                ),
                "The standing that is needed.",
            ),
            Parameter("unknown", _OUTCOME, "What happens to payees of standing unknown."),
            Parameter(
                "first_payment", _OUTCOME, "What happens to the first payment of the organization to a counterparty."
            ),
            Parameter(
                "on_breach", Choice(tuple(OnBreach)), "What the rule says where the required standing is not met."
            ),
            _REVIEW,
        ),
        NeedsAnyOf(("blocked", "require", "unknown", "first_payment")),
    ),
    RuleType.WHITELIST: Shape(
        Whitelist,
        "The only ones who may be paid.",
        (
            _KEY,
            _WHEN,
            Parameter(
                "allowed",
                Many(values.IDENTIFIER, least=0, most=MAX_IDENTIFIERS),
                "Who may be paid; an empty list denies everybody.",
                is_required=True,
            ),
            _ON_BREACH,
            _REVIEW,
        ),
    ),
    RuleType.CATEGORY: Shape(
        Category,
        "What may be paid for.",
        (
            _KEY,
            _WHEN,
            Parameter("allowed", CATEGORIES, "Only these categories."),
            Parameter("blocked", CATEGORIES, "Any category but these."),
            _ON_BREACH,
            _REVIEW,
        ),
        _needs_one_list,
    ),
    RuleType.APPROVAL_THRESHOLD: Shape(
        ApprovalThreshold,
        "The amount above which people decide.",
        (
            _KEY,
            _WHEN,
            Parameter("above", Money(admits_zero=True), "People decide above this amount.", is_required=True),
            Parameter(
                "exemptions",
                Many(EXEMPTION, least=1, most=MAX_EXEMPTIONS),
                "Counterparties that an agent may pay more before people decide.",
            ),
            Parameter(
                "cumulative",
                Choice((Period.DAY,)),
                "Compare the sum of the agent's day instead of the single payment.",
            ),
            _WHERE_ZONE,
            _REVIEW,
        ),
        _check_threshold,
    ),
    RuleType.TIME_WINDOW: Shape(
        TimeWindow,
        "The hours in which money may move.",
        (
            _KEY,
            _WHEN,
            Parameter("windows", HOURS_LIST, "Open in any of these.", is_required=True),
            _WHERE_ZONE,
            _ON_BREACH,
            _REVIEW,
        ),
    ),
    RuleType.BLACKOUT_PERIOD: Shape(
        BlackoutPeriod,
        "Days and hours in which no money moves.",
        (
            _KEY,
            _WHEN,
            Parameter(
                "dates",
                Many(DATE_RANGE, least=1, most=MAX_DATE_RANGES, is_set=False),
                "Closed on these days.",
            ),
            Parameter("hours", HOURS_LIST, "Closed in these hours."),
            Parameter("holidays", HOLIDAYS, "Closed on public holidays."),
            _WHERE_ZONE,
            _ON_BREACH,
            _REVIEW,
        ),
        NeedsAnyOf(("dates", "hours", "holidays")),
    ),
    RuleType.VELOCITY: Shape(
        Velocity,
        "How many asks may be answered with allow or review in the time that just went by.",
        (
            _KEY,
            _WHEN,
            Parameter("limit", Integer(1, MAX_ASKS, "asks"), "The most asks.", is_required=True),
            Parameter(
                "period_minutes", Integer(1, MAX_PERIOD_MINUTES, "minutes"), "In so many minutes.", is_required=True
            ),
            Parameter(
                "per",
                Choice(
                    (
                        Per.AGENT,
                        Per.AGENT_COUNTERPARTY,
                    )
                ),
                "Whose asks are counted: the agent's (default), or per counterparty.",
            ),
            _ON_BREACH,
            _REVIEW,
        ),
    ),
    RuleType.GEOGRAPHIC: Shape(
        Geographic,
        "The countries of the counterparties that may be paid.",
        (
            _KEY,
            _WHEN,
            Parameter("allowed", _COUNTRIES, "Only these countries."),
            Parameter("blocked", _COUNTRIES, "Any country but these."),
            _ON_BREACH,
            _REVIEW,
        ),
        _needs_one_list,
    ),
    RuleType.EXPIRATION: Shape(
        Expiration,
        "From when and until when money may move.",
        (
            _KEY,
            _WHEN,
            Parameter("valid_from", values.MOMENT, "Denies before."),
            Parameter("valid_until", values.MOMENT, "Denies from then on."),
        ),
        _check_expiration,
    ),
    RuleType.RAIL: Shape(
        RailRule,
        "How money may move, and the most that one machine payment may cost.",
        (
            _KEY,
            _WHEN,
            Parameter("allowed", RAILS, "Only these rails."),
            Parameter("ceiling", Money(), "The most for one call on x402 or mpp; other rails are not judged by it."),
            _ON_BREACH,
            _REVIEW,
        ),
        NeedsAnyOf(("allowed", "ceiling")),
    ),
    RuleType.DUPLICATE: Shape(
        Duplicate,
        "The same counterparty, amount and currency again.",
        (
            _KEY,
            _WHEN,
            Parameter(
                "minutes", Integer(1, MAX_DUPLICATE_MINUTES, "minutes"), "Within so many minutes.", is_required=True
            ),
            Parameter(
                "match",
                Many(Choice(tuple(SameField)), least=0, most=len(SameField)),
                "What else must be the same; a field that either payment lacks counts as the same.",
            ),
            Parameter("on_breach", Choice(tuple(OnBreach)), "What the rule says of a duplicate; review by default."),
            _REVIEW,
        ),
    ),
}
