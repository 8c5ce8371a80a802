"""What became of the last asks of one agent, for the checks of its integration."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from approvals.lifecycle import Status
from core.db import rows
from core.ids import Prefix, to_public

MOST_ASKS: Final = 500
"""Asks looked at, the newest first: what the checks cost does not grow with history."""

ENDS: Final = """
select id, status, asked_at, approved_at, in_doubt_at from approvals_authorization
where organization_id = %(organization)s and agent_id = %(agent)s and asked_at >= %(since)s
order by asked_at desc limit %(limit)s
"""


@dataclass(frozen=True, slots=True)
class End:
    """One authorization and how it stands."""

    id: UUID
    status: str
    asked_at: datetime
    approved_at: datetime | None
    in_doubt_at: datetime | None

    @property
    def public_id(self) -> str:
        """`atz_…`."""
        return to_public(Prefix.AUTHORIZATION, self.id)

    @property
    def is_lost(self) -> bool:
        """Whether it was approved and nobody ever said what became of it."""
        return self.status == Status.EXPIRED and self.approved_at is not None


def ends_of(organization_id: UUID, agent_id: UUID, *, since: datetime) -> tuple[End, ...]:
    """Return what became of an agent's asks since then, the newest first, at most `MOST_ASKS`."""
    params = {"organization": organization_id, "agent": agent_id, "since": since, "limit": MOST_ASKS}
    found = cast(list[tuple[UUID, str, datetime, datetime | None, datetime | None]], rows(ENDS, params))
    return tuple(End(*line) for line in found)
