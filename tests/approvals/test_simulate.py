"""Simulation: every check, of an agent or an imagined one, at any time, with a draft; without a trace anywhere."""

import re
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test import Client

from agents.services import freeze_agent, retire_agent
from core.clock import now as clock_now
from core.db import rows
from core.ids import Prefix, to_public
from people.roles import Scope
from people.services import issue_organization_key
from policies.models import Policy
from policies.services import AssignTo, save_draft
from tests.approvals.world import World, add_agent, ask, make_world, put_policy
from tests.factories import actor_for

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = {"key": "ever", "type": "SPEND_LIMIT", "total": {"USD": "100"}}
DAILY = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}
PACE = {"key": "pace", "type": "VELOCITY", "limit": 9, "period_minutes": 600}
HOURS = {
    "key": "hours",
    "type": "TIME_WINDOW",
    "windows": [{"from": "09:00", "to": "17:00"}],
    "on_breach": "review",
}
PAYMENT = {"amount": "30", "currency": "USD", "counterparty": {"domain": "api.openai.com"}}
FORM = {"amount": "30", "currency": "usd", "payee": "api.openai.com"}


@pytest.fixture
def world() -> World:
    began = clock_now() - timedelta(seconds=5)
    world = make_world(LIMIT, PACE, labels=["research"], now=began)
    ask(world, "80", now=began)
    return world


def whose(world: World) -> dict[str, Any]:
    return {"organization_id": world.organization_id, "actor": actor_for(world.cast.olu), "now": clock_now()}


def simulator(world: World, **fields: str) -> Any:
    client = Client()
    client.force_login(world.cast.vera.person)
    return client.get("/simulator/", {"agent": to_public(Prefix.AGENT, world.agent.id)} | FORM | fields)


def contents() -> dict[str, str]:
    """Every table of the product with a digest of all its rows."""
    left_out = {"people_session", "django_migrations"}
    return {
        table: str(rows(f"select md5(coalesce(string_agg(t::text, ',' order by t::text), '')) from {table} t")[0][0])
        for table in connection.introspection.table_names()
        if table not in left_out
    }


def test_a_payment_shows_every_check(world: World) -> None:
    shown = simulator(world).text

    assert "Deny" in shown
    assert "$110.00" in shown
    assert "$100.00" in shown
    assert "Research agents, version 1" in shown
    assert re.search(r'Payee known as <a href="/counterparties/cpt_\w+/">OpenAI</a>, unknown\.', shown)
    assert "ask number 2 of at most 9" in shown


def test_nothing_anywhere_has_changed_after_it(world: World) -> None:
    save_draft(policy_id=policy(world), document=document({**LIMIT, "monthly": {"USD": "500"}}), **whose(world))
    client = Client()
    client.force_login(world.cast.vera.person)
    call = api(world)
    before = contents()

    agent = {"agent": to_public(Prefix.AGENT, world.agent.id)}
    draft = {"draft": to_public(Prefix.POLICY, policy(world))}
    new = {"payee": "never-seen.example", "session": "run_9"}
    assert client.get("/simulator/", agent | FORM | draft | new).status_code == 200
    assert client.get("/simulator/", {"agent": "imagined", "labels": "research"} | FORM | new).status_code == 200
    body = {"imagined": {"labels": ["research"]}, "payment": PAYMENT | {"counterparty": {"domain": "new.example"}}}
    assert call(body).status_code == 200

    after = contents()
    # That a key was used is noted, as with every call.
    assert {table for table, digest in after.items() if before[table] != digest} <= {"people_organizationkey"}


def test_a_draft_answers_in_the_place_of_its_policy(world: World) -> None:
    name = to_public(Prefix.POLICY, policy(world))
    assert simulator(world, draft=name).status_code == 422
    save_draft(policy_id=policy(world), document=document({**LIMIT, "total": {"USD": "120"}}), **whose(world))

    shown = simulator(world, draft=name).text

    assert "$110.00 of $120.00" in shown
    assert "Research agents, draft" in shown
    assert "version 1" not in shown


def test_a_draft_of_a_policy_that_does_not_bind_the_agent_has_no_say(world: World) -> None:
    other = put_policy(world.cast, "Other", [LIMIT], targets=AssignTo(labels=("sales",)), now=clock_now())
    save_draft(policy_id=other, document=document({**LIMIT, "total": {"USD": "1"}}), **whose(world))
    draft = to_public(Prefix.POLICY, other)

    assert "Other, draft" not in simulator(world, draft=draft).text
    assert "Other, draft" in simulator(world, agent="imagined", labels="sales", draft=draft).text


def test_an_imagined_agent_has_its_labels_and_its_zone_and_has_spent_nothing(world: World) -> None:
    put_policy(world.cast, "Night", [HOURS], targets=AssignTo(labels=("night",)), now=clock_now())
    noon = "2026-11-25T12:00"

    at_home = simulator(world, agent="imagined", labels="research, night", at=noon).text
    in_tokyo = simulator(world, agent="imagined", labels="night", at=noon, time_zone="Asia/Tokyo").text

    assert "$30.00 of $100.00" in at_home
    assert "Every rule allows it." in at_home
    assert "Money may not move at this hour." in in_tokyo


def test_tomorrow_the_day_begins_anew() -> None:
    world, tomorrow = make_world(DAILY, now=clock_now()), clock_now() + timedelta(days=1)
    ask(world, "80", now=clock_now())

    shown = simulator(world, at=f"{tomorrow:%Y-%m-%dT%H:%M}").text

    assert "$30.00 of $100.00" in shown
    assert "with limits as they stand in that window by now" in shown


def test_a_frozen_agent_is_answered_as_it_would_be(world: World) -> None:
    freeze_agent(agent_id=world.agent.id, reason="looping", **whose(world))

    assert "The agent is frozen." in simulator(world, amount="1").text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "1e3"}, "amount"),
        ({"currency": "dollars!"}, "currency code"),
        ({"payee": "domain:not a host"}, "Send a domain name"),
        ({"payee": "phone:123"}, "An identifier is"),
        ({"country": "XX"}, "ISO 3166"),
        ({"at": "tomorrow"}, "Enter a valid"),
        ({"agent": "agt_nobody"}, "Select a valid choice"),
        ({"agent": "imagined", "time_zone": "Mars/Base"}, "Name a zone"),
    ],
)
def test_what_cannot_be_meant_is_said_at_its_field_and_nothing_typed_is_lost(
    world: World, wrong: dict[str, str], said: str
) -> None:
    shown = simulator(world, purpose="nightly summary", **wrong)

    assert shown.status_code == 422
    assert said in shown.text
    assert 'value="nightly summary"' in shown.text


def test_back_ends_ask_over_the_api(world: World) -> None:
    call, agent = api(world), to_public(Prefix.AGENT, world.agent.id)

    over = {"key": "over", "type": "EXPIRATION", "valid_until": (clock_now() + timedelta(days=1)).isoformat()}
    put_policy(world.cast, "For a day", [over], now=clock_now())
    later = (clock_now() + timedelta(days=2)).isoformat()
    now = call({"agent": agent, "payment": PAYMENT}).json()["decision"]
    then = call({"agent": agent, "payment": PAYMENT, "at": later}).json()["decision"]

    assert (now["outcome"], now["reasons"], now["checks"][0]["used"]) == ("deny", ["total_limit"], "80.00")
    # The time of the approval that takes the room is over by then.
    assert then["reasons"] == ["expired"]
    save_draft(policy_id=policy(world), document=document({**LIMIT, "total": {"USD": "120"}}), **whose(world))
    drafted = call({"agent": agent, "payment": PAYMENT, "draft_of": to_public(Prefix.POLICY, policy(world))}).json()
    assert (drafted["decision"]["outcome"], drafted["decision"]["checks"][0]["version"]) == ("allow", 0)


def test_what_an_api_call_cannot_mean_is_refused(world: World) -> None:
    call, agent = api(world), to_public(Prefix.AGENT, world.agent.id)
    gone = add_agent(world.cast, "Gone", now=clock_now())
    retire_agent(agent_id=gone.agent.id, **whose(world))

    assert call({"payment": PAYMENT}).json()["code"] == "agent_required"
    assert call({"agent": agent, "imagined": {}, "payment": PAYMENT}).json()["code"] == "agent_required"
    assert call({"agent": to_public(Prefix.AGENT, gone.agent.id), "payment": PAYMENT}).json()["code"] == "agent_retired"
    assert call({"agent": agent, "payment": PAYMENT | {"colour": "red"}}).status_code == 422
    policy_name = to_public(Prefix.POLICY, policy(world))
    assert call({"agent": agent, "payment": PAYMENT, "draft_of": policy_name}).json()["code"] == "draft_missing"
    assert call({"imagined": {"time_zone": "Mars/Base"}, "payment": PAYMENT}).json()["code"] == "time_zone_unknown"


def policy(world: World) -> Any:
    return Policy.objects.filter(organization_id=world.organization_id).earliest("created_at").pk


def document(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"schema": 1, "rules": list(rules)}


def api(world: World) -> Any:
    issued = issue_organization_key(
        organization_id=world.organization_id,
        name="back end",
        scopes=[Scope.READ],
        expires_at=None,
        by=world.cast.oona.person,
        actor=actor_for(world.cast.oona),
        now=clock_now(),
    )
    client, headers = Client(), {"Authorization": f"Bearer {issued.secret}"}
    return lambda body: client.generic(
        "POST", "/api/v1/simulations", orjson.dumps(body), "application/json", headers=headers
    )


@pytest.mark.parametrize(
    ("amount", "is_long"), [("999.00", False), ("9999999.99", True), ("99999999999999.999999", True)]
)
def test_amounts_that_do_not_fit_into_a_row_get_another_layout(world: World, amount: str, is_long: bool) -> None:
    page = simulator(world, amount=amount).content.decode()
    assert ('class="room room-long"' in page) is is_long
    assert 'class="room' in page
