"""What a rule counts: the counters that it looks at for one payment, and what each of them may hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from core.span import CounterKey, Measure, Span, Subject
from policies.engine.reasons import Reason
from policies.engine.rules import (
    ApprovalThreshold,
    BudgetAllocation,
    MoneyMap,
    Per,
    Period,
    Rule,
    RuleBase,
    SpendLimit,
    Velocity,
    WindowKind,
    amount_in,
)
from policies.engine.types import Outcome, Payment
from policies.engine.windows import CalendarPeriod, calendar_span

KEYS_KEPT: Final = 8_192
"""Keys kept per process: an agent's are the same all day, and a decision names each of them twice."""
ONE: Final = Decimal(1)
FOREVER: Final = Span(None, None)
NO_CURRENCY: Final = ""
"""A counter of asks adds up no money: it counts asks in every currency."""
UNKNOWN_COUNTERPARTY: Final = "unknown"
"""All payees of an agent that resolve to no counterparty share one counter: made-up payees open no new room."""

WINDOWS: Final[tuple[tuple[str, Reason, CalendarPeriod | None, int | None], ...]] = (
    ("hourly", Reason.HOURLY_LIMIT, CalendarPeriod.HOUR, 60 * 60),
    ("daily", Reason.DAILY_LIMIT, CalendarPeriod.DAY, 24 * 60 * 60),
    ("weekly", Reason.WEEKLY_LIMIT, CalendarPeriod.WEEK, 7 * 24 * 60 * 60),
    ("monthly", Reason.MONTHLY_LIMIT, CalendarPeriod.MONTH, 30 * 24 * 60 * 60),
    ("total", Reason.TOTAL_LIMIT, None, None),
)
"""The counted caps of a SPEND_LIMIT: field, reason, calendar period, seconds of the rolling window."""


@dataclass(frozen=True, slots=True)
class Look:
    """A rule's look at one counter: what it may hold with this payment in it, and what is said where it holds more."""

    code: Reason
    key: CounterKey
    cap: Decimal
    amount: Decimal
    above: Outcome
    warn_at: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Blind:
    """A rule that counts and cannot: why not."""

    code: Reason


def looks(rule: Rule, policy: str, payment: Payment, time_zone: str) -> Iterator[Look | Blind]:
    """Yield the counters that `rule` looks at for a payment that meets its condition; most rules look at none."""
    if isinstance(rule, SpendLimit):
        yield from _spend_limit_looks(rule, payment, rule.time_zone or time_zone)
    elif isinstance(rule, BudgetAllocation):
        yield _budget_look(rule, policy, payment, rule.time_zone or time_zone)
    elif isinstance(rule, ApprovalThreshold) and rule.cumulative is not None:
        yield _threshold_look(rule, payment, rule.time_zone or time_zone)
    elif isinstance(rule, Velocity):
        yield _velocity_look(rule, payment)


def _spend_limit_looks(rule: SpendLimit, payment: Payment, time_zone: str) -> Iterator[Look | Blind]:
    for field, code, period, rolling_seconds in WINDOWS:
        caps: MoneyMap = getattr(rule, field)
        if not caps:
            continue
        cap = amount_in(caps, payment.counting_currency)
        if cap is None:
            yield Blind(Reason.CURRENCY_NOT_COVERED)
        elif rule.per is Per.SESSION and payment.session is None:
            yield Blind(Reason.SESSION_MISSING)
        else:
            is_rolling = rule.window is WindowKind.ROLLING
            span = FOREVER if period is None or is_rolling else calendar_span(period, payment.asked_at, time_zone)
            key = _key(rule, payment, rule.per, span=span, rolling_seconds=rolling_seconds if is_rolling else None)
            yield Look(code, key, cap, payment.amount, rule.on_breach.outcome)


def _budget_look(rule: BudgetAllocation, policy: str, payment: Payment, time_zone: str) -> Look | Blind:
    cap = amount_in(rule.amount, payment.counting_currency)
    if cap is None:
        return Blind(Reason.CURRENCY_NOT_COVERED)
    is_per_session = rule.period is Period.SESSION
    if is_per_session and payment.session is None:
        return Blind(Reason.SESSION_MISSING)
    span = _budget_span(rule, payment.asked_at, time_zone)
    if span is None:
        return Blind(Reason.BUDGET_CLOSED)
    pot = f"{policy}/{rule.key}"
    key = _shared_key(
        payment.organization,
        Measure.AMOUNT,
        Subject.POT,
        payment.counting_currency,
        None,
        None,
        payment.session if is_per_session else None,
        pot if rule.shared else f"{pot}/{payment.agent}",
        rule.when,
        span,
        None,
    )
    return Look(Reason.BUDGET, key, cap, payment.amount, rule.on_breach.outcome, rule.warn_at)


def _budget_span(rule: BudgetAllocation, moment: datetime, time_zone: str) -> Span | None:
    """Return the filling of the pot that `moment` falls in, or None where the pot is closed then."""
    if rule.period is Period.SESSION:
        return FOREVER
    if rule.period is not Period.ONCE:
        return calendar_span(CalendarPeriod(rule.period.value), moment, time_zone)
    is_open = (rule.starts_at is None or moment >= rule.starts_at) and (rule.ends_at is None or moment < rule.ends_at)
    return Span(rule.starts_at, rule.ends_at) if is_open else None


def _threshold_look(rule: ApprovalThreshold, payment: Payment, time_zone: str) -> Look | Blind:
    above = amount_in(rule.above, payment.counting_currency)
    if above is None:
        return Blind(Reason.CURRENCY_NOT_COVERED)
    key = _key(rule, payment, Per.AGENT, span=calendar_span(CalendarPeriod.DAY, payment.asked_at, time_zone))
    return Look(Reason.DAILY_APPROVAL_THRESHOLD, key, above, payment.amount, Outcome.REVIEW)


def _velocity_look(rule: Velocity, payment: Payment) -> Look:
    key = _key(rule, payment, rule.per, measure=Measure.COUNT, rolling_seconds=rule.period_minutes * 60)
    return Look(Reason.VELOCITY, key, Decimal(rule.limit), ONE, rule.on_breach.outcome)


def _key(
    rule: RuleBase,
    payment: Payment,
    per: Per,
    *,
    measure: Measure = Measure.AMOUNT,
    span: Span = FOREVER,
    rolling_seconds: int | None = None,
) -> CounterKey:
    subject, counterparty, session = Subject.AGENT, None, None
    if per is Per.AGENT_COUNTERPARTY:
        subject, counterparty = Subject.AGENT_COUNTERPARTY, payment.counterparty or UNKNOWN_COUNTERPARTY
    elif per is Per.SESSION:
        subject, session = Subject.AGENT_SESSION, payment.session
    return _shared_key(
        payment.organization,
        measure,
        subject,
        payment.counting_currency if measure is Measure.AMOUNT else NO_CURRENCY,
        payment.agent,
        counterparty,
        session,
        None,
        rule.when,
        span,
        rolling_seconds,
    )


@lru_cache(maxsize=KEYS_KEPT)
def _shared_key(*fields: Any) -> CounterKey:
    """Return the key with these fields, in the order of `CounterKey`; it keeps the digest, which costs most."""
    return CounterKey(*fields)
