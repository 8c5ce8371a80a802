"""Spend by policy: under each that had a say in the decision, and everything once in the sum."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from approvals.services.booking import Report
from approvals.services.record import record_spend, record_unauthorized
from core.ids import Prefix, to_public
from insight.selectors.ledger import Chosen, Dimension, ledger_of
from insight.selectors.periods import last_days
from insight.selectors.rollups import faults
from insight.selectors.spending import NAMELESS, Spending, spending
from insight.selectors.uses import payments_by_policy
from insight.services.rollups import BEHIND, roll
from policies.engine.types import Mode
from policies.services import AssignTo
from tests.approvals.world import World, ask, make_world, put_policy, say_yes, stored
from tests.factories import NOW

pytestmark = pytest.mark.django_db
LIMIT = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "1000"}}
LATER = NOW + BEHIND + timedelta(minutes=1)
NOBODY = NAMELESS[Dimension.POLICY]


@pytest.fixture(autouse=True)
def afterwards(time_machine: Any) -> None:
    time_machine.move_to(LATER, tick=False)


def pay(world: World, amount: str, *, is_reviewed: bool = False, **more: Any) -> None:
    asked = ask(world, amount, **more)
    if is_reviewed:
        assert say_yes(stored(asked), world.cast.rui) == "approved"
    reach = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    record_spend(asked.answer.id, Report(Decimal(amount), "USD"), actor=world.actor, now=NOW, **reach)


def spent(world: World, **chosen: Any) -> Spending:
    ledger = ledger_of(world.cast.organization)
    period = last_days(30, zone=ledger.zone, now=LATER)
    return spending(ledger, period, by=Dimension.POLICY, chosen=Chosen(currency="USD", **chosen))


def nets(shown: Spending) -> dict[str, Decimal]:
    return {group.name: group.net for group in shown.groups}


def rolled_or_not(world: World) -> Iterator[None]:
    """Before the daily rows are written, and with them."""
    yield
    roll(world.organization_id, now=LATER)
    yield


def test_a_payment_stands_under_each_policy_that_had_a_say() -> None:
    world = make_world(LIMIT)
    cast = world.cast
    travel = put_policy(cast, "Travel", [{**LIMIT, "when": {"categories": ["travel"]}}])
    put_policy(cast, "Shadow", [LIMIT], mode=Mode.SHADOW)
    put_policy(cast, "Others", [LIMIT], targets=AssignTo(labels=("nobody",)))
    pay(world, "10", category="travel")
    pay(world, "5", category="books")
    report = Report(Decimal(2), "USD")
    record_unauthorized(
        report, organization_id=world.organization_id, agent_id=world.agent.id, actor=world.actor, now=NOW
    )

    for _ in rolled_or_not(world):
        shown = spent(world)
        assert nets(shown) == {"Research agents": Decimal(15), "Travel": Decimal(10), NOBODY: Decimal(2)}
        assert shown.net == Decimal(17)
        only = {"policy": to_public(Prefix.POLICY, travel)}
        assert spent(world, **only).net == Decimal(10)
        assert nets(spent(world, category="travel")) == {"Research agents": Decimal(10), "Travel": Decimal(10)}
        assert nets(spent(world, policy="")) == {NOBODY: Decimal(2)}
    assert faults() == []


def test_the_decision_after_a_review_counts() -> None:
    world = make_world(LIMIT, {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}})
    asked = ask(world, "60")
    put_policy(world.cast, "Came later", [LIMIT])
    assert say_yes(stored(asked), world.cast.rui) == "approved"
    reach = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    record_spend(asked.answer.id, Report(Decimal(60), "USD"), actor=world.actor, now=NOW, **reach)

    for _ in rolled_or_not(world):
        assert nets(spent(world)) == {"Research agents": Decimal(60), "Came later": Decimal(60)}
    assert faults() == []


def test_the_page_says_that_sums_overlap_and_leads_to_the_payments(client: Client) -> None:
    world = make_world(LIMIT)
    put_policy(world.cast, "Second", [LIMIT])
    pay(world, "10")
    client.force_login(world.cast.vera.person)

    html = client.get("/analytics/?by=policy").content.decode()
    assert "these sums overlap" in html
    name = spent(world).groups[0].public
    payments = client.get(f"/analytics/payments/?policy={name}").content.decode()
    assert "10.00" in payments
    assert "10.00" not in client.get("/analytics/payments/?none=policy").content.decode()
    csv = b"".join(client.get("/analytics/export/?by=policy")).decode()
    assert csv.count("10.00,") >= 2
    assert client.get("/analytics/?policy=nonsense").status_code == 200


def test_the_list_of_policies_says_how_often_each_is_used(client: Client) -> None:
    world = make_world(LIMIT)
    second = put_policy(world.cast, "Second", [LIMIT])
    put_policy(world.cast, "For whales", [LIMIT | {"when": {"minimum_amount": {"USD": "500"}}}])
    pay(world, "10")
    client.force_login(world.cast.vera.person)

    for _ in rolled_or_not(world):
        lines = client.get("/policies/").context["lines"]
        assert {line["policy"].name: line["payments"] for line in lines} == {
            "For whales": 0,
            "Research agents": 1,
            "Second": 1,
        }
        csv = b"".join(client.get("/policies/export/")).decode().splitlines()
        assert next(line for line in csv if to_public(Prefix.POLICY, second) in line).endswith(",1")
    elsewhere = world.cast.mallory.organization
    assert payments_by_policy(elsewhere, [to_public(Prefix.POLICY, second)], LATER) == {}
