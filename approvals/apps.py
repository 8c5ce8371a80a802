"""Registers the app with Django."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """How each request to spend gets its answer."""

    name = "approvals"
    default_auto_field = "django.db.models.BigAutoField"
