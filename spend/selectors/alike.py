"""Which counterparties may be one and the same, by what they are called and where they are; a hint, and no more."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

from core.db import rows
from core.ids import Prefix, to_public

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

NAMESAKES: Final = """
with named as materialized (
    select id, name, standing from spend_counterparty
    where organization_id = %(organization)s and merged_into_id is null
      and conto_plain_name(name) = any(array(
          select conto_plain_name(one) from unnest(%(names)s::text[]) one where conto_plain_name(one) <> ''))
      and not id = any(%(family)s::uuid[])
    order by array_position(array['trusted', 'verified', 'blocked', 'unknown']::text[], standing::text), id
    limit %(limit)s
)
select named.id, named.name, named.standing, paid.currency, paid.total, coalesce(paid.number, 0)
from named left join lateral (
    select currency, sum(spent) as total, count(*) as number from (
        select h.currency, h.spent from spend_hold h
        where h.spent > 0 and h.counterparty_id = any(array(
            select f.id from spend_counterparty f where f.id = named.id or f.merged_into_id = named.id))
        limit %(most_payments)s) each
    group by currency) paid on true
order by array_position(array['trusted', 'verified', 'blocked', 'unknown']::text[], named.standing::text), named.id,
    paid.currency
"""
"""Down the index of names; those that are known best first, so that no number of new ones hides one who is trusted."""


@dataclass(frozen=True, slots=True)
class Namesake:
    """Another counterparty of the same name, and what was paid to it: currency, sum, payments.

    `is_paid_often` says that there are more payments than are added up; `paid` is empty then.
    """

    public_id: str
    name: str
    standing: str
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


def namesakes(organization_id: UUID, names: Sequence[str], *, family: Sequence[UUID] = ()) -> tuple[Namesake, ...]:
    """Return who else goes by one of these names, case, spaces and signs aside; the `family` is no namesake of itself.

    One read that ends at its limit; those whose standing says most stand first.
    """
    params = {
        "organization": organization_id,
        "names": list(names),
        "family": list(family),
        "limit": MOST_NAMESAKES,
        "most_payments": MOST_PAYMENTS + 1,
    }
    found: dict[UUID, Namesake] = {}
    for one, name, standing, currency, total, number in cast(
        list[tuple[UUID, str, str, str | None, Decimal, int]], rows(NAMESAKES, params)
    ):
        known = found.setdefault(one, Namesake(to_public(Prefix.COUNTERPARTY, one), name, standing))
        if currency is not None:
            found[one] = replace(known, paid=(*known.paid, (currency, total, number)))
    return tuple(_bounded(one) for one in found.values())


def _bounded(one: Namesake) -> Namesake:
    if sum(number for _, _, number in one.paid) <= MOST_PAYMENTS:
        return one
    return replace(one, paid=(), is_paid_often=True)
