"""An organization whose agent buys from the paid service, and short ways to do what people do meanwhile."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from conto_client import Conto
from orders import Ending, Order, OrderBook, State, read
from paid_service import Mishap, Server, Shop, serving
from provider import Provider
from purchasing import Desk, Executor

from agents.services import NewCredential, create_credential
from approvals.models import Authorization
from core.clock import now as clock_now
from core.ids import Prefix, from_public
from people.services import issue_organization_key
from tests.approvals.world import World, make_world, say_no, say_yes
from tests.examples.server import LiveConto
from tests.factories import actor_for

LIMITS: list[Mapping[str, Any]] = [
    {"key": "caps", "type": "SPEND_LIMIT", "per_transaction": {"USD": "100"}, "daily": {"USD": "500"}},
    {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "40"}},
]
CHEAP, DEAR, TOO_DEAR = "filings/full", "reports/competitors", "datasets/history"
PATIENCE_SECONDS = 600.0
CLIENT_SECONDS = 0.3
"""After which the app stops waiting for an answer of the provider."""


@dataclass
class Market:
    """Everything one test needs. `clock` is the app's own, in seconds."""

    world: World
    conto: LiveConto
    server: Server
    release_key: str
    steps: list[str] = field(default_factory=list)
    when: dict[State, Callable[[], None]] = field(default_factory=dict)
    clock: float = 1000.0
    desk: Desk = field(init=False)

    def hear(self, order: Order) -> None:
        """Note each step of an order, and do what the test wants done just then."""
        self.steps.append(order.ending or order.state)
        self.when.pop(order.state, lambda: None)()

    def open_desk(self, book: OrderBook) -> None:
        """Begin as the app does at its start."""
        provider = Provider(self.server.url, timeout_seconds=CLIENT_SECONDS)
        self.desk = Desk(
            self.world.agent.name,
            Conto(self.conto.url, self.world.secret),
            Executor(Conto(self.conto.url, self.release_key), provider),
            book,
            tell=self.hear,
            patience_seconds=PATIENCE_SECONDS,
        )

    @property
    def shop(self) -> Shop:
        return self.server.shop

    def want(self, item: str = CHEAP) -> Order:
        """Place an order, without bringing it anywhere."""
        offer = self.desk.executor.provider.offer(item)
        return self.desk.place(offer, session="run_1", purpose=f"{offer.title}", context={}, now=self.clock)

    def buy(self, item: str = CHEAP, *mishaps: Mishap) -> Order:
        """Place an order and bring it as far as it comes at once."""
        self.shop.mishaps.extend(mishaps)
        order = self.want(item)
        self.go_on(0)
        return self.find(order)

    def go_on(self, seconds: float = 10.0) -> None:
        """Let time pass on the app's clock and bring all orders as far as they come."""
        self.clock += seconds
        self.desk.advance(self.clock)

    def find(self, order: Order) -> Order:
        """The order as it is now."""
        body = self.desk.book.database.execute("select body from orders where key = ?", [order.key]).fetchone()[0]
        return read(body)

    def ending(self, order: Order) -> Ending | State:
        """What became of an order, or how far it is."""
        found = self.find(order)
        return found.ending or found.state

    def stored(self, order: Order) -> Authorization:
        """What Conto stored for an order."""
        return Authorization.objects.get(id=authorization_id(self.find(order)))

    def approve(self, order: Order) -> None:
        """Let Rui approve what the order waits for."""
        say_yes(self.stored(order), self.world.cast.rui, now=clock_now())

    def reject(self, order: Order, reason: str) -> None:
        """Let Rui reject it."""
        say_no(self.stored(order), self.world.cast.rui, reason, now=clock_now())

    def served(self) -> list[str]:
        """The references of everything that was served, each as an authorization's id."""
        return [sale.reference for sale in self.shop.served]


@contextmanager
def open_market(conto: LiveConto) -> Iterator[Market]:
    """A market with an agent under `LIMITS`, whose account at the provider only Conto knows."""
    now = clock_now()
    world = make_world(*LIMITS, now=now)
    release = issue_organization_key(
        organization_id=world.organization_id,
        name="executor",
        scopes=["release"],
        expires_at=None,
        by=world.cast.ada.person,
        actor=actor_for(world.cast.ada),
        now=now,
    )
    with serving(Shop()) as server, closing(OrderBook()) as book:
        seal_account(world, server.shop)
        market = Market(world, conto, server, release.secret)
        market.open_desk(book)
        yield market


def seal_account(world: World, shop: Shop) -> None:
    """Open an account at the provider and seal its secret: nobody else keeps it."""
    create_credential(
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        new=NewCredential(name="Atlas account", kind="api_key", secret=shop.open_account(), rails=["card", "x402"]),
        actor=actor_for(world.cast.olu),
        now=clock_now(),
    )


def authorization_id(order: Order) -> UUID:
    return from_public(Prefix.AUTHORIZATION, order.authorization)
