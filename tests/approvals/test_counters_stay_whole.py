"""A counter that no rule looks at for a while counts what passed it by as soon as a rule looks at it again."""

from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pytest
from django.db.models import F

from agents.services import change_agent
from approvals.selectors.books import faults
from approvals.selectors.limits import limits_of
from approvals.selectors.situation import read_asker
from approvals.services.booking import Report
from approvals.services.record import record_unauthorized
from core.actor import Actor, ActorKind
from people.models import Organization
from policies.services import AssignTo, set_assignments
from spend.models import Counter
from tests.approvals.world import World, ask, make_world, put_policy, republish
from tests.factories import NOW, actor_for

pytestmark = pytest.mark.django_db

DAILY: Final = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}
ROLLING: Final = {"key": "rolling", "type": "SPEND_LIMIT", "hourly": {"USD": "100"}, "window": "rolling"}
PER_PAYEE: Final = {**DAILY, "per": "agent_counterparty"}
PER_SESSION: Final = {"key": "run", "type": "SPEND_LIMIT", "total": {"USD": "100"}, "per": "session"}
CARDS: Final = {**DAILY, "when": {"rails": ["card"]}}
FREE: Final = {"key": "free", "type": "SPEND_LIMIT", "per_transaction": {"USD": "1000"}}
TWICE: Final = {"key": "twice", "type": "VELOCITY", "limit": 2, "period_minutes": 60}
BACK_END: Final = Actor(ActorKind.ORGANIZATION_KEY, "key_x", "back end", None)


@pytest.fixture(autouse=True)
def books_are_right() -> Any:
    yield
    assert faults() == []


def said(world: World, amount: str, **more: Any) -> str:
    return ask(world, amount, **{"session": "run_1", "rail": "card", **more}).answer.status


@pytest.mark.parametrize("rule", [DAILY, ROLLING, PER_PAYEE, PER_SESSION, CARDS], ids=lambda rule: str(rule["key"]))
def test_what_was_asked_while_a_limit_was_out_of_force_counts_when_it_is_back(rule: dict[str, Any]) -> None:
    world = make_world()
    policy = put_policy(world.cast, "P", [rule])
    assert said(world, "60") == "approved"
    republish(world.cast, policy, [FREE])
    assert said(world, "61") == "approved"
    assert faults() == []
    republish(world.cast, policy, [rule])

    assert said(world, "1") == "declined"


def test_asks_made_while_a_velocity_rule_was_out_of_force_count_when_it_is_back() -> None:
    world = make_world()
    policy = put_policy(world.cast, "P", [TWICE])
    assert said(world, "1") == "approved"
    republish(world.cast, policy, [FREE])
    assert said(world, "2") == "approved"
    republish(world.cast, policy, [TWICE])

    assert said(world, "3") == "declined"


def test_spend_reported_while_no_rule_looked_counts_when_one_does() -> None:
    world = make_world()
    policy = put_policy(world.cast, "P", [DAILY])
    assert said(world, "60") == "approved"
    republish(world.cast, policy, [FREE])
    record_unauthorized(
        Report(Decimal(40), "USD"),
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        actor=BACK_END,
        now=NOW,
    )
    republish(world.cast, policy, [DAILY])

    assert said(world, "1") == "declined"


def test_an_agent_that_lost_a_policy_and_gets_it_back_has_spent_what_it_has_spent() -> None:
    world = make_world(FREE)
    policy = put_policy(world.cast, "Daily", [DAILY], targets=AssignTo(agents=(world.agent.id,)))
    assert said(world, "60") == "approved"
    assign(world, policy, AssignTo())
    assert said(world, "61") == "approved"
    assign(world, policy, AssignTo(agents=(world.agent.id,)))

    assert said(world, "1") == "declined"


def assign(world: World, policy: UUID, targets: AssignTo) -> None:
    set_assignments(
        organization_id=world.organization_id,
        policy_id=policy,
        targets=targets,
        actor=actor_for(world.cast.olu),
        now=NOW,
    )


def test_a_label_taken_off_and_put_back_opens_no_new_room() -> None:
    world = make_world(FREE, labels=["eu"])
    put_policy(world.cast, "Daily", [DAILY], targets=AssignTo(labels=("eu",)))
    assert said(world, "60") == "approved"
    label(world)
    assert said(world, "39") == "approved"
    label(world, "eu")

    assert said(world, "2") == "declined"
    assert said(world, "1") == "approved"


def label(world: World, *labels: str) -> None:
    change_agent(
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        change={"labels": labels},
        actor=actor_for(world.cast.olu),
        now=NOW,
    )


def test_a_change_of_time_zone_there_and_back_opens_no_new_room() -> None:
    world = make_world(DAILY)
    assert said(world, "60") == "approved"
    move_to_zone(world, "Asia/Tokyo")
    assert said(world, "40") == "approved"
    move_to_zone(world, "UTC")

    assert said(world, "1") == "declined"


def move_to_zone(world: World, name: str) -> None:
    Organization.objects.filter(id=world.organization_id).update(time_zone=name, epoch=F("epoch") + 1)


def test_what_is_left_of_a_limit_is_told_right_before_any_ask_meets_it_again() -> None:
    world = make_world()
    policy = put_policy(world.cast, "P", [DAILY])
    said(world, "60")
    republish(world.cast, policy, [FREE])
    said(world, "30")
    republish(world.cast, policy, [DAILY, ROLLING])

    told = limits_of(read_asker(world.agent.id), now=NOW)

    assert {(one.rule_key, int(one.used), int(one.remaining)) for one in told} == {
        ("daily", 90, 10),
        ("rolling", 90, 10),
    }


def test_only_a_counter_that_was_passed_by_has_a_gap() -> None:
    world = make_world()
    policy = put_policy(world.cast, "P", [DAILY, CARDS | {"key": "cards"}])
    assert said(world, "10") == "approved"
    republish(world.cast, policy, [DAILY])
    assert said(world, "20", rail="bank") == "approved"
    assert not Counter.objects.filter(has_gap=True).exists()
    assert said(world, "30") == "approved"

    assert [counter.condition["rails"] for counter in Counter.objects.filter(has_gap=True)] == [["card"]]
