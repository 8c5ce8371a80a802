"""Backtests as rows: asked for, run by the worker with progress, cancelled, broken off, taken over, forgotten."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from approvals.models import Backtest, BacktestChange
from approvals.replay.report import KEPT as KEPT_CHANGES
from approvals.services import backtests
from approvals.services.backtests import (
    KEPT,
    LEASE,
    MOST_ATTEMPTS,
    Wanted,
    cancel_backtest,
    run_backtests,
    start_backtest,
)
from audit.models import Event
from core.db import rows
from core.errors import Conflict, ContoError, NotFound
from core.ids import new_id
from policies.models import Policy
from policies.services import create_policy, save_draft
from tests.approvals.world import World, ask, make_world
from tests.factories import NOW, actor_for

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
LIMIT = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}
LOWER = LIMIT | {"daily": {"USD": "5"}}


def start(world: World, *rules: dict[str, Any], now: datetime = NOW + DAY, **more: Any) -> UUID:
    document = {"schema": 1, "rules": list(rules or (LOWER,))}
    period: dict[str, Any] = {
        "since": NOW - DAY,
        "until": now,
        "document": document,
        "policy_id": first_policy(world).pk,
    }
    whose: dict[str, Any] = {"organization_id": world.organization_id, "actor": actor_for(world.cast.olu)}
    return start_backtest(Wanted(**(period | more)), now=now, **whose)


def first_policy(world: World) -> Policy:
    return Policy.objects.filter(organization_id=world.organization_id).earliest("created_at")


def ticking(start: datetime = NOW + DAY, *, seconds: int = 2) -> Callable[[], datetime]:
    """A clock on which time passes with every look."""
    looks = iter(range(100_000))
    return lambda: start + timedelta(seconds=seconds * next(looks))


def run(*, clock: Callable[[], datetime] | None = None) -> int:
    return run_backtests(clock=clock or ticking())


def cancel(world: World, backtest: UUID) -> None:
    whose: dict[str, Any] = {"organization_id": world.organization_id, "actor": actor_for(world.cast.olu)}
    cancel_backtest(backtest, now=NOW + 2 * DAY, **whose)


def row(backtest: UUID) -> Backtest:
    return Backtest.objects.get(pk=backtest)


def test_the_worker_finds_a_backtest_and_keeps_what_comes_out() -> None:
    world = make_world(LIMIT)
    for amount in ("10", "2", "4"):
        ask(world, amount)
    backtest = start(world)
    assert (row(backtest).status, row(backtest).result) == ("waiting", None)

    assert run() == 1
    assert run() == 0

    done = row(backtest)
    assert (done.status, done.total, done.done, done.attempts) == ("done", 3, 3, 1)
    assert done.result is not None
    assert done.result["changed"] == done.changes.count() > 0
    change = done.changes.get(number=1)
    assert (change.before, change.after, change.decision["outcome"]) == ("allow", "deny", "deny")
    assert [event.action for event in Event.objects.filter(action__startswith="backtest.")] == ["backtest.started"]


def test_changes_are_kept_up_to_a_bound_and_all_are_counted() -> None:
    world = make_world(LIMIT | {"daily": {"USD": "100000"}})
    for _ in range(KEPT_CHANGES + 2):
        ask(world, "10")
    backtest = start(world)
    run()

    result = row(backtest).result
    assert result is not None
    assert result["cells"] == [
        {"before": "allow", "after": "deny", "number": KEPT_CHANGES + 2, "sums": {"USD": str(10 * (KEPT_CHANGES + 2))}}
    ]
    assert BacktestChange.objects.filter(backtest=backtest).count() == KEPT_CHANGES


def test_an_organization_has_one_backtest_at_a_time_and_hears_whose() -> None:
    world = make_world(LIMIT)
    first = start(world)

    with pytest.raises(Conflict, match="Olu has a backtest under way") as refused:
        start(world)
    assert refused.value.code == "backtest_under_way"
    run()
    second = start(world)

    assert {row(first).status, row(second).status} == {"done", "waiting"}


def test_a_cancelled_backtest_stops_while_it_runs_and_keeps_nothing() -> None:
    world = make_world(LIMIT)
    ask(world, "10")
    backtest = start(world)
    looks = ticking()

    def cancelling() -> datetime:
        if row(backtest).status == "running":
            cancel(world, backtest)
        return looks()

    assert run(clock=cancelling) == 0

    stopped = row(backtest)
    assert (stopped.status, stopped.result, stopped.changes.count()) == ("cancelled", None, 0)
    cancel(world, backtest)
    assert Event.objects.filter(action="backtest.cancelled").count() == 1
    with pytest.raises(NotFound):
        cancel_backtest(
            backtest,
            organization_id=world.cast.mallory.organization_id,
            actor=actor_for(world.cast.mallory),
            now=NOW,
        )


def test_what_a_worker_was_broken_off_in_begins_anew_once_it_is_silent() -> None:
    world = make_world(LIMIT)
    ask(world, "10")
    backtest = start(world)
    began = NOW + DAY
    assert backtests._claimed(began) is not None

    assert run(clock=ticking(began + LEASE, seconds=0)) == 0
    assert row(backtest).status == "running"
    assert run(clock=ticking(began + LEASE + timedelta(seconds=1))) == 1

    assert (row(backtest).status, row(backtest).attempts) == ("done", 2)


def test_a_run_that_was_taken_over_keeps_nothing() -> None:
    world = make_world(LIMIT)
    ask(world, "10")
    backtest = start(world)
    looks = ticking()

    def overtaken() -> datetime:
        Backtest.objects.filter(status="running").update(attempts=2)
        return looks()

    assert run(clock=overtaken) == 0

    assert (row(backtest).status, row(backtest).result) == ("running", None)


def test_a_backtest_that_brings_workers_down_is_given_up() -> None:
    world = make_world(LIMIT)
    backtest, now = start(world), NOW + DAY
    for _ in range(MOST_ATTEMPTS):
        now += 2 * LEASE
        assert backtests._claimed(now) is not None

    assert run(clock=ticking(now + 2 * LEASE)) == 0

    assert (row(backtest).status, row(backtest).attempts) == ("failed", MOST_ATTEMPTS)
    assert "broken off 3 times" in row(backtest).why


def test_history_that_cannot_be_read_fails_the_backtest_and_not_the_worker() -> None:
    world = make_world(LIMIT)
    ask(world, "10")
    rows("set session_replication_role = replica")
    rows("update approvals_authorization set facts = '{}'")
    rows("set session_replication_role = origin")
    backtest = start(world)

    assert run() == 0

    assert (row(backtest).status, row(backtest).result) == ("failed", None)
    assert "went wrong" in row(backtest).why


def test_only_the_newest_are_kept() -> None:
    world = make_world(LIMIT)
    ask(world, "10")
    first = start(world)
    run()
    assert row(first).changes.exists()
    again = [
        Backtest(**{**vars_of(row(first)), "id": new_id(NOW), "created_at": NOW + DAY + timedelta(seconds=number)})
        for number in range(KEPT)
    ]
    Backtest.objects.bulk_create(again)

    start(world, now=NOW + 2 * DAY)

    assert Backtest.objects.count() == KEPT
    assert not Backtest.objects.filter(pk=first).exists()
    assert not BacktestChange.objects.filter(backtest=first).exists()


def vars_of(one: Backtest) -> dict[str, Any]:
    return {field.attname: getattr(one, field.attname) for field in Backtest._meta.concrete_fields}


def test_a_stored_draft_is_asked_as_if_for_everybody_where_the_policy_binds_nobody() -> None:
    world = make_world(LIMIT)
    ask(world, "10")
    whose: dict[str, Any] = {
        "organization_id": world.organization_id,
        "actor": actor_for(world.cast.olu),
        "now": NOW + timedelta(hours=1),
    }
    policy = create_policy(name="New", **whose)
    with pytest.raises(Conflict, match="no draft"):
        start(world, policy_id=policy, document=None)
    save_draft(policy_id=policy, document={"schema": 1, "rules": [LOWER]}, **whose)

    backtest = start(world, policy_id=policy, document=None)
    run()

    assert row(backtest).targets == {"organization": True, "labels": [], "agents": [], "supposed": True}
    result = row(backtest).result
    assert result is not None
    assert result["changed"] == 1


def test_public_holidays_of_every_year_of_the_period_are_known() -> None:
    world = make_world(LIMIT)
    closed = {"key": "closed", "type": "BLACKOUT_PERIOD", "holidays": {"country": "DE"}}
    backtest = start(world, closed, since=NOW - 5 * 365 * DAY)

    (rule,) = row(backtest).document["rules"]
    assert {day[:4] for day in rule["holidays"]["dates"]} >= {str(year) for year in range(2021, 2027)}
    assert rule["holidays"]["until"] >= "2026-12-31"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"since": NOW + 2 * DAY}, "period_invalid"),
        ({"until": NOW - 2 * DAY}, "period_invalid"),
        ({"since": NOW - 4000 * DAY}, "period_invalid"),
        ({"document": {"schema": 1, "rules": []}}, "rules_missing"),
        ({"document": {"schema": 1, "rules": [{"key": "a", "type": "MAGIC"}]}}, "type_unknown"),
        ({"agent_id": new_id(NOW)}, "agent_unknown"),
        ({"policy_id": new_id(NOW)}, "not_found"),
    ],
)
def test_what_cannot_be_asked_is_refused(wrong: dict[str, Any], code: str) -> None:
    world = make_world(LIMIT)

    with pytest.raises(ContoError) as refused:
        start(world, **wrong)

    assert code in f"{refused.value.code} {getattr(refused.value, 'errors', '')}"
    assert not Backtest.objects.exists()


def test_nobody_asks_of_another_organization() -> None:
    world = make_world(LIMIT)
    wanted = Wanted(first_policy(world).pk, NOW - DAY, NOW, document={"schema": 1, "rules": [LOWER]})

    with pytest.raises(NotFound):
        start_backtest(
            wanted,
            organization_id=world.cast.mallory.organization_id,
            actor=actor_for(world.cast.mallory),
            now=NOW,
        )


@pytest.mark.parametrize(
    ("constraint", "sql"),
    [
        ("backtest_status_is_known", "update approvals_backtest set status = 'resting', ended_at = now()"),
        ("backtest_ends_at_a_moment", "update approvals_backtest set ended_at = now()"),
        ("backtest_ends_at_a_moment", "update approvals_backtest set status = 'cancelled'"),
        ("backtest_has_a_result_once_done", "update approvals_backtest set status = 'done', ended_at = now()"),
        ("backtest_has_a_result_once_done", "update approvals_backtest set result = '{}'"),
        ("backtest_has_a_period", "update approvals_backtest set until = since"),
        (
            "backtest_is_one_at_a_time",
            """insert into approvals_backtest select (jsonb_populate_record(one,
               jsonb_build_object('id', gen_random_uuid()))).* from approvals_backtest one""",
        ),
        (
            "change_is_numbered_once",
            """insert into approvals_backtestchange (backtest_id, number, authorization_id, before, after, decision)
               select b.id, 1, a.id, 'allow', 'deny', '{}' from approvals_backtest b, approvals_authorization a,
               generate_series(1, 2)""",
        ),
        (
            "change_changes_the_outcome",
            """insert into approvals_backtestchange (backtest_id, number, authorization_id, before, after, decision)
               select b.id, 1, a.id, 'allow', 'allow', '{}' from approvals_backtest b, approvals_authorization a""",
        ),
    ],
)
def test_what_a_backtest_must_hold(constraint: str, sql: str) -> None:
    world = make_world(LIMIT)
    ask(world, "10")
    start(world)

    with pytest.raises(IntegrityError, match=f'"{constraint}"'), transaction.atomic():
        rows(sql)
