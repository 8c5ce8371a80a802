"""What was asked, and what became of it: history as it is stored, in the order of time and a part at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

import orjson

from approvals.lifecycle import Status
from audit.catalogue import Action
from audit.selectors.past import first_told
from core.db import rows
from core.ids import EPOCH, Prefix, to_public

CHUNK: Final = 1_000
"""Asks in memory at a time."""
ZERO: Final = Decimal(0)

RECORDS: Final = """
array(select array[extract(epoch from r.recorded_at)::text, r.amount::text, r.kind, r.is_final::text,
                   r.gives_room_back::text]
      from spend_spendrecord r where r.hold_id = {hold} order by r.recorded_at, r.id)
"""
ASKED: Final = f"""
select a.id, a.agent_id, a.asked_at, a.amount, a.outcome, a.status, a.approved_at, a.closed_at, a.in_doubt_at,
    a.given_up_as, a.payee_digest, (a.facts->'payment')::text, coalesce((a.facts->'facts'->'frozen')::text, '[]'),
    {RECORDS.format(hold="a.id")}
from approvals_authorization a
where a.organization_id = %(organization)s::uuid
  and (%(agents)s::uuid[] is null or a.agent_id = any(%(agents)s::uuid[]))
  and (a.asked_at, a.id) > (%(after)s::timestamptz, %(after_id)s::uuid) and a.asked_at < %(until)s::timestamptz
order by a.asked_at, a.id limit %(limit)s::int
"""
UNASKED: Final = """
select r.recorded_at, r.id, r.amount, h.agent_id, h.amount, h.currency, h.counting_currency, h.counterparty_id,
    h.session, h.category, h.rail, h.asked_at,
    array(select array[extract(epoch from back.recorded_at)::text, back.amount::text] from spend_spendrecord back
          where back.hold_id = r.hold_id and back.kind = 'refund' and back.gives_room_back
          order by back.recorded_at, back.id) as refunds
from spend_spendrecord r join spend_hold h on h.id = r.hold_id
where r.organization_id = %(organization)s::uuid and r.kind = 'payment' and r.flags <> '{}'
  and h.authorization_id is null and h.asked_at >= %(since)s::timestamptz
  and (%(agents)s::uuid[] is null or h.agent_id = any(%(agents)s::uuid[]))
  and (r.recorded_at, r.id) > (%(after)s::timestamptz, %(after_id)s::uuid) and r.recorded_at < %(until)s::timestamptz
order by r.recorded_at, r.id limit %(limit)s::int
"""
"""Each is flagged, so the index of flagged records finds them among all others."""
NUMBER_UNASKED: Final = f"""
select count(*) from (
    select from ({UNASKED}) paid, generate_series(0, coalesce(array_length(paid.refunds, 1), 0))
    limit %(limit)s::int) counted
"""
NUMBER_FURTHER: Final = """
select count(*) from (
    select from approvals_authorization a
    cross join lateral (select from spend_spendrecord r where r.hold_id = a.id offset 1 limit %(limit)s::int) further
    where a.organization_id = %(organization)s::uuid
      and (%(agents)s::uuid[] is null or a.agent_id = any(%(agents)s::uuid[]))
      and a.asked_at >= %(since)s::timestamptz and a.asked_at < %(until)s::timestamptz
    limit %(limit)s::int) counted
"""
"""An ask has one record as a rule; one that is paid in a thousand parts is a thousand moves to follow."""
LAST_ID: Final = UUID(int=2**128 - 1)
ONE_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Step:
    """Where the money of one payment stood from `at` on: set aside, spent, got back."""

    at: datetime
    held: Decimal
    spent: Decimal
    returned: Decimal


@dataclass(frozen=True, slots=True)
class Asked:
    """One ask of history: the payment as it was resolved then, what was answered, and what became of it.

    `course` begins after the ask, at which the whole amount was set aside unless it was denied.
    """

    id: UUID
    agent_id: UUID
    asked_at: datetime
    amount: Decimal
    outcome: str
    status: str
    is_approved: bool
    payee_digest: str
    payment: dict[str, Any]
    frozen: tuple[str, ...]
    course: tuple[Step, ...]

    @property
    def has_paid(self) -> bool:
        """Something was recorded on it."""
        return bool(self.course) and self.course[-1].spent > 0


@dataclass(frozen=True, slots=True)
class Unasked:
    """A payment that nobody had asked for, or that went elsewhere than was asked; `course` is what came back of it."""

    at: datetime
    amount: Decimal
    agent_id: UUID
    asked_amount: Decimal
    currency: str
    counting_currency: str
    counterparty_id: UUID | None
    session: str | None
    category: str | None
    rail: str | None
    asked_at: datetime
    course: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """Which part of an organization's history is followed: from `since` to before `until`, of all agents or of some."""

    organization_id: UUID
    since: datetime
    until: datetime
    agents: Sequence[UUID] | None = None

    def _params(self) -> dict[str, object]:
        return {
            "organization": self.organization_id,
            "agents": None if self.agents is None else list(self.agents),
            "since": self.since,
            "until": self.until,
        }

    def asks(self) -> Iterator[list[Asked]]:
        """Yield the asks in the order of time, some at a time; each part is a read of its own."""
        for found in self._parts(ASKED, at=2, row_id=0):
            yield list(_asked(self.organization_id, found))

    def unasked(self) -> Iterator[list[Unasked]]:
        """Yield what was paid without an ask, by when that was recorded, some at a time.

        What belongs to an ask from before is left out, as that ask is.
        """
        for found in self._parts(UNASKED, at=0, row_id=1):
            yield list(map(_unasked, found))

    def number_further(self, *, most: int) -> int:
        """Return how many records asks have behind their first one; counted up to `most`."""
        ((number,),) = rows(NUMBER_FURTHER, self._params() | {"limit": most})
        return cast(int, number)

    def number_unasked(self, *, most: int) -> int:
        """Return how many `unasked` would yield, and what came back of them; counted up to `most`."""
        place = {"after": self.since - ONE_TICK, "after_id": LAST_ID, "limit": most}
        ((number,),) = rows(NUMBER_UNASKED, self._params() | place)
        return cast(int, number)

    def _parts(self, statement: str, *, at: int, row_id: int) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a statement in the order of time; `at` and `row_id` are the columns it goes by."""
        place = (self.since - ONE_TICK, LAST_ID)
        while True:
            bounds = {"after": place[0], "after_id": place[1], "limit": CHUNK}
            found = cast(list[tuple[Any, ...]], rows(statement, self._params() | bounds))
            if not found:
                return
            place = (found[-1][at], found[-1][row_id])
            yield found


def _unasked(row: tuple[Any, ...]) -> Unasked:
    at, _, amount, *asked, refunds = row
    returned, course = ZERO, []
    for seconds, part in refunds:
        returned += Decimal(part)
        course.append(Step(_moment(seconds), ZERO, amount, returned))
    facts: list[Any] = [*asked, tuple(course)]
    return Unasked(at, amount, *facts)


def _asked(organization_id: UUID, found: Sequence[tuple[Any, ...]]) -> Iterator[Asked]:
    lives = [_Life(*row) for row in found]
    expired = _expired_before(organization_id, lives)
    for life in lives:
        yield Asked(
            id=life.id,
            agent_id=life.agent_id,
            asked_at=life.asked_at,
            amount=life.amount,
            outcome=life.outcome,
            status=life.status,
            is_approved=life.approved_at is not None,
            payee_digest=life.payee_digest,
            payment=orjson.loads(life.payment),
            frozen=tuple(orjson.loads(life.frozen)),
            course=tuple(_course(life, expired.get(life.id))),
        )


@dataclass(frozen=True, slots=True)
class _Life:
    id: UUID
    agent_id: UUID
    asked_at: datetime
    amount: Decimal
    outcome: str
    status: str
    approved_at: datetime | None
    closed_at: datetime | None
    in_doubt_at: datetime | None
    given_up_as: str | None
    payee_digest: str
    payment: str
    frozen: str
    records: list[list[str]] = field(default_factory=list)


def _expired_before(organization_id: UUID, lives: Sequence[_Life]) -> dict[UUID, datetime]:
    """Return when those expired that something else became of then: their own row has forgotten it."""
    names = {
        to_public(Prefix.AUTHORIZATION, one.id): one.id
        for one in lives
        if one.given_up_as == Status.EXPIRED and one.status != Status.EXPIRED
    }
    if not names:
        return {}
    found = first_told(organization_id, Action.AUTHORIZATION_EXPIRED, names)
    return {names[name]: at for name, at in found.items()}


def _course(life: _Life, expired_at: datetime | None) -> Iterator[Step]:
    """Yield where its money stood after each record and each move that let go of it."""
    held, spent, returned = (ZERO if life.outcome == "deny" else life.amount), ZERO, ZERO
    for at, what, amount, is_final in sorted(_moves(life, expired_at), key=lambda move: move[:2]):
        if what == "1 payment":
            held = ZERO if is_final else max(ZERO, held - amount)
            spent += amount
        elif what == "2 refund":
            returned += amount
        elif what == "3 release":
            held = ZERO
        else:
            held = life.amount
        yield Step(at, held, spent, returned)


def _moves(life: _Life, expired_at: datetime | None) -> Iterator[tuple[datetime, str, Decimal, bool]]:
    """Yield what moved its money; of what happens in one moment records come first, as they are stored."""
    for at, amount, kind, is_final, gives_room_back in life.records:
        if kind == "payment" or gives_room_back == "true":
            number = "1" if kind == "payment" else "2"
            yield _moment(at), f"{number} {kind}", Decimal(amount), is_final == "true"
    if expired_at is not None:
        yield expired_at, "3 release", ZERO, False
        if life.in_doubt_at is not None and life.in_doubt_at >= expired_at:
            yield life.in_doubt_at, "4 doubt", ZERO, False
    if life.closed_at is not None and life.outcome != "deny":
        yield life.closed_at, "3 release", ZERO, False


def _moment(seconds: str) -> datetime:
    """Return the moment of so many seconds since 1970, exact to the microsecond."""
    whole, _, rest = seconds.partition(".")
    return EPOCH + timedelta(seconds=int(whole), microseconds=int(rest.ljust(6, "0")[:6]))
