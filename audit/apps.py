"""Registers the app with Django."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """What happened: append-only events, seals and their verification."""

    name = "audit"
    default_auto_field = "django.db.models.BigAutoField"
