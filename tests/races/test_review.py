"""Reviewers, the clock, the app and other asks meet at one waiting payment: it is decided once, within the room."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations
from threading import Barrier
from typing import Any, Final
from uuid import UUID

import pytest
from django.db import connection

from approvals.lifecycle import UNDO_TIME, ReviewEnd
from approvals.models import Authorization, Review
from approvals.selectors.books import faults
from approvals.selectors.situation import look
from approvals.services import finalise
from approvals.services.expire import expire_due
from core.db import rows
from people.models import Member
from spend.models import Counter
from spend.services.holds import Move
from tests.approvals.world import World, ask, make_world, put_policy, republish, stored
from tests.factories import NOW, make_member
from tests.races.acts import Act, act_on, do, path_of, words
from tests.races.arena import PATIENCE, Arena
from tests.races.asks import make, wish
from tests.races.controls import Pause

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

PEOPLE: Final[dict[str, Any]] = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
POT: Final = {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "70"}, "period": "month"}
ROUNDS: Final = 4
EFFECTIVE: Final = NOW + UNDO_TIME


def pending(world: World) -> Authorization:
    return stored(ask(world, "60"))


def times_decided(one: Authorization) -> int:
    """How often it left review, by the history."""
    told = rows("select count(*) from audit_event where before->>'status' = 'pending_review'")
    return int(str(told[0][0]))


def given(one: Authorization, what: str, member: Member, *, now: datetime = NOW) -> Authorization:
    """Let a member answer; it has not taken effect."""
    assert do(act_on(one, what, member, now=now)) == what
    return one


def test_control_without_the_row_lock_two_workers_decide_it_twice(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(PEOPLE)
    one, both_have_read = given(pending(world), "yes", world.cast.rui), Barrier(2)

    def read_authorization(authorization_id: UUID, **_: Any) -> Authorization:
        return Authorization.objects.select_related("agent", "organization").get(id=authorization_id)

    def close_together(due: Sequence[Review], end: ReviewEnd, now: datetime) -> None:
        both_have_read.wait(PATIENCE)
        # Closing a review twice is what the database refuses without any lock.
        still_open = Review.objects.filter(id__in=[review.id for review in due], closed_at=None)
        still_open.update(closed_at=now, closed_as=end.value)

    monkeypatch.setattr(finalise, "try_lock_authorization", read_authorization)
    monkeypatch.setattr(finalise, "_close", close_together)

    assert arena.run(do, [act_on(one, "finalise", now=EFFECTIVE)] * 2) == ["finalise"] * 2
    assert times_decided(one) == 2
    with pytest.raises(AssertionError, match="decided twice"):
        path_of(one.id)


def test_of_many_workers_one_lets_it_take_effect(arena: Arena) -> None:
    world = make_world(PEOPLE)
    for _ in range(ROUNDS):
        one = given(pending(world), "yes", world.cast.rui)

        said = words(arena.run(do, [act_on(one, "finalise", now=EFFECTIVE)] * 4, processes=2))

        assert said == ["finalise"] + ["nothing due"] * 3
        assert path_of(one.id) == ["pending_review", "approved"]
    assert faults() == []


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_an_answer_is_taken_back_or_takes_effect_and_never_both(arena: Arena, answer: str) -> None:
    world = make_world(PEOPLE)
    for _ in range(ROUNDS):
        one = given(pending(world), answer, world.cast.rui)
        # Each by its own clock: the server that undoes may be behind the worker's.
        undo = act_on(one, "undo", world.cast.rui, now=EFFECTIVE - timedelta(milliseconds=1))

        said = words(arena.run(do, [undo, act_on(one, "finalise", now=EFFECTIVE)], processes=2))

        stored = Review.objects.get(request__authorization=one)
        if "undo" in said:
            assert (stored.closed_as, path_of(one.id)) == ("withdrawn", ["pending_review"])
        else:
            assert said == ["finalise", "too_late"]
            ended = "approved" if answer == "yes" else "declined"
            assert (stored.closed_as, path_of(one.id)) == ("counted", ["pending_review", ended])
    assert faults() == []


@pytest.mark.parametrize("second", ["yes", "no"])
def test_of_two_reviewers_one_decides_and_the_other_is_told(arena: Arena, second: str) -> None:
    world = make_world(PEOPLE)
    for _ in range(ROUNDS):
        one = pending(world)
        acts = [act_on(one, "yes", world.cast.rui), act_on(one, second, world.cast.ada)]

        said = words(arena.run(do, acts, processes=2))
        finalise.finalise_reviews(now=EFFECTIVE)

        assert len(path_of(one.id)) == 2
        # A no may follow a yes that has not taken effect, and goes before it.
        ended = "declined" if "no" in said else "approved"
        assert path_of(one.id)[1] == ended
        assert said in (["answered_meanwhile", "yes"], ["answered_meanwhile", "no"], ["no", "yes"])
    assert faults() == []


def test_one_person_in_two_windows_answers_once(arena: Arena) -> None:
    world = make_world({**PEOPLE, "review": {"approvals": 2}})
    one = pending(world)

    said = words(arena.run(do, [act_on(one, "yes", world.cast.rui)] * 4, processes=2))

    assert said == ["already_reviewed"] * 3 + ["yes"]
    assert Review.objects.count() == 1


def test_of_five_yeses_to_a_question_for_two_two_count(arena: Arena) -> None:
    world = make_world({**PEOPLE, "review": {"approvals": 2}})
    one = pending(world)
    people = [make_member(f"Rev{number}", world.cast.organization, ["reviewer"]) for number in range(5)]

    said = words(arena.run(do, [act_on(one, "yes", member) for member in people], processes=2))
    finalise.finalise_reviews(now=EFFECTIVE)

    assert said == ["answered_meanwhile"] * 3 + ["yes"] * 2
    assert (Review.objects.count(), times_decided(one)) == (2, 1)
    assert path_of(one.id) == ["pending_review", "approved"]


ENDS: Final = ("approve", "reject", "void", "expire", "record")


def everything_at_once(one: Authorization, world: World, whats: Sequence[str]) -> list[Act]:
    """Each of these, where the clock stands at the end of the time people have; a yes comes a moment before."""
    over = one.expires_at
    assert over is not None
    members = {"approve": world.cast.rui, "reject": world.cast.ada}
    acts = [act_on(one, what, members.get(what), now=over - timedelta(seconds=1)) for what in whats]
    return [replace(act, now=over) if act.what in ("expire", "record") else act for act in acts]


@pytest.mark.parametrize("whats", [*combinations(ENDS, 2), ENDS], ids="-".join)
def test_a_waiting_payment_ends_one_way(arena: Arena, whats: tuple[str, ...]) -> None:
    world = make_world(PEOPLE, {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}})
    one = pending(world)

    said = arena.run(do, everything_at_once(one, world, whats))

    path_of(one.id)
    assert times_decided(one) == 1
    assert "unavailable" not in said
    assert faults() == []


LATE: Final = ("finalise", "undo", "no", "expire", "void", "record")
"""What may meet a yes that was given in the last second of the time people have."""


@pytest.mark.parametrize("whats", [*combinations(LATE, 2), LATE], ids="-".join)
def test_a_yes_given_in_time_meets_the_end_of_the_question_and_everybody_else(
    arena: Arena, whats: tuple[str, ...]
) -> None:
    world = make_world(PEOPLE, {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}})
    one = pending(world)
    assert one.expires_at is not None
    clicked = one.expires_at - timedelta(seconds=1)
    given(one, "yes", world.cast.rui, now=clicked)
    times = {"finalise": clicked + UNDO_TIME, "no": clicked, "undo": clicked + UNDO_TIME / 2}
    members = {"undo": world.cast.rui, "no": world.cast.ada}
    acts = [
        act_on(one, what, members.get(what), now=times.get(what, one.expires_at + timedelta(seconds=2)))
        for what in whats
    ]

    said = arena.run(do, acts, processes=2)
    afterwards = one.expires_at + timedelta(minutes=1)
    finalise.finalise_reviews(now=afterwards)
    expire_due(now=afterwards)

    assert times_decided(one) == 1
    ended = path_of(one.id)[1]
    assert ended != "expired" or "undo" in said
    assert ended != "approved" or ("undo" not in said and "no" not in said)
    assert not Review.objects.filter(closed_at=None).exists()
    assert "unavailable" not in said
    assert faults() == []


def with_a_pot_of_now() -> tuple[World, Authorization]:
    """A payment of 60 waits; meanwhile a pot of 70 was published, from which nothing is drawn yet."""
    world = make_world()
    policy = put_policy(world.cast, "P", [PEOPLE])
    one = pending(world)
    republish(world.cast, policy, [PEOPLE, POT])
    ask(world, "1", session="warm")
    return world, one


def drawn() -> int:
    return int(Counter.objects.get(subject="pot").used)


def yes_with_an_ask_in_between(world: World, one: Authorization, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Let another ask take the room while the worker decides again; return what both were answered."""
    pause = Pause()
    given(one, "yes", world.cast.rui)
    act = act_on(one, "finalise", now=EFFECTIVE)
    monkeypatch.setattr(finalise, "look", pause.after(look))

    def let_it_take_effect() -> str:
        try:
            do(act)
            return Authorization.objects.get(id=one.id).status
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        deciding = pool.submit(let_it_take_effect)
        assert pause.is_reached()
        asked = make(replace(wish(world, "10"), session="other")).word
        pause.may_go_on.set()
        return deciding.result(PATIENCE), asked


def test_control_without_caps_a_yes_takes_what_another_ask_has_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    world, one = with_a_pot_of_now()
    moves_still_to_make = finalise._moves_still_to_make

    def without_caps(*args: Any) -> list[Move]:
        return [replace(move, cap=None) for move in moves_still_to_make(*args)]

    monkeypatch.setattr(finalise, "_moves_still_to_make", without_caps)

    assert yes_with_an_ask_in_between(world, one, monkeypatch) == ("approved", "approved")
    assert drawn() == 71


def test_a_yes_does_not_take_what_another_ask_has_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    world, one = with_a_pot_of_now()

    assert yes_with_an_ask_in_between(world, one, monkeypatch) == ("declined", "approved")
    assert (drawn(), Authorization.objects.get(id=one.id).status_reason) == (11, "redecided")
    assert faults() == []


def race_for_the_rest(item: tuple[str, Any]) -> str:
    return do(item[1]) if item[0] == "yes" else make(item[1]).word


@pytest.mark.parametrize("_round", range(3))
def test_a_yes_and_asks_at_one_moment_share_the_room(arena: Arena, _round: int) -> None:
    world, one = with_a_pot_of_now()
    yes = ("yes", act_on(one, "approve", world.cast.rui))
    asks = [("ask", replace(wish(world, "10"), session=f"run_{number}", now=NOW)) for number in range(7)]

    said = arena.run(race_for_the_rest, [yes, *asks], processes=2)

    taken = 10 * said.count("approved")
    is_approved = Authorization.objects.get(id=one.id).status == "approved"
    assert drawn() == 1 + (taken + 50 if is_approved else taken)
    assert drawn() <= 70
    assert faults() == []
