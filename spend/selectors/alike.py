"""Which counterparties may be one and the same, by what they are called and where they are; a hint, and no more."""

from dataclasses import dataclass
from typing import Final, cast
from uuid import UUID

from core.db import rows
from core.ids import Prefix, to_public

MOST_ALIKE: Final = 5

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
