"""Lists of authorizations: filtered, newest first, paged by cursor."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from agents.selectors import agent_of
from approvals.models import Authorization
from core.errors import NotFound
from core.ids import Prefix, from_public, to_public
from core.paging import DEFAULT_PAGE, LARGEST_PAGE, decode_cursor, encode_cursor
from policies.selectors import agents_to_assign


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which authorizations a list shows; None and empty mean any. Moments are aware, `until` is excluded."""

    organization_id: UUID
    agent_id: UUID | None = None
    counterparty_id: UUID | None = None
    status: str = ""
    outcome: str = ""
    reason: str = ""
    category: str = ""
    rail: str = ""
    session: str = ""
    currency: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and the cursor of those behind them (empty at the end)."""

    rows: list[Authorization]
    next_cursor: str


def authorizations_page(chosen: Chosen, *, cursor: str = "", limit: int = DEFAULT_PAGE) -> Page:
    """Return the newest authorizations behind `cursor`; raises `Invalid` (`cursor_invalid`)."""
    limit = max(1, min(limit, LARGEST_PAGE))
    found = chosen_authorizations(chosen)
    if cursor:
        asked_at, last = decode_cursor(cursor)
        found = found.filter(Q(asked_at__lt=asked_at) | Q(asked_at=asked_at, id__lt=last))
    rows = list(found[: limit + 1])
    has_more = len(rows) > limit
    rows = rows[:limit]
    return Page(rows, encode_cursor(rows[-1].asked_at, rows[-1].id) if has_more else "")


def every_authorization(chosen: Chosen) -> Iterator[Authorization]:
    """Yield all that the filter lets through, newest first, a page in memory at a time."""
    cursor, is_more = "", True
    while is_more:
        page = authorizations_page(chosen, cursor=cursor, limit=LARGEST_PAGE)
        yield from page.rows
        cursor, is_more = page.next_cursor, bool(page.next_cursor)


def agents_to_choose(organization_id: UUID, asked: str) -> list[tuple[str, str]]:
    """Return public ids and names of agents to filter by, and the one asked for where those lack it."""
    names = [(to_public(Prefix.AGENT, agent_id), name) for agent_id, name in agents_to_assign(organization_id)]
    if not asked or asked in dict(names):
        return names
    try:
        agent = agent_of(organization_id, from_public(Prefix.AGENT, asked))
    except NotFound:
        return names
    return [*names, (asked, f"{agent.name} (retired)" if agent.retired_at else agent.name)]


def chosen_authorizations(chosen: Chosen) -> QuerySet[Authorization]:
    """Return what the filter lets through, newest first, with agent and counterparty."""
    equal = {
        "agent_id": chosen.agent_id,
        "counterparty_id": chosen.counterparty_id,
        "status": chosen.status,
        "outcome": chosen.outcome,
        "category": chosen.category,
        "rail": chosen.rail,
        "session": chosen.session,
        "currency": chosen.currency,
        "asked_at__gte": chosen.since,
        "asked_at__lt": chosen.until,
    }
    wanted = {name: value for name, value in equal.items() if value not in (None, "")}
    found = Authorization.objects.filter(organization_id=chosen.organization_id, **wanted)
    if chosen.reason:
        found = found.filter(reasons__contains=[chosen.reason])
    return found.select_related("agent", "counterparty", "approval_request").order_by("-asked_at", "-id")
