"""A person's answer: who may give it, what it is given on, and what it leads to."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from agents.services import change_agent, freeze_agent, retire_agent
from approvals.lifecycle import UNDO_TIME
from approvals.models import Authorization
from approvals.selectors.answers import answer
from approvals.selectors.books import faults
from approvals.selectors.evidence import present_evidence
from core.db import rows
from core.errors import Conflict, NotAllowed
from spend.models import Counter
from spend.services.pegs import remove_peg, set_peg
from tests.approvals.world import (
    World,
    add_agent,
    ask,
    click_no,
    make_world,
    put_policy,
    republish,
    say_no,
    say_yes,
    stored,
)
from tests.factories import NOW, actor_for
from tests.races.acts import act_on, do

pytestmark = pytest.mark.django_db

REVIEW = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
TWO = {**REVIEW, "review": {"approvals": 2}}
DAILY = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}


@pytest.fixture(autouse=True)
def books_are_right() -> Any:
    yield
    assert faults() == []


def pending(world: World, amount: str = "60") -> Authorization:
    return stored(ask(world, amount))


def again(one: Authorization) -> Authorization:
    return Authorization.objects.get(id=one.id)


def test_a_yes_approves_and_starts_the_approvals_own_clock() -> None:
    world = make_world(REVIEW)
    one, later = pending(world), NOW + timedelta(hours=2)
    effective = later + UNDO_TIME

    assert say_yes(one, world.cast.rui, now=later) == "approved"

    row = again(one)
    assert (row.status, row.approved_at, row.expires_at) == ("approved", effective, effective + timedelta(seconds=900))
    assert row.redecision is not None
    assert row.decision == one.decision


def test_two_approvals_take_two_people() -> None:
    world = make_world(TWO)
    one = pending(world)

    assert say_yes(one, world.cast.rui) == "pending_review"
    with pytest.raises(Conflict) as caught:
        say_yes(one, world.cast.rui)
    assert caught.value.code == "already_reviewed"
    assert say_yes(one, world.cast.ada) == "approved"


def test_one_rejection_ends_it() -> None:
    world = make_world(TWO)
    one = pending(world)
    say_yes(one, world.cast.rui)

    say_no(one, world.cast.ada)

    assert (again(one).status, again(one).status_reason) == ("declined", "no")


def test_who_may_not_review_is_refused() -> None:
    world = make_world(REVIEW)
    one = pending(world)

    for member in (world.cast.vera, world.cast.olu):
        with pytest.raises(NotAllowed) as caught:
            say_yes(one, member)
        assert caught.value.code == "not_a_reviewer"


def test_nobody_reviews_for_an_agent_they_own() -> None:
    world = make_world(REVIEW)
    one = pending(world)
    change_agent(
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        change={"owner_id": world.cast.rui.person_id},
        actor=actor_for(world.cast.olu),
        now=NOW,
    )

    with pytest.raises(NotAllowed) as caught:
        say_yes(one, world.cast.rui)
    assert caught.value.code == "own_agent"


def test_a_yes_to_what_is_not_so_any_more_shows_the_new_evidence() -> None:
    world = make_world(REVIEW, DAILY)
    one = pending(world)
    shown = present_evidence(one.id, organization_id=world.organization_id, now=NOW).digest
    ask(world, "5")

    with pytest.raises(Conflict) as caught:
        say_yes(one, world.cast.rui, digest=shown)

    assert caught.value.code == "evidence_changed"
    assert say_yes(one, world.cast.rui) == "approved"


def test_decided_again_on_the_policies_of_now_a_denial_declines() -> None:
    world = make_world()
    policy = put_policy(world.cast, "P", [REVIEW])
    one = pending(world)
    republish(world.cast, policy, [{"key": "cap", "type": "SPEND_LIMIT", "per_transaction": {"USD": "55"}}])

    assert say_yes(one, world.cast.rui) == "declined"
    assert (again(one).status, again(one).status_reason) == ("declined", "redecided")


def test_a_stricter_quorum_of_now_keeps_it_waiting() -> None:
    world = make_world()
    policy = put_policy(world.cast, "P", [REVIEW])
    one = pending(world)
    republish(world.cast, policy, [TWO])

    assert say_yes(one, world.cast.rui) == "pending_review"
    assert say_yes(one, world.cast.ada) == "approved"


def test_a_new_limit_counts_the_waiting_payment_from_its_own_window() -> None:
    world = make_world()
    policy = put_policy(world.cast, "P", [REVIEW])
    one = pending(world)
    republish(
        world.cast,
        policy,
        [REVIEW, DAILY, {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "70"}, "period": "month"}],
    )

    assert say_yes(one, world.cast.rui) == "approved"
    assert ask(world, "11").answer.status == "declined"
    assert ask(world, "10").answer.status == "approved"


def test_while_frozen_a_yes_is_refused_and_the_request_stays() -> None:
    world = make_world(REVIEW)
    one = pending(world)
    freeze_agent(
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        reason="odd",
        actor=actor_for(world.cast.olu),
        now=NOW,
    )

    with pytest.raises(Conflict) as caught:
        say_yes(one, world.cast.rui)
    assert (caught.value.code, again(one).status) == ("frozen", "pending_review")


def test_nothing_is_approved_for_a_retired_agent() -> None:
    world = make_world(REVIEW)
    one, approved_before = pending(world), ask(world, "10").answer
    retire_agent(
        organization_id=world.organization_id, agent_id=world.agent.id, actor=actor_for(world.cast.olu), now=NOW
    )

    with pytest.raises(Conflict) as caught:
        say_yes(one, world.cast.rui)
    assert (caught.value.code, again(one).status) == ("agent_retired", "pending_review")
    assert approved_before.may_pay
    assert not answer(world.organization_id, approved_before.id, now=NOW).may_pay


def test_the_first_of_two_yeses_decides_nothing_not_even_a_denial() -> None:
    office = {
        "key": "office",
        "type": "TIME_WINDOW",
        "windows": [{"days": ["sun", "mon"], "from": "09:00", "to": "17:00"}],
    }
    world = make_world(TWO, office)
    one = pending(world)

    assert say_yes(one, world.cast.rui, now=NOW + timedelta(hours=8)) == "pending_review"
    assert say_yes(one, world.cast.ada, now=NOW + timedelta(hours=21)) == "approved"


def test_only_the_people_asked_for_count() -> None:
    world = make_world({**REVIEW, "review": {"roles": ["admin"]}})
    one = pending(world)

    with pytest.raises(NotAllowed) as caught:
        say_yes(one, world.cast.rui)
    assert caught.value.code == "not_asked"
    assert say_yes(one, world.cast.ada) == "approved"


def test_the_yes_of_somebody_who_owns_the_agent_by_now_does_not_count() -> None:
    world = make_world(TWO)
    one = pending(world)
    say_yes(one, world.cast.rui)
    change_agent(
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        change={"owner_id": world.cast.rui.person_id},
        actor=actor_for(world.cast.olu),
        now=NOW,
    )

    assert say_yes(one, world.cast.ada) == "pending_review"
    assert say_yes(one, world.cast.oona) == "approved"


def test_what_is_asked_for_by_now_is_told_and_the_decision_that_asks_is_kept() -> None:
    world = make_world()
    policy = put_policy(world.cast, "P", [REVIEW])
    one = pending(world)
    republish(world.cast, policy, [TWO])
    say_yes(one, world.cast.rui)

    told = rows("select before, after from audit_event where action = 'authorization.redecided'")

    before, after = (orjson.loads(str(text)) for text in told[0])
    assert len(told) == 1
    assert [need["approvals"] for need in before["requirements"]] == [1]
    assert [need["approvals"] for need in after["requirements"]] == [2]
    assert (after["outcome"], after["reasons"]) == ("review", ["approval_threshold"])
    kept: Any = again(one)
    assert [need["approvals"] for need in kept.redecision["requirements"]] == [2]
    assert kept.redecision_facts["policies"][0]["version"] == 2
    assert kept.decision == one.decision


def test_after_the_time_out_nobody_can_answer() -> None:
    world = make_world({**REVIEW, "review": {"timeout_minutes": 60}})
    one = pending(world)

    with pytest.raises(Conflict) as caught:
        say_yes(one, world.cast.rui, now=NOW + timedelta(minutes=60))
    assert caught.value.code == "not_pending"


def test_another_organization_does_not_see_it() -> None:
    world = make_world(REVIEW)
    one = pending(world)
    add_agent(world.cast, "Other")

    with pytest.raises(Exception, match="Not found"):
        click_no(one, world.cast.mallory)


ROLLING = {"key": "hour", "type": "SPEND_LIMIT", "hourly": {"USD": "100"}, "window": "rolling"}


@pytest.mark.parametrize("asked_before", ["40", "41"])
def test_a_rolling_limit_of_now_counts_the_hour_before_the_ask_however_late_the_yes(asked_before: str) -> None:
    world = make_world()
    policy = put_policy(world.cast, "P", [REVIEW])
    before = stored(ask(world, asked_before, now=NOW - timedelta(minutes=30)))
    assert do(replace(act_on(before, "record"), amount=asked_before, now=before.asked_at)) == "record"
    one = pending(world)
    ask(world, "45", now=NOW + timedelta(minutes=30))
    republish(world.cast, policy, [REVIEW, ROLLING])

    expected = "approved" if asked_before == "40" else "declined"
    assert say_yes(one, world.cast.rui, now=NOW + timedelta(hours=3)) == expected


def test_a_rolling_limit_that_has_moved_on_does_not_stand_in_the_way_of_a_late_yes() -> None:
    world = make_world(REVIEW, ROLLING)
    one = pending(world)
    assert ask(world, "45", now=NOW + timedelta(hours=2)).answer.status == "approved"

    assert say_yes(one, world.cast.rui, now=NOW + timedelta(hours=3)) == "approved"


def test_a_peg_taken_away_meanwhile_does_not_change_the_currency_it_counts_in() -> None:
    world = make_world(REVIEW, DAILY)
    set_peg(
        organization_id=world.organization_id,
        currency="USDC",
        pegged_to="USD",
        actor=actor_for(world.cast.olu),
        now=NOW,
    )
    one = stored(ask(world, "60", currency="USDC"))
    remove_peg(organization_id=world.organization_id, currency="USDC", actor=actor_for(world.cast.olu), now=NOW)

    assert say_yes(one, world.cast.rui) == "approved"
    assert set(Counter.objects.values_list("currency", flat=True)) == {"USD"}
