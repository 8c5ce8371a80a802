"""Registers the app with Django."""

from django.apps import AppConfig


class PoliciesConfig(AppConfig):
    """The rules: documents, versions, assignments and the pure engine."""

    name = "policies"
    default_auto_field = "django.db.models.BigAutoField"
