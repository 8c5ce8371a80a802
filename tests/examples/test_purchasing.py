"""The example app pays for exactly what was approved, whatever goes wrong on the way."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from conto_client import Refused
from orders import Ending, OrderBook, State
from paid_service import Mishap

from agents.services import freeze_agent, revoke_key, thaw_agent
from approvals.models import Authorization
from approvals.services.expire import expire_due
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from spend.models import SpendRecord
from tests.examples.market import CHEAP, DEAR, PATIENCE_SECONDS, TOO_DEAR, Market, open_market
from tests.examples.server import LiveConto
from tests.factories import actor_for

pytestmark = pytest.mark.process


@pytest.fixture
def market(conto: LiveConto) -> Iterator[Market]:
    with open_market(conto) as found:
        yield found


def test_what_is_approved_is_paid_once_and_recorded(market: Market) -> None:
    order = market.buy(CHEAP)

    assert order.ending is Ending.RECORDED
    assert market.served() == [order.authorization]
    record = SpendRecord.objects.get()
    assert (record.amount, record.reference, record.flags) == (Decimal("1.80"), order.authorization, [])
    assert market.stored(order).status == "recorded"


def test_what_is_declined_cannot_be_paid_even_by_the_executor(market: Market) -> None:
    order = market.buy(TOO_DEAR)

    assert (order.ending, order.note) == (Ending.DECLINED, "per_transaction_limit")
    with pytest.raises(Refused, match="may_not_pay"):
        market.desk.executor.pay(order)
    assert market.served() == []


def test_a_person_approves_and_the_app_goes_on(market: Market) -> None:
    order = market.buy(DEAR)
    assert order.state is State.WAITING
    market.go_on()
    assert market.served() == []

    market.approve(order)
    market.go_on()

    assert market.ending(order) is Ending.RECORDED
    assert market.served() == [order.authorization]


def test_a_person_rejects_and_nothing_is_paid(market: Market) -> None:
    order = market.buy(DEAR)

    market.reject(order, "We have this report already.")
    market.go_on()

    found = market.find(order)
    assert (found.ending, found.note) == (Ending.REJECTED, "We have this report already.")
    assert market.served() == []


def test_nobody_answers_and_the_app_gives_up(market: Market) -> None:
    order = market.buy(DEAR)

    market.go_on(PATIENCE_SECONDS + 1)

    assert market.ending(order) is Ending.VOIDED
    assert market.stored(order).status == "voided"
    assert market.served() == []


def test_nobody_answers_until_the_request_expires(market: Market) -> None:
    order = market.buy(DEAR)

    expire_due(now=clock_now() + timedelta(days=2))
    market.go_on()

    assert market.ending(order) is Ending.EXPIRED
    assert market.served() == []


def test_nobody_pays_until_the_approval_expires(market: Market) -> None:
    market.when[State.APPROVED] = market.conto.kill
    order = market.buy(CHEAP)

    market.conto.start()
    expire_due(now=clock_now() + timedelta(days=2))
    market.go_on()

    assert market.stored(order).approved_at is not None
    assert market.ending(order) is Ending.EXPIRED
    assert market.served() == []


def test_a_frozen_agent_pays_nothing_until_it_is_thawed(market: Market) -> None:
    order = market.buy(DEAR)
    market.approve(order)
    freeze(market)
    market.go_on()
    assert market.ending(order) is State.WAITING
    assert market.served() == []

    thaw(market)
    market.go_on()

    assert market.ending(order) is Ending.RECORDED
    assert len(market.served()) == 1


def test_a_frozen_agent_is_not_thawed_until_the_approval_expires(market: Market) -> None:
    order = market.buy(DEAR)
    market.approve(order)
    freeze(market)
    market.go_on()

    expire_due(now=clock_now() + timedelta(days=2))
    market.go_on()

    assert market.ending(order) is Ending.EXPIRED
    assert market.served() == []


def test_an_agent_frozen_just_before_the_release_is_not_in_doubt_when_conto_falls_silent(market: Market) -> None:
    market.when[State.APPROVED] = market.conto.kill
    order = market.buy(CHEAP)
    market.conto.start()
    freeze(market)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        line, market.desk.agent.url = market.desk.agent.url, f"http://127.0.0.1:{silent.getsockname()[1]}"
    market.go_on()
    assert market.ending(order) is State.APPROVED

    market.desk.agent.url = line
    market.go_on()
    thaw(market)
    market.go_on()

    assert market.steps == ["approved", "waiting", "approved", "paid", "recorded"]
    assert market.stored(order).in_doubt_at is None
    assert market.served() == [order.authorization]


def test_a_key_that_is_revoked_while_people_decide_ends_the_order_and_not_the_app(market: Market) -> None:
    order = market.buy(DEAR)
    revoke(market)
    market.approve(order)
    market.go_on()

    found = market.find(order)
    assert (found.ending, found.note.partition(":")[0]) == (Ending.VOIDED, "key_revoked")
    assert market.served() == []


def test_a_key_that_is_revoked_after_the_payment_leaves_a_receipt_to_be_reported_by_a_person(market: Market) -> None:
    market.when[State.PAID] = lambda: revoke(market)
    order = market.buy(CHEAP)

    assert (order.ending, order.note.partition(":")[0]) == (Ending.UNREPORTED, "key_revoked")
    assert order.receipt is not None
    assert (order.receipt.reference, order.receipt.amount) == (order.authorization, Decimal("1.80"))
    assert market.served() == [order.authorization]


@pytest.mark.parametrize("mishap", [Mishap.LOSE_ANSWER, Mishap.STALL])
def test_an_answer_of_the_provider_is_lost_after_it_was_paid(market: Market, mishap: Mishap) -> None:
    order = market.buy(CHEAP, mishap)

    assert market.steps == ["approved", "doubtful", "paid", "recorded"]
    assert market.served() == [order.authorization]
    assert order.ending is Ending.RECORDED
    assert SpendRecord.objects.get().flags == []


def test_a_request_to_the_provider_is_lost_before_it_was_paid(market: Market) -> None:
    order = market.buy(CHEAP, Mishap.LOSE_REQUEST)

    assert market.steps == ["approved", "doubtful", "giving_up", "voided"]
    stored = market.stored(order)
    assert (stored.status, stored.status_reason) == ("voided", "the provider knows of no such payment")
    assert stored.in_doubt_at is not None
    assert market.served() == []


def test_the_provider_refuses_and_the_money_is_free_again(market: Market) -> None:
    order = market.buy(CHEAP, Mishap.FAIL)

    assert order.ending is Ending.VOIDED
    assert market.stored(order).status == "voided"
    assert market.served() == []


def test_conto_is_down_and_nothing_is_paid(market: Market) -> None:
    market.conto.kill()
    order = market.buy(CHEAP)
    assert order.state is State.NEW

    market.go_on(PATIENCE_SECONDS + 1)

    assert market.ending(order) is Ending.NOT_ASKED
    assert market.served() == []
    assert not Authorization.objects.exists()


def test_conto_comes_back_and_the_order_is_asked_for_once(market: Market) -> None:
    market.conto.kill()
    order = market.buy(CHEAP)

    market.conto.start()
    market.go_on()

    assert market.ending(order) is Ending.RECORDED
    assert Authorization.objects.count() == 1


def test_an_answer_of_conto_is_lost_and_the_same_key_brings_the_same_authorization(market: Market) -> None:
    order = market.want(CHEAP)
    lost = market.desk.agent.authorize(order.payment, key=order.key)

    market.go_on()

    assert market.find(order).authorization == lost.id
    assert Authorization.objects.count() == 1
    assert market.served() == [lost.id]


def test_conto_is_killed_after_the_payment_and_hears_of_it_later(market: Market) -> None:
    market.when[State.PAID] = market.conto.kill
    order = market.buy(CHEAP)
    assert market.ending(order) is State.PAID
    assert len(market.served()) == 1

    market.conto.start()
    market.go_on()

    assert market.ending(order) is Ending.RECORDED
    assert SpendRecord.objects.get().reference == order.authorization


def test_conto_is_killed_before_the_release_and_nothing_is_paid_until_it_is_back(market: Market) -> None:
    market.when[State.APPROVED] = market.conto.kill
    order = market.buy(CHEAP)
    assert order.state is State.APPROVED
    market.go_on()
    assert market.served() == []

    market.conto.start()
    market.go_on()

    assert market.steps == ["approved", "paid", "recorded"]
    assert market.stored(order).in_doubt_at is None
    assert market.served() == [order.authorization]


def test_many_orders_with_mishaps_and_kills_serve_exactly_what_was_approved(market: Market) -> None:
    mishaps = [None, Mishap.LOSE_ANSWER, None, Mishap.LOSE_REQUEST, Mishap.FAIL, None]
    orders = []
    for number in range(24):
        mishap = mishaps[number % len(mishaps)]
        orders.append(market.buy(CHEAP if number % 4 else TOO_DEAR, *([mishap] if mishap else [])))
        market.shop.mishaps.clear()
        if number % 9 == 4:
            market.conto.kill()
        elif not market.conto.is_running():
            market.conto.start()
    market.go_on()
    market.go_on()

    assert not market.desk.book.open(market.desk.name)
    recorded = [market.find(one).authorization for one in orders if market.ending(one) is Ending.RECORDED]
    assert sorted(market.served()) == sorted(recorded)
    assert sorted(market.served()) == sorted(
        to_public(Prefix.AUTHORIZATION, one.id) for one in Authorization.objects.filter(status="recorded")
    )
    assert SpendRecord.objects.count() == len(market.served()) == len(set(market.served())) == 12


def test_the_app_crashes_while_it_pays_and_asks_the_provider_afterwards(market: Market, tmp_path: Path) -> None:
    file = str(tmp_path / "orders.sqlite3")
    market.open_desk(OrderBook(file))
    order = market.want(CHEAP)
    order.authorization = market.desk.agent.authorize(order.payment, key=order.key).id
    order.state = State.PAYING
    market.desk.book.save(order)
    market.desk.executor.pay(order)
    market.desk.book.close()

    with closing(OrderBook(file)) as book:
        market.open_desk(book)
        market.go_on()

        assert market.ending(order) is Ending.RECORDED
    assert market.served() == [order.authorization]


def test_waiting_by_polling_brings_the_answer(market: Market) -> None:
    order = market.buy(DEAR)
    agent = market.desk.agent
    known = agent.look(order.authorization)
    assert known.is_waiting
    assert agent.look_again(known) == known
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(agent.wait, replace(known, look_again_seconds=0.05), seconds=30)
        market.approve(order)

        assert waiting.result().may_pay


def freeze(market: Market) -> None:
    world = market.world
    reach = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    freeze_agent(**reach, reason="looks odd", actor=actor_for(world.cast.olu), now=clock_now())


def thaw(market: Market) -> None:
    world = market.world
    reach = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    thaw_agent(**reach, reason="it was fine", actor=actor_for(world.cast.ada), now=clock_now())


def revoke(market: Market) -> None:
    world = market.world
    actor = actor_for(world.cast.olu)
    revoke_key(organization_id=world.organization_id, key_id=world.key_id, actor=actor, now=clock_now())
