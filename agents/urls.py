"""Where the pages about agents live."""

from django.urls import path

from agents import views

app_name = "agents"

urlpatterns = [
    path("agents/new/", views.new, name="new"),
    path("agents/export/", views.export, name="export"),
    path("agents/keys/<str:key_id>/rotate/", views.rotate_key, name="rotate_key"),
    path("agents/keys/<str:key_id>/revoke/", views.revoke_key, name="revoke_key"),
    path("agents/credentials/<str:credential_id>/replace/", views.replace_credential, name="replace_credential"),
    path("agents/credentials/<str:credential_id>/revoke/", views.revoke_credential, name="revoke_credential"),
    path("agents/<str:public_id>/", views.detail, name="detail"),
    path("agents/<str:public_id>/edit/", views.edit, name="edit"),
    path("agents/<str:public_id>/freeze/", views.freeze, name="freeze"),
    path("agents/<str:public_id>/thaw/", views.thaw, name="thaw"),
    path("agents/<str:public_id>/retire/", views.retire, name="retire"),
    path("agents/<str:public_id>/keys/", views.keys, name="keys"),
    path("agents/<str:public_id>/keys/export/", views.export_keys, name="export_keys"),
    path("agents/<str:public_id>/keys/new/", views.new_key, name="new_key"),
    path("agents/<str:public_id>/credentials/", views.credentials, name="credentials"),
    path("agents/<str:public_id>/credentials/export/", views.export_credentials, name="export_credentials"),
    path("agents/<str:public_id>/credentials/new/", views.new_credential, name="new_credential"),
]
