"""Where ASGI servers enter."""

import os

from django.core.asgi import get_asgi_application

from conto_admin.checks import refuse_unsafe
from core.db import LONGEST_REQUEST_STATEMENT_SECONDS, limit_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conto_admin.settings")

application = get_asgi_application()
refuse_unsafe()
limit_connections(LONGEST_REQUEST_STATEMENT_SECONDS)
