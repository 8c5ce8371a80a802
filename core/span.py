"""Spans of time and the names of counters: what the rules count in and what the money side keeps."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final

from core.canonical import decimal_text, moment_text

ROLLING_BUCKETS: Final = 60
"""A rolling window is cut in sixty; the partial oldest bucket counts whole, so it may refuse a sixtieth early."""
REMEMBERED: Final = "_remembered"
"""Where a key keeps its digest: the underscore keeps it out of the JSON that orjson makes of dataclasses."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


class Measure(StrEnum):
    """What a counter adds up: money, or the number of asks."""

    AMOUNT = "amount"
    COUNT = "count"


class Subject(StrEnum):
    """Whose spending a counter adds up."""

    AGENT = "agent"
    AGENT_COUNTERPARTY = "agent_counterparty"
    AGENT_SESSION = "agent_session"
    POT = "pot"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, `start` included and `end` excluded; `None` means without bound on that side."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Condition:
    """The normalised `when` of a rule: which payments it judges and counts.

    An empty tuple means any. `counterparties` holds public ids, `minimum_amounts` pairs of counting
    currency and amount, sorted. A field that the payment lacks counts as matching.
    """

    categories: tuple[str, ...] = ()
    rails: tuple[str, ...] = ()
    counterparties: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    minimum_amounts: tuple[tuple[str, Decimal], ...] = ()

    def covers(
        self,
        *,
        category: str | None,
        rail: str | None,
        counterparty: str | None,
        currency: str,
        counting_currency: str,
        amount: Decimal,
    ) -> bool:
        """Say whether a payment is judged and counted: `currencies` may name its own currency or the one it counts in.

        Where `minimum_amounts` lacks the counting currency nothing excludes the payment: it counts.
        """
        if self.categories and category is not None and category not in self.categories:
            return False
        if self.rails and rail is not None and rail not in self.rails:
            return False
        if self.counterparties and counterparty is not None and counterparty not in self.counterparties:
            return False
        if self.currencies and currency not in self.currencies and counting_currency not in self.currencies:
            return False
        return all(name != counting_currency or amount >= minimum for name, minimum in self.minimum_amounts)


ANY_PAYMENT: Final = Condition()


@dataclass(frozen=True)
class CounterKey:
    """What a counter counts; equal keys share one counter, whichever rules and versions cap it.

    `agent`, `counterparty` are public ids. `pot` is `policy/rule key` (with `/agent` where each agent has its own).
    A calendar counter has a `span`; a rolling one has `rolling_seconds` and no span.
    """

    organization: str
    measure: Measure
    subject: Subject
    currency: str
    agent: str | None = None
    counterparty: str | None = None
    session: str | None = None
    pot: str | None = None
    condition: Condition = ANY_PAYMENT
    span: Span = Span(None, None)
    rolling_seconds: int | None = None

    @property
    def digest(self) -> str:
        """The key under which the counter is stored: SHA-256 in hex of every field, each framed by its length."""
        known: str | None = self.__dict__.get(REMEMBERED)
        if known is None:
            known = self.__dict__[REMEMBERED] = self._digest()
        return known

    def _digest(self) -> str:
        texts = (
            self.organization,
            self.measure.value,
            self.subject.value,
            self.currency,
            self.agent,
            self.counterparty,
            self.session,
            self.pot,
            None if self.rolling_seconds is None else str(self.rolling_seconds),
        )
        framed = "".join(map(_framed, texts)) + _span_text(self.span) + _condition_text(self.condition)
        return hashlib.sha256(framed.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Tally:
    """What a counter held when it was read: `used` counts holds and records."""

    used: Decimal


def bucket_of(moment: datetime, rolling_seconds: int) -> int:
    """Return the number of the sixtieth of a rolling window in which `moment` (aware) lies, counted from 1970."""
    return (moment - EPOCH) // MICROSECOND * ROLLING_BUCKETS // (rolling_seconds * 1_000_000)


def first_counted_bucket(moment: datetime, rolling_seconds: int) -> int:
    """Return the oldest bucket that counts at `moment`: the one in which the window begins, counted whole.

    From it to `bucket_of(moment)` there are sixty-one buckets: a window may refuse a sixtieth early and never late.
    """
    return bucket_of(moment, rolling_seconds) - ROLLING_BUCKETS


def _framed(text: str | None) -> str:
    return "-" if text is None else f"{len(text)}:{text}"


@lru_cache(maxsize=4096)
def _span_text(span: Span) -> str:
    return "".join(_framed(None if edge is None else moment_text(edge)) for edge in (span.start, span.end))


@lru_cache(maxsize=4096)
def _condition_text(condition: Condition) -> str:
    lists = (condition.categories, condition.rails, condition.counterparties, condition.currencies)
    minimums = tuple(f"{currency}={decimal_text(amount)}" for currency, amount in condition.minimum_amounts)
    return "".join(f"[{len(members)}" + "".join(map(_framed, members)) for members in (*lists, minimums))
