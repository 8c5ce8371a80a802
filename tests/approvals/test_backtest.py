"""A draft asked of history: its own running totals, what people answered, what was recorded, and where it changes."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final
from uuid import UUID

import pytest

from agents.models import Agent
from agents.services import freeze_agent
from approvals.models import Authorization
from approvals.replay.backtest import Question, backtest, plan
from approvals.replay.report import Report
from approvals.services.authorize import Asked
from approvals.services.booking import Report as Paid
from approvals.services.expire import expire_due
from approvals.services.record import record_spend, record_unauthorized
from approvals.services.void import void_authorization
from policies.engine.document import parse
from policies.models import Policy
from policies.selectors import Targets
from policies.services import AssignTo
from spend.payee import PayeeClaim
from tests.approvals.world import OPENAI, World, add_agent, ask, make_world, put_policy, say_no, say_yes, stored
from tests.factories import NOW, actor_for

pytestmark = pytest.mark.django_db(transaction=True)

DAY: Final = timedelta(days=1)
EVERYBODY: Final = Targets(organization=True)
OPEN: Final = {"key": "open", "type": "SPEND_LIMIT", "per_transaction": {"USD": "100000"}}
OTHER: Final = PayeeClaim("Other", ("domain:other.example",))


def limit(amount: str, **more: Any) -> dict[str, Any]:
    return {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": amount}, **more}


def at(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def asked_of(world: World, *rules: Mapping[str, Any], agent: Agent | None = None, **more: Any) -> Report:
    """Ask the history of a world with these rules in the place of its first policy's."""
    period: dict[str, Any] = {"since": NOW - DAY, "until": NOW + 30 * DAY, "targets": EVERYBODY} | more
    question = Question(
        organization_id=world.organization_id,
        policy_id=first_policy(world),
        name="Research agents",
        rules=parse({"schema": 1, "rules": list(rules)}).rules,
        agent_id=None if agent is None else agent.id,
        **period,
    )
    report = backtest(plan(question), go_on=lambda _: True)
    assert report is not None
    return report


def first_policy(world: World) -> UUID:
    return Policy.objects.filter(organization_id=world.organization_id).earliest("created_at").pk


def changes(world: World, *rules: Mapping[str, Any], **more: Any) -> dict[str, str]:
    """What became of what: how many asks, and their sum in dollars."""
    report = asked_of(world, *rules, **more)
    return {
        f"{before} > {after}": f"{cell.number}: {cell.sums['USD']:f}".rstrip("0").rstrip(".")
        for (before, after), cell in report.cells.items()
    }


def record(world: World, of: Asked, amount: str, *, now: datetime, **more: Any) -> None:
    record_spend(
        of.answer.id,
        Paid(Decimal(amount), "USD", **more),
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        actor=world.actor,
        now=now,
    )


def void(world: World, of: Asked, *, now: datetime) -> None:
    void_authorization(
        of.answer.id,
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        reason="not needed",
        actor=world.actor,
        now=now,
    )


def test_what_is_denied_earlier_leaves_room_for_what_comes_later() -> None:
    world = make_world(limit("100"))
    for minute, amount in enumerate(("70", "60", "20")):
        ask(world, amount, now=at(minute))

    assert changes(world, limit("100")) == {"allow > allow": "2: 90", "deny > deny": "1: 60"}
    assert changes(world, limit("65")) == {"allow > deny": "2: 90", "deny > allow": "1: 60"}


def test_what_was_recorded_settles_and_what_was_given_up_gives_its_room_back() -> None:
    world = make_world(limit("1000"))
    paid = ask(world, "70", now=at(0))
    record(world, paid, "20", now=at(1))
    void(world, ask(world, "80", now=at(2)), now=at(3))
    ask(world, "80", now=at(4))
    expire_due(now=at(30))
    ask(world, "80", now=at(31))
    ask(world, "1", now=at(32))

    assert changes(world, limit("100")) == {"allow > allow": "4: 310", "allow > deny": "1: 1"}


def test_a_payment_that_is_let_through_counts_as_recorded_for_all_that_was_asked() -> None:
    world = make_world(limit("50"))
    ask(world, "60", now=at(0))
    expire_due(now=at(60))
    ask(world, "50", now=at(61))

    assert changes(world, limit("100")) == {"deny > allow": "1: 60", "allow > deny": "1: 50"}


def test_a_question_keeps_the_answer_that_people_gave_and_is_otherwise_approved() -> None:
    above = {"key": "big", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
    world = make_world(above, limit("1000"))
    say_no(stored(ask(world, "60", now=at(0))), world.cast.rui, now=at(1))
    say_yes(stored(ask(world, "60", now=at(2))), world.cast.rui, now=at(3))
    ask(world, "40", now=at(4))
    ask(world, "30", now=at(5))

    # The rejected one gave its room back; the approved one and that which nobody was asked about hold theirs.
    asks = above | {"above": {"USD": "35"}}
    assert changes(world, asks, limit("110")) == {
        "review > review": "2: 120",
        "allow > review": "1: 40",
        "allow > deny": "1: 30",
    }


def test_what_was_rejected_and_is_allowed_now_counts_and_so_does_what_was_denied_and_is_asked_now() -> None:
    above = {"key": "big", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
    world = make_world(above, limit("100"))
    say_no(stored(ask(world, "60", now=at(0))), world.cast.rui, now=at(1))
    ask(world, "110", now=at(2))
    ask(world, "40", now=at(3))

    assert changes(world, limit("180")) == {
        "review > allow": "1: 60",
        "deny > allow": "1: 110",
        "allow > deny": "1: 40",
    }
    assert changes(world, above, limit("140")) == {
        "review > review": "1: 60",
        "deny > review": "1: 110",
        "allow > deny": "1: 40",
    }


def test_who_pays_without_an_approval_does_so_under_every_draft() -> None:
    world = make_world(limit("100"))
    record(world, ask(world, "200", now=at(0)), "90", now=at(1))
    record_unauthorized(
        Paid(Decimal(5), "USD", payee=OPENAI),
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        actor=world.actor,
        now=at(2),
    )
    ask(world, "5", now=at(3))
    ask(world, "6", now=at(4))

    assert changes(world, limit("100")) == {"deny > deny": "2: 206", "allow > allow": "1: 5"}


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"key": "a", "type": "SPEND_LIMIT", "monthly": {"USD": "100"}}, id="month"),
        pytest.param({"key": "a", "type": "SPEND_LIMIT", "total": {"USD": "100"}}, id="ever"),
        pytest.param(limit("100", window="rolling"), id="rolling"),
        pytest.param({"key": "a", "type": "SPEND_LIMIT", "monthly": {"USD": "100"}, "per": "session"}, id="session"),
        pytest.param(
            {"key": "a", "type": "SPEND_LIMIT", "weekly": {"USD": "100"}, "per": "agent_counterparty"}, id="payee"
        ),
        pytest.param({"key": "a", "type": "VELOCITY", "limit": 1, "period_minutes": 600}, id="pace"),
        pytest.param({"key": "a", "type": "DUPLICATE", "minutes": 600, "on_breach": "deny"}, id="twice"),
        pytest.param({"key": "a", "type": "APPROVAL_THRESHOLD", "above": {"USD": "1"}}, id="nothing before counts"),
    ],
)
def test_what_was_asked_before_the_period_counts_where_the_rule_counts_it(rule: dict[str, Any]) -> None:
    world = make_world(OPEN)
    for hours in (9, 0):
        ask(world, "60", session="run_1", now=NOW - timedelta(hours=hours))
    ask(world, "70", session="run_2", payee=OTHER, now=NOW)

    found = changes(world, rule, since=NOW - timedelta(hours=1))
    outcome = "review" if rule["type"] == "APPROVAL_THRESHOLD" else "deny"
    alone = rule.get("per") in ("session", "agent_counterparty") or rule["type"] == "DUPLICATE"

    assert found == ({"allow > deny": "1: 60", "allow > allow": "1: 70"} if alone else {f"allow > {outcome}": "2: 130"})
    assert changes(world, rule, since=NOW - timedelta(hours=10)) != found


def test_a_pot_holds_what_was_drawn_from_it_before_and_what_other_agents_draw() -> None:
    pot = {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "300"}, "period": "year"}
    world = make_world(pot)
    second = add_agent(world.cast, "Second")
    ask(world, "100", now=NOW - 3 * DAY)
    ask(second, "100", now=at(0))
    ask(world, "50", now=at(1))

    smaller = pot | {"amount": {"USD": "240"}}
    assert changes(world, smaller) == {"allow > allow": "1: 100", "allow > deny": "1: 50"}
    assert changes(world, smaller, agent=world.agent) == {"allow > deny": "1: 50"}
    assert changes(world, pot | {"key": "new", "amount": {"USD": "150"}}) == {"allow > allow": "2: 150"}


def test_only_agents_whom_the_policy_binds_or_the_draft_would_are_reported() -> None:
    world = make_world()
    ours = add_agent(world.cast, "Ours", labels=("research",))
    put_policy(world.cast, "Research", [limit("20")], targets=AssignTo(labels=("research",)), now=NOW)
    put_policy(world.cast, "Everybody", [OPEN], now=at(1))
    ask(world, "5", now=at(2))
    ask(ours, "10", now=at(3))
    ask(ours, "15", now=at(4))

    labelled = Targets(labels=("research",))
    assert changes(world, limit("12"), targets=labelled) == {"allow > allow": "1: 10", "deny > deny": "1: 15"}
    assert changes(world, limit("12"), targets=labelled, agent=world.agent) == {}
    named = Targets(agents=((world.agent.id, "Research"),))
    assert changes(world, limit("4"), targets=named) == {
        "allow > deny": "1: 5",
        "allow > allow": "1: 10",
        "deny > allow": "1: 15",
    }


def test_other_current_policies_judge_too_and_freezes_are_those_of_then() -> None:
    world = make_world(OPEN)
    ask(world, "30", now=at(0))
    freeze_agent(
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        reason="looping",
        actor=actor_for(world.cast.olu),
        now=at(1),
    )
    ask(world, "10", now=at(2))
    put_policy(world.cast, "Stricter since", [limit("20")], now=at(3))

    assert changes(world, OPEN) == {"allow > deny": "1: 30", "deny > deny": "1: 10"}


def test_the_first_payment_to_a_payee_is_the_first_of_this_run() -> None:
    first = {"key": "who", "type": "COUNTERPARTY", "first_payment": "deny"}
    world = make_world(OPEN)
    for minute in (0, 5):
        record(world, ask(world, "10", now=at(minute)), "10", now=at(minute + 1))

    assert changes(world, first) == {"allow > deny": "2: 20"}
    assert changes(world, first, since=at(3)) == {"allow > allow": "1: 10"}
    assert changes(world, first | {"first_payment": "review"}) == {"allow > review": "1: 10", "allow > allow": "1: 10"}


def test_changed_payments_come_with_their_new_checks_and_days_are_those_of_the_organization() -> None:
    world = make_world(limit("100"))
    organization = world.cast.organization
    organization.time_zone = "Pacific/Auckland"
    organization.save()
    one = ask(world, "70", now=at(0))

    report = asked_of(world, limit("65"))

    (change,) = report.changes
    assert (change.authorization, change.before, change.after) == (one.answer.id, "allow", "deny")
    (check,) = change.decision["checks"]
    assert (check["limit"], check["used"], check["requested"], check["remaining"]) == ("65", "0", "70", "-5")
    plain = report.to_plain()
    assert plain["days"] == [
        {
            "day": "2026-11-23",
            "before": {"allow": 1, "review": 0, "deny": 0},
            "after": {"allow": 0, "review": 0, "deny": 1},
            "allowed_before": {"USD": "70"},
            "allowed_after": {"USD": "0"},
        }
    ]
    assert plain["reasons"] == [{"code": "daily_limit", "number": 1}]
    assert (plain["asks"], plain["changed"]) == (1, 1)


DRAFT: Final = (
    {"key": "day", "type": "SPEND_LIMIT", "daily": {"USD": "300"}, "hourly": {"USD": "120"}},
    {"key": "roll", "type": "SPEND_LIMIT", "hourly": {"USD": "150"}, "window": "rolling"},
    {"key": "run", "type": "BUDGET_ALLOCATION", "amount": {"USD": "160"}, "period": "session"},
    {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "700"}, "period": "week"},
    {"key": "payee", "type": "SPEND_LIMIT", "daily": {"USD": "200"}, "per": "agent_counterparty"},
    {"key": "pace", "type": "VELOCITY", "limit": 4, "period_minutes": 45},
    {"key": "twice", "type": "DUPLICATE", "minutes": 30, "on_breach": "deny"},
)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_books_of_a_run_answer_as_the_books_of_the_product(seed: int) -> None:
    world = make_world()
    put_policy(world.cast, "Open", [OPEN], targets=AssignTo(labels=("open",)), now=NOW)
    put_policy(world.cast, "Live", DRAFT, targets=AssignTo(labels=("live",)), now=at(1))
    story = random_story(Random(seed))

    live([add_agent(world.cast, f"Open {one}", labels=("open",)) for one in (1, 2)], story)
    live([add_agent(world.cast, f"Live {one}", labels=("live",)) for one in (1, 2)], story)

    report = asked_of(world, *DRAFT, until=NOW + 5 * DAY, targets=Targets(labels=("open",)))
    denied = {change.authorization for change in report.changes if change.after == "deny"}
    answered = [one.outcome for one in of_agents(world, "Live")]
    assert ["deny" if one.id in denied else "allow" for one in of_agents(world, "Open")] == answered
    assert set(answered) == {"allow", "deny"}


def random_story(chance: Random) -> Sequence[tuple[int, int, str, str, PayeeClaim, str]]:
    """Which agent asks when for how much, in which session, whom it pays, and what it does then."""
    minutes = sorted(chance.sample(range(3 * 24 * 60), 30)) + [3 * 24 * 60 + 2 * one for one in range(30)]
    return [
        (
            minute,
            chance.randrange(2),
            chance.choice(("20", "35", "50", "90")),
            chance.choice(("run_1", "run_2")),
            chance.choice((OPENAI, OTHER)),
            chance.choice(("record", "record less", "void", "forget")),
        )
        for minute in minutes
    ]


def live(agents: Sequence[World], story: Sequence[tuple[int, int, str, str, PayeeClaim, str]]) -> None:
    """Let a story happen; what is denied is not paid."""
    for minute, number, amount, session, payee, then in story:
        agent = agents[number]
        expire_due(now=at(minute), organization_id=agent.organization_id)
        asked = ask(agent, amount, session=session, payee=payee, now=at(minute))
        if not asked.answer.may_pay:
            continue
        soon = at(minute) + timedelta(seconds=30)
        if then == "void":
            void(agent, asked, now=soon)
        elif then != "forget":
            record(agent, asked, "7" if then == "record less" else amount, now=soon)


def of_agents(world: World, name: str) -> Sequence[Authorization]:
    found = Authorization.objects.filter(organization_id=world.organization_id, agent__name__startswith=name)
    return list(found.order_by("asked_at"))
