"""What the first page answers: what needs somebody now, and how much of the limits is used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from agents.models import Agent, AgentKey
from approvals.models import Authorization
from approvals.selectors.activity import Unfinished, has_asked, has_begun, overdue, recent_askers, unfinished
from approvals.selectors.inbox import waiting
from approvals.selectors.limits import Limit, limits_of
from core.ids import Prefix, to_public
from insight.selectors.fleet import Fleet, fleet_of
from people.models import Organization
from policies.engine.rules import RuleType
from policies.engine.types import Mode
from policies.selectors import policies_for
from spend.selectors.analytics import flag_counts, number_flagged
from spend.selectors.by_agent import Unasked, unasked_by_agent

FLAGS_SHOWN_FOR: Final = timedelta(days=7)
EXPIRING_SHOWN: Final = 3
OFFENDERS_SHOWN: Final = 3
AGENTS_LOOKED_AT: Final = 12
"""Agents whose limits the first page compares: each costs one read."""
LIMITS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Needs:
    """What may need somebody now; `flags` are the records of the last week that did not fit, by flag.

    `flagged` is how many they are: one with several flags counts once.
    """

    waiting: int
    expiring_first: Sequence[Authorization]
    in_doubt: Unfinished
    flags: Mapping[str, int]
    flagged: int
    unasked: Sequence[Unasked]
    overdue: int
    fleet: Fleet

    @property
    def is_quiet(self) -> bool:
        """Whether nobody has to do anything."""
        fleet = self.fleet
        return not (
            self.waiting or self.in_doubt.number or self.flagged or self.overdue or fleet.frozen or fleet.key_expiring
        )


@dataclass(frozen=True, slots=True)
class Beginning:
    """How far an organization has come towards its first answer that is no denial.

    `agent_id` is the public id of its first agent; policy and key are that agent's.
    """

    agent_id: str
    has_policy: bool
    has_key: bool
    has_asked: bool
    is_over: bool


@dataclass(frozen=True, slots=True)
class UsedLimit:
    """One limit and whose it is; nobody's own where agents share it."""

    limit: Limit
    agent_id: str
    agent_name: str

    @property
    def share(self) -> Decimal:
        """How much of it is taken: 1 is all."""
        return self.limit.used / self.limit.limit if self.limit.limit else Decimal(1)


def needs_of(organization_id: UUID, *, now: datetime) -> Needs:
    """Return what may need somebody now."""
    queue = waiting(organization_id, now=now)
    return Needs(
        waiting=queue.count(),
        expiring_first=list(queue[:EXPIRING_SHOWN]),
        in_doubt=unfinished(organization_id)["in_doubt"],
        flags=flag_counts(organization_id, since=now - FLAGS_SHOWN_FOR),
        flagged=number_flagged(organization_id, since=now - FLAGS_SHOWN_FOR),
        unasked=unasked_by_agent(organization_id, since=now - FLAGS_SHOWN_FOR, limit=OFFENDERS_SHOWN),
        overdue=overdue(organization_id, now=now),
        fleet=fleet_of(organization_id, now=now),
    )


def beginning_of(organization_id: UUID, *, now: datetime) -> Beginning:
    """Return which of the first steps are done."""
    if has_begun(organization_id):
        return Beginning("", has_policy=True, has_key=True, has_asked=True, is_over=True)
    agents = Agent.objects.filter(organization_id=organization_id, retired_at=None).select_related("organization")
    agent = agents.order_by("pk").first()
    return Beginning(
        agent_id=to_public(Prefix.AGENT, agent.pk) if agent else "",
        has_policy=agent is not None and _has_enforced_policy(agent),
        has_key=agent is not None and _has_key(agent, now),
        has_asked=has_asked(organization_id),
        is_over=False,
    )


def _has_enforced_policy(agent: Agent) -> bool:
    found = policies_for(agent.organization_id, agent.pk, tuple(agent.labels), agent.organization.epoch)
    return any(policy.mode is Mode.ENFORCED for policy in found)


def _has_key(agent: Agent, now: datetime) -> bool:
    return AgentKey.objects.filter(agent=agent, revoked_at=None).exclude(expires_at__lte=now).exists()


def most_used_limits(organization: Organization, *, now: datetime) -> tuple[UsedLimit, ...]:
    """Return the enforced money limits of the agents seen last that are used most; a shared budget stands once."""
    found: dict[tuple[object, ...], UsedLimit] = {}
    for asker in recent_askers(organization, limit=AGENTS_LOOKED_AT):
        for limit in limits_of(asker, now=now):
            if limit.mode != "enforced" or not limit.currency:
                continue
            is_pot = limit.rule == RuleType.BUDGET_ALLOCATION
            name = (limit.policy, limit.rule_key, limit.code, limit.currency)
            key = (*name, limit.used, limit.limit) if is_pot else (*name, asker.agent_id)
            first = found.get(key)
            # A budget that shows the same sums for several agents is one pot, or as good as one.
            mine = UsedLimit(limit, to_public(Prefix.AGENT, asker.agent_id), asker.agent_name)
            found[key] = mine if first is None else UsedLimit(limit, "", "")
    used = sorted(found.values(), key=lambda one: -one.share)
    return tuple(used[:LIMITS_SHOWN])
