"""Rules that cannot both be met: whatever is asked for, one of them denies it."""

from typing import Final

from core.ids import Prefix
from core.span import ANY_PAYMENT, Condition
from policies.engine.judging import MACHINE_RAILS, is_listed
from policies.engine.rules import (
    ApprovalThreshold,
    BlackoutPeriod,
    BudgetAllocation,
    Category,
    CounterpartyRule,
    Expiration,
    Geographic,
    MoneyMap,
    OnBreach,
    RailRule,
    Rule,
    SpendLimit,
    TimeWindow,
    Whitelist,
)
from policies.engine.windows import minutes_of_week

COUNTERPARTY_IDS: Final = f"{Prefix.COUNTERPARTY.value}_"
CAPS: Final = ("per_transaction", "hourly", "daily", "weekly", "monthly", "total")


def contradiction(one: Rule, other: Rule) -> str | None:
    """Return why no payment that both rules judge can pass both, or None; looked at where they judge the same ones."""
    if one.when != other.when:
        return None
    if lacks_common_currency(one, other):
        return "they have amounts in no common currency, and each denies what it has no amount for"
    if _asks_people(one) or _asks_people(other):
        return None
    return _why(one, other) or _why(other, one)


def told(why: str, key: str, *, of: str = "", judging: Condition) -> str:
    """Return what lint says of a contradiction with the rule `key`, `of` another policy."""
    nothing = "nothing can ever pass" if judging == ANY_PAYMENT else "no payment of their condition can ever pass"
    return f"Together with the rule {key}{of} {nothing}: {why}."


def currencies(rule: Rule) -> frozenset[str] | None:
    """Return the currencies in which the rule lets anything pass, or None where it does not go by currency."""
    maps = money_maps(rule)
    return frozenset.intersection(*(frozenset(dict(each)) for each in maps)) if maps else None


def money_maps(rule: Rule) -> tuple[MoneyMap, ...]:
    """Return the amounts by currency that every payment is compared with; one that a map lacks is denied."""
    match rule:
        case SpendLimit():
            return tuple(caps for caps in (getattr(rule, name) for name in CAPS) if caps)
        case BudgetAllocation():
            return (rule.amount,)
        case ApprovalThreshold():
            return (rule.above,)
        case RailRule() if rule.ceiling and rule.allowed and set(rule.allowed) <= set(MACHINE_RAILS):
            return (rule.ceiling,)
        case _:
            return ()


def lacks_common_currency(one: Rule, other: Rule) -> bool:
    """Say whether every currency is denied by one of the two."""
    mine, yours = currencies(one), currencies(other)
    return mine is not None and yours is not None and mine.isdisjoint(yours)


def _asks_people(rule: Rule) -> bool:
    return getattr(rule, "on_breach", OnBreach.DENY) is OnBreach.REVIEW


def _why(one: Rule, other: Rule) -> str | None:
    if isinstance(one, Category) and isinstance(other, Category):
        return _why_lists(one.allowed, other.allowed, other.blocked)
    if isinstance(one, Geographic) and isinstance(other, Geographic):
        return _why_lists(one.allowed, other.allowed, other.blocked)
    if isinstance(one, RailRule) and isinstance(other, RailRule):
        return _why_lists(one.allowed, other.allowed, ())
    if isinstance(one, Whitelist) and isinstance(other, CounterpartyRule):
        is_blocked = bool(one.allowed) and all(is_listed(name, other.blocked) for name in one.allowed)
        return "everybody on the list of one is blocked by the other" if is_blocked else None
    if isinstance(one, Whitelist) and isinstance(other, Whitelist):
        return _why_nobody(one.allowed, other.allowed)
    return _why_never(one, other)


def _why_lists(allowed: tuple[str, ...], others: tuple[str, ...], blocked: tuple[str, ...]) -> str | None:
    left = set(allowed) - set(blocked)
    is_met = not allowed or (bool(left) and (not others or not left.isdisjoint(others)))
    return None if is_met else "what one of them allows the other does not"


def _why_nobody(listed: tuple[str, ...], others: tuple[str, ...]) -> str | None:
    """Compare counterparties only: one payee may have an identifier on each list."""
    is_known = bool(listed and others) and all(name.startswith(COUNTERPARTY_IDS) for name in (*listed, *others))
    return "no counterparty is on both lists" if is_known and set(listed).isdisjoint(others) else None


def _why_never(one: Rule, other: Rule) -> str | None:
    if isinstance(one, Expiration) and isinstance(other, Expiration):
        is_over = bool(one.valid_until and other.valid_from and one.valid_until <= other.valid_from)
        return "one of them ends before the other begins" if is_over else None
    if not isinstance(one, TimeWindow) or not isinstance(other, TimeWindow | BlackoutPeriod):
        return None
    if one.time_zone != other.time_zone:
        return None
    if isinstance(other, BlackoutPeriod):
        is_open = minutes_of_week(one.windows) & ~minutes_of_week(other.hours)
        return None if is_open else "all hours of one are closed by the other"
    return None if minutes_of_week(one.windows) & minutes_of_week(other.windows) else "their hours never overlap"
