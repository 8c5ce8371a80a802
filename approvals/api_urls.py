"""Addresses of the API of authorizations, below `/api/v1/`."""

from django.urls import path

from approvals.api.authorizations import AuthorizationDetailView, AuthorizationListView, LimitsView, SimulateView
from approvals.api.backtests import Backtests, Cancelling, Changes, OneBacktest
from approvals.api.changes import ChangesView, ChangeView
from approvals.api.life import CredentialView, InDoubtView, RecordView, SpendRecordsView, VoidView
from approvals.api.merge import MergeView
from approvals.api.plans import PlanFile
from approvals.api.simulations import SimulationsView

app_name = "approvals_api"

urlpatterns = [
    path("authorizations", AuthorizationListView.as_view(), name="list"),
    path("authorizations/simulate", SimulateView.as_view(), name="simulate"),
    path("authorizations/<str:authorization_id>", AuthorizationDetailView.as_view(), name="detail"),
    path("authorizations/<str:authorization_id>/record", RecordView.as_view(), name="record"),
    path("authorizations/<str:authorization_id>/void", VoidView.as_view(), name="void"),
    path("authorizations/<str:authorization_id>/in-doubt", InDoubtView.as_view(), name="in_doubt"),
    path("authorizations/<str:authorization_id>/credential", CredentialView.as_view(), name="credential"),
    path("counterparties/<str:counterparty_id>/merge", MergeView.as_view(), name="merge"),
    path("policies/plan", PlanFile.as_view(), name="plan"),
    path("backtests", Backtests.as_view(), name="backtests"),
    path("backtests/<str:backtest_id>", OneBacktest.as_view(), name="backtest"),
    path("backtests/<str:backtest_id>/changes", Changes.as_view(), name="backtest_changes"),
    path("backtests/<str:backtest_id>/cancel", Cancelling.as_view(), name="backtest_cancel"),
    path("changes", ChangesView.as_view(), name="changes"),
    path("changes/<str:change_id>", ChangeView.as_view(), name="change"),
    path("simulations", SimulationsView.as_view(), name="simulations"),
    path("spend-records", SpendRecordsView.as_view(), name="spend_records"),
    path("limits", LimitsView.as_view(), name="limits"),
]
