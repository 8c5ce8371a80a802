"""Where the pages about people live."""

from django.urls import path

from people import views

app_name = "people"

urlpatterns = [
    path("settings/", views.settings, name="settings"),
    path("settings/freeze/", views.freeze, name="freeze"),
    path("settings/thaw/", views.thaw, name="thaw"),
    path("settings/members/", views.members, name="members"),
    path("settings/members/export/", views.export_members, name="export_members"),
    path("settings/members/invite/", views.invite, name="invite"),
    path("settings/members/<str:public_id>/roles/", views.change_roles, name="change_roles"),
    path("settings/members/<str:public_id>/remove/", views.remove_member, name="remove_member"),
    path("settings/invitations/<str:public_id>/withdraw/", views.withdraw_invitation, name="withdraw_invitation"),
    path("settings/keys/", views.keys, name="keys"),
    path("settings/keys/export/", views.export_keys, name="export_keys"),
    path("settings/keys/issue/", views.issue_key, name="issue_key"),
    path("settings/keys/<str:public_id>/revoke/", views.revoke_key, name="revoke_key"),
    path("settings/account/", views.account, name="account"),
    path("settings/switch/", views.switch, name="switch"),
    path("filters/keep/", views.keep_filter, name="keep_filter"),
    path("filters/forget/", views.forget_filter, name="forget_filter"),
    path("invitations/<str:secret>/", views.invitation, name="invitation"),
]
