"""The first page: how to begin, then what needs somebody."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from agents.models import Agent
from agents.selectors import AgentFilter
from agents.services import create_agent, freeze_agent, issue_key
from approvals.selectors.by_agent import MANY
from approvals.services.booking import Report
from approvals.services.record import record_unauthorized
from approvals.services.void import mark_in_doubt
from audit.models import Checkpoint
from audit.services.sealing import seal
from core.ids import Prefix, to_public
from insight.models import BooksCheck
from insight.selectors.anomalies import anomalies_of, health_of
from insight.selectors.fleet import fleet_page
from insight.selectors.overview import beginning_of, most_used_limits, needs_of
from insight.services import checks, note_books_check
from people.models import Member
from policies.engine.types import Mode
from policies.services import AssignTo
from spend.services import changes
from tests.approvals.world import World, add_agent, ask, counterparty, make_world, put_policy
from tests.factories import NOW, actor_for, make_cast

pytestmark = pytest.mark.django_db
DAILY = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}
POT = {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "200"}, "period": "month"}
PEOPLE = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


def page(member: Member, path: str = "/") -> Any:
    client = Client()
    client.force_login(member.person)
    return client.get(path)


def set_standing(world: World, standing: str) -> None:
    """An operator judges the one payee."""
    changes.set_standing(
        organization_id=world.organization_id,
        counterparty_id=counterparty(world).pk,
        standing=standing,
        reason="",
        actor=actor_for(world.cast.olu),
        now=NOW,
    )


def seen(world: World) -> None:
    """The agent called a moment ago, as authentication notes."""
    type(world.agent).objects.filter(pk=world.agent.pk).update(last_seen_at=NOW)


def test_an_empty_organization_is_led_to_its_first_ask(settings: Any) -> None:
    cast, settings.PUBLIC_URL = make_cast(), "https://conto.example"
    actor, organization_id = actor_for(cast.olu), cast.organization.pk

    html = page(cast.olu).content.decode()
    assert 'href="/agents/new/"' in html
    assert 'href="/policies/new/"' in html
    assert "curl https://conto.example/api/v1/authorizations" in html
    assert 'href="/agents/new/"' not in page(cast.vera).content.decode()

    agent = create_agent(organization_id=organization_id, name="Atlas", actor=actor, now=NOW)
    public_id = to_public(Prefix.AGENT, agent.pk)
    assert f'href="/agents/{public_id}/keys/new/"' in page(cast.olu).content.decode()
    assert not beginning_of(organization_id, now=NOW).has_key
    issue_key(organization_id=organization_id, agent_id=agent.pk, name="one", expires_at=None, actor=actor, now=NOW)
    put_policy(cast, "First", [DAILY])
    begun = beginning_of(organization_id, now=NOW)
    assert (begun.agent_id, begun.has_key, begun.has_policy, begun.has_asked) == (public_id, True, True, False)


def test_only_an_enforced_policy_that_applies_to_the_first_agent_counts_as_one() -> None:
    world = make_world()
    organization_id = world.organization_id

    put_policy(world.cast, "Watched", [DAILY], mode=Mode.SHADOW)
    put_policy(world.cast, "Nobody's", [DAILY], targets=AssignTo())
    put_policy(world.cast, "Others'", [DAILY], targets=AssignTo(labels=("others",)))
    assert not beginning_of(organization_id, now=NOW).has_policy

    put_policy(world.cast, "Its own", [DAILY], targets=AssignTo(agents=(world.agent.pk,)))
    assert beginning_of(organization_id, now=NOW).has_policy


def test_the_first_steps_stay_until_an_ask_is_more_than_denied() -> None:
    world = make_world(DAILY, PEOPLE)
    ask(world, "1000")

    html = page(world.cast.vera).content.decode()
    assert "Four steps lead to" in html
    assert "Every ask so far was declined." in html
    assert 'href="/authorizations/?status=declined"' in html

    ask(world, "60")

    assert "Four steps lead to" not in page(world.cast.vera).content.decode()


def test_what_needs_somebody_is_counted_and_led_to() -> None:
    world = make_world(DAILY, PEOPLE)
    ask(world, "60")
    doubtful = ask(world, "10")
    mark_in_doubt(
        doubtful.answer.id,
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        reason="time-out",
        actor=world.actor,
        now=NOW,
    )
    reach = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    record_unauthorized(Report(Decimal(5), "USD"), actor=world.actor, now=NOW, **reach)
    freeze_agent(reason="odd", actor=actor_for(world.cast.olu), now=NOW, **reach)
    issue_key(name="soon", expires_at=NOW + timedelta(days=2), actor=actor_for(world.cast.olu), now=NOW, **reach)

    needed = needs_of(world.organization_id, now=NOW)
    html = page(world.cast.vera).content.decode()

    assert (needed.waiting, needed.in_doubt.number, needed.flags) == (1, 1, {"unauthorized": 1})
    assert (needed.fleet.frozen, needed.fleet.key_expiring, needed.is_quiet) == (1, 1, False)
    unauthorized = "/analytics/flagged/?flag=unauthorized&amp;period=7d"
    for link in ("/approvals/", "/authorizations/?status=in_doubt", unauthorized, "/agents/?state=frozen"):
        assert f'href="{link}"' in html
    assert needs_of(world.cast.mallory.organization_id, now=NOW).is_quiet


def test_a_reviewer_is_led_to_what_waits_for_them_and_others_to_what_waits() -> None:
    world = make_world(DAILY, PEOPLE)
    ask(world, "60")

    assert 'href="/approvals/?who=mine"' in page(world.cast.rui).content.decode()
    html = page(world.cast.vera).content.decode()
    assert "waiting for the reviewers" in html
    assert "who=mine" not in html


def test_an_agent_that_is_denied_often_stands_out_with_its_denials() -> None:
    world = make_world(DAILY)
    quiet = add_agent(world.cast, "Buyer")
    ask(world, "1")
    ask(quiet, "1")
    for _ in range(MANY):
        ask(world, "1000", now=NOW - timedelta(hours=1))
        ask(world, "1000", now=NOW - timedelta(hours=25))
    for _ in range(MANY - 1):
        ask(quiet, "1000", now=NOW - timedelta(hours=1))
    for _ in range(2 * MANY):
        ask(world, "1", now=NOW - timedelta(hours=2))
    agent = to_public(Prefix.AGENT, world.agent.id)

    html = page(world.cast.vera).content.decode()

    assert f"denials for {world.agent.name} in 24 hours" in html
    assert f'href="/authorizations/?agent={agent}&amp;outcome=deny&amp;period=24h"' in html
    assert [one.number for one in anomalies_of(world.organization_id, now=NOW).denied] == [MANY]
    fleet = fleet_page(world.organization_id, AgentFilter(), cursor="", now=NOW)
    assert [one.row.agent.name for one in fleet.rows if one.is_bad] == [world.agent.name], "one rule on both pages"
    assert not anomalies_of(world.cast.mallory.organization_id, now=NOW).denied
    Agent.objects.filter(pk=world.agent.pk).update(retired_at=NOW)
    assert not anomalies_of(world.organization_id, now=NOW).denied, "it goes on asking no more"


def test_a_payee_that_nobody_judged_is_new_for_a_week() -> None:
    world = make_world(DAILY)
    ask(world, "10")

    assert anomalies_of(world.organization_id, now=NOW).new_counterparties == 1
    assert anomalies_of(world.organization_id, now=NOW + timedelta(days=8)).new_counterparties == 0
    assert 'href="/counterparties/?standing=unknown&amp;seen=7d"' in page(world.cast.vera).content.decode()


def test_the_health_of_the_worker_is_judged_by_what_it_left_lying(time_machine: Any) -> None:
    world = make_world(DAILY)
    ask(world, "10")
    seal(world.organization_id, now=NOW)

    assert "nothing is overdue" in page(world.cast.vera).content.decode()
    time_machine.move_to(NOW + timedelta(hours=1), tick=False)
    html = page(world.cast.vera).content.decode()
    assert "1 overdue" in html
    assert 'href="/authorizations/?status=overdue"' in html


def test_events_that_wait_long_for_their_seal_say_that_the_worker_is_late() -> None:
    world = make_world(DAILY)

    assert not health_of(world.organization_id, overdue=0, now=NOW).is_worker_late
    assert health_of(world.organization_id, overdue=0, now=NOW + timedelta(minutes=3)).is_worker_late


def test_what_the_worker_left_lying_is_overdue() -> None:
    world = make_world(DAILY)
    ask(world, "10")
    later = NOW + timedelta(hours=1)

    assert needs_of(world.organization_id, now=NOW).overdue == 0
    assert needs_of(world.organization_id, now=later).overdue == 1
    assert needs_of(world.cast.mallory.organization_id, now=later).overdue == 0


def test_a_quiet_organization_says_so_and_shows_its_spend() -> None:
    world = make_world(DAILY)
    ask(world, "10")

    set_standing(world, "trusted")

    html = page(world.cast.vera).content.decode()

    assert "Nothing needs you" in html
    assert "Every rule allows it<" in html


def test_spend_in_other_currencies_stands_beside_and_leads_to_just_as_much() -> None:
    world = make_world(DAILY)
    ask(world, "10")
    reach = {"organization_id": world.organization_id, "agent_id": world.agent.id}

    def beside() -> list[tuple[str, str]]:
        html = page(world.cast.vera).content.decode().split('id="spend"')[1].split("</section>")[0]
        found = re.findall(r'<a class="stat-hint" href="([^"]*)">(.*?)</a>', html)
        return [(unescape(url), strip_tags(said)) for url, said in found]

    record_unauthorized(Report(Decimal(7), "USD"), actor=world.actor, now=NOW, **reach)
    assert beside() == []
    for currency, number in (("CHF", 1), ("EUR", 4), ("GBP", 3), ("SEK", 2)):
        for _ in range(number):
            record_unauthorized(Report(Decimal("500.25"), currency), actor=world.actor, now=NOW, **reach)

    euros, pounds, rest = beside()

    assert euros == ("/analytics/?currency=EUR&period=30", "also 2,001.00 EUR")
    assert pounds == ("/analytics/?currency=GBP&period=30", "also 1,500.75 GBP")
    assert rest == ("/analytics/?period=30", "and 2 more")
    led_to = page(world.cast.vera, euros[0]).content.decode().split('class="stat-value">')[1]
    assert strip_tags(led_to.split("</div>")[0]) == "2,001.00 EUR"


def test_limits_are_compared_and_a_shared_pot_stands_once() -> None:
    world = make_world(DAILY, POT)
    other = add_agent(world.cast, "Buyer")
    for one in (world, other):
        seen(one)
    ask(world, "80")
    ask(other, "10")
    organization = world.cast.organization
    organization.refresh_from_db()

    used = most_used_limits(organization, now=NOW)

    assert [(one.limit.code, one.limit.used, one.agent_name) for one in used] == [
        ("daily_limit", Decimal(80), "Research"),
        ("budget", Decimal(90), ""),
        ("daily_limit", Decimal(10), "Buyer"),
    ]


def test_nobody_of_another_organization_sees_anything() -> None:
    world = make_world(DAILY)
    ask(world, "10")

    assert "OpenAI" not in page(world.cast.mallory).content.decode()
    assert Client().get("/").status_code == 302


def test_the_health_says_who_checked_the_books_when_and_what_was_found(
    client: Client, time_machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    time_machine.move_to(NOW, tick=False)
    world = make_world(DAILY)
    ask(world, "10")
    client.force_login(world.cast.vera.person)

    def health() -> str:
        return client.get("/").content.decode().split('id="health"')[1].split("</section>")[0]

    assert "not checked yet" in health()
    monkeypatch.setattr(checks, "CHECKS_KEPT", 2)
    for hours, faults in ((3, 5), (2, 0), (1, 4)):
        note_books_check(by="the night shift", questions=9, faults=faults, now=NOW - timedelta(hours=hours))
    assert "4 faults found" in health()
    assert "by the night shift" in health()
    assert BooksCheck.objects.count() == 2
    note_books_check(by="olu", questions=9, faults=0, now=NOW)
    assert "every sum is right" in health()


def needs(world: World) -> str:
    """What stands under "Needs you now", as it is read."""
    shown = page(world.cast.vera).content.decode().split('id="needs"')[1].split("</section>")[0]
    return " ".join(strip_tags(shown).split())


def test_faults_of_the_books_need_somebody_before_everything_else() -> None:
    world = make_world(DAILY, PEOPLE)
    ask(world, "60")
    note_books_check(by="olu", questions=9, faults=0, now=NOW)
    assert "books" not in needs(world)
    note_books_check(by="olu", questions=9, faults=1_204, now=NOW)
    shown = needs(world)
    assert "1,204 faults in the books" in shown
    assert "manage.py check_books names each difference" in shown
    assert shown.index("in the books") < shown.index("waiting for")


def test_a_broken_seal_of_the_log_needs_somebody_before_everything_else() -> None:
    world = make_world(DAILY, PEOPLE)
    ask(world, "60")
    note_books_check(by="olu", questions=9, faults=3, now=NOW)
    seal(world.organization_id, now=NOW)
    assert "audit log" not in needs(world)
    Checkpoint.objects.create(
        organization_id=world.organization_id, size=9_999, root=bytes(32), frontier=b"", text="", at=NOW
    )

    shown = needs(world)

    assert shown.index("1 fault in the audit log: its seal is broken") < shown.index("3 faults in the books")


def test_what_a_check_under_way_has_found_needs_somebody_at_once() -> None:
    world = make_world(DAILY)
    ask(world, "10")
    note_books_check(by="olu", questions=9, faults=0, now=NOW)
    BooksCheck.objects.create(begun_at=NOW, by=checks.WORKER, questions=9, faults=1, unknown=2)
    shown = needs(world)
    assert "1 fault in the books" in shown
    assert "2 parts of the books could not be checked" in shown


@pytest.mark.parametrize(
    ("is_first", "said"),
    [(False, "2 days since the books were checked"), (True, "2 days without a check of the books")],
)
def test_books_that_nobody_checks_need_somebody(is_first: bool, said: str) -> None:
    world = make_world(DAILY)
    ask(world, "10")
    if is_first:
        BooksCheck.objects.create(begun_at=NOW - timedelta(hours=50), by=checks.WORKER, questions=9, faults=0)
    else:
        note_books_check(by="olu", questions=9, faults=0, now=NOW - timedelta(hours=50))
    assert said in needs(world)
    note_books_check(by="olu", questions=9, faults=0, now=NOW)
    assert "books" not in needs(world)
