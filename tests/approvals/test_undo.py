"""Five seconds in which an answer can be taken back, and what happens to the request meanwhile."""

from datetime import timedelta
from typing import Any

import pytest

from agents.services import freeze_agent, thaw_agent
from approvals.lifecycle import LONGEST_ON_ITS_WAY, UNDO_TIME
from approvals.models import Authorization, Review
from approvals.selectors.answers import answer
from approvals.selectors.books import faults
from approvals.services import finalise
from approvals.services.expire import expire_due
from approvals.services.finalise import finalise_reviews
from approvals.services.review import withdraw
from audit.models import Event
from core.errors import Conflict, NotFound
from people.models import Member
from tests.approvals.world import World, ask, click_no, click_yes, finalised, make_world, say_yes, stored
from tests.factories import NOW, actor_for

pytestmark = pytest.mark.django_db

REVIEW: dict[str, Any] = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
TWO: dict[str, Any] = {**REVIEW, "review": {"approvals": 2}}
SECOND = timedelta(seconds=1)
EFFECTIVE = NOW + UNDO_TIME


@pytest.fixture(autouse=True)
def books_are_right() -> Any:
    yield
    assert faults() == []


def pending(world: World, amount: str = "60") -> Authorization:
    return stored(ask(world, amount))


def take_back(review_id: Any, member: Member, *, now: Any) -> None:
    withdraw(review_id, member=member, actor=actor_for(member), now=now)


def status(one: Authorization) -> str:
    return Authorization.objects.get(id=one.id).status


@pytest.mark.parametrize("click", [click_yes, click_no])
def test_an_answer_decides_nothing_before_it_is_effective(click: Any) -> None:
    world = make_world(REVIEW)
    one = pending(world)
    click(one, world.cast.rui)

    assert finalised(one, now=EFFECTIVE - timedelta(milliseconds=1)) == "pending_review"
    assert answer(world.organization_id, one.id, now=NOW + SECOND).approvals == 0
    assert finalised(one, now=EFFECTIVE) in ("approved", "declined")


def test_what_was_taken_back_never_counts_and_may_be_given_again() -> None:
    world = make_world(REVIEW)
    one = pending(world)
    take_back(click_yes(one, world.cast.rui).review_id, world.cast.rui, now=NOW + 4 * SECOND)

    assert finalised(one, now=EFFECTIVE) == "pending_review"
    assert Event.objects.filter(action="authorization.review_withdrawn").count() == 1
    assert say_yes(one, world.cast.rui, now=EFFECTIVE) == "approved"
    assert sorted(Review.objects.values_list("closed_as", flat=True)) == ["counted", "withdrawn"]


def test_taking_back_twice_changes_nothing_and_once_effective_it_is_refused() -> None:
    world = make_world(REVIEW)
    one = pending(world)
    first = click_yes(one, world.cast.rui).review_id
    take_back(first, world.cast.rui, now=NOW + SECOND)
    take_back(first, world.cast.rui, now=NOW + 2 * SECOND)
    second = click_yes(one, world.cast.rui, now=NOW + 3 * SECOND).review_id

    with pytest.raises(Conflict) as caught:
        take_back(second, world.cast.rui, now=NOW + 3 * SECOND + UNDO_TIME)
    assert caught.value.code == "too_late"
    assert Event.objects.filter(action="authorization.review_withdrawn").count() == 1


def test_nobody_takes_back_what_somebody_else_answered() -> None:
    world = make_world(REVIEW)
    review_id = click_yes(pending(world), world.cast.rui).review_id

    for member in (world.cast.ada, world.cast.mallory):
        with pytest.raises(NotFound):
            take_back(review_id, member, now=NOW + SECOND)


def test_a_no_goes_before_a_yes_that_was_given_first() -> None:
    world = make_world(REVIEW)
    one = pending(world)
    click_yes(one, world.cast.rui)
    click_no(one, world.cast.ada, now=NOW + 4 * SECOND)

    assert finalised(one, now=EFFECTIVE) == "pending_review"
    assert finalised(one, now=EFFECTIVE + 4 * SECOND) == "declined"


def test_a_no_that_is_taken_back_lets_the_yes_go_on() -> None:
    world = make_world(REVIEW)
    one = pending(world)
    click_yes(one, world.cast.rui)
    no = click_no(one, world.cast.ada, now=NOW + 4 * SECOND)
    take_back(no.review_id, world.cast.ada, now=NOW + 6 * SECOND)

    assert finalised(one, now=NOW + 7 * SECOND) == "approved"


@pytest.mark.parametrize(("first", "second"), [(click_yes, click_yes), (click_no, click_yes), (click_no, click_no)])
def test_the_second_of_two_reviewers_is_told_who_was_faster(first: Any, second: Any) -> None:
    world = make_world(REVIEW)
    one = pending(world)
    first(one, world.cast.rui)

    with pytest.raises(Conflict, match="Rui was faster") as caught:
        second(one, world.cast.ada, now=NOW + SECOND)
    assert caught.value.code == "answered_meanwhile"


def test_a_yes_given_in_time_counts_behind_the_end_of_the_question() -> None:
    world = make_world(REVIEW)
    one = pending(world)
    assert one.expires_at is not None
    click_yes(one, world.cast.rui, now=one.expires_at - SECOND)

    assert expire_due(now=one.expires_at + timedelta(hours=1)) == 0
    told = answer(world.organization_id, one.id, now=one.expires_at + 2 * SECOND)
    assert (told.status, told.expires_at) == ("pending_review", one.expires_at)
    with pytest.raises(Conflict) as caught:
        click_no(one, world.cast.ada, now=one.expires_at)
    assert caught.value.code == "not_pending"
    assert finalised(one, now=one.expires_at + timedelta(hours=1)) == "approved"


def test_behind_its_end_a_question_without_enough_answers_expires_at_once() -> None:
    world = make_world(TWO)
    one = pending(world)
    assert one.expires_at is not None
    click_yes(one, world.cast.rui, now=one.expires_at - SECOND)

    assert finalised(one, now=one.expires_at + 4 * SECOND) == "expired"


def test_an_answer_that_is_taken_back_gives_the_question_its_own_end_again() -> None:
    world = make_world(REVIEW)
    one = pending(world)
    assert one.expires_at is not None
    yes = click_yes(one, world.cast.rui, now=one.expires_at - SECOND)
    take_back(yes.review_id, world.cast.rui, now=one.expires_at + SECOND)

    assert expire_due(now=one.expires_at + 2 * SECOND) == 1
    assert status(one) == "expired"


def test_a_worker_that_is_away_for_a_day_keeps_no_money_set_aside_for_ever() -> None:
    world = make_world(REVIEW)
    one = pending(world)
    click_yes(one, world.cast.rui, now=NOW + timedelta(hours=23))
    late = NOW + timedelta(hours=23) + UNDO_TIME + LONGEST_ON_ITS_WAY

    assert finalise_reviews(now=late) == 1
    assert (status(one), Review.objects.get().closed_as) == ("expired", "overtaken")


def test_a_yes_that_meets_a_freeze_is_set_aside_and_has_to_be_given_again() -> None:
    world = make_world(REVIEW)
    one = pending(world)
    click_yes(one, world.cast.rui)
    stop: dict[str, Any] = {"organization_id": world.organization_id, "agent_id": world.agent.id, "reason": "odd"}
    freeze_agent(**stop, actor=actor_for(world.cast.olu), now=NOW + SECOND)

    assert finalised(one, now=EFFECTIVE) == "pending_review"
    assert Review.objects.get().closed_as == "set_aside"
    thaw_agent(**stop, actor=actor_for(world.cast.ada), now=NOW + timedelta(minutes=1))
    assert finalised(one, now=NOW + timedelta(minutes=2)) == "pending_review"
    assert say_yes(one, world.cast.rui, now=NOW + timedelta(minutes=3)) == "approved"


def test_one_that_fails_keeps_no_other_from_taking_effect(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    world = make_world(REVIEW)
    bad, good = pending(world, "60"), pending(world, "70")
    for one in (bad, good):
        click_yes(one, world.cast.rui)
    settle = finalise._settle

    def failing(authorization: Authorization, *rest: Any) -> bool:
        if authorization.id == bad.id:
            raise RuntimeError("spoilt")
        return settle(authorization, *rest)

    monkeypatch.setattr(finalise, "_settle", failing)

    assert finalise_reviews(now=EFFECTIVE) == 1
    assert (status(bad), status(good)) == ("pending_review", "approved")
    assert "could not take effect" in caplog.text
    monkeypatch.undo()
    assert finalise_reviews(now=EFFECTIVE + SECOND) == 1
    assert finalise_reviews(now=EFFECTIVE + SECOND) == 0
