"""`manage.py policies plan --backtest`: what history says of each policy that a file would change."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from core.clock import now as clock_now
from policies.models import Policy
from tests.approvals.world import World, ask, make_world
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


@pytest.mark.parametrize("days", ["0", "367"])
def test_a_period_has_bounds(tmp_path: Path, days: str) -> None:
    history()
    path = tmp_path / "policies.json"
    path.write_text('{"schema": 1, "policies": []}')
    with pytest.raises(CommandError):
        call_command("policies", "--organization", "Acme", "plan", str(path), "--backtest", days)
