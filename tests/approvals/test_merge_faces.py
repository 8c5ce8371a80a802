"""Merging counterparties by page and by API."""

from typing import Any, Final
from uuid import UUID

import pytest
from django.test import Client

from approvals.services.merge import merge_counterparties
from core.clock import now as clock_now
from core.db import rows
from core.ids import Prefix, to_public
from people.roles import Scope
from people.services import issue_organization_key
from spend.payee import PayeeClaim
from spend.services.merging import LEAVE_GAPS
from tests.agents.samples import a_credential, bearer
from tests.approvals.test_merge import PER_PAYEE, ROOMY, A, B, payees
from tests.approvals.world import ask, make_world, put_policy
from tests.factories import actor_for
from tests.spend.samples import a_counterparty, public

pytestmark = pytest.mark.django_db


def test_a_back_end_merges_and_reads_where_the_duplicate_went(client: Client) -> None:
    world = make_world(ROOMY)
    kept, merged = payees(world, external_ref="vendor-7")
    issued = issue_organization_key(
        organization_id=world.organization_id,
        name="back end",
        scopes=[Scope.PROVISION],
        expires_at=None,
        by=world.cast.oona.person,
        actor=actor_for(world.cast.oona),
        now=clock_now(),
    )
    headers, home = bearer(issued.secret), "/api/v1/counterparties"

    def merge_with(duplicate: str) -> Any:
        path = f"{home}/{public(kept)}/merge"
        return client.post(path, {"duplicate": duplicate}, content_type="application/json", headers=headers)

    assert merge_with("nobody").json()["code"] == "counterparty_invalid"
    assert merge_with(public(kept)).json()["code"] == "merge_with_itself"
    done = merge_with(public(merged))
    assert done.status_code == 200
    assert done.json()["identifiers"] == ["domain:acme.com", "domain:billing.acme.com"]
    again = merge_with(public(merged))
    assert (again.status_code, again.json()["counterparty"]) == (409, public(kept))
    for path in (f"{home}/{public(merged)}", f"{home}/by-ref/vendor-7"):
        assert client.get(path, headers=headers).json()["merged_into"] == public(kept)
    listed = client.get(home, headers=headers).json()["data"]
    assert [(one["id"], one["merged_into"]) for one in listed] == [(public(kept), None)]
    by_reference = client.get(f"{home}?external_ref=vendor-7", headers=headers).json()["data"]
    assert [one["id"] for one in by_reference] == [public(merged)]


def test_the_page_says_what_stands_in_the_way(client: Client) -> None:
    world = make_world(ROOMY)
    kept, merged = payees(world, country="DE")
    france = a_counterparty(world.cast.olu, "Acme SA", identifiers=[], country="FR")
    client.force_login(world.cast.olu.person)
    put_policy(world.cast, "Acme SA only", [{**PER_PAYEE, "when": {"counterparties": [public(france)]}}])
    given: dict[str, Any] = {"rails": [], "counterparties": [merged], "may_agent_release": True}
    a_credential(world.cast.olu, world.agent, **given)

    def page(duplicate: UUID, path: UUID = kept) -> str:
        return client.get(f"/counterparties/{public(path)}/merge/?duplicate={public(duplicate)}").content.decode()

    assert "not released any more" in page(merged)
    assert "Merge for good" in page(merged)
    stopped = page(france, merged)
    assert "Two countries" in stopped
    assert "Acme SA only" in stopped
    assert "Merge for good" not in stopped
    refused = client.post(f"/counterparties/{public(merged)}/merge/", {"duplicate": public(france)})
    assert refused.status_code == 409
    assert "say first which is right" in refused.content.decode()
    assert client.post(f"/counterparties/{public(kept)}/merge/", {"duplicate": "x"}).status_code == 422


MANY_COUNTERS: Final = """
insert into spend_counter
select made.* from spend_counter c cross join generate_series(1, 5000) n, jsonb_populate_record(c, jsonb_build_object(
    'id', 1000000 + n, 'key', lpad(n::text, 64, '0'), 'counterparty', 'cpt_' || n,
    'condition', jsonb_build_object('counterparties', array['cpt_' || n]))) made
where c.counterparty is not null
"""


def test_a_merge_finds_its_counters_by_index() -> None:
    """It holds the gate meanwhile, so it must not look through all that the organization ever opened."""
    world = make_world(PER_PAYEE)
    kept, _ = payees(world)
    ask(world, "1", payee=A)
    rows(MANY_COUNTERS)
    rows("analyze spend_counter")
    plan = str(rows(f"explain {LEAVE_GAPS}", {"organization": world.organization_id, "kept": public(kept)}))

    assert "counter_of_counterparty" in plan
    assert "counter_that_names" in plan


def test_the_card_of_a_request_counts_what_was_asked_for_who_was_merged(client: Client) -> None:
    world = make_world({"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "100"}})
    kept, merged = payees(world)
    for amount in ("41", "141"):
        ask(world, amount, payee=B, now=clock_now())
    ask(world, "42", payee=PayeeClaim("Acme", ()), now=clock_now())
    waiting = ask(world, "200", payee=A, now=clock_now()).answer.id
    client.force_login(world.cast.rui.person)

    def page() -> str:
        return client.get(f"/approvals/{to_public(Prefix.AUTHORIZATION, waiting)}/").content.decode()

    before = page()
    assert "Also waiting for this payee" not in before
    assert "It has not asked for this payee before." in before
    actor = actor_for(world.cast.olu)
    scope: dict[str, Any] = {"organization_id": world.organization_id, "actor": actor, "now": clock_now()}
    merge_counterparties(kept_id=kept, merged_id=merged, **scope)

    also, last = page().split("Also waiting for this payee")[1].split("last payments to it")

    assert "141.00" in also
    # What waits is no payment yet, what was asked for somebody else is none of theirs.
    assert ["141.00" in last, "42.00" in last] == [False, False]
    assert '<span class="money">41.00' in last
