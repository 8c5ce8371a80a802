"""The asks of several agents at once: how many, how many denied and why, what is not over."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from approvals.selectors.activity import Unfinished
from core.db import prepared_rows, rows

MANY: Final = 5
"""Denials in a day from which somebody has to look: fewer are what limits are there for."""

FIND_DENIED: Final = """
with denied as (
    select agent_id, asked_at, reasons[1] as reason,
        not reasons && array['agent_frozen', 'organization_frozen']::varchar[] as is_thawed
    from approvals_authorization
    where organization_id = %(organization)s and status = 'declined' and asked_at >= %(since)s and outcome = 'deny'
      and {of}
)
select agent.id, agent.name, agent.frozen_at is not null or agent.retired_at is not null, found.* from (
    select agent_id, count(*), count(*) filter (where is_thawed),
        mode() within group (order by reason) filter (where is_thawed), max(asked_at) filter (where is_thawed)
    from denied group by agent_id having bool_or(is_thawed)
) found join agents_agent agent on agent.id = found.agent_id
"""
DENIED: Final = FIND_DENIED.format(of="true")
DENIED_ONE: Final = FIND_DENIED.format(of="agent_id = %(agent)s")

ASKED: Final = """
select agent_id, count(*) from approvals_authorization
where agent_id = any(%(agents)s::uuid[]) and asked_at >= %(since)s group by agent_id
"""

UNSETTLED: Final = """
select agent_id, status, count(*), min(asked_at) from approvals_authorization
where organization_id = %(organization)s and status in ('pending_review', 'in_doubt')
  and (expires_at is null or expires_at > %(now)s)
group by agent_id, status
"""


@dataclass(frozen=True, slots=True)
class Denied:
    """Denied asks of one agent: all of them, and how many, mostly why and when last while it was not frozen."""

    agent_name: str
    is_stopped: bool
    number: int
    thawed: int
    reason: str
    last: datetime

    @property
    def is_often(self) -> bool:
        """Whether it goes on asking for what it does not get: it is in a loop, or not itself."""
        return self.thawed >= MANY

    @property
    def is_urgent(self) -> bool:
        """Whether somebody has to look: an agent that is frozen or retired can do no more harm."""
        return self.is_often and not self.is_stopped


def denied_by_agent(organization_id: UUID, *, since: datetime) -> Mapping[UUID, Denied]:
    """Return the agents that were denied something since then for more than being frozen; one read by index."""
    return _denied(rows(DENIED, {"organization": organization_id, "since": since}))


def denied_to(organization_id: UUID, agent_id: UUID, *, since: datetime) -> Mapping[UUID, Denied]:
    """Return the same of one agent; empty where it was denied nothing."""
    params: dict[str, object] = {"organization": organization_id, "agent": agent_id, "since": since}
    return _denied(prepared_rows(DENIED_ONE, params))


def _denied(found: Sequence[tuple[object, ...]]) -> Mapping[UUID, Denied]:
    return {
        agent_id: Denied(name, is_stopped, number, thawed, reason or "", last)
        for agent_id, name, is_stopped, _, number, thawed, reason, last in cast(
            list[tuple[UUID, str, bool, UUID, int, int, str | None, datetime]], found
        )
    }


def asked_by_agent(agent_ids: Sequence[UUID], *, since: datetime) -> Mapping[UUID, int]:
    """Return how often each of these agents asked since then; one read of the index alone."""
    return dict(cast(list[tuple[UUID, int]], prepared_rows(ASKED, {"agents": list(agent_ids), "since": since})))


def unsettled_by_agent(organization_id: UUID, *, now: datetime) -> Mapping[UUID, Mapping[str, Unfinished]]:
    """Return what somebody has to see to before the clock ends it, by agent and status: what waits, what is in doubt.

    What is approved is not read: its number grows with all that apps have asked for and not yet recorded.
    """
    found: defaultdict[UUID, dict[str, Unfinished]] = defaultdict(dict)
    lines = rows(UNSETTLED, {"organization": organization_id, "now": now})
    for agent_id, status, number, oldest in cast(list[tuple[UUID, str, int, datetime]], lines):
        found[agent_id][status] = Unfinished(number, oldest)
    return found
