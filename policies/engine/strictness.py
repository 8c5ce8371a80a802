"""The order of every parameter of every rule type: whether a changed rule is at least as strict as it was.

Anything that has no order counts as looser, and so does a parameter that stands in no table here: whoever adds one must
say what its order is, or each change of it asks for a second person (specification §5).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from core.span import Condition
from policies.engine.judging import STANDINGS_MEETING, is_listed
from policies.engine.rules import (
    ApprovalThreshold,
    BudgetAllocation,
    CounterpartyRule,
    DateRange,
    Exemption,
    Holidays,
    Hours,
    MoneyMap,
    OnBreach,
    Per,
    Period,
    RailRule,
    Review,
    Rule,
    RuleType,
    SpendLimit,
    Velocity,
    WindowKind,
)
from policies.engine.types import Outcome
from policies.engine.windows import minutes_of_week

Order = Callable[[Any, Any], bool]
"""Says whether the second of two is at least as strict as the first."""

STEPS: Final = 60
"""A rolling window is cut in sixty: one that is longer by less than a step may count less at its far end."""


def is_as_strict(old: Rule, new: Rule) -> bool:
    """Say whether `new` never answers looser than `old` where both look at the same payment and the same history."""
    return not loosened(old, new)


def loosened(old: Rule, new: Rule) -> tuple[str, ...]:
    """Return the attributes of the rule in which `new` is, or may be, looser than `old`; both have one type."""
    assert old.type is new.type, "rules of two types have no order"
    orders = {**EVERYWHERE, **ORDERS[old.type]}
    names = [field.name for field in fields(old) if field.name != "key"]
    return tuple(
        name
        for name in names
        if getattr(old, name) != getattr(new, name) and not (name in orders and orders[name](old, new))
    )


def judges_at_least(wide: Rule, narrow: Rule) -> bool:
    """Say whether `wide` judges every payment that `narrow` judges."""
    if not covers_at_least(wide.when, narrow.when):
        return False
    return not is_silent_elsewhere(wide) or is_silent_elsewhere(narrow)


def judges_everything(rule: Rule) -> bool:
    """Say whether there is no payment at all that the rule does not judge."""
    return rule.when == Condition() and not is_silent_elsewhere(rule)


def is_silent_elsewhere(rule: Rule) -> bool:
    """Say whether some payments meet the condition and are not judged: by a ceiling for machine payments alone."""
    return isinstance(rule, RailRule) and not rule.allowed


def covers_at_least(wide: Condition, narrow: Condition) -> bool:
    """Say whether every payment that meets `narrow` meets `wide`."""
    pairs = (
        (wide.categories, narrow.categories),
        (wide.rails, narrow.rails),
        (wide.counterparties, narrow.counterparties),
        (wide.currencies, narrow.currencies),
    )
    if not all(not more or (fewer and set(fewer) <= set(more)) for more, fewer in pairs):
        return False
    known = dict(narrow.minimum_amounts)
    return all(currency in known and known[currency] >= amount for currency, amount in wide.minimum_amounts)


# --- Orders of values -------------------------------------------------------------------------------------------------


def _is_lower(old: MoneyMap, new: MoneyMap) -> bool:
    """A currency that the map lacks is denied: to leave one out is stricter, to name another one is not."""
    if not old:
        return True
    known = dict(old)
    return bool(new) and all(currency in known and amount <= known[currency] for currency, amount in new)


def _is_stricter_outcome(old: Outcome | None, new: Outcome | None) -> bool:
    return (new or Outcome.ALLOW).strictness >= (old or Outcome.ALLOW).strictness


def _is_within(old: Sequence[str], new: Sequence[str]) -> bool:
    """A list of those who may: stricter with fewer, and anybody where it is empty."""
    return not old or (bool(new) and set(new) <= set(old))


def _are_in(some: Iterable[object], of: Iterable[object]) -> bool:
    return set(some) <= set(of)


def _are_all_blocked(old: Sequence[str], new: Sequence[str]) -> bool:
    return all(is_listed(name, new) for name in old)


def _were_all_allowed(old: Sequence[str], new: Sequence[str]) -> bool:
    return all(is_listed(name, old) for name in new)


def _is_later(old: Any, new: Any) -> bool:
    return old is None or (new is not None and new >= old)


def _is_earlier(old: Any, new: Any) -> bool:
    return old is None or (new is not None and new <= old)


def _is_closed_more(old: Sequence[Hours], new: Sequence[Hours]) -> bool:
    return minutes_of_week(old) & ~minutes_of_week(new) == 0


def _is_open_less(old: Sequence[Hours], new: Sequence[Hours]) -> bool:
    return minutes_of_week(new) & ~minutes_of_week(old) == 0


def _are_dates_closed(old: Sequence[DateRange], new: Sequence[DateRange]) -> bool:
    merged = _merged(new)
    return all(any(each.first <= one.first and one.last <= each.last for each in merged) for one in old)


def _merged(ranges: Sequence[DateRange]) -> list[DateRange]:
    """Return the same days as few ranges, those that touch put together."""
    found: list[DateRange] = []
    for one in sorted(ranges, key=lambda each: each.first):
        if found and (one.first - found[-1].last) <= timedelta(days=1):
            found[-1] = DateRange(found[-1].first, max(found[-1].last, one.last))
        else:
            found.append(one)
    return found


def _are_holidays_closed(old: Holidays | None, new: Holidays | None) -> bool:
    """Beyond the last known day the rule denies: to know holidays for longer is looser."""
    if old is None:
        return True
    if new is None or (new.country, new.subdivision) != (old.country, old.subdivision):
        return False
    until = new.until
    if until is None:
        return True
    return old.until is not None and until <= old.until and _are_in(_up_to(old.dates, until), new.dates)


def _up_to(dates: Sequence[date], until: date) -> list[date]:
    return [day for day in dates if day <= until]


# --- Orders of attributes ---------------------------------------------------------------------------------------------


def _by(name: str, order: Order) -> Order:
    def is_stricter(old: Any, new: Any) -> bool:
        return order(getattr(old, name), getattr(new, name))

    return is_stricter


def _is_condition_wider(old: Rule, new: Rule) -> bool:
    """Whom a minimum amount leaves without an answer is denied, so a minimum neither comes nor goes."""
    if isinstance(old, BudgetAllocation):
        return False  # a pot under another condition begins anew
    is_minimum_kept = bool(new.when.minimum_amounts) == bool(old.when.minimum_amounts)
    return is_minimum_kept and covers_at_least(new.when, old.when)


def _is_review_stricter(old: Rule, new: Rule) -> bool:
    if not (may_review(old) and may_review(new)):
        return True
    return (
        new.review.approvals >= old.review.approvals
        and new.review.timeout_minutes <= old.review.timeout_minutes
        and _are_reviewers_fewer(old.review, new.review)
    )


def may_review(rule: Rule) -> bool:
    """Say whether the rule can ever ask people."""
    if isinstance(rule, CounterpartyRule) and Outcome.REVIEW in (rule.unknown, rule.first_payment):
        return True
    if isinstance(rule, ApprovalThreshold):
        return True
    return getattr(rule, "on_breach", OnBreach.DENY) is OnBreach.REVIEW


def _are_reviewers_fewer(old: Review, new: Review) -> bool:
    """People and roles are asked together; where neither is named anybody who may review is."""
    if not (old.roles or old.people):
        return True
    return bool(new.roles or new.people) and _are_in(new.roles, old.roles) and _are_in(new.people, old.people)


def _is_breach_stricter(_old: Any, new: Any) -> bool:
    return bool(new.on_breach is OnBreach.DENY)


def _is_standing_breach_stricter(old: CounterpartyRule, new: CounterpartyRule) -> bool:
    return old.require is None or new.on_breach is OnBreach.DENY


def _is_standing_higher(old: CounterpartyRule, new: CounterpartyRule) -> bool:
    if old.require is None:
        return True
    return new.require is not None and set(STANDINGS_MEETING[new.require]) <= set(STANDINGS_MEETING[old.require])


def _counts_by_calendar(rule: SpendLimit) -> bool:
    return rule.window is WindowKind.CALENDAR and any((rule.hourly, rule.daily, rule.weekly, rule.monthly))


def _is_window_without_meaning(old: SpendLimit, _new: SpendLimit) -> bool:
    """Neither kind of window is the stricter one; for a cap without end there is no difference."""
    return not any((old.hourly, old.daily, old.weekly, old.monthly))


def _counts(rule: SpendLimit | Velocity) -> bool:
    return isinstance(rule, Velocity) or any((rule.hourly, rule.daily, rule.weekly, rule.monthly, rule.total))


def _is_sum_wider(old: SpendLimit | Velocity, new: SpendLimit | Velocity) -> bool:
    """All of an agent is at least what went to one counterparty. A session is not: without one a payment is denied."""
    return not _counts(old) or (old.per is Per.AGENT_COUNTERPARTY and new.per is Per.AGENT)


def _is_allowed_list_stricter(old: Any, new: Any) -> bool:
    """Either list says who may; a list of those allowed is stricter where it has nobody whom the other one blocked."""
    if old.allowed:
        return _is_within(old.allowed, new.allowed)
    if new.allowed:
        return set(new.allowed).isdisjoint(old.blocked)
    return _are_in(old.blocked, new.blocked)


def _are_exemptions_lower(old: ApprovalThreshold, new: ApprovalThreshold) -> bool:
    """An exemption counts where it is higher than the threshold for all, in the currencies of that."""
    common = dict(old.above)
    return all(
        amount <= max([common[currency], *_exempt(old, one, currency)])
        for one in new.exemptions
        for currency, amount in one.above
        if currency in common
    )


def _exempt(rule: ApprovalThreshold, pair: Exemption, currency: str) -> list[Decimal]:
    mine = [one for one in rule.exemptions if (one.agent, one.counterparty) == (pair.agent, pair.counterparty)]
    return [amount for one in mine for name, amount in one.above if name == currency]


def _is_period_longer(old: Velocity, new: Velocity) -> bool:
    return new.period_minutes * STEPS >= old.period_minutes * (STEPS + 1)


EVERYWHERE: Final[Mapping[str, Order]] = {
    "when": _is_condition_wider,
    "review": _is_review_stricter,
    "on_breach": _is_breach_stricter,
}
"""What orders the attributes that rules share."""

_CAPS: Final = ("per_transaction", "hourly", "daily", "weekly", "monthly", "total")
_LISTS: Final = dict.fromkeys(("allowed", "blocked"), _is_allowed_list_stricter)

ORDERS: Final[Mapping[RuleType, Mapping[str, Order]]] = {
    RuleType.SPEND_LIMIT: {
        **{name: _by(name, _is_lower) for name in _CAPS},
        "window": _is_window_without_meaning,
        "per": _is_sum_wider,
        "time_zone": lambda old, _new: not _counts_by_calendar(old),
    },
    RuleType.BUDGET_ALLOCATION: {
        "amount": _by("amount", _is_lower),
        "warn_at": lambda _old, _new: True,
        "time_zone": lambda old, _new: old.period in (Period.SESSION, Period.ONCE),
    },
    RuleType.COUNTERPARTY: {
        "blocked": _by("blocked", _are_all_blocked),
        "require": _is_standing_higher,
        "unknown": _by("unknown", _is_stricter_outcome),
        "first_payment": _by("first_payment", _is_stricter_outcome),
        "on_breach": _is_standing_breach_stricter,
    },
    RuleType.WHITELIST: {"allowed": _by("allowed", _were_all_allowed)},
    RuleType.CATEGORY: _LISTS,
    RuleType.APPROVAL_THRESHOLD: {
        "above": _by("above", _is_lower),
        "exemptions": _are_exemptions_lower,
        "cumulative": lambda old, _new: old.cumulative is None,
        "time_zone": lambda old, _new: old.cumulative is None,
    },
    RuleType.TIME_WINDOW: {"windows": _by("windows", _is_open_less)},
    RuleType.BLACKOUT_PERIOD: {
        "dates": _by("dates", _are_dates_closed),
        "hours": _by("hours", _is_closed_more),
        "holidays": _by("holidays", _are_holidays_closed),
    },
    RuleType.VELOCITY: {
        "limit": lambda old, new: new.limit <= old.limit,
        "period_minutes": _is_period_longer,
        "per": _is_sum_wider,
    },
    RuleType.GEOGRAPHIC: _LISTS,
    RuleType.EXPIRATION: {
        "valid_from": _by("valid_from", _is_later),
        "valid_until": _by("valid_until", _is_earlier),
    },
    RuleType.RAIL: {"allowed": _by("allowed", _is_within), "ceiling": _by("ceiling", _is_lower)},
    RuleType.DUPLICATE: {
        "minutes": lambda old, new: new.minutes >= old.minutes,
        "match": lambda old, new: _are_in(new.match, old.match),
    },
}
"""What orders the attributes of one type; an attribute that is named nowhere has no order."""
