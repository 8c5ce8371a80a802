"""The app, the clock and the back end meet at one approved payment: each report counts once, and nothing is lost."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import combinations
from threading import Barrier
from typing import Any, Final
from uuid import UUID

import pytest
from django.db import connection

from approvals.models import Authorization
from approvals.selectors.books import faults
from approvals.services import booking, record
from approvals.services.booking import book_refund
from spend.models import Counter, Hold, SpendRecord
from spend.selectors.holds import HoldState, state_of
from spend.services.holds import lock_counters
from tests.approvals.world import World, ask, make_world, put_policy, republish, stored
from tests.factories import NOW
from tests.races.acts import Act, act_on, do, path_of, words
from tests.races.arena import PATIENCE, Arena, referee
from tests.races.controls import Pause

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

LATER: Final = NOW + timedelta(minutes=20)
DAILY: Final = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "1000", "EUR": "1000"}}
REPORTS: Final = 16


def approved(world: World, amount: str = "60", **more: Any) -> Authorization:
    return stored(ask(world, amount, **more))


def recorded(world: World, amount: str = "60") -> Authorization:
    """A payment that was approved and recorded."""
    one = approved(world, amount)
    assert do(replace(act_on(one, "record"), amount=amount)) == "record"
    return one


def used() -> Decimal:
    return Counter.objects.get(currency="USD").used


def refunded() -> Decimal:
    return sum((one.amount for one in SpendRecord.objects.filter(kind="refund")), Decimal(0))


def refund_of_record(one: Authorization) -> Act:
    """A refund that names the record and not the authorization."""
    paid = SpendRecord.objects.get(authorization_id=one.id, kind="payment")
    return replace(act_on(one, "refund of record"), refund_of=paid.id)


def test_control_without_the_lock_of_the_hold_the_full_amount_is_refunded_twice(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, both_have_read = recorded(make_world(DAILY)), Barrier(2)

    def read_authorization(authorization_id: UUID, **_: Any) -> Authorization:
        return Authorization.objects.get(id=authorization_id)

    def read_hold(hold_id: UUID) -> HoldState:
        return state_of(Hold.objects.get(id=hold_id))

    def book_together(*args: Any, **kwargs: Any) -> Any:
        both_have_read.wait(PATIENCE)
        return book_refund(*args, **kwargs)

    monkeypatch.setattr(record, "lock_authorization", read_authorization)
    monkeypatch.setattr(record, "locked_hold", read_hold)
    monkeypatch.setattr("approvals.services.booking.refunded_on", lambda _: Decimal(0))
    monkeypatch.setattr(record, "book_refund", book_together)

    assert arena.run(do, [act_on(one, "refund")] * 2) == ["refund", "refund"]
    assert refunded() == 120
    assert [fault.what for fault in faults()] == ["hold differs from its records"]


@pytest.mark.parametrize("ways", [("one", "one"), ("one", "other"), ("other", "other")], ids="-".join)
def test_the_full_amount_is_refunded_once(arena: Arena, ways: tuple[str, str]) -> None:
    one = recorded(make_world(DAILY))
    acts = {"one": act_on(one, "refund"), "other": refund_of_record(one)}

    said = arena.run(do, [acts[way] for way in ways] * 4, processes=2)

    assert said.count("refund_exceeds_recorded") == 7
    assert refunded() == 60
    assert used() == 0
    assert faults() == []


def test_a_refund_and_a_record_at_one_moment_both_count(arena: Arena) -> None:
    world = make_world(DAILY)
    for number in range(1, 4):
        one = recorded(world)
        more = replace(act_on(one, "record"), amount="5")
        back = [replace(refund_of_record(one), amount="10"), replace(act_on(one, "refund"), amount="10")]

        assert words(arena.run(do, [more, *back, more], processes=2)) == [
            "record after_final over", "record after_final over", "refund", "refund of record",
        ]  # fmt: skip
        assert used() == number * 50
    assert faults() == []


def test_a_refund_that_names_the_record_waits_for_whoever_moves_the_payment(monkeypatch: pytest.MonkeyPatch) -> None:
    one = recorded(make_world(DAILY))
    pause = Pause()
    monkeypatch.setattr(record, "_spend", pause.after(lambda *_: None))

    def run(act: Act) -> str:
        try:
            return do(act)
        finally:
            connection.close()

    with referee() as judge, ThreadPoolExecutor(2) as pool:
        first = pool.submit(run, replace(act_on(one, "record"), amount="5"))
        assert pause.is_reached()
        second = pool.submit(run, refund_of_record(one))
        judge.until("select count(*) from pg_locks where not granted and locktype = 'transactionid'", reaches=1)
        pause.may_go_on.set()
        assert (first.result(PATIENCE), second.result(PATIENCE)) == ("record after_final over", "refund of record")


@pytest.mark.parametrize("reference", [None, "invoice-9"])
def test_one_reference_is_one_record_and_without_one_each_report_is_another(
    arena: Arena, reference: str | None
) -> None:
    one = approved(make_world(DAILY))
    reports = [replace(act_on(one, "record"), reference=reference)] * REPORTS

    said = arena.run(do, reports, processes=2)

    # Without a reference: the control, in which nothing holds the reports together.
    assert said.count("replay") == (REPORTS - 1 if reference else 0)
    assert SpendRecord.objects.count() == (1 if reference else REPORTS)
    assert used() == (60 if reference else 60 * REPORTS)
    assert path_of(one.id) == ["approved", "recorded"]
    assert faults() == []


def test_one_reference_on_several_payments_is_refused_for_all_but_one(arena: Arena) -> None:
    world = make_world(DAILY)
    several = [approved(world, str(amount)) for amount in range(1, 9)]

    said = arena.run(do, [replace(act_on(one, "record"), reference="r", amount="1") for one in several], processes=2)

    assert words(said) == ["record", *["reference_conflict"] * 7]
    assert faults() == []


def test_one_reference_of_spend_that_nobody_authorized_is_one_record(arena: Arena) -> None:
    world = make_world(DAILY)
    one = Act("spend", world.agent.id, world.organization_id, agent_id=world.agent.id, reference="r", amount="7")

    said = arena.run(do, [one] * REPORTS, processes=2)

    assert words(said) == ["replay"] * (REPORTS - 1) + ["spend unauthorized"]
    assert used() == 7
    assert faults() == []


ENDS: Final = ("void", "expire", "record", "doubt")


@pytest.mark.parametrize("whats", [*combinations(ENDS, 2), ENDS], ids="-".join)
def test_an_approved_payment_ends_one_way_and_keeps_what_was_spent(arena: Arena, whats: tuple[str, ...]) -> None:
    one = approved(make_world(DAILY))
    acts = [replace(act_on(one, what), now=LATER if what == "expire" else NOW) for what in whats]

    said = arena.run(do, acts, processes=2)

    path = path_of(one.id)
    is_spent = "record" in whats
    assert "unavailable" not in said
    assert used() == (60 if is_spent or path[-1] == "in_doubt" else 0)
    assert Hold.objects.get().held == (60 if path[-1] == "in_doubt" else 0)
    assert faults() == []


def test_payments_in_each_others_money_do_not_wait_for_each_other_in_a_circle(arena: Arena) -> None:
    world = make_world(DAILY)
    dollars = [approved(world, str(amount)) for amount in range(1, 9)]
    euros = [approved(world, str(amount), currency="EUR") for amount in range(1, 9)]
    acts = [replace(act_on(one, "record"), currency="EUR", amount="1") for one in dollars]
    acts += [replace(act_on(one, "record"), currency="USD", amount="1") for one in euros]

    assert arena.run(do, acts, processes=2) == ["record mismatch"] * 16
    assert {counter.currency: counter.used for counter in Counter.objects.all()} == {"EUR": 8, "USD": 8}
    assert faults() == []


def test_a_counter_that_no_rule_looks_at_any_more_is_locked_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    policy = put_policy(
        world.cast, "P", [DAILY, {"key": "month", "type": "SPEND_LIMIT", "monthly": {"USD": "1000", "EUR": "1000"}}]
    )
    one = approved(world)
    do(replace(act_on(approved(world, "5", currency="EUR"), "record"), amount="5", currency="EUR"))
    republish(world.cast, policy, [DAILY])
    pause = Pause()
    monkeypatch.setattr(booking, "lock_counters", pause.after(lock_counters))

    def mismatch() -> str:
        try:
            return do(replace(act_on(one, "record"), currency="EUR"))
        finally:
            connection.close()

    with referee() as judge, ThreadPoolExecutor(1) as pool:
        saying = pool.submit(mismatch)
        assert pause.is_reached()
        free = judge.number("select count(*) from (select from spend_counter for update skip locked) free")
        pause.may_go_on.set()
        assert saying.result(PATIENCE) == "record mismatch"
    assert free == 0
    assert Counter.objects.filter(has_gap=True).count() == 1
    assert faults() == []


def test_the_reference_of_a_refund_replays_whichever_way_it_is_told_again() -> None:
    one = recorded(make_world(DAILY))
    for act in (replace(act_on(one, "refund"), reference="a"), replace(refund_of_record(one), reference="b")):
        told = replace(act, amount="3")
        assert [do(told), do(told)] == [act.what, "replay"]
    assert refunded() == 6
