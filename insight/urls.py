"""Where the pages of what it adds up to live."""

from django.urls import path

from insight import views

app_name = "insight"

urlpatterns = [
    path("", views.overview, name="overview"),
    path("analytics/", views.analytics, name="analytics"),
    path("analytics/export/", views.export, name="export"),
    path("analytics/payments/", views.payments, name="payments"),
    path("analytics/payments/export/", views.export_payments, name="export_payments"),
    path("analytics/decisions/", views.shown_decisions, name="decisions"),
    path("analytics/decisions/export/", views.export_decisions, name="export_decisions"),
    path("analytics/review-times/", views.review_times, name="review_times"),
    path("analytics/review-times/export/", views.export_review_times, name="export_review_times"),
    path("budgets/", views.budgets, name="budgets"),
    path("budgets/export/", views.export_budgets, name="export_budgets"),
    path("budgets/<str:policy_id>/<str:key>/", views.budget, name="budget"),
    path("analytics/flagged/", views.flagged, name="flagged"),
    path("analytics/flagged/export/", views.export_flagged, name="export_flagged"),
    path("find/", views.find_anything, name="find"),
    path("agents/", views.fleet, name="fleet"),
    path("agents/<str:public_id>/runtime/", views.agent_runtime, name="agent_runtime"),
    path("agents/<str:public_id>/integration/", views.agent_integration, name="agent_integration"),
    path("agents/<str:public_id>/integration/state/", views.state_integration, name="state_integration"),
    path("counterparties/<str:public_id>/activity/", views.counterparty_activity, name="counterparty_activity"),
]
