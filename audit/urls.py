"""Addresses of the log."""

from django.urls import path

from audit import views

app_name = "audit"

urlpatterns = [
    path("audit/", views.log, name="log"),
    path("audit/seal/", views.seal, name="seal"),
    path("audit/history/<str:subject_id>/", views.history, name="history"),
    path("audit/events/<str:event_id>/", views.event, name="event"),
    path("audit/events/<str:event_id>/proof/", views.event_proof, name="event_proof"),
    path("audit/export/", views.export, name="export"),
    path("audit/table/", views.table, name="table"),
    path("audit/checkpoint/", views.checkpoint, name="checkpoint"),
    path("audit/verifier/", views.verifier, name="verifier"),
]
