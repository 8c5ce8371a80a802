"""Budgets over the API: every pot in force with what is drawn from it."""

from typing import Any

import pytest
from django.test import Client

from core.ids import Prefix, to_public
from policies.engine.types import Mode
from policies.services import AssignTo
from tests.agents.samples import back_end
from tests.approvals.world import World, add_agent, ask, make_world, put_policy, republish
from tests.factories import NOW

pytestmark = pytest.mark.django_db
SHARED = {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"EUR": "50", "USD": "200"}, "period": "month"}
OWN = {"key": "own", "type": "BUDGET_ALLOCATION", "amount": {"USD": "40"}, "period": "day", "shared": False}
RUN = {"key": "run", "type": "BUDGET_ALLOCATION", "amount": {"USD": "30"}, "period": "session"}


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


def budgets(client: Client) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/budgets")
    assert answer.status_code == 200
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def reader(world: World) -> Client:
    return back_end(world.cast.ada, "read")


def test_a_shared_pot_is_listed_per_currency() -> None:
    world = make_world(SHARED)
    add_agent(world.cast, "Buyer")
    ask(world, "60")

    found = budgets(reader(world))

    assert [(one["currency"], one["limit"], one["used"], one["remaining"]) for one in found] == [
        ("EUR", "50.00", "0.00", "50.00"),
        ("USD", "200.00", "60.00", "140.00"),
    ]
    first = found[0]
    assert (first["policy"], first["rule_key"], first["period"], first["mode"]) == (
        "Research agents",
        "pot",
        "month",
        "enforced",
    )
    assert (first["agent"], first["session"], first["warn_at"]) == (None, None, [])
    assert (first["window_starts_at"], first["window_ends_at"]) == (
        "2026-11-01T00:00:00.000000Z",
        "2026-12-01T00:00:00.000000Z",
    )


def test_agents_that_do_not_share_have_a_pot_each() -> None:
    world = make_world()
    buyer = add_agent(world.cast, "Buyer", labels=["buys"])
    put_policy(world.cast, "Own", [OWN], targets=AssignTo(labels=("buys",)))
    ask(buyer, "15")

    found = budgets(reader(world))

    assert [(one["agent"], one["used"]) for one in found] == [(to_public(Prefix.AGENT, buyer.agent.id), "15.00")]


def test_a_session_has_a_pot_once_it_draws_on_it() -> None:
    world = make_world(RUN)
    assert budgets(reader(world)) == []
    ask(world, "10", session="run_1")
    ask(world, "25", session="run_2")

    found = budgets(reader(world))

    assert [(one["session"], one["used"], one["window_ends_at"]) for one in found] == [
        ("run_2", "25.00", None),
        ("run_1", "10.00", None),
    ]


def test_a_pot_whose_condition_changed_begins_anew() -> None:
    world = make_world()
    policy = put_policy(world.cast, "Runs", [RUN])
    ask(world, "10", session="run_1")
    republish(world.cast, policy, [RUN | {"when": {"rails": ["card"]}}], mode=Mode.ENFORCED)

    assert budgets(reader(world)) == []


def test_a_key_without_the_scope_is_refused_and_another_organization_sees_nothing() -> None:
    world = make_world(SHARED)

    assert back_end(world.cast.ada, "provision").get("/api/v1/budgets").status_code == 403
    assert Client().get("/api/v1/budgets").status_code == 401
    assert budgets(back_end(world.cast.mallory, "read")) == []
