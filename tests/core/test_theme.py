"""Choosing a theme, and the page of all components."""

import re

import pytest
from django.test import Client
from pytest_django import Settings

from core.templatetags.statuses import CATALOGUE


@pytest.mark.django_db
@pytest.mark.parametrize("chosen", ["light", "dark", "auto"])
def test_a_theme_is_kept_in_a_cookie(client: Client, chosen: str) -> None:
    answer = client.post("/theme/", {"theme": chosen, "next": "/agents/?page=2"})
    assert (answer.status_code, answer["Location"]) == (302, "/agents/?page=2")
    cookie = answer.cookies["theme"]
    assert (cookie.value, cookie["httponly"], cookie["samesite"]) == (chosen, True, "Lax")


@pytest.mark.django_db
def test_a_theme_that_does_not_exist_is_not_kept(client: Client) -> None:
    assert "theme" not in client.post("/theme/", {"theme": '"><script>'}).cookies


@pytest.mark.django_db
@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_choosing_a_theme_leads_nowhere_else(client: Client, elsewhere: str) -> None:
    assert client.post("/theme/", {"theme": "dark", "next": elsewhere})["Location"] == "/"


def test_a_theme_is_chosen_by_post_only(client: Client) -> None:
    assert client.get("/theme/").status_code == 405


@pytest.mark.django_db
def test_the_style_guide_shows_every_component(client: Client) -> None:
    client.cookies["theme"] = "dark"
    answer = client.get("/styleguide/")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert '<html lang="en" data-bs-theme="dark">' in page
    assert "<script>alert" not in page
    assert not re.search(r"\sstyle=", page)
    assert "unsafe" not in answer["Content-Security-Policy"]


@pytest.mark.django_db
def test_there_is_no_style_guide_in_a_real_install(client: Client, settings: Settings) -> None:
    settings.DEMO = False
    settings.DEBUG = False
    assert client.get("/styleguide/").status_code == 404


@pytest.mark.django_db
def test_the_style_guide_shows_each_status_as_the_pages_do(client: Client) -> None:
    html = client.get("/styleguide/").content.decode()
    for name, one in CATALOGUE.items():
        value = name.rpartition(".")[2]
        assert f'<span class="badge tone-{one.tone}" data-status="{value}">' in html, name
    assert 'tone-negative" data-status="failed"' in html
