"""Reads of the history: pages of events, the state of the seal, full checks and exports."""

from audit.selectors.events import Filters, Page, Viewed, actors, event_of, events_of, listed, newest, stream
from audit.selectors.export import export_lines
from audit.selectors.naming import with_names
from audit.selectors.state import SealState, seal_state
from audit.selectors.table import COLUMNS as TABLE_COLUMNS
from audit.selectors.table import table_rows
from audit.selectors.verification import Outcome, logs, verify

__all__ = [
    "TABLE_COLUMNS",
    "Filters",
    "Outcome",
    "Page",
    "SealState",
    "Viewed",
    "actors",
    "event_of",
    "events_of",
    "export_lines",
    "listed",
    "logs",
    "newest",
    "seal_state",
    "stream",
    "table_rows",
    "verify",
    "with_names",
]
