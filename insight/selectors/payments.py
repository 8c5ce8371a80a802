"""The single payments and refunds behind a figure: the same filters, by when they were recorded, paged by cursor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from agents.selectors import agent_names
from core.db import rows
from core.ids import Prefix, to_public
from core.lists import Order, Page, aware, page_from, since
from core.paging import DEFAULT_PAGE, LARGEST_PAGE, encode_cursor
from insight.selectors.ledger import POLICIES, Chosen, conditions_of
from insight.selectors.periods import Period
from spend.selectors.counterparties import counterparty_names

ORDERS: Final = {
    "newest": Order("Newest first", "recorded_at", is_falling=True, read=aware),
    "oldest": Order("Oldest first", "recorded_at", read=aware),
}
"""Both are read along one index and end with the period; by amount all of a period would be read for its first page."""

PAYMENTS: Final = """
select s.id, s.agent_id, s.authorization_id, s.kind, s.amount, s.currency, s.counterparty_id, s.payee_name, s.category,
    s.rail, s.reference, s.flags, s.recorded_at
from (
    select r.*, r.payee->>'name' as payee_name, h.category, h.rail, {policies} as policies
    from spend_spendrecord r join spend_hold h on h.id = r.hold_id
) s
where s.organization_id = %(organization)s and s.recorded_at >= %(since)s and s.recorded_at < %(until)s
  and {chosen}
order by s.recorded_at {way}, s.id {way} limit %(limit)s
"""
UNAUTHORIZED: Final = "s.kind = 'payment' and s.flags <> '{}' and s.flags @> array['unauthorized']::varchar[]"
BEHIND: Final = "(s.recorded_at, s.id) {side} (%(behind_at)s, %(behind_id)s::uuid)"
Line = tuple[
    UUID, UUID, UUID | None, str, Decimal, str, UUID | None, str | None, str | None, str | None, str | None, list[str],
    datetime,
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which payments and refunds are listed, and in which order."""

    organization_id: UUID
    period: Period
    chosen: Chosen
    is_unauthorized: bool = False
    order: Order = ORDERS["newest"]


@dataclass(frozen=True, slots=True)
class Payment:
    """One record: a payment, or a refund, with the names of whom it concerns and its public ids."""

    id: str
    agent_id: str
    agent: str
    authorization: str
    kind: str
    amount: Decimal
    currency: str
    counterparty: str
    payee: str
    category: str
    rail: str
    reference: str
    flags: list[str]
    recorded_at: datetime


def payments_page(wanted: Wanted, *, cursor: str = "", limit: int = DEFAULT_PAGE) -> Page[Payment]:
    """Return the payments behind `cursor`, or those before it; raises `Invalid` (`cursor_invalid`)."""
    conditions, values = conditions_of(wanted.chosen)
    begin = since(cursor, wanted.order)
    conditions += [UNAUTHORIZED] if wanted.is_unauthorized else []
    conditions += [BEHIND.format(side=begin.side)] if cursor else []
    params = {
        "organization": wanted.organization_id,
        "since": wanted.period.since,
        "until": wanted.period.until,
        "behind_at": begin.moment,
        "behind_id": begin.row_id,
        "limit": limit + 1,
    }
    sql = PAYMENTS.format(chosen=" and ".join(conditions), policies=POLICIES, way=begin.way)
    found = cast(list[Line], rows(sql, params | values))
    page = page_from(found, lambda line: encode_cursor(line[-1], line[0]), cursor=cursor, limit=limit)
    return Page(_named(wanted.organization_id, page.rows), page.next_cursor, page.previous_cursor)


def payments_pages(wanted: Wanted) -> Iterator[Payment]:
    """Yield all payments in their order, a page in memory at a time."""
    cursor, is_more = "", True
    while is_more:
        page = payments_page(wanted, cursor=cursor, limit=LARGEST_PAGE)
        yield from page.rows
        cursor, is_more = page.next_cursor, bool(page.next_cursor)


def _named(organization_id: UUID, lines: Sequence[Line]) -> tuple[Payment, ...]:
    agents = agent_names(organization_id, {agent for _, agent, *_ in lines})
    payees = counterparty_names(organization_id, {line[6] for line in lines if line[6]})
    return tuple(_payment(line, agents, payees) for line in lines)


def _payment(line: Line, agents: dict[UUID, str], payees: dict[UUID, str]) -> Payment:
    number, agent, authorization, kind, amount, currency, payee, name, category, rail, reference, flags, moment = line
    return Payment(
        id=to_public(Prefix.RECORD, number),
        agent_id=to_public(Prefix.AGENT, agent),
        agent=agents.get(agent, ""),
        authorization=to_public(Prefix.AUTHORIZATION, authorization) if authorization else "",
        kind=kind,
        amount=amount,
        currency=currency,
        counterparty=to_public(Prefix.COUNTERPARTY, payee) if payee else "",
        payee=(payees.get(payee) if payee else name) or "",
        category=category or "",
        rail=rail or "",
        reference=reference or "",
        flags=flags,
        recorded_at=moment,
    )
