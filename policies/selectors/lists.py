"""The list of policies: by name, paged by cursor in both directions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from core.paging import DEFAULT_PAGE, LARGEST_PAGE, decode_place, encode_place
from policies.models import Policy

BACK: Final = "back."
"""Begins a cursor that reads towards the beginning of the list."""


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """One page of a list by name, and the cursors of the pages beside it (None at the ends)."""

    rows: tuple[Policy, ...] = ()
    next_cursor: str | None = None
    previous_cursor: str | None = None


def listed_policies(
    organization_id: UUID, *, words: str = "", show: str = "current", cursor: str = "", limit: int = DEFAULT_PAGE
) -> PolicyPage:
    """Return policies by name from behind `cursor`; `show` is `current`, `retired` or `all`.

    Raises `Invalid` (`cursor_invalid`).
    """
    is_back = cursor.startswith(BACK)
    found = _listed(organization_id, words=words, show=show)
    if cursor:
        name, row_id = decode_place(cursor.removeprefix(BACK))
        side = "lt" if is_back else "gt"
        found = found.filter(Q(**{f"name__{side}": name}) | Q(**{"name": name, f"pk__{side}": row_id}))
    order = ("-name", "-pk") if is_back else ("name", "pk")
    some = list(found.order_by(*order)[: limit + 1])
    shown, has_more = some[:limit][:: -1 if is_back else 1], len(some) > limit
    if not shown:
        return PolicyPage()
    return PolicyPage(
        tuple(shown),
        encode_place(shown[-1].name, shown[-1].pk) if has_more or is_back else None,
        BACK + encode_place(shown[0].name, shown[0].pk) if (has_more if is_back else cursor) else None,
    )


def pages_of_policies(organization_id: UUID, *, words: str, show: str) -> Iterator[tuple[Policy, ...]]:
    """Yield all policies of the list page in its order, some in memory at a time."""
    page = listed_policies(organization_id, words=words, show=show, limit=LARGEST_PAGE)
    yield page.rows
    while page.next_cursor:
        page = listed_policies(organization_id, words=words, show=show, cursor=page.next_cursor, limit=LARGEST_PAGE)
        yield page.rows


def _listed(organization_id: UUID, *, words: str, show: str) -> QuerySet[Policy]:
    found = Policy.objects.filter(organization_id=organization_id).select_related("enforced", "shadow", "organization")
    if show != "all":
        found = found.filter(retired_at__isnull=show != "retired")
    if words:
        found = found.filter(Q(name__icontains=words) | Q(description__icontains=words) | Q(external_ref=words))
    return found
