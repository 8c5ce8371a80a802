"""History followed again under other rules: each ask is decided on the books of what went before it in this run."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from heapq import heappop, heappush
from itertools import chain, count
from typing import Final, Protocol
from uuid import UUID

from approvals.replay.books import Books, Entry
from approvals.replay.past import Asked, Past, Step, Unasked
from approvals.replay.twins import Same, Twins
from core.ids import Prefix, from_public, to_public
from core.span import CounterKey
from policies.engine.evaluate import Question, counters_needed, decide, lookback, put
from policies.engine.rules import CounterpartyRule, Duplicate, PolicyInForce, Rule
from policies.engine.types import Decision, Facts, Lookback, Outcome, Payment, Rail, Standing

ZERO: Final = Decimal(0)


class World(Protocol):
    """What decisions rest on besides the books, at each moment of the history."""

    organization: str
    time_zone: str

    def policies_at(self, agent_id: UUID, now: datetime) -> tuple[PolicyInForce, ...]:
        """Return the policies in force for an agent."""

    def payment_of(self, asked: Asked) -> Payment:
        """Return the payment as it is resolved at its ask."""

    def present(self, payee: str) -> str:
        """Return who a payee is, where it was merged into another."""

    def merges(self) -> Iterable[tuple[str, str]]:
        """Return who was merged into whom since it was asked last."""

    def frozen_at(self, asked: Asked) -> tuple[str, ...]:
        """Return the codes of the freezes in force at an ask."""


@dataclass(frozen=True, slots=True)
class Decided:
    """An ask of history, the facts that this run decided it on, and its answer."""

    asked: Asked
    payment: Payment
    policies: tuple[PolicyInForce, ...]
    facts: Facts
    decision: Decision
    keys: tuple[CounterKey, ...]
    lookback: Lookback | None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What of a decision does not hang on the books."""

    asked: Asked
    question: Question
    keys: tuple[CounterKey, ...]
    lookback: Lookback | None
    frozen: tuple[str, ...]


@dataclass(slots=True)
class Run:
    """One pass through history. `paid` answers which of some payees had been paid before it began."""

    world: World
    books: Books
    twins: Twins
    paid: Callable[[Sequence[UUID]], Iterable[UUID]]
    is_paid: dict[str, bool] = field(default_factory=dict)
    steps: list[tuple[datetime, int, Entry, Step, str | None]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)
    unasked: Iterator[Unasked] = field(default_factory=lambda: iter(()))
    next_unasked: Unasked | None = None

    def begin(self, unasked: Iterable[Sequence[Unasked]]) -> None:
        """Take what was spent without an ask, in the order of time; a part is read when its time has come."""
        self.unasked = chain.from_iterable(unasked)
        self.next_unasked = next(self.unasked, None)

    def remember(self, before: Past) -> None:
        """Take over equal payments that were asked for before the run begins, as they stand by now."""
        for asks in before.asks():
            for asked in asks:
                if asked.outcome == Outcome.DENY.value:
                    continue
                last = asked.course[-1] if asked.course else Step(asked.asked_at, asked.amount, ZERO, ZERO)
                entry = Entry(asked.asked_at, last.held, last.spent, last.returned)
                payment = self.world.payment_of(asked)
                same = same_as(asked, payment)
                self.twins.add(same, asked.id, payment, entry)

    def follow(self, asks: Sequence[Asked]) -> Iterator[Decided]:
        """Decide some asks one after the other; what became of each follows from its answer in this run."""
        prepared = [self._prepared(asked) for asked in asks]
        self._merge()
        self.books.open(key for one in prepared for key in one.keys)
        self._look_up_paid(prepared)
        for one in prepared:
            self.advance(one.asked.asked_at)
            decided = self._decided(one)
            self._let_follow(decided)
            yield decided

    def forget_before(self, now: datetime) -> None:
        """Let go of what nothing that is asked from now on looks at; what is left is what rules look back at."""
        self.books.forget_before(now)
        self.twins.forget_before(now)

    def advance(self, now: datetime) -> None:
        """Let everything happen that happened up to `now`: records, releases, spending that nobody asked for."""
        while self.next_unasked is not None and self.next_unasked.at <= now:
            self._spend_unasked(self.next_unasked)
            self.next_unasked = next(self.unasked, None)
        while self.steps and self.steps[0][0] <= now:
            _, _, entry, step, payee = heappop(self.steps)
            self.books.move(entry, held=step.held, spent=step.spent, returned=step.returned)
            if payee is not None and step.spent:
                self.is_paid[self.world.present(payee)] = True

    def _merge(self) -> None:
        """Let who was merged into another meanwhile be that one."""
        for merged, kept in self.world.merges():
            self.books.merge(merged, kept)
            self.twins.merge(merged, kept)
            if self.is_paid.pop(merged, False):
                self.is_paid[kept] = True

    def _prepared(self, asked: Asked) -> _Prepared:
        policies = self.world.policies_at(asked.agent_id, asked.asked_at)
        payment = self.world.payment_of(asked)
        question = put(policies, payment, self.world.time_zone)
        seen = lookback(policies, payment)
        return _Prepared(asked, question, question.counters_needed(), seen, self.world.frozen_at(asked))

    def _decided(self, one: _Prepared) -> Decided:
        facts, question = self._facts(one), one.question
        decision = decide(question, facts)
        return Decided(one.asked, question.payment, question.policies, facts, decision, one.keys, one.lookback)

    def _facts(self, one: _Prepared) -> Facts:
        asked, payment = one.asked, one.question.payment
        wanted = one.lookback
        same = same_as(asked, payment)
        earlier, unread = self.twins.earlier(same, wanted, asked.asked_at) if wanted else ((), None)
        return Facts(
            now=asked.asked_at,
            time_zone=one.question.time_zone,
            tallies=self.books.tallies(one.keys, asked.asked_at),
            earlier=earlier,
            has_paid_counterparty=self.has_paid(one.question.policies, payment),
            frozen=one.frozen,
            unread_before=unread,
        )

    def has_paid(self, policies: Sequence[PolicyInForce], payment: Payment) -> bool:
        """Say whether the payee was paid before, where a rule asks for it."""
        return payment.counterparty is not None and _asks_for_first(policies) and self.is_paid[payment.counterparty]

    def _look_up_paid(self, prepared: Sequence[_Prepared]) -> None:
        """Ask once for the payees that come up for the first time, where a rule goes by it."""
        new = {
            one.payment.counterparty
            for one in (each.question for each in prepared)
            if one.payment.counterparty is not None
            and one.payment.counterparty not in self.is_paid
            and _asks_for_first(one.policies)
        }
        if not new:
            return
        ids = {from_public(Prefix.COUNTERPARTY, public): public for public in new}
        before = set(self.paid(list(ids)))
        self.is_paid.update({public: one in before for one, public in ids.items()})

    def _let_follow(self, decided: Decided) -> None:
        """Let happen what this run's answer makes of the payment (the assumptions of a backtest)."""
        asked = decided.asked
        entry = Entry(asked.asked_at)
        payee = decided.payment.counterparty
        if decided.decision.outcome is Outcome.DENY:
            if not asked.is_approved and asked.has_paid:
                # Whoever pays without an approval does so whatever was answered.
                self.books.post_money(entry, decided.keys)
                self.books.note(entry, decided.payment, is_ask=False)
                self._schedule(entry, [replace(step, held=ZERO) for step in asked.course], None)
            return
        is_new = becomes_paid(asked, decided.decision.outcome)
        entry.held, entry.spent = (ZERO, asked.amount) if is_new else (asked.amount, ZERO)
        self.books.post(entry, decided.decision.moves)
        self.books.note(entry, decided.payment, is_ask=True)
        same = same_as(asked, decided.payment)
        self.twins.add(same, asked.id, decided.payment, entry)
        if is_new and payee is not None:
            self.is_paid[payee] = True
        elif not is_new:
            self._schedule(entry, asked.course, payee if asked.is_approved else None)

    def _schedule(self, entry: Entry, course: Iterable[Step], payee: str | None) -> None:
        for step in course:
            heappush(self.steps, (step.at, next(self.numbers), entry, step, payee))

    def _spend_unasked(self, one: Unasked) -> None:
        """Count spending that nobody asked for where the rules of its time look, unguarded; refunds follow it."""
        entry = Entry(one.asked_at, spent=one.amount)
        policies = self.world.policies_at(one.agent_id, one.at)
        self._merge()
        payment = self._payment_of(one)
        keys = counters_needed(policies, payment, self.world.time_zone)
        self.books.open(keys)
        self.books.post_money(entry, keys)
        self.books.note(entry, payment, is_ask=False)
        self._schedule(entry, one.course, None)

    def _payment_of(self, one: Unasked) -> Payment:
        payee = None if one.counterparty_id is None else to_public(Prefix.COUNTERPARTY, one.counterparty_id)
        return Payment(
            organization=self.world.organization,
            agent=to_public(Prefix.AGENT, one.agent_id),
            amount=one.asked_amount,
            currency=one.currency,
            counting_currency=one.counting_currency,
            asked_at=one.asked_at,
            counterparty=payee and self.world.present(payee),
            standing=Standing.UNKNOWN,
            category=one.category,
            rail=None if one.rail is None else Rail(one.rail),
            session=one.session,
        )


def same_as(asked: Asked, payment: Payment) -> Same:
    """Return what makes another payment equal to this one: a payee that is known goes by who it is by now."""
    return asked.agent_id, payment.counterparty or asked.payee_digest, payment.amount, payment.currency


def becomes_paid(asked: Asked, outcome: Outcome) -> bool:
    """Say whether this answer lets a payment through that history did not: it counts as recorded at once.

    A question that was put to people keeps their answer: rejected, or not answered in time, it ends as it did then.
    """
    if asked.is_approved or asked.has_paid:
        return False
    was_asked = asked.outcome == Outcome.REVIEW.value
    return not (was_asked and outcome is Outcome.REVIEW)


def longest_lookback(rules: Iterable[Rule]) -> timedelta:
    """Return how far back any DUPLICATE rule looks."""
    minutes = [rule.minutes for rule in rules if isinstance(rule, Duplicate)]
    return timedelta(minutes=max(minutes, default=0))


def _asks_for_first(policies: Sequence[PolicyInForce]) -> bool:
    rules = (rule for policy in policies for rule in policy.rules)
    return any(isinstance(rule, CounterpartyRule) and rule.first_payment is not None for rule in rules)
