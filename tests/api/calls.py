"""Every call that takes a body, each with one that it takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.test import Client

DAILY: Final = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "500"}}
PAYMENT: Final[Mapping[str, Any]] = {
    "amount": "12.50",
    "currency": "USD",
    "counterparty": {"name": "OpenAI", "domain": "api.openai.com"},
}
TIGHT: Final = {**DAILY, "daily": {"USD": "400"}}
DOCUMENT: Final = {"schema": 1, "rules": [DAILY]}


@dataclass(frozen=True)
class Call:
    """A call that takes a body, with one that it takes."""

    method: str
    path: str
    body: Mapping[str, Any]
    is_agents: bool = False


CALLS: Final = {
    "ask": Call("POST", "authorizations", PAYMENT, is_agents=True),
    "simulate": Call("POST", "authorizations/simulate", PAYMENT, is_agents=True),
    "report": Call("POST", "spend-records", PAYMENT, is_agents=True),
    "create agent": Call("POST", "agents", {"name": "Atlas"}),
    "change agent": Call("PATCH", "agents/{agent}", {"name": "Atlas"}),
    "upsert agent": Call("PUT", "agents/by-ref/a", {"name": "Atlas"}),
    "freeze": Call("POST", "agents/{agent}/freeze", {"reason": "Too fast"}),
    "issue key": Call("POST", "agents/{agent}/keys", {"name": "worker"}),
    "rotate key": Call("POST", "keys/{key}/rotate", {"overlap_seconds": 60}),
    "seal": Call(
        "POST",
        "agents/{agent}/sealed-credentials",
        {"name": "Card", "kind": "card_token", "secret": "tok_s3cr3t", "rails": ["card"]},
    ),
    "replace": Call("PUT", "sealed-credentials/{credential}", {"secret": "tok_0ther"}),
    "create policy": Call("POST", "policies", {"name": "New", "document": DOCUMENT}),
    "sync policy": Call("PUT", "policies/by-ref/p", {"name": "New", "document": DOCUMENT}),
    "publish": Call(
        "POST", "policies/{policy}/versions", {"document": {"schema": 1, "rules": [TIGHT]}, "mode": "enforced"}
    ),
    "assign": Call("PUT", "policies/{policy}/assignments", {"organization": False, "labels": ["x"]}),
    "create counterparty": Call("POST", "counterparties", {"name": "Anthropic"}),
    "change counterparty": Call("PATCH", "counterparties/{counterparty}", {"name": "Anthropic"}),
    "upsert counterparty": Call("PUT", "counterparties/by-ref/c", {"name": "Anthropic"}),
    "standing": Call("POST", "counterparties/{counterparty}/standing", {"standing": "trusted"}),
    "identifier": Call("POST", "counterparties/{counterparty}/identifiers", {"identifier": "domain:b.example"}),
    "pegs": Call("PUT", "pegs", {"pegs": {"USDC": "USD"}}),
}


@dataclass(frozen=True)
class Stage:
    """Where calls are made."""

    agent: Client
    organization: Client
    ids: Mapping[str, str]

    def send(self, call: Call, body: bytes, content_type: str = "application/json") -> Any:
        """Make the call with these bytes."""
        client = self.agent if call.is_agents else self.organization
        path = f"/api/v1/{call.path.format(**self.ids)}"
        return client.generic(call.method, path, body, content_type=content_type)
