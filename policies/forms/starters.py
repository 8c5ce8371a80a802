"""Starters: drafts that a new policy can begin with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from policies.engine.document import SCHEMA_VERSION

Rule = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Starter:
    """A draft to begin with; its amounts are in the organization's currency."""

    key: str
    name: str
    says: str
    rules: Callable[[str], list[Rule]]

    def document(self, currency: str) -> dict[str, object]:
        """Return the rule document."""
        return {"schema": SCHEMA_VERSION, "rules": self.rules(currency)}


def session_budget(currency: str) -> list[Rule]:
    """A pot for each run, and a cap for what a single call may cost."""
    return [
        {"key": "session_budget", "type": "BUDGET_ALLOCATION", "amount": {currency: "25.00"}, "period": "session"},
        {
            "key": "daily_limit",
            "type": "SPEND_LIMIT",
            "per_transaction": {currency: "10.00"},
            "daily": {currency: "100.00"},
        },
    ]


def only_vendors(currency: str) -> list[Rule]:
    """A list of payees that is still to be filled in, and a daily limit."""
    return [
        {"key": "vendors", "type": "WHITELIST", "allowed": []},
        {"key": "daily_limit", "type": "SPEND_LIMIT", "daily": {currency: "500.00"}},
    ]


def review_above(currency: str) -> list[Rule]:
    """People decide above an amount; below it a daily limit holds."""
    return [
        {"key": "review_above", "type": "APPROVAL_THRESHOLD", "above": {currency: "100.00"}},
        {"key": "daily_limit", "type": "SPEND_LIMIT", "daily": {currency: "1000.00"}},
    ]


def office_hours(currency: str) -> list[Rule]:
    """Working days only; outside them people decide."""
    days = ["mon", "tue", "wed", "thu", "fri"]
    return [
        {
            "key": "office_hours",
            "type": "TIME_WINDOW",
            "windows": [{"days": days, "from": "09:00", "to": "17:00"}],
            "on_breach": "review",
        },
        {"key": "daily_limit", "type": "SPEND_LIMIT", "daily": {currency: "1000.00"}},
    ]


def machine_payments(currency: str) -> list[Rule]:
    """Streams of small payments over x402 and MPP."""
    return [
        {"key": "machine_rails", "type": "RAIL", "allowed": ["x402", "mpp"], "ceiling": {currency: "0.01"}},
        {"key": "hourly_limit", "type": "SPEND_LIMIT", "hourly": {currency: "1.00"}, "window": "rolling"},
    ]


STARTERS: Final = (
    Starter("empty", "Empty", "Begin without rules.", lambda _: []),
    Starter(
        "session_budget",
        "Research agent budget per session",
        "A pot for each run, a cap for each call.",
        session_budget,
    ),
    Starter("only_vendors", "Only these vendors", "A list of payees; everybody else is denied.", only_vendors),
    Starter("review_above", "Review above an amount", "Small payments pass, people decide the rest.", review_above),
    Starter("office_hours", "Office hours", "Mon–Fri 09:00–17:00; outside them people decide.", office_hours),
    Starter(
        "machine_payments", "Machine payments under a cent", "x402 and MPP with a price ceiling.", machine_payments
    ),
)


def starter(key: str) -> Starter:
    """Return a starter by its key."""
    return next(one for one in STARTERS if one.key == key)
