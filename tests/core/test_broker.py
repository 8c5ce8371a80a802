"""The worker is woken by a message, and nobody waits for one that cannot be sent."""

import logging
import time
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from approvals.models import Backtest
from approvals.tasks import run_waiting_backtests
from conto_admin.celery import app
from core import broker
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from people.roles import Scope
from people.services import issue_organization_key
from policies.models import Policy
from policies.services import save_draft
from tests.approvals.world import World, ask, make_world
from tests.factories import actor_for
from tests.workers import worker_until_done

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 60
LIMIT = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}
LOWER = {"schema": 1, "rules": [LIMIT | {"daily": {"USD": "5"}}]}


def asked_in_the_console(world: World, policy: Policy, client: Client) -> None:
    reach: dict[str, Any] = {"organization_id": world.organization_id, "actor": actor_for(world.cast.olu)}
    save_draft(policy_id=policy.pk, document=LOWER, now=clock_now(), **reach)
    client.force_login(world.cast.olu.person)
    answer = client.post(f"/policies/{public(policy)}/backtests/start/", {"days": "30"})
    assert answer.status_code == 302


def asked_by_a_program(world: World, policy: Policy, client: Client) -> None:
    issued = issue_organization_key(
        organization_id=world.organization_id,
        name="back end",
        scopes=(Scope.POLICIES, Scope.READ),
        expires_at=None,
        by=world.cast.ada.person,
        actor=actor_for(world.cast.ada),
        now=clock_now(),
    )
    answer = client.post(
        "/api/v1/backtests",
        {"policy": public(policy), "document": LOWER},
        content_type="application/json",
        headers={"authorization": f"Bearer {issued.secret}"},
    )
    assert answer.status_code == 202


def public(policy: Policy) -> str:
    return to_public(Prefix.POLICY, policy.pk)


@pytest.mark.worker
@pytest.mark.parametrize("way", [asked_in_the_console, asked_by_a_program])
def test_whoever_asks_for_a_backtest_wakes_the_worker_which_has_no_clock(way: Any, client: Client) -> None:
    world = make_world(LIMIT, now=clock_now())
    ask(world, "10", now=clock_now())
    # Messages of other tests may still be in the queue: they find nothing.
    with worker_until_done(run_waiting_backtests, counts=bool):
        way(world, Policy.objects.get(), client)
    assert Backtest.objects.get().status == "done"


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("redis://127.0.0.1:1/0", id="nobody listens"),
        pytest.param("redis://192.0.2.1:6379/0", id="nobody answers"),
        pytest.param("redis+socket:///nowhere/valkey.sock?virtual_host=0", id="no socket"),
    ],
)
def test_a_backtest_is_taken_without_the_broker_and_waits_for_the_next_look(
    address: str, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(settings, "CELERY_BROKER_URL", address)
    broker._sender.cache_clear()
    world = make_world(LIMIT, now=clock_now())
    ask(world, "10", now=clock_now())
    began = time.monotonic()
    try:
        with caplog.at_level(logging.ERROR, logger="core.broker"):
            asked_in_the_console(world, Policy.objects.get(), client)
    finally:
        broker._sender.cache_clear()

    assert time.monotonic() - began < PATIENCE
    assert "could not be woken" in caplog.text
    assert Backtest.objects.get().status == "waiting"
    assert run_waiting_backtests() == 1
    assert "approvals.run_backtests" in {entry["task"] for entry in app.conf.beat_schedule.values()}
