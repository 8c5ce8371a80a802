"""Where ASGI servers enter."""

import os

from django.core.asgi import get_asgi_application

from conto_admin.checks import refuse_unsafe

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conto_admin.settings")

application = get_asgi_application()
refuse_unsafe()
