"""Rules and checks in plain language, as pages show them."""

from typing import Final, assert_never

from core.span import Condition
from policies.engine import wording
from policies.engine.counting import WINDOWS
from policies.engine.reasons import Reason, sentence
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
    Rule,
    SpendLimit,
    TimeWindow,
    Velocity,
    Whitelist,
    WindowKind,
)
from policies.engine.types import Check, Outcome, Said

ASKS_PEOPLE: Final = "anything else needs approval"
EACH: Final = {Per.AGENT: "", Per.AGENT_COUNTERPARTY: " to each counterparty", Per.SESSION: " in each session"}
ROLLING: Final = {
    "hourly": "in any hour",
    "daily": "in any 24 hours",
    "weekly": "in any 7 days",
    "monthly": "in any 30 days",
}
CALENDAR: Final = {
    "hourly": "an hour",
    "daily": "a day",
    "weekly": "a week",
    "monthly": "a month",
    "total": "altogether",
}
FILLINGS: Final = {
    Period.SESSION: " for each session",
    Period.DAY: " a day",
    Period.WEEK: " a week",
    Period.MONTH: " a month",
    Period.QUARTER: " a quarter",
    Period.YEAR: " a year",
    Period.ONCE: "",
}
SPENDS: Final[dict[str, tuple[str, str]]] = {
    Reason.HOURLY_LIMIT: ("this hour's spend", "the spend of the last hour"),
    Reason.DAILY_LIMIT: ("today's spend", "the spend of the last 24 hours"),
    Reason.WEEKLY_LIMIT: ("this week's spend", "the spend of the last 7 days"),
    Reason.MONTHLY_LIMIT: ("this month's spend", "the spend of the last 30 days"),
    Reason.TOTAL_LIMIT: ("the total spend", "the total spend"),
    Reason.BUDGET: ("what was drawn from the budget", "what was drawn from the budget"),
    Reason.DAILY_APPROVAL_THRESHOLD: ("today's spend", "today's spend"),
}
"""What a counted check adds up: in a calendar window, and in one that rolls or has no end."""

UNNAMED_SPEND: Final = ("what was counted", "what was counted")
BOUNDS: Final[dict[str, str]] = {
    Reason.APPROVAL_THRESHOLD: "threshold",
    Reason.DAILY_APPROVAL_THRESHOLD: "threshold",
    Reason.PRICE_CEILING: "price ceiling",
}
"""What a limit is called where it is not called limit."""

PASSED: Final[dict[str, str]] = {
    Reason.NOT_YET_VALID: "The rule is already valid.",
    Reason.EXPIRED: "The rule is still valid.",
    Reason.NOT_WHITELISTED: "The counterparty is on the list of those who may be paid.",
    Reason.COUNTERPARTY_BLOCKED: "The counterparty is not on the blocked list.",
    Reason.COUNTERPARTY_STANDING: "The counterparty has the standing that is needed.",
    Reason.COUNTERPARTY_UNKNOWN: "The counterparty may be paid as far as its being known goes.",
    Reason.FIRST_PAYMENT: "The counterparty was paid before, or may be paid for the first time.",
    Reason.CATEGORY_BLOCKED: "The category is not blocked.",
    Reason.CATEGORY_NOT_ALLOWED: "The category is allowed.",
    Reason.COUNTRY_BLOCKED: "The country is not blocked.",
    Reason.COUNTRY_NOT_ALLOWED: "The country is allowed.",
    Reason.RAIL_NOT_ALLOWED: "The rail is allowed.",
    Reason.OUTSIDE_TIME_WINDOW: "Money may move at this hour.",
    Reason.BLACKOUT_DATE: "No blackout is set for this day.",
    Reason.BLACKOUT_HOURS: "No blackout is set for this hour.",
    Reason.PUBLIC_HOLIDAY: "Today is not a public holiday.",
    Reason.DUPLICATE: "No equal payment was asked for a short time ago.",
}


def rule_sentence(rule: Rule) -> str:
    """Return what the rule says, in plain language, such as "At most $500.00 a day"."""
    return wording.sentences(*_says(rule), _condition(rule.when))


def check_sentence(check: Check) -> str:
    """Return what one check found: "This payment would take today's spend to $612.40, above the limit of $500.00"."""
    if check.limit is not None and check.requested is not None:
        found = _figures(check)
    elif check.outcome is Said.ALLOW:
        found = PASSED.get(check.code) or sentence(check.code)
    else:
        found = sentence(check.code)
    return f"{found} People decide." if check.outcome is Said.REVIEW else found


def _figures(check: Check) -> str:
    assert check.limit is not None, "the caller looked"
    assert check.requested is not None, "the caller looked"
    is_breached = check.outcome is not Said.ALLOW
    if check.code == Reason.VELOCITY:
        number = (check.used or 0) + check.requested
        if is_breached:
            return f"This would be ask number {number}; at most {check.limit} are allowed in the period."
        return f"This is ask number {number} of at most {check.limit} in the period."
    currency = check.currency or ""
    limit = wording.money(check.limit, currency)
    bound = BOUNDS.get(check.code, "limit")
    if check.used is None:
        amount = wording.money(check.requested, currency)
        return f"The amount of {amount} is {'above' if is_breached else 'within'} the {bound} of {limit}."
    in_calendar, without_end = SPENDS.get(check.code, UNNAMED_SPEND)
    spend = without_end if check.window_ends_at is None else in_calendar
    total = wording.money(check.used + check.requested, currency)
    if is_breached:
        return f"This payment would take {spend} to {total}, above the {bound} of {limit}."
    return f"This payment takes {spend} to {total} of {limit}."


def _says(rule: Rule) -> tuple[str, ...]:  # noqa: C901, PLR0911, PLR0912  one arm per rule type
    match rule:
        case SpendLimit():
            return _spend_limit(rule)
        case BudgetAllocation():
            return _budget(rule)
        case CounterpartyRule():
            return _counterparty(rule)
        case Whitelist():
            return _whitelist(rule)
        case Category():
            return (_list("for the category", rule.allowed, rule.blocked), _otherwise(rule.on_breach))
        case Geographic():
            return (_list("to counterparties in", rule.allowed, rule.blocked), _otherwise(rule.on_breach))
        case ApprovalThreshold():
            return (_threshold(rule), _exemptions(rule))
        case TimeWindow():
            return (f"only {wording.hours(rule.windows)}{_zone(rule.time_zone)}", _otherwise(rule.on_breach))
        case BlackoutPeriod():
            return _blackout(rule)
        case Velocity():
            period = wording.minutes(rule.period_minutes).removeprefix("an ").removeprefix("a ")
            asks = "1 ask" if rule.limit == 1 else f"{rule.limit} asks"
            return (f"at most {asks} in any {period}{EACH[rule.per]}", _more(rule.on_breach))
        case Expiration():
            return (_expiration(rule),)
        case RailRule():
            return _rail(rule)
        case Duplicate():
            fields = f" with the same {wording.listed(rule.match, 'and')}" if rule.match else ""
            verb = "needs approval" if rule.on_breach is OnBreach.REVIEW else "is denied"
            return (f"the same payment again{fields} within {wording.minutes(rule.minutes)} {verb}",)
        case _:
            assert_never(rule)


def _spend_limit(rule: SpendLimit) -> tuple[str, ...]:
    parts = [f"{wording.amounts(rule.per_transaction)} a payment"] if rule.per_transaction else []
    words = {**CALENDAR, **ROLLING} if rule.window is WindowKind.ROLLING else CALENDAR
    for field, *_ in WINDOWS:
        caps = getattr(rule, field)
        if caps:
            parts.append(f"{wording.amounts(caps)} {words[field]}")
    caps_listed = wording.listed(parts, "and", shown=len(parts))
    return (f"at most {caps_listed}{EACH[rule.per]}{_zone(rule.time_zone)}", _more(rule.on_breach))


def _budget(rule: BudgetAllocation) -> tuple[str, ...]:
    starts = f" from {wording.moment(rule.starts_at)}" if rule.starts_at else ""
    ends = f" until {wording.moment(rule.ends_at)}" if rule.ends_at else ""
    whose = "shared by all agents of the policy" if rule.shared else "for each agent"
    warning = (
        f"warns at {wording.listed([f'{mark} %' for mark in rule.warn_at], 'and', shown=10)}" if rule.warn_at else ""
    )
    pot = f"a budget of {wording.amounts(rule.amount)}{FILLINGS[rule.period]}{starts}{ends}, {whose}"
    return (pot + _zone(rule.time_zone), _more(rule.on_breach), warning)


def _counterparty(rule: CounterpartyRule) -> tuple[str, ...]:
    verb = "need approval" if rule.on_breach is OnBreach.REVIEW else "are denied"
    standing = "verified or trusted" if rule.require == "verified" else "trusted"
    return (
        f"never pays {wording.listed(rule.blocked, 'and')}" if rule.blocked else "",
        f"counterparties that are not {standing} {verb}" if rule.require else "",
        f"unknown counterparties {_many_say(rule.unknown)}" if rule.unknown else "",
        f"first payments to a counterparty {_many_say(rule.first_payment)}" if rule.first_payment else "",
    )


def _many_say(outcome: Outcome) -> str:
    return {Outcome.ALLOW: "are allowed", Outcome.REVIEW: "need approval", Outcome.DENY: "are denied"}[outcome]


def _whitelist(rule: Whitelist) -> tuple[str, ...]:
    if not rule.allowed:
        return ("pays nobody: the list is empty", _otherwise(rule.on_breach))
    return (f"pays only {wording.listed(rule.allowed, 'and')}", _otherwise(rule.on_breach))


def _list(where: str, allowed: tuple[str, ...], blocked: tuple[str, ...]) -> str:
    return (
        f"only {where} {wording.listed(allowed, 'or')}" if allowed else f"never {where} {wording.listed(blocked, 'or')}"
    )


def _threshold(rule: ApprovalThreshold) -> str:
    people = "one person" if rule.review.approvals == 1 else f"{rule.review.approvals} people"
    above = wording.amounts(rule.above)
    if rule.cumulative is not None:
        return f"once a day's spend passes {above}, {people} must approve{_zone(rule.time_zone)}"
    return f"above {above} a payment, {people} must approve"


def _exemptions(rule: ApprovalThreshold) -> str:
    words = [f"above {wording.amounts(one.above)} where {one.agent} pays {one.counterparty}" for one in rule.exemptions]
    return f"only {wording.listed(words, 'and')}" if words else ""


def _blackout(rule: BlackoutPeriod) -> tuple[str, ...]:
    parts = [f"on {wording.date_ranges(rule.dates)}"] if rule.dates else []
    if rule.hours:
        parts.append(wording.hours(rule.hours))
    if rule.holidays is not None:
        where = "-".join(part for part in (rule.holidays.country, rule.holidays.subdivision) if part)
        parts.append(f"on public holidays of {where}")
    when = wording.listed(parts, "or") + _zone(rule.time_zone)
    return (f"needs approval {when}" if rule.on_breach is OnBreach.REVIEW else f"never {when}",)


def _expiration(rule: Expiration) -> str:
    starts = f" from {wording.moment(rule.valid_from)}" if rule.valid_from else ""
    ends = f" until {wording.moment(rule.valid_until)}" if rule.valid_until else ""
    return f"only{starts}{ends}"


def _rail(rule: RailRule) -> tuple[str, ...]:
    return (
        f"only by {wording.listed(rule.allowed, 'or', shown=len(rule.allowed))}" if rule.allowed else "",
        f"at most {wording.amounts(rule.ceiling)} for one call on x402 or mpp" if rule.ceiling else "",
        _otherwise(rule.on_breach),
    )


def _otherwise(on_breach: OnBreach) -> str:
    return ASKS_PEOPLE if on_breach is OnBreach.REVIEW else ""


def _more(on_breach: OnBreach) -> str:
    return "more needs approval" if on_breach is OnBreach.REVIEW else ""


def _zone(time_zone: str | None) -> str:
    return f" ({time_zone})" if time_zone else ""


def _condition(when: Condition) -> str:
    parts = [
        f"{noun} {wording.listed(members, 'or')}"
        for noun, members in (
            ("category", when.categories),
            ("rail", when.rails),
            ("counterparty", when.counterparties),
            ("currency", when.currencies),
        )
        if members
    ]
    if when.minimum_amounts:
        parts.append(f"payments of at least {wording.amounts(when.minimum_amounts)}")
    return f"applies to {wording.listed(parts, 'and', shown=len(parts))}" if parts else ""
