"""The checklist of a hybrid integration: seven points, each with what it asks for and what to do where it fails."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """One point: its stable name, its words, and the remedy."""

    key: str
    title: str
    remedy: str


CHECKLIST: Final = (
    Rule(
        "own_agent",
        "Each managed actor has its own agent",
        "Create the agent with `PUT /api/v1/agents/by-ref/{your id of the actor}`, issue a key for it, and let the "
        "actor ask with that key alone. Retire the agent that several share.",
    ),
    Rule(
        "keys_server_side",
        "Runtime credentials stay on the server, encrypted at rest",
        "Keep the key in the secret store of the app's back end, never in a browser, a prompt or a repository. Then "
        "state here where it is kept; state it again when that changes.",
    ),
    Rule(
        "policies_synced",
        "Policy changes in the app's product reach Conto",
        "Let the product write its controls with `PUT /api/v1/policies/by-ref/{its id}` whenever they change, and do "
        "not publish those policies by hand.",
    ),
    Rule(
        "authorized_before",
        "Authorization comes before settlement",
        "Call `POST /api/v1/authorizations` before the settlement call, and go on only while `may_pay` is true.",
    ),
    Rule(
        "denials_obeyed",
        "Denied payments never reach execution",
        "Branch on `may_pay` in one place, before the executor. Give executors their secrets through sealed "
        "credentials: they are released against an approval only.",
    ),
    Rule(
        "payments_recorded",
        "Payments are recorded back",
        "After the settlement call `POST …/record`; if it did not happen `POST …/void`; if you do not know `POST "
        "…/in-doubt`, and settle the doubt within a day.",
    ),
    Rule(
        "operators_see",
        "Operators see runtime status and recent events",
        "Let the app call at least once a day, keep the worker running, and give somebody the role of an operator.",
    ),
)
