"""People who are turned away: too often, too late, without a database. What they had typed is not lost."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from playwright.sync_api import Page, Route, expect

from core.clock import now as clock_now
from people.services import invite
from tests.approvals.world import World
from tests.examples.server import LiveConto
from tests.factories import actor_for, make_person
from tests.journeys.browser import Window
from tests.journeys.test_every_page import faults_of, must_be_well
from tests.journeys.test_session import end_sessions, operator, sign_in

pytestmark = pytest.mark.journey

ATTEMPTS = 6
"""One more than is taken in a row for one mail address."""
NAME = "Buys market data"
AT = "/agents/new/?from=list"


def typed(window: Window) -> Page:
    """Half a form, written down."""
    window.open(AT)
    window.fill("Name", NAME)
    window.fill("Description", "Company records for the weekly brief")
    return window.page


def send(page: Page) -> None:
    page.get_by_role("main").get_by_role("button", name="Create").click()


def is_here_again(window: Window) -> None:
    """Everything that was typed stands in the form again, and nothing was stored."""
    page = window.page
    expect(page).to_have_url(f"{window.origin}{AT}")
    expect(page.get_by_label("Name")).to_have_value(NAME)
    expect(page.get_by_label("Description")).to_have_value("Company records for the weekly brief")
    expect(page.get_by_text("is here again")).to_be_visible()


def test_who_mistypes_too_often_is_told_to_wait(window: Window, conto: LiveConto) -> None:
    email, page = make_person("Rui", now=clock_now()).email, window.page
    window.open("/accounts/login/")
    for _ in range(ATTEMPTS):
        window.fill("Email", email)
        window.fill("Password", "not my password")
        window.press("Sign in")
        expect(page.get_by_label("Password")).to_have_value("")
    expect(page.get_by_role("alert")).to_contain_text("Wait five minutes")
    must_be_well([*faults_of(window, "away-mistyped-too-often"), *window.faults])


def test_who_asks_too_often_for_a_new_password_is_told_to_wait(window: Window, conto: LiveConto) -> None:
    window.expected.add(429)
    email, page = make_person("Vera", now=clock_now()).email, window.page
    for _ in range(ATTEMPTS):
        window.open("/accounts/password/reset/")
        window.fill("Email", email)
        page.get_by_role("main").get_by_role("button").last.click()
        expect(page.get_by_label("Email")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_have_text("Too many attempts")
    found = faults_of(window, "away-too-often")
    page.get_by_role("link", name="Sign in").click()
    expect(page).to_have_title(re.compile("Sign in"))
    must_be_well([*found, *window.faults])


def test_a_page_that_is_too_old_gives_back_what_was_typed(window: Window, conto: LiveConto) -> None:
    window.expected.add(403)
    window.sign_in_as(operator())
    page = typed(window)
    # As after signing in anew in another tab.
    window.context.clear_cookies(name=settings.CSRF_COOKIE_NAME)
    send(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("This page was too old")
    expect(page.get_by_text("What you had typed is kept")).to_be_visible()
    found = faults_of(window, "away-too-old")
    page.get_by_role("link", name="Load it again").click()
    is_here_again(window)
    must_be_well([*found, *faults_of(window, "away-too-old-back"), *window.faults])


def test_a_session_that_is_over_gives_back_what_was_typed(window: Window, conto: LiveConto) -> None:
    olu = operator()
    window.sign_in_as(olu)
    page = typed(window)
    end_sessions(page)
    send(page)
    expect(page.get_by_text("What you had typed is kept")).to_be_visible()
    found = faults_of(window, "away-session-over")
    sign_in(window, olu)
    is_here_again(window)
    must_be_well([*found, *faults_of(window, "away-session-back"), *window.faults])


def test_a_database_that_is_away_gives_back_what_was_typed(window: Window, conto: LiveConto) -> None:
    window.expected.add(503)
    window.sign_in_as(operator())
    page = typed(window)
    away = render_to_string("503.html", {"number": "0a1b2c3d", "back_url": AT})

    def answer(route: Route) -> None:
        if route.request.method == "POST":
            route.fulfill(status=503, body=away, content_type="text/html")
        else:
            route.continue_()

    page.route("**/agents/new/*", answer)
    send(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("The database does not answer")
    expect(page.get_by_text("What you had typed is kept")).to_be_visible()
    found = faults_of(window, "away-database")
    page.get_by_role("link", name="Try again").click()
    is_here_again(window)
    must_be_well([*found, *window.faults])


def test_an_invitation_that_is_over_says_whom_to_ask(window: Window, world: World) -> None:
    window.expected.add(404)
    ada = world.cast.ada
    given: dict[str, Any] = {"email": "kit@example.com", "roles": ["reviewer"], "by": ada, "actor": actor_for(ada)}
    past = clock_now() - timedelta(days=8)
    late = invite(organization_id=world.organization_id, now=past, **given)
    window.open(f"/invitations/{late.secret}/")
    expect(window.page.get_by_role("heading", level=1)).to_have_text("This link no longer works")
    found = faults_of(window, "away-invitation-over")
    fresh = invite(organization_id=world.organization_id, now=clock_now(), **given)
    window.open(f"/invitations/{fresh.secret}/")
    found += faults_of(window, "away-invitation-new")
    window.sign_in_as(world.cast.rui)
    window.open(f"/invitations/{fresh.secret}/")
    must_be_well([*found, *faults_of(window, "away-invitation-signed-in"), *window.faults])
