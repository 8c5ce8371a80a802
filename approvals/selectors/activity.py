"""What agents have been asking and what became of it, for overview, runtime status and analytics; bounded in time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from django.db.models import Count, Min

from agents.models import Agent
from approvals.lifecycle import Status
from approvals.models import Authorization
from approvals.selectors.situation import Asker
from approvals.selectors.told import LastAsk, is_overdue, told
from core.db import prepared_rows
from core.ids import Prefix, to_public
from people.models import Organization
from policies.engine.types import Outcome

DAY: Final = timedelta(days=1)
MOST_OPEN: Final = 10

SAMPLE: Final = 5_000
"""Asks that the figures of one agent are made of, the newest first: a look costs no more than this."""
MINUTES: Final = 60
OPEN: Final = (Status.PENDING_REVIEW, Status.APPROVED, Status.IN_DOUBT)

DECIDED: Final = """
with recent as (
    select outcome, decided_in_us from approvals_authorization
    where organization_id = %(organization)s and agent_id = %(agent)s and asked_at >= %(since)s and asked_at <= %(now)s
    order by asked_at desc limit %(limit)s
)
select count(*) filter (where outcome = 'allow'), count(*) filter (where outcome = 'review'),
    count(*) filter (where outcome = 'deny'),
    percentile_disc(array[0.5, 0.95]) within group (order by decided_in_us) filter (where decided_in_us > 0)
from recent
"""

BY_MINUTE: Final = """
select floor(extract(epoch from %(now)s::timestamptz - asked_at) / 60)::int, count(*) from approvals_authorization
where agent_id = %(agent)s and asked_at > %(since)s and asked_at <= %(now)s group by 1
"""

BY_AGE: Final = """
select status, count(*) filter (where asked_at > %(now)s::timestamptz - interval '15 minutes'),
    count(*) filter (where asked_at > %(now)s::timestamptz - interval '1 hour'),
    count(*) filter (where asked_at > %(now)s::timestamptz - interval '1 day'), count(*), min(asked_at)
from approvals_authorization
where organization_id = %(organization)s and status in ('pending_review', 'approved', 'in_doubt')
  and agent_id = %(agent)s
  and (expires_at is null or expires_at > %(now)s)
group by status
"""

# The organization is asked for behind the limit: in front of it its own index, which has the same order, would seem to
# serve the statement, and be read to its end for an agent that has asked little.
LAST: Final = """
select id, status, status_reason, amount, currency, asked_at, expires_at from (
    select * from approvals_authorization where agent_id = %(agent)s order by asked_at desc limit %(limit)s
) last where organization_id = %(organization)s order by asked_at desc, id desc
"""

HELD: Final = """
select a.id, a.status, h.held, h.currency, a.asked_at, a.expires_at, coalesce(a.payee->>'name', '')
from spend_hold h join approvals_authorization a on a.id = h.authorization_id
where h.organization_id = %(organization)s and h.agent_id = %(agent)s and h.held > 0
order by h.asked_at limit %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Decisions:
    """How an agent's asks of the last 24 hours were answered, and how long the server took (microseconds).

    Of very many asks the newest `SAMPLE` are counted.
    """

    allow: int
    review: int
    deny: int
    p50_us: int | None
    p95_us: int | None

    @property
    def number(self) -> int:
        """All of them."""
        return self.allow + self.review + self.deny

    @property
    def is_sample(self) -> bool:
        """Whether there were more than are counted."""
        return self.number >= SAMPLE


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Authorizations of one status: how many, and since when the oldest."""

    number: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Ages:
    """What is not over, of one status: how many of which age, and since when the oldest waits."""

    quarter: int = 0
    hour: int = 0
    day: int = 0
    older: int = 0
    oldest: datetime | None = None

    @property
    def number(self) -> int:
        """All of them."""
        return self.quarter + self.hour + self.day + self.older


@dataclass(frozen=True, slots=True)
class HeldAuthorization:
    """An authorization that money is set aside for."""

    id: UUID
    status: str
    held: Decimal
    currency: str
    asked_at: datetime
    expires_at: datetime | None
    payee: str

    @property
    def public_id(self) -> str:
        """`atz_…`."""
        return to_public(Prefix.AUTHORIZATION, self.id)


def decisions_of(organization_id: UUID, agent_id: UUID, *, now: datetime) -> Decisions:
    """Return how an agent was answered in the last 24 hours."""
    params: dict[str, object] = {
        "organization": organization_id,
        "agent": agent_id,
        "since": now - DAY,
        "now": now,
        "limit": SAMPLE,
    }
    allow, review, deny, times = cast(tuple[int, int, int, list[int] | None], prepared_rows(DECIDED, params)[0])
    p50, p95 = times or (None, None)
    return Decisions(allow, review, deny, p50, p95)


def asks_by_minute(agent_id: UUID, *, now: datetime) -> tuple[int, ...]:
    """Return how often an agent asked in each minute of the last hour, the oldest first; a read of the index alone."""
    params: dict[str, object] = {"agent": agent_id, "since": now - MINUTES * timedelta(minutes=1), "now": now}
    found = dict(cast(list[tuple[int, int]], prepared_rows(BY_MINUTE, params)))
    return tuple(found.get(minute, 0) for minute in reversed(range(MINUTES)))


def open_by_age(organization_id: UUID, agent_id: UUID, *, now: datetime) -> Mapping[str, Ages]:
    """Return what is not over by the clock of one agent, by status and age: all of it has money set aside."""
    params: dict[str, object] = {"organization": organization_id, "agent": agent_id, "now": now}
    found = cast(list[tuple[str, int, int, int, int, datetime]], prepared_rows(BY_AGE, params))
    known = {
        status: Ages(quarter, hour - quarter, day - hour, number - day, oldest)
        for status, quarter, hour, day, number, oldest in found
    }
    return {status.value: known.get(status.value, Ages()) for status in OPEN}


def unfinished(organization_id: UUID, *, agent_id: UUID | None = None) -> Mapping[str, Unfinished]:
    """Return what is not over, by status: waiting for people, approved and not recorded, in doubt."""
    found = Authorization.objects.filter(organization_id=organization_id, status__in=OPEN)
    if agent_id is not None:
        found = found.filter(agent_id=agent_id)
    counted = found.values_list("status").annotate(number=Count("id"), oldest=Min("asked_at")).order_by("status")
    none = Unfinished(0, None)
    known = {status: Unfinished(number, oldest) for status, number, oldest in counted}
    return {status.value: known.get(status.value, none) for status in OPEN}


def overdue(organization_id: UUID, *, now: datetime) -> int:
    """Return how many authorizations should have been expired by the worker, and were not."""
    return Authorization.objects.filter(is_overdue(now), organization_id=organization_id).count()


def held_authorizations(organization_id: UUID, agent_id: UUID) -> tuple[HeldAuthorization, ...]:
    """Return the oldest authorizations of an agent that money is set aside for."""
    params: dict[str, object] = {"organization": organization_id, "agent": agent_id, "limit": MOST_OPEN}
    found = cast(list[tuple[UUID, str, Decimal, str, datetime, datetime | None, str]], prepared_rows(HELD, params))
    return tuple(HeldAuthorization(*line) for line in found)


def last_asks(organization_id: UUID, agent_id: UUID, *, limit: int, now: datetime) -> Sequence[LastAsk]:
    """Return what an agent asked for last, the newest first, as it stands now."""
    params: dict[str, object] = {"organization": organization_id, "agent": agent_id, "limit": limit}
    found = cast(list[tuple[UUID, str, str, Decimal, str, datetime, datetime | None]], prepared_rows(LAST, params))
    return told([LastAsk(*line) for line in found], now=now)


def has_asked(organization_id: UUID) -> bool:
    """Say whether any agent of the organization ever asked to spend."""
    return Authorization.objects.filter(organization_id=organization_id).exists()


def has_begun(organization_id: UUID) -> bool:
    """Say whether an ask of the organization ever came further than a denial."""
    return Authorization.objects.filter(organization_id=organization_id).exclude(outcome=Outcome.DENY).exists()


def recent_askers(organization: Organization, *, limit: int) -> tuple[Asker, ...]:
    """Return the agents that are not retired and were seen last, as they stand now."""
    agents = Agent.objects.filter(organization_id=organization.pk, retired_at=None, last_seen_at__isnull=False)
    return tuple(
        Asker(
            agent_id=agent.pk,
            agent_name=agent.name,
            labels=tuple(agent.labels),
            organization_id=organization.pk,
            epoch=organization.epoch,
            time_zone=organization.time_zone,
            approval_ttl_seconds=organization.approval_ttl_seconds,
            frozen=("agent_frozen",) if agent.frozen_at else (),
        )
        for agent in agents.order_by("-last_seen_at", "pk")[:limit]
    )
