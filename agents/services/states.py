"""Freezing, thawing and retiring agents: what is not approved before the commit is not approved after it."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from agents.models import Agent
from agents.services.fields import reason_of
from agents.services.locking import stop_and_lock_agent, stop_and_lock_living_agent
from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.db import use_case
from core.ids import Prefix, to_public
from people.services import raise_epoch


@use_case
def freeze_agent(*, organization_id: UUID, agent_id: UUID, reason: str, actor: Actor, now: datetime) -> Agent:
    """Stop an agent at once; freezing a frozen one changes nothing and keeps the first reason.

    Takes the agent's gate. Raises `NotFound`, `Invalid` (`reason_invalid`), `Conflict` (`agent_retired`).
    """
    reason = reason_of(reason)
    agent = stop_and_lock_living_agent(organization_id, agent_id)
    if agent.frozen_at is not None:
        return agent
    before = _facts(agent)
    agent.frozen_at, agent.frozen_reason = now, reason
    return _store(agent, Action.AGENT_FROZEN, before, actor=actor, now=now)


@use_case
def thaw_agent(*, organization_id: UUID, agent_id: UUID, reason: str, actor: Actor, now: datetime) -> Agent:
    """Let a frozen agent go on; thawing one that is not frozen changes nothing. Raises as `freeze_agent`."""
    reason = reason_of(reason)
    agent = stop_and_lock_living_agent(organization_id, agent_id)
    if agent.frozen_at is None:
        return agent
    before = _facts(agent)
    agent.frozen_at, agent.frozen_reason = None, ""
    return _store(agent, Action.AGENT_THAWED, before, actor=actor, now=now, reason=reason)


@use_case
def retire_agent(*, organization_id: UUID, agent_id: UUID, actor: Actor, now: datetime) -> Agent:
    """End an agent for good: its keys are refused from the commit on. Retiring it again changes nothing."""
    agent = stop_and_lock_agent(organization_id, agent_id)
    if agent.retired_at is not None:
        return agent
    before = _facts(agent)
    agent.retired_at = now
    return _store(agent, Action.AGENT_RETIRED, before, actor=actor, now=now)


def _store(
    agent: Agent, action: Action, before: Mapping[str, object], *, actor: Actor, now: datetime, reason: str = ""
) -> Agent:
    agent.save(update_fields=["frozen_at", "frozen_reason", "retired_at"])
    raise_epoch(agent.organization_id)
    append(
        organization_id=agent.organization_id,
        actor=actor,
        action=action,
        subject_kind="agent",
        subject_id=to_public(Prefix.AGENT, agent.pk),
        before=before,
        after=_facts(agent) | ({"reason": reason} if reason else {}),
        now=now,
    )
    return agent


def _facts(agent: Agent) -> dict[str, object]:
    return {
        "name": agent.name,
        "frozen": agent.frozen_at is not None,
        "frozen_reason": agent.frozen_reason,
        "retired": agent.retired_at is not None,
    }
