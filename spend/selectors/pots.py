"""Pots that are filled per session: which sessions have drawn on them."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from core.db import rows

SESSIONS: Final = """
select key, pot, session, used from spend_counter
where organization_id = %(organization)s and pot = any(%(pots)s::text[]) and session is not null
order by opened_at desc, id desc limit %(limit)s
"""


@dataclass(frozen=True, slots=True)
class SessionPot:
    """What one session has drawn from a pot, under the key that the rule had then."""

    key: str
    pot: str
    session: str
    used: Decimal


def session_pots(organization_id: UUID, pots: Collection[str], *, limit: int) -> tuple[SessionPot, ...]:
    """Return the sessions that have drawn on these pots, those that began last first."""
    if not pots:
        return ()
    found = rows(SESSIONS, {"organization": organization_id, "pots": list(pots), "limit": limit})
    return tuple(SessionPot(*line) for line in cast(list[tuple[str, str, str, Decimal]], found))
