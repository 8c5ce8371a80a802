"""Pages of requests to spend: the inbox, answers, the list, one of them, and sections of an agent's page."""

from approvals.views.agents import agent_authorizations, agent_limits
from approvals.views.always import always
from approvals.views.answers import approve, reject, undo
from approvals.views.authorizations import authorization, authorizations, export, void
from approvals.views.backtests import backtest, backtests
from approvals.views.backtests import cancel as cancel_backtest
from approvals.views.backtests import change as backtest_change
from approvals.views.backtests import start as start_backtest
from approvals.views.backtests import summary as backtest_summary
from approvals.views.bulk import bulk, undo_bulk
from approvals.views.change_list import changes, export_changes
from approvals.views.changes import approve_change, change, change_text, reject_change
from approvals.views.inbox import inbox, left, queue_now, request, waiting_count
from approvals.views.merge import merge
from approvals.views.report import report
from approvals.views.shadow import shadow
from approvals.views.simulator import simulator

__all__ = [
    "agent_authorizations",
    "agent_limits",
    "always",
    "approve",
    "approve_change",
    "authorization",
    "authorizations",
    "backtest",
    "backtest_change",
    "backtest_summary",
    "backtests",
    "bulk",
    "cancel_backtest",
    "change",
    "change_text",
    "changes",
    "export",
    "export_changes",
    "inbox",
    "left",
    "merge",
    "queue_now",
    "reject",
    "reject_change",
    "report",
    "request",
    "shadow",
    "simulator",
    "start_backtest",
    "undo",
    "undo_bulk",
    "void",
    "waiting_count",
]
