"""Which counterparties may be one and the same, by what they are called and where they are; a hint, and no more."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from core.db import rows
from core.ids import Prefix, to_public
from spend.looks import is_same_name, look_of

MOST_ALIKE: Final = 5
MOST_NAMESAKES: Final = 3
MOST_PAYMENTS: Final = 1_000
"""Payments to one namesake that are added up; of more than that only the number is said."""

ALIKE: Final = """
with one as (
    select id, conto_plain_name(name) as name, array(
        select conto_registered_domain(value) from spend_identifier
        where counterparty_id = c.id and organization_id = c.organization_id and kind = 'domain') as domains
    from spend_counterparty c
    where organization_id = %(organization)s and id = %(counterparty)s and merged_into_id is null
), alike as (
    (select other.id, 1 as place, 'the same name' as why
     from one join spend_counterparty other
       on other.organization_id = %(organization)s and conto_plain_name(other.name) = one.name
     where other.merged_into_id is null and one.name <> '' and other.id <> one.id
     order by other.id desc limit %(limit)s)
    union all
    (select i.counterparty_id, 2, conto_registered_domain(i.value)
     from one join spend_identifier i
       on i.organization_id = %(organization)s and i.kind = 'domain'
      and conto_registered_domain(i.value) = any(one.domains)
     where i.counterparty_id <> one.id limit %(limit)s)
), each as (
    select distinct on (id) id, place, why from alike order by id, place
)
select c.id, c.name, c.standing, e.why from each e join spend_counterparty c on c.id = e.id
order by e.place, c.name, c.id limit %(limit)s
"""
"""Each half goes down an index of its own and ends at the limit, however many counterparties there are."""

NAMED: Final = """
with once as (
    select distinct asked.place, one.id, one.name, each.standing, each.rank
    from unnest(%(places)s::int[], %(looks)s::text[], %(names)s::text[], %(own)s::uuid[])
        as asked(place, look, name, own)
    cross join unnest(array['trusted', 'verified', 'blocked', 'unknown']) with ordinality as each(standing, rank)
    cross join lateral (
        (select c.id, c.name from spend_counterparty c
         where c.organization_id = %(organization)s and c.look = asked.look and c.standing = each.standing
           and c.merged_into_id is null and c.id is distinct from asked.own
         order by c.id limit %(limit)s)
        union
        (select c.id, c.name from spend_counterparty c
         where c.organization_id = %(organization)s and conto_plain_name(c.name) = conto_plain_name(asked.name)
           and conto_plain_name(asked.name) <> '' and c.standing = each.standing
           and c.merged_into_id is null and c.id is distinct from asked.own
         order by c.id limit %(limit)s)) one
)
select place, id, name, standing, rank from (
    select *, row_number() over (partition by place order by rank, id) as number from once
) found where number <= %(limit)s
order by place, rank, id
"""
"""Down the indexes of looks and of names, once for each standing, and no further than the limit: those that are known
best first, so that no number of new ones hides one who is trusted. Not every alphabet's capitals look like its small
letters, so that names which differ by case alone may have two looks."""

PAID: Final = """
select paid.payee, paid.currency, paid.total, paid.number
from unnest(%(payees)s::uuid[]) as one(id) cross join lateral (
    select one.id as payee, currency, sum(spent) as total, count(*) as number from (
        select h.currency, h.spent from spend_hold h
        where h.spent > 0 and h.counterparty_id = any(array(
            select f.id from spend_counterparty f where f.id = one.id or f.merged_into_id = one.id))
        limit %(most_payments)s) each
    group by currency) paid
order by paid.payee, paid.currency
"""


@dataclass(frozen=True, slots=True)
class Called:
    """What a payee is called: by who asks, and by who knows it; `own` is the counterparty that it is."""

    names: Sequence[str]
    own: UUID | None = None


@dataclass(frozen=True, slots=True)
class Namesake:
    """Another counterparty of the same name, and what was paid to it: currency, sum, payments.

    `looks_like` is the name that it only looks like, in other letters; empty where it is the same. `is_paid_often` says
    that there are more payments than are added up; `paid` is empty then.
    """

    id: UUID
    public_id: str
    name: str
    standing: str
    looks_like: str = ""
    paid: tuple[tuple[str, Decimal, int], ...] = ()
    is_paid_often: bool = False


@dataclass(frozen=True, slots=True)
class Alike:
    """A counterparty that may be the same as another, and why it is thought so."""

    public_id: str
    name: str
    standing: str
    why: str


def likely_duplicates(organization_id: UUID, counterparty_id: UUID) -> tuple[Alike, ...]:
    """Return who has the same name or a domain of the same owner; nobody for one that was merged."""
    params = {"organization": organization_id, "counterparty": counterparty_id, "limit": MOST_ALIKE}
    found = cast(list[tuple[UUID, str, str, str]], rows(ALIKE, params))
    return tuple(Alike(to_public(Prefix.COUNTERPARTY, one), *rest) for one, *rest in found)


def namesakes(organization_id: UUID, called: Called) -> tuple[Namesake, ...]:
    """Return who else goes by a name, or by one that looks like it, and what was paid to them.

    Two reads that end at their limits; of those that are told, the same names come first, then by standing.
    """
    (found,) = namesakes_of_each(organization_id, [called])
    paid: dict[UUID, list[tuple[str, Decimal, int]]] = defaultdict(list)
    params = {"payees": [one.id for one in found], "most_payments": MOST_PAYMENTS + 1}
    for payee, *line in cast(list[tuple[UUID, str, Decimal, int]], rows(PAID, params) if found else []):
        paid[payee].append(cast(tuple[str, Decimal, int], tuple(line)))
    return tuple(_bounded(replace(one, paid=tuple(paid[one.id]))) for one in found)


def namesakes_of_each(organization_id: UUID, called: Sequence[Called]) -> list[tuple[Namesake, ...]]:
    """Return the same of each of several, in their order, without what was paid: one read that ends at its limit."""
    asked = [(place, *each, one.own) for place, one in enumerate(called) for each in _looks(one)]
    found: list[list[Namesake]] = [[] for _ in called]
    if asked:
        places, looks, names, own = map(list, zip(*asked, strict=True))
        params = {
            "organization": organization_id, "places": places, "looks": looks, "names": names, "own": own,
            "limit": MOST_NAMESAKES,
        }  # fmt: skip
        for place, one, name, standing, _ in cast(list[tuple[int, UUID, str, str, int]], rows(NAMED, params)):
            found[place].append(_namesake(one, name, standing, called[place].names))
    return [tuple(sorted(some, key=lambda one: bool(one.looks_like))) for some in found]


def _looks(called: Called) -> list[tuple[str, str]]:
    """Return what each of its names looks like, with the name; one of signs looks like nothing."""
    return [(look, name) for name in dict.fromkeys(called.names) if (look := look_of(name))]


def _namesake(one: UUID, name: str, standing: str, names: Sequence[str]) -> Namesake:
    is_same = any(is_same_name(name, other) for other in names)
    # What is stored may be the look by an older table.
    alike = (other for other in names if look_of(other) == look_of(name))
    looks_like = "" if is_same else next(alike, names[0])
    return Namesake(one, to_public(Prefix.COUNTERPARTY, one), name, standing, looks_like)


def _bounded(one: Namesake) -> Namesake:
    if sum(number for _, _, number in one.paid) <= MOST_PAYMENTS:
        return one
    return replace(one, paid=(), is_paid_often=True)
