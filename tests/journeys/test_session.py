"""A session ends while somebody types: they sign in again and go on, with what they had typed where scripts run."""

import re

import pytest
from playwright.sync_api import Page, expect

from core.clock import now as clock_now
from people.models import Member, Session
from tests.factories import PASSWORD, make_member, make_organization, make_person
from tests.journeys.browser import Window
from tests.journeys.conftest import WITH_SCRIPTS, OpenFor

pytestmark = pytest.mark.journey
DRAFT = "() => sessionStorage.getItem('conto.draft')"
ASK = "() => htmx.trigger(document.body, 'reviewed')"
"""Has the page ask how many requests wait, as it does by itself now and then."""


def operator(name: str = "Olu") -> Member:
    """An operator who has a password."""
    now = clock_now()
    person = make_person(name, password=PASSWORD, now=now)
    return make_member(person, make_organization(now=now), ["operator"], now=now)


def sign_in(window: Window, member: Member) -> None:
    window.fill("Email", member.person.email)
    window.fill("Password", PASSWORD)
    window.press("Sign in")


def end_sessions(page: Page) -> None:
    """As twelve hours do."""
    assert Session.objects.all().delete()[0]
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_a_form_sent_too_late_is_there_again_after_signing_in(open_for: OpenFor, has_scripts: bool) -> None:
    olu = operator()
    window = open_for(olu)
    page = window.page
    window.open("/agents/new/?from=list")
    window.fill("Name", "Fleet <b>buyer</b>")
    end_sessions(page)

    page.get_by_role("main").get_by_role("button", name="Create").click()
    expect(page).to_have_title(re.compile("Sign in"))
    expect(page.get_by_text("Your session is over")).to_be_visible()
    if has_scripts:
        expect(page.get_by_text("What you had typed is kept")).to_be_visible()
    sign_in(window, olu)

    expect(page).to_have_url(f"{window.origin}/agents/new/?from=list")
    expect(page.get_by_label("Name")).to_have_value("Fleet <b>buyer</b>" if has_scripts else "")
    if has_scripts:
        expect(page.get_by_text("is here again")).to_be_visible()
        assert page.evaluate(DRAFT) is None
        page.reload()
        expect(page.get_by_label("Name")).to_have_value("")


@WITH_SCRIPTS
def test_what_one_person_typed_is_not_shown_to_another(open_for: OpenFor) -> None:
    olu, other = operator(), operator("Ida")
    window = open_for(olu)
    page = window.page
    window.open("/agents/new/")
    window.fill("Name", "A plan of Olu's")
    end_sessions(page)
    page.get_by_role("main").get_by_role("button", name="Create").click()
    expect(page).to_have_title(re.compile("Sign in"))

    sign_in(window, other)

    expect(page).to_have_url(f"{window.origin}/agents/new/")
    expect(page.get_by_label("Name")).to_have_value("")
    assert page.evaluate(DRAFT) is None


@WITH_SCRIPTS
def test_a_password_is_never_kept(open_for: OpenFor) -> None:
    olu = operator()
    window = open_for(olu)
    window.open("/accounts/password/change/")
    for field in window.page.locator("main input[type=password]").all():
        field.fill("a secret that stays one")
    window.page.evaluate("() => document.dispatchEvent(new CustomEvent('conto:keep'))")

    assert window.page.evaluate(DRAFT) is None


@WITH_SCRIPTS
def test_a_part_that_finds_the_session_over_keeps_what_is_being_typed(open_for: OpenFor) -> None:
    olu = operator()
    window = open_for(olu)
    page = window.page
    window.open("/agents/new/")
    window.fill("Name", "Half a na")
    end_sessions(page)

    page.evaluate(ASK)
    expect(page).to_have_title(re.compile("Sign in"))
    sign_in(window, olu)

    expect(page).to_have_url(f"{window.origin}/agents/new/")
    expect(page.get_by_label("Name")).to_have_value("Half a na")


@WITH_SCRIPTS
@pytest.mark.parametrize(("status", "said"), [(503, "cannot answer"), (429, "wait a minute"), (500, "Something broke")])
def test_an_answer_that_failed_is_said_and_nothing_is_swapped(open_for: OpenFor, status: int, said: str) -> None:
    window = open_for(operator())
    page = window.page
    window.expected.add(status)
    window.open("/agents/new/")
    window.fill("Name", "Half a na")
    page.route("**/approvals/waiting/", lambda route: route.fulfill(status=status, body="<p>no</p>"))

    for _ in range(2):
        with page.expect_response("**/approvals/waiting/"):
            page.evaluate(ASK)

    expect(page.get_by_role("alert")).to_have_count(1)
    expect(page.get_by_role("alert")).to_contain_text(said)
    expect(page.get_by_label("Name")).to_have_value("Half a na")
    page.unroute("**/approvals/waiting/")
    page.evaluate(ASK)
    expect(page.get_by_role("alert")).to_have_count(0)
