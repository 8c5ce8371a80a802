"""Freeze is where an agent is shown: on each of these pages, for who may, and not where it is frozen already."""

import re
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from agents.models import Agent
from approvals.services.booking import Report
from approvals.services.record import record_unauthorized
from core.ids import Prefix, to_public
from insight.selectors.budgets import budgets_of
from people.models import Member, Organization
from tests.approvals.world import World, ask, make_world
from tests.factories import NOW

pytestmark = pytest.mark.django_db

RULES: tuple[dict[str, Any], ...] = (
    {"key": "own", "type": "BUDGET_ALLOCATION", "amount": {"USD": "900"}, "period": "day", "shared": False},
    {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}},
)


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def world() -> World:
    """An agent that asked for what waits, and paid something that nobody had allowed."""
    made = make_world(*RULES)
    record_unauthorized(
        Report(Decimal(7), "USD"),
        organization_id=made.organization_id,
        agent_id=made.agent.id,
        actor=made.actor,
        now=NOW,
    )
    return made


def pages(world: World) -> list[str]:
    waiting = to_public(Prefix.AUTHORIZATION, ask(world, "60").answer.id)
    organization = Organization.objects.get(id=world.organization_id)
    pot = budgets_of(organization, now=NOW)[0]
    agent = to_public(Prefix.AGENT, world.agent.id)
    return [
        f"/approvals/{waiting}/?who=all",
        f"/authorizations/{waiting}/",
        "/analytics/flagged/?flag=unauthorized",
        "/analytics/payments/",
        "/budgets/",
        f"/budgets/{pot.policy}/{pot.rule_key}/",
        f"/agents/{agent}/integration/",
        f"/agents/{agent}/runtime/",
    ]


def ways(member: Member, path: str, world: World) -> set[str]:
    """Where the page leads to freeze the agent."""
    client = Client()
    client.force_login(member.person)
    agent = to_public(Prefix.AGENT, world.agent.id)
    html = client.get(path).content.decode()
    return {unescape(one) for one in re.findall(rf'href="(/agents/{agent}/freeze/[^"]*)"', html)}


def test_who_may_freeze_finds_the_way_on_each_page_and_comes_back_to_it(world: World) -> None:
    for path in pages(world):
        found = ways(world.cast.olu, path, world)
        assert [parse_qs(urlsplit(one).query)["next"] for one in found] == [[path]], path


@pytest.mark.parametrize("name", ["rui", "vera"])
def test_nobody_else_is_shown_it(world: World, name: str) -> None:
    member: Member = getattr(world.cast, name)
    assert [path for path in pages(world) if ways(member, path, world)] == []


@pytest.mark.parametrize("column", ["frozen_at", "retired_at"])
def test_an_agent_that_is_stopped_already_is_not_offered_again(world: World, column: str) -> None:
    everywhere = pages(world)
    Agent.objects.filter(id=world.agent.id).update(**{column: NOW})

    assert [path for path in everywhere if ways(world.cast.olu, path, world)] == []
