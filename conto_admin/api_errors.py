"""The API's error bodies: problem details (RFC 9457) with a stable `code`, from our errors, DRF's and Django's."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import orjson
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from rest_framework import exceptions
from rest_framework.response import Response

from conto_admin.api_render import plain
from core.clock import now
from core.db import is_unavailable
from core.errors import ContoError, InvalidMany, Malformed, NotAllowed, NotAuthenticated, NotFound, TooMany, Unavailable
from core.http import request_id_of

CONTENT_TYPE: Final = "application/problem+json"
FIRST_ERROR: Final = 400
RETRY_SECONDS: Final = 1
"""When to send again what was refused with nothing stored."""

CODES: Final = {
    400: "malformed",
    401: "not_authenticated",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "body_too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
    500: "internal_error",
    503: "unavailable",
}
"""Codes of errors that no code of ours raised."""

OTHER_KINDS: Final = {
    "agents.authentication.authenticate_agent": "An agent's key may not do this. Send an organization key of "
    "the scope that the call names.",
    "people.authentication.authenticate_organization": "An organization key may not do this. Send the agent's key.",
}
"""By name: these import the framework, which imports this while it is still importing itself."""

DETAILS: Final = {
    404: "There is nothing at this address.",
    413: "The body is larger than this server accepts.",
    500: "Something went wrong here. It was logged under the request id; send the same request again later.",
    503: "Nothing was stored. Send the same request again.",
}


def handle(exception: Exception, context: dict[str, Any]) -> Response | None:
    """Word an exception that left an API view; `None` leaves it to Django, which logs it and answers 500."""
    request: HttpRequest = context["request"]._request  # noqa: SLF001 - what the middleware saw, not DRF's wrapper
    error = unmet(request) if isinstance(exception, exceptions.NotAuthenticated) else as_ours(exception)
    if error is not None:
        return as_response(members_of(request, error), headers_of(error))
    if isinstance(exception, exceptions.ValidationError):
        return as_response(members_of(request, as_invalid_many(exception)), {})
    if isinstance(exception, exceptions.APIException):
        body = members(request, exception.status_code, detail=str(exception.detail))
        return as_response(body, headers_of_drf(exception, context))
    return None


def unmet(request: HttpRequest) -> ContoError:
    """What is wrong where no key that the call takes was sent: a known one of the other kind is known all the same."""
    header = request.META.get("HTTP_AUTHORIZATION")
    for path, refusal in OTHER_KINDS.items():
        try:
            caller = import_string(path)(header, now())
        except NotAuthenticated as error:
            return error
        except (DatabaseError, InterfaceError) as error:
            if is_unavailable(error):
                return Unavailable()
            raise
        if caller is not None:
            # It is no failure of the address, yet counts for the key (`limits.RateHeaders`).
            request.refused_key_id = caller.key_id  # type: ignore[attr-defined]
            return NotAllowed("other_key_needed", refusal)
    return NotAuthenticated("not_authenticated", "Send a key as `Authorization: Bearer conto_…`.")


def as_ours(exception: Exception) -> ContoError | None:
    """The error of ours that says the same, where there is one."""
    match exception:
        case ContoError():
            return exception
        case _ if is_unavailable(exception):
            return Unavailable()
        case Http404() | exceptions.NotFound():
            return NotFound()
        case PermissionDenied():
            return NotAllowed("not_allowed", str(exception) or "This key may not do that.")
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return NotAuthenticated("not_authenticated", "Send a key as `Authorization: Bearer conto_…`.")
        case exceptions.PermissionDenied():
            return NotAllowed("not_allowed", "This key may not do that.")
        case exceptions.ParseError():
            return Malformed("malformed", str(exception.detail))
        case _:
            return None


def as_invalid_many(exception: exceptions.ValidationError) -> InvalidMany:
    return InvalidMany(list(field_errors(exception.get_full_details(), "")))


def field_errors(details: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Walk DRF's nested errors: (path of the field, code, detail) of each."""
    if isinstance(details, dict) and {"message", "code"} == details.keys() and isinstance(details["message"], str):
        yield path, str(details["code"]), str(details["message"])
    elif isinstance(details, dict):
        for name, inner in details.items():
            below = f"{path}[{name}]" if isinstance(name, int) else f"{path}.{name}" if path else str(name)
            yield from field_errors(inner, path if name == "non_field_errors" else below)
    else:
        for index, inner in enumerate(details):
            is_message = isinstance(inner, dict) and isinstance(inner.get("message"), str)
            yield from field_errors(inner, path if is_message else f"{path}[{index}]")


def members_of(request: HttpRequest, error: ContoError) -> dict[str, Any]:
    """The members of the problem body of one of our errors."""
    facts = dict(error.facts)
    if isinstance(error, InvalidMany):
        facts["errors"] = [{"field": path, "code": code, "detail": detail} for path, code, detail in error.errors]
    if error.field:
        facts["field"] = error.field
    return members(request, error.status, title=error.title, code=error.code, detail=error.detail, facts=facts)


def members(
    request: HttpRequest,
    status: int,
    *,
    title: str = "",
    code: str = "",
    detail: str = "",
    facts: Mapping[str, object] = MappingProxyType({}),
) -> dict[str, Any]:
    """The members of a problem body; `facts` are further ones and never replace these."""
    code = code or CODES.get(status, "error")
    return dict(facts) | {
        "type": f"urn:conto:problem:{code}",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail or DETAILS.get(status, HTTPStatus(status).description or HTTPStatus(status).phrase),
        "request_id": request_id_of(request),
    }


def headers_of(error: ContoError) -> dict[str, str]:
    match error:
        case NotAuthenticated():
            return {"WWW-Authenticate": "Bearer"}
        case Unavailable():
            return {"Retry-After": str(RETRY_SECONDS)}
        case TooMany():
            seconds = error.facts.get("retry_after_seconds", RETRY_SECONDS)
            return {"Retry-After": str(seconds)}
        case _:
            return {}


def headers_of_drf(exception: exceptions.APIException, context: dict[str, Any]) -> dict[str, str]:
    match exception:
        case exceptions.MethodNotAllowed():
            return {"Allow": ", ".join(context["view"].allowed_methods)}
        case exceptions.Throttled() if (wait := getattr(exception, "wait", None)) is not None:
            return {"Retry-After": str(int(wait) + 1)}
        case _:
            return {}


def as_response(body: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(body, status=body["status"], headers=headers, content_type=CONTENT_TYPE)


def of_conto(request: HttpRequest, error: ContoError) -> HttpResponse:
    """The answer to one of our errors where no DRF view is at work."""
    return plain_response(members_of(request, error), headers_of(error))


def instead_of(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The problem body of the same status, in place of an answer that has none; its headers stay."""
    kept = {name: value for name, value in response.items() if name.lower() not in ("content-type", "content-length")}
    return plain_response(members(request, response.status_code), kept)


def of_django(request: HttpRequest, status: int, exception: Exception | None = None) -> HttpResponse:
    """The answer to an error that Django itself met: no such address, a bad request, an accident."""
    return plain_response(members(request, 413 if isinstance(exception, RequestDataTooBig) else status), {})


def plain_response(body: dict[str, Any], headers: dict[str, str]) -> HttpResponse:
    return HttpResponse(
        orjson.dumps(body, default=plain), status=body["status"], headers=headers, content_type=CONTENT_TYPE
    )


def is_problem(response: HttpResponse) -> bool:
    return response.headers.get("Content-Type", "").startswith(CONTENT_TYPE)
