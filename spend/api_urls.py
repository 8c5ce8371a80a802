"""Addresses of the API of counterparties and pegs, below `/api/v1/`."""

from django.urls import path

from spend import api

app_name = "spend_api"

urlpatterns = [
    path("pegs", api.PegsView.as_view(), name="pegs"),
    path("counterparties", api.CounterpartyListView.as_view(), name="list"),
    # Before the others: a reference may hold any text, slashes included.
    path("counterparties/by-ref/<path:external_ref>", api.CounterpartyByReferenceView.as_view(), name="by_ref"),
    path("counterparties/<str:counterparty_id>", api.CounterpartyDetailView.as_view(), name="detail"),
    path("counterparties/<str:counterparty_id>/standing", api.StandingView.as_view(), name="standing"),
    path("counterparties/<str:counterparty_id>/identifiers", api.IdentifierListView.as_view(), name="identifiers"),
    path(
        "counterparties/<str:counterparty_id>/identifiers/<path:identifier>",
        api.IdentifierRemoveView.as_view(),
        name="identifier",
    ),
]
