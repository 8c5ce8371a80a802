"""The main job, done once over HTTP the way an app and people do it: what `demo --once` proves."""

import json
import logging
import time
import uuid
from collections.abc import Mapping
from html.parser import HTMLParser
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx2

TIMEOUT_SECONDS: Final = 20.0
PATIENCE_SECONDS: Final = 30.0
"""For an answer of people, which takes effect some seconds after it was given."""
POLL_SECONDS: Final = 1.0
AGENT: Final = "Infrastructure agent"
GOOD_PAYEE: Final = {"name": "GitHub", "domain": "github.com", "country": "US"}
BAD_PAYEE: Final = {"name": "Instant Cards", "domain": "instant-cards.example"}
SMALL: Final = "1.20"
LARGE: Final = "180.00"
"""Above what the agent may pay without people."""
PAID: Final = "2.50"
"""What is recorded of it, so that the proof leaves room under the agent's limits."""


class ProofFailed(Exception):
    """A step did not go as it must; says which, and what came instead."""


def prove_main_job(base_url: str, demo_file: Path) -> None:
    """Ask, be approved, record; be declined, reviewed, rejected, frozen. Raises `ProofFailed` at the first failure."""
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    demo: dict[str, Any] = json.loads(demo_file.read_text())
    agent = next(one for one in demo["agents"] if one["name"] == AGENT)
    try:
        with (
            App(base_url, agent["key"]) as app,
            Browser(base_url) as reviewer,
            Browser(base_url) as operator,
            Browser(base_url) as admin,
        ):
            for browser, role in ((reviewer, "reviewer"), (operator, "operator"), (admin, "admin")):
                browser.sign_in(person_with(demo, role))
            thaw_if_frozen(app, admin, agent["id"])
            prove_approval(app)
            prove_refusal(app)
            prove_review(app, reviewer)
            prove_rejection(app, reviewer)
            prove_freeze(app, operator, admin, agent["id"])
    except httpx2.HTTPError as error:
        raise ProofFailed(f"{base_url} did not answer: {error!r}") from error


class App:
    """An app that holds an agent's runtime credential."""

    def __init__(self, base_url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx2.Client(base_url=f"{base_url}/api/v1/", headers=headers, timeout=TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.http.close()

    def call(self, method: str, path: str, body: object = None, *, key: str | None = None) -> dict[str, Any]:
        """Return the body of a successful answer."""
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = self.http.request(method, path, json=body, headers=headers)
        if not answer.is_success:
            raise ProofFailed(f"{method} /api/v1/{path} answered {answer.status_code}: {answer.text[:500]}")
        found: dict[str, Any] = answer.json()
        return found

    def ask(self, amount: str, payee: Mapping[str, str], *, key: str | None = None) -> dict[str, Any]:
        """Ask for a payment."""
        body = {
            "amount": amount,
            "currency": "USD",
            "counterparty": dict(payee),
            "category": "software",
            "rail": "card",
            "session": "proof",
            "purpose": "Proof that the main job works",
        }
        return self.call("POST", "authorizations", body, key=key or f"proof-{uuid.uuid4()}")

    def look(self, authorization: Mapping[str, Any]) -> dict[str, Any]:
        """Read an authorization again."""
        return self.call("GET", f"authorizations/{authorization['id']}")

    def look_until_answered(self, authorization: Mapping[str, Any]) -> dict[str, Any]:
        """Look until people's answer has taken effect, or patience has ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (seen := self.look(authorization))["status"] == "pending_review" and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return seen

    def record(self, authorization: Mapping[str, Any], amount: str) -> dict[str, Any]:
        """Report what was paid; returns the authorization afterwards."""
        body = {"amount": amount, "currency": "USD", "reference": f"proof-{uuid.uuid4()}"}
        found: dict[str, Any] = self.call("POST", f"authorizations/{authorization['id']}/record", body)["authorization"]
        return found


class Forms(HTMLParser):
    """The forms of a page: each one's address with the fields that were filled in by the server."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, or a field of the last one."""
        given = dict(attrs)
        if tag == "form":
            self.fields = self.found[given.get("action") or ""] = {}
        elif tag == "input" and given.get("type") == "hidden" and given.get("name"):
            self.fields[given["name"] or ""] = given.get("value") or ""


class Browser:
    """A person at the console, without scripts: it keeps cookies and sends the forms it was shown."""

    def __init__(self, base_url: str) -> None:
        self.http = httpx2.Client(base_url=base_url, timeout=TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.http.close()

    def open(self, path: str) -> str:
        """Return a page."""
        page = self.http.get(path)
        if page.status_code != HTTPStatus.OK:
            raise ProofFailed(f"The page {path} answered {page.status_code}.")
        return page.text

    def send(self, path: str, action: str, **typed: str) -> httpx2.Response:
        """Open a page and send one of its forms, with what the person typed; what is taken leads to another page."""
        forms = Forms()
        forms.feed(self.open(path))
        if action not in forms.found:
            raise ProofFailed(f"The page {path} has no form for {action}; it has {sorted(forms.found)}.")
        filled = {**forms.found[action], **typed}
        answer = self.http.post(action, data=filled, headers={"Referer": f"{self.http.base_url}{path}"})
        if not answer.is_redirect:
            raise ProofFailed(f"Sending {action} answered {answer.status_code}.")
        return answer

    def sign_in(self, person: Mapping[str, str]) -> None:
        """Sign in on the real page."""
        path = "/accounts/login/"
        self.send(path, path, login=person["email"], password=person["password"])
        expect(f"{person['email']} sees the console", person["email"] in self.open("/approvals/"), path)


def prove_approval(app: App) -> None:
    """A small payment is approved, the same key brings the same answer, and it is recorded."""
    key = f"proof-{uuid.uuid4()}"
    asked = app.ask(SMALL, GOOD_PAYEE, key=key)
    expect("a small payment may be paid at once", asked["may_pay"], asked)
    again = app.ask(SMALL, GOOD_PAYEE, key=key)
    expect("the same key brings the same authorization", again["id"] == asked["id"], again)
    recorded = app.record(asked, SMALL)
    expect("it is recorded", recorded["status"] == "recorded" and recorded["hold"] is None, recorded)


def prove_refusal(app: App) -> None:
    """A blocked payee is refused, with the reason."""
    refused = app.ask(SMALL, BAD_PAYEE)
    expect("a blocked payee is declined", refused["status"] == "declined" and not refused["may_pay"], refused)
    expect("the reason is named", "counterparty_blocked" in refused["decision"]["reasons"], refused)


def prove_review(app: App, reviewer: Browser) -> None:
    """A large payment waits, a person approves it in the inbox, the app sees that it may pay, and records less."""
    asked = app.ask(LARGE, GOOD_PAYEE)
    expect("a large payment waits for people", asked["status"] == "pending_review" and not asked["may_pay"], asked)
    address = f"/approvals/{asked['id']}/"
    expect("it stands in the inbox", address in reviewer.open("/approvals/"), address)
    reviewer.send(address, f"{address}approve/")
    approved = app.look_until_answered(asked)
    expect("the app sees that it may pay", approved["status"] == "approved" and approved["may_pay"], approved)
    recorded = app.record(asked, PAID)
    expect("what was paid is recorded", recorded["recorded"] == PAID and recorded["hold"] is None, recorded)


def prove_rejection(app: App, reviewer: Browser) -> None:
    """A large payment is rejected, and the app reads why."""
    asked = app.ask(LARGE, GOOD_PAYEE)
    address = f"/approvals/{asked['id']}/"
    reviewer.send(address, f"{address}reject/", reason="Not today.")
    rejected = app.look_until_answered(asked)
    expect("a rejected payment is declined", rejected["status"] == "declined" and not rejected["may_pay"], rejected)
    expect("the app reads why", rejected["status_reason"] == "Not today.", rejected)


def prove_freeze(app: App, operator: Browser, admin: Browser, agent_id: str) -> None:
    """A frozen agent is declined; thawed, it is approved again."""
    address = f"/agents/{agent_id}/"
    operator.send(address, f"{address}freeze/", reason="Proof that the switch works.")
    try:
        declined = app.ask(SMALL, GOOD_PAYEE)
        expect("a frozen agent is declined", declined["decision"]["reasons"] == ["agent_frozen"], declined)
    finally:
        thaw_if_frozen(app, admin, agent_id)
    asked = app.ask(SMALL, GOOD_PAYEE)
    expect("a thawed agent may pay again", asked["may_pay"], asked)
    voided = app.call("POST", f"authorizations/{asked['id']}/void", {"reason": "Only a proof."})
    expect("what is not needed is given up", voided["status"] == "voided", voided)


def thaw_if_frozen(app: App, admin: Browser, agent_id: str) -> None:
    """Let the agent go on."""
    if app.call("GET", "status")["frozen"]:
        address = f"/agents/{agent_id}/"
        admin.send(address, f"{address}thaw/", reason="Proof that the switch works.")
        expect("the agent is thawed", not app.call("GET", "status")["frozen"], address)


def person_with(demo: Mapping[str, Any], role: str) -> Mapping[str, str]:
    found: Mapping[str, str] = next(person for person in demo["people"] if person["roles"] == [role])
    return found


def expect(what: str, holds: bool, found: object) -> None:  # noqa: FBT001 - what was seen, not a mode
    """Raise `ProofFailed` unless `what` holds."""
    if not holds:
        raise ProofFailed(f"Expected that {what}; found {found}")
