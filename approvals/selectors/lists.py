"""Lists of authorizations: filtered, newest or largest first, paged by cursor in both directions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from agents.selectors import agent_of
from approvals.lifecycle import Status
from approvals.models import Authorization
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
SCANNED: Final = (
    "outcome", "reason", "because", "category", "rail", "session", "currency", "label", "at_least", "at_most", "text",
)  # fmt: skip
"""Filters that no index serves in the order of time."""
NEWEST: Final = "newest"
LARGEST: Final = "largest"
SORTS: Final = {NEWEST: "asked_at", LARGEST: "amount"}
"""By what each order goes; ties go by id."""
OPEN: Final = (Status.APPROVED, Status.PENDING_REVIEW, Status.IN_DOUBT)
CLOSED_BY_PEOPLE: Final = ("rejected", "redecided")
"""How a question to people ends that declines."""
FIRST_ID: Final = UUID(int=0)
"""Before every id: a place behind everything of its moment."""
BACK: Final = "back."
"""Begins a cursor that reads towards the beginning of the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which authorizations a list shows, in which order; None and empty mean any.

    Moments are aware, `until` is excluded, amounts are included. `because` is why it was declined: the first reason of
    a denial, or as what its question to people was closed. `label` is one of the agent's labels; `text` stands in the
    purpose, in the payee's name as it was asked for, or in that of the counterparty.
    """

    organization_id: UUID
    authorization_id: UUID | None = None
    agent_id: UUID | None = None
    counterparty_id: UUID | None = None
    status: str = ""
    outcome: str = ""
    reason: str = ""
    because: str = ""
    category: str = ""
    rail: str = ""
    session: str = ""
    currency: str = ""
    label: str = ""
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
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
    if chosen.authorization_id is not None or not _is_scanned(chosen):
        return chosen, None
    since = _searched_back_to(chosen, behind=Q())
    return (chosen, None) if since is None else (replace(chosen, since=since), Searched(SEARCHED, since))


def searched_page(chosen: Chosen, *, now: datetime, cursor: str = "", limit: int = DEFAULT_PAGE) -> Page:
    """Return the newest authorizations behind `cursor`, however long history is; raises `Invalid` (`cursor_invalid`).

    What no index finds is searched `SEARCHED` asks at a time: a page that ends there may be short, even empty, and its
    cursor leads on. Whoever follows the cursors to the end has seen everything.
    """
    behind = _behind(*decode_cursor(cursor)) if cursor else Q()
    is_searched = _is_scanned(chosen) or _needs_two_indexes(chosen)
    since = _searched_back_to(chosen, behind=behind) if is_searched else None
    within = chosen if since is None else replace(chosen, since=since)
    page = authorizations_page(within, now=now, cursor=cursor, limit=limit)
    if since is None or page.next_cursor:
        return page
    return replace(page, next_cursor=encode_place(since.isoformat(), FIRST_ID))


def _is_scanned(chosen: Chosen) -> bool:
    return any(getattr(chosen, name) not in (None, "") for name in SCANNED)


def _needs_two_indexes(chosen: Chosen) -> bool:
    """Say whether each index of the filter may find far more than the list shows; what is open is never much."""
    is_ended = bool(chosen.status) and chosen.status not in OPEN
    return sum([chosen.agent_id is not None, chosen.counterparty_id is not None, is_ended]) > 1


def _behind(moment: datetime, last: UUID) -> Q:
    """Return the condition for what was asked before."""
    # The first condition says nothing new: it is the one that the index begins with.
    return Q(asked_at__lte=moment) & (Q(asked_at__lt=moment) | Q(asked_at=moment, id__lt=last))


def _searched_back_to(chosen: Chosen, *, behind: Q) -> datetime | None:
    """Return when the last ask was made that a search looks at; None where it reaches the end of what is wanted."""
    within = {"agent_id": chosen.agent_id, "asked_at__lt": chosen.until}
    asked = Authorization.objects.filter(
        behind,
        organization_id=chosen.organization_id,
        **{name: value for name, value in within.items() if value is not None},
    )
    found = asked.order_by("-asked_at", "-id").values_list("asked_at", flat=True)[SEARCHED - 1 : SEARCHED + 1]
    last, beyond = (*found, None, None)[:2]
    return None if beyond is None or (chosen.since is not None and chosen.since > beyond) else last


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
    if chosen.because in CLOSED_BY_PEOPLE:
        found = found.filter(approval_request__closed_as=chosen.because)
    elif chosen.because:
        found = found.filter(outcome="deny", reasons__0=chosen.because)
    if chosen.text:
        said = ("payee__name", "counterparty__name", "purpose")
        found = found.filter(reduce(or_, (Q(**{f"{one}__icontains": chosen.text}) for one in said)))
    if chosen.status:
        found = found.filter(stands_at(chosen.organization_id, chosen.status, now=now))
    return found.select_related("agent", "counterparty", "approval_request")
