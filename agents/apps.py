"""Registers the app with Django."""

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    """Who asks: agents, runtime credentials, sealed credentials, freeze."""

    name = "agents"
    default_auto_field = "django.db.models.BigAutoField"
