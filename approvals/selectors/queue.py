"""The queue of what waits for people, the one that expires first first, and what became of those that left it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from approvals.models import ApprovalRequest, Authorization
from approvals.routing import requirements_from
from approvals.selectors.inbox import why_here
from core.canonical import digest
from core.db import prepared_rows, rows
from core.ids import Prefix, to_public
from core.paging import decode_cursor, encode_cursor
from people.models import Member
from people.roles import Right, rights_of

PAGE: Final = 50
"""Requests on one page of the queue: the rest can wait until these, which expire before them, are answered."""
MOST_COUNTED: Final = 1_000
"""How far the queue is counted; nobody needs to know whether more than that wait or many more."""
BEFORE_ALL: Final = UUID(int=0)
SOON: Final = timedelta(hours=1)
"""What expires within it is marked."""
SAID_ALREADY: Final = re.compile(
    r"^(?:The amount of \S+(?: [A-Z]+)? is|This payment would take) |\.?(?: People decide\.)?$"
)
"""What the sentence of a check says and a line of the queue shows, or what goes without saying in it."""

WAITING: Final = """
select request.authorization_id, request.expires_at,
       (select count(*) from approvals_review yes where yes.request_id = request.id and yes.verdict = 'approve'
           and yes.closed_as not in ('withdrawn', 'set_aside')),
       own.verdict,
       (select agent.frozen_at is not null from agents_agent agent where agent.id = asked.agent_id)
       or (select o.frozen_at is not null from people_organization o where o.id = %(organization)s::uuid)
from approvals_approvalrequest request
join approvals_authorization asked on asked.id = request.authorization_id
left join approvals_review own on own.request_id = request.id and own.person_id = %(person)s::uuid
    and own.closed_as not in ('withdrawn', 'set_aside')
where request.organization_id = %(organization)s::uuid and request.closed_at is null
  and request.expires_at > %(now)s::timestamptz
  and (request.expires_at, request.authorization_id) > (%(after)s::timestamptz, %(after_id)s::uuid)
  and (%(agent)s::uuid is null or asked.agent_id = %(agent)s::uuid)
  and (%(currency)s::text = '' or asked.currency = %(currency)s::text)
  and (%(minimum)s::numeric is null or asked.amount >= %(minimum)s::numeric)
  and (%(payee)s::text = '' or asked.payee->>'name' ilike %(like)s::text
       or exists (select from jsonb_array_elements_text(asked.payee->'identifiers') one where one ilike %(like)s::text))
  and (not %(mine)s::boolean or (
       %(may_review)s::boolean and own.id is null
       and not exists (select from agents_agent agent
                   where agent.id = asked.agent_id and agent.owner_id = %(person)s::uuid)
       and (request.requirements = '[]' or exists (
            select from jsonb_array_elements(request.requirements) need
            where (need->'roles' = '[]' and need->'people' = '[]')
               or need->'roles' ?| %(roles)s::text[] or need->'people' ? %(public_person)s::text))))
order by request.expires_at, request.authorization_id
limit %(limit)s::int
"""
"""One read of the index of open requests, in its order, that ends at its limit; it takes no lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which requests the queue shows to a member; None and empty mean any.

    `is_mine` leaves those that name the member or one of their roles, and that they may still answer.
    """

    member: Member
    agent_id: UUID | None = None
    payee: str = ""
    minimum: Decimal | None = None
    currency: str = ""
    is_mine: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands in the queue, as cheap as it can be read: yeses so far, and the viewer's own answer.

    `is_frozen` says that its agent or the organization is: nobody can approve it for now.
    """

    id: UUID
    expires_at: datetime
    yeses: int
    own: str | None
    is_frozen: bool

    @property
    def version(self) -> str:
        """Another one where the row has something new to say."""
        return f"{self.yeses}{self.own or ''}{'-frozen' if self.is_frozen else ''}"


@dataclass(frozen=True, slots=True)
class Row:
    """A request as the queue shows it."""

    place: Place
    one: Authorization
    public_id: str
    why: str
    needed: int
    is_urgent: bool


@dataclass(frozen=True, slots=True)
class Queue:
    """Some places, the cursor of those behind them (empty at the end), and a version: equal ones look the same."""

    places: Sequence[Place]
    next_cursor: str

    @property
    def version(self) -> str:
        """The digest of everything that the rows tell, without having read them."""
        return digest([[str(one.id), one.version] for one in self.places] + [bool(self.next_cursor)])[:16]


@dataclass(frozen=True, slots=True)
class Left:
    """A request that does not wait any more: how it was closed, by whom (empty: by the clock or the app), when."""

    one: Authorization
    public_id: str
    how: str
    by: str
    is_own: bool
    at: datetime


def queue(wanted: Wanted, *, now: datetime, cursor: str = "", limit: int = PAGE) -> Queue:
    """Return the places behind `cursor`; raises `Invalid` (`cursor_invalid`)."""
    after = decode_cursor(cursor) if cursor else (now, BEFORE_ALL)
    found = _places(wanted, now=now, after=after, limit=limit + 1)
    places = found[:limit]
    return Queue(places, encode_cursor(places[-1].expires_at, places[-1].id) if len(found) > limit else "")


def rows_of_queue(places: Sequence[Place], *, now: datetime) -> list[Row]:
    """Return the rows of these places, in their order."""
    found = (
        Authorization.objects.filter(id__in=[place.id for place in places])
        .select_related("agent", "counterparty", "approval_request")
        .in_bulk()
    )
    return [_row(place, found[place.id], now) for place in places]


def number_waiting(wanted: Wanted, *, now: datetime) -> int:
    """Return how many wait, counted up to one more than `MOST_COUNTED`."""
    params = _params(wanted, now=now, after=(now, BEFORE_ALL), limit=MOST_COUNTED + 1)
    return cast(int, rows(f"select count(*) from ({WAITING}) found", params)[0][0])


def next_to_answer(wanted: Wanted, *, now: datetime, after: UUID | None = None) -> UUID | None:
    """Return the request that the member may answer next: the first behind `after`, else the first of all."""
    open_to_member = replace(wanted, is_mine=True)
    own = ApprovalRequest.objects.filter(organization_id=wanted.member.organization_id)
    answered = own.filter(authorization_id=after).first() if after else None
    starts = [(answered.expires_at, answered.authorization_id)] if answered else []
    for start in (*starts, (now, BEFORE_ALL)):
        found = _places(open_to_member, now=now, after=start, limit=1)
        if found:
            return found[0].id
    return None


def in_a_line(why: str) -> str:
    """Return why a request is here without what its line says anyway: "Above the threshold of $500.00"."""
    found = SAID_ALREADY.sub("", why)
    return found[:1].upper() + found[1:]


def who_left(member: Member, authorization_ids: Sequence[UUID]) -> list[Left]:
    """Return what became of those that do not wait any more, who was last first."""
    closed = (
        ApprovalRequest.objects.filter(
            organization_id=member.organization_id,
            authorization_id__in=authorization_ids,
            closed_at__isnull=False,
        )
        .select_related("authorization")
        .prefetch_related("reviews__person")
        .order_by("-closed_at")
    )
    return [_left(request, member) for request in closed]


def _places(wanted: Wanted, *, now: datetime, after: tuple[datetime, UUID], limit: int) -> list[Place]:
    found = cast(
        Sequence[tuple[UUID, datetime, int, str | None, bool]],
        prepared_rows(WAITING, _params(wanted, now=now, after=after, limit=limit)),
    )
    return [Place(*one) for one in found]


def _params(wanted: Wanted, *, now: datetime, after: tuple[datetime, UUID], limit: int) -> dict[str, object]:
    escaped = wanted.payee.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return {
        "organization": wanted.member.organization_id,
        "person": wanted.member.person_id,
        "public_person": to_public(Prefix.PERSON, wanted.member.person_id),
        "roles": list(wanted.member.roles),
        "now": now,
        "after": after[0],
        "after_id": after[1],
        "agent": wanted.agent_id,
        "currency": wanted.currency,
        "minimum": wanted.minimum,
        "payee": wanted.payee,
        "like": f"%{escaped}%",
        "mine": wanted.is_mine,
        "may_review": Right.REVIEW in rights_of(wanted.member.roles),
        "limit": limit,
    }


def _row(place: Place, one: Authorization, now: datetime) -> Row:
    requirements = requirements_from(one.approval_request.requirements)
    return Row(
        place=place,
        one=one,
        public_id=to_public(Prefix.AUTHORIZATION, one.id),
        why=in_a_line(why_here(one)),
        needed=max((requirement.approvals for requirement in requirements), default=1),
        is_urgent=place.expires_at - now < SOON,
    )


def _left(request: ApprovalRequest, member: Member) -> Left:
    verdict = {"approved": "approve", "rejected": "reject", "redecided": "approve"}.get(request.closed_as)
    told = [review for review in request.reviews.all() if (review.verdict, review.closed_as) == (verdict, "counted")]
    last = max(told, key=lambda review: review.at, default=None)
    assert request.closed_at is not None, "only closed ones were read"
    return Left(
        one=request.authorization,
        public_id=to_public(Prefix.AUTHORIZATION, request.authorization_id),
        how=request.closed_as,
        by=str(last.person) if last else "",
        is_own=last is not None and last.person_id == member.person_id,
        at=request.closed_at,
    )
