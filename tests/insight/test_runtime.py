"""How an agent runs: a section of its page, from live data."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from agents.models import Agent
from approvals.models import Authorization
from approvals.selectors import activity
from approvals.selectors.activity import Ages
from approvals.services.booking import Report
from approvals.services.record import record_spend, record_unauthorized
from approvals.services.void import mark_in_doubt, void_authorization
from audit.models import Event
from core.errors import NotFound
from core.ids import Prefix, to_public
from insight.selectors.fleet import Kind, Trouble
from insight.selectors.runtime import runtime_of, runtime_state
from insight.views.troubles import wrong_of
from people.models import Member
from tests.approvals.world import World, ask, make_world
from tests.factories import NOW, actor_for

pytestmark = pytest.mark.django_db
DAILY = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}
AUTHENTICATION = 1
"""What any page reads: the session, with its person and memberships."""
WRONG = r'<(?:a|p) class="wrong tone-(\w+)"[^>]*>(.*?)</(?:a|p)>'
PEOPLE = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def world() -> World:
    return make_world(DAILY, PEOPLE, now=NOW - timedelta(days=3))


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
    assert (shown.last_asked, shown.last_record, shown.held) == (None, None, ())
    assert [event.action for event in shown.events] == ["agent.key_issued", "agent.created"]
    assert (shown.decisions.number, shown.decisions.p50_us) == (0, None)
    assert "Nothing is set aside" in get(world.cast.vera, path_of(world)).content.decode()


def test_answers_of_a_day_lead_to_the_asks_of_that_day(world: World) -> None:
    for hours in (1, 23, 25, 50):
        ask(world, "10", now=NOW - timedelta(hours=hours))
        ask(world, "500", now=NOW - timedelta(hours=hours))

    answers = {one.outcome: one for one in get(world.cast.vera, path_of(world)).context["mix"]}

    assert (answers["allow"].number, answers["deny"].number) == (2, 2)
    for one in answers.values():
        assert len(get(world.cast.vera, one.url).context["rows"]) == one.number
    denied = Trouble(Kind.DENIED, 2, 4, ("limit",), NOW)
    url = wrong_of(denied, to_public(Prefix.AGENT, world.agent.pk)).url
    assert len(get(world.cast.vera, url).context["rows"]) == 2


def test_what_is_open_odd_and_recent_is_counted(world: World) -> None:
    ask(world, "10", now=NOW - timedelta(days=2))
    Authorization.objects.update(expires_at=NOW + timedelta(days=1))
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
    assert {status: one.number for status, one in shown.open.items()} == {
        "pending_review": 1,
        "approved": 1,
        "in_doubt": 1,
    }
    assert shown.open["approved"] == Ages(older=1, oldest=NOW - timedelta(days=2))
    assert (shown.open["in_doubt"].quarter, shown.open["pending_review"].day) == (1, 1)
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
    assert shown.seen_at == NOW, "a record is heard of, whenever its visit was noted"
    assert {event.action for event in shown.events[:4]} == {
        "record.flagged",
        "authorization.recorded",
        "authorization.in_doubt",
    }
    assert (shown.by_minute[-2:], shown.per_minute) == ((1, 0), 0.2)


def test_denials_are_told_among_the_asks_of_the_last_day(world: World) -> None:
    ask(world, "10", now=NOW - timedelta(days=2))
    ask(world, "11", now=NOW - timedelta(hours=2))
    ask(world, "500", now=NOW - timedelta(hours=1))

    troubles = runtime_of(world.organization_id, world.agent.id, now=NOW).troubles

    assert [(one.kind, one.number, one.among) for one in troubles] == [(Kind.DENIED, 1, 2)]


def test_flags_are_counted_for_a_month_and_are_trouble_for_a_day(world: World) -> None:
    record_unauthorized(Report(Decimal(7), "USD"), now=NOW - timedelta(days=2), **reach(world))

    shown = runtime_of(world.organization_id, world.agent.id, now=NOW)

    assert (shown.unauthorized, shown.troubles) == (1, ())


def test_what_it_did_to_itself_is_in_the_stream_once(world: World) -> None:
    asked = ask(world, "10", now=NOW).answer.id

    events = runtime_of(world.organization_id, world.agent.id, now=NOW).events

    about = to_public(Prefix.AUTHORIZATION, asked)
    assert [event.subject_id for event in events].count(about) == Event.objects.filter(subject_id=about).count() > 0


def test_what_people_do_to_its_payments_is_in_the_stream(world: World) -> None:
    waiting = ask(world, "60", now=NOW - timedelta(minutes=9)).answer.id
    before = runtime_state(world.organization_id, world.agent.id)
    void_authorization(
        waiting,
        organization_id=world.organization_id,
        agent_id=None,
        reason="Ordered twice",
        actor=actor_for(world.cast.olu),
        now=NOW,
    )

    first = runtime_of(world.organization_id, world.agent.id, now=NOW).events[0]
    assert (first.action, first.actor_name) == ("authorization.voided", "Olu")
    assert runtime_state(world.organization_id, world.agent.id) != before
    assert "Olu" in get(world.cast.vera, path_of(world), htmx=True).content.decode()


def test_what_is_wrong_stands_first_and_has_its_line_where_nothing_is(world: World) -> None:
    def told() -> list[tuple[str, str]]:
        html = get(world.cast.vera, path_of(world), htmx=True).content.decode()
        (line,) = re.findall(r'<div class="wrongs">(.*?)</div>', html, re.DOTALL)
        assert html.index('class="wrongs"') < html.index('class="tiles"')
        return [(tone, " ".join(strip_tags(text).split())) for tone, text in re.findall(WRONG, line, re.DOTALL)]

    assert told() == [("positive", "Nothing is wrong with it")]
    Agent.objects.filter(pk=world.agent.pk).update(last_seen_at=NOW - timedelta(days=2))
    assert told() == [("caution", "Silent 2 days ago")]
    record_unauthorized(Report(Decimal(7), "USD"), now=NOW, **reach(world))
    Agent.objects.filter(pk=world.agent.pk).update(frozen_at=NOW, frozen_reason="Enough")
    assert told() == [("negative", "Paid once without asking"), ("info", "Frozen just now Enough")]
    Agent.objects.filter(pk=world.agent.pk).update(frozen_at=None, frozen_reason="", retired_at=NOW)
    assert told() == []


def test_an_unchanged_agent_costs_a_poll_one_read(
    world: World, time_machine: Any, django_assert_num_queries: Any
) -> None:
    ask(world, "10", now=NOW)
    client = Client()
    client.force_login(world.cast.vera.person)
    tag = client.get(path_of(world), headers={"HX-Request": "true"})["ETag"]
    poll = {"HX-Request": "true", "If-None-Match": tag}

    time_machine.move_to(NOW + timedelta(seconds=5), tick=False)
    with django_assert_num_queries(AUTHENTICATION + 1) as statements:
        assert client.get(path_of(world), headers=poll).status_code == 204
    assert not [one for one in statements.captured_queries if "for update" in one["sql"].lower()]
    with django_assert_num_queries(AUTHENTICATION):
        assert client.get(path_of(world), headers=poll).status_code == 204

    ask(world, "11", now=NOW + timedelta(seconds=6))
    time_machine.move_to(NOW + timedelta(seconds=10), tick=False)
    answer = client.get(path_of(world), headers=poll)
    assert (answer.status_code, "of 11.00 USD" in answer.content.decode()) == (200, True)


def test_a_page_that_is_opened_is_never_old(world: World) -> None:
    get(world.cast.vera, path_of(world), htmx=True)
    ask(world, "12.34", now=NOW)

    assert "of 12.34 USD" in get(world.cast.vera, path_of(world)).content.decode()
    assert "of 12.34 USD" in get(world.cast.vera, path_of(world), htmx=True).content.decode()


def test_a_sample_of_many_asks_is_said_to_be_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "SAMPLE", 2)
    for amount in ("1", "2", "60"):
        ask(world, amount, now=NOW - timedelta(minutes=1))

    decisions = runtime_of(world.organization_id, world.agent.id, now=NOW).decisions
    assert (decisions.number, decisions.is_sample) == (2, True)
    assert "2</span> and more in 24 h" in get(world.cast.vera, path_of(world)).content.decode()


def test_the_section_comes_alone_to_htmx_and_as_a_page_to_people(world: World) -> None:
    ask(world, "60")
    agent = to_public(Prefix.AGENT, world.agent.id)

    whole = get(world.cast.vera, path_of(world)).content.decode()
    part = get(world.cast.vera, path_of(world), htmx=True).content.decode()

    assert "<html" in whole
    assert "<html" not in part
    for html in (whole, part):
        assert f'href="/authorizations/?agent={agent}&amp;status=pending_review"' in html
        assert f'href="/analytics/flagged/?agent={agent}&amp;period=30d&amp;flag=unauthorized"' in html


def test_a_foreign_agent_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        runtime_of(world.cast.mallory.organization_id, world.agent.id, now=NOW)
    assert get(world.cast.mallory, path_of(world)).status_code == 404
    assert get(world.cast.vera, "/agents/agt_nonsense/runtime/").status_code == 404
