"""Addresses of the API of budgets and of the checks of an integration, below `/api/v1/`."""

from django.urls import path

from insight import api

app_name = "insight_api"

urlpatterns = [
    path("budgets", api.BudgetsView.as_view(), name="budgets"),
    path("agents/<str:agent_id>/integration", api.IntegrationView.as_view(), name="integration"),
]
