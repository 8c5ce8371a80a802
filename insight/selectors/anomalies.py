"""What is out of the ordinary these days, and whether the worker does its part; each question bounded in time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from approvals.selectors.by_agent import denied_by_agent
from audit.selectors import SealState, seal_state
from core.ids import Prefix, to_public
from insight.models import BooksCheck, Rollup
from spend.selectors.counterparties import unknown_since

DENIED_WITHIN: Final = timedelta(hours=24)
AGENTS_SHOWN: Final = 3
NEW_WITHIN: Final = timedelta(days=7)
LATE_AFTER: Final = timedelta(minutes=2)
"""The worker seals and adds up within seconds: what waits this long says that it does not run."""

BOOKS_OLD_AFTER: Final = timedelta(hours=36)
"""They are checked every night: one was left out, or did not come to its end."""


@dataclass(frozen=True, slots=True)
class DeniedAgent:
    """An agent that was denied often in the last 24 hours."""

    agent_id: str
    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Anomalies:
    """What is out of the ordinary: agents that are denied often, payees that turned up and nobody has judged."""

    denied: Sequence[DeniedAgent]
    new_counterparties: int


@dataclass(frozen=True, slots=True)
class BooksState:
    """What is known of the books: the newest check that came to its end, and what one under way has found so far."""

    last: BooksCheck | None
    found_so_far: int
    unknown_so_far: int
    old_since: datetime | None
    """Since then nobody has come to the end of a check, which is longer than a night; None while that is well."""

    @property
    def is_old(self) -> bool:
        """Say whether nobody has come to the end of a check for longer than a night."""
        return self.old_since is not None

    @property
    def faults(self) -> int:
        """How many faults are known: the check under way may have met those of the last one again, and more."""
        return max(self.last.faults if self.last else 0, self.found_so_far)

    @property
    def unknown(self) -> int:
        """How many parts could not be checked, likewise."""
        return max(self.last.unknown if self.last else 0, self.unknown_so_far)

    @property
    def is_doubtful(self) -> bool:
        """Say whether nobody should rely on the books as they are: faults are known, or might not be seen."""
        return self.status not in {"ok", ""}

    @property
    def status(self) -> str:
        """Return how the books stand; empty where nobody has checked them yet."""
        if self.faults:
            return "violated"
        if self.is_old or self.unknown:
            return "degraded"
        return "ok" if self.last else ""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the worker does its part: seals the log, ends what is due, adds up the ledger.

    The books are checked for the whole installation at once: every night by the worker, and by command.
    """

    seal: SealState
    overdue: int
    rolled_at: datetime | None
    is_worker_late: bool
    books: BooksState


def anomalies_of(organization_id: UUID, *, now: datetime) -> Anomalies:
    """Return what is out of the ordinary now."""
    denied = denied_by_agent(organization_id, since=now - DENIED_WITHIN)
    urgent = sorted(
        ((-one.number, one.agent_name, agent_id) for agent_id, one in denied.items() if one.is_urgent),
    )[:AGENTS_SHOWN]
    return Anomalies(
        [DeniedAgent(to_public(Prefix.AGENT, agent_id), name, -number) for number, name, agent_id in urgent],
        unknown_since(organization_id, now - NEW_WITHIN),
    )


def health_of(organization_id: UUID, *, overdue: int, now: datetime) -> Health:
    """Return how the worker is doing, judged by what it left lying."""
    seal = seal_state(organization_id)
    rolled_at = Rollup.objects.filter(organization_id=organization_id).values_list("rolled_at", flat=True).first()
    waits_since = seal.oldest_unsealed_at
    is_late = overdue > 0 or (waits_since is not None and waits_since < now - LATE_AFTER)
    return Health(seal, overdue, rolled_at, is_late, books_state(now=now))


def books_state(*, now: datetime) -> BooksState:
    """Return what is known of the books."""
    last = BooksCheck.objects.filter(checked_at__isnull=False).order_by("-checked_at", "-pk").first()
    under_way = list(BooksCheck.objects.filter(checked_at=None))
    ends = [last.checked_at] if last else [one.begun_at for one in under_way]
    old_since = min((one for one in ends if one is not None and one < now - BOOKS_OLD_AFTER), default=None)
    return BooksState(last, sum(one.faults for one in under_way), sum(one.unknown for one in under_way), old_since)
