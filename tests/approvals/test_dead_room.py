"""No denial rests on money that nobody may spend any more: overdue holds go first, however many there are."""

import logging
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pytest

from approvals.models import Authorization
from approvals.selectors.books import faults
from approvals.selectors.evidence import present_evidence
from approvals.selectors.situation import Ask, read_asker
from approvals.services import authorize
from approvals.services.expire import BATCH_SIZE, expire_due
from approvals.services.simulate import simulate_payment
from core.db import rows
from spend.models import Counter
from tests.approvals.world import OPENAI, World, ask, make_world, put_policy, republish, say_yes, stored
from tests.factories import NOW

pytestmark = pytest.mark.django_db

REVIEW: Final[dict[str, Any]] = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
DAILY: Final[dict[str, Any]] = {"key": "cap", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}
HOUR: Final[dict[str, Any]] = {"key": "cap", "type": "SPEND_LIMIT", "hourly": {"USD": "100"}, "window": "rolling"}
POT: Final[dict[str, Any]] = {
    "key": "cap", "type": "BUDGET_ALLOCATION", "amount": {"USD": "100"}, "period": "month"
}  # fmt: skip
LATER: Final = NOW + timedelta(minutes=20)
"""Behind the time of an approval, before that of a question."""
caps = pytest.mark.parametrize("cap", [DAILY, HOUR, POT], ids=["day", "rolling hour", "pot"])


@pytest.fixture(autouse=True)
def books_are_right() -> Any:
    yield
    assert faults() == []


def statuses() -> dict[int, str]:
    return {int(amount): status for amount, status in Authorization.objects.values_list("amount", "status")}


def waiting_beside_a_dead_hold(cap: dict[str, Any], *, is_open: bool) -> tuple[World, Authorization]:
    """A payment of 60 waits and one of 45 was approved, before a cap of 100 that has only room for one of them."""
    world = make_world()
    policy = put_policy(world.cast, "P", [REVIEW])
    one = stored(ask(world, "60"))
    ask(world, "45")
    republish(world.cast, policy, [REVIEW, cap])
    if is_open:
        ask(world, "1")
    return world, one


def yes(world: World, one: Authorization, digest: str) -> str:
    return say_yes(one, world.cast.rui, digest=digest, now=LATER)


def evidence(one: Authorization) -> Any:
    return present_evidence(one.id, organization_id=one.organization_id, now=LATER)


@caps
@pytest.mark.parametrize("is_open", [True, False], ids=["open", "not open yet"])
def test_a_yes_does_not_decline_for_room_that_nobody_may_spend(cap: dict[str, Any], is_open: bool) -> None:
    world, one = waiting_beside_a_dead_hold(cap, is_open=is_open)
    shown = evidence(one)

    assert shown.decision.outcome == "review"
    assert statuses()[45] == "approved"
    assert yes(world, one, shown.digest) == "approved"
    assert statuses()[60] == "approved"


@caps
def test_evidence_is_the_same_before_and_behind_the_sweep(cap: dict[str, Any]) -> None:
    world, one = waiting_beside_a_dead_hold(cap, is_open=True)
    before = evidence(one).digest
    assert expire_due(now=LATER) > 0

    assert evidence(one).digest == before
    assert yes(world, one, before) == "approved"


def test_a_yes_still_declines_where_living_holds_take_the_room() -> None:
    world, one = waiting_beside_a_dead_hold(DAILY, is_open=True)
    rows("update approvals_authorization set expires_at = expires_at + interval '1 hour' where amount = 45")
    shown = evidence(one)

    assert shown.decision.outcome == "deny"
    assert yes(world, one, shown.digest) == "declined"


@caps
def test_a_simulation_counts_dead_room_as_room_and_leaves_no_trace(cap: dict[str, Any]) -> None:
    world = make_world(cap)
    ask(world, "90")
    before = rows("select count(*) from audit_event")

    _, decision = simulate_payment(
        read_asker(world.agent.id, key_id=world.key_id), Ask(Decimal(95), "USD", OPENAI), now=LATER
    )

    assert decision.outcome == "allow"
    assert statuses() == {90: "approved"}
    assert rows("select count(*) from audit_event") == before
    assert ask(world, "95", now=LATER).answer.status == "approved"


def fill(world: World, number: int) -> None:
    for _ in range(number):
        assert ask(world, "1").answer.status == "approved"


def test_more_overdue_holds_than_a_batch_do_not_decline_an_ask() -> None:
    number = BATCH_SIZE + 1
    world = make_world({**DAILY, "daily": {"USD": str(number)}})
    fill(world, number)

    assert ask(world, str(number), now=LATER).answer.status == "approved"
    assert Counter.objects.get().used == number


def test_a_sweep_goes_on_until_nothing_is_due_and_passes_over_what_fails(caplog: pytest.LogCaptureFixture) -> None:
    number = BATCH_SIZE + 1
    world = make_world({**DAILY, "daily": {"USD": "1000"}})
    fill(world, number)
    first = Authorization.objects.earliest("expires_at", "id")
    # An authorization without its hold cannot be expired.
    rows("update spend_hold set authorization_id = null where authorization_id = %s", [first.id])

    with caplog.at_level(logging.ERROR):
        assert expire_due(now=LATER) == number - 1

    assert [record.args for record in caplog.records] == [(first.id,)]
    assert set(Authorization.objects.exclude(id=first.id).values_list("status", flat=True)) == {"expired"}
    rows("update spend_hold set authorization_id = id")
    assert expire_due(now=LATER) == 1


def test_behind_closed_gates_dead_room_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(DAILY)
    ask(world, "90")
    monkeypatch.setattr(authorize, "OPTIMISTIC_ATTEMPTS", 0)

    assert ask(world, "95", now=LATER).answer.status == "approved"
    assert statuses() == {90: "expired", 95: "approved"}
