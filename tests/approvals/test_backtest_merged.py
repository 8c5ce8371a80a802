"""A draft asked of history in which payees were merged: who is one by now is one throughout, as in live decisions."""

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from approvals.services.booking import Report
from approvals.services.merge import merge_counterparties
from approvals.services.record import record_spend
from policies.selectors import Targets
from policies.services import AssignTo
from tests.approvals.test_backtest import DAY, DRAFT, OPEN, OTHER, asked_of, at, changes, live, of_agents, random_story
from tests.approvals.test_past import unasked
from tests.approvals.world import OPENAI, World, add_agent, ask, make_world, put_policy
from tests.factories import NOW, actor_for
from tests.spend.samples import a_counterparty, public

pytestmark = pytest.mark.django_db(transaction=True)


def two_payees(world: World) -> tuple[str, str]:
    """Two counterparties, known by the domains that payments name; their public ids."""
    kept = a_counterparty(world.cast.olu, "OpenAI", identifiers=list(OPENAI.identifiers))
    return public(kept), public(a_counterparty(world.cast.olu, "Other", identifiers=list(OTHER.identifiers)))


def merge_both(world: World, *, minutes: int = 0) -> None:
    """Let who is paid as OTHER be one with OpenAI from then on."""
    found = world.cast.organization.counterparties
    merge_counterparties(
        organization_id=world.organization_id,
        kept_id=found.get(name="OpenAI").pk,
        merged_id=found.get(name="Other").pk,
        actor=actor_for(world.cast.olu),
        now=at(minutes),
    )


PER_PAYEE: dict[str, Any] = {"key": "a", "type": "SPEND_LIMIT", "per": "agent_counterparty"}


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(PER_PAYEE | {"monthly": {"USD": "100"}}, id="month"),
        pytest.param(PER_PAYEE | {"total": {"USD": "100"}}, id="ever"),
        pytest.param(PER_PAYEE | {"daily": {"USD": "100"}, "window": "rolling"}, id="rolling"),
        pytest.param(
            {"key": "a", "type": "VELOCITY", "limit": 2, "period_minutes": 600, "per": "agent_counterparty"}, id="pace"
        ),
    ],
)
def test_what_was_asked_for_the_merged_one_counts_for_the_one_that_is_left(rule: Mapping[str, Any]) -> None:
    world = make_world(OPEN)
    two_payees(world)
    ask(world, "60", payee=OTHER, now=at(-90))
    ask(world, "30", payee=OPENAI, now=at(-60))
    ask(world, "20", payee=OTHER, now=at(-5))
    merge_both(world)
    ask(world, "30", payee=OPENAI, now=at(5))

    # Before the period as well as within it.
    assert changes(world, rule, since=at(-10)) == {"allow > deny": "2: 50"}
    assert changes(world, rule, since=at(-100)) == {"allow > allow": "2: 90", "allow > deny": "2: 50"}


def test_what_nobody_asked_for_counts_for_the_one_that_is_left() -> None:
    world = make_world(OPEN)
    two_payees(world)
    unasked(world, "60", payee=OTHER, now=at(-60))
    unasked(world, "20", payee=OTHER, now=at(-5))
    merge_both(world)
    ask(world, "30", payee=OPENAI, now=at(5))

    rule = PER_PAYEE | {"monthly": {"USD": "109"}}
    assert changes(world, rule, since=at(-10)) == {"allow > deny": "1: 30"}
    assert changes(world, rule, since=at(-100)) == {"allow > deny": "1: 30"}
    assert changes(world, rule | {"monthly": {"USD": "110"}}) == {"allow > allow": "1: 30"}


@pytest.mark.parametrize("since", [-10, -100])
def test_who_was_paid_under_the_other_name_was_paid_and_twice_is_twice(since: int) -> None:
    world = make_world(OPEN)
    two_payees(world)
    asked = ask(world, "30", payee=OTHER, now=at(-60))
    report: dict[str, Any] = {
        "organization_id": world.organization_id,
        "agent_id": world.agent.id,
        "actor": world.actor,
    }
    record_spend(asked.answer.id, Report(Decimal(30), "USD"), now=at(-59), **report)
    merge_both(world)
    ask(world, "30", payee=OPENAI, now=at(5))

    before = {"allow > allow": "1: 30"} if since == -100 else {}
    twice = {"key": "twice", "type": "DUPLICATE", "minutes": 600, "on_breach": "deny"}
    assert changes(world, twice, since=at(since)) == before | {"allow > deny": "1: 30"}
    first = {"key": "who", "type": "COUNTERPARTY", "first_payment": "deny"}
    if since == -10:
        assert changes(world, first, since=at(since)) == {"allow > allow": "1: 30"}


def test_who_names_either_of_them_means_both() -> None:
    world = make_world(OPEN)
    kept, merged = two_payees(world)
    ask(world, "60", payee=OTHER, now=at(-60))
    merge_both(world)
    ask(world, "30", payee=OPENAI, now=at(5))
    named = {"key": "a", "type": "SPEND_LIMIT", "monthly": {"USD": "80"}, "when": {"counterparties": [kept]}}

    assert changes(world, OPEN, named) == {"allow > allow": "1: 60", "allow > deny": "1: 30"}
    for blocked in (merged, kept, OTHER.identifiers[0], OPENAI.identifiers[0]):
        rule = {"key": "who", "type": "COUNTERPARTY", "blocked": [blocked]}
        assert changes(world, OPEN, rule) == {"allow > deny": "2: 90"}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_books_of_a_run_answer_as_the_books_of_the_product_that_merged(seed: int) -> None:
    world = make_world()
    two_payees(world)
    # Budgets are left out: what was drawn from one before is not drawn from the other.
    rules = [rule for rule in DRAFT if rule["type"] != "BUDGET_ALLOCATION"]
    put_policy(world.cast, "Open", [OPEN], targets=AssignTo(labels=("open",)), now=NOW)
    put_policy(world.cast, "Live", rules, targets=AssignTo(labels=("live",)), now=at(1))
    both = [
        [add_agent(world.cast, f"{name} {one}", labels=(name.lower(),)) for one in (1, 2)] for name in ("Open", "Live")
    ]

    # What was asked before the merge, and allowed to all, was answered by counters of two; the rest by those of one.
    early = [
        (50 * one - 300, one % 2, str(40 + one), "run_0", OTHER if one < 4 else OPENAI, "record") for one in range(6)
    ]
    for agents in both:
        live(agents, early)
    merge_both(world)
    for agents in both:
        live(agents, random_story(Random(seed)))

    report = asked_of(world, *rules, since=NOW, until=NOW + 5 * DAY, targets=Targets(labels=("open",)))
    denied = {change.authorization for change in report.changes if change.after == "deny"}
    answered = [one.outcome for one in of_agents(world, "Live")]
    assert ["deny" if one.id in denied else "allow" for one in of_agents(world, "Open")] == answered
    assert set(answered[:6]) == {"allow"}
    assert set(answered) == {"allow", "deny"}
