"""Addresses of the API of budgets, below `/api/v1/`."""

from django.urls import path

from insight import api

app_name = "insight_api"

urlpatterns = [
    path("budgets", api.BudgetsView.as_view(), name="budgets"),
]
