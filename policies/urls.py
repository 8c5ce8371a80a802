"""Addresses of the pages of policies."""

from django.urls import path

from policies import views

app_name = "policies"

urlpatterns = [
    path("policies/", views.policies, name="list"),
    path("policies/export/", views.export, name="export"),
    path("policies/as-code/", views.as_code, name="as_code"),
    path("policies/new/", views.create, name="create"),
    path("policies/<str:policy_id>/", views.detail, name="detail"),
    path("policies/<str:policy_id>/describe/", views.describe, name="describe"),
    path("policies/<str:policy_id>/assignments/", views.assignments, name="assignments"),
    path("policies/<str:policy_id>/retire/", views.retire, name="retire"),
    path("policies/<str:policy_id>/shadow/promote/", views.promote_shadow, name="promote_shadow"),
    path("policies/<str:policy_id>/shadow/end/", views.end_shadow, name="end_shadow"),
    path("policies/<str:policy_id>/compare/", views.compare, name="compare"),
    path("policies/<str:policy_id>/versions/", views.versions, name="versions"),
    path("policies/<str:policy_id>/versions/export/", views.export_versions, name="export_versions"),
    path("policies/<str:policy_id>/versions/<int:number>/", views.version, name="version"),
    path("policies/<str:policy_id>/versions/<int:number>/restore/", views.restore, name="restore"),
    path("policies/<str:policy_id>/draft/", views.draft, name="draft"),
    path("policies/<str:policy_id>/draft/discard/", views.discard, name="discard"),
    path("policies/<str:policy_id>/draft/publish/", views.publish, name="publish"),
    path("policies/<str:policy_id>/draft/add/<str:type_name>/", views.add_rule, name="add_rule"),
    path("policies/<str:policy_id>/draft/rules/<str:key>/", views.change_rule, name="change_rule"),
    path("policies/<str:policy_id>/draft/rules/<str:key>/duplicate/", views.duplicate_rule, name="duplicate_rule"),
    path("policies/<str:policy_id>/draft/rules/<str:key>/remove/", views.remove_rule, name="remove_rule"),
]
