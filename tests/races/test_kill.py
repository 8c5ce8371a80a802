"""SIGKILL at every boundary of statements: the same call again, in a new process, finds or makes one of everything."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from approvals.models import Authorization, Review
from approvals.selectors.books import faults
from core.db import rows
from core.ids import Prefix, to_public
from spend.models import Hold, SpendRecord
from spend.payee import PayeeClaim
from tests.approvals.world import World, ask, make_world, put_policy, republish, stored
from tests.factories import NOW
from tests.races.acts import act_on, do, path_of
from tests.races.asks import make, wish
from tests.races.killing import in_new_process

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

PEOPLE: Final[dict[str, Any]] = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
DAILY: Final = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100", "EUR": "100"}}
HOUR: Final = {"key": "hour", "type": "SPEND_LIMIT", "hourly": {"USD": "100", "EUR": "100"}, "window": "rolling"}
POT: Final = {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "100", "EUR": "100"}, "period": "month"}
ONCE: Final = {"key": "once", "type": "DUPLICATE", "minutes": 5}
MOST_BOUNDARIES: Final = 120


@dataclass(frozen=True)
class Round:
    """One life up to a boundary: its number, and a month of its own, in which every counter is still to be opened."""

    boundary: int

    @property
    def now(self) -> datetime:
        return NOW + timedelta(days=40 * self.boundary)


def lives(work: Callable[[Round], Callable[[], str]]) -> Iterator[tuple[Round, str]]:
    """Kill the work of each round one boundary later, do it once more, and yield what the second life was answered.

    Ends behind the first round that lived to its end.
    """
    for boundary in range(1, MOST_BOUNDARIES):
        this = Round(boundary)
        call = work(this)
        is_killed = in_new_process(call, killed_at=boundary) is None
        again = in_new_process(call)
        assert again is not None
        yield this, again
        if not is_killed:
            return
    raise AssertionError(f"it never lived to its end: more than {MOST_BOUNDARIES} boundaries")


def events_of(authorization_id: UUID) -> list[object]:
    told = "select action from audit_event where subject_id = %s order by id"
    return [action for (action,) in rows(told, [to_public(Prefix.AUTHORIZATION, authorization_id)])]


def approved(world: World, this: Round, amount: str = "10") -> Authorization:
    return stored(ask(world, amount, now=this.now))


def test_control_without_a_key_who_is_killed_behind_the_commit_and_asks_again_pays_twice() -> None:
    world = make_world(DAILY)
    assert make(wish(world)).word == "approved"
    numbers = []
    for boundary in range(1, MOST_BOUNDARIES):
        is_killed = in_new_process(lambda: make(wish(world)).word, killed_at=boundary) is None
        before = Hold.objects.count()
        if is_killed:
            in_new_process(lambda: make(wish(world)).word)
        numbers.append(before)
        if not is_killed:
            break
    # Some life was killed when its hold stood already: asked again without a key, it stands twice.
    assert Hold.objects.count() > len(numbers) + 1


def test_an_ask_killed_anywhere_is_answered_once() -> None:
    world = make_world(DAILY, HOUR, POT, ONCE)
    replays = set[bool]()

    def work(this: Round) -> Callable[[], str]:
        payee = PayeeClaim("New", (f"domain:shop{this.boundary}.example",))
        one = replace(wish(world), key=f"order-{this.boundary}", now=this.now, payee=payee)

        def call() -> str:
            said = make(one)
            return f"{said.word} again" if said.is_replay else said.word

        return call

    for this, again in lives(work):
        replays.add(again.endswith("again"))
        one = Authorization.objects.get(idempotency_key=f"order-{this.boundary}")
        assert (one.status, Hold.objects.filter(authorization_id=one.id).count()) == ("approved", 1)
        assert events_of(one.id) == ["authorization.approved"]
    assert replays == {True, False}
    assert Authorization.objects.count() == Hold.objects.count() == this.boundary > 15
    assert faults() == []


def test_a_yes_killed_anywhere_decides_once() -> None:
    world = make_world()
    policy = put_policy(world.cast, "P", [PEOPLE])
    waiting: dict[int, Authorization] = {}

    def work(this: Round) -> Callable[[], str]:
        republish(world.cast, policy, [PEOPLE], now=this.now)
        one = waiting[this.boundary] = approved(world, this, "60")
        republish(world.cast, policy, [PEOPLE, DAILY, POT], now=this.now)
        act = act_on(one, "approve", world.cast.rui, now=this.now)
        return lambda: do(act)

    for this, again in lives(work):
        one = waiting[this.boundary]
        assert again in ("approved", "not_pending")
        assert path_of(one.id) == ["pending_review", "approved"]
        assert events_of(one.id).count("authorization.reviewed") == 1
        assert Review.objects.filter(request__authorization=one).count() == 1
    assert len(waiting) > 15
    assert faults() == []


def test_a_no_killed_anywhere_declines_once() -> None:
    world = make_world(PEOPLE, DAILY, POT)
    waiting: dict[int, Authorization] = {}

    def work(this: Round) -> Callable[[], str]:
        one = waiting[this.boundary] = approved(world, this, "60")
        act = act_on(one, "reject", world.cast.rui, now=this.now)
        return lambda: do(act)

    for this, again in lives(work):
        one = waiting[this.boundary]
        assert again in ("declined", "not_pending")
        assert path_of(one.id) == ["pending_review", "declined"]
        assert Review.objects.get(request__authorization=one).verdict == "reject"
        assert Hold.objects.get(authorization_id=one.id).held == 0
    assert len(waiting) > 8
    assert faults() == []


def test_a_yes_that_declines_killed_anywhere_declines_once() -> None:
    world = make_world()
    policy = put_policy(world.cast, "P", [PEOPLE])
    waiting: dict[int, Authorization] = {}

    def work(this: Round) -> Callable[[], str]:
        republish(world.cast, policy, [PEOPLE], now=this.now)
        one = waiting[this.boundary] = approved(world, this, "60")
        republish(world.cast, policy, [{"key": "cap", "type": "SPEND_LIMIT", "daily": {"USD": "55"}}], now=this.now)
        act = act_on(one, "approve", world.cast.rui, now=this.now)
        return lambda: do(act)

    for this, again in lives(work):
        one = Authorization.objects.get(id=waiting[this.boundary].id)
        assert again in ("declined", "not_pending")
        assert path_of(one.id) == ["pending_review", "declined"]
        assert one.status_reason == "redecided"
        assert one.redecision is not None
        assert events_of(one.id).count("authorization.reviewed") == 1
        assert Hold.objects.get(authorization_id=one.id).held == 0
    assert len(waiting) > 10
    assert faults() == []


@pytest.mark.parametrize("currency", ["USD", "EUR"])
def test_a_record_killed_anywhere_is_stored_once(currency: str) -> None:
    world = make_world(DAILY, HOUR, POT)
    paid: dict[int, Authorization] = {}

    def work(this: Round) -> Callable[[], str]:
        one = paid[this.boundary] = approved(world, this)
        act = replace(act_on(one, "record", now=this.now), amount="4", currency=currency, reference=f"r{this.boundary}")
        return lambda: do(act)

    for this, again in lives(work):
        one = paid[this.boundary]
        assert again in ("replay", "record" if currency == "USD" else "record mismatch")
        assert path_of(one.id) == ["approved", "recorded"]
        assert sum(str(event).startswith("record.") for event in events_of(one.id)) == 1
        assert SpendRecord.objects.get(authorization_id=one.id).hold.spent == 4
        assert Hold.objects.get(authorization_id=one.id).held == 0
    assert SpendRecord.objects.count() == len(paid) > 8
    assert faults() == []


@pytest.mark.parametrize(("amount", "before"), [("10", "approved"), ("60", "pending_review")])
def test_an_expiry_killed_anywhere_releases_once(amount: str, before: str) -> None:
    world = make_world(PEOPLE, DAILY, HOUR, POT)
    idle: dict[int, Authorization] = {}

    def work(this: Round) -> Callable[[], str]:
        one = idle[this.boundary] = approved(world, this, amount)
        act = act_on(one, "expire", now=this.now + timedelta(days=2))
        return lambda: do(act)

    for this, again in lives(work):
        one = idle[this.boundary]
        assert again in ("expire", "nothing to expire")
        assert path_of(one.id) == [before, "expired"]
        assert Hold.objects.get(authorization_id=one.id).held == 0
    assert len(idle) > 6
    assert faults() == []
