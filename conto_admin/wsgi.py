"""Where WSGI servers enter."""

import io
import os
from collections.abc import Callable, Iterable
from typing import Any

from django import setup
from django.core.cache import close_caches
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import DEFAULT_DB_ALIAS, close_old_connections, connections, reset_queries

from conto_admin.api_render import LARGEST_BODY_BYTES
from conto_admin.checks import refuse_unsafe
from conto_admin.paths import RemembersPaths
from core.db import LONGEST_REQUEST_STATEMENT_SECONDS, limit_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conto_admin.settings")

setup(set_prefix=False)


class Handler(RemembersPaths, WSGIHandler):
    """Django's, which finds views faster."""


django = Handler()
refuse_unsafe()
limit_connections(LONGEST_REQUEST_STATEMENT_SECONDS)


def renew_connection(**_: Any) -> None:
    """Give up the connection where it is broken or too old, as Django does for every database it might have."""
    connections[DEFAULT_DB_ALIAS].close_if_unusable_or_obsolete()


request_started.disconnect(reset_queries)
# None of the caches holds anything that ends with a request.
request_finished.disconnect(close_caches)
for signal in (request_started, request_finished):
    signal.disconnect(close_old_connections)
    signal.connect(renew_connection)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request; one that comes in chunks, its length unsaid, is given the length that Django asks for."""
    if "HTTP_TRANSFER_ENCODING" in environ and not environ.get("CONTENT_LENGTH"):
        body = environ["wsgi.input"].read(LARGEST_BODY_BYTES + 1)
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    return django(environ, start_response)
