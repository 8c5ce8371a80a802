"""Equal payments of a history that is followed again: what DUPLICATE rules look back at."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from approvals.replay.books import Entry
from core.ids import Prefix, to_public
from policies.engine.types import Earlier, Lookback, Payment, Rail

LIMIT: Final = 50
"""As many as an ask reads (`approvals.selectors.situation`)."""

Same = tuple[UUID, str, Decimal, str]
"""Agent, payee, amount and currency."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A payment that was not denied."""

    authorization: UUID
    asked_at: datetime
    purpose: str | None
    session: str | None
    category: str | None
    rail: Rail | None
    entry: Entry


class Twins:
    """Payments that were not denied, by what makes them equal, the newest last."""

    def __init__(self, longest: timedelta) -> None:
        """Remember as far back as any rule looks; where none does, nothing."""
        self.longest = longest
        self.kept: dict[Same, list[Twin]] = defaultdict(list)

    def add(self, same: Same, authorization: UUID, payment: Payment, entry: Entry) -> None:
        """Remember a payment, where any rule could look back at it."""
        if not self.longest:
            return
        twin = Twin(
            authorization,
            payment.asked_at,
            payment.purpose,
            payment.session,
            payment.category,
            payment.rail,
            entry,
        )
        self.kept[same].append(twin)

    def earlier(
        self, same: Same, wanted: Lookback, asked_at: datetime, *, own: Entry | None = None
    ) -> tuple[tuple[Earlier, ...], datetime | None]:
        """Return the equal payments that count, the newest first, and before when some may be missing."""
        kept = self.kept.get(same)
        if not kept:
            return (), None
        span = timedelta(minutes=wanted.minutes)
        near = [twin for twin in kept if abs(asked_at - twin.asked_at) <= span]
        found = [twin for twin in reversed(near) if twin.entry is not own and _counts(twin, wanted)][:LIMIT]
        earlier = tuple(
            Earlier(
                to_public(Prefix.AUTHORIZATION, twin.authorization),
                twin.asked_at,
                twin.purpose,
                twin.session,
                twin.category,
                twin.rail,
            )
            for twin in found
        )
        return earlier, earlier[-1].asked_at if len(earlier) == LIMIT else None

    def merge(self, merged: str, kept: str) -> None:
        """Let what was asked for a payee have been asked for the one that it was merged into."""
        for same in [one for one in self.kept if one[1] == merged]:
            agent, _, amount, currency = same
            both = [*self.kept.pop(same), *self.kept[agent, kept, amount, currency]]
            self.kept[agent, kept, amount, currency] = sorted(both, key=lambda twin: twin.asked_at)

    def forget_before(self, now: datetime) -> None:
        """Let go of what no rule looks back at any more."""
        for same, kept in list(self.kept.items()):
            kept[:] = [twin for twin in kept if twin.asked_at >= now - self.longest]
            if not kept:
                del self.kept[same]


def _counts(twin: Twin, wanted: Lookback) -> bool:
    """Ask of an equal payment what `approvals.selectors.situation.LOOK` asks of rows."""
    return (
        not twin.entry.is_gone
        and (wanted.purpose is None or twin.purpose in (None, wanted.purpose))
        and (wanted.session is None or twin.session in (None, wanted.session))
        and (not wanted.categories or twin.category is None or twin.category in wanted.categories)
        and (not wanted.rails or twin.rail is None or twin.rail in wanted.rails)
    )
