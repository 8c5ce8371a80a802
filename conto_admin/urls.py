"""The map of addresses."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.urls import URLPattern, URLResolver, include, path, re_path

from conto_admin import views
from people.views import behind_second_factor, changing_second_factors

# Of allauth's pages those that are meant, each by name: its pages for mail addresses would let a stolen session add
# one, unasked and untold, and have the password reset through it.
ACCOUNTS: list[URLPattern] = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("signup/", account.signup, name="account_signup"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("password/change/", account.password_change, name="account_change_password"),
    path("password/set/", account.password_set, name="account_set_password"),
    path("password/reset/", account.password_reset, name="account_reset_password"),
    path("password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    path("password/reset/key/done/", account.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
]
SECOND_FACTORS: list[URLPattern] = [
    path("", mfa.index, name="mfa_index"),
    path("authenticate/", mfa.authenticate, name="mfa_authenticate"),
    path("reauthenticate/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("totp/activate/", changing_second_factors(totp.activate_totp), name="mfa_activate_totp"),
    path("totp/deactivate/", changing_second_factors(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("recovery-codes/", behind_second_factor(recovery_codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path(
        "recovery-codes/generate/",
        changing_second_factors(recovery_codes.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "recovery-codes/download/",
        behind_second_factor(recovery_codes.download_recovery_codes),
        name="mfa_download_recovery_codes",
    ),
    path("webauthn/", webauthn.list_webauthn, name="mfa_list_webauthn"),
    path("webauthn/add/", changing_second_factors(webauthn.add_webauthn), name="mfa_add_webauthn"),
    path("webauthn/reauthenticate/", webauthn.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path(
        "webauthn/keys/<int:pk>/remove/", changing_second_factors(webauthn.remove_webauthn), name="mfa_remove_webauthn"
    ),
    path("webauthn/keys/<int:pk>/edit/", webauthn.edit_webauthn, name="mfa_edit_webauthn"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("approvals.api_urls")),  # first, for every address is compared in this order
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("accounts/", include(ACCOUNTS)),
    path("accounts/2fa/", include(SECOND_FACTORS)),
    path("api/v1/openapi.json", views.openapi, name="openapi"),
    path("api/v1/docs", views.api_docs, name="api_docs"),
    path("api/v1/", include("agents.api_urls")),
    path("api/v1/", include("audit.api_urls")),
    path("api/v1/", include("policies.api_urls")),
    path("api/v1/", include("spend.api_urls")),
    path("api/v1/", include("insight.api_urls")),
    path("", include("agents.urls")),
    path("", include("audit.urls")),
    path("", include("core.urls")),
    path("", include("policies.urls")),
    path("", include("approvals.urls")),
    path("", include("spend.urls")),
    path("", include("insight.urls")),
    path("", include("people.urls")),
]

handler400 = "conto_admin.views.bad_request"
handler403 = "conto_admin.views.permission_denied"
handler404 = "conto_admin.views.page_not_found"
handler429 = "conto_admin.views.too_many_requests"
handler500 = "conto_admin.views.server_error"
