"""Addresses of the history in the API, under /api/v1/."""

from django.urls import path

from audit import api

urlpatterns = [path("audit-events", api.AuditEvents.as_view())]
