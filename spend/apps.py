"""Registers the app with Django."""

from django.apps import AppConfig


class SpendConfig(AppConfig):
    """The money side: holds, records, counters, postings, counterparties."""

    name = "spend"
    default_auto_field = "django.db.models.BigAutoField"
