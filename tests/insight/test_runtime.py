"""How an agent runs: a section of its page, from live data."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from agents.models import Agent
from approvals.models import Authorization
from approvals.services.booking import Report
from approvals.services.record import record_spend, record_unauthorized
from approvals.services.void import mark_in_doubt
from core.errors import NotFound
from core.ids import Prefix, to_public
from insight.selectors.fleet import fleet_of
from insight.selectors.runtime import runtime_of
from people.models import Member
from tests.approvals.world import World, add_agent, ask, make_world
from tests.factories import NOW

pytestmark = pytest.mark.django_db
DAILY = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}
PEOPLE = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def world() -> World:
    return make_world(DAILY, PEOPLE)


def get(member: Member, path: str, *, htmx: bool = False) -> Any:
    client = Client()
    client.force_login(member.person)
    return client.get(path, headers={"HX-Request": "true"} if htmx else {})


def path_of(world: World) -> str:
    return f"/agents/{to_public(Prefix.AGENT, world.agent.id)}/runtime/"


def reach(world: World) -> dict[str, Any]:
    return {"organization_id": world.organization_id, "agent_id": world.agent.id, "actor": world.actor}


def test_an_agent_that_never_asked_has_nothing_to_show(world: World) -> None:
    shown = runtime_of(world.organization_id, world.agent.id, now=NOW)

    assert shown.row.status == "never_seen"
    assert (shown.last_asked, shown.last_record, shown.held, shown.events) == (None, None, (), [])
    assert (shown.decisions.number, shown.decisions.p50_us) == (0, None)
    assert "It has not done anything yet." in get(world.cast.vera, path_of(world)).content.decode()


def test_what_is_open_odd_and_recent_is_counted(world: World) -> None:
    ask(world, "10", now=NOW - timedelta(days=2))
    waiting = ask(world, "60", now=NOW - timedelta(hours=2))
    ask(world, "500", now=NOW - timedelta(hours=1))
    doubtful = ask(world, "20", now=NOW - timedelta(minutes=5))
    mark_in_doubt(doubtful.answer.id, reason="", now=NOW, **reach(world))
    paid = ask(world, "5", now=NOW - timedelta(minutes=1))
    record_spend(paid.answer.id, Report(Decimal(6), "USD"), now=NOW, **reach(world))
    record_unauthorized(Report(Decimal(7), "USD"), now=NOW, **reach(world))
    Authorization.objects.update(decided_in_us=4_000)
    Authorization.objects.filter(id=waiting.answer.id).update(decided_in_us=90_000)

    shown = runtime_of(world.organization_id, world.agent.id, now=NOW)

    decisions = shown.decisions
    assert (decisions.allow, decisions.review, decisions.deny) == (2, 1, 1)
    assert (decisions.p50_us, decisions.p95_us) == (4_000, 90_000)
    assert {status: one.number for status, one in shown.unfinished.items()} == {
        "pending_review": 1,
        "approved": 1,
        "in_doubt": 1,
    }
    assert shown.unfinished["approved"].oldest == NOW - timedelta(days=2)
    assert [(one.held, one.status) for one in shown.held] == [
        (Decimal(10), "approved"),
        (Decimal(60), "pending_review"),
        (Decimal(20), "in_doubt"),
    ]
    assert [(one.currency, one.number, one.held) for one in shown.holds] == [("USD", 3, Decimal(90))]
    assert (shown.unauthorized, shown.flagged) == (1, 1)
    assert shown.last_asked is not None
    assert shown.last_asked.id == paid.answer.id
    assert shown.last_record is not None
    assert shown.last_record.recorded_at == NOW
    assert len(shown.events) == 5


def test_the_section_comes_alone_to_htmx_and_as_a_page_to_people(world: World) -> None:
    ask(world, "60")
    agent = to_public(Prefix.AGENT, world.agent.id)

    whole = get(world.cast.vera, path_of(world)).content.decode()
    part = get(world.cast.vera, path_of(world), htmx=True).content.decode()

    assert "<html" in whole
    assert "<html" not in part
    for html in (whole, part):
        assert f'href="/authorizations/?agent={agent}&amp;status=pending_review"' in html
        assert f'href="/analytics/flagged/?agent={agent}&amp;flag=unauthorized"' in html


def test_a_foreign_agent_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        runtime_of(world.cast.mallory.organization_id, world.agent.id, now=NOW)
    assert get(world.cast.mallory, path_of(world)).status_code == 404
    assert get(world.cast.vera, "/agents/agt_nonsense/runtime/").status_code == 404


def test_the_fleet_is_counted_by_state(world: World) -> None:
    states = {"Active": NOW, "Silent": NOW - timedelta(days=2)}
    for name, moment in states.items():
        agent = add_agent(world.cast, name).agent
        Agent.objects.filter(pk=agent.pk).update(last_seen_at=moment)
    frozen = add_agent(world.cast, "Frozen").agent
    Agent.objects.filter(pk=frozen.pk).update(frozen_at=NOW)

    shown = fleet_of(world.organization_id, now=NOW)

    assert (shown.number, shown.active, shown.silent, shown.never_seen, shown.frozen) == (4, 1, 1, 1, 1)
    assert fleet_of(world.cast.mallory.organization_id, now=NOW).number == 0
    html = get(world.cast.vera, "/fleet/").content.decode()
    for state in ("active", "silent", "never_seen", "frozen", "key_expiring"):
        assert f'href="/agents/?state={state}"' in html
        assert get(world.cast.vera, f"/agents/?state={state}").status_code == 200
