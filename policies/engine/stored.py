"""Payment, facts and decision as they are stored: read back exactly, so that a decision can be made again."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from core.canonical import canonical_json, plain_json
from core.span import Condition, CounterKey, Measure, Span, Subject, Tally
from policies.engine.types import (
    Check,
    CounterMove,
    Decision,
    Earlier,
    Facts,
    Mode,
    Outcome,
    Payment,
    Rail,
    Requirement,
    Said,
    Standing,
)

Plain = Mapping[str, Any]


def payment_to_plain(payment: Payment) -> dict[str, Any]:
    """Return the payment as JSON."""
    return _object(payment)


def facts_to_plain(facts: Facts) -> dict[str, Any]:
    """Return the facts as JSON."""
    return _object(facts)


def decision_to_plain(decision: Decision) -> dict[str, Any]:
    """Return the decision as JSON."""
    return _object(decision)


def decision_bytes(decision: Decision) -> bytes:
    """Return the one byte form of a decision, by which a replay is compared."""
    return canonical_json(decision)


def payment_from_plain(stored: Plain) -> Payment:
    """Return the payment that was stored; raises `KeyError`, `TypeError` or `ValueError` where it cannot be one."""
    return Payment(
        **{
            **stored,
            "amount": Decimal(stored["amount"]),
            "asked_at": _moment(stored["asked_at"]),
            "identifiers": tuple(stored["identifiers"]),
            "other_identifiers": tuple(stored.get("other_identifiers", ())),
            "standing": Standing(stored["standing"]),
            "rail": _rail(stored["rail"]),
        }
    )


def facts_from_plain(stored: Plain) -> Facts:
    """Return the facts that were stored."""
    unread_before = stored.get("unread_before")
    return Facts(
        **{
            **stored,
            "now": _moment(stored["now"]),
            "tallies": {digest: Tally(Decimal(tally["used"])) for digest, tally in stored["tallies"].items()},
            "earlier": tuple(map(_earlier, stored["earlier"])),
            "frozen": tuple(stored["frozen"]),
            "unread_before": None if unread_before is None else _moment(unread_before),
        }
    )


def decision_from_plain(stored: Plain) -> Decision:
    """Return the decision that was stored."""
    return Decision(
        outcome=Outcome(stored["outcome"]),
        reasons=tuple(stored["reasons"]),
        checks=tuple(check_from_plain(check) for check in stored["checks"]),
        moves=tuple(_move(move) for move in stored["moves"]),
        requirements=tuple(_requirement(requirement) for requirement in stored["requirements"]),
        rests_on_earlier=stored["rests_on_earlier"],
    )


def check_from_plain(stored: Plain) -> Check:
    """Return one check of a stored decision."""
    amounts = {name: _amount(stored[name]) for name in ("limit", "used", "requested", "remaining")}
    ends_at = stored["window_ends_at"]
    return Check(
        **{
            **stored,
            **amounts,
            "mode": Mode(stored["mode"]),
            "outcome": Said(stored["outcome"]),
            "window_ends_at": None if ends_at is None else _moment(ends_at),
        }
    )


def counter_key_from_plain(stored: Plain) -> CounterKey:
    """Return the key of a counter."""
    condition = {name: tuple(members) for name, members in stored["condition"].items()}
    minimums = tuple((currency, Decimal(amount)) for currency, amount in condition["minimum_amounts"])
    start, end = stored["span"]["start"], stored["span"]["end"]
    return CounterKey(
        **{
            **stored,
            "measure": Measure(stored["measure"]),
            "subject": Subject(stored["subject"]),
            "condition": Condition(**{**condition, "minimum_amounts": minimums}),
            "span": Span(None if start is None else _moment(start), None if end is None else _moment(end)),
        }
    )


def _object(value: object) -> dict[str, Any]:
    made = orjson.loads(plain_json(value))
    assert isinstance(made, dict), "a dataclass is an object"
    return made


def _earlier(stored: Plain) -> Earlier:
    return Earlier(**{**stored, "asked_at": _moment(stored["asked_at"]), "rail": _rail(stored.get("rail"))})


def _rail(text: str | None) -> Rail | None:
    return None if text is None else Rail(text)


def _move(stored: Plain) -> CounterMove:
    return CounterMove(counter_key_from_plain(stored["key"]), Decimal(stored["amount"]), _amount(stored["cap"]))


def _requirement(stored: Plain) -> Requirement:
    return Requirement(**{**stored, "roles": tuple(stored["roles"]), "people": tuple(stored["people"])})


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
