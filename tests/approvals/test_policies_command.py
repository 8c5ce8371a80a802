"""A plan with a backtest, by the command and over the API: what history says of what a file would change."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals.api import plans
from approvals.management.commands.policies import Command
from approvals.replay.files import AtOnce
from approvals.services.booking import Report
from approvals.services.record import record_spend
from core.clock import now as clock_now
from people.roles import Scope
from policies.engine.rules import BlackoutPeriod
from policies.engine.written import parse_file
from policies.models import Policy
from policies.services.code import drafted_by
from tests.agents.samples import bearer
from tests.approvals.test_past import unasked
from tests.approvals.world import World, ask, make_world, put_policy
from tests.factories import actor_for
from tests.furnished import issue_key
from tests.policies.samples import daily_limit

pytestmark = pytest.mark.django_db


def history() -> World:
    """Three asks of yesterday, each allowed under a limit of a thousand a day."""
    yesterday = clock_now() - timedelta(days=1)
    world = make_world(daily_limit("1000"), now=yesterday)
    Policy.objects.filter(organization_id=world.organization_id).update(external_ref="research")
    for amount in ("5", "30", "40"):
        ask(world, amount, now=yesterday)
    return world


def plan(tmp_path: Path, *rules: dict[str, Any], more: tuple[str, ...] = ()) -> str:
    path, told = tmp_path / "policies.json", StringIO()
    entry = {"ref": "research", "name": "Research agents", "rules": list(rules)}
    path.write_text(json.dumps({"schema": 1, "policies": [entry]}))
    with pytest.raises(SystemExit):
        call_command("policies", "--organization", "Acme", "plan", str(path), *more, stdout=told)
    return told.getvalue()


def test_a_plan_says_what_would_have_been_answered_differently(tmp_path: Path) -> None:
    history()
    said = plan(tmp_path, daily_limit("20"), more=("--backtest", "30"))
    assert "research: 2 of 3 asks of 30 days answered differently" in said
    assert "allow → deny: 2 (70.00 USD)" in said
    facts = json.loads(plan(tmp_path, daily_limit("20"), more=("--backtest", "30", "--json")))
    (tested,) = facts["backtests"]
    assert (tested["policy"], tested["asks"], tested["changed"]) == ("research", 3, 2)


def test_what_does_not_change_is_not_asked_and_nothing_is_without_the_option(tmp_path: Path) -> None:
    history()
    assert "answered differently" not in plan(tmp_path, daily_limit("1000"), more=("--backtest", "30"))
    assert "answered differently" not in plan(tmp_path, daily_limit("20"))


def called(world: World, *rules: dict[str, Any], refs: tuple[str, ...] = ("research",), **more: Any) -> Any:
    """The answer of the API to the same plan."""
    client = Client(headers=bearer(issue_key(world.cast, [Scope.POLICIES], clock_now()).secret))
    entries = [{"ref": ref, "name": f"{ref.capitalize()} agents", "rules": list(rules)} for ref in refs]
    body = {"file": {"schema": 1, "policies": entries}, **more}
    return client.post("/api/v1/policies/plan", json.dumps(body), content_type="application/json")


def test_the_api_says_the_same_of_history_as_the_command(tmp_path: Path) -> None:
    world = history()
    answer = called(world, daily_limit("20"), backtest_days=30)
    assert answer.status_code == 200
    (tested,) = answer.json()["backtests"]
    assert tested == {
        "policy": "research",
        "days": 30,
        "asks": 3,
        "changed": 2,
        "cells": [
            {"before": "allow", "after": "allow", "number": 1, "sums": {"USD": "5"}},
            {"before": "allow", "after": "deny", "number": 2, "sums": {"USD": "70"}},
        ],
        "reasons": [{"code": "daily_limit", "number": 2}],
    }
    facts = json.loads(plan(tmp_path, daily_limit("20"), more=("--backtest", "30", "--json")))
    assert facts["backtests"] == [tested]
    assert called(world, daily_limit("1000"), backtest_days=30).json()["backtests"] == []
    assert "backtests" not in called(world, daily_limit("20")).json()


def test_a_backtest_within_a_request_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    world = history()
    for at_once in (AtOnce(policies=20, asks=2), AtOnce(policies=0, asks=20)):
        monkeypatch.setattr(plans, "AT_ONCE", at_once)
        refused = called(world, daily_limit("20"), backtest_days=30)
        assert (refused.status_code, refused.json()["code"]) == (422, "backtest_too_large")
        assert refused.json()["field"] == "backtest_days"
    monkeypatch.setattr(plans, "AT_ONCE", AtOnce(policies=1, asks=3))
    assert called(world, daily_limit("20"), backtest_days=30).status_code == 200
    monkeypatch.setattr(plans, "AT_ONCE", AtOnce(policies=1, asks=2))
    again = {"key": "again", "type": "DUPLICATE", "minutes": 60}
    assert called(world, daily_limit("20"), again, backtest_days=1).status_code == 422, "what it looks back at counts"
    for days in (0, 367, "x"):
        assert called(world, daily_limit("20"), backtest_days=days).status_code == 422


def test_payments_that_nobody_had_asked_for_count_within_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    world = history()
    for hours in (1, 2, 3):
        unasked(world, "1", now=clock_now() - timedelta(hours=hours))
    unasked(world, "1", now=clock_now() - timedelta(days=40))
    for most, status in ((5, 422), (6, 200)):
        monkeypatch.setattr(plans, "AT_ONCE", AtOnce(policies=1, asks=most))
        assert called(world, daily_limit("20"), backtest_days=30).status_code == status


def test_further_records_of_an_ask_and_what_came_back_without_one_count_within_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, noon = history(), clock_now() - timedelta(hours=12)
    asked = ask(world, "50", now=noon - timedelta(hours=1)).answer.id
    reach: Any = {"organization_id": world.organization_id, "agent_id": world.agent.id, "actor": world.actor}
    for part in range(4):
        record_spend(asked, Report(Decimal(1), "USD", is_final=False), now=noon + timedelta(minutes=part), **reach)
    paid = unasked(world, "9", now=noon)
    for part in range(2):
        back: Any = {"kind": "refund", "refund_of": paid, "payee": None, "by": actor_for(world.cast.olu)}
        unasked(world, "1", now=noon + timedelta(minutes=part + 1), **back)
    # Four asks, three further records of the last of them, one payment without an ask and two refunds of it.
    for most, status in ((9, 422), (10, 200)):
        monkeypatch.setattr(plans, "AT_ONCE", AtOnce(policies=1, asks=most))
        assert called(world, daily_limit("20"), backtest_days=30).status_code == status


@pytest.mark.parametrize("most", [2, 4])
def test_it_costs_the_same_to_refuse_however_long_history_is_and_however_much_changes(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    world = history()
    for hours in (1, 2, 3):
        unasked(world, "1", now=clock_now() - timedelta(hours=hours))
    put_policy(world.cast, "second", [daily_limit("900")], now=clock_now())
    Policy.objects.filter(name="second").update(external_ref="second")
    monkeypatch.setattr(plans, "AT_ONCE", AtOnce(policies=2, asks=most))

    with CaptureQueriesContext(connection) as captured:
        refused = called(world, daily_limit("20"), refs=("research", "second"), backtest_days=30)

    assert refused.json()["code"] == "backtest_too_large"
    asked = [one["sql"].lower() for one in captured.captured_queries]
    history_read = [sql for sql in asked if "approvals_authorization" in sql or "spend_spendrecord" in sql]
    counted = [("approvals_authorization", most + 1), *[("spend_spendrecord", most - 2)] * 2]
    bounds = counted[: 1 if most < 3 else 3]
    assert len(history_read) == len(bounds), "the second policy is not looked at any more"
    assert all(table in sql and f"limit {left}" in sql for sql, (table, left) in zip(history_read, bounds, strict=True))


def test_the_public_holidays_of_the_whole_period_are_known(tmp_path: Path) -> None:
    world = history()
    holiday = {"key": "off", "type": "BLACKOUT_PERIOD", "holidays": {"country": "DE"}}
    file = parse_file(
        {"schema": 1, "policies": [{"ref": "research", "name": "N", "rules": [daily_limit("20"), holiday]}]}
    )
    now = datetime(2026, 2, 1, tzinfo=UTC)
    (drafted,) = drafted_by(world.organization_id, file, since=now - timedelta(days=366), now=now)
    (rule,) = [one for one in drafted.rules if isinstance(one, BlackoutPeriod)]
    assert rule.holidays is not None
    assert {day.year for day in rule.holidays.dates} >= {2025, 2026}


@pytest.mark.parametrize("days", ["0", "367"])
def test_a_period_has_bounds(tmp_path: Path, days: str) -> None:
    history()
    path = tmp_path / "policies.json"
    path.write_text('{"schema": 1, "policies": []}')
    with pytest.raises(CommandError):
        call_command("policies", "--organization", "Acme", "plan", str(path), "--backtest", days)


@pytest.mark.parametrize(
    "wrong",
    [(), ("plan",), ("plan", "f.yaml", "--backtest", "abc"), ("plan", "f.yaml", "--unknown"), ("--unknown", "export")],
)
def test_arguments_that_cannot_be_read_are_an_error_and_no_plan_that_differs(wrong: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        Command().run_from_argv(["manage.py", "policies", *wrong])
    assert ended.value.code == 1


@pytest.mark.django_db(transaction=True)  # the command closes its connections
def test_a_plan_that_differs_still_ends_with_its_own_code(tmp_path: Path) -> None:
    history()
    path = tmp_path / "policies.json"
    entry = {"ref": "research", "name": "Research agents", "rules": [daily_limit("20")]}
    path.write_text(json.dumps({"schema": 1, "policies": [entry]}))
    with pytest.raises(SystemExit) as ended:
        Command(stdout=StringIO()).run_from_argv(["manage.py", "policies", "--organization", "Acme", "plan", str(path)])
    assert ended.value.code == 2
