"""What the app wants to buy and how far it has come, on disk: a crash loses no order and pays none twice."""

import json
import sqlite3
from collections import Counter
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from conto_client import Payment
from provider import Offer, Receipt


class State(StrEnum):
    """How far an order has come; `paying` is left over only by a crash."""

    NEW = "new"
    WAITING = "waiting"
    APPROVED = "approved"
    PAYING = "paying"
    DOUBTFUL = "doubtful"
    PAID = "paid"
    GIVING_UP = "giving_up"
    ENDED = "ended"


class Ending(StrEnum):
    """What became of an order."""

    RECORDED = "recorded"
    DECLINED = "declined"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOIDED = "voided"
    NOT_ASKED = "not asked"
    UNREPORTED = "unreported"


@dataclass
class Order:
    """One thing to buy. `key` is its idempotency key from the first moment on; times are seconds of the app's clock."""

    key: str
    agent: str
    offer: Offer
    payment: Payment
    placed_at: float
    due_at: float
    state: State = State.NEW
    ending: Ending | None = None
    note: str = ""
    authorization: str = ""
    is_doubt_told: bool = False
    receipt: Receipt | None = None


TABLE: Final = """
create table if not exists orders (key text primary key, agent text, state text, ending text, due_at real, body text)
"""
SAVE: Final = "insert or replace into orders values (:key, :agent, :state, :ending, :due_at, :body)"
DUE: Final = "select body from orders where agent = ? and state <> 'ended' and due_at <= ? order by due_at limit 1"
OPEN: Final = "select body from orders where agent = ? and state <> 'ended' order by due_at"
ENDINGS: Final = "select ending from orders where agent = ? and state = 'ended'"


class OrderBook:
    """The app's own state, which is not Conto's business: in a file, or in memory for a test."""

    def __init__(self, path: str = ":memory:") -> None:
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.execute(TABLE)

    def save(self, order: Order) -> None:
        """Keep an order as it is now; returns when it is on disk."""
        self.database.execute(
            SAVE,
            {
                "key": order.key,
                "agent": order.agent,
                "state": order.state,
                "ending": order.ending,
                "due_at": order.due_at,
                "body": json.dumps(asdict(order), default=str),
            },
        )

    def due(self, agent: str, now: float) -> Order | None:
        """Return the order of an agent that has been due longest."""
        found = self.database.execute(DUE, (agent, now)).fetchone()
        return None if found is None else read(found[0])

    def open(self, agent: str) -> list[Order]:
        """Return the orders of an agent that have not ended."""
        return [read(body) for (body,) in self.database.execute(OPEN, (agent,))]

    def endings(self, agent: str) -> Counter[Ending]:
        """Count what became of the orders of an agent."""
        return Counter(Ending(ending) for (ending,) in self.database.execute(ENDINGS, (agent,)))

    def close(self) -> None:
        self.database.close()


def read(body: str) -> Order:
    """Return an order as it was saved."""
    found: dict[str, Any] = json.loads(body)
    offer, payment, receipt = found["offer"], found["payment"], found["receipt"]
    return Order(
        **found
        | {
            "state": State(found["state"]),
            "ending": Ending(found["ending"]) if found["ending"] else None,
            "offer": Offer(**offer | {"amount": Decimal(offer["amount"])}),
            "payment": Payment(**payment | {"amount": Decimal(payment["amount"])}),
            "receipt": None if receipt is None else Receipt(**receipt | {"amount": Decimal(receipt["amount"])}),
        }
    )
