"""`backtest --as-was`: history follows from itself; where it came at once each difference is named with its cause."""

import gc
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from approvals.models import Authorization
from approvals.replay import past
from approvals.replay.as_was import Difference, Followed, as_was
from approvals.replay.books import Counter, Entry
from approvals.replay.past import Asked, Step, Unasked
from approvals.replay.twins import Twin
from approvals.services.booking import Report
from approvals.services.merge import merge_counterparties
from approvals.services.record import record_spend
from conto_admin.management.commands.seed_demo import make
from core.db import rows
from people.services import OrganizationSettings, change_settings
from spend.payee import PayeeClaim
from tests.approvals.history import History
from tests.approvals.test_backtest import at
from tests.approvals.test_past import unasked
from tests.approvals.world import World, ask, make_world, put_policy, say_yes, stored
from tests.factories import NOW, actor_for
from tests.spend.samples import a_counterparty, public

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}


def differences(world: World, *, until: datetime = NOW + timedelta(days=9)) -> list[Difference]:
    return list(as_was(world.organization_id, Followed(), until=until))


def test_a_varied_history_with_changes_in_between_follows_from_itself() -> None:
    history = History()
    history.live()
    counted = Followed()

    found = list(as_was(history.world.organization_id, counted, until=history.now + timedelta(days=1)))

    assert found == []
    assert counted.asks == Authorization.objects.count()


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(datetime(2026, 11, 27, 15, 20, tzinfo=UTC), id="a Friday afternoon"),
        pytest.param(datetime(2027, 1, 2, 23, 5, tzinfo=UTC), id="a Saturday night after the holidays"),
    ],
)
def test_every_ask_of_the_demo_is_answered_as_it_was(now: datetime) -> None:
    company = make(now, days=4)

    assert list(as_was(company.organization_id, Followed(), until=now)) == []


PER_PAYEE: dict[str, Any] = {"type": "SPEND_LIMIT", "per": "agent_counterparty"}
FAMILY = (
    PER_PAYEE | {"key": "day", "daily": {"USD": "100"}},
    PER_PAYEE | {"key": "hours", "hourly": {"USD": "80"}, "window": "rolling"},
    {"key": "pace", "type": "VELOCITY", "limit": 6, "period_minutes": 60 * 24, "per": "agent_counterparty"},
    {"key": "twice", "type": "DUPLICATE", "minutes": 60 * 24, "on_breach": "review"},
    {"key": "who", "type": "COUNTERPARTY", "first_payment": "review"},
)


def test_a_history_in_which_payees_were_merged_follows_from_itself() -> None:
    world = make_world(*FAMILY)
    people = world.cast.olu
    by: dict[str, Any] = {"organization_id": world.organization_id, "actor": actor_for(people)}
    claims = [PayeeClaim(name, (f"domain:{name}.example",)) for name in ("kept", "gone", "first")]
    kept, gone, first = (a_counterparty(people, one.name, identifiers=list(one.identifiers)) for one in claims)
    named = {
        "key": "named",
        "type": "SPEND_LIMIT",
        "monthly": {"USD": "300"},
        "when": {"counterparties": [public(kept)]},
    }
    put_policy(world.cast, "For the one that is left", [named], now=at(1))

    def live(minute: int) -> None:
        for number, claim in enumerate(claims):
            amount = f"{minute % 37 + number}"
            asked = ask(world, amount, payee=claim, now=at(minute + number))
            if stored(asked).status == "pending_review":
                say_yes(stored(asked), world.cast.rui, now=at(minute + number))
            if number != 1 and stored(asked).status == "approved":
                reach: dict[str, Any] = {"agent_id": world.agent.id, "organization_id": world.organization_id}
                record_spend(
                    asked.answer.id, Report(Decimal(amount), "USD"), actor=world.actor, now=at(minute + 5), **reach
                )
        ask(world, "7", payee=claims[minute % 3], now=at(minute + 7))

    for minute in (10, 30, 50):
        live(minute)
    unasked(world, "9", payee=claims[2], now=at(65))
    merge_counterparties(kept_id=gone, merged_id=first, now=at(70), **by)
    for minute in (80, 100):
        live(minute)
    merge_counterparties(kept_id=kept, merged_id=gone, now=at(120), **by)
    for minute in (130, 150, 60 * 24 + 80):
        live(minute)

    assert set(Authorization.objects.values_list("outcome", flat=True)) == {"allow", "review", "deny"}
    assert differences(world) == []


LATER: dict[str, dict[str, Any]] = {
    "session": {"type": "SPEND_LIMIT", "monthly": {"USD": "100"}, "per": "session"},
    "ever": {"type": "SPEND_LIMIT", "total": {"USD": "100"}},
    "pace, whatever the least amount is in": {
        "type": "VELOCITY",
        "limit": 2,
        "period_minutes": 600,
        "when": {"minimum_amount": {"USD": "1"}},
    },
    "cumulative": {"type": "APPROVAL_THRESHOLD", "above": {"USD": "100"}, "cumulative": "day"},
    "twice": {"type": "DUPLICATE", "minutes": 600, "on_breach": "deny"},
    "another zone": {"type": "SPEND_LIMIT", "daily": {"USD": "100"}, "time_zone": "Pacific/Auckland"},
}


@pytest.mark.parametrize("name", LATER)
def test_a_rule_that_comes_later_counts_what_was_asked_before(name: str) -> None:
    world = make_world({"key": "open", "type": "SPEND_LIMIT", "per_transaction": {"USD": "900", "EUR": "900"}})
    ask(world, "60", session="run_1", now=at(1))
    ask(world, "60", currency="EUR", session="run_1", now=at(2))
    put_policy(world.cast, "Later", [{"key": "later"} | LATER[name]], now=at(3))
    asked = ask(world, "60", session="run_1", now=at(4))

    assert stored(asked).outcome != "allow"
    assert differences(world) == []


def test_days_are_counted_in_the_zone_of_the_moment() -> None:
    world = make_world(LIMIT)
    for minute, zone in ((0, "Pacific/Auckland"), (60, "UTC"), (120, "America/New_York")):
        wanted = OrganizationSettings("Acme", "USD", zone, 900, None)
        actor = actor_for(world.cast.ada)
        change_settings(organization_id=world.organization_id, settings=wanted, actor=actor, now=at(minute))
        for later in (1, 2, 3):
            ask(world, "35", now=at(minute + later))

    assert differences(world) == []


def test_no_more_than_a_part_is_held_however_long_history_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "CHUNK", 5)
    world = make_world(LIMIT, {"key": "twice", "type": "DUPLICATE", "minutes": 60})
    held: list[int] = []

    def there_are() -> int:
        return sum(type(one) in (Asked, Counter, Entry, Step, Twin, Unasked) for one in gc.get_objects())

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        held.append(there_are())
        return execute(sql, params, many, context)

    def most(asks: int) -> int:
        for number in range(asks):
            # Everything of one day is settled before the next.
            moment = NOW + timedelta(days=1 + Authorization.objects.count())
            asked = ask(world, f"{number % 7 + 1}", now=moment)
            reach: dict[str, Any] = {"agent_id": world.agent.id, "organization_id": world.organization_id}
            record_spend(asked.answer.id, Report(Decimal(1), "USD"), actor=world.actor, now=moment, **reach)
            unasked(world, "1", now=moment)
        held.clear()
        before = there_are()
        with connection.execute_wrapper(look):
            assert differences(world, until=NOW + timedelta(days=900)) == []
        return max(held) - before

    # A part of asks with their courses, and what is spent beside them; of forty days no more than of twenty.
    short, long = most(20), most(20)
    assert short < 40
    assert long <= short + past.CHUNK


def test_asks_that_came_at_once_and_were_stored_in_another_order_are_named_with_the_cause() -> None:
    world = make_world(LIMIT)
    later, sooner = NOW + timedelta(seconds=2), NOW + timedelta(seconds=1)
    ask(world, "70", now=later)
    ask(world, "60", now=sooner)

    found = differences(world)

    assert {(one.stored, one.again) for one in found} == {("deny", "allow"), ("allow", "deny")}
    assert all("counter" in str(one) for one in found)
    assert all("asked within 10 s: 1 others" in str(one) for one in found)


def test_a_change_at_the_moment_of_an_ask_is_the_cause() -> None:
    world = make_world(LIMIT)
    put_policy(world.cast, "Stricter", [{**LIMIT, "daily": {"USD": "5"}}], now=NOW + timedelta(seconds=5))
    ask(world, "60", now=NOW + timedelta(seconds=5))

    (one,) = differences(world)

    assert (one.stored, one.again) == ("deny", "allow")
    assert "version Stricter 1 was in force" in str(one)
    assert "policy.published" in str(one)


def test_the_command_says_how_many_and_fails_where_there_is_no_cause() -> None:
    world = make_world(LIMIT)
    ask(world, "60", now=NOW + timedelta(seconds=1))
    out, told = StringIO(), StringIO()
    call_command("backtest", "--as-was", stdout=out)
    assert out.getvalue() == "1 asks were followed: each answered as it was.\n"
    rows("set session_replication_role = replica")
    rows("update approvals_authorization set outcome = 'deny', status = 'declined'")
    rows("set session_replication_role = origin")

    with pytest.raises(CommandError, match="1 of 1 differences have no cause"):
        call_command("backtest", "--as-was", stderr=told)

    assert "answered deny, in the order of time allow: no cause was found" in told.getvalue()
