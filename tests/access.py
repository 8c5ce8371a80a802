"""The table of who may do what: every address, by role, by key and scope, for a foreign organization.

From the specification, §6 and §9: it is written down here once more, by hand, so that the product is compared with it
and not with itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ROLES: Final = ("viewer", "reviewer", "operator", "admin", "owner")
READERS: Final = frozenset(ROLES)
REVIEWERS: Final = frozenset({"reviewer", "admin", "owner"})
OPERATORS: Final = frozenset({"operator", "admin", "owner"})
ADMINS: Final = frozenset({"admin", "owner"})

PUBLIC: Final = ("healthz", "readyz", "styleguide/", "api/v1/openapi.json", "api/v1/docs")
"""Anybody may look."""

REASON: Final = {"reason": "Because"}
NAME: Final = {"name": "New"}
LISTED: Final = {"listed": "approvals:authorizations"}


@dataclass(frozen=True)
class Page:
    """A page or a button: who may, what they are answered, and what another organization's owner is answered."""

    method: str
    address: str
    who: frozenset[str]
    status: int = 200
    data: Mapping[str, Any] = field(default_factory=dict)
    foreign: int = 0
    """404 where the address names an object, unless it is said here."""

    @property
    def foreign_status(self) -> int:
        """What the owner of another organization is answered."""
        return self.foreign or (404 if "<" in self.address else self.status)


def get(address: str, who: frozenset[str] = READERS, **more: Any) -> Page:
    return Page("GET", address, who, **more)


def post(address: str, who: frozenset[str], status: int = 302, **more: Any) -> Page:
    return Page("POST", address, who, status, **more)


AGENT, POLICY = "agents/<str:public_id>/", "policies/<str:policy_id>/"
BACKTEST: Final = "backtests/<str:backtest_id>/"
CHANGE: Final = "approvals/changes/<str:public_id>/"
BUDGET: Final = "budgets/<str:policy_id>/<str:key>/"
PAYEE, MEMBER = "counterparties/<str:public_id>/", "settings/members/<str:public_id>/"

PAGES: Final = (
    # What everybody of the organization sees.
    *(get(one) for one in ("", "analytics/", "analytics/export/", "analytics/flagged/", "analytics/flagged/export/")),
    get("find/"),
    get("policies/as-code/"),
    *(get(f"analytics/{one}") for one in ("payments/", "payments/export/", "decisions/", "decisions/export/")),
    *(
        get(one)
        for one in ("analytics/review-times/", "analytics/review-times/export/", "budgets/", "budgets/export/", BUDGET)
    ),
    *(get(one) for one in ("agents/", "agents/export/", AGENT, f"{AGENT}limits/", f"{AGENT}authorizations/")),
    *(get(f"{AGENT}{one}/") for one in ("integration", "runtime")),
    *(get(f"{AGENT}{one}/{page}") for one in ("keys", "credentials") for page in ("", "export/")),
    *(get(one) for one in ("approvals/", "approvals/waiting/", "approvals/<str:public_id>/")),
    *(get(one) for one in ("approvals/queue/", "approvals/left/", "approvals/changes/", CHANGE, f"{CHANGE}text/")),
    get("approvals/changes/export/"),
    *(
        get(one)
        for one in (
            "authorizations/",
            "authorizations/export/",
            "authorizations/<str:public_id>/",
            "policies/",
            "policies/export/",
            POLICY,
        )
    ),
    *(get(one) for one in (f"{POLICY}versions/", f"{POLICY}versions/export/", f"{POLICY}compare/", f"{POLICY}shadow/")),
    *(get(one) for one in (f"{POLICY}versions/<int:number>/", f"{POLICY}draft/", "counterparties/")),
    *(
        get(one)
        for one in (
            "counterparties/export/",
            "counterparties/pegs/",
            "counterparties/pegs/export/",
            PAYEE,
            f"{PAYEE}activity/",
        )
    ),
    *(get(one) for one in ("audit/", "audit/seal/", "audit/export/", "audit/table/", "audit/verifier/")),
    *(get(one) for one in ("settings/", "settings/members/", "settings/keys/")),
    *(get(f"settings/{one}/export/") for one in ("members", "keys")),
    *(get(one) for one in ("audit/events/<str:event_id>/", "audit/events/<str:event_id>/proof/")),
    # A foreign one has no checkpoint yet; the history of anything is what one's own organization knows of it.
    get("audit/checkpoint/", foreign=404),
    get("audit/history/<str:subject_id>/", status=302, foreign=302),
    *(get(f"{POLICY}{one}") for one in ("backtests/", "backtests/summary/")),
    get("simulator/"),
    *(get(f"{BACKTEST}{one}") for one in ("", "changes/<int:number>/")),
    # What a reader keeps for themselves.
    post("filters/keep/", READERS, data=LISTED | {"name": "Mine", "query": "status=approved"}),
    post("filters/forget/", READERS, data=LISTED | {"name": "Mine"}),
    # Reviewers: approve, reject.
    post("approvals/<str:public_id>/approve/", REVIEWERS, 409),
    post("approvals/<str:public_id>/reject/", REVIEWERS, data=REASON),
    # Who may write policies may draft that such a payment passes next time.
    get("approvals/<str:public_id>/always/", OPERATORS),
    post("approvals/<str:public_id>/always/", OPERATORS, 422),
    # Several at once: nothing chosen leads back to the queue.
    *(post(f"approvals/bulk/{one}", REVIEWERS) for one in ("", "undo/")),
    # Back from where a second factor was proven: nothing was said before.
    get("approvals/bulk/", REVIEWERS, status=302),
    get("approvals/<str:public_id>/approve/", REVIEWERS),
    # A second person agrees to a change: who could make it, and not without what was shown.
    post(f"{CHANGE}approve/", OPERATORS, 409),
    post(f"{CHANGE}reject/", OPERATORS, data=REASON),
    # Whoever gave an answer takes it back; nobody has given this one.
    post("approvals/reviews/<str:public_id>/undo/", REVIEWERS, 404),
    # Operators: agents, keys, sealed credentials.
    get("agents/new/", OPERATORS),
    post("agents/new/", OPERATORS, data=NAME),
    get(f"{AGENT}edit/", OPERATORS),
    post(f"{AGENT}edit/", OPERATORS, data=NAME),
    post(f"{AGENT}retire/", OPERATORS, data=REASON),
    post(f"{AGENT}integration/state/", OPERATORS, data={"statement": "In the vault"}),
    get(f"{AGENT}keys/new/", OPERATORS),
    post(f"{AGENT}keys/new/", OPERATORS, 422),
    post("agents/keys/<str:key_id>/rotate/", OPERATORS, 302),
    post("agents/keys/<str:key_id>/revoke/", OPERATORS),
    get(f"{AGENT}credentials/new/", OPERATORS),
    post(f"{AGENT}credentials/new/", OPERATORS, 422),
    get("agents/credentials/<str:credential_id>/replace/", OPERATORS),
    post("agents/credentials/<str:credential_id>/replace/", OPERATORS, 422),
    post("agents/credentials/<str:credential_id>/revoke/", OPERATORS),
    post("authorizations/<str:public_id>/void/", OPERATORS, data=REASON),
    get("authorizations/<str:public_id>/report/", OPERATORS),
    post("authorizations/<str:public_id>/report/", OPERATORS, 422),
    # Operators freeze, admins thaw.
    get(f"{AGENT}freeze/", OPERATORS),
    post(f"{AGENT}freeze/", OPERATORS, data=REASON),
    post(f"{AGENT}thaw/", ADMINS, data=REASON),
    post("settings/freeze/", OPERATORS, data=REASON),
    post("settings/thaw/", ADMINS, data=REASON),
    # Operators: policies.
    get("policies/new/", OPERATORS),
    post("policies/new/", OPERATORS, 422),
    get(f"{POLICY}describe/", OPERATORS),
    post(f"{POLICY}describe/", OPERATORS, data=NAME),
    get(f"{POLICY}assignments/", OPERATORS),
    post(f"{POLICY}assignments/", OPERATORS),
    post(f"{POLICY}retire/", OPERATORS),
    post(f"{POLICY}shadow/promote/", OPERATORS, data={"shown": "another"}, status=409),
    post(f"{POLICY}shadow/end/", OPERATORS),
    post(f"{POLICY}versions/<int:number>/restore/", OPERATORS),
    post(f"{POLICY}draft/discard/", OPERATORS),
    get(f"{POLICY}draft/publish/", OPERATORS),
    post(f"{POLICY}draft/publish/", OPERATORS, 422),
    get(f"{POLICY}draft/add/<str:type_name>/", OPERATORS),
    post(f"{POLICY}draft/add/<str:type_name>/", OPERATORS, 422),
    get(f"{POLICY}draft/rules/<str:key>/", OPERATORS),
    post(f"{POLICY}draft/rules/<str:key>/", OPERATORS, 422),
    post(f"{POLICY}draft/rules/<str:key>/duplicate/", OPERATORS),
    post(f"{POLICY}draft/rules/<str:key>/remove/", OPERATORS),
    post(f"{POLICY}backtests/start/", OPERATORS, data={"days": "30"}),
    post(f"{BACKTEST}cancel/", OPERATORS),
    # Operators: counterparties.
    get("counterparties/new/", OPERATORS),
    post("counterparties/new/", OPERATORS, 422),
    post("counterparties/pegs/set/", OPERATORS, data={"currency": "EURC", "counts_as": "EUR"}, status=422),
    post("counterparties/pegs/<str:currency>/remove/", OPERATORS, foreign=302),
    get(f"{PAYEE}edit/", OPERATORS),
    post(f"{PAYEE}edit/", OPERATORS, 422),
    post(f"{PAYEE}standing/", OPERATORS, 422),
    get(f"{PAYEE}merge/", OPERATORS),
    # Nobody is chosen.
    post(f"{PAYEE}merge/", OPERATORS, 422),
    post(f"{PAYEE}identifiers/add/", OPERATORS, 422),
    post(f"{PAYEE}identifiers/remove/", OPERATORS, 422),
    # Admins: members, settings, organization keys.
    post("settings/", ADMINS, 422),
    post("settings/members/invite/", ADMINS, 422),
    post(f"{MEMBER}roles/", ADMINS, data={"roles": "reviewer"}),
    post(f"{MEMBER}remove/", ADMINS),
    post("settings/invitations/<str:public_id>/withdraw/", ADMINS),
    post("settings/keys/issue/", ADMINS, 422),
    post("settings/keys/<str:public_id>/revoke/", ADMINS),
)

PERSONAL: Final = {
    # One's own account: (who is not signed in, who is).
    "GET settings/account/": (302, 200),
    "POST settings/account/": (302, 422),
    "POST settings/switch/": (302, 404),
    "POST theme/": (302, 302),
    "GET invitations/<str:secret>/": (200, 200),
    "POST invitations/<str:secret>/": (422, 409),
    "GET accounts/login/": (200, 302),
    "POST accounts/login/": (200, 302),
    "GET accounts/logout/": (302, 200),
    "POST accounts/logout/": (302, 302),
    "GET accounts/inactive/": (200, 200),
    "GET accounts/signup/": (200, 302),
    "POST accounts/signup/": (200, 302),
    "GET accounts/reauthenticate/": (302, 403),
    "POST accounts/reauthenticate/": (302, 403),
    "GET accounts/password/change/": (302, 302),
    "POST accounts/password/change/": (302, 302),
    "GET accounts/password/set/": (302, 200),
    "POST accounts/password/set/": (302, 200),
    "GET accounts/password/reset/": (200, 200),
    "POST accounts/password/reset/": (200, 200),
    "GET accounts/password/reset/key/done/": (200, 200),
    "GET accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": (200, 200),
    "POST accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": (200, 200),
    "GET accounts/password/reset/done/": (200, 200),
    "GET accounts/2fa/authenticate/": (302, 302),
    "POST accounts/2fa/authenticate/": (302, 302),
    **{
        f"{method} accounts/2fa/{name}": (302, status)
        for name, statuses in {
            "": (200, 405),
            "reauthenticate/": (403, 403),
            "totp/activate/": (200, 200),
            "totp/deactivate/": (404, 404),
            "recovery-codes/": (404, 405),
            "recovery-codes/generate/": (200, 200),
            "recovery-codes/download/": (404, 404),
            "webauthn/": (200, 405),
            "webauthn/add/": (200, 200),
            "webauthn/reauthenticate/": (403, 403),
            "webauthn/keys/<int:pk>/remove/": (404, 404),
            "webauthn/keys/<int:pk>/edit/": (404, 404),
        }.items()
        for method, status in zip(("GET", "POST"), statuses, strict=True)
    },
}


# --- The API ----------------------------------------------------------------------------------------------------------


OWN: Final = "own"
"""An agent's key, for what is this agent's."""
READ, PROVISION, POLICIES, RELEASE = (frozenset({one}) for one in ("read", "provision", "policies", "release"))
PAYMENT: Final = {"amount": "1", "currency": "USD", "counterparty": {"domain": "vendor.example"}}
RULES: Final = {"schema": 1, "rules": [{"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "7"}}]}
NO_POLICIES: Final = {"schema": 1, "policies": []}


@dataclass(frozen=True)
class Call:
    """A call of the API: the scopes of which one suffices, and whether an agent's own key may make it."""

    method: str
    path: str
    scopes: frozenset[str]
    agent: str = ""
    status: int = 200
    body: Mapping[str, Any] | None = None
    foreign: int = 0
    """404 where the address names an object, unless it is said here."""
    without_scope: int = 403

    @property
    def address(self) -> str:
        """As the resolver writes it."""
        return f"api/v1/{self.path}"

    @property
    def foreign_status(self) -> int:
        """What another organization's key, with every scope, is answered."""
        if not self.scopes:
            return self.without_scope
        return self.foreign or (404 if "<" in self.path else self.status)

    @property
    def other_agent_status(self) -> int:
        """What the key of another agent of the same organization is answered."""
        return (404 if "<" in self.path else self.status) if self.agent else 403


AUTHORIZATION, AGENT_ID, POLICY_ID = (
    "authorizations/<str:authorization_id>",
    "agents/<str:agent_id>",
    "policies/<str:policy_id>",
)
PAYEE_ID, CREDENTIAL_ID = "counterparties/<str:counterparty_id>", "sealed-credentials/<str:credential_id>"
BACKTEST_ID: Final = "backtests/<str:backtest_id>"
BY_REF: Final = "by-ref/<path:external_ref>"
KEPT: Final = READ | PROVISION
REPORTERS: Final = RELEASE | PROVISION
NOBODY: Final[frozenset[str]] = frozenset()

CALLS: Final = (
    # An agent's own.
    Call("POST", "authorizations", NOBODY, OWN, 201, PAYMENT),
    Call("POST", "authorizations/simulate", NOBODY, OWN, 200, PAYMENT),
    Call("GET", "status", NOBODY, OWN),
    Call("GET", "limits", NOBODY, OWN),
    # What the agent and its back end do to authorizations.
    Call("GET", "authorizations", READ, OWN),
    Call("GET", AUTHORIZATION, READ | RELEASE, OWN),
    Call("POST", f"{AUTHORIZATION}/record", REPORTERS, OWN, 201, {"amount": "1", "currency": "USD"}),
    Call("POST", f"{AUTHORIZATION}/void", REPORTERS, OWN, 200, {}),
    Call("POST", f"{AUTHORIZATION}/in-doubt", REPORTERS, OWN, 200, {}),
    Call("POST", f"{AUTHORIZATION}/credential", RELEASE, OWN, 200, {}),
    Call("POST", "spend-records", REPORTERS, OWN, 201, {**PAYMENT, "agent": "<str:agent_id>"}, foreign=422),
    # Provisioning.
    Call("GET", "agents", KEPT),
    Call("POST", "agents", PROVISION, status=201, body=NAME),
    Call("GET", AGENT_ID, KEPT),
    Call("PATCH", AGENT_ID, PROVISION, body=NAME),
    Call("GET", f"agents/{BY_REF}", KEPT),
    Call("PUT", f"agents/{BY_REF}", PROVISION, body=NAME, foreign=201),
    Call("POST", f"{AGENT_ID}/freeze", PROVISION, body=REASON),
    Call("POST", f"{AGENT_ID}/retire", PROVISION),
    Call("GET", f"{AGENT_ID}/integration", READ, OWN),
    Call("GET", f"{AGENT_ID}/keys", KEPT),
    Call("POST", f"{AGENT_ID}/keys", PROVISION, status=201, body=NAME),
    Call("POST", "keys/<str:key_id>/rotate", PROVISION, status=201, body={"overlap_seconds": 60}),
    Call("POST", "keys/<str:key_id>/revoke", PROVISION),
    Call("GET", f"{AGENT_ID}/sealed-credentials", KEPT),
    Call(
        "POST",
        f"{AGENT_ID}/sealed-credentials",
        PROVISION,
        status=201,
        body={"name": "New", "kind": "api_key", "secret": "sk_s3cr3t", "rails": ["card"]},
    ),
    Call("GET", CREDENTIAL_ID, KEPT),
    Call("PUT", CREDENTIAL_ID, PROVISION, body={"secret": "sk_0ther"}),
    Call("POST", f"{CREDENTIAL_ID}/revoke", PROVISION),
    Call("GET", "counterparties", KEPT),
    Call("POST", "counterparties", PROVISION, status=201, body=NAME),
    Call("GET", PAYEE_ID, KEPT),
    Call("PATCH", PAYEE_ID, PROVISION, body=NAME),
    Call("GET", f"counterparties/{BY_REF}", KEPT),
    Call("PUT", f"counterparties/{BY_REF}", PROVISION, body=NAME, foreign=201),
    Call("POST", f"{PAYEE_ID}/merge", PROVISION, status=422, body={"duplicate": "<str:counterparty_id>"}),
    Call("POST", f"{PAYEE_ID}/standing", PROVISION, body={"standing": "trusted"}),
    Call("POST", f"{PAYEE_ID}/identifiers", PROVISION, body={"identifier": "domain:new.example"}),
    Call("DELETE", f"{PAYEE_ID}/identifiers/<path:identifier>", PROVISION),
    Call("GET", "pegs", KEPT),
    Call("PUT", "pegs", PROVISION, body={"pegs": {"USDC": "USD"}}),
    # Policies. Who may write them may read them.
    Call("GET", "policies", READ | POLICIES),
    Call("POST", "policies", POLICIES, status=201, body={"name": "New", "document": RULES}),
    Call("GET", POLICY_ID, READ | POLICIES),
    Call("GET", "policies/export", READ | POLICIES),
    Call("POST", "policies/plan", POLICIES, body={"file": NO_POLICIES}),
    Call("POST", "policies/apply", POLICIES, status=409, body={"file": NO_POLICIES, "digest": "another"}),
    Call("GET", f"policies/{BY_REF}", READ | POLICIES),
    Call("PUT", f"policies/{BY_REF}", POLICIES, body={"name": "Synced", "document": RULES}, foreign=201),
    Call("GET", f"{POLICY_ID}/versions", READ | POLICIES),
    Call("POST", f"{POLICY_ID}/versions", POLICIES, status=201, body={"document": RULES}),
    Call("PUT", f"{POLICY_ID}/assignments", POLICIES, body={"organization": True}),
    Call("POST", f"{POLICY_ID}/retire", POLICIES),
    Call("GET", "backtests", READ | POLICIES),
    Call("POST", "backtests", POLICIES, status=202, body={"policy": "<str:policy_id>", "document": RULES}, foreign=422),
    *(Call("GET", f"{BACKTEST_ID}{one}", READ | POLICIES) for one in ("", "/changes")),
    Call("POST", f"{BACKTEST_ID}/cancel", POLICIES),
    Call("POST", "simulations", READ | POLICIES, body={"imagined": {}, "payment": PAYMENT}),
    # Reading.
    Call("GET", "changes", READ | POLICIES),
    Call("GET", "changes/<str:change_id>", READ | POLICIES),
    Call("GET", "audit-events", READ),
    Call("GET", "budgets", READ),
)
