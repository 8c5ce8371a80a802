"""Budgets over the API and on pages: every pot in force, what is drawn from it, and how long it lasts."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from approvals.services.booking import Report
from approvals.services.record import record_spend
from core.ids import Prefix, to_public
from core.paging import DEFAULT_PAGE
from insight.models import PotDay
from insight.selectors.budgets import Budget, budgets_of
from insight.selectors.burning import burn_down_chart, burning_of, forecast
from insight.selectors.ledger import ledger_of
from insight.services import roll
from policies.engine.types import Mode
from policies.services import AssignTo
from tests.agents.samples import back_end
from tests.approvals.world import World, add_agent, ask, make_world, put_policy, republish
from tests.factories import NOW

pytestmark = pytest.mark.django_db
SHARED = {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"EUR": "50", "USD": "200"}, "period": "month"}
OWN = {"key": "own", "type": "BUDGET_ALLOCATION", "amount": {"USD": "40"}, "period": "day", "shared": False}
RUN = {"key": "run", "type": "BUDGET_ALLOCATION", "amount": {"USD": "30"}, "period": "session"}


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


def budgets(client: Client) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/budgets")
    assert answer.status_code == 200
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def reader(world: World) -> Client:
    return back_end(world.cast.ada, "read")


def test_a_shared_pot_is_listed_per_currency() -> None:
    world = make_world(SHARED)
    add_agent(world.cast, "Buyer")
    ask(world, "60")

    found = budgets(reader(world))

    assert [(one["currency"], one["limit"], one["used"], one["remaining"]) for one in found] == [
        ("EUR", "50.00", "0.00", "50.00"),
        ("USD", "200.00", "60.00", "140.00"),
    ]
    first = found[0]
    assert (first["policy"], first["rule_key"], first["period"], first["mode"]) == (
        "Research agents",
        "pot",
        "month",
        "enforced",
    )
    assert (first["agent"], first["session"], first["warn_at"]) == (None, None, [])
    assert (first["window_starts_at"], first["window_ends_at"]) == (
        "2026-11-01T00:00:00.000000Z",
        "2026-12-01T00:00:00.000000Z",
    )


def test_agents_that_do_not_share_have_a_pot_each() -> None:
    world = make_world()
    buyer = add_agent(world.cast, "Buyer", labels=["buys"])
    put_policy(world.cast, "Own", [OWN], targets=AssignTo(labels=("buys",)))
    ask(buyer, "15")

    found = budgets(reader(world))

    assert [(one["agent"], one["used"]) for one in found] == [(to_public(Prefix.AGENT, buyer.agent.id), "15.00")]


def test_a_session_has_a_pot_once_it_draws_on_it() -> None:
    world = make_world(RUN)
    assert budgets(reader(world)) == []
    ask(world, "10", session="run_1")
    ask(world, "25", session="run_2")

    found = budgets(reader(world))

    assert [(one["session"], one["used"], one["window_ends_at"]) for one in found] == [
        ("run_2", "25.00", None),
        ("run_1", "10.00", None),
    ]


def test_a_pot_whose_condition_changed_begins_anew() -> None:
    world = make_world()
    policy = put_policy(world.cast, "Runs", [RUN])
    ask(world, "10", session="run_1")
    republish(world.cast, policy, [RUN | {"when": {"rails": ["card"]}}], mode=Mode.ENFORCED)

    assert budgets(reader(world)) == []


def test_a_key_without_the_scope_is_refused_and_another_organization_sees_nothing() -> None:
    world = make_world(SHARED)

    assert back_end(world.cast.ada, "provision").get("/api/v1/budgets").status_code == 403
    assert Client().get("/api/v1/budgets").status_code == 401
    assert budgets(back_end(world.cast.mallory, "read")) == []


# --- Pages ------------------------------------------------------------------------------------------------------------


def page(world: World, path: str) -> Any:
    client = Client()
    client.force_login(world.cast.vera.person)
    return client.get(path)


def paid(world: World, amount: str, *, now: datetime = NOW, **more: Any) -> None:
    asked = ask(world, amount, now=now, **more).answer.id
    reach: dict[str, Any] = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    record_spend(asked, Report(Decimal(amount), "USD"), actor=world.actor, now=now, **reach)


def a_pot(world: World, **which: str) -> Budget:
    found = budgets_of(world.cast.organization, now=NOW)
    return next(one for one in found if all(getattr(one, name) == value for name, value in which.items()))


def test_what_is_recorded_and_what_is_held_are_told_apart() -> None:
    world = make_world(SHARED)
    paid(world, "60")
    ask(world, "40")

    pot = a_pot(world, currency="USD")

    assert (pot.used, pot.held, pot.recorded, pot.remaining) == (Decimal(100), Decimal(40), Decimal(60), Decimal(100))
    html = page(world, "/budgets/").content.decode()
    assert "60.00" in html
    assert "40.00" in html


@pytest.mark.parametrize("is_rolled", [False, True])
def test_a_pot_burns_down_by_what_was_recorded_and_says_who_drew(is_rolled: bool) -> None:
    world = make_world(SHARED)
    buyer = add_agent(world.cast, "Buyer")
    paid(world, "30", now=NOW - timedelta(days=20))
    paid(buyer, "60", now=NOW - timedelta(days=3))
    ask(world, "20")
    if is_rolled:
        roll(world.organization_id, now=NOW)
        assert PotDay.objects.count() == 2

    shown = burning_of(ledger_of(world.cast.organization), a_pot(world, currency="USD"), now=NOW)

    left = shown.left_by_day()
    assert [left[0], left[1], left[17], left[18], left[-1]] == [Decimal(one) for one in (200, 170, 170, 110, 110)]
    assert [(one.name, one.net, one.payments) for one in shown.spenders] == [
        ("Buyer", Decimal(60), 1),
        ("Research", Decimal(30), 1),
    ]
    chart = burn_down_chart(shown)
    assert chart is not None
    assert (len(chart["labels"]), chart["series"][0]["values"][21], chart["series"][0]["values"][22]) == (30, 90, None)


def test_the_forecast_goes_on_at_the_mean_pace() -> None:
    world = make_world(SHARED)
    paid(world, "107.50", now=NOW - timedelta(days=1))
    pot = a_pot(world, currency="USD")

    found = forecast(pot, NOW)

    assert found is not None
    # Half a day before the 22nd is over: 107.50 in 21.5 days, 92.50 left for 18.5 days, and the month has 8.5.
    assert (found.per_day, found.runs_out_at) == (Decimal(5), None)
    paid(world, "86")
    found = forecast(a_pot(world, currency="USD"), NOW)
    assert found is not None
    assert found.per_day == 9
    assert found.runs_out_at is not None
    assert found.runs_out_at.date().isoformat() == "2026-11-23"
    assert forecast(pot, NOW.replace(day=1, hour=2)) is None
    assert "until 23 Nov 2026" in page(world, "/budgets/?show=short").content.decode()


def test_a_mark_that_is_reached_is_told_on_the_page() -> None:
    world = make_world(SHARED | {"warn_at": [25, 90]})
    assert "None is past a mark" in page(world, "/budgets/?show=warned").content.decode()
    paid(world, "60")

    assert a_pot(world, currency="USD").mark == 25
    assert "25 %" in page(world, "/budgets/?show=warned").content.decode()


def test_sessions_have_a_tab_of_their_own_and_each_pot_a_page() -> None:
    world = make_world(RUN)
    ask(world, "10", session="run_1")
    pot = a_pot(world, session="run_1")

    assert "run_1" not in page(world, "/budgets/").content.decode()
    assert "run_1" in page(world, "/budgets/?show=sessions").content.decode()
    path = f"/budgets/{pot.policy}/run/"
    assert "Session run_1" in page(world, f"{path}?session=run_1").content.decode()
    assert page(world, f"{path}?session=run_2").status_code == 404
    assert page(world, f"/budgets/{pot.policy}/other/").status_code == 404


def test_every_pot_leaves_as_csv() -> None:
    world = make_world(SHARED)
    paid(world, "60")

    lines = page(world, "/budgets/export/").getvalue().decode().splitlines()

    assert lines[1].startswith("Research agents,pot,enforced,month,,,,USD,200.00,60.00,0.00,140.00,2026-11-01T00:00")
    assert len(lines) == 3


def test_a_tab_leaves_as_csv_as_it_is_shown() -> None:
    world = make_world(RUN, SHARED | {"warn_at": [25]})
    ask(world, "10", session="run_1")
    paid(world, "60")

    def rules(tab: str) -> list[str]:
        shown = page(world, f"/budgets/?show={tab}")
        lines = page(world, shown.context["export_url"]).getvalue().decode().splitlines()[1:]
        assert len(lines) == len(shown.context["pots"])
        return sorted(line.split(",")[1] for line in lines)

    assert rules("") == ["pot", "pot"]
    assert "run" in rules("sessions")
    assert rules("warned") == ["pot"]
    assert page(world, "/budgets/export/?show=nonsense").status_code == 422
    assert len(page(world, "/budgets/export/").getvalue().decode().splitlines()) == 4


def test_many_pots_stand_on_pages_found_by_words_and_in_the_order_asked_for() -> None:
    world = make_world({**RUN, "amount": {"USD": "100"}})
    for number in range(DEFAULT_PAGE + 2):
        ask(world, str(1 + number), session=f"run_{number:03}")
    first = page(world, "/budgets/?show=sessions&sort=name")
    behind = page(world, f"/budgets/?show=sessions&sort=name&cursor={first.context['next_cursor']}")
    found = page(world, "/budgets/?show=sessions&q=RUN_007")

    assert [len(one.context["pots"]) for one in (first, behind, found)] == [DEFAULT_PAGE, 2, 1]
    names = [pot.who for one in (first, behind) for pot in one.context["pots"]]
    assert names == sorted(names)
    fullest = page(world, "/budgets/?show=sessions").context["pots"][0]
    assert fullest.who == f"Session run_{DEFAULT_PAGE + 1:03}"
    lines = page(world, found.context["export_url"]).getvalue().decode().splitlines()[1:]
    assert ["run_007" in line for line in lines] == [True]
    assert "No pot matches" in page(world, "/budgets/?show=sessions&q=nowhere").content.decode()
    assert "cannot be understood" in page(world, "/budgets/?sort=size").content.decode()
    assert page(world, "/budgets/?cursor=nonsense").status_code == 422


def test_what_is_left_out_is_said_on_the_page_and_in_the_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("insight.selectors.budgets.MOST_SESSIONS", 2)
    monkeypatch.setattr("insight.selectors.budgets.MOST_AGENTS", 1)
    world = make_world(RUN, OWN)
    for name in ("run_1", "run_2"):
        ask(world, "10", session=name)
    assert page(world, "/budgets/?show=sessions").context["left_out"] == ()

    add_agent(world.cast, "Second")
    ask(world, "10", session="run_3")

    said = page(world, "/budgets/?show=sessions").content.decode()
    assert "the 2 that began last" in said
    assert "the first 1 agents" in said
    *_, agents, sessions = page(world, "/budgets/export/?show=sessions").getvalue().decode().splitlines()
    assert "the first 1 agents" in agents
    assert "the 2 that began last" in sessions
    assert "run_1" not in said


def test_nobody_else_sees_a_pot() -> None:
    world = make_world(SHARED)
    pot = a_pot(world, currency="USD")
    client = Client()
    client.force_login(world.cast.mallory.person)

    assert "No budget in force" in client.get("/budgets/").content.decode()
    assert client.get(f"/budgets/{pot.policy}/pot/").status_code == 404
