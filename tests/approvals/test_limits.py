"""What of a limit is used, held and left: to the app and on the agent's page, in each kind of counter."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from django.test import Client

from approvals.selectors.limits import limits_of
from approvals.selectors.situation import read_asker
from approvals.services.booking import Report
from approvals.services.record import record_spend
from core.ids import Prefix, to_public
from tests.approvals.world import World, add_agent, ask, make_world, put_policy, stored
from tests.factories import NOW

pytestmark = pytest.mark.django_db

RULES: Final[tuple[dict[str, Any], ...]] = (
    {"key": "day", "type": "SPEND_LIMIT", "daily": {"USD": "100"}},
    {"key": "hour", "type": "SPEND_LIMIT", "hourly": {"USD": "100"}, "window": "rolling"},
    {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "100"}, "period": "month", "shared": True},
    {"key": "pace", "type": "VELOCITY", "limit": 20, "period_minutes": 60},
)


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


def spend_and_hold(world: World) -> None:
    """20 recorded of an ask for 25, 30 set aside."""
    paid = stored(ask(world, "25"))
    record_spend(
        paid.id,
        Report(Decimal(20), "USD"),
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        actor=world.actor,
        now=NOW,
    )
    ask(world, "30")


def told(world: World) -> dict[str, tuple[int, int, int]]:
    return {
        one.rule_key: (int(one.used), int(one.held), int(one.remaining))
        for one in limits_of(read_asker(world.agent.id), now=NOW)
    }


def test_each_limit_tells_what_is_used_what_of_it_is_held_and_what_is_left() -> None:
    world = make_world(*RULES)
    spend_and_hold(world)

    assert told(world) == {"day": (50, 30, 50), "hour": (50, 30, 50), "pot": (50, 30, 50), "pace": (2, 0, 18)}


def test_a_shared_budget_shows_what_the_other_agent_holds_and_an_own_limit_does_not() -> None:
    world = make_world(*RULES)
    other = add_agent(world.cast, "Other")
    spend_and_hold(world)
    ask(other, "7")

    assert told(other) == {"day": (7, 7, 93), "hour": (7, 7, 93), "pot": (57, 37, 43), "pace": (1, 0, 19)}


def test_a_counter_that_no_ask_has_opened_yet_tells_the_same() -> None:
    world = make_world({"key": "free", "type": "SPEND_LIMIT", "per_transaction": {"USD": "100"}})
    spend_and_hold(world)
    put_policy(world.cast, "Later", RULES[:2])

    assert told(world) == {"day": (50, 30, 50), "hour": (50, 30, 50)}


def test_a_rolling_limit_forgets_a_hold_that_left_its_window() -> None:
    world = make_world(RULES[1])
    ask(world, "30", now=NOW - timedelta(minutes=62))
    ask(world, "5")

    assert told(world) == {"hour": (5, 5, 95)}


def test_the_page_and_the_api_show_the_three_figures_and_when_they_begin_anew() -> None:
    world = make_world(RULES[0])
    spend_and_hold(world)
    client = Client()
    client.force_login(world.cast.vera.person)

    page = client.get(f"/agents/{to_public(Prefix.AGENT, world.agent.id)}/limits/").content.decode()
    answer = Client().get("/api/v1/limits", headers={"Authorization": f"Bearer {world.secret}"})

    words = " ".join(re.sub(r"<[^>]+>", " ", page.split('id="agent-limits"')[1]).split())
    assert "Daily limit 50.00 USD left of 100.00 USD used 20.00 USD held 30.00 USD" in words
    assert "resets" in words
    (limit,) = answer.json()["data"]
    assert (limit["used"], limit["held"], limit["remaining"]) == ("50.00", "30.00", "50.00")
