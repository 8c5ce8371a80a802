"""Counters and holds in memory: the books of a history that is followed again and stored nowhere."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from core.span import CounterKey, Measure, Tally, bucket_of, first_counted_bucket
from policies.engine.types import CounterMove, Payment
from spend.selectors.openings import Opened

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
BUCKETS_KEPT: Final = 200
"""Buckets of a rolling counter beyond which those that count no more are forgotten."""

Opening = Callable[[Sequence[CounterKey]], Mapping[str, Opened]]
"""What counters held before the history that is followed begins; those without a past are missing."""


@dataclass(slots=True)
class Counter:
    """A sum for one subject and span, or one by bucket where it rolls; one that `became` another is that one."""

    key: CounterKey
    used: Decimal = ZERO
    buckets: dict[int, Decimal] = field(default_factory=dict)
    became: "Counter | None" = None

    def used_at(self, asked_at: datetime, *, is_again: bool) -> Decimal:
        """Return what it holds in the window of `asked_at`; decided again, later sixtieths are left out."""
        rolling = self.key.rolling_seconds
        if rolling is None:
            return self.used
        first, last = first_counted_bucket(asked_at, rolling), bucket_of(asked_at, rolling)
        return sum(
            (used for bucket, used in self.buckets.items() if bucket >= first and (not is_again or bucket <= last)),
            ZERO,
        )

    def add(self, amount: Decimal, bucket: int | None) -> None:
        """Bring an amount into it."""
        if self.became is not None:
            self.became.add(amount, bucket)
        elif bucket is None:
            self.used += amount
        else:
            self.buckets[bucket] = self.buckets.get(bucket, ZERO) + amount

    def absorb(self, other: "Counter") -> None:
        """Take over what another one counted, and whatever is brought into that from now on."""
        self.used += other.used
        for bucket, used in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, ZERO) + used
        other.became = self

    def forget(self, before: int) -> None:
        """Let go of buckets that no window reaches any more."""
        self.buckets = {bucket: used for bucket, used in self.buckets.items() if bucket >= before}


@dataclass(slots=True)
class Entry:
    """What one payment set aside, spent and got back, and the counters that it was posted to."""

    asked_at: datetime
    held: Decimal = ZERO
    spent: Decimal = ZERO
    returned: Decimal = ZERO
    postings: list[tuple[Counter, int | None]] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        """What it takes of counters of money."""
        return self.held + self.spent - self.returned

    @property
    def is_gone(self) -> bool:
        """Nothing is set aside any more, and nothing was paid."""
        return not self.held and not self.spent


class Books:
    """Every counter that a rule looked at so far, by digest."""

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self.counters: dict[str, Counter] = {}

    def open(self, keys: Iterable[CounterKey]) -> None:
        """Begin to count under those of these keys that are new."""
        missing = {key.digest: key for key in keys if key.digest not in self.counters}
        if not missing:
            return
        opened = self.opening(list(missing.values()))
        for digest, key in missing.items():
            before = opened.get(digest, Opened())
            self.counters[digest] = Counter(key, before.used, dict(before.buckets))

    def tallies(
        self, keys: Sequence[CounterKey], asked_at: datetime, *, without: Entry | None = None
    ) -> dict[str, Tally]:
        """Return what open counters hold; `without` is the payment decided again, whose own part is left out."""
        is_again = without is not None
        own = {} if without is None else self._own(without)
        found: dict[str, Tally] = {}
        for digest in (key.digest for key in keys):
            used = self.counters[digest].used_at(asked_at, is_again=is_again)
            found[digest] = Tally(used - own[digest] if digest in own else used)
        return found

    def post(self, entry: Entry, moves: Iterable[CounterMove]) -> None:
        """Bring an entry, and where it is an ask one more of it, into the counters of a decision's moves."""
        for move in moves:
            self._post(entry, move.key, entry.total if move.key.measure is Measure.AMOUNT else ONE)

    def post_money(self, entry: Entry, keys: Iterable[CounterKey]) -> None:
        """Bring an entry into counters of money alone: it was no ask."""
        for key in keys:
            if key.measure is Measure.AMOUNT:
                self._post(entry, key, entry.total)

    def note(self, entry: Entry, payment: Payment, *, is_ask: bool) -> None:
        """Hear of an entry once it is posted: other counters than those of the moment may have to know of it."""

    def merge(self, merged: str, kept: str) -> None:
        """Hear that a payee was merged into another."""

    def move(self, entry: Entry, *, held: Decimal, spent: Decimal, returned: Decimal) -> None:
        """Set what an entry sets aside, has spent and got back; the counters of its postings follow."""
        before = entry.total
        entry.held, entry.spent, entry.returned = held, spent, returned
        change = entry.total - before
        if change:
            for counter, bucket in entry.postings:
                if counter.key.measure is Measure.AMOUNT:
                    counter.add(change, bucket)

    def forget_before(self, now: datetime) -> None:
        """Let go of counters whose window is over: whatever is asked for from now on counts in later ones."""
        forget_in(self.counters, now)

    def _post(self, entry: Entry, key: CounterKey, amount: Decimal) -> None:
        post(entry, self.counters[key.digest], amount)

    def _own(self, entry: Entry) -> dict[str, Decimal]:
        return {
            counter.key.digest: entry.total if counter.key.measure is Measure.AMOUNT else ONE
            for counter, _ in entry.postings
        }


def post(entry: Entry, counter: Counter, amount: Decimal) -> None:
    """Bring an amount of an entry into a counter, which follows the entry from then on."""
    rolling = counter.key.rolling_seconds
    bucket = None if rolling is None else bucket_of(entry.asked_at, rolling)
    counter.add(amount, bucket)
    entry.postings.append((counter, bucket))


def forget_in(counters: dict[str, Counter], now: datetime) -> None:
    """Let go of the counters, and of the buckets, that no window reaches any more."""
    for digest in [digest for digest, one in counters.items() if one.key.span.end and one.key.span.end <= now]:
        del counters[digest]
    for counter in counters.values():
        rolling = counter.key.rolling_seconds
        if rolling is not None and len(counter.buckets) > BUCKETS_KEPT:
            counter.forget(first_counted_bucket(now, rolling))
