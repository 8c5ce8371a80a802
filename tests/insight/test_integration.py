"""The seven checks of an integration: what proves each, what violates it, and what only a person can state."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from agents.models import Agent
from approvals.models import Authorization
from approvals.services.booking import Report
from approvals.services.expire import expire_due
from approvals.services.record import record_spend, record_unauthorized
from approvals.services.void import mark_in_doubt, void_authorization
from audit.models import Event
from core.errors import NotFound
from core.ids import Prefix, to_public
from insight.selectors.checklist import CHECKLIST
from insight.selectors.integration import Found, integration_of
from people.models import Member
from people.roles import Scope
from policies.engine.types import Mode
from policies.services import AssignTo, upsert_policy_by_ref
from tests.agents.samples import bearer
from tests.approvals.world import World, add_agent, ask, make_world
from tests.factories import NOW, actor_for
from tests.furnished import issue_key
from tests.policies.samples import daily_limit, document

pytestmark = pytest.mark.django_db
DAILY = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}
MANY_DAYS = timedelta(days=31)


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def world() -> World:
    return make_world(DAILY)


def found(world: World, key: str) -> Found:
    shown = integration_of(world.organization_id, world.agent.id, now=NOW)
    return next(check.found for check in shown.checks if check.rule.key == key)


def verdict(world: World, key: str) -> str:
    return found(world, key).verdict.value


def reach(world: World) -> dict[str, Any]:
    return {"organization_id": world.organization_id, "agent_id": world.agent.id, "actor": world.actor}


def pay(world: World, amount: str = "5") -> Any:
    asked = ask(world, amount, now=NOW).answer.id
    record_spend(asked, Report(Decimal(amount), "USD"), now=NOW, **reach(world))
    return asked


def client_of(member: Member) -> Client:
    client = Client()
    client.force_login(member.person)
    return client


def path_of(world: World) -> str:
    return f"/agents/{to_public(Prefix.AGENT, world.agent.id)}/integration/"


def test_nothing_is_known_of_an_agent_that_never_called(world: World) -> None:
    shown = integration_of(world.organization_id, world.agent.id, now=NOW)
    assert [check.found.verdict.value for check in shown.checks] == ["not_seen_yet"] * 7


def test_an_agent_is_bound_or_spends_for_nobody_in_particular(world: World) -> None:
    asked = ask(world, now=NOW).answer.id
    shown = found(world, "own_agent")
    assert (shown.verdict, shown.evidence[0].id) == ("violated", to_public(Prefix.AUTHORIZATION, asked))

    Agent.objects.filter(id=world.agent.id).update(external_ref="actor/1")
    assert verdict(world, "own_agent") == "proven"


def test_where_keys_are_kept_is_stated_by_an_operator_and_shown_as_stated(world: World) -> None:
    assert verdict(world, "keys_server_side") == "not_seen_yet"

    client = client_of(world.cast.olu)
    client.post(f"{path_of(world)}state/", {"statement": "The vault of the <b>payments</b> service"})

    shown = found(world, "keys_server_side")
    assert shown.verdict == "stated"
    assert shown.statement is not None
    assert (shown.statement.by, shown.statement.at) == ("Olu", NOW)
    event = Event.objects.get(action="agent.storage_stated")
    assert event.after == {"name": "Research", "statement": "The vault of the <b>payments</b> service"}
    html = client.get(path_of(world)).content.decode()
    assert "&lt;b&gt;payments&lt;/b&gt;" in html
    assert "not seen by Conto" in html


@pytest.mark.parametrize("statement", ["", "   ", "x" * 501, "a\0b"])
def test_a_statement_says_something(world: World, statement: str) -> None:
    client_of(world.cast.olu).post(f"{path_of(world)}state/", {"statement": statement})
    assert not Event.objects.filter(action="agent.storage_stated").exists()


def test_a_retired_agent_is_stated_nothing_of(world: World) -> None:
    Agent.objects.filter(id=world.agent.id).update(retired_at=NOW)
    answer = client_of(world.cast.olu).post(f"{path_of(world)}state/", {"statement": "In the vault"})
    assert answer.status_code == 409
    assert "state/" not in client_of(world.cast.olu).get(path_of(world)).content.decode()


def test_a_policy_that_the_app_writes_proves_the_way_and_one_changed_by_hand_violates_it(world: World) -> None:
    assert verdict(world, "policies_synced") == "not_seen_yet"
    key = issue_key(world.cast, [Scope.POLICIES], NOW)
    actor = actor_for(world.cast.olu)
    synced: dict[str, Any] = {
        "organization_id": world.organization_id,
        "external_ref": "controls/1",
        "name": "Controls",
        "mode": Mode.ENFORCED,
        "targets": AssignTo(organization=True),
        "now": NOW,
    }

    path, body = "/api/v1/policies/by-ref/controls/1", {"name": "Controls", "assigned_to": {"organization": True}}
    for limit in ("7", "8"):
        sent = {**body, "document": {"schema": 1, "rules": [{**DAILY, "daily": {"USD": limit}}]}}
        answer = Client().put(path, sent, content_type="application/json", headers=bearer(key.secret))
        assert answer.status_code < 300
    assert verdict(world, "policies_synced") == "proven"

    upsert_policy_by_ref(document=document(daily_limit()), actor=actor, **synced)
    shown = found(world, "policies_synced")
    assert (shown.verdict, "published by Olu" in shown.evidence[0].text) == ("violated", True)


def test_payments_are_authorized_before_or_not(world: World) -> None:
    assert verdict(world, "authorized_before") == "not_seen_yet"
    asked = pay(world)
    shown = found(world, "authorized_before")
    assert (shown.verdict, shown.evidence[0].id) == ("proven", to_public(Prefix.AUTHORIZATION, asked))

    record_unauthorized(Report(Decimal(7), "USD"), now=NOW, **reach(world))
    shown = found(world, "authorized_before")
    assert (shown.verdict, shown.evidence[0].kind) == ("violated", "record")
    assert shown.finding == "1 of its last 2 payments were made without a yes before."


def test_a_no_is_obeyed_or_not(world: World) -> None:
    assert verdict(world, "denials_obeyed") == "not_seen_yet"
    declined = ask(world, "500", now=NOW).answer.id
    assert verdict(world, "denials_obeyed") == "proven"

    record_spend(declined, Report(Decimal(500), "USD"), now=NOW, **reach(world))
    shown = found(world, "denials_obeyed")
    assert (shown.verdict, shown.evidence[0].id) == ("violated", to_public(Prefix.AUTHORIZATION, declined))


def test_an_approval_that_nobody_speaks_of_again_is_a_gap(world: World) -> None:
    assert verdict(world, "payments_recorded") == "not_seen_yet"
    pay(world)
    void_authorization(ask(world, "6", now=NOW).answer.id, reason="", now=NOW, **reach(world))
    assert verdict(world, "payments_recorded") == "proven"

    lost = ask(world, "7", now=NOW - timedelta(hours=2)).answer.id
    expire_due(now=NOW)
    assert Authorization.objects.get(id=lost).status == "expired"
    shown = found(world, "payments_recorded")
    assert (shown.verdict, shown.evidence[0].id) == ("violated", to_public(Prefix.AUTHORIZATION, lost))


def test_a_long_doubt_is_a_gap_too(world: World) -> None:
    doubtful = ask(world, "7", now=NOW - timedelta(days=2)).answer.id
    mark_in_doubt(doubtful, reason="", now=NOW - timedelta(days=2), **reach(world))
    assert verdict(world, "payments_recorded") == "violated"


def test_operators_see_what_is_recent(world: World) -> None:
    ask(world, now=NOW)
    Agent.objects.filter(id=world.agent.id).update(last_seen_at=NOW)
    assert verdict(world, "operators_see") == "proven"

    ask(world, "11", now=NOW - timedelta(hours=3))
    assert "The worker is behind" in found(world, "operators_see").finding


def test_what_is_long_ago_proves_nothing(world: World) -> None:
    asked = ask(world, "5", now=NOW - MANY_DAYS).answer.id
    record_spend(asked, Report(Decimal(5), "USD"), now=NOW - MANY_DAYS, **reach(world))
    assert verdict(world, "authorized_before") == "not_seen_yet"


def test_the_page_shows_evidence_and_remedy_of_each_point(world: World) -> None:
    asked = pay(world)
    html = client_of(world.cast.vera).get(path_of(world)).content.decode()
    for rule in CHECKLIST:
        assert f'id="check-{rule.key}"' in html
    assert f'href="/authorizations/{to_public(Prefix.AUTHORIZATION, asked)}/"' in html
    assert "<code>PUT /api/v1/policies/by-ref/{its id}</code>" in html
    assert "state/" not in html


def test_the_api_tells_the_same_to_the_back_end_and_to_the_agent_itself(world: World) -> None:
    pay(world)
    key = issue_key(world.cast, [Scope.READ], NOW)
    path = f"/api/v1/agents/{to_public(Prefix.AGENT, world.agent.id)}/integration"

    told = Client().get(path, headers=bearer(world.secret)).json()
    assert told == Client().get(path, headers=bearer(key.secret)).json()
    assert [check["key"] for check in told["checks"]] == [rule.key for rule in CHECKLIST]
    assert {check["key"]: check["verdict"] for check in told["checks"]}["authorized_before"] == "proven"


def test_a_foreign_agent_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        integration_of(world.cast.mallory.organization_id, world.agent.id, now=NOW)
    other = add_agent(world.cast, "Other")
    path = f"/api/v1/agents/{to_public(Prefix.AGENT, world.agent.id)}/integration"
    assert Client().get(path, headers=bearer(other.secret)).status_code == 404
    assert client_of(world.cast.mallory).post(f"{path_of(world)}state/", {"statement": "x"}).status_code == 404
