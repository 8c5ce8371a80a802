"""What runners ask, and what they were answered, as plain values that travel between processes."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from approvals.selectors.situation import Ask, Asker, read_asker
from approvals.services.authorize import authorize_payment
from core.actor import Actor
from core.errors import ContoError
from spend.payee import PayeeClaim
from tests.approvals.world import OPENAI, World
from tests.factories import NOW


@dataclass(frozen=True)
class Wish:
    """One ask of an agent."""

    agent_id: UUID
    key_id: UUID
    actor: Actor
    amount: str = "1"
    payee: PayeeClaim = OPENAI
    session: str | None = "run_1"
    purpose: str = ""
    key: str | None = None
    now: datetime = NOW


@dataclass(frozen=True)
class Said:
    """What an ask was answered: a status, or the code of the error."""

    word: str
    id: UUID | None = None
    is_replay: bool = False
    outcome: object = None


def wish(world: World, amount: str = "1") -> Wish:
    return Wish(world.agent.id, world.key_id, world.actor, amount)


def wishes(world: World, number: int) -> list[Wish]:
    """Equal asks of 1."""
    return [wish(world) for _ in range(number)]


def make(one: Wish) -> Said:
    """Ask as somebody who was just let in."""
    return answered(lambda: read_asker(one.agent_id, key_id=one.key_id), one)


def answered(enter: Callable[[], Asker], one: Wish) -> Said:
    """Let somebody in and ask, as the API does."""
    ask = Ask(Decimal(one.amount), "USD", one.payee, session=one.session, purpose=one.purpose)
    try:
        asked = authorize_payment(enter(), ask, idempotency_key=one.key, actor=one.actor, now=one.now)
    except ContoError as error:
        return Said(error.code)
    return Said(asked.answer.status, asked.answer.id, asked.is_replay, asked.answer.decision)


def words(said: Iterable[Said]) -> dict[str, int]:
    """How many were answered what."""
    return dict(Counter(one.word for one in said))
