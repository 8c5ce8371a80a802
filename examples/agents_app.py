"""Two agents that spend: one buys market data by the call, one pays invoices. Conto is asked before each payment."""

import argparse
import contextlib
import json
import math
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any, Final, NoReturn

from conto_client import Conto, Refused, Unreachable
from orders import Ending, Order, OrderBook, State
from paid_service import SUPPLIERS, Mishap, Server, Shop, serving
from provider import NoAnswer, Provider
from purchasing import Desk, Executor

ACCOUNT: Final = "Atlas account"
ACCOUNT_OF_A_TRIAL: Final = "Atlas account (trial run)"
"""A run beside one that goes on has an account of its own at the provider."""
RAILS: Final = ["card", "invoice", "x402"]
SMALL: Final = ("quotes/energy", "quotes/metals", "filings/search", "news/summary", "filings/full")
LARGE: Final = ("reports/sector", "reports/competitors", "reports/competitors", "datasets/history")
COMPANIES: Final = ("Halvorsen Energy", "Nordlicht Wind", "Caldera Metals", "Ostara Batteries", "Rheinwerk Steel")
SHARE_LARGE: Final = 0.06
SHARE_MISHAP: Final = 0.03
INVOICE_EVERY: Final = 5
"""Rounds: data is bought all the time, invoices come now and then."""
LOOK_SECONDS: Final = 1.0
TRY_AGAIN_SECONDS: Final = 5.0
START_SECONDS: Final = 60.0


@dataclass
class Analyst:
    """The research agent's task: in runs of some twenty calls it gathers what it needs on a company."""

    provider: Provider
    chance: Random
    every: int = 1
    run: str = ""
    company: str = ""
    calls_left: int = 0

    def next_order(self, desk: Desk, now: float) -> Order:
        if not self.calls_left:
            self.run, self.calls_left = f"run_{self.chance.getrandbits(40):010x}", self.chance.randint(12, 30)
            self.company = self.chance.choice(COMPANIES)
        self.calls_left -= 1
        is_waiting = any(order.state is State.WAITING for order in desk.book.open(desk.name))
        is_large = not is_waiting and self.chance.random() < SHARE_LARGE
        offer = self.provider.offer(self.chance.choice(LARGE if is_large else SMALL))
        return desk.place(
            offer,
            session=self.run,
            purpose=f"{offer.title} for the brief on {self.company}",
            context={"task": "company brief", "company": self.company, "item": offer.item},
            now=now,
        )


@dataclass
class Clerk:
    """The procurement agent's task: pay the invoices that come in."""

    provider: Provider
    chance: Random
    shop: Shop
    every: int = INVOICE_EVERY

    def next_order(self, desk: Desk, now: float) -> Order:
        number = f"{self.chance.choice('BFKPT')}-{self.chance.randrange(10_000, 99_999)}"
        supplier = self.chance.choices(range(len(SUPPLIERS)), weights=(5, 4, 5, 4, 2, 1))[0]
        offer = self.provider.offer(self.shop.bill(number, self.chance, supplier))
        return desk.place(
            offer,
            session=f"invoices-{time.strftime('%Y-%m-%d')}",
            purpose=f"{offer.title} of {offer.pay_to['name']}",
            context={"invoice": number, "ordered_by": self.chance.choice(["Vera", "Olu", "front desk"])},
            now=now,
        )


class App:
    """Both agents, their desks, and the service that they buy from."""

    def __init__(
        self, demo: dict[str, Any], service: Server, book: OrderBook, chance: Random, *, account: str = ACCOUNT
    ) -> None:
        self.shop, self.chance, self.book, self.account = service.shop, chance, book, account
        provider = Provider(service.url)
        release_key = demo.get("release_key") or demo["organization_key"]
        executor = Executor(Conto(demo["url"], release_key), provider, credential=account)
        self.back_end = Conto(demo["url"], demo["organization_key"])
        self.tasks: dict[str, Analyst | Clerk] = {
            "Research agent": Analyst(provider, chance),
            "Procurement agent": Clerk(provider, chance, service.shop),
        }
        self.agents = [agent for agent in demo["agents"] if agent["name"] in self.tasks]
        self.desks = [
            Desk(agent["name"], Conto(demo["url"], agent["key"]), executor, book, tell=tell) for agent in self.agents
        ]

    def open_accounts(self) -> None:
        """Open an account at the provider for each agent and let Conto keep its secret: the app keeps none."""
        for agent in self.agents:
            self.back_end.seal_credential(agent["id"], name=self.account, secret=self.shop.open_account(), rails=RAILS)

    def round(self, number: int, now: float) -> None:
        """Let each agent want something, and bring all orders as far as they come."""
        if self.chance.random() < SHARE_MISHAP:
            self.shop.mishaps.append(self.chance.choice([Mishap.LOSE_ANSWER, Mishap.LOSE_REQUEST, Mishap.FAIL]))
        for desk in self.desks:
            task = self.tasks[desk.name]
            if number % task.every == 0:
                with contextlib.suppress(NoAnswer):
                    task.next_order(desk, now)
        self.advance(now)

    def advance(self, now: float) -> None:
        for desk in self.desks:
            desk.advance(now)

    def is_busy(self) -> bool:
        return any(self.book.open(desk.name) for desk in self.desks)

    def give_up_waiting(self, now: float) -> None:
        for desk in self.desks:
            desk.give_up_waiting(now)

    def summary(self) -> str:
        lines = [f"{desk.name}: {counted(desk)}" for desk in self.desks]
        recorded = sum(self.book.endings(desk.name)[Ending.RECORDED] for desk in self.desks)
        return "\n".join([*lines, f"The service served {len(self.shop.served)}; recorded are {recorded}."])


def counted(desk: Desk) -> str:
    endings = desk.book.endings(desk.name)
    return ", ".join(f"{number} {ending}" for ending, number in endings.most_common()) or "nothing yet"


def tell(order: Order) -> None:
    """Print one line per step of an order."""
    what = f"{order.offer.amount:>8} {order.offer.currency}  {order.offer.pay_to['name']}: {order.offer.title}"
    how = order.ending or order.state
    note = f" ({order.note})" if order.note else ""
    print(f"{time.strftime('%H:%M:%S')}  {order.agent:<18}{what}  {how}{note}", flush=True)


def run_rounds(app: App, rounds: int, patience_seconds: float) -> bool:
    """Make so many rounds, finish what can be finished, give up the rest; returns whether nothing is left open."""
    for number in range(rounds):
        app.round(number, time.time())
    deadline = time.time() + patience_seconds
    while app.is_busy() and time.time() < deadline:
        time.sleep(LOOK_SECONDS)
        app.advance(time.time())
    app.give_up_waiting(time.time())
    return not app.is_busy()


def run_on(app: App, every_seconds: float) -> NoReturn:
    """Go on until told to end."""
    number, next_at = 0, time.time()
    while True:
        now = time.time()
        if now >= next_at:
            app.round(number, now)
            number, next_at = number + 1, now + every_seconds * app.chance.uniform(0.5, 1.5)
        app.advance(now)
        time.sleep(LOOK_SECONDS)


def open_accounts(app: App, patience_seconds: float) -> None:
    """Begin when Conto answers: the app may have been started first."""
    deadline = time.time() + patience_seconds
    while True:
        try:
            app.open_accounts()
        except (Unreachable, Refused) as error:
            if time.time() > deadline:
                raise
            print(f"Conto at {app.back_end.url}: {error}", flush=True)
            time.sleep(TRY_AGAIN_SECONDS)
        else:
            return


def end(_number: int, _frame: FrameType | None) -> None:
    """Let SIGTERM end the app as Ctrl-C does."""
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, required=True, help="the demo.json that `run.py demo` writes")
    parser.add_argument("--rounds", type=int, help="end after so many rounds; without it the app goes on")
    parser.add_argument("--every", type=float, default=15.0, help="seconds between rounds when it goes on")
    parser.add_argument("--patience", type=float, default=10.0, help="seconds to wait for people after the last round")
    parser.add_argument("--orders", default=":memory:", help="file in which to keep the orders")
    parser.add_argument("--seed", type=int, help="the same number makes the same choices")
    given = parser.parse_args()
    demo = json.loads(given.demo.read_text())
    chance = Random(given.seed)  # noqa: S311 - what to buy next is no secret
    signal.signal(signal.SIGTERM, end)
    with serving(Shop()) as service, contextlib.closing(OrderBook(given.orders)) as book:
        account = ACCOUNT if given.rounds is None else ACCOUNT_OF_A_TRIAL
        app = App(demo, service, book, chance, account=account)
        try:
            if given.rounds is None:
                open_accounts(app, math.inf)
                run_on(app, given.every)
            open_accounts(app, START_SECONDS)
            is_done = run_rounds(app, given.rounds, given.patience)
            print(app.summary())
        except KeyboardInterrupt:
            return 0
        except (Unreachable, Refused) as error:
            print(f"Conto at {demo['url']}: {error}", file=sys.stderr)
            return 1
    return 0 if is_done else 1


if __name__ == "__main__":
    sys.exit(main())
