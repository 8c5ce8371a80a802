"""The log as a table, for spreadsheets: exactly what is filtered."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from audit.selectors.events import Filters, Viewed, filtered, viewed
from core.canonical import canonical_json, moment_text
from core.lists import Order, every

COLUMNS: Final = (
    "id",
    "at",
    "action",
    "actor_kind",
    "actor_id",
    "actor_name",
    "subject_kind",
    "subject_id",
    "before",
    "after",
    "request_id",
    "address",
    "leaf_index",
)


def table_rows(organization_id: UUID, filters: Filters, order: Order) -> Iterator[tuple[str, ...]]:
    """Yield one row per event, in the order of `COLUMNS`."""
    return (tuple(_cells(viewed(event))) for event in every(filtered(organization_id, filters), order))


def _cells(event: Viewed) -> Iterator[str]:
    yield from (event.id, moment_text(event.at), event.action)
    yield from (event.actor_kind, event.actor_id, event.actor_name, event.subject_kind, event.subject_id)
    yield from ("" if state is None else canonical_json(state).decode() for state in (event.before, event.after))
    yield from (event.request_id, event.address, "" if event.index is None else str(event.index))
