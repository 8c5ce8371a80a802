"""The thirteen kinds of rule as a closed union of frozen dataclasses, and the policy in force that holds them."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Final, TypeAlias

from core.span import ANY_PAYMENT, Condition
from policies.engine.types import Mode, Outcome, Rail, Standing

MoneyMap: TypeAlias = tuple[tuple[str, Decimal], ...]
"""Currency and amount, sorted by currency: currencies do not mix."""

DEFAULT_TIMEOUT_MINUTES: Final = 24 * 60
"""A review waits a day unless the rule says otherwise (specification §3)."""


class RuleType(StrEnum):
    """The kinds of rule, by the names of the product's own documents."""

    SPEND_LIMIT = "SPEND_LIMIT"
    BUDGET_ALLOCATION = "BUDGET_ALLOCATION"
    COUNTERPARTY = "COUNTERPARTY"
    WHITELIST = "WHITELIST"
    CATEGORY = "CATEGORY"
    APPROVAL_THRESHOLD = "APPROVAL_THRESHOLD"
    TIME_WINDOW = "TIME_WINDOW"
    BLACKOUT_PERIOD = "BLACKOUT_PERIOD"
    VELOCITY = "VELOCITY"
    GEOGRAPHIC = "GEOGRAPHIC"
    EXPIRATION = "EXPIRATION"
    RAIL = "RAIL"
    DUPLICATE = "DUPLICATE"


class OnBreach(StrEnum):
    """What a rule says when it is breached."""

    DENY = "deny"
    REVIEW = "review"

    @property
    def outcome(self) -> Outcome:
        """The same as an answer of the engine."""
        return Outcome.REVIEW if self is OnBreach.REVIEW else Outcome.DENY


class WindowKind(StrEnum):
    """Whether a limit counts in the present day, week … or in the time that just went by."""

    CALENDAR = "calendar"
    ROLLING = "rolling"


class Per(StrEnum):
    """Whose spending a limit adds up."""

    AGENT = "agent"
    AGENT_COUNTERPARTY = "agent_counterparty"
    SESSION = "session"


class Period(StrEnum):
    """How long the pot of a budget lasts before it is filled again."""

    SESSION = "session"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ONCE = "once"


class Day(StrEnum):
    """A day of the week, Monday first as in ISO 8601."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class SameField(StrEnum):
    """What else must be the same for two payments to be one and the same."""

    PURPOSE = "purpose"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Review:
    """Who is asked where a rule says review; empty roles and people mean anybody who may review."""

    approvals: int = 1
    roles: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    timeout_minutes: int = DEFAULT_TIMEOUT_MINUTES


@dataclass(frozen=True, slots=True)
class Hours:
    """Recurring hours by the clock on the wall, in minutes of the day, `start` included and `end` excluded.

    Where `end` is before `start` they run past midnight and belong to the day on which they begin; equal ones
    never open.
    """

    start: int
    end: int
    days: tuple[Day, ...] = tuple(Day)


@dataclass(frozen=True, slots=True)
class DateRange:
    """Days of the calendar, the first and the last included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Holidays:
    """Public holidays of a country: `dates` are resolved when the version is published and known up to `until`."""

    country: str
    subdivision: str | None = None
    dates: tuple[date, ...] = ()
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBase:
    """What every rule carries: a key that is stable over versions, the payments it judges, and who reviews."""

    key: str
    when: Condition = ANY_PAYMENT
    review: Review = Review()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendLimit(RuleBase):
    """Caps on a single payment and on sums over time."""

    type: ClassVar = RuleType.SPEND_LIMIT
    per_transaction: MoneyMap = ()
    hourly: MoneyMap = ()
    daily: MoneyMap = ()
    weekly: MoneyMap = ()
    monthly: MoneyMap = ()
    total: MoneyMap = ()
    window: WindowKind = WindowKind.CALENDAR
    per: Per = Per.AGENT
    time_zone: str | None = None
    on_breach: OnBreach = OnBreach.DENY


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetAllocation(RuleBase):
    """A pot from which one or several agents draw."""

    type: ClassVar = RuleType.BUDGET_ALLOCATION
    amount: MoneyMap
    period: Period
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    shared: bool = True
    warn_at: tuple[int, ...] = ()
    time_zone: str | None = None
    on_breach: OnBreach = OnBreach.DENY


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterpartyRule(RuleBase):
    """Who may be paid, by standing and by a blocked list."""

    type: ClassVar = RuleType.COUNTERPARTY
    blocked: tuple[str, ...] = ()
    require: Standing | None = None
    unknown: Outcome | None = None
    first_payment: Outcome | None = None
    on_breach: OnBreach = OnBreach.DENY


@dataclass(frozen=True, slots=True, kw_only=True)
class Whitelist(RuleBase):
    """The only ones who may be paid; an empty list denies everybody."""

    type: ClassVar = RuleType.WHITELIST
    allowed: tuple[str, ...]
    on_breach: OnBreach = OnBreach.DENY


@dataclass(frozen=True, slots=True, kw_only=True)
class Category(RuleBase):
    """What may be paid for."""

    type: ClassVar = RuleType.CATEGORY
    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    on_breach: OnBreach = OnBreach.DENY


@dataclass(frozen=True, slots=True, order=True)
class Exemption:
    """One counterparty that one agent may pay more before people decide; both by public id."""

    agent: str
    counterparty: str
    above: MoneyMap


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalThreshold(RuleBase):
    """The amount above which people decide, for one payment or for the sum of a day.

    An exemption raises it for single payments, and never lowers it: who sends no identifier gains nothing.
    """

    type: ClassVar = RuleType.APPROVAL_THRESHOLD
    above: MoneyMap
    exemptions: tuple[Exemption, ...] = ()
    cumulative: Period | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow(RuleBase):
    """The hours in which money may move."""

    type: ClassVar = RuleType.TIME_WINDOW
    windows: tuple[Hours, ...]
    time_zone: str | None = None
    on_breach: OnBreach = OnBreach.DENY


@dataclass(frozen=True, slots=True, kw_only=True)
class BlackoutPeriod(RuleBase):
    """Days and hours in which no money moves."""

    type: ClassVar = RuleType.BLACKOUT_PERIOD
    dates: tuple[DateRange, ...] = ()
    hours: tuple[Hours, ...] = ()
    holidays: Holidays | None = None
    time_zone: str | None = None
    on_breach: OnBreach = OnBreach.DENY


@dataclass(frozen=True, slots=True, kw_only=True)
class Velocity(RuleBase):
    """How many asks may be answered with allow or review in the time that just went by."""

    type: ClassVar = RuleType.VELOCITY
    limit: int
    period_minutes: int
    per: Per = Per.AGENT
    on_breach: OnBreach = OnBreach.DENY


@dataclass(frozen=True, slots=True, kw_only=True)
class Geographic(RuleBase):
    """The countries whose counterparties may be paid."""

    type: ClassVar = RuleType.GEOGRAPHIC
    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    on_breach: OnBreach = OnBreach.DENY


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiration(RuleBase):
    """From when and until when money may move; `valid_from` included, `valid_until` excluded."""

    type: ClassVar = RuleType.EXPIRATION
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RailRule(RuleBase):
    """How money may move, and the price ceiling of one machine payment."""

    type: ClassVar = RuleType.RAIL
    allowed: tuple[Rail, ...] = ()
    ceiling: MoneyMap = ()
    on_breach: OnBreach = OnBreach.DENY


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate(RuleBase):
    """The same counterparty, amount and currency again within some minutes."""

    type: ClassVar = RuleType.DUPLICATE
    minutes: int
    match: tuple[SameField, ...] = ()
    on_breach: OnBreach = OnBreach.REVIEW


Rule: TypeAlias = (
    SpendLimit
    | BudgetAllocation
    | CounterpartyRule
    | Whitelist
    | Category
    | ApprovalThreshold
    | TimeWindow
    | BlackoutPeriod
    | Velocity
    | Geographic
    | Expiration
    | RailRule
    | Duplicate
)


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """A published version that judges a payment: `policy` and `version_id` are public ids."""

    policy: str
    name: str
    version_id: str
    version: int
    mode: Mode
    rules: tuple[Rule, ...] = field(repr=False)


def amount_in(amounts: MoneyMap, currency: str) -> Decimal | None:
    """Return the amount of `currency`, or None where the map does not cover it."""
    for name, amount in amounts:
        if name == currency:
            return amount
    return None
