"""The map of addresses."""

from django.urls import URLPattern, URLResolver, include, path

from conto_admin import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("approvals.api_urls")),  # first, for every address is compared in this order
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
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
handler500 = "conto_admin.views.server_error"
