"""Decide without effect: what would be answered now, at another time, of an imagined agent, or by a draft."""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from agents.models import Agent
from approvals.selectors.overdue import without_overdue
from approvals.selectors.situation import Ask, Asker, Situation, look, read_asker, with_missing_summed
from core.errors import Conflict, Invalid, NotFound
from core.ids import Prefix, to_public
from people.models import TIME_ZONES, Organization
from policies.engine.document import parse
from policies.engine.evaluate import PolicyInForce, decide
from policies.engine.types import Decision, Mode
from policies.models import Policy
from policies.selectors import policies_for, targets_of
from policies.services.calendars import with_holidays

NOBODY: Final = UUID(int=0)
"""The id of an imagined agent, which has spent nothing."""
DRAFT: Final = "draft"


def simulate_payment(
    asker: Asker, ask: Ask, *, now: datetime, policies: tuple[PolicyInForce, ...] | None = None
) -> tuple[Situation, Decision]:
    """Return the situation and the decision that an ask would meet at `now`; nothing is stored, no counter is opened.

    Overdue holds, which an ask would expire, count as room. At another time than the present one, counters hold what
    is in the window of that time by now.
    """
    seen = with_missing_summed(look(asker, ask, asked_at=now, now=now, policies=policies))
    situation = without_overdue(seen, now=now)
    return situation, decide(situation.question, situation.facts)


def asker_to_simulate(organization_id: UUID, agent_id: UUID) -> Asker:
    """Return an agent of the organization as it would ask now; raises `NotFound`, and `Invalid` where it is retired."""
    if not Agent.objects.filter(organization_id=organization_id, pk=agent_id).exists():
        raise NotFound()
    asker = read_asker(agent_id)
    if asker.is_retired:
        raise Invalid("agent_retired", "This agent has been retired and asks for nothing any more.", field="agent")
    return asker


def imagined_asker(organization_id: UUID, *, labels: Collection[str], time_zone: str | None = None) -> Asker:
    """Return an agent that does not exist: with these labels, in a time zone of its own, nothing spent so far.

    Raises `Invalid` (`time_zone_unknown`).
    """
    organization = Organization.objects.get(pk=organization_id)
    if time_zone and time_zone not in TIME_ZONES:
        raise Invalid("time_zone_unknown", "Name a zone such as Europe/Berlin.", field="time_zone")
    return Asker(
        agent_id=NOBODY,
        agent_name="An imagined agent",
        labels=tuple(sorted(set(labels))),
        organization_id=organization.pk,
        epoch=organization.epoch,
        time_zone=time_zone or organization.time_zone,
        approval_ttl_seconds=organization.approval_ttl_seconds,
        frozen=("organization_frozen",) if organization.frozen_at else (),
    )


def policies_with_draft(asker: Asker, policy_id: UUID, *, now: datetime) -> tuple[PolicyInForce, ...]:
    """Return what would judge an agent if a policy's draft were enforced; one that binds nobody is taken to bind it.

    Raises `NotFound`, `Conflict` (`draft_missing`), and what the parser says.
    """
    policy = Policy.objects.filter(organization_id=asker.organization_id, pk=policy_id).first()
    if policy is None:
        raise NotFound()
    if policy.draft is None:
        raise Conflict("draft_missing", "This policy has no draft.")
    name = to_public(Prefix.POLICY, policy.pk)
    in_force = policies_for(asker.organization_id, asker.agent_id, asker.labels, asker.epoch)
    kept = tuple(one for one in in_force if one.policy != name or one.mode is Mode.SHADOW)
    targets = targets_of((policy,))[policy.pk]
    if not targets.is_empty and not targets.binds(asker.agent_id, asker.labels):
        return kept
    document = with_holidays(parse(policy.draft), known=(), now=now)
    return (*kept, PolicyInForce(name, policy.name, DRAFT, 0, Mode.ENFORCED, document.rules))
