"""An operator asks history with a draft, a real worker follows it, is killed on the way, and another takes it over."""

import pytest
from django.db import transaction
from playwright.sync_api import expect

from approvals.models import Backtest, BacktestChange
from approvals.replay.backtest import backtest, plan
from approvals.services.backtests import question_of
from core.clock import now as clock_now
from core.db import rows
from core.ids import Prefix, to_public
from policies.models import Policy
from policies.services import save_draft
from tests.approvals.world import World, ask, make_world
from tests.factories import actor_for
from tests.journeys.conftest import WITH_SCRIPTS, OpenFor
from tests.workers import CLOCK, Workers

pytestmark = [pytest.mark.journey, pytest.mark.worker, WITH_SCRIPTS]

PATIENCE_MS = 180_000
"""The second worker looks every half minute, and begins once the first has been silent for as long as a lease."""
LIMIT = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "5000"}}
LOWER = {"schema": 1, "rules": [LIMIT | {"daily": {"USD": "25"}}]}


@pytest.fixture
def world() -> World:
    """Four asks of the last minutes, and a draft under which some would be denied."""
    now = clock_now()
    world = make_world(LIMIT, now=now)
    for number in range(4):
        ask(world, "10", purpose=f"order {number}", now=now)
    save_draft(
        organization_id=world.organization_id,
        policy_id=Policy.objects.get().pk,
        document=LOWER,
        actor=actor_for(world.cast.olu),
        now=now,
    )
    return world


def test_a_worker_that_is_killed_on_the_way_is_followed_by_another_with_the_same_result(
    open_for: OpenFor, workers: Workers, world: World
) -> None:
    operator = open_for(world.cast.olu)
    operator.open(f"/policies/{to_public(Prefix.POLICY, Policy.objects.get().pk)}/backtests/")
    operator.press("Start the backtest")
    expect(operator.page.get_by_text("It waits for the worker.")).to_be_visible()

    with transaction.atomic():
        # Nobody reads what was recorded until the end of this: the worker stands in the middle of history.
        rows("lock table spend_spendrecord in access exclusive mode")
        # It has no clock: only the message of whoever asked tells it that there is something to do.
        first = workers.start(waits_for_locks=True)
        expect(operator.page.get_by_text("0 of 4 asks.")).to_be_visible(timeout=PATIENCE_MS)
        assert Backtest.objects.get().status == "running"
        workers.kill(first)

    workers.start(*CLOCK)
    expect(operator.page.get_by_role("heading", name="What would have changed")).to_be_visible(timeout=PATIENCE_MS)

    done = Backtest.objects.get()
    assert (done.status, done.attempts, done.done, done.total) == ("done", 2, 4, 4)
    undisturbed = backtest(plan(question_of(done)), go_on=lambda _: True)
    assert undisturbed is not None
    assert done.result == undisturbed.to_plain()
    kept = BacktestChange.objects.order_by("number").values_list("authorization_id", "before", "after", "decision")
    assert list(kept) == [(one.authorization, one.before, one.after, one.decision) for one in undisturbed.changes]
    assert len(kept) == 2
