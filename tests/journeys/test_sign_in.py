"""Somebody signs in, mistypes, signs out."""

import re

import pytest
from playwright.sync_api import expect

from core.clock import now as clock_now
from people.models import Member
from tests.factories import PASSWORD, make_member, make_organization, make_person
from tests.journeys.conftest import OpenFor

pytestmark = pytest.mark.journey


def rui() -> Member:
    """A reviewer who has a password."""
    now = clock_now()
    person = make_person("Rui", password=PASSWORD, now=now)
    return make_member(person, make_organization(now=now), ["reviewer"], now=now)


def test_signing_in_and_out(open_for: OpenFor) -> None:
    email = rui().person.email
    window = open_for()
    page = window.page

    window.open("/approvals/")
    expect(page).to_have_title(re.compile("Sign in"))
    window.fill("Email", email)
    window.fill("Password", "not my password")
    window.press("Sign in")
    expect(page.get_by_role("alert")).to_contain_text("not correct")
    expect(page.get_by_label("Email")).to_have_value(email)

    window.fill("Password", PASSWORD)
    window.press("Sign in")
    expect(page).to_have_url(f"{window.origin}/approvals/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Approvals")

    page.locator(".person").click()
    window.press("Sign out", within=".sidebar-foot")
    window.open("/approvals/")
    expect(page).to_have_url(re.compile("/accounts/login/"))
