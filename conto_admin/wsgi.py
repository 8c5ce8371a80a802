"""Where WSGI servers enter."""

import io
import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

from conto_admin.api_render import LARGEST_BODY_BYTES
from conto_admin.checks import refuse_unsafe

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conto_admin.settings")

django = get_wsgi_application()
refuse_unsafe()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request; one that comes in chunks, its length unsaid, is given the length that Django asks for."""
    if "HTTP_TRANSFER_ENCODING" in environ and not environ.get("CONTENT_LENGTH"):
        body = environ["wsgi.input"].read(LARGEST_BODY_BYTES + 1)
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    return django(environ, start_response)
