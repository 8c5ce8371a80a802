"""The API's description: what every operation has in common is written here once, not beside each."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from agents.api.changes import WAITING
from approvals.lifecycle import Status
from people.models import ChangeEnd, ChangeKind
from policies.engine.document import json_schema

Schema = dict[str, Any]

# Choices that several objects share under one name; the settings name these.
AUTHORIZATION_STATUSES: Final = [status.value for status in Status]
CHANGE_KINDS: Final = ChangeKind.values
CHANGE_STATUSES: Final = [WAITING, *ChangeEnd.values]
KEY_STATUSES: Final = ["active", "expiring", "replaced", "expired", "revoked"]
OUTCOMES: Final = ["allow", "review", "deny"]
RECORD_KINDS: Final = ["payment", "refund"]

TAGS: Final = {
    "Authorizations": "Ask before money moves; pay only while `may_pay`; say what became of it.",
    "Spend records": "Spend that had no authorization.",
    "Status": "What an agent may know of itself.",
    "Agents": "The bindings of the app's actors.",
    "Runtime keys": "The secrets with which the app calls for an agent; shown once.",
    "Sealed credentials": "Providers' secrets, released only against an approved authorization.",
    "Policies": "The rules: versions, assignments, sync by the app's own reference.",
    "Changes": "What may let more money pass and waits for a second person.",
    "Counterparties": "Who would be paid, what the organization makes of them, and which currencies count as one.",
    "Budgets": "The pots, and what is left in them.",
    "Audit": "What happened.",
}

PROBLEM: Final[Schema] = {
    "type": "object",
    "description": "What went wrong (RFC 9457); `code` is stable, further members state facts.",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:conto:problem:amount_invalid"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "examples": ["amount_invalid"]},
        "detail": {"type": "string", "description": "For people."},
        "request_id": {"type": "string", "description": "Under which the request stands in the logs."},
        "field": {"type": "string", "description": "The input at fault, as a path: `counterparty.domain`."},
        "errors": {
            "type": "array",
            "description": "Each input at fault.",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "detail")},
            },
        },
    },
}

WORDS: Final = {
    400: "The request cannot be read.",
    401: "No key, or one that is unknown, expired or revoked.",
    403: "The key may not do this.",
    404: "There is nothing here that this key may see.",
    406: "The answer cannot be had in that form: this API speaks JSON.",
    409: "The present state does not admit this.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
    422: "A field holds what it must not hold.",
    429: "Too many requests.",
    503: "Nothing was stored. Send the same request again.",
}
EVERYWHERE: Final = (401, 403, 406, 429, 503)
WITH_BODY: Final = (400, 413, 415)
WITH_INPUT: Final = (422,)
WITH_CHANGE: Final = (409,)
WITH_PLACE: Final = (404,)
CHANGING: Final = {"post", "put", "patch", "delete"}
RETRIED: Final = (429, 503)

HEADERS: Final[dict[str, Schema]] = {
    "RateLimit": {
        "description": 'How much of the limit is left, and when it begins anew: `"key";r=599;t=60`.',
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": 'The limit: `"key";q=600;w=60` is 600 requests in 60 seconds.',
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait; before the next look, while people decide.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "X-Request-ID": {"description": "Name it when you ask for help.", "schema": {"type": "string"}, "required": True},
    "ETag": {"description": "Send it as `If-None-Match` to hear only of changes.", "schema": {"type": "string"}},
    "Idempotent-Replayed": {"description": "`true`: answered before.", "schema": {"type": "string"}},
}
POLLED: Final = {"authorizations_ask", "authorizations_read"}
"""Operations whose answer may be that people decide; it says then when to look again."""
TOLD_ALWAYS: Final = ("RateLimit", "RateLimit-Policy", "X-Request-ID")

FIRST_SENTENCE: Final = re.compile(r"(.+?)(?:[.:;](?=\s|$)|$)", re.DOTALL)


def complete(result: Schema, **_: object) -> Schema:
    """Add to each operation its summary, errors and header fields (a hook of drf-spectacular, the last one)."""
    components = result["components"]
    document = {name: value for name, value in json_schema().items() if name != "$schema"}
    components["schemas"] |= {"PolicyDocument": document, "Problem": PROBLEM}
    components["headers"] = HEADERS
    components["responses"] = {name_of(status): problem_response(status) for status in WORDS}
    for name, schema in components["schemas"].items():
        # An unknown field is refused everywhere: a misspelt one must not be passed over.
        if name.endswith("Request") and schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
    for method, operation in operations(result):
        describe(method, operation)
    used = {tag for _, operation in operations(result) for tag in operation["tags"]}
    result["tags"] = [{"name": name, "description": words} for name, words in TAGS.items() if name in used]
    return result


def operations(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Every operation with its method."""
    for path in schema["paths"].values():
        yield from path.items()


def describe(method: str, operation: Schema) -> None:
    if "summary" not in operation:
        operation["summary"] = summary_of(operation["description"])
    for status, response in operation["responses"].items():
        told = [*TOLD_ALWAYS, *(["ETag"] if "304" in operation["responses"] else [])]
        if operation["operationId"] in POLLED:
            told.append("Retry-After")
        if method == "post" and status == "200" and "201" in operation["responses"]:
            told.append("Idempotent-Replayed")
        response["headers"] = headers(*told) | response.get("headers", {})
    for status in errors_of(method, operation):
        operation["responses"].setdefault(str(status), {"$ref": f"#/components/responses/{name_of(status)}"})


def summary_of(description: str) -> str:
    """Return the first sentence, or what of it stands before a colon."""
    found = FIRST_SENTENCE.match(description.strip())
    assert found, "every operation has a docstring"
    return " ".join(found.group(1).split())


def errors_of(method: str, operation: Schema) -> list[int]:
    """Return the statuses of what can go wrong with an operation."""
    places = {parameter["in"] for parameter in operation.get("parameters", [])}
    has_body = "requestBody" in operation
    return sorted(
        {
            *EVERYWHERE,
            *(WITH_BODY if has_body else ()),
            *(WITH_INPUT if has_body or places else ()),
            *(WITH_CHANGE if method in CHANGING else ()),
            *(WITH_PLACE if "path" in places else ()),
        }
    )


def problem_response(status: int) -> Schema:
    told = [*TOLD_ALWAYS, *(["Retry-After"] if status in RETRIED else [])]
    return {
        "description": WORDS[status],
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        "headers": headers(*told),
    }


def headers(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def name_of(status: int) -> str:
    return HTTPStatus(status).phrase.replace(" ", "")
