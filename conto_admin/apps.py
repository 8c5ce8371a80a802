"""The project as a Django app: it brings commands and checks, no tables."""

from django.apps import AppConfig

from conto_admin import checks


class ContoAdminConfig(AppConfig):
    """The house around the apps."""

    name = "conto_admin"
    label = "conto_admin"
    checks = checks
