"""A rule whose condition no payment of the last 90 days would have met: a warning of lint that is acknowledged."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals.selectors.unmet import unmet_rules
from approvals.services.merge import merge_counterparties
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from people.models import Organization
from people.services import Awaiting, issue_organization_key
from policies.engine.document import parse
from policies.engine.types import Mode
from policies.services import AssignTo, publish, save_draft
from policies.services.publishing import state_digest
from tests.approvals.test_backtest import OTHER
from tests.approvals.world import World, add_agent, ask, counterparty, make_world, put_policy
from tests.factories import NOW, actor_for
from tests.policies.samples import daily_limit, document, reload
from tests.spend.samples import a_counterparty, public

pytestmark = pytest.mark.django_db
UNMET = "No payment of the last 90 days would have met its condition."


@pytest.fixture
def world() -> World:
    return make_world(daily_limit("1000"), now=NOW)


def unmet(world: World, when: dict[str, Any], *, days: int = 1) -> list[str]:
    rules = parse(document(daily_limit("5"), daily_limit("5", key="other", when=when))).rules
    return [one.path for one in unmet_rules([world.agent.id], rules, NOW + timedelta(days=days))]


def test_conditions_are_compared_with_what_was_asked_for(world: World) -> None:
    ask(world, "10", category="travel", rail="card", now=NOW)
    payee = to_public(Prefix.COUNTERPARTY, counterparty(world).id)
    other = payee[:-3] + ("aaa" if not payee.endswith("aaa") else "bbb")
    nothing = ["rules[1].when"]
    assert unmet(world, {"categories": ["travel"]}) == []
    assert unmet(world, {"categories": ["ads"]}) == nothing
    assert unmet(world, {"rails": ["card"], "counterparties": [payee]}) == []
    assert unmet(world, {"rails": ["x402"]}) == nothing
    assert unmet(world, {"counterparties": [other]}) == nothing
    assert unmet(world, {"currencies": ["EUR"]}) == nothing
    assert unmet(world, {"minimum_amount": {"USD": "10"}}) == []
    assert unmet(world, {"minimum_amount": {"USD": "10.01"}}) == nothing
    assert unmet(world, {"minimum_amount": {"EUR": "99"}}) == []
    assert unmet(world, {"categories": ["travel"]}, days=91) == []


def test_a_field_that_a_payment_lacks_counts_as_matching(world: World) -> None:
    ask(world, "10", category=None, rail=None, now=NOW)
    assert unmet(world, {"categories": ["ads"], "rails": ["x402"]}) == []


def test_where_nothing_was_asked_for_nothing_is_said(world: World) -> None:
    assert unmet(world, {"categories": ["ads"]}) == []


def test_payments_to_the_merged_one_count_for_the_one_that_is_left(world: World) -> None:
    kept = a_counterparty(world.cast.olu, "Kept", identifiers=["domain:kept.example"])
    merged = a_counterparty(world.cast.olu, "Other", identifiers=list(OTHER.identifiers))
    ask(world, "10", payee=OTHER, now=NOW)
    assert unmet(world, {"counterparties": [public(kept)]}) == ["rules[1].when"]
    merge_counterparties(
        organization_id=world.organization_id,
        kept_id=kept,
        merged_id=merged,
        actor=actor_for(world.cast.olu),
        now=NOW,
    )
    assert unmet(world, {"counterparties": [public(kept)]}) == []


def test_only_the_newest_payments_of_each_agent_are_read_and_that_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("approvals.selectors.unmet.MOST_LOOKED_AT", 4)
    other = add_agent(world.cast, "Other")
    for hours, category in ((4, "travel"), (3, "cloud"), (2, "cloud"), (1, "cloud")):
        ask(world, "10", category=category, now=NOW - timedelta(hours=hours))
    ask(other, "10", category="ads", now=NOW - timedelta(days=9))

    def said(category: str) -> list[str]:
        rules = parse(document(daily_limit("5", key="one", when={"categories": [category]}))).rules
        return [one.detail for one in unmet_rules([world.agent.id, other.agent.id], rules, NOW)]

    with CaptureQueriesContext(connection) as asked:
        assert said("cloud") == said("ads") == []
    assert len(asked) == 2
    newest = (
        "No payment of the last 90 days that were looked at, the newest 2 of each agent, would have met its condition."
    )
    assert said("travel") == [newest]


@pytest.fixture
def looked_at() -> tuple[World, UUID]:
    """A policy, and an agent of it that asked for travel alone, an hour ago."""
    now = clock_now()
    world = make_world(daily_limit("1000"), now=now)
    ask(world, "10", category="travel", rail="card", now=now - timedelta(hours=1))
    targets = AssignTo(organization=True)
    return world, put_policy(world.cast, "Looked at", [daily_limit("9000")], targets=targets, now=now)


def drafted(world: World, policy_id: UUID, category: str) -> dict[str, Any]:
    """A draft with a rule for a category."""
    written = document(daily_limit(), daily_limit("5", key="some", when={"categories": [category]}))
    by: dict[str, Any] = {"organization_id": world.organization_id, "policy_id": policy_id, "now": clock_now()}
    save_draft(document=written, actor=actor_for(world.cast.olu), **by)
    return written


def test_publishing_asks_whether_the_warning_was_seen(looked_at: tuple[World, UUID], client: Client) -> None:
    world, policy_id = looked_at
    client.force_login(world.cast.olu.person)
    at = f"/policies/{to_public(Prefix.POLICY, policy_id)}/draft/publish/"
    drafted(world, policy_id, "travel")
    assert UNMET not in client.get(at).content.decode()
    drafted(world, policy_id, "ads")
    page = client.get(at).content.decode()
    assert UNMET in page

    sent = {"mode": "enforced", "note": "", "shown": state_digest(reload(policy_id)), "warnings": "rule_unmet"}
    refused = client.post(at, sent)
    assert (refused.status_code, reload(policy_id).draft is None) == (422, False)
    assert "Look at the warnings, and tick that you have." in refused.content.decode()
    accepted = client.post(at, sent | {"is_seen": "on"})
    assert (accepted.status_code, reload(policy_id).draft) == (302, None)


def test_a_program_acknowledges_the_warning_or_is_told_it(looked_at: tuple[World, UUID]) -> None:
    world, policy_id = looked_at
    client = program(world)
    written = drafted(world, policy_id, "ads")
    at = f"/api/v1/policies/{to_public(Prefix.POLICY, policy_id)}/versions"
    refused = client.post(at, {"document": written}, content_type="application/json")
    assert refused.status_code == 422
    assert [(one["code"], one["path"]) for one in refused.json()["warnings"]] == [("rule_unmet", "rules[1].when")]
    body = {"document": written, "acknowledge": ["rule_unmet"]}
    assert client.post(at, body, content_type="application/json").status_code == 201

    made = {"name": "New", "document": written, "assigned_to": {"organization": True}}
    assert client.post("/api/v1/policies", made, content_type="application/json").status_code == 422
    for_nobody = made | {"assigned_to": {"labels": ["nobody"]}}
    assert client.post("/api/v1/policies", for_nobody, content_type="application/json").status_code == 201
    synced = client.put("/api/v1/policies/by-ref/synced", made | {"name": "Synced"}, content_type="application/json")
    assert (synced.status_code, [one["code"] for one in synced.json()["warnings"]]) == (201, ["rule_unmet"])


def test_the_second_person_sees_the_warning(looked_at: tuple[World, UUID], client: Client) -> None:
    world, policy_id = looked_at
    Organization.objects.update(needs_four_eyes=True)
    higher = document(daily_limit("9000"), daily_limit("10000", key="some", when={"categories": ["ads"]}))
    awaiting = publish(
        organization_id=world.organization_id,
        policy_id=policy_id,
        document=document(higher["rules"][1]),
        mode=Mode.ENFORCED,
        actor=actor_for(world.cast.olu),
        now=clock_now(),
    )
    assert isinstance(awaiting, Awaiting)
    client.force_login(world.cast.ada.person)
    assert UNMET in client.get(f"/approvals/changes/{awaiting.public_id}/").content.decode()


def program(world: World) -> Client:
    """A back end that writes policies."""
    issued = issue_organization_key(
        organization_id=world.organization_id,
        name="Back end",
        scopes=("policies", "provision"),
        expires_at=None,
        by=world.cast.ada.person,
        actor=actor_for(world.cast.ada),
        now=clock_now(),
    )
    return Client(headers={"Authorization": f"Bearer {issued.secret}"})
