"""What an organization's payments tell those who write its policies: who is paid, by name, and for what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast
from uuid import UUID

from core.db import rows
from core.errors import NotFound
from core.ids import Prefix, from_public, to_public
from spend.selectors.counterparties import (
    CounterpartyFilter,
    counterparties_called,
    counterparties_page,
    counterparty_names,
)

MOST_FOUND: Final = 8
"""Whoever wants more of them types another letter."""
MOST_CATEGORIES: Final = 24
"""Further ones are typed."""

SEEN: Final = """
select key from insight_groupmonth
 where organization_id = %(organization)s and by = 'category' and key <> ''
 group by key order by sum(payments) desc, key limit %(most)s
"""


@dataclass(frozen=True, slots=True)
class Directory:
    """Counterparties and categories of one organization, read when they are asked for."""

    organization_id: UUID

    def names(self, ids: Iterable[str]) -> Mapping[str, str]:
        """Return the names of counterparties by public id; unknown ones are missing."""
        found = counterparty_names(self.organization_id, [row_id for one in ids if (row_id := _row_id(one))])
        return {to_public(Prefix.COUNTERPARTY, row_id): name for row_id, name in found.items()}

    def find(self, words: str) -> Sequence[tuple[str, str]]:
        """Return some counterparties with these words in name, reference or identifier, as public id and name."""
        chosen = CounterpartyFilter(search=words, sort="name")
        page = counterparties_page(self.organization_id, chosen, limit=MOST_FOUND)
        return [(one.public_id, one.name) for one in page.rows]

    def called(self, words: str) -> Sequence[tuple[str, str]]:
        """Return the counterparties that have exactly this name, identifier, reference or public id."""
        return counterparties_called(self.organization_id, words, limit=MOST_FOUND)

    def categories(self) -> Sequence[str]:
        """Return the categories of what was paid, the most paid first."""
        return paid_categories(self.organization_id, limit=MOST_CATEGORIES)


def paid_categories(organization_id: UUID, *, limit: int) -> list[str]:
    """Return the categories of what was paid and is added up, the most paid first."""
    found = cast(list[tuple[str]], rows(SEEN, {"organization": organization_id, "most": limit}))
    return [category for (category,) in found]


def _row_id(public_id: str) -> UUID | None:
    try:
        return from_public(Prefix.COUNTERPARTY, public_id)
    except NotFound:
        return None
