"""One agent as it runs: when it was last heard of, how it was answered, what is open, what does not fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from agents.selectors import AgentRow, agent_of, agent_row
from approvals.models import Authorization
from approvals.selectors.activity import (
    Decisions,
    HeldAuthorization,
    Unfinished,
    decisions_of,
    held_authorizations,
    unfinished,
)
from approvals.selectors.lists import Chosen, authorizations_page
from audit.selectors import Filters, Viewed, newest
from spend.selectors.analytics import LastRecord, OpenHolds, flag_counts, last_record, open_holds

FLAGS_SHOWN_FOR: Final = timedelta(days=30)
EVENTS_SHOWN: Final = 5
UNAUTHORIZED: Final = "unauthorized"


@dataclass(frozen=True, slots=True)
class Runtime:
    """What an operator wants to know of a running agent."""

    row: AgentRow
    last_asked: Authorization | None
    last_record: LastRecord | None
    decisions: Decisions
    unfinished: Mapping[str, Unfinished]
    holds: Sequence[OpenHolds]
    held: Sequence[HeldAuthorization]
    flags: Mapping[str, int]
    events: Sequence[Viewed]

    @property
    def unauthorized(self) -> int:
        """Records of the last month that came without an authorization."""
        return self.flags.get(UNAUTHORIZED, 0)

    @property
    def flagged(self) -> int:
        """Other flags that records of the last month came with."""
        return sum(self.flags.values()) - self.unauthorized


def runtime_of(organization_id: UUID, agent_id: UUID, *, now: datetime) -> Runtime:
    """Return how an agent is doing; raises `NotFound` for a foreign one."""
    agent = agent_of(organization_id, agent_id)
    row = agent_row(agent, now=now)
    asked = authorizations_page(Chosen(organization_id=organization_id, agent_id=agent_id), now=now, limit=1).rows
    return Runtime(
        row=row,
        last_asked=asked[0] if asked else None,
        last_record=last_record(organization_id, agent_id),
        decisions=decisions_of(organization_id, agent_id, now=now),
        unfinished=unfinished(organization_id, agent_id=agent_id),
        holds=open_holds(organization_id, agent_id),
        held=held_authorizations(organization_id, agent_id),
        flags=flag_counts(organization_id, since=now - FLAGS_SHOWN_FOR, agent_id=agent_id),
        events=newest(organization_id, Filters(actor=row.public_id), limit=EVENTS_SHOWN).events,
    )
