"""Who is one and the same: a counterparty, and those that were merged into it."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, cast
from uuid import UUID

from core.db import rows
from core.ids import Prefix, to_public

STRICTNESS: Final = ("blocked", "unknown", "verified", "trusted")
"""Standings, the strictest first."""

FAMILY: Final = """
select one.id from spend_counterparty one join (
    select coalesce(merged_into_id, id) as id from spend_counterparty
    where id = %(counterparty)s::uuid and organization_id = %(organization)s
) present on one.id = present.id or one.merged_into_id = present.id
order by one.id
"""

MERGED: Final = """
select m.id, m.merged_into_id,
    array(select kind || ':' || value from spend_identifier o where o.counterparty_id = m.merged_into_id order by 1)
from spend_counterparty m
where m.organization_id = %(organization)s and m.merged_into_id is not null order by m.merged_into_id, m.id
"""


@dataclass(frozen=True, slots=True)
class Families:
    """Everybody of an organization who was merged, by public ids.

    `left` says into whom; `names` holds what those that are left go by: their identifiers, and the ids of the merged.
    """

    left: Mapping[str, str]
    names: Mapping[str, tuple[str, ...]]


def families_of(organization_id: UUID) -> Families:
    """Return who is one with whom by now."""
    found = cast(list[tuple[UUID, UUID, list[str]]], rows(MERGED, {"organization": organization_id}))
    left = {to_public(Prefix.COUNTERPARTY, merged): to_public(Prefix.COUNTERPARTY, into) for merged, into, _ in found}
    names: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for merged, into, identifiers in found:
        kept = to_public(Prefix.COUNTERPARTY, into)
        names[kept] = (*(names[kept] or identifiers), to_public(Prefix.COUNTERPARTY, merged))
    return Families(left, dict(names))


def family_of(organization_id: UUID, counterparty_id: UUID) -> tuple[UUID, ...]:
    """Return everybody that a counterparty is one with, itself included: what was decided with any of them is its own.

    A foreign one has nobody.
    """
    found = rows(FAMILY, {"organization": organization_id, "counterparty": counterparty_id})
    return tuple(cast(UUID, one) for (one,) in found)


def are_one(one: UUID | None, other: UUID | None) -> bool:
    """Say whether two counterparties are the same by now, or both are nobody."""
    if one == other or one is None or other is None:
        return one == other
    return len(present_of([one, other])) == 1


def present_of(counterparty_ids: Collection[UUID]) -> frozenset[UUID]:
    """Return those that are left of these counterparties: who was merged is now the one it was merged into."""
    found = rows(
        "select coalesce(merged_into_id, id) from spend_counterparty where id = any(%s::uuid[])",
        [list(counterparty_ids)],
    )
    return frozenset(cast(UUID, one) for (one,) in found)


def stricter(one: str, other: str) -> str:
    """Return the standing that trusts less."""
    return min(one, other, key=STRICTNESS.index)


def public_ids(counterparty_ids: Collection[UUID]) -> tuple[str, ...]:
    """Return `cpt_…` of each."""
    return tuple(to_public(Prefix.COUNTERPARTY, one) for one in counterparty_ids)
