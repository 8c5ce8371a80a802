"""Questions about counterparties and pegs; each sees one organization only."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from agents.selectors import agent_names
from core.db import rows
from core.errors import Invalid, NotFound
from core.ids import Prefix, from_public, ids_in, to_public
from spend.models import STANDINGS, Counterparty, Identifier, Peg
from spend.selectors.families import family_of

PAGE_SIZE: Final = 50
LARGEST_PAGE: Final = 100
LONGEST_SEARCH: Final = 255
MOST_PAYERS: Final = 50
RECENT: Final = timedelta(days=30)
"""The list adds up no more than this: what it costs does not grow with history."""
NUL: Final = "\0"
ORDERS: Final[dict[str, tuple[str, ...]]] = {"newest": ("-pk",), "name": ("name", "pk")}
BACK: Final = "back."
"""Begins a cursor that reads towards the beginning of the list."""

RECENTLY_PAID: Final = """
with family as (
    select id, coalesce(merged_into_id, id) as present from spend_counterparty
    where id = any(%(counterparties)s::uuid[]) or merged_into_id = any(%(counterparties)s::uuid[])
)
select f.present, h.currency, sum(h.spent - h.returned), count(distinct h.agent_id), max(h.asked_at)
from spend_hold h join family f on f.id = h.counterparty_id
where h.organization_id = %(organization)s and h.asked_at >= %(since)s and h.spent > 0
group by f.present, h.currency order by h.currency
"""

PAYERS: Final = """
select agent_id, currency, sum(spent - returned), count(*), max(asked_at)
from spend_hold where organization_id = %(organization)s and counterparty_id = any(%(family)s::uuid[]) and spent > 0
group by agent_id, currency order by max(asked_at) desc limit %(limit)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterpartyFilter:
    """Which counterparties a list shows, and in which order."""

    search: str = ""
    standing: str = ""
    external_ref: str | None = None
    seen_since: datetime | None = None
    sort: str = "newest"


@dataclass(frozen=True, slots=True)
class CounterpartyView:
    """A counterparty as pages and callers see it."""

    id: UUID
    public_id: str
    name: str
    standing: str
    country: str
    note: str
    external_ref: str | None
    first_seen_at: datetime
    identifiers: tuple[str, ...]
    merged_into: str | None = None
    merged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecentlyPaid:
    """What a counterparty got in one currency: the sum, from how many agents, and when the last was asked for."""

    currency: str
    total: Decimal
    agents: int
    last_asked_at: datetime


@dataclass(frozen=True, slots=True)
class CounterpartyPage:
    """One page of a list, and the cursors of the pages beside it (None at the ends)."""

    rows: tuple[CounterpartyView, ...]
    next_cursor: str | None
    previous_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Payer:
    """An agent that has paid a counterparty: what it spent there (less what came back), how often, when last."""

    agent_id: str
    agent_name: str
    currency: str
    spent: Decimal
    number: int
    last_asked_at: datetime


def counterparties_page(
    organization_id: UUID, chosen: CounterpartyFilter, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> CounterpartyPage:
    """Return the counterparties behind `cursor`.

    Raises `Invalid` (`cursor_invalid`, `limit_invalid`, `standing_invalid`).
    """
    if not 1 <= limit <= LARGEST_PAGE:
        raise Invalid("limit_invalid", f"The limit is 1 to {LARGEST_PAGE}.", field="limit")
    is_back = cursor is not None and cursor.startswith(BACK)
    found = _filtered(organization_id, chosen)
    if cursor:
        found = _beside(found, organization_id, cursor.removeprefix(BACK), chosen.sort, is_back=is_back)
    order = ORDERS[chosen.sort]
    if is_back:
        order = tuple(field.removeprefix("-") if field.startswith("-") else f"-{field}" for field in order)
    some = [_view(one) for one in _with_identifiers(found).order_by(*order)[: limit + 1]]
    shown, has_more = some[:limit][:: -1 if is_back else 1], len(some) > limit
    if not shown:
        return CounterpartyPage((), None)
    return CounterpartyPage(
        tuple(shown),
        shown[-1].public_id if has_more or is_back else None,
        f"{BACK}{shown[0].public_id}" if (has_more if is_back else cursor) else None,
    )


def counterparties_called(organization_id: UUID, text: str, *, limit: int) -> list[tuple[str, str]]:
    """Return those that have exactly this name (in any case), identifier, reference or public id, as id and name.

    Merged ones are left out.
    """
    words = text.strip()[:LONGEST_SEARCH].replace(NUL, "")
    kind, _, value = words.partition(":")
    # Domains and addresses that ignore case are stored in small letters.
    by_kind = Q(kind=kind, value__in=[value, value.lower()])
    known = Identifier.objects.filter(organization_id=organization_id, counterparty=OuterRef("pk"))
    called = Q(name__iexact=words) | Q(external_ref=words)
    called |= Q(Exists(known.filter(by_kind | Q(value__in=[words, words.lower()]))))
    called |= Q(pk__in=ids_in(Prefix.COUNTERPARTY, [words]))
    found = Counterparty.objects.filter(called, organization_id=organization_id, merged_into__isnull=True)
    named = found.order_by("name", "pk").values_list("pk", "name")[:limit]
    return [(to_public(Prefix.COUNTERPARTY, one), name) for one, name in named]


def every_counterparty(organization_id: UUID, chosen: CounterpartyFilter) -> Iterator[CounterpartyView]:
    """Yield all that the filter lets through, in the order of the list, a page in memory at a time."""
    cursor, is_more = None, True
    while is_more:
        page = counterparties_page(organization_id, chosen, cursor=cursor, limit=LARGEST_PAGE)
        yield from page.rows
        cursor, is_more = page.next_cursor, bool(page.next_cursor)


def counterparty_of(organization_id: UUID, counterparty_id: UUID) -> CounterpartyView:
    """Return one counterparty; raises `NotFound` where the organization has none of this id."""
    return _one(Counterparty.objects.filter(organization_id=organization_id, pk=counterparty_id))


def present_counterparty(organization_id: UUID, counterparty_id: UUID) -> CounterpartyView:
    """Return a counterparty, or the one that it was merged into; raises `NotFound`."""
    found = counterparty_of(organization_id, counterparty_id)
    if found.merged_into is None:
        return found
    return counterparty_of(organization_id, from_public(Prefix.COUNTERPARTY, found.merged_into))


def merged_into(organization_id: UUID, counterparty_id: UUID) -> tuple[CounterpartyView, ...]:
    """Return those that were merged into a counterparty, the last first."""
    found = Counterparty.objects.filter(organization_id=organization_id, merged_into_id=counterparty_id)
    return tuple(_view(one) for one in _with_identifiers(found).order_by("-merged_at", "pk"))


def counterparty_by_reference(organization_id: UUID, external_ref: str) -> CounterpartyView:
    """Return the counterparty of the app's own reference; raises `NotFound`."""
    if NUL in external_ref:
        raise NotFound()
    return _one(Counterparty.objects.filter(organization_id=organization_id, external_ref=external_ref))


def unknown_since(organization_id: UUID, since: datetime) -> int:
    """Return how many counterparties turned up since then and still have the standing unknown."""
    mine = Counterparty.objects.filter(organization_id=organization_id, merged_into__isnull=True)
    return mine.filter(standing="unknown", first_seen_at__gte=since).count()


def counterparty_names(organization_id: UUID, counterparty_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of counterparties by id; foreign ids are missing."""
    found = Counterparty.objects.filter(organization_id=organization_id, pk__in=list(counterparty_ids))
    return dict(found.values_list("pk", "name"))


def names_by_public_id(organization_id: UUID, public_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of counterparties, merged ones too; foreign ones and what is no id are missing."""
    found = counterparty_names(organization_id, ids_in(Prefix.COUNTERPARTY, public_ids))
    return {to_public(Prefix.COUNTERPARTY, one): name for one, name in found.items()}


def recently_paid(
    organization_id: UUID, counterparty_ids: Iterable[UUID], *, now: datetime
) -> Mapping[UUID, list[RecentlyPaid]]:
    """Return what was paid (less what came back) on asks of the last thirty days, per counterparty and currency."""
    params = {"organization": organization_id, "since": now - RECENT, "counterparties": list(counterparty_ids)}
    paid: dict[UUID, list[RecentlyPaid]] = {}
    found = cast(list[tuple[UUID, str, Decimal, int, datetime]], rows(RECENTLY_PAID, params))
    for counterparty_id, currency, total, agents, last in found:
        paid.setdefault(counterparty_id, []).append(RecentlyPaid(currency, total, agents, last))
    return paid


def payers_of(organization_id: UUID, counterparty_id: UUID) -> tuple[Payer, ...]:
    """Return the agents that have paid a counterparty, who asked last first; one line per agent and currency."""
    family = list(family_of(organization_id, counterparty_id))
    params = {"organization": organization_id, "family": family, "limit": MOST_PAYERS}
    found = cast(list[tuple[UUID, str, Decimal, int, datetime]], rows(PAYERS, params))
    names = agent_names(organization_id, {agent_id for agent_id, *_ in found})
    return tuple(
        Payer(to_public(Prefix.AGENT, agent_id), names[agent_id], currency, spent, number, last)
        for agent_id, currency, spent, number, last in found
    )


def together(payers: Sequence[Payer]) -> list[tuple[str, Decimal, int]]:
    """Return currency, sum and number of asks of several payers; nothing where that says no more than they do.

    Nor where there may be more payers than these: a sum of some would pass for that of all.
    """
    currencies = Counter(one.currency for one in payers)
    if len(payers) >= MOST_PAYERS or max(currencies.values(), default=0) < 2:
        return []
    found = []
    for currency in currencies:
        some = [one for one in payers if one.currency == currency]
        found.append((currency, sum((one.spent for one in some), Decimal()), sum(one.number for one in some)))
    return found


def pegs_of(organization_id: UUID) -> dict[str, str]:
    """Return the table of pegs as stored: currency → the one it is pegged to."""
    found = Peg.objects.filter(organization_id=organization_id).order_by("currency")
    return dict(found.values_list("currency", "pegged_to"))


def listed_pegs(organization_id: UUID, *, words: str = "") -> QuerySet[Peg]:
    """Return the pegs with these words in either currency."""
    found = Peg.objects.filter(organization_id=organization_id)
    return found.filter(Q(currency__icontains=words) | Q(pegged_to__icontains=words)) if words else found


def _one(found: QuerySet[Counterparty]) -> CounterpartyView:
    counterparty = _with_identifiers(found).first()
    if counterparty is None:
        raise NotFound()
    return _view(counterparty)


def _with_identifiers(found: QuerySet[Counterparty]) -> QuerySet[Counterparty]:
    return found.prefetch_related(Prefetch("identifiers", Identifier.objects.order_by("kind", "value")))


def _view(one: Counterparty) -> CounterpartyView:
    return CounterpartyView(
        one.pk,
        to_public(Prefix.COUNTERPARTY, one.pk),
        one.name,
        one.standing,
        one.country,
        one.note,
        one.external_ref,
        one.first_seen_at,
        tuple(str(identifier) for identifier in one.identifiers.all()),
        None if one.merged_into_id is None else to_public(Prefix.COUNTERPARTY, one.merged_into_id),
        one.merged_at,
    )


def _filtered(organization_id: UUID, chosen: CounterpartyFilter) -> QuerySet[Counterparty]:
    found = Counterparty.objects.filter(organization_id=organization_id)
    if NUL in (chosen.external_ref or ""):
        return found.none()
    if chosen.standing and chosen.standing not in STANDINGS:
        raise Invalid("standing_invalid", f"The standing is one of {', '.join(STANDINGS)}.", field="standing")
    if chosen.standing:
        found = found.filter(standing=chosen.standing)
    if chosen.seen_since is not None:
        found = found.filter(first_seen_at__gte=chosen.seen_since)
    if chosen.external_ref is not None:
        # Whoever asks for exactly one is told where it went.
        found = found.filter(external_ref=chosen.external_ref)
    else:
        found = found.filter(merged_into__isnull=True)
    return found.filter(_like(organization_id, chosen.search)) if chosen.search.strip() else found


def _like(organization_id: UUID, search: str) -> Q:
    """Match a part of the name, of the reference or of an identifier, or a public id."""
    text = search.strip()[:LONGEST_SEARCH].replace(NUL, "")
    kind, _, value = text.partition(":")
    known = Identifier.objects.filter(organization_id=organization_id, counterparty=OuterRef("pk"))
    by_identifier = Q(kind=kind, value__icontains=value) if value else Q(value__icontains=text)
    matching = Q(name__icontains=text) | Q(external_ref__icontains=text) | Q(Exists(known.filter(by_identifier)))
    try:
        return matching | Q(pk=from_public(Prefix.COUNTERPARTY, text))
    except NotFound:
        return matching


def _beside(
    found: QuerySet[Counterparty], organization_id: UUID, cursor: str, sort: str, *, is_back: bool
) -> QuerySet[Counterparty]:
    try:
        last = counterparty_of(organization_id, from_public(Prefix.COUNTERPARTY, cursor))
    except NotFound:
        raise Invalid("cursor_invalid", "Take the cursor from `next_cursor`.", field="cursor") from None
    if sort == "name":
        side = "lt" if is_back else "gt"
        return found.filter(Q(**{f"name__{side}": last.name}) | Q(**{"name": last.name, f"pk__{side}": last.id}))
    return found.filter(pk__gt=last.id) if is_back else found.filter(pk__lt=last.id)
