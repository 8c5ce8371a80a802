"""A paid HTTP service for the example: every item answers 402 with its price until it is paid, and is then served."""

import argparse
import contextlib
import json
import secrets
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, Final

HOST: Final = "127.0.0.1"
REFERENCE: Final = "Payment-Reference"
OFFERED: Final = "Payment-Amount"
"""The most the buyer will pay, such as `12.50 USD`: the service never charges more."""

ATLAS: Final = {"name": "Atlas Market Data", "domain": "api.atlas-data.example", "country": "NL"}


@dataclass(frozen=True, slots=True)
class Item:
    """Something that is for sale, and who is paid for it."""

    title: str
    amount: str
    currency: str
    pay_to: Mapping[str, str]
    rail: str
    category: str


@dataclass(frozen=True, slots=True)
class Sale:
    """One charge under the buyer's reference; the same reference is never charged twice."""

    reference: str
    item: str
    amount: str
    currency: str


class Mishap(Enum):
    """What may go wrong with one purchase."""

    LOSE_REQUEST = auto()
    """The line breaks before anything happened."""
    LOSE_ANSWER = auto()
    """Charged and served, and the line breaks before the buyer hears of it."""
    STALL = auto()
    """Charged and served, and no answer comes until the buyer stops waiting."""
    FAIL = auto()
    """Not charged, and said so."""


DATA: Final = {
    "quotes/energy": Item("Energy quotes, one call", "0.02", "USD", ATLAS, "x402", "market_data"),
    "quotes/metals": Item("Metals quotes, one call", "0.03", "USD", ATLAS, "x402", "market_data"),
    "filings/search": Item("Search in company filings", "0.12", "USD", ATLAS, "x402", "market_data"),
    "news/summary": Item("News summary of one company", "0.35", "USD", ATLAS, "x402", "market_data"),
    "filings/full": Item("Full filing with tables", "1.80", "USD", ATLAS, "x402", "market_data"),
    "reports/sector": Item("Sector report", "24.00", "USD", ATLAS, "card", "market_data"),
    "reports/competitors": Item("Competitor report", "64.00", "USD", ATLAS, "card", "market_data"),
    "datasets/history": Item("Twenty years of prices", "480.00", "USD", ATLAS, "card", "market_data"),
}

SUPPLIERS: Final = (
    ({"name": "Kontor Office Supply", "domain": "kontor-supply.example", "country": "DE"}, "office", 18, 160),
    ({"name": "Brightline Cleaning", "domain": "brightline.example", "country": "DE"}, "facilities", 90, 240),
    ({"name": "Parcelwise", "domain": "parcelwise.example", "country": "NL"}, "shipping", 12, 80),
    ({"name": "Tessera Print", "domain": "tessera-print.example", "country": "PL"}, "marketing", 60, 320),
    ({"name": "Foundry Hardware", "domain": "foundry-hw.example", "country": "DE"}, "hardware", 520, 1400),
    ({"name": "Lucky Dice Vouchers", "domain": "shop.lucky-dice.example", "country": "CW"}, "gift_cards", 40, 90),
)
"""Who sends invoices, for what, and between which amounts; one of them nobody should pay."""


@dataclass
class Shop:
    """The state behind the service: what is for sale, who may buy, what was charged, and what is about to go wrong."""

    items: dict[str, Item] = field(default_factory=lambda: dict(DATA))
    accounts: set[str] = field(default_factory=set)
    sales: dict[str, Sale] = field(default_factory=dict)
    served: list[Sale] = field(default_factory=list)
    mishaps: deque[Mishap] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def open_account(self) -> str:
        """Let somebody buy; returns the secret that every purchase must show."""
        secret = f"atlas_live_{secrets.token_urlsafe(24)}"
        with self.lock:
            self.accounts.add(secret)
        return secret

    def bill(self, number: str, chance: Random, supplier: int) -> str:
        """Put an invoice of a supplier up for payment; returns the name of the item."""
        pay_to, category, least, most = SUPPLIERS[supplier]
        amount = f"{chance.randint(least, most)}.{chance.choice(['00', '40', '90', '95'])}"
        name = f"invoices/{number}"
        with self.lock:
            self.items[name] = Item(f"Invoice {number}", amount, "USD", pay_to, "invoice", category)
        return name

    def offers(self) -> dict[str, object]:
        """Return everything that is for sale."""
        with self.lock:
            return {name: offer(item) for name, item in self.items.items()}

    def next_mishap(self) -> Mishap | None:
        with self.lock:
            return self.mishaps.popleft() if self.mishaps else None

    def sell(self, name: str, reference: str) -> Sale:
        """Charge and serve, or find the sale of the same reference again."""
        item = self.items[name]
        with self.lock:
            known = self.sales.get(reference)
            if known is not None:
                return known
            sale = Sale(reference, name, item.amount, item.currency)
            self.sales[reference] = sale
            self.served.append(sale)
            return sale


class Handler(BaseHTTPRequestHandler):
    """HTTP over one `Shop`."""

    server: "Server"

    def do_GET(self) -> None:
        """Answer with the list of items, a price (402), an item that is paid for, or the state of a payment."""
        kind, _, name = self.path.lstrip("/").partition("/")
        shop = self.server.shop
        if kind == "items" and not name:
            self.answer(HTTPStatus.OK, shop.offers())
        elif kind == "items" and name in shop.items:
            self.item(name)
        elif kind == "payments" and name in shop.sales:
            self.answer(HTTPStatus.OK, receipt(shop.sales[name]))
        elif kind == "payments":
            self.answer(HTTPStatus.NOT_FOUND, {"status": "unknown", "detail": "No payment has this reference."})
        else:
            self.answer(HTTPStatus.NOT_FOUND, {"detail": "There is nothing here."})

    def item(self, name: str) -> None:
        """Serve a paid item, ask for payment otherwise."""
        shop, item, reference = self.server.shop, self.server.shop.items[name], self.headers.get(REFERENCE)
        if reference is None or self.headers.get(OFFERED) != f"{item.amount} {item.currency}":
            self.answer(HTTPStatus.PAYMENT_REQUIRED, offer(item))
            return
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in shop.accounts:
            self.answer(HTTPStatus.UNAUTHORIZED, {"detail": "This account is not known."})
            return
        mishap = shop.next_mishap()
        if mishap is Mishap.LOSE_REQUEST:
            self.hang_up()
        elif mishap is Mishap.FAIL:
            self.answer(HTTPStatus.CONFLICT, {"detail": "The payment was refused; nothing was charged."})
        else:
            sale = shop.sell(name, reference)
            if mishap is Mishap.STALL:
                self.wait_for_the_buyer_to_leave()
            if mishap is None:
                self.answer(HTTPStatus.OK, {**receipt(sale), "content": f"{item.title}: here it is."})
            else:
                self.hang_up()

    def answer(self, status: HTTPStatus, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def wait_for_the_buyer_to_leave(self) -> None:
        """Return when the other side has closed the connection."""
        with contextlib.suppress(OSError):
            while self.connection.recv(1024):
                pass

    def hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: the buyers tell what happens."""


class Server(ThreadingHTTPServer):
    """The HTTP server of one shop."""

    daemon_threads = True

    def __init__(self, shop: Shop, port: int = 0) -> None:
        super().__init__((HOST, port), Handler)
        self.shop = shop

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.server_address[1]}"


def offer(item: Item) -> dict[str, object]:
    """Return what has to be paid, to whom and how."""
    return {
        "title": item.title,
        "amount": item.amount,
        "currency": item.currency,
        "pay_to": dict(item.pay_to),
        "rail": item.rail,
        "category": item.category,
    }


def receipt(sale: Sale) -> dict[str, object]:
    """Return the state of a payment."""
    return {
        "status": "settled",
        "reference": sale.reference,
        "item": sale.item,
        "amount": sale.amount,
        "currency": sale.currency,
    }


@contextlib.contextmanager
def serving(shop: Shop, port: int = 0) -> Iterator[Server]:
    """Run the service beside the block."""
    with Server(shop, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8402)
    shop = Shop()
    with Server(shop, parser.parse_args().port) as server:
        print(f"Everything here has its price: {server.url}/items\nAn account to buy with: {shop.open_account()}")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    main()
