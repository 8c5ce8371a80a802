"""Health, the API's description, and what answers when nothing else can: a problem for the API, a page for people."""

import hashlib
import sys
from functools import cache
from typing import Final

import orjson
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.utils.decorators import decorator_from_middleware
from django.views import defaults
from django.views.decorators.http import condition, require_safe

from agents.selectors import unfit_keks
from conto_admin import api_errors
from core.db import is_unavailable
from core.http import page_of, request_id_of
from core.sealing import keyring_problems

READY: Final = "ok"
_applied: set[str] = set()
"""Databases seen with every migration applied; that does not change while a process lives."""
_opened: set[str] = set()
"""Databases whose sealed secrets the keys of this process open; a start without its database could not look."""


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Say that the process answers."""
    return JsonResponse({"status": READY})


@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Say whether the process can do its work: the database is there and up to date, sealed secrets can be opened."""
    checks = {"database": database(), "migrations": READY, "sealing_keys": "unfit" if keyring_problems() else READY}
    if checks["database"] == READY:
        checks["migrations"] = migrations()
    if set(checks.values()) == {READY}:
        checks["sealing_keys"] = sealing_keys()
    is_ready = all(one == READY for one in checks.values())
    return JsonResponse({"status": READY if is_ready else "not ready", **checks}, status=200 if is_ready else 503)


def database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError:
        return "does not answer"
    return READY


def migrations() -> str:
    name = str(connection.settings_dict["NAME"])
    if name not in _applied:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "not applied"
        _applied.add(name)
    return READY


def sealing_keys() -> str:
    name = str(connection.settings_dict["NAME"])
    if name not in _opened:
        if unfit_keks():
            return "wrong"
        _opened.add(name)
    return READY


@cache
def description() -> bytes:
    """The API's description as it was committed; a test keeps it true."""
    return orjson.dumps(orjson.loads((settings.BASE_DIR / "docs" / "openapi.json").read_bytes()))


@cache
def description_tag() -> str:
    return f'"{hashlib.sha256(description()).hexdigest()[:32]}"'


@require_safe
@condition(etag_func=lambda _request: description_tag())
def openapi(_request: HttpRequest) -> HttpResponse:
    """Give the description of the API (OpenAPI 3.1), to everybody."""
    return HttpResponse(description(), content_type="application/json")


@require_safe
@decorator_from_middleware(CSPMiddleware)
def api_docs(request: HttpRequest) -> HttpResponse:
    """Show the description as a page, under the policy of every page."""
    return render(request, "conto_admin/api_docs.html")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django could not take."""
    return (
        api_errors.of_django(request, 400, exception) if is_api(request) else defaults.bad_request(request, exception)
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a refusal."""
    return api_errors.of_django(request, 403) if is_api(request) else defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that does not exist, or not for this viewer."""
    return api_errors.of_django(request, 404) if is_api(request) else defaults.page_not_found(request, exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Answer a form of a page that is older than the session: lead back to it; `answers.js` reads the header."""
    response = _without_database(request, 403, "403_csrf.html", back_url=page_of(request))
    response["X-Page-Too-Old"] = "true"
    return response


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """Answer who tries to sign in, or to have a password reset, too often; allauth asks for it."""
    return _without_database(request, 429, "429.html")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer after an accident; that the database is away is said as such."""
    if is_api(request):
        return api_errors.of_django(request, 500)
    if is_unavailable(sys.exception()):
        return _without_database(request, 503, "503.html", back_url=page_of(request))
    return _without_database(request, 500, "500.html")


def _without_database(request: HttpRequest, status: int, template: str, **values: str) -> HttpResponse:
    """Render a page that asks nothing of the database: of the request it sees the browser's theme only."""
    bare = HttpRequest()
    bare.COOKIES = request.COOKIES
    context = {"request": bare, "number": request_id_of(request), **values}
    return HttpResponse(get_template(template).render(context), status=status)


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith(settings.API_PATHS)
