"""SIGKILL at every boundary of statements: the same call again, in a new process, finds or makes one of everything."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from approvals.models import Authorization, Review
from approvals.selectors.books import faults
from spend.models import Hold, SpendRecord
from spend.payee import PayeeClaim
from tests.approvals.world import World, ask, make_world, put_policy, republish, stored
from tests.races.acts import act_on, do, events_of, path_of
from tests.races.asks import make, wish
from tests.races.killing import MOST_BOUNDARIES, Round, in_new_process, lives

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

PEOPLE: Final[dict[str, Any]] = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
DAILY: Final = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100", "EUR": "100"}}
HOUR: Final = {"key": "hour", "type": "SPEND_LIMIT", "hourly": {"USD": "100", "EUR": "100"}, "window": "rolling"}
POT: Final = {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "100", "EUR": "100"}, "period": "month"}
ONCE: Final = {"key": "once", "type": "DUPLICATE", "minutes": 5}


def reborn(work: Callable[[Round], Callable[[], str]]) -> Iterator[tuple[Round, str]]:
    """Lives of processes that call use cases."""

    def life(this: Round) -> Callable[[int | None], str | None]:
        call = work(this)
        return lambda killed_at: in_new_process(call, killed_at=killed_at)

    return lives(life)


def approved(world: World, this: Round, amount: str = "10") -> Authorization:
    return stored(ask(world, amount, now=this.now))


def yeses_under(rules: list[dict[str, Any]]) -> Iterator[tuple[Authorization, str]]:
    """Yeses killed anywhere, under rules that were published while people were asked, and what each was answered."""
    world = make_world()
    policy = put_policy(world.cast, "P", [PEOPLE])
    waiting: dict[int, Authorization] = {}

    def work(this: Round) -> Callable[[], str]:
        republish(world.cast, policy, [PEOPLE], now=this.now)
        one = waiting[this.boundary] = approved(world, this, "60")
        republish(world.cast, policy, rules, now=this.now)
        act = act_on(one, "approve", world.cast.rui, now=this.now)
        return lambda: do(act)

    for this, again in reborn(work):
        yield Authorization.objects.get(id=waiting[this.boundary].id), again


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

    for this, again in reborn(work):
        replays.add(again.endswith("again"))
        one = Authorization.objects.get(idempotency_key=f"order-{this.boundary}")
        assert (one.status, Hold.objects.filter(authorization_id=one.id).count()) == ("approved", 1)
        assert events_of(one.id) == ["authorization.approved"]
    assert replays == {True, False}
    assert Authorization.objects.count() == Hold.objects.count() == this.boundary > 15
    assert faults() == []


def test_a_yes_killed_anywhere_decides_once() -> None:
    said = set[str]()
    for one, again in yeses_under([PEOPLE, DAILY, POT]):
        said.add(again)
        assert path_of(one.id) == ["pending_review", "approved"]
        assert events_of(one.id).count("authorization.reviewed") == 1
        assert Review.objects.filter(request__authorization=one).count() == 1
    assert said == {"approved", "not_pending"}
    assert Authorization.objects.count() > 15
    assert faults() == []


def test_a_no_killed_anywhere_declines_once() -> None:
    world = make_world(PEOPLE, DAILY, POT)
    waiting: dict[int, Authorization] = {}

    def work(this: Round) -> Callable[[], str]:
        one = waiting[this.boundary] = approved(world, this, "60")
        act = act_on(one, "reject", world.cast.rui, now=this.now)
        return lambda: do(act)

    for this, again in reborn(work):
        one = waiting[this.boundary]
        assert again in ("declined", "not_pending")
        assert path_of(one.id) == ["pending_review", "declined"]
        assert Review.objects.get(request__authorization=one).verdict == "reject"
        assert Hold.objects.get(authorization_id=one.id).held == 0
    assert len(waiting) > 8
    assert faults() == []


def test_a_yes_that_declines_killed_anywhere_declines_once() -> None:
    said = set[str]()
    for one, again in yeses_under([{"key": "cap", "type": "SPEND_LIMIT", "daily": {"USD": "55"}}]):
        said.add(again)
        assert path_of(one.id) == ["pending_review", "declined"]
        assert one.status_reason == "redecided"
        assert one.redecision is not None
        assert events_of(one.id).count("authorization.reviewed") == 1
        assert Hold.objects.get(authorization_id=one.id).held == 0
    assert said == {"declined", "not_pending"}
    assert Authorization.objects.count() > 10
    assert faults() == []


@pytest.mark.parametrize("currency", ["USD", "EUR"])
def test_a_record_killed_anywhere_is_stored_once(currency: str) -> None:
    world = make_world(DAILY, HOUR, POT)
    paid: dict[int, Authorization] = {}

    def work(this: Round) -> Callable[[], str]:
        one = paid[this.boundary] = approved(world, this)
        act = replace(act_on(one, "record", now=this.now), amount="4", currency=currency, reference=f"r{this.boundary}")
        return lambda: do(act)

    for this, again in reborn(work):
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

    for this, again in reborn(work):
        one = idle[this.boundary]
        assert again in ("expire", "nothing to expire")
        assert path_of(one.id) == [before, "expired"]
        assert Hold.objects.get(authorization_id=one.id).held == 0
    assert len(idle) > 6
    assert faults() == []
