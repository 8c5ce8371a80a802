"""Pages of what it adds up to: overview, analytics, and how agents run."""

from insight.views.analytics import analytics, export
from insight.views.counterparty import counterparty_activity
from insight.views.find import find_anything
from insight.views.flagged import export_flagged, flagged
from insight.views.overview import overview
from insight.views.runtime import agent_runtime, fleet

__all__ = [
    "agent_runtime",
    "analytics",
    "counterparty_activity",
    "export",
    "export_flagged",
    "find_anything",
    "flagged",
    "fleet",
    "overview",
]
