"""Public holidays: resolved into dates when a version is published, so that a decision never asks a library."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Final

import holidays

from core.errors import Invalid
from policies.engine.document import Document
from policies.engine.rules import BlackoutPeriod, Holidays, Rule

YEARS_AHEAD: Final = 2
"""Dates are resolved up to the end of the second year after the present one; beyond it the rule cannot judge."""
YEARS_LEFT: Final = 1
"""Dates that reach at least to the end of the next year are kept, so that the same document gives the same version."""


def with_holidays(document: Document, *, known: Iterable[Rule], now: datetime) -> Document:
    """Return the document with the dates of its holidays, whatever dates it came with.

    Dates of the rules in `known` are taken over while they reach far enough. Raises `Invalid` (`holidays_unknown`) with
    the path of the country or the subdivision.
    """
    resolved = {
        _place(rule.holidays): rule.holidays for rule in known if isinstance(rule, BlackoutPeriod) and rule.holidays
    }
    rules = [
        replace(rule, holidays=_resolved(rule.holidays, resolved, f"rules[{index}].holidays", now))
        if isinstance(rule, BlackoutPeriod) and rule.holidays
        else rule
        for index, rule in enumerate(document.rules)
    ]
    return Document(tuple(rules))


def with_holidays_between(document: Document, since: datetime, until: datetime) -> Document:
    """Return the document with the public holidays of a whole period, which may be longer than they are resolved."""
    found = with_holidays(document, known=(), now=since)
    if since.year == until.year:
        return found
    later = with_holidays_between(document, since.replace(year=since.year + 1, month=1, day=1), until)
    return Document(tuple(map(_with_both, found.rules, later.rules)))


def _with_both(one: Rule, other: Rule) -> Rule:
    if not isinstance(one, BlackoutPeriod) or not isinstance(other, BlackoutPeriod) or not one.holidays:
        return one
    assert other.holidays is not None, "it is the same rule"
    dates = tuple(sorted({*one.holidays.dates, *other.holidays.dates}))
    return replace(one, holidays=replace(one.holidays, dates=dates, until=other.holidays.until))


def without_dates(document: Document) -> Document:
    """Return the document as a person wrote it: with countries, without the dates that were resolved."""
    return Document(tuple(rule_without_dates(rule) for rule in document.rules))


def rule_without_dates(rule: Rule) -> Rule:
    """Return the rule as a person wrote it."""
    if not isinstance(rule, BlackoutPeriod) or rule.holidays is None:
        return rule
    return replace(rule, holidays=replace(rule.holidays, dates=(), until=None))


def _place(of: Holidays) -> tuple[str, str | None]:
    return of.country, of.subdivision


def _resolved(of: Holidays, known: dict[tuple[str, str | None], Holidays], path: str, now: datetime) -> Holidays:
    earlier = known.get(_place(of))
    if earlier and earlier.until and earlier.until >= date(now.year + YEARS_LEFT, 12, 31):
        return earlier
    years = range(now.year, now.year + YEARS_AHEAD + 1)
    dates = sorted(_dates(of, years, path))
    return replace(of, dates=tuple(dates), until=date(years[-1], 12, 31))


def _dates(of: Holidays, years: range, path: str) -> list[date]:
    try:
        return list(holidays.country_holidays(of.country, subdiv=of.subdivision, years=years, expand=False))
    except NotImplementedError:
        place, field = (of.subdivision, "subdivision") if of.subdivision else (of.country, "country")
        detail = f"The public holidays of {place} are not known."
        raise Invalid("holidays_unknown", detail, field=f"{path}.{field}") from None
