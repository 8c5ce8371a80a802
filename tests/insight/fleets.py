"""Fleets to look at: agents that are well, and one for each way of not being well."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import F

from agents.models import Agent, AgentKey
from agents.services import freeze_agent
from approvals.models import Authorization
from approvals.services.booking import Report
from approvals.services.record import record_spend, record_unauthorized
from approvals.services.void import mark_in_doubt, void_authorization
from tests.approvals.world import World, add_agent, ask, make_world
from tests.factories import Cast, actor_for

CAPS = {"key": "caps", "type": "SPEND_LIMIT", "per_transaction": {"USD": "200"}, "daily": {"USD": "2000"}}
PEOPLE = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "100"}}
TROUBLED = (
    "Pays without asking",
    "Pays against the answer",
    "Pays too much",
    "Does not know",
    "Runs against a wall",
    "Key ran out",
    "Was denied once",
    "Waits for people",
    "Key ends soon",
    "Fell silent",
)
"""In the order in which they need somebody."""


def a_fleet(*, well: int, now: datetime) -> Cast:
    """One agent per trouble, one that is frozen, so many that are well, and one that was never seen."""
    cast = make_world(CAPS, PEOPLE, now=now - timedelta(days=9)).cast
    Agent.objects.filter(organization=cast.organization).update(name="Was never seen")
    for name in TROUBLED:
        make_trouble(an_asker(cast, name, now), now)
    frozen = an_asker(cast, "Is frozen", now)
    freeze_agent(
        organization_id=cast.organization.id,
        agent_id=frozen.agent.id,
        reason="Bought the same thing again and again.",
        actor=actor_for(cast.olu),
        now=now - timedelta(hours=2),
    )
    for number in range(well):
        spend(an_asker(cast, f"Worker {number:03}", now), number, now)
    Authorization.objects.filter(organization=cast.organization).update(decided_in_us=F("amount") * 100)
    return cast


def an_asker(cast: Cast, name: str, now: datetime) -> World:
    """An agent that was seen a moment ago."""
    world = add_agent(cast, name, labels=["research"], now=now - timedelta(days=9))
    Agent.objects.filter(id=world.agent.id).update(last_seen_at=now - timedelta(minutes=3))
    return world


def spend(world: World, number: int, now: datetime) -> None:
    """Ask and record now and then over the day."""
    for hour in {number % 7, number % 11 + 5}:
        moment = now - timedelta(hours=hour, minutes=number % 50 + 1)
        asked = ask(world, f"{10 + number % 80}.50", now=moment)
        paid = Report(asked.answer.amount, "USD")
        record_spend(asked.answer.id, paid, now=moment + timedelta(seconds=20), **reach(world))


def make_trouble(world: World, now: datetime) -> None:
    """Let an agent do what its name says, forty minutes ago."""
    moment, name = now - timedelta(minutes=40), world.agent.name
    asks = {
        "Runs against a wall": ["900", "901", "902", "903", "904"],
        "Was denied once": ["900", "10"],
        "Waits for people": ["150"],
        "Pays against the answer": ["20"],
        "Pays too much": ["20"],
        "Does not know": ["20"],
    }
    asked = [ask(world, amount, now=moment).answer.id for amount in asks.get(name, [])]
    match name:
        case "Pays without asking":
            for amount in (7, 9):
                record_unauthorized(Report(Decimal(amount), "USD"), now=moment, **reach(world))
        case "Pays against the answer":
            void_authorization(asked[0], reason="", now=moment, **reach(world))
            record_spend(asked[0], Report(Decimal(20), "USD"), now=moment, **reach(world))
        case "Pays too much":
            record_spend(asked[0], Report(Decimal(30), "USD"), now=moment, **reach(world))
        case "Does not know":
            mark_in_doubt(asked[0], reason="", now=moment, **reach(world))
    ends = {"Key ran out": -timedelta(hours=5), "Key ends soon": timedelta(days=2)}.get(name)
    if ends is not None:
        AgentKey.objects.filter(id=world.key_id).update(expires_at=now + ends)
    if name == "Fell silent":
        Agent.objects.filter(id=world.agent.id).update(last_seen_at=now - timedelta(days=3))


def reach(world: World) -> dict[str, Any]:
    return {"organization_id": world.organization_id, "agent_id": world.agent.id, "actor": world.actor}
