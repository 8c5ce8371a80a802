"""Registers the app with Django."""

from django.apps import AppConfig


class InsightConfig(AppConfig):
    """What it adds up to: overview, runtime status, budgets, analytics."""

    name = "insight"
    default_auto_field = "django.db.models.BigAutoField"
