"""What can be read in a rule document and cannot be meant, or is probably not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import combinations
from typing import Final

from core.span import ANY_PAYMENT
from policies.engine import wording
from policies.engine.contradictions import CAPS, COUNTERPARTY_IDS, contradiction, currencies, money_maps, told
from policies.engine.document import Document
from policies.engine.judging import MACHINE_RAILS
from policies.engine.remedies import REMEDIES
from policies.engine.rules import (
    ApprovalThreshold,
    BlackoutPeriod,
    BudgetAllocation,
    Category,
    Expiration,
    Hours,
    MoneyMap,
    OnBreach,
    Per,
    Period,
    RailRule,
    Rule,
    SpendLimit,
    TimeWindow,
    Whitelist,
    WindowKind,
    amount_in,
)
from policies.engine.strictness import covers_at_least, is_as_strict
from policies.engine.windows import DAY_MINUTES, minutes_of_week

DAY: Final = timedelta(days=1)
WHOLE_WEEK: Final = (1 << 7 * DAY_MINUTES) - 1
"""Every minute of it, as `minutes_of_week` counts them."""


class Level(StrEnum):
    """An error keeps a draft from being published; a warning wants to be seen."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that lint found, with the path of the field it is about."""

    level: Level
    code: str
    path: str
    detail: str

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.code]


NESTED: Final = (
    ("per_transaction", ("hourly", "daily", "weekly", "monthly", "total")),
    ("hourly", ("daily", "weekly", "monthly", "total")),
    ("daily", ("weekly", "monthly", "total")),
    ("weekly", ("total",)),
    ("monthly", ("total",)),
)
"""What lies wholly within a longer window; a calendar week may lie in two months."""


def lint(document: Document) -> tuple[Finding, ...]:
    """Return what is wrong or doubtful, errors first."""
    rules = document.rules
    return in_order(
        [
            *_about_the_whole(rules),
            *(one for place, rule in enumerate(rules) for one in _about(place, rule)),
            *(one for places in combinations(range(len(rules)), 2) for one in _about_two(rules, *places)),
            *_currencies_that_some_lack(rules),
        ]
    )


def lint_at(document: Document, now: datetime) -> tuple[Finding, ...]:
    """Return what is doubtful about a document at this moment: rules whose time is over."""
    return tuple(one for place, rule in enumerate(document.rules) for one in _about_its_time(rule, place, now))


def in_order(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings once each, errors first, then by their place."""
    return tuple(
        sorted(dict.fromkeys(found), key=lambda finding: (finding.level is not Level.ERROR, finding.path, finding.code))
    )


# --- The whole --------------------------------------------------------------------------------------------------------


def _about_the_whole(rules: Sequence[Rule]) -> Iterator[Finding]:
    if not rules:
        detail = "A policy without rules applies to nothing: alone it denies every payment."
        yield Finding(Level.WARNING, "rules_empty", "rules", detail)
        return
    guards = [(place, rule) for place, rule in enumerate(rules) if _guards_money(rule)]
    if not guards:
        detail = "No rule of this policy limits amounts: unless another policy does, any amount passes."
        yield Finding(Level.WARNING, "money_unguarded", "rules", detail)
    if any(_caller_field(rule) is None for _, rule in guards):
        return
    for place, rule in guards:
        field = _caller_field(rule)
        detail = f"It goes by the {field}, which the app states itself: by stating another {field} it gets new room."
        yield Finding(Level.WARNING, "caller_field_guards", f"rules[{place}]", detail)


def _guards_money(rule: Rule) -> bool:
    return isinstance(rule, SpendLimit | BudgetAllocation | ApprovalThreshold) or _has_ceiling(rule)


def _has_ceiling(rule: Rule) -> bool:
    return isinstance(rule, RailRule) and bool(rule.ceiling)


def _caller_field(rule: Rule) -> str | None:
    """Return the field of the caller's own making by which the rule can be escaped, or None (specification §4)."""
    if isinstance(rule, SpendLimit) and rule.per is Per.SESSION and not rule.per_transaction:
        return "session"
    if isinstance(rule, BudgetAllocation) and rule.period is Period.SESSION:
        return "session"
    if isinstance(rule, RailRule) and not (rule.allowed and set(rule.allowed) <= set(MACHINE_RAILS)):
        return "rail"
    if rule.when.categories:
        return "category"
    return "rail" if rule.when.rails else None


def _currencies_that_some_lack(rules: Sequence[Rule]) -> Iterator[Finding]:
    """Look at the rules that judge payments in every currency: what one of them lacks is denied, whoever names it."""
    named = [(place, rule, currencies(rule)) for place, rule in enumerate(rules) if not rule.when.currencies]
    known = frozenset(name for _, rule, _ in named for caps in money_maps(rule) for name, _ in caps)
    for place, rule, covered in named:
        # No currency at all is an error of its own.
        if covered and (lacking := sorted(known - covered)):
            denied = f"The rule {rule.key} denies payments in {wording.listed(lacking, 'and')}"
            detail = f"{denied}: it has no amount for them, or not in each of its limits."
            yield Finding(Level.WARNING, "currency_not_everywhere", f"rules[{place}]", detail)


# --- One rule ---------------------------------------------------------------------------------------------------------


def _about(place: int, rule: Rule) -> Iterator[Finding]:
    path = f"rules[{place}]"
    match rule:
        case SpendLimit():
            yield from _caps_without_effect(rule, path)
        case Whitelist(allowed=()):
            yield Finding(Level.WARNING, "whitelist_empty", f"{path}.allowed", "An empty list denies everybody.")
        case TimeWindow():
            yield from _never_open(rule.windows, f"{path}.windows")
            yield from _without_zone(rule, path)
        case BlackoutPeriod():
            yield from _never_open(rule.hours, f"{path}.hours")
            if rule.on_breach is OnBreach.DENY and minutes_of_week(rule.hours) == WHOLE_WEEK:
                detail = "Its hours close the whole week, so it denies every payment that it judges."
                yield Finding(Level.ERROR, "always_closed", f"{path}.hours", detail)
            yield from _without_zone(rule, path)
        case _:
            pass
    yield from _unmatched(rule, path)
    if rule.review.people and not rule.review.roles and rule.review.approvals > len(rule.review.people):
        people = wording.count(len(rule.review.people), "person", "people")
        detail = f"It asks for {rule.review.approvals} approvals and names only {people}."
        yield Finding(Level.ERROR, "quorum_unreachable", f"{path}.review.approvals", detail)
    if lacking := sorted(set(rule.when.currencies) - (currencies(rule) or frozenset())) if money_maps(rule) else []:
        named = wording.listed(lacking, "and")
        detail = (
            f"It judges payments in {named} without an amount for that: it denies them, unless a peg says otherwise."
        )
        yield Finding(Level.WARNING, "judged_without_amount", f"{path}.when.currencies", detail)
    if money_maps(rule) and not currencies(rule):
        detail = "No currency has an amount in each of its limits, so it denies every payment."
        yield Finding(Level.ERROR, "never_allowed", path, detail)


def _about_its_time(rule: Rule, place: int, now: datetime) -> Iterator[Finding]:
    ends, path = None, f"rules[{place}]"
    if isinstance(rule, Expiration):
        ends, path = rule.valid_until, f"{path}.valid_until"
    elif isinstance(rule, BudgetAllocation):
        ends, path = rule.ends_at, f"{path}.ends_at"
    elif isinstance(rule, BlackoutPeriod) and rule.dates and not rule.hours and not rule.holidays:
        last = max(each.last for each in rule.dates)
        # Whatever the zone, its last day is over a day after that of UTC.
        if last < (now - DAY).astimezone(UTC).date():
            detail = f"Its last day was {wording.day(last)}: it changes nothing any more."
            yield Finding(Level.WARNING, "already_over", f"{path}.dates", detail)
    if ends is not None and ends <= now:
        detail = f"It was over on {wording.moment(ends)}: since then it denies every payment that it judges."
        yield Finding(Level.WARNING, "already_over", path, detail)


def _never_open(several: tuple[Hours, ...], path: str) -> Iterator[Finding]:
    for place, one in enumerate(several):
        if one.start == one.end:
            detail = "It ends when it begins, so it never opens; for a whole day write 00:00 to 24:00."
            yield Finding(Level.ERROR, "hours_empty", f"{path}[{place}]", detail)


def _without_zone(rule: TimeWindow | BlackoutPeriod, path: str) -> Iterator[Finding]:
    if rule.time_zone is None:
        detail = "It names no time zone, so it goes by the organization's, and changes whenever that one is changed."
        yield Finding(Level.WARNING, "time_zone_missing", f"{path}.time_zone", detail)


def _unmatched(rule: Rule, path: str) -> Iterator[Finding]:
    """Look for a list of which nothing is left among the payments that the rule judges."""
    judged: tuple[str, ...] = ()
    if isinstance(rule, Category):
        judged = rule.when.categories
    elif isinstance(rule, RailRule):
        judged = rule.when.rails
    elif isinstance(rule, Whitelist) and all(name.startswith(COUNTERPARTY_IDS) for name in rule.allowed):
        judged = rule.when.counterparties
    allowed: tuple[str, ...] = getattr(rule, "allowed", ())
    if judged and allowed and set(judged).isdisjoint(allowed):
        detail = "The condition of the rule leaves out everything on this list, so nothing can ever match it."
        yield Finding(Level.ERROR, "list_unmatched", f"{path}.allowed", detail)


def _caps_without_effect(rule: SpendLimit, path: str) -> Iterator[Finding]:
    for short, longer in NESTED:
        for currency, amount in getattr(rule, short):
            lower = [name for name in longer if dict(getattr(rule, name)).get(currency, amount) < amount]
            if lower:
                bound, cap = (
                    wording.money(amount, currency),
                    wording.money(dict(getattr(rule, lower[0]))[currency], currency),
                )
                reached = f"The {short.replace('_', ' ')} limit of {bound} is never reached"
                detail = f"{reached}: the {lower[0]} limit is lower, {cap}."
                yield Finding(Level.WARNING, "cap_without_effect", f"{path}.{short}.{currency}", detail)


# --- Two rules --------------------------------------------------------------------------------------------------------


def _about_two(rules: Sequence[Rule], first: int, second: int) -> Iterator[Finding]:
    one, other = rules[first], rules[second]
    if why := contradiction(one, other):
        # What closes all of it is a mistake; what closes a part of it may be meant.
        level = Level.ERROR if one.when == ANY_PAYMENT else Level.WARNING
        detail = told(why, one.key, judging=one.when)
        yield Finding(level, "never_allowed", f"rules[{second}]", detail)
    for place, rule, by in ((second, other, one), (first, one, other)):
        if _is_shadowed(rule, by):
            detail = f"The rule {by.key} is at least as strict for every payment, so this one changes nothing."
            yield Finding(Level.WARNING, "rule_shadowed", f"rules[{place}]", detail)
            break
    for place, rule, by in ((first, one, other), (second, other, one)):
        if isinstance(rule, ApprovalThreshold) and isinstance(by, SpendLimit | BudgetAllocation):
            yield from _thresholds_out_of_reach(rule, by, f"rules[{place}]")


def _is_shadowed(rule: Rule, by: Rule) -> bool:
    return rule.type is by.type and is_as_strict(rule, by)


def _thresholds_out_of_reach(
    rule: ApprovalThreshold, limit: SpendLimit | BudgetAllocation, path: str
) -> Iterator[Finding]:
    """Look for amounts that are denied before people could be asked about them."""
    if limit.on_breach is OnBreach.REVIEW or not covers_at_least(limit.when, rule.when):
        return
    for currency, above in rule.above:
        for name, caps in _caps_below(rule, limit):
            cap = amount_in(caps, currency)
            if cap is not None and cap <= above:
                bound = f"{name} of {wording.money(cap, currency)}"
                denied = (
                    f"the {bound} in the rule {limit.key} denies whatever is above {wording.money(above, currency)}"
                )
                detail = f"Nobody is ever asked: {denied}."
                yield Finding(Level.WARNING, "threshold_out_of_reach", f"{path}.above.{currency}", detail)
                break


def _caps_below(rule: ApprovalThreshold, limit: SpendLimit | BudgetAllocation) -> Iterator[tuple[str, MoneyMap]]:
    """Yield the caps, by name, that a single payment, or the sum of a day in one zone, cannot pass."""
    if isinstance(limit, BudgetAllocation):
        # What is left of a pot at the beginning of a day is another question than what a day may take of it.
        if rule.cumulative is None:
            yield "budget", limit.amount
        return
    names: tuple[str, ...] = CAPS
    if rule.cumulative is not None:
        zones = limit.window, limit.time_zone
        is_same_day = limit.per is Per.AGENT and zones == (WindowKind.CALENDAR, rule.time_zone)
        names = ("daily", "weekly", "monthly", "total") if is_same_day else ()
    for name in names:
        yield f"{name.replace('_', ' ')} limit", getattr(limit, name)
