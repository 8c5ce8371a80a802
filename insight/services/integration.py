"""What people state of an agent's integration because Conto cannot see it: it is history, and kept there alone."""

from datetime import datetime
from uuid import UUID

from agents.selectors import agent_of
from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.db import use_case
from core.errors import Conflict, Invalid
from core.ids import Prefix, to_public

STATEMENT_LENGTH = 500


@use_case
def state_storage(*, organization_id: UUID, agent_id: UUID, statement: str, actor: Actor, now: datetime) -> None:
    """Store who stated when where the app keeps the agent's keys; the newest statement counts.

    Raises `NotFound`, `Conflict` (`agent_retired`), `Invalid` (`statement_invalid`).
    """
    text = statement.strip()
    if not text or len(text) > STATEMENT_LENGTH or "\0" in text:
        raise Invalid("statement_invalid", f"Say where, in 1 to {STATEMENT_LENGTH} characters.", field="statement")
    agent = agent_of(organization_id, agent_id)
    if agent.retired_at is not None:
        raise Conflict("agent_retired", "This agent has been retired; it does not change any more.")
    append(
        organization_id=organization_id,
        actor=actor,
        action=Action.AGENT_STORAGE_STATED,
        subject_kind="agent",
        subject_id=to_public(Prefix.AGENT, agent_id),
        after={"name": agent.name, "statement": text},
        now=now,
    )
