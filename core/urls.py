"""Pages that belong to no app: the theme of the console and, for developers, its style guide."""

from django.urls import path

from core import views

app_name = "core"

urlpatterns = [
    path("theme/", views.theme, name="theme"),
    path("styleguide/", views.styleguide, name="styleguide"),
]
