"""Where the pages of requests to spend live."""

from django.urls import path

from approvals import views

app_name = "approvals"

urlpatterns = [
    path("approvals/", views.inbox, name="inbox"),
    path("approvals/waiting/", views.waiting_count, name="waiting_count"),
    path("approvals/queue/", views.queue_now, name="queue"),
    path("approvals/left/", views.left, name="left"),
    path("approvals/bulk/", views.bulk, name="bulk"),
    path("approvals/bulk/undo/", views.undo_bulk, name="undo_bulk"),
    path("approvals/reviews/<str:public_id>/undo/", views.undo, name="undo"),
    path("approvals/changes/", views.changes, name="changes"),
    path("approvals/changes/export/", views.export_changes, name="export_changes"),
    path("approvals/changes/<str:public_id>/", views.change, name="change"),
    path("approvals/changes/<str:public_id>/text/", views.change_text, name="change_text"),
    path("approvals/changes/<str:public_id>/approve/", views.approve_change, name="approve_change"),
    path("approvals/changes/<str:public_id>/reject/", views.reject_change, name="reject_change"),
    path("approvals/<str:public_id>/", views.request, name="request"),
    path("approvals/<str:public_id>/approve/", views.approve, name="approve"),
    path("approvals/<str:public_id>/always/", views.always, name="always"),
    path("approvals/<str:public_id>/reject/", views.reject, name="reject"),
    path("authorizations/", views.authorizations, name="authorizations"),
    path("authorizations/export/", views.export, name="export"),
    path("authorizations/<str:public_id>/", views.authorization, name="authorization"),
    path("authorizations/<str:public_id>/void/", views.void, name="void"),
    path("authorizations/<str:public_id>/report/", views.report, name="report"),
    path("counterparties/<str:public_id>/merge/", views.merge, name="merge"),
    path("policies/<str:policy_id>/shadow/", views.shadow, name="shadow"),
    path("agents/<str:public_id>/limits/", views.agent_limits, name="agent_limits"),
    path("agents/<str:public_id>/authorizations/", views.agent_authorizations, name="agent_authorizations"),
    path("policies/<str:policy_id>/backtests/", views.backtests, name="backtests"),
    path("policies/<str:policy_id>/backtests/start/", views.start_backtest, name="start_backtest"),
    path("policies/<str:policy_id>/backtests/summary/", views.backtest_summary, name="backtest_summary"),
    path("backtests/<str:backtest_id>/", views.backtest, name="backtest"),
    path("backtests/<str:backtest_id>/cancel/", views.cancel_backtest, name="cancel_backtest"),
    path("backtests/<str:backtest_id>/changes/<int:number>/", views.backtest_change, name="backtest_change"),
    path("simulator/", views.simulator, name="simulator"),
]
