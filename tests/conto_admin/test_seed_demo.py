"""The demo's data: everything in it is what the product could have written, and a second start leaves it alone."""

import json
import stat
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command

from agents.authentication import authenticate_agent
from approvals.models import Authorization
from approvals.selectors.books import faults
from audit.models import Event, Leaf
from audit.selectors.verification import verify
from audit.services.sealing import accepted_keys
from conto_admin.management.commands.seed_demo import beginning, make
from conto_admin.seeding import month, stories
from conto_admin.seeding.company import Company
from conto_admin.seeding.market import DICE, Wish
from conto_admin.seeding.month import LOOPS, planned
from conto_admin.seeding.office import Office
from core.clock import now as clock_now
from core.ids import new_id
from people.authentication import authenticate_organization
from people.models import Member, Person
from people.roles import Role, Scope
from policies.models import Policy

pytestmark = pytest.mark.django_db(transaction=True)

DAYS = 2
MOST_ASKS = 2000
"""So many are looked at by eye, and seeded in half a minute."""


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(datetime(2026, 11, 27, 15, 20, tzinfo=UTC), id="a Friday afternoon"),
        pytest.param(datetime(2027, 1, 2, 23, 5, tzinfo=UTC), id="a Saturday night after the holidays"),
    ],
)
def test_history_is_what_the_product_could_have_written(now: datetime) -> None:
    company = make(now, days=DAYS)

    assert not faults()
    assert not verify(company.organization_id, keys=accepted_keys()).faults
    told = [event.at for event in in_the_order_of_the_log(company.organization_id)]
    assert told == sorted(told)
    assert told[-1] <= now
    statuses = set(Authorization.objects.values_list("status", flat=True))
    assert {"recorded", "declined", "pending_review", "in_doubt", "approved"} <= statuses
    waiting = Authorization.objects.filter(status="pending_review")
    assert waiting.count() >= 5
    assert all(one.expires_at and one.expires_at > now for one in waiting)
    assert not Authorization.objects.filter(status="approved", expires_at__lte=now).exists()


@pytest.mark.parametrize("day", range(1, 32, 3))
def test_a_whole_month_has_hundreds_of_asks_and_not_thousands(day: int) -> None:
    end = datetime(2026, 12, day, 21, 30, tzinfo=UTC)
    company = Company(new_id(end))

    office = planned(company, {"research": new_id(end)}, start=beginning(end, month.DAYS), end=end)

    assert 500 <= len(office.waiting) + LOOPS <= MOST_ASKS


def test_a_whole_month_that_ends_late_in_a_month_leaves_every_question_waiting() -> None:
    now = datetime(2026, 11, 25, 22, 45, 10, tzinfo=UTC)

    make(now, days=month.DAYS)

    assert not faults()
    assert 500 <= Authorization.objects.count() <= MOST_ASKS
    waiting = Authorization.objects.filter(status="pending_review").values_list("amount", flat=True)
    assert {Decimal(6450), Decimal(1180), Decimal(96), Decimal(78)} <= set(waiting)


def test_a_question_that_a_policy_answers_waits_for_nobody() -> None:
    now = clock_now()
    company = make(now, days=0)
    office = Office(company, now, Random(1))
    nobody = Wish(DICE, Decimal(60), "Vouchers", "run_1")
    office.begin(stories.left_waiting(office, "procurement", nobody, 1), now)

    office.run(now + timedelta(hours=1))

    assert Authorization.objects.get().status == "declined"


def test_the_file_holds_keys_that_work_and_people_of_each_role(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"

    demo = seed(file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert demo["url"] == "http://localhost:8000"
    assert [agent["name"] for agent in demo["agents"]] == [
        "Research agent",
        "Procurement agent",
        "Infrastructure agent",
    ]
    assert all(authenticate_agent(f"Bearer {agent['key']}", clock_now()) for agent in demo["agents"])
    caller = authenticate_organization(f"Bearer {demo['organization_key']}", clock_now())
    assert caller is not None
    assert set(caller.scopes) == set(Scope)
    assert {role for person in demo["people"] for role in person["roles"]} == set(Role)
    for person in demo["people"]:
        assert Person.objects.get(email=person["email"]).check_password(person["password"])
        assert Member.objects.get(person__email=person["email"]).roles == person["roles"]
    assert len({rule["type"] for policy in Policy.objects.all() for rule in in_force(policy)}) == 13


def test_a_second_start_changes_the_address_only_and_a_lost_file_brings_new_keys(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    first = seed(file)
    events = Event.objects.count()

    assert seed(file, url="http://localhost:8001") == first | {"url": "http://localhost:8001"}
    assert Event.objects.count() == events

    file.unlink()
    again = seed(file)

    assert [agent["id"] for agent in again["agents"]] == [agent["id"] for agent in first["agents"]]
    assert all(authenticate_agent(f"Bearer {agent['key']}", clock_now()) for agent in again["agents"])
    person = again["people"][0]
    assert Person.objects.get(email=person["email"]).check_password(person["password"])


def seed(file: Path, *, url: str = "http://localhost:8000") -> dict[str, Any]:
    call_command("seed_demo", url=url, no_history=True, file=file)
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def in_the_order_of_the_log(organization_id: UUID) -> list[Event]:
    leaves = Leaf.objects.filter(organization_id=organization_id).order_by("index")
    events = Event.objects.in_bulk()
    return [events[event_id] for event_id in leaves.values_list("event_id", flat=True)]


def in_force(policy: Policy) -> list[dict[str, Any]]:
    version = policy.enforced or policy.shadow
    assert version is not None
    rules: list[dict[str, Any]] = version.document["rules"]
    return rules
