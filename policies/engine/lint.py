"""What can be read in a rule document and cannot be meant, or is probably not."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from policies.engine.document import Document
from policies.engine.judging import MACHINE_RAILS
from policies.engine.rules import (
    ApprovalThreshold,
    BlackoutPeriod,
    BudgetAllocation,
    Hours,
    Per,
    Period,
    RailRule,
    Rule,
    SpendLimit,
    TimeWindow,
    Whitelist,
)


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


def lint(document: Document) -> tuple[Finding, ...]:
    """Return what is wrong or doubtful, errors first."""
    found = [
        *_about_the_whole(document),
        *(one for place, rule in enumerate(document.rules) for one in _about(place, rule)),
    ]
    return tuple(sorted(found, key=lambda finding: (finding.level is not Level.ERROR, finding.path, finding.code)))


def _about_the_whole(document: Document) -> Iterator[Finding]:
    if not document.rules:
        detail = "A policy without rules applies to nothing: alone it denies every payment."
        yield Finding(Level.WARNING, "rules_empty", "rules", detail)
        return
    guards = [(place, rule) for place, rule in enumerate(document.rules) if _guards_money(rule)]
    if not guards:
        detail = "No rule of this policy limits amounts: where others do not either, any amount passes."
        yield Finding(Level.WARNING, "money_unguarded", "rules", detail)
    if any(_caller_field(rule) is None for _, rule in guards):
        return
    for place, rule in guards:
        detail = f"Only the caller's word guards the money here: another {_caller_field(rule)} opens new room."
        yield Finding(Level.WARNING, "caller_field_guards", f"rules[{place}]", detail)


def _about(place: int, rule: Rule) -> Iterator[Finding]:
    path = f"rules[{place}]"
    match rule:
        case Whitelist(allowed=()):
            yield Finding(Level.WARNING, "whitelist_empty", f"{path}.allowed", "An empty list denies everybody.")
        case TimeWindow():
            yield from _never_open(rule.windows, f"{path}.windows")
        case BlackoutPeriod():
            yield from _never_open(rule.hours, f"{path}.hours")
        case _:
            pass


def _never_open(several: tuple[Hours, ...], path: str) -> Iterator[Finding]:
    for place, one in enumerate(several):
        if one.start == one.end:
            detail = "It ends when it begins, so it never opens; for a whole day write 00:00 to 24:00."
            yield Finding(Level.ERROR, "hours_empty", f"{path}[{place}]", detail)


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
