"""Reviewers, the clock, the app and other asks meet at one waiting payment: it is decided once, within the room."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from threading import Barrier
from typing import Any, Final
from uuid import UUID

import pytest
from django.db import connection

from approvals.models import Authorization, Review
from approvals.selectors.books import faults
from approvals.selectors.situation import look
from approvals.services import review
from core.db import rows
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


def pending(world: World) -> Authorization:
    return stored(ask(world, "60"))


def times_decided(one: Authorization) -> int:
    """How often it left review, by the history."""
    told = rows("select count(*) from audit_event where before->>'status' = 'pending_review'")
    return int(str(told[0][0]))


def test_control_without_the_row_lock_two_reviewers_decide_it_twice(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(PEOPLE)
    one, both_have_read = pending(world), Barrier(2)

    def read_authorization(authorization_id: UUID, **_: Any) -> Authorization:
        found = Authorization.objects.select_related("agent", "organization").get(id=authorization_id)
        both_have_read.wait(PATIENCE)
        return found

    monkeypatch.setattr(review, "lock_authorization", read_authorization)
    acts = [act_on(one, "approve", member) for member in (world.cast.rui, world.cast.ada)]

    assert arena.run(do, acts) == ["approved", "approved"]
    assert times_decided(one) == 2
    with pytest.raises(AssertionError, match="decided twice"):
        path_of(one.id)


@pytest.mark.parametrize("second", ["approve", "reject"])
def test_of_two_reviewers_one_decides_and_the_other_is_told(arena: Arena, second: str) -> None:
    world = make_world(PEOPLE)
    for _ in range(ROUNDS):
        one = pending(world)
        acts = [act_on(one, "approve", world.cast.rui), act_on(one, second, world.cast.ada)]

        said = words(arena.run(do, acts, processes=2))

        assert said in (["approved", "not_pending"], ["declined", "not_pending"])
        assert len(path_of(one.id)) == 2
        assert Review.objects.filter(request__authorization=one).count() == 1
    assert faults() == []


def test_one_person_in_two_windows_answers_once(arena: Arena) -> None:
    world = make_world({**PEOPLE, "review": {"approvals": 2}})
    one = pending(world)

    said = words(arena.run(do, [act_on(one, "approve", world.cast.rui)] * 4, processes=2))

    assert said == ["already_reviewed"] * 3 + ["pending_review"]
    assert Review.objects.count() == 1


def test_of_five_yeses_to_a_question_for_two_two_count(arena: Arena) -> None:
    world = make_world({**PEOPLE, "review": {"approvals": 2}})
    one = pending(world)
    people = [make_member(f"Rev{number}", world.cast.organization, ["reviewer"]) for number in range(5)]

    said = words(arena.run(do, [act_on(one, "approve", member) for member in people], processes=2))

    assert said == ["approved", "not_pending", "not_pending", "not_pending", "pending_review"]
    assert (Review.objects.count(), times_decided(one)) == (2, 1)


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
    """Let another ask take the room between a reviewer's look and the yes; returns what both were answered."""
    pause = Pause()
    act = act_on(one, "approve", world.cast.rui)
    monkeypatch.setattr(review, "look", pause.after(look))

    def say_yes() -> str:
        try:
            return do(act)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        saying = pool.submit(say_yes)
        assert pause.is_reached()
        asked = make(replace(wish(world, "10"), session="other")).word
        pause.may_go_on.set()
        return saying.result(PATIENCE), asked


def test_control_without_caps_a_yes_takes_what_another_ask_has_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    world, one = with_a_pot_of_now()
    moves_still_to_make = review._moves_still_to_make

    def without_caps(*args: Any) -> list[Move]:
        return [replace(move, cap=None) for move in moves_still_to_make(*args)]

    monkeypatch.setattr(review, "_moves_still_to_make", without_caps)

    assert yes_with_an_ask_in_between(world, one, monkeypatch) == ("approved", "approved")
    assert drawn() == 71


def test_a_yes_does_not_take_what_another_ask_has_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    world, one = with_a_pot_of_now()

    assert yes_with_an_ask_in_between(world, one, monkeypatch) == ("evidence_changed", "approved")
    assert (drawn(), Authorization.objects.get(id=one.id).status) == (11, "pending_review")
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
