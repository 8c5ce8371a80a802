"""What is known of agents' keys: how many are in force, which ends next, when the last one ran out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast
from uuid import UUID

from core.db import prepared_rows

EXPIRING_WITHIN: Final = timedelta(days=7)

COUNT: Final = """
select agent_id, count(*) filter (where expires_at is null or expires_at > %(now)s),
    min(expires_at) filter (where successor_id is null and expires_at > %(now)s),
    max(expires_at) filter (where expires_at <= %(now)s)
from agents_agentkey where revoked_at is null and agent_id = any({agents}) group by agent_id
"""
OF_THESE: Final = COUNT.format(agents="%(agents)s::uuid[]")
# The others are not counted: of most fleets that is every one.
ENDING: Final = COUNT.format(
    agents="""array(
    select key.agent_id from agents_agentkey key join agents_agent agent on agent.id = key.agent_id
    where key.organization_id = %(organization)s and key.revoked_at is null and key.expires_at <= %(soon)s
      and agent.retired_at is null)"""
)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one agent that nobody revoked: how many are in force, which ends next, when the last one ran out."""

    in_force: int = 0
    next_expiry: datetime | None = None
    ran_out_at: datetime | None = None

    def state(self, now: datetime) -> str:
        """Return `key_expired` where all have run out, `key_expiring` where one ends soon, else nothing."""
        if self.ran_out_at is not None and not self.in_force:
            return "key_expired"
        is_ending = self.next_expiry is not None and self.next_expiry - now <= EXPIRING_WITHIN
        return "key_expiring" if is_ending else ""


def counted_keys(agent_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, Keys]:
    """Return what is known of the keys of these agents; those without any that nobody revoked are missing. One read."""
    return _read(prepared_rows(OF_THESE, {"agents": list(agent_ids), "now": now}))


def ending_keys(organization_id: UUID, *, now: datetime) -> dict[UUID, Keys]:
    """Return the keys of the living agents of which all have run out or one ends soon; one read."""
    params: dict[str, object] = {"organization": organization_id, "now": now, "soon": now + EXPIRING_WITHIN}
    return {agent_id: keys for agent_id, keys in _read(prepared_rows(ENDING, params)).items() if keys.state(now)}


def _read(found: Sequence[tuple[object, ...]]) -> dict[UUID, Keys]:
    lines = cast(list[tuple[UUID, int, datetime | None, datetime | None]], found)
    return {agent_id: Keys(in_force, next_expiry, ran_out_at) for agent_id, in_force, next_expiry, ran_out_at in lines}
