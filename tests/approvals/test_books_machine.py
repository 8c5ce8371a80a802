"""Random lives against a small model: in whatever order things happen, the books are right and each answer is meant."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from approvals.lifecycle import LONGEST_ON_ITS_WAY
from approvals.models import Authorization
from approvals.selectors.books import faults
from approvals.selectors.evidence import present_evidence
from approvals.services.booking import Recorded, Report
from approvals.services.expire import expire_due
from approvals.services.finalise import finalise_reviews
from approvals.services.record import record_spend, record_unauthorized
from approvals.services.review import Reviewed, approve, reject, withdraw
from approvals.services.void import mark_in_doubt, void_authorization
from core.actor import Actor, ActorKind
from core.errors import Conflict, ContoError
from core.span import bucket_of
from spend.models import Counter, Hold
from tests.approvals.world import ask, make_world, put_policy, republish
from tests.factories import NOW, actor_for

pytestmark = pytest.mark.django_db

HOUR: Final = 3600
TTL: Final = timedelta(minutes=15)
REVIEW_TIME: Final = timedelta(hours=2)
BACK_END: Final = Actor(ActorKind.ORGANIZATION_KEY, "key_1", "back end", None)
LIMITS: Final = settings(
    max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)

amounts = st.integers(1, 60)
currencies = st.sampled_from(["USD", "USD", "EUR"])
pauses = st.sampled_from([1, 4, 50, 600, 1000, 3000, 9000])


@dataclass
class Line:
    """One hold, as the model keeps it."""

    asked_at: datetime
    amount: int
    currency: str
    held: int = 0
    spent: int = 0
    returned: int = 0
    refunded: int = 0
    status: str = ""
    expires_at: datetime | None = None
    id: UUID | None = None
    is_ask: bool = True
    last_paid: "Line | None" = None
    was_approved: bool = False
    on_its_way: Reviewed | None = None
    asked_until: datetime | None = None

    @property
    def total(self) -> int:
        return self.held + self.spent - self.returned

    def is_overdue(self, now: datetime) -> bool:
        return self.status in ("approved", "pending_review") and self.expires_at is not None and self.expires_at <= now

    def end(self, status: str) -> None:
        self.held, self.status, self.on_its_way = 0, status, None

    def expire(self) -> None:
        self.end("recorded" if self.last_paid else "expired")

    def answered(self, reviewed: Reviewed | None) -> None:
        """An answer on its way keeps the question open."""
        assert self.asked_until is not None
        self.on_its_way, self.expires_at = reviewed, self.asked_until
        if reviewed is not None:
            self.expires_at = max(self.asked_until, reviewed.effective_at + LONGEST_ON_ITS_WAY)

    def settle(self, now: datetime) -> None:
        """Whoever comes late finds what the clock would have left."""
        if self.is_overdue(now):
            self.expire()


Window = Callable[[Line], bool]


@dataclass(frozen=True)
class Caps:
    """What the policy in force says: caps per day and per rolling hour, asks per rolling hour, and what people see."""

    day: int | None
    hour: int | None
    asks: int | None
    people: int | None

    def rules(self) -> list[dict[str, Any]]:
        money = {name: {"USD": str(cap), "EUR": str(cap)} for name, cap in vars(self).items() if cap is not None}
        rules: list[dict[str, Any]] = [
            {"key": "any", "type": "SPEND_LIMIT", "per_transaction": {"USD": "1000", "EUR": "1000"}}
        ]
        if self.day is not None:
            rules.append({"key": "day", "type": "SPEND_LIMIT", "daily": money["day"]})
        if self.hour is not None:
            rules.append({"key": "hour", "type": "SPEND_LIMIT", "hourly": money["hour"], "window": "rolling"})
        if self.asks is not None:
            rules.append({"key": "asks", "type": "VELOCITY", "limit": self.asks, "period_minutes": 60})
        if self.people is not None:
            waits = {"timeout_minutes": REVIEW_TIME.seconds // 60}
            rules.append({"key": "people", "type": "APPROVAL_THRESHOLD", "above": money["people"], "review": waits})
        return rules


class Books(RuleBasedStateMachine):
    """Asks, records, voids, expiries, reviews, refunds and new versions, in any order."""

    lines_asked = Bundle("lines")

    def __init__(self) -> None:
        super().__init__()
        self.aside = transaction.atomic()
        self.aside._from_testcase = True  # type: ignore[attr-defined]
        self.aside.__enter__()
        self.now, self.lines, self.number = NOW, list[Line](), 0
        self.world = make_world()
        self.caps = Caps(day=100, hour=None, asks=None, people=None)
        self.policy_id = put_policy(self.world.cast, "P", self.caps.rules())

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.aside.__exit__(None, None, None)

    # --- The model of what is used ---

    def breached(self, line: Line, *, is_again: bool = False) -> list[Window]:
        """The windows in which `line` does not fit beside the others."""
        caps, last = self.caps, bucket_of(line.asked_at, HOUR)

        def is_same_hour(other: Line) -> bool:
            return last - 60 <= bucket_of(other.asked_at, HOUR) <= last

        def is_of_day(other: Line) -> bool:
            return other.currency == line.currency and other.asked_at.date() == line.asked_at.date()

        def is_of_hour(other: Line) -> bool:
            return other.currency == line.currency and is_same_hour(other)

        def is_ask_of_hour(other: Line) -> bool:
            return other.is_ask and is_same_hour(other)

        others = [other for other in self.lines if other is not line]
        if is_again:
            # A yes expires first what is overdue where it looks.
            windows = ((caps.day, is_of_day), (caps.hour, is_of_hour), (caps.asks, is_ask_of_hour))
            for other in others:
                if other.held and any(cap is not None and window(other) for cap, window in windows):
                    other.settle(self.now)
        taken = (
            (is_of_day, caps.day, sum(other.total for other in others if is_of_day(other)) + line.amount),
            (is_of_hour, caps.hour, sum(other.total for other in others if is_of_hour(other)) + line.amount),
            (is_ask_of_hour, caps.asks, sum(map(is_ask_of_hour, others)) + 1),
        )
        return [window for window, cap, used in taken if cap is not None and used > cap]

    def expected(self, line: Line) -> str:
        if self.breached(line):
            return "declined"
        is_above = self.caps.people is not None and line.amount > self.caps.people
        return "pending_review" if is_above else "approved"

    # --- What happens ---

    @rule(target=lines_asked, amount=amounts, currency=currencies, pause=pauses)
    def ask(self, amount: int, currency: str, pause: int) -> Line:
        self.now += timedelta(seconds=pause)
        self.number += 1
        line = Line(self.now, amount, currency)
        for window in self.breached(line):
            for other in self.lines:
                if other.held and other.is_overdue(self.now) and window(other):
                    other.expire()
        line.status = self.expected(line)
        line.was_approved = line.status == "approved"

        asked = ask(self.world, str(amount), currency=currency, key=f"ask {self.number}", now=self.now)

        assert asked.answer.status == line.status
        line.id = asked.answer.id
        if line.status != "declined":
            line.held = amount
            line.expires_at = self.now + (TTL if line.status == "approved" else REVIEW_TIME)
            line.asked_until = line.expires_at
            self.lines.append(line)
        self.follow_the_clock()
        return line

    def follow_the_clock(self) -> None:
        """A denial may have expired overdue payments of other windows too, as the clock would have."""
        for line in self.lines:
            if line.is_overdue(self.now) and self.row(line).status in ("expired", "recorded"):
                line.expire()

    @rule(
        line=lines_asked,
        pause=pauses,
        share=st.sampled_from([0.5, 1, 1.5]),
        is_final=st.booleans(),
        is_other=st.booleans(),
    )
    def record(self, line: Line, pause: int, share: float, is_final: bool, is_other: bool) -> None:
        self.now += timedelta(seconds=pause)
        amount = max(1, int(line.amount * share))
        currency = ("EUR" if line.currency == "USD" else "USD") if is_other else line.currency

        self.report(line, Report(Decimal(amount), currency, is_final=is_final))

        line.settle(self.now)
        target = line
        if is_other:
            target = Line(line.asked_at, amount, currency, is_ask=False)
            self.lines.append(target)
        elif line not in self.lines:
            line.is_ask = False
            self.lines.append(line)
        target.spent += amount
        target.held = 0 if is_final else max(0, target.held - amount)
        line.last_paid = target
        if line.status in ("pending_review", "expired") or (is_final and line.status in ("approved", "in_doubt")):
            line.end("recorded")

    def report(self, line: Line, report: Report) -> Recorded:
        assert line.id is not None
        return record_spend(
            line.id, report, organization_id=self.world.organization_id, agent_id=None, actor=BACK_END, now=self.now
        )

    @rule(line=lines_asked, share=st.sampled_from([0.3, 1]))
    def refund(self, line: Line, share: float) -> None:
        self.now += timedelta(seconds=1)
        amount, paid = max(1, int(line.amount * share)), line.last_paid
        report = Report(Decimal(amount), paid.currency if paid else line.currency, kind="refund")
        if paid is None or paid.refunded + amount > paid.spent:
            with pytest.raises(ContoError):
                self.report(line, report)
            return
        self.report(line, report)
        paid.refunded += amount
        paid.returned += amount

    @rule(amount=amounts, currency=currencies, pause=pauses)
    def spend_without_asking(self, amount: int, currency: str, pause: int) -> None:
        self.now += timedelta(seconds=pause)
        record_unauthorized(
            Report(Decimal(amount), currency),
            organization_id=self.world.organization_id,
            agent_id=self.world.agent.id,
            actor=BACK_END,
            now=self.now,
        )
        self.lines.append(Line(self.now, amount, currency, spent=amount, is_ask=False))

    @rule(line=lines_asked, is_doubt=st.booleans())
    def give_up(self, line: Line, is_doubt: bool) -> None:
        assert line.id is not None
        move = mark_in_doubt if is_doubt else void_authorization
        by_the_clock = replace(line)
        by_the_clock.settle(self.now)
        allowed = {"approved", "in_doubt"} if is_doubt else {"approved", "in_doubt", "pending_review", "voided"}
        if is_doubt and line.was_approved:
            allowed.add("expired")
        more: dict[str, Any] = {"organization_id": self.world.organization_id, "agent_id": None, "reason": "over"}
        if by_the_clock.status not in allowed:
            with pytest.raises(Conflict):
                move(line.id, actor=BACK_END, now=self.now, **more)
            return
        move(line.id, actor=BACK_END, now=self.now, **more)
        line.settle(self.now)
        if is_doubt:
            line.held = line.amount if line.status == "expired" else line.held
            line.status = "in_doubt"
        elif line.status != "voided":
            line.end("recorded" if line.last_paid else "voided")

    @rule(line=lines_asked, is_yes=st.booleans(), pause=pauses)
    def answer(self, line: Line, is_yes: bool, pause: int) -> None:
        self.now += timedelta(seconds=pause)
        assert line.id is not None
        rui = self.world.cast.rui
        shown = present_evidence(line.id, organization_id=self.world.organization_id, now=self.now).digest
        more: dict[str, Any] = {"member": rui, "actor": actor_for(rui), "now": self.now, "reason": "because"}
        is_over = line.asked_until is None or line.asked_until <= self.now
        if line.status != "pending_review" or is_over or line.on_its_way:
            with pytest.raises(Conflict):
                approve(line.id, evidence_digest=shown, **more) if is_yes else reject(line.id, **more)
            return
        line.answered(approve(line.id, evidence_digest=shown, **more) if is_yes else reject(line.id, **more))

    @rule(line=lines_asked, pause=pauses)
    def take_back(self, line: Line, pause: int) -> None:
        self.now += timedelta(seconds=pause)
        given, rui = line.on_its_way, self.world.cast.rui
        if given is None:
            return
        if given.effective_at <= self.now:
            with pytest.raises(Conflict):
                withdraw(given.review_id, member=rui, actor=actor_for(rui), now=self.now)
            return
        withdraw(given.review_id, member=rui, actor=actor_for(rui), now=self.now)
        line.answered(None)

    @rule(pause=pauses)
    def let_answers_take_effect(self, pause: int) -> None:
        self.now += timedelta(seconds=pause)
        given = [(one.on_its_way.effective_at, one.on_its_way.review_id, one) for one in self.lines if one.on_its_way]
        due = sorted((one for one in given if one[0] <= self.now), key=lambda one: one[:2])

        assert finalise_reviews(now=self.now) == len(due)

        for _, _, line in due:
            self.take_effect(line)
        self.follow_the_clock()

    def take_effect(self, line: Line) -> None:
        given = line.on_its_way
        assert given is not None
        line.on_its_way = None
        if line.is_overdue(self.now):
            line.expire()
        elif given.verdict == "reject" or self.breached(line, is_again=True):
            line.end("declined")
        else:
            line.status, line.expires_at, line.was_approved = "approved", self.now + TTL, True

    @rule(pause=pauses)
    def look_at_the_clock(self, pause: int) -> None:
        self.now += timedelta(seconds=pause)
        overdue = [line for line in self.lines if line.is_overdue(self.now)]
        assert expire_due(now=self.now) == len(overdue)
        for line in overdue:
            line.expire()

    @rule(
        day=st.sampled_from([None, 60, 100, 200]),
        hour=st.sampled_from([None, None, 50, 90]),
        asks=st.sampled_from([None, None, 3]),
        people=st.sampled_from([None, 20]),
    )
    def publish(self, day: int | None, hour: int | None, asks: int | None, people: int | None) -> None:
        self.caps = Caps(day, hour, asks, people)
        republish(self.world.cast, self.policy_id, self.caps.rules(), now=self.now)

    # --- What holds ---

    def row(self, line: Line) -> Authorization:
        assert line.id is not None
        return Authorization.objects.get(id=line.id)

    @invariant()
    def the_books_are_right(self) -> None:
        assert faults() == []

    @invariant()
    def what_is_stored_is_what_happened(self) -> None:
        statuses = dict(Authorization.objects.values_list("id", "status"))
        assert {line.id: line.status for line in self.lines if line.id}.items() <= statuses.items()
        kept = sorted(Hold.objects.values_list("asked_at", "amount", "held", "spent", "returned"))
        lines = sorted((one.asked_at, one.amount, one.held, one.spent, one.returned) for one in self.lines)
        assert [tuple(row) for row in kept] == [(at, *map(Decimal, numbers)) for at, *numbers in lines]

    @invariant()
    def days_hold_what_was_taken_of_them(self) -> None:
        for counter in Counter.objects.filter(rolling_seconds=None, has_gap=False):
            assert counter.span_start is not None
            day = counter.span_start.date()
            taken = [one.total for one in self.lines if one.currency == counter.currency and one.asked_at.date() == day]
            assert counter.used == sum(taken)


def test_random_lives_keep_the_books_right() -> None:
    run_state_machine_as_test(Books, settings=LIMITS)
