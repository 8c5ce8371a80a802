"""How an organization's agents are doing, counted by state."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q

from agents.models import Agent, AgentKey
from agents.selectors import EXPIRING_WITHIN, SILENT_AFTER


@dataclass(frozen=True, slots=True)
class Fleet:
    """Agents that are not retired, by state; those with an expiring key are counted in their own state too."""

    number: int
    active: int
    silent: int
    never_seen: int
    frozen: int
    key_expiring: int


def fleet_of(organization_id: UUID, *, now: datetime) -> Fleet:
    """Return how many agents are in each state, as the list's filter of that state would find them."""
    thawed = Q(frozen_at=None)
    found = Agent.objects.filter(organization_id=organization_id, retired_at=None).aggregate(
        number=Count("pk"),
        active=Count("pk", filter=thawed & Q(last_seen_at__gt=now - SILENT_AFTER)),
        silent=Count("pk", filter=thawed & Q(last_seen_at__lte=now - SILENT_AFTER)),
        never_seen=Count("pk", filter=thawed & Q(last_seen_at=None)),
        frozen=Count("pk", filter=Q(frozen_at__isnull=False)),
    )
    expiring = AgentKey.objects.filter(
        organization_id=organization_id,
        agent__retired_at=None,
        revoked_at=None,
        successor=None,
        expires_at__gt=now,
        expires_at__lte=now + EXPIRING_WITHIN,
    )
    return Fleet(**found, key_expiring=expiring.values("agent_id").distinct().count())
