"""Addresses of the API of agents, below `/api/v1/`."""

from django.urls import path

from agents import api

app_name = "agents_api"

urlpatterns = [
    path("status", api.StatusView.as_view(), name="status"),
    path("agents", api.AgentListView.as_view(), name="list"),
    # Before the others: a reference may hold any text, slashes included.
    path("agents/by-ref/<path:external_ref>", api.AgentByReferenceView.as_view(), name="by_ref"),
    path("agents/<str:agent_id>", api.AgentDetailView.as_view(), name="detail"),
    path("agents/<str:agent_id>/freeze", api.AgentFreezeView.as_view(), name="freeze"),
    path("agents/<str:agent_id>/retire", api.AgentRetireView.as_view(), name="retire"),
    path("agents/<str:agent_id>/keys", api.KeyListView.as_view(), name="keys"),
    path("agents/<str:agent_id>/sealed-credentials", api.CredentialListView.as_view(), name="credentials"),
    path("keys/<str:key_id>/rotate", api.KeyRotateView.as_view(), name="key_rotate"),
    path("keys/<str:key_id>/revoke", api.KeyRevokeView.as_view(), name="key_revoke"),
    path("sealed-credentials/<str:credential_id>", api.CredentialDetailView.as_view(), name="credential"),
    path("sealed-credentials/<str:credential_id>/revoke", api.CredentialRevokeView.as_view(), name="credential_revoke"),
]
