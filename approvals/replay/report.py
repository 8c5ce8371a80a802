"""What a backtest adds up: outcomes before and after, sums, days, and the payments whose outcome is another one."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from approvals.replay.running import Decided
from core.canonical import decimal_text
from policies.engine.stored import decision_to_plain
from policies.engine.types import Outcome

KEPT: Final = 50
"""Changed payments kept of each kind of change, with their checks; the sums count all of them."""
MOST_REASONS: Final = 10
ZERO: Final = Decimal(0)
OUTCOMES: Final = tuple(outcome.value for outcome in Outcome)


@dataclass(slots=True)
class Cell:
    """Payments with one outcome before and one after: how many, and their sums by currency."""

    number: int = 0
    sums: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


@dataclass(slots=True)
class Day:
    """One day: how many asks had which outcome, and what was allowed by currency, before and after."""

    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    allowed_before: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    allowed_after: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


@dataclass(frozen=True, slots=True)
class Change:
    """One payment whose outcome is another one, with the new answer."""

    authorization: UUID
    before: str
    after: str
    decision: dict[str, Any]


class Report:
    """Adds up what a run decides; it grows with days and kinds of change, not with history."""

    def __init__(self, time_zone: str) -> None:
        self.zone = ZoneInfo(time_zone)
        self.cells: dict[tuple[str, str], Cell] = defaultdict(Cell)
        self.days: dict[date, Day] = defaultdict(Day)
        self.reasons: Counter[str] = Counter()
        self.changes: list[Change] = []
        self.asks = 0

    def add(self, decided: Decided) -> None:
        """Count one answer."""
        before, after = decided.asked.outcome, decided.decision.outcome.value
        currency, amount = decided.payment.counting_currency, decided.asked.amount
        self.asks += 1
        cell = self.cells[before, after]
        cell.number += 1
        cell.sums[currency] += amount
        day = self.days[decided.asked.asked_at.astimezone(self.zone).date()]
        day.before[before] += 1
        day.after[after] += 1
        # Each day names every currency that was asked for in it.
        day.allowed_before[currency] += amount if before == Outcome.ALLOW else ZERO
        day.allowed_after[currency] += amount if after == Outcome.ALLOW else ZERO
        if before == after:
            return
        self.reasons.update(decided.decision.reasons)
        if cell.number <= KEPT:
            self.changes.append(Change(decided.asked.id, before, after, decision_to_plain(decided.decision)))

    def to_plain(self) -> dict[str, Any]:
        """Return the sums as they are stored."""
        return {
            "asks": self.asks,
            "changed": sum(cell.number for (before, after), cell in self.cells.items() if before != after),
            "cells": [
                {"before": before, "after": after, "number": cell.number, "sums": _texts(cell.sums)}
                for (before, after), cell in sorted(self.cells.items())
            ],
            "reasons": [{"code": code, "number": number} for code, number in self.reasons.most_common(MOST_REASONS)],
            "days": [
                {
                    "day": day.isoformat(),
                    "before": {outcome: one.before[outcome] for outcome in OUTCOMES},
                    "after": {outcome: one.after[outcome] for outcome in OUTCOMES},
                    "allowed_before": _texts(one.allowed_before),
                    "allowed_after": _texts(one.allowed_after),
                }
                for day, one in sorted(self.days.items())
            ],
        }


def _texts(sums: dict[str, Decimal]) -> dict[str, str]:
    return {currency: decimal_text(amount) for currency, amount in sorted(sums.items())}
