"""Registers the app with Django."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Who answers: organizations, members, roles, organization keys, sign-in."""

    name = "people"
    default_auto_field = "django.db.models.BigAutoField"
