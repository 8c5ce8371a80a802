"""A plan of a file says which of its rules no payment of the last 90 days would have met, as publishing does."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.selectors.unmet import unmet_rules
from policies.engine.lint import Level
from policies.models import Policy
from policies.services.code import Plan, past
from tests.approvals.world import World, ask, make_world
from tests.factories import NOW
from tests.policies.samples import daily_limit
from tests.policies.test_as_code import applied, planned, research

pytestmark = pytest.mark.django_db
RESEARCH = {"organization": True}


@pytest.fixture
def world() -> World:
    """An agent with a policy that a file knows as research, which paid by card for travel yesterday."""
    world = make_world(daily_limit("1000"), now=NOW)
    Policy.objects.filter(organization_id=world.organization_id).update(external_ref="research")
    ask(world, "10", category="travel", rail="card", now=NOW)
    return world


def judging(key: str, **when: Any) -> dict[str, Any]:
    return daily_limit("5", key=key, when=when)


def unmet(plan: Plan) -> list[tuple[str, str]]:
    """Where a plan says of a rule that nothing would have met it, beside the policy it is said of."""
    found = [(each.label, one) for each in plan.policies for one in each.findings if one.code == "rule_unmet"]
    assert all(one.level is Level.WARNING for _, one in found)
    return [(label, one.path) for label, one in found]


def test_a_rule_that_nothing_would_have_met_is_warned_of_at_its_place(world: World) -> None:
    first = research(rules=[daily_limit(), judging("ads", categories=["ads"]), judging("trips", categories=["travel"])])
    second = research(
        ref="second",
        rules=[judging("x402", rails=["x402"]), judging("card", rails=["card"])],
        shadow=[daily_limit(), judging("shop", categories=["shop"]), judging("euro", currencies=["EUR"])],
        assigned_to={"organization": True},
    )
    plan = planned(world.cast, first, second)
    assert unmet(plan) == [
        ("research", "policies[0].rules[1].when"),
        ("second", "policies[1].rules[0].when"),
        ("second", "policies[1].shadow[1].when"),
        ("second", "policies[1].shadow[2].when"),
    ]
    assert not plan.errors, "it is said, and keeps nobody from applying"
    applied(world.cast, first, second, digest=plan.digest)
    assert unmet(planned(world.cast, first, second)) == [], "what stays as it is was looked at then"


def test_whom_the_policy_would_be_for_counts_and_nothing_is_said_of_whoever_has_no_past(world: World) -> None:
    rules = [daily_limit(), judging("ads", categories=["ads"])]
    for to in ({"labels": ["nobody"]}, {}):
        assert unmet(planned(world.cast, research(rules=rules, assigned_to=to))) == []
        assert unmet(planned(world.cast, research(ref="fresh", rules=rules, assigned_to=to))) == []
    assert len(unmet(planned(world.cast, research(ref="fresh", rules=rules, assigned_to=RESEARCH)))) == 1
    assert unmet_rules([world.agent.id], (), NOW + timedelta(days=200)) == ()


def test_history_is_read_once_for_the_same_agents_and_for_so_many_different_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def entries(number: int) -> list[dict[str, Any]]:
        rules = [daily_limit(), judging("ads", categories=["ads"])]
        return [research(ref=f"r{one}", rules=rules, assigned_to=RESEARCH) for one in range(number)]

    def reads(*several: dict[str, Any]) -> tuple[int, Plan]:
        with CaptureQueriesContext(connection) as asked:
            plan = planned(world.cast, *several)
        return sum("approvals_authorization" in one["sql"] for one in asked), plan

    number, plan = reads(*entries(30))
    assert (number, len(unmet(plan)), [one.code for one in plan.findings]) == (1, 30, [])
    monkeypatch.setattr(past, "MOST_LOOKED_BACK", 1)
    other = research(ref="other", rules=[judging("ads", categories=["ads"])], assigned_to={"labels": ["other"]})
    number, plan = reads(*entries(2), other)
    assert (number, len(unmet(plan)), [one.code for one in plan.findings]) == (1, 2, ["history_unsought"])
    assert "more than 1 different targets" in plan.findings[0].detail
