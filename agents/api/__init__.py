"""The API of agents: provisioning with an organization key, and what an agent may know of itself."""

from agents.api.agents import (
    AgentByReferenceView,
    AgentDetailView,
    AgentFreezeView,
    AgentListView,
    AgentRetireView,
    StatusView,
)
from agents.api.credentials import CredentialDetailView, CredentialListView, CredentialRevokeView
from agents.api.keys import KeyListView, KeyRevokeView, KeyRotateView

__all__ = [
    "AgentByReferenceView",
    "AgentDetailView",
    "AgentFreezeView",
    "AgentListView",
    "AgentRetireView",
    "CredentialDetailView",
    "CredentialListView",
    "CredentialRevokeView",
    "KeyListView",
    "KeyRevokeView",
    "KeyRotateView",
    "StatusView",
]
