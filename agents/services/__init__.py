"""What changes agents, their keys and their sealed credentials: each use case is one durable transaction."""

from agents.services.changes import AgentChange, Upserted, change_agent, create_agent, upsert_agent_by_ref
from agents.services.credentials import (
    CredentialChange,
    NewCredential,
    Rewrapped,
    create_credential,
    open_sealed,
    replace_credential,
    revoke_credential,
    rewrap_batch,
)
from agents.services.runtime_keys import IssuedKey, issue_key, revoke_key, rotate_key
from agents.services.states import freeze_agent, retire_agent, thaw_agent

__all__ = [
    "AgentChange",
    "CredentialChange",
    "IssuedKey",
    "NewCredential",
    "Rewrapped",
    "Upserted",
    "change_agent",
    "create_agent",
    "create_credential",
    "freeze_agent",
    "issue_key",
    "open_sealed",
    "replace_credential",
    "retire_agent",
    "revoke_credential",
    "revoke_key",
    "rewrap_batch",
    "rotate_key",
    "thaw_agent",
    "upsert_agent_by_ref",
]
