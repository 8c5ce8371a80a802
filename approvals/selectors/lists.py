"""Lists of authorizations: filtered, newest or largest first, paged by cursor in both directions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from agents.selectors import agent_of
from approvals.models import Authorization, SavedFilter
from approvals.selectors.told import stands_at, told
from core.errors import Invalid, NotFound
from core.ids import Prefix, from_public, to_public
from core.money import amount_text, parse_amount
from core.paging import DEFAULT_PAGE, LARGEST_PAGE, decode_cursor, decode_place, encode_place, wrong_cursor
from policies.selectors import agents_to_assign
from spend.selectors.families import family_of

SEARCHED: Final = 50_000
"""Asks that a page looks through for what no index finds.

Each index on these fields would be paid for by every ask, for a search that people make now and then: the page searches
the newest ones and says so; dates lead further back, and the CSV, which streams, has everything.
"""
SCANNED: Final = ("outcome", "reason", "category", "rail", "session", "currency", "label", "at_least", "at_most")
"""Filters that no index serves in the order of time."""
NEWEST: Final = "newest"
LARGEST: Final = "largest"
SORTS: Final = {NEWEST: "asked_at", LARGEST: "amount"}
"""By what each order goes; ties go by id."""
BACK: Final = "back."
"""Begins a cursor that reads towards the beginning of the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which authorizations a list shows, in which order; None and empty mean any.

    Moments are aware, `until` is excluded, amounts are included. `label` is one of the agent's labels.
    """

    organization_id: UUID
    authorization_id: UUID | None = None
    agent_id: UUID | None = None
    counterparty_id: UUID | None = None
    status: str = ""
    outcome: str = ""
    reason: str = ""
    category: str = ""
    rail: str = ""
    session: str = ""
    currency: str = ""
    label: str = ""
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    since: datetime | None = None
    until: datetime | None = None
    sort: str = NEWEST


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, told by the clock, and the cursors of the pages beside them (empty where there is none)."""

    rows: Sequence[Authorization]
    next_cursor: str
    previous_cursor: str = ""


NOTHING: Final = Page([], "")


def authorizations_page(chosen: Chosen, *, now: datetime, cursor: str = "", limit: int = DEFAULT_PAGE) -> Page:
    """Return the authorizations behind `cursor`, or before it where it says so; raises `Invalid` (`cursor_invalid`)."""
    limit, field = max(1, min(limit, LARGEST_PAGE)), SORTS[chosen.sort]
    is_back = cursor.startswith(BACK)
    found = chosen_authorizations(chosen, now=now)
    if cursor:
        value, last = _place(cursor.removeprefix(BACK), chosen.sort)
        side = "gt" if is_back else "lt"
        found = found.filter(
            # The first condition says nothing new: it is the one that the index begins with.
            Q(**{f"{field}__{side}e": value}),
            Q(**{f"{field}__{side}": value}) | Q(**{field: value, f"id__{side}": last}),
        )
    order = (field, "id") if is_back else (f"-{field}", "-id")
    rows = list(found.order_by(*order)[: limit + 1])
    has_more = len(rows) > limit
    rows = rows[:limit][::-1] if is_back else rows[:limit]
    if not rows:
        return NOTHING
    first, last_row = (encode_place(_key(row, chosen.sort), row.id) for row in (rows[0], rows[-1]))
    return Page(
        told(rows, now=now),
        next_cursor=last_row if has_more or is_back else "",
        previous_cursor=BACK + first if (has_more if is_back else cursor) else "",
    )


@dataclass(frozen=True, slots=True)
class Searched:
    """How far a page has searched: this many asks, back to this moment."""

    number: int
    since: datetime


def bounded(chosen: Chosen) -> tuple[Chosen, Searched | None]:
    """Return the filter for a page that costs the same however long history is, and how far it searches.

    None where it searches everything: what an index finds, and a history of no more than `SEARCHED` asks. Of one agent,
    and of the time before `until`, so many asks are searched again.
    """
    if chosen.authorization_id is not None or not any(getattr(chosen, name) not in (None, "") for name in SCANNED):
        return chosen, None
    within = {"agent_id": chosen.agent_id, "asked_at__lt": chosen.until}
    asked = Authorization.objects.filter(
        organization_id=chosen.organization_id, **{name: value for name, value in within.items() if value is not None}
    )
    behind = asked.order_by("-asked_at", "-id").values_list("asked_at", flat=True)[SEARCHED - 1 : SEARCHED + 1]
    *last, beyond = (*behind, None, None)[:2]
    if beyond is None or (chosen.since is not None and chosen.since > beyond):
        return chosen, None
    since = last[0]
    assert since is not None, "one lies before another"
    return replace(chosen, since=since), Searched(SEARCHED, since)


def every_authorization(chosen: Chosen, *, now: datetime) -> Iterator[Authorization]:
    """Yield all that the filter lets through, in the order of the list, a page in memory at a time."""
    cursor, is_more = "", True
    while is_more:
        page = authorizations_page(chosen, now=now, cursor=cursor, limit=LARGEST_PAGE)
        yield from page.rows
        cursor, is_more = page.next_cursor, bool(page.next_cursor)


def _place(cursor: str, sort: str) -> tuple[datetime | Decimal, UUID]:
    if sort == NEWEST:
        return decode_cursor(cursor)
    value, last = decode_place(cursor)
    try:
        return parse_amount(value), last
    except Invalid as error:
        raise wrong_cursor() from error


def _key(row: Authorization, sort: str) -> str:
    return row.asked_at.isoformat() if sort == NEWEST else amount_text(row.amount)


def saved_filters(member_id: UUID) -> list[tuple[str, str]]:
    """Return the names and queries of the filters that a member keeps, by name."""
    return list(SavedFilter.objects.filter(member_id=member_id).order_by("name").values_list("name", "query"))


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


def chosen_authorizations(chosen: Chosen, *, now: datetime) -> QuerySet[Authorization]:
    """Return what the filter lets through as of `now`, with agent and counterparty."""
    equal = {
        "id": chosen.authorization_id,
        "agent_id": chosen.agent_id,
        "counterparty_id__in": chosen.counterparty_id and family_of(chosen.organization_id, chosen.counterparty_id),
        "outcome": chosen.outcome,
        "reasons__contains": [chosen.reason] if chosen.reason else None,
        "category": chosen.category,
        "rail": chosen.rail,
        "session": chosen.session,
        "currency": chosen.currency,
        "agent__labels__contains": [chosen.label] if chosen.label else None,
        "amount__gte": chosen.at_least,
        "amount__lte": chosen.at_most,
        "asked_at__gte": chosen.since,
        "asked_at__lt": chosen.until,
    }
    wanted = {name: value for name, value in equal.items() if value not in (None, "")}
    found = Authorization.objects.filter(organization_id=chosen.organization_id, **wanted)
    if chosen.status:
        found = found.filter(stands_at(chosen.organization_id, chosen.status, now=now))
    return found.select_related("agent", "counterparty", "approval_request")
