"""What every request passes first: the API's own short way, and the id of the request in logs and answers."""

import time
import uuid
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, cast

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.module_loading import import_string
from django_structlog.middlewares.request import RequestMiddleware
from structlog.contextvars import bound_contextvars, get_contextvars

from conto_admin import api_errors, logs
from conto_admin.paths import RemembersPaths
from core.db import is_unavailable
from core.errors import ContoError, Unavailable
from insight.selectors.directory import Directory

API_PREFIX: Final = "/api/"
REQUEST_ID_HEADER: Final = "X-Request-ID"

GetResponse = Callable[[HttpRequest], HttpResponse]


class Doors:
    """Lead API requests and health checks around the middleware of pages: no session, no CSRF, no messages.

    A look at what renews itself goes around what it has no use for: it comes from every open page every few seconds.
    This stands first in MIDDLEWARE; what it leads away passes API_MIDDLEWARE or LOOK_MIDDLEWARE only.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.pages = get_response
        self.api, self.looks = OtherHandler(settings.API_MIDDLEWARE), OtherHandler(settings.LOOK_MIDDLEWARE)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(settings.API_PATHS):
            return self.api.get_response(request)
        if is_look(request):
            return self.looks.get_response(request)
        return self.pages(request)


class OtherHandler(RemembersPaths, BaseHandler):
    """Django's request handler with another list of middleware, which is chained in the way Django chains its own."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        handler = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]
        for path in reversed(names):
            middleware = import_string(path)(handler)
            if hasattr(middleware, "process_view"):
                self._view_middleware.insert(0, middleware.process_view)
            if hasattr(middleware, "process_exception"):
                self._exception_middleware.append(middleware.process_exception)
            handler = convert_exception_to_response(middleware)
        self._middleware_chain = handler


class RequestLog(RequestMiddleware):
    """For pages: give each request an id of our own making, log its end, and tell the id to the caller.

    A look at what renews itself leaves one line, as a request of the API does: they are most of all requests.
    """

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_look(request):
            # Refused as any other request is that was sent to another host; of pages CommonMiddleware asks.
            request.get_host()
            response = in_one_line(request, cast(GetResponse, self.get_response), self.format_request)
            if not response.streaming:
                # Without it the server would send chunks.
                response.headers.setdefault("Content-Length", str(len(response.content)))
            return response
        return cast(HttpResponse, super().__call__(request))

    def prepare(self, request: HttpRequest) -> None:
        """Set `request.request_id`, and the caller's address as the trusted proxies saw it."""
        believe_proxies(request)
        super().prepare(request)
        request.request_id = get_contextvars()["request_id"]  # type: ignore[attr-defined]

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Name the request without its query and without what its address keeps secret."""
        return f"{request.method} {logs.without_secrets(request.path)}"

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        """Log the end of the request."""
        response[REQUEST_ID_HEADER] = request.request_id  # type: ignore[attr-defined]
        super().handle_response(request, response)


class ApiRequestLog:
    """The same for the API, at a fifth of the cost: one line, written straight to standard error."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return in_one_line(request, self.get_response, lambda asked: f"{asked.method} {asked.path}")


def is_look(request: HttpRequest) -> bool:
    """Say whether a page asks for a part of itself that it has already shown (`insight.views.live`)."""
    return request.method == "GET" and {"HTTP_HX_REQUEST", "HTTP_IF_NONE_MATCH"} <= request.META.keys()


def in_one_line(
    request: HttpRequest, get_response: GetResponse, words_of: Callable[[HttpRequest], str]
) -> HttpResponse:
    """Answer a request under an id of our own making, and log it by one line, in the words for it, at its end."""
    believe_proxies(request)
    request_id = str(uuid.uuid4())
    request.request_id = request_id  # type: ignore[attr-defined]
    began = time.perf_counter()
    with bound_contextvars(request_id=request_id):
        response = get_response(request)
    response[REQUEST_ID_HEADER] = request_id
    logs.access(
        request_id=request_id,
        request=words_of(request),
        code=response.status_code,
        milliseconds=round((time.perf_counter() - began) * 1000, 2),
    )
    return response


class OnePolicy(CSPMiddleware):
    """Sets the strict policy, which is worded once: no view has one of its own, and none uses a nonce."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:  # noqa: ARG002 - Django's signature
        """Add the header."""
        response[HEADER] = strict_policy()
        return response


@cache
def strict_policy() -> str:
    """Return the policy in the settings as a header."""
    return build_policy()


class KnowsPayments:
    """Set `request.directory`: what the organization's payments tell those who write its policies."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        member = getattr(request, "member", None)
        request.directory = Directory(member.organization_id) if member else None  # type: ignore[attr-defined]
        return self.get_response(request)


def believe_proxies(request: HttpRequest) -> None:
    """Take the caller's address from the trusted proxies, and from nobody else."""
    if settings.TRUSTED_PROXIES:
        forwarded = request.headers.get("X-Forwarded-For", "").split(",")
        if len(forwarded) >= settings.TRUSTED_PROXIES:
            request.META["REMOTE_ADDR"] = forwarded[-settings.TRUSTED_PROXIES].strip()


class ApiProblems:
    """Every error that leaves the API is a problem body, whoever made it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_error = response.status_code >= api_errors.FIRST_ERROR and request.path_info.startswith(API_PREFIX)
        if is_error and not api_errors.is_problem(response):
            response = api_errors.instead_of(request, response)
        if not response.streaming:
            # Without it the server would send chunks.
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Word the errors that plain views raise; others go on to Django, which logs them."""
        if is_unavailable(exception):
            exception = Unavailable()
        return api_errors.of_conto(request, exception) if isinstance(exception, ContoError) else None
