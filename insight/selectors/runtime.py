"""One agent as it runs: when it was last heard of, how it was answered, what is open, what does not fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from agents.selectors import AgentRow, agent_of, agent_row
from approvals.selectors.activity import (
    Ages,
    Decisions,
    HeldAuthorization,
    asks_by_minute,
    decisions_of,
    held_authorizations,
    last_asks,
    open_by_age,
)
from approvals.selectors.told import LastAsk
from audit.selectors import Viewed, stream, with_names
from core.db import prepared_rows
from core.ids import Prefix, to_public
from insight.selectors.fleet import LOOKED_AT, Trouble, troubles_of
from spend.selectors.analytics import LastRecord, OpenHolds, flags_of_agent, last_record, open_holds

FLAGS_SHOWN_FOR: Final = timedelta(days=30)
EVENTS_SHOWN: Final = 20
STREAMED: Final = 30
"""Authorizations whose events are streamed, the ones asked for last."""
UNAUTHORIZED: Final = "unauthorized"
RATE_MINUTES: Final = 5

# Whatever an agent does or has done to it leaves an event of which it is the actor or the subject, or changes one of
# the authorizations that it asked for last: three short walks along indexes, and nothing is locked.
STATE: Final = """
select (select id::text from audit_event where organization_id = %(organization)s and actor_id = %(public)s
        order by at desc limit 1),
    (select id::text from audit_event where organization_id = %(organization)s and subject_id = %(public)s
        order by at desc limit 1),
    (select max(changed_at)::text from (select organization_id, changed_at from approvals_authorization
        where agent_id = %(agent)s order by asked_at desc limit %(limit)s) last
        where organization_id = %(organization)s)
"""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What an operator wants to know of a running agent; `by_minute` are its asks of the last hour, oldest first."""

    row: AgentRow
    troubles: tuple[Trouble, ...]
    last_asked: LastAsk | None
    last_record: LastRecord | None
    decisions: Decisions
    by_minute: tuple[int, ...]
    open: Mapping[str, Ages]
    holds: Sequence[OpenHolds]
    held: Sequence[HeldAuthorization]
    flags: Mapping[str, int]
    events: Sequence[Viewed]

    @property
    def seen_at(self) -> datetime | None:
        """When it was last heard of: its visits are noted now and then, each ask and each record at once."""
        asked = self.last_asked.asked_at if self.last_asked else None
        recorded = self.last_record.recorded_at if self.last_record else None
        return max((one for one in (self.row.agent.last_seen_at, asked, recorded) if one), default=None)

    @property
    def per_minute(self) -> float:
        """Decisions per minute now: the mean of the last five minutes."""
        return sum(self.by_minute[-RATE_MINUTES:]) / RATE_MINUTES

    @property
    def unauthorized(self) -> int:
        """Records of the last month that came without an authorization."""
        return self.flags.get(UNAUTHORIZED, 0)

    @property
    def flagged(self) -> int:
        """Other flags that records of the last month came with."""
        return sum(self.flags.values()) - self.unauthorized


def runtime_state(organization_id: UUID, agent_id: UUID) -> str:
    """Return a text that changes with whatever an agent does and whatever is done to it; one read."""
    params: dict[str, object] = {
        "organization": organization_id,
        "agent": agent_id,
        "public": to_public(Prefix.AGENT, agent_id),
        "limit": STREAMED,
    }
    return " ".join(str(part) for part in prepared_rows(STATE, params)[0])


def runtime_of(organization_id: UUID, agent_id: UUID, *, now: datetime) -> Runtime:
    """Return how an agent is doing; raises `NotFound` for a foreign one."""
    agent = agent_of(organization_id, agent_id)
    row = agent_row(agent, now=now)
    asked = last_asks(organization_id, agent_id, limit=STREAMED, now=now)
    subjects = [row.public_id, *(to_public(Prefix.AUTHORIZATION, one.id) for one in asked)]
    flags = flags_of_agent(organization_id, agent_id, since=now - FLAGS_SHOWN_FOR, lately=now - LOOKED_AT)
    unfinished = open_by_age(organization_id, agent_id, now=now)
    return Runtime(
        row=row,
        troubles=troubles_of(organization_id, row, flags=flags.of_late, unfinished=unfinished, now=now),
        last_asked=asked[0] if asked else None,
        last_record=last_record(organization_id, agent_id),
        decisions=decisions_of(organization_id, agent_id, now=now),
        by_minute=asks_by_minute(agent_id, now=now),
        open=unfinished,
        holds=open_holds(organization_id, agent_id),
        held=held_authorizations(organization_id, agent_id),
        flags=flags.of_all,
        events=with_names(organization_id, stream(organization_id, row.public_id, subjects, limit=EVENTS_SHOWN)),
    )
