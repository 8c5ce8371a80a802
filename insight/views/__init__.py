"""Pages of what it adds up to: overview, analytics, and how agents run."""

from insight.views.analytics import analytics, export
from insight.views.budgets import budget, budgets, export_budgets
from insight.views.counterparty import counterparty_activity
from insight.views.decisions import export_decisions, export_review_times, review_times, shown_decisions
from insight.views.find import find_anything
from insight.views.flagged import export_flagged, flagged
from insight.views.fleet import fleet
from insight.views.integration import agent_integration, state_integration
from insight.views.overview import overview
from insight.views.payments import export_payments, payments
from insight.views.runtime import agent_runtime

__all__ = [
    "agent_integration",
    "agent_runtime",
    "analytics",
    "budget",
    "budgets",
    "counterparty_activity",
    "export",
    "export_budgets",
    "export_decisions",
    "export_flagged",
    "export_payments",
    "export_review_times",
    "find_anything",
    "flagged",
    "fleet",
    "overview",
    "payments",
    "review_times",
    "shown_decisions",
    "state_integration",
]
