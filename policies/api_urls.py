"""Addresses of the policies in the API, under /api/v1/."""

from django.urls import path

from policies import api

urlpatterns = [
    path("policies", api.Policies.as_view()),
    path("policies/export", api.Export.as_view()),
    path("policies/apply", api.ApplyFile.as_view()),
    path("policies/by-ref/<path:external_ref>", api.PolicyByReference.as_view()),
    path("policies/<str:policy_id>", api.OnePolicy.as_view()),
    path("policies/<str:policy_id>/versions", api.Versions.as_view()),
    path("policies/<str:policy_id>/assignments", api.Assignments.as_view()),
    path("policies/<str:policy_id>/retire", api.Retirement.as_view()),
]
