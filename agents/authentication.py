"""Who calls for an agent: one read turns a runtime credential into an `AgentCaller`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from core import keys
from core.actor import Actor, ActorKind
from core.clock import now as clock_now
from core.db import prepared_rows
from core.errors import NotAuthenticated
from core.ids import Prefix, to_public
from people.authentication import NO_HASH, SCHEME, bearer_text, key_unknown

SEEN_EVERY: Final = timedelta(minutes=1)
"""`last used` and `last seen` are for people; a write per call would cost more than the call."""

KEY_QUERY: Final = """
    select k.secret_hash, k.expires_at, k.revoked_at, k.last_used_at,
           a.id, a.name, a.labels, a.frozen_at is not null, a.retired_at is not null,
           o.id, o.name, o.epoch, o.time_zone, o.currency, o.approval_ttl_seconds, o.frozen_at is not null
      from agents_agentkey k
      join agents_agent a on a.id = k.agent_id
      join people_organization o on o.id = a.organization_id
     where k.id = %(key)s
"""
# A key that somebody else is just marking, or changing, is passed over: authentication waits for nobody.
SEEN_STATEMENT: Final = """
    with used as (
        update agents_agentkey set last_used_at = %(now)s
         where id = (select id from agents_agentkey
                      where id = %(key)s and (last_used_at is null or last_used_at <= %(before)s)
                        for no key update skip locked)
        returning agent_id
    )
    update agents_agent set last_seen_at = %(now)s
     where id = (select a.id from agents_agent a join used on used.agent_id = a.id for no key update of a skip locked)
"""


@dataclass(frozen=True)
class AgentCaller:
    """The agent in whose name a request is made, as it stood when its key was read.

    `frozen` holds `agent_frozen` and `organization_frozen`: a frozen agent may still read, record and void.
    """

    agent_id: UUID
    agent_name: str
    organization_id: UUID
    organization_name: str
    key_id: UUID
    labels: tuple[str, ...]
    epoch: int
    time_zone: str
    currency: str
    approval_ttl_seconds: int
    frozen: tuple[str, ...] = ()
    is_retired: bool = False
    key_expires_at: datetime | None = None

    is_authenticated = True

    @cached_property
    def public_id(self) -> str:
        """`agt_…`."""
        return to_public(Prefix.AGENT, self.agent_id)

    @cached_property
    def organization_public_id(self) -> str:
        """`org_…`."""
        return to_public(Prefix.ORGANIZATION, self.organization_id)

    @cached_property
    def key_public_id(self) -> str:
        """`key_…`."""
        return to_public(Prefix.KEY, self.key_id)

    def actor(self, request_id: str = "", address: str = "") -> Actor:
        """Return the agent as the actor of a use case."""
        return Actor(ActorKind.AGENT, self.public_id, self.agent_name, self.organization_id, request_id, address)


def authenticate_agent(header: str | None, now: datetime) -> AgentCaller | None:
    """Return who calls, or `None` where the `Authorization` header holds no runtime credential at all.

    One read, and at most once a minute one write. Raises `NotAuthenticated`: `key_unknown`, `key_expired`,
    `key_revoked`, `agent_retired`; the last three only for somebody who holds the right secret.
    """
    text = bearer_text(header)
    if text is None or text.startswith(f"conto_{keys.ORGANIZATION}_"):
        return None
    parsed = keys.parse(text)
    if parsed is None or parsed.kind != keys.AGENT:
        raise key_unknown()
    found = prepared_rows(KEY_QUERY, {"key": parsed.key_id})
    row: tuple[Any, ...] | None = found[0] if found else None
    if not keys.matches(text, row[0] if row else NO_HASH) or row is None:
        raise key_unknown()
    _refuse_spent(row, now)
    _mark_seen(parsed.key_id, row[3], now)
    return _caller(parsed.key_id, row)


def _refuse_spent(row: tuple[Any, ...], now: datetime) -> None:
    _, expires_at, revoked_at, *_ = row
    if revoked_at is not None:
        raise NotAuthenticated("key_revoked", "This key has been revoked.")
    if expires_at is not None and expires_at <= now:
        raise NotAuthenticated("key_expired", "This key has expired.")
    if row[8]:
        raise NotAuthenticated("agent_retired", "This agent has been retired.")


def _mark_seen(key_id: UUID, last_used_at: datetime | None, now: datetime) -> None:
    before = now - SEEN_EVERY
    if last_used_at is None or last_used_at <= before:
        prepared_rows(SEEN_STATEMENT, {"key": key_id, "now": now, "before": before})


def _caller(key_id: UUID, row: tuple[Any, ...]) -> AgentCaller:
    _, expires_at, _, _, agent_id, name, labels, is_agent_frozen, is_retired, *organization = row
    organization_id, organization_name, epoch, time_zone, currency, ttl, is_organization_frozen = organization
    frozen = ("agent_frozen",) * is_agent_frozen + ("organization_frozen",) * is_organization_frozen
    return AgentCaller(
        agent_id, name, organization_id, organization_name, key_id, tuple(labels),
        epoch, time_zone, currency, ttl, frozen, is_retired, expires_at,
    )  # fmt: skip


class AgentAuthentication(BaseAuthentication):
    """A runtime credential in the `Authorization` header; `request.auth` and `request.user` are the `AgentCaller`."""

    def authenticate(self, request: Request) -> tuple[AgentCaller, AgentCaller] | None:
        """Return the caller twice, or `None` where another kind of key is meant."""
        caller = authenticate_agent(request.META.get("HTTP_AUTHORIZATION"), clock_now())
        return None if caller is None else (caller, caller)

    def authenticate_header(self, _: Request) -> str:
        """Say how to authenticate."""
        return "Bearer"


class AgentKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the API's description names runtime credentials."""

    target_class = AgentAuthentication
    name = "agentKey"

    def get_security_definition(self, _: object) -> dict[str, str]:
        """Return the OpenAPI security scheme."""
        return {"type": "http", "scheme": SCHEME, "description": "A runtime credential: `conto_agent_…`."}
