"""How the app buys from the paid service: look at the price, pay under a reference, ask what became of a payment."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from conto_client import Reply, exchange

TIMEOUT_SECONDS: Final = 5.0
OK: Final = 200
PAYMENT_REQUIRED: Final = 402
NOT_FOUND: Final = 404
FIRST_SERVER_ERROR: Final = 500


class NoAnswer(Exception):
    """The line broke or the provider was silent: what happened is not known."""


class NotSold(Exception):
    """The provider says that it charged nothing."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The price of an item, who is paid, and how."""

    item: str
    title: str
    amount: Decimal
    currency: str
    pay_to: Mapping[str, str]
    rail: str
    category: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider charged under a reference."""

    reference: str
    amount: Decimal
    currency: str


class Provider:
    """The paid service as a buyer sees it."""

    def __init__(self, url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.url = url.rstrip("/")
        self.timeout_seconds = timeout_seconds

    def offer(self, item: str) -> Offer:
        """Ask for an item without paying: the answer is its price (402)."""
        reply = self._get(f"/items/{item}")
        if reply.status != PAYMENT_REQUIRED:
            raise NotSold(f"{item} has no price: {reply.status}")
        return _offer(item, reply.body)

    def buy(self, offer: Offer, *, reference: str, secret: str) -> Receipt:
        """Pay and be served. `reference` makes a repeated purchase the same purchase."""
        headers = {
            "Authorization": f"Bearer {secret}",
            "Payment-Reference": reference,
            "Payment-Amount": f"{offer.amount} {offer.currency}",
        }
        reply = self._get(f"/items/{offer.item}", headers)
        if reply.status != OK:
            raise NotSold(f"{reply.status}: {reply.body.get('detail', 'the price has changed')}")
        return _receipt(reply.body)

    def payment(self, reference: str) -> Receipt | None:
        """Ask what became of a payment; None where the provider knows of none."""
        reply = self._get(f"/payments/{reference}")
        return None if reply.status == NOT_FOUND else _receipt(reply.body)

    def _get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        try:
            reply = exchange("GET", self.url + path, None, headers or {}, timeout_seconds=self.timeout_seconds)
        except OSError as error:
            raise NoAnswer(str(error) or type(error).__name__) from error
        if reply.status >= FIRST_SERVER_ERROR:
            raise NoAnswer(f"the provider answered {reply.status}")
        return reply


def _offer(item: str, body: Mapping[str, Any]) -> Offer:
    return Offer(
        item=item,
        title=body["title"],
        amount=Decimal(body["amount"]),
        currency=body["currency"],
        pay_to=body["pay_to"],
        rail=body["rail"],
        category=body["category"],
    )


def _receipt(body: Mapping[str, Any]) -> Receipt:
    return Receipt(reference=body["reference"], amount=Decimal(body["amount"]), currency=body["currency"])
