"""Rollups say what the ledger says, each row once: whatever comes late, twice, at once, or in another time zone."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from threading import Event as Signal
from typing import Any, Final

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from approvals.models import Authorization
from approvals.services.booking import Report
from approvals.services.record import record_spend, record_unauthorized
from conto_admin.celery import app
from core.actor import Actor, ActorKind
from core.db import rows
from core.ids import new_id
from insight.models import AskDay, PotDay, ReviewDay, Rollup, SpendDay
from insight.selectors.rollups import QUESTIONS, faults
from insight.services import rebuild, roll, rollups
from insight.services.rollups import BEHIND
from insight.tasks import roll_ledgers
from people.models import Organization
from spend.models import SpendRecord
from spend.payee import PayeeClaim
from tests.approvals.world import World, add_agent, ask, make_world, say_no, stored
from tests.factories import NOW
from tests.workers import worker_until_done

RULES: Final[tuple[dict[str, Any], ...]] = (
    {"key": "limit", "type": "SPEND_LIMIT", "per_transaction": {"USD": "900", "EUR": "900"}},
    {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "700", "EUR": "700"}},
    {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "9000000", "EUR": "9000000"}, "period": "year"},
)
BACK_END: Final = Actor(ActorKind.ORGANIZATION_KEY, "key_1", "back end", None)
LATER: Final = NOW + BEHIND + timedelta(minutes=1)
"""When what happened at NOW can be added up."""
PATIENCE: Final = 20
SUMS: Final = "select sum(spent), sum(returned), sum(payments), sum(unauthorized) from insight_spendday"
DIRECT: Final = """
select sum(amount) filter (where kind = 'payment'), coalesce(sum(amount) filter (where kind = 'refund'), 0),
    count(*) filter (where kind = 'payment'), coalesce(sum(amount) filter (where 'unauthorized' = any(flags)), 0)
from spend_spendrecord
"""


def pay(world: World, amount: str, *, now: datetime = NOW, currency: str = "USD", **more: Any) -> Any:
    asked = ask(world, amount, now=now, currency=currency, **more).answer.id
    reach: dict[str, Any] = {"organization_id": world.organization_id, "agent_id": None, "actor": BACK_END, "now": now}
    record_spend(asked, Report(Decimal(amount), currency), **reach)
    return asked


def live(worlds: list[World], number: int, *, chance: Random, until: datetime = NOW) -> None:
    """Let agents ask, pay, get money back, pay without asking, and people say no, in the thirty days before."""
    for _ in range(number):
        world, moment = chance.choice(worlds), until - timedelta(minutes=chance.randrange(60 * 24 * 30))
        said: dict[str, Any] = {
            "currency": chance.choice(["USD", "USD", "EUR"]),
            "category": chance.choice([None, "ai", "books"]),
            "rail": chance.choice([None, "card", "x402"]),
            "payee": chance.choice([PayeeClaim("Cash", ()), PayeeClaim("GitHub", ("domain:github.com",))]),
        }
        asked = ask(world, str(chance.randrange(1, 1000)), now=moment, **said).answer
        reach: dict[str, Any] = {"organization_id": world.organization_id, "actor": BACK_END}
        done = min(until, moment + timedelta(minutes=chance.randrange(3000)))
        if asked.status == "approved" and chance.random() < 0.8:
            paid = Report(Decimal(chance.randrange(1, 1000)), said["currency"])
            record_spend(asked.id, paid, agent_id=None, now=done, **reach)
            if chance.random() < 0.2:
                back = Report(Decimal("0.5"), said["currency"], kind="refund")
                record_spend(asked.id, back, agent_id=None, now=done, **reach)
        elif asked.status == "pending_review" and chance.random() < 0.5:
            soon = moment + timedelta(minutes=5)
            say_no(Authorization.objects.get(id=asked.id), world.cast.rui, now=soon)
        if chance.random() < 0.1:
            alone = Report(Decimal(3), said["currency"], payee=said["payee"])
            record_unauthorized(alone, agent_id=world.agent.id, now=done, **reach)


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland"])
def test_what_is_added_up_bit_by_bit_is_what_the_ledger_says(zone: str) -> None:
    first = make_world(*RULES)
    worlds, chance = [first, add_agent(first.cast, "Buyer")], Random(7)
    Organization.objects.filter(pk=first.organization_id).update(time_zone=zone)
    live(worlds, 120, chance=chance)

    for days in (25, 11, 10, 0):
        roll(first.organization_id, now=NOW - timedelta(days=days))
        assert faults() == []
    roll(first.organization_id, now=LATER)

    assert faults() == []
    assert rows(SUMS) == rows(DIRECT)
    assert {one.said for one in AskDay.objects.all()} >= {"allow", "review", "deny", "rejected"}
    assert ReviewDay.objects.exists()
    assert PotDay.objects.exists()
    assert roll(first.organization_id, now=LATER) == 0
    assert rows(SUMS) == rows(DIRECT)


@pytest.mark.django_db
def test_a_question_closed_later_counts_on_the_day_of_its_ask() -> None:
    world = make_world(*RULES)
    asked = stored(ask(world, "800", now=NOW - timedelta(hours=20)))
    roll(world.organization_id, now=NOW)
    say_no(asked, world.cast.rui)

    roll(world.organization_id, now=LATER)

    assert [(one.day, one.said, one.asks) for one in AskDay.objects.order_by("said")] == [
        (date(2026, 11, 21), "rejected", 1),
        (date(2026, 11, 21), "review", 1),
    ]
    assert [(one.day, one.waits) for one in ReviewDay.objects.all()] == [(date(2026, 11, 22), [20 * 3600])]
    assert faults() == []


@pytest.mark.django_db
def test_what_is_too_young_waits_and_is_no_fault() -> None:
    world = make_world(*RULES)
    pay(world, "10")

    roll(world.organization_id, now=NOW)

    assert not SpendDay.objects.exists()
    assert faults() == []
    roll(world.organization_id, now=LATER)
    assert SpendDay.objects.get().spent == 10


@pytest.mark.django_db
def test_another_time_zone_cuts_the_days_anew() -> None:
    world = make_world(*RULES)
    pay(world, "10", now=datetime.fromisoformat("2026-11-21T23:30:00Z"))
    roll(world.organization_id, now=NOW)
    Organization.objects.filter(pk=world.organization_id).update(time_zone="Europe/Berlin")

    roll(world.organization_id, now=NOW)

    assert [(one.day, one.spent) for one in SpendDay.objects.all()] == [(date(2026, 11, 22), Decimal(10))]
    assert Rollup.objects.get().time_zone == "Europe/Berlin"
    assert faults() == []


@pytest.mark.django_db
def test_a_past_that_was_written_afterwards_is_found_and_rebuilt() -> None:
    world = make_world(*RULES)
    roll(world.organization_id, now=NOW)
    pay(world, "10", now=NOW - timedelta(days=60))

    assert {one.what for one in faults()} == {
        "day of spend differs from its records",
        "day of asks differs from its authorizations",
        "day of a pot differs from its records",
    }
    rebuild(world.organization_id, now=NOW)

    assert faults() == []
    assert SpendDay.objects.get().spent == 10


PLANTED: Final[dict[str, tuple[str, ...]]] = {
    "day of spend differs from its records": (
        "update insight_spendday set spent = spent + 0.000001",
        "update insight_spendday set category = 'other'",
        "update insight_spendday set unauthorized = 1",
        "update insight_spendday set policies = '{}'",
        "delete from insight_spendday",
        "update insight_rollup set until = until + interval '1 year'",
    ),
    "month of spend differs from its days": (
        "update insight_spendmonth set returned = returned + 1",
        "update insight_spendmonth set rail = 'other'",
        "update insight_spendmonth set policies = '{}'",
        "update insight_spendmonth set month = month + interval '1 month'",
        "delete from insight_spendmonth",
    ),
    "day of a group differs from its records": (
        "update insight_groupday set spent = spent + 1 where by = 'rail'",
        "delete from insight_groupday where by = 'agent'",
        "update insight_groupday set key = '' where by = 'policy'",
    ),
    "month of a group differs from its days": (
        "update insight_groupmonth set unauthorized = unauthorized + 1 where by = 'agent'",
        "update insight_groupmonth set month = month - interval '1 month' where by = 'counterparty'",
        "delete from insight_groupmonth where by = 'policy'",
    ),
    "day of asks differs from its authorizations": (
        "update insight_askday set asks = asks + 1",
        "update insight_askday set day = day - 1",
        "delete from insight_askday where said = 'rejected'",
    ),
    "day of reviews differs from its reviews": (
        "update insight_reviewday set waits = waits || 7",
        "update insight_reviewday set waits[1] = waits[1] + 1",
        "delete from insight_reviewday",
    ),
    "day of a pot differs from its records": (
        "update insight_potday set spent = spent - 1",
        "update insight_potday set counter_id = counter_id + 1",
    ),
}


@pytest.mark.django_db
def test_a_planted_fault_is_found_by_its_name() -> None:
    world = make_world(*RULES)
    pay(world, "10")
    say_no(stored(ask(world, "800")), world.cast.rui)
    roll(world.organization_id, now=LATER)
    pay(world, "20", now=LATER + timedelta(hours=1))
    for what, statements in PLANTED.items():
        for sql in statements:
            assert faults() == []
            with transaction.atomic():
                rows(sql)
                assert what in {fault.what for fault in faults()}, sql
                transaction.set_rollback(True)


def test_every_kind_of_fault_was_planted() -> None:
    assert set(PLANTED) == set(QUESTIONS)


@pytest.mark.django_db(transaction=True)
def test_check_books_looks_at_rollups_too() -> None:
    world = make_world(*RULES)
    pay(world, "10")
    call_command("rebuild_rollups")
    call_command("check_books")
    rows("update insight_rollup set until = until - interval '10 days'")

    with pytest.raises(CommandError, match="3 faults in the books"):
        call_command("check_books")


ONE_MORE: Final = {
    "group_day_is_one_per_key": """
        insert into insight_groupday (organization_id, by, day, currency, key, spent, returned, payments, unauthorized,
            unauthorized_payments)
        select organization_id, by, day, currency, key, 1, 0, 1, 0, 0 from insight_groupday
    """,
    "group_month_is_one_per_key": """
        insert into insight_groupmonth (organization_id, by, month, currency, key, spent, returned, payments,
            unauthorized, unauthorized_payments)
        select organization_id, by, month, currency, key, 1, 0, 1, 0, 0 from insight_groupmonth
    """,
    "spend_day_is_one_per_group": """
        insert into insight_spendday (organization_id, day, currency, agent_id, policies, policies_key, spent, returned,
            payments, unauthorized, unauthorized_payments)
        select organization_id, day, currency, agent_id, policies, policies_key, 1, 0, 1, 0, 0 from insight_spendday
    """,
    "spend_month_is_one_per_group": """
        insert into insight_spendmonth (organization_id, month, currency, agent_id, policies, policies_key, spent,
            returned, payments, unauthorized, unauthorized_payments)
        select organization_id, month, currency, agent_id, policies, policies_key, 1, 0, 1, 0, 0 from insight_spendmonth
    """,
    "ask_day_is_one_per_answer": """
        insert into insight_askday (organization_id, day, currency, agent_id, said, reason, asks, amount)
        select organization_id, day, currency, agent_id, said, reason, 1, 1 from insight_askday
    """,
    "ask_day_says_a_known_word": "update insight_askday set said = 'maybe'",
    "review_day_is_one_per_verdict": """
        insert into insight_reviewday (organization_id, day, person_id, verdict, waits)
        select organization_id, day, person_id, verdict, '{1}' from insight_reviewday
    """,
    "pot_day_is_one_per_agent": """
        insert into insight_potday (organization_id, counter_id, day, agent_id, spent, returned, payments)
        select organization_id, counter_id, day, agent_id, 1, 0, 1 from insight_potday
    """,
}


@pytest.mark.django_db
@pytest.mark.parametrize("constraint", ONE_MORE)
def test_the_database_keeps_one_row_per_day_and_group(constraint: str) -> None:
    world = make_world(*RULES)
    record_unauthorized(
        Report(Decimal(3), "USD"),
        organization_id=world.organization_id, agent_id=world.agent.id, actor=BACK_END, now=NOW,
    )  # fmt: skip
    say_no(stored(ask(world, "800")), world.cast.rui)
    roll(world.organization_id, now=LATER)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        rows(ONE_MORE[constraint])


# --- At once ----------------------------------------------------------------------------------------------------------


def on_own_connection(work: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        try:
            return work()
        finally:
            connection.close()

    return run


@pytest.mark.django_db(transaction=True)
@pytest.mark.race
def test_a_record_that_commits_late_is_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(*RULES)
    pay(world, "10", now=NOW - timedelta(days=1))
    written, may_commit = Signal(), Signal()

    def record_slowly() -> None:
        with transaction.atomic():
            late = SpendRecord.objects.get()
            late.pk, late.recorded_at = new_id(began), began
            late.save(force_insert=True)
            written.set()
            assert may_commit.wait(PATIENCE)

    began = datetime.now(tz=NOW.tzinfo)
    far = began + timedelta(hours=1)
    with ThreadPoolExecutor() as pool:
        late = pool.submit(on_own_connection(record_slowly))
        assert written.wait(PATIENCE)
        roll(world.organization_id, now=far)
        assert Rollup.objects.get().until < began
        # The control: who trusted the clock alone would have passed it by.
        with transaction.atomic():
            monkeypatch.setattr(rollups, "OLDEST_OPEN", "select null::timestamptz")
            assert rollups._final_until(far) > began
            monkeypatch.undo()
        may_commit.set()
        late.result(PATIENCE)
    roll(world.organization_id, now=far)
    assert rows(SUMS)[0][0] == 20
    assert faults() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.race
def test_two_that_roll_at_once_add_nothing_twice() -> None:
    world = make_world(*RULES)
    for number in range(6):
        pay(world, "10", now=NOW - timedelta(days=20 * number))

    with ThreadPoolExecutor() as pool:
        both = [pool.submit(on_own_connection(lambda: roll(world.organization_id, now=LATER))) for _ in range(4)]
        for one in both:
            one.result(PATIENCE)

    assert faults() == []
    assert rows(SUMS)[0][0] == 60


@pytest.mark.django_db(transaction=True)
@pytest.mark.worker
def test_the_worker_rolls_and_one_that_fails_keeps_no_other_waiting() -> None:
    world = make_world(*RULES)
    pay(world, "10")
    # Sorted out by the database: this one can never be rolled.
    Organization.objects.filter(name="Evil Corp").update(time_zone="Nowhere/AtAll")
    with worker_until_done(roll_ledgers):
        roll_ledgers.delay()
    assert Rollup.objects.filter(organization_id=world.organization_id).exists()
    assert "insight.roll" in {entry["task"] for entry in app.conf.beat_schedule.values()} & set(app.tasks)
