"""A small client of Conto's API: ask, wait for people, pay only while allowed, record. Standard library only."""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

TIMEOUT_SECONDS: Final = 10.0
DEFAULT_LOOK_SECONDS: Final = 2.0
"""Between two looks at an authorization that waits for people, where the answer does not say."""

NOT_MODIFIED: Final = 304
FIRST_ERROR: Final = 400
TRY_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that say nothing about the payment: the same request is to be sent again."""


class Unreachable(Exception):
    """There was no answer, or none that says anything. Nothing may be paid; send the same request again."""


class Refused(Exception):
    """The request was understood and refused (RFC 9457): sending it again would change nothing."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Payment:
    """What an agent wants to pay, to whom, and why. `payee` holds `name` and `domain`, `address` or `account`."""

    amount: Decimal
    currency: str
    payee: Mapping[str, str]
    category: str
    rail: str
    session: str
    purpose: str
    context: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Authorization:
    """Conto's answer as it stands. Pay on `may_pay` and on nothing else."""

    id: str
    status: str
    may_pay: bool
    reasons: tuple[str, ...]
    status_reason: str
    was_reviewed: bool
    etag: str = ""
    look_again_seconds: float = DEFAULT_LOOK_SECONDS

    @property
    def is_waiting(self) -> bool:
        """Whether people are still to decide."""
        return self.status == "pending_review"


@dataclass(frozen=True, slots=True)
class Reply:
    """What an HTTP server answered; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Conto:
    """One key's view of Conto: an agent's runtime credential, or an organization key.

    Every call may be repeated: it carries a key or a reference of its own, so that a lost answer costs nothing.
    """

    def __init__(self, url: str, key: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.url = url.rstrip("/")
        self.key = key
        self.timeout_seconds = timeout_seconds

    def authorize(self, payment: Payment, *, key: str) -> Authorization:
        """Ask before money moves. `key` comes from `new_key` and is stored with the order, before the first attempt."""
        body = {
            "amount": str(payment.amount),
            "currency": payment.currency,
            "counterparty": dict(payment.payee),
            "category": payment.category,
            "rail": payment.rail,
            "session": payment.session,
            "purpose": payment.purpose,
            "context": dict(payment.context),
        }
        return as_authorization(self.call("POST", "/authorizations", body, {"Idempotency-Key": key}))

    def look(self, authorization_id: str) -> Authorization:
        """Read an authorization as it stands now."""
        return as_authorization(self.call("GET", f"/authorizations/{authorization_id}"))

    def look_again(self, known: Authorization) -> Authorization:
        """Read it again, cheaply: where nothing changed the server says so and `known` stays."""
        reply = self.call("GET", f"/authorizations/{known.id}", headers={"If-None-Match": known.etag})
        if reply.status == NOT_MODIFIED:
            return replace(known, look_again_seconds=seconds_to_wait(reply))
        return as_authorization(reply)

    def wait(self, known: Authorization, *, seconds: float) -> Authorization:
        """Wait for people, at the pace the server asks for; returns what stands when they decided or time is over."""
        deadline = time.monotonic() + seconds
        while known.is_waiting and time.monotonic() < deadline:
            time.sleep(min(known.look_again_seconds, max(0.0, deadline - time.monotonic())))
            known = self.look_again(known)
        return known

    def credential(self, authorization_id: str, *, key: str, name: str | None = None) -> str:
        """Have the provider's secret released for one payment, while it may be paid; the executor's key may."""
        body = {} if name is None else {"credential": name}
        reply = self.call("POST", f"/authorizations/{authorization_id}/credential", body, {"Idempotency-Key": key})
        return str(reply.body["secret"])

    def record(self, authorization_id: str, *, amount: Decimal, currency: str, reference: str) -> tuple[str, ...]:
        """Report what was really paid; returns the flags, if it does not fit what was authorized."""
        body = {"amount": str(amount), "currency": currency, "reference": reference, "final": True}
        reply = self.call("POST", f"/authorizations/{authorization_id}/record", body)
        return tuple(reply.body["record"]["flags"])

    def in_doubt(self, authorization_id: str, reason: str) -> None:
        """Say that it is not known whether the payment went through: the money stays set aside until it is."""
        self.call("POST", f"/authorizations/{authorization_id}/in-doubt", {"reason": reason})

    def void(self, authorization_id: str, reason: str) -> None:
        """Give an authorization up: what it holds is free again."""
        self.call("POST", f"/authorizations/{authorization_id}/void", {"reason": reason})

    def seal_credential(self, agent_id: str, *, name: str, secret: str, rails: list[str]) -> None:
        """Give Conto a provider's secret to keep for an agent, in place of an earlier one of this name."""
        known = self.call("GET", f"/agents/{agent_id}/sealed-credentials").body["data"]
        found = [one["id"] for one in known if one["name"] == name and one["revoked_at"] is None]
        if found:
            self.call("PUT", f"/sealed-credentials/{found[0]}", {"secret": secret, "rails": rails})
        else:
            body = {"name": name, "kind": "api_key", "secret": secret, "rails": rails}
            self.call("POST", f"/agents/{agent_id}/sealed-credentials", body)

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Make one call; raises `Unreachable` and `Refused`."""
        sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        try:
            reply = exchange(method, f"{self.url}/api/v1{path}", body, sent, timeout_seconds=self.timeout_seconds)
        except OSError as error:
            raise Unreachable(f"Conto did not answer: {error}") from error
        if reply.status in TRY_AGAIN:
            raise Unreachable(f"Conto answered {reply.status}")
        if reply.status >= FIRST_ERROR:
            problem = reply.body if isinstance(reply.body, dict) else {}
            raise Refused(reply.status, str(problem.get("code", "error")), str(problem.get("detail", "")))
        return reply


def new_key() -> str:
    """Mint an idempotency key: once per thing to buy, kept with it, so that no retry can ever buy it twice."""
    return f"order-{uuid.uuid4()}"


def as_authorization(reply: Reply) -> Authorization:
    """Read what an app needs of the answer; everything else in it is for people."""
    body = reply.body
    return Authorization(
        id=body["id"],
        status=body["status"],
        may_pay=body["may_pay"] is True,
        reasons=tuple(body["decision"]["reasons"]),
        status_reason=body["status_reason"],
        was_reviewed=body["approval_request"] is not None,
        etag=reply.headers.get("etag", ""),
        look_again_seconds=seconds_to_wait(reply),
    )


def seconds_to_wait(reply: Reply) -> float:
    """Return what `Retry-After` says in seconds; people's dates in it are not read."""
    text = reply.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else DEFAULT_LOOK_SECONDS


def exchange(method: str, url: str, body: object, headers: Mapping[str, str], *, timeout_seconds: float) -> Reply:
    """Send one JSON request on a connection of its own; raises `OSError` where there is no whole answer."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_seconds)
    content = None if body is None else json.dumps(body).encode()
    sent = {**headers, **({} if content is None else {"Content-Type": "application/json"})}
    try:
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), content, sent)
        answer = connection.getresponse()
        text = answer.read()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, found, json.loads(text) if text else None)
    except (HTTPException, ValueError) as error:
        raise ConnectionError(f"no whole answer: {error!r}") from error
    finally:
        connection.close()
