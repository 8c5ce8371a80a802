"""Lists in moments that are rare: a filter that is not understood, one that nothing passes, a page in the middle."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from core.clock import now as clock_now
from core.db import rows
from core.ids import new_id
from core.paging import DEFAULT_PAGE
from people.models import Member, Person
from tests.approvals.world import World, ask
from tests.examples.server import LiveConto
from tests.furnished import Furnished, furnish
from tests.journeys.browser import PHONE, Window
from tests.journeys.test_every_page import faults_of, must_be_well
from tests.journeys.test_states import COPIED

pytestmark = pytest.mark.journey

MANY: Final = 2 * DEFAULT_PAGE + 20
"""Three pages."""
LISTS: Final = {
    "members": "settings/members/",
    "organization-keys": "settings/keys/",
    "runtime-keys": "agents/<str:public_id>/keys/",
    "credentials": "agents/<str:public_id>/credentials/",
    "counterparties": "counterparties/",
    "pegs": "counterparties/pegs/",
    "policies": "policies/",
    "versions": "policies/<str:policy_id>/versions/",
    "changes": "approvals/changes/",
    "budgets": "budgets/",
    "flagged": "analytics/flagged/",
    "payments": "analytics/payments/",
    "audit": "audit/",
    "authorizations": "authorizations/",
    "inbox": "approvals/",
}
NOTHING: Final = {"payments": "rail=x402&category=nowhere", "flagged": "flag=late", "inbox": "payee=nowhere"}
"""What finds nothing where no words are searched for."""
MISTAKEN: Final = {
    "payments": "period=nonsense&by=nonsense",
    "flagged": "flag=nonsense",
    "inbox": "minimum=nonsense",
}
HALVES: Final = {"first": slice(None, None, 2), "second": slice(1, None, 2)}


@pytest.fixture
def furnished(conto: LiveConto) -> Furnished:
    """An organization that has a row for each list."""
    return furnish(clock_now() - timedelta(hours=1))


def places(furnished: Furnished, half: str) -> Iterator[tuple[str, str]]:
    for name in list(LISTS)[HALVES[half]]:
        yield name, furnished.fill(LISTS[name])


def must_say(
    window: Window, lists: Iterator[tuple[str, str]], queries: Mapping[str, str], words: str, *, photo: str
) -> None:
    """Open each list with its query: it says so in these words, and nothing is wrong with how it looks."""
    found: list[str] = []
    for name, path in lists:
        window.open(f"{path}?{queries[name]}")
        expect(window.page.locator("main")).to_contain_text(words)
        found += faults_of(window, f"{photo}-{name}")
    must_be_well([*found, *window.faults])


@pytest.mark.parametrize("half", HALVES)
def test_a_filter_that_nothing_passes(window: Window, furnished: Furnished, half: str) -> None:
    window.sign_in_as(furnished.cast.oona)
    queries = {name: NOTHING.get(name, "q=nowhere-to-be-found") for name in LISTS}
    must_say(window, places(furnished, half), queries, "match", photo="nothing")


@pytest.mark.parametrize("half", HALVES)
def test_a_filter_that_is_not_understood(window: Window, furnished: Furnished, half: str) -> None:
    window.sign_in_as(furnished.cast.oona)
    queries = {name: MISTAKEN.get(name, "sort=nonsense") for name in LISTS}
    must_say(window, places(furnished, half), queries, "cannot be understood", photo="mistaken")


def test_a_place_in_a_list_that_is_none(window: Window, furnished: Furnished) -> None:
    window.expected.add(422)
    window.sign_in_as(furnished.cast.oona)
    window.open("/settings/members/?cursor=nonsense")
    found = faults_of(window, "mistaken-place")
    window.page.get_by_role("link", name="To the beginning of the list").click()
    expect(window.page.get_by_role("table", name="Members")).to_be_visible()
    must_be_well([*found, *window.faults])


def test_the_filter_of_the_inbox_opens_within_a_phone(window: Window, furnished: Furnished) -> None:
    window.sign_in_as(furnished.cast.rui)
    page = window.page
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    window.open("/approvals/")
    page.locator("summary", has_text="Filter").click()
    box = page.locator(".wanted-form").bounding_box()
    assert box is not None
    assert 0 <= box["x"] <= box["x"] + box["width"] <= PHONE[0]
    must_be_well([*faults_of(window, "inbox-filter"), *window.faults])


def first_row(page: Page) -> str:
    return page.locator("main tbody tr").first.inner_text()


def go(window: Window, way: str) -> str:
    """Follow a link of the pager and return what stands first on the page it leads to."""
    page = window.page
    with page.expect_navigation():
        page.get_by_role("link", name=way).click()
    window.settle()
    return first_row(page)


def walk(window: Window, path: str, name: str) -> list[str]:
    """Go to the page in the middle and past it, and back again; both ways show the same rows."""
    page = window.page
    window.open(path)
    first = first_row(page)
    expect(page.get_by_role("link", name="Previous")).to_have_count(0)
    middle = go(window, "Next")
    found = faults_of(window, f"middle-{name}")
    last = go(window, "Next")
    expect(page.get_by_role("link", name="Next")).to_have_count(0)
    assert len({first, middle, last}) == 3
    assert [go(window, "Previous"), go(window, "Previous")] == [middle, first]
    return found


def test_the_page_in_the_middle_of_a_long_list(window: Window, world: World) -> None:
    ask(world, "10", now=clock_now())
    rows(COPIED, {"many": MANY})
    now, organization = clock_now(), world.cast.organization
    for number in range(MANY):
        email, name = f"reviewer{number:03}@example.com", f"Reviewer {number:03}"
        person = Person.objects.create(id=new_id(now), name=name, email=email, created_at=now, password="!")
        roles = ["reviewer"] if number % 3 else ["operator", "reviewer"]
        Member.objects.create(id=new_id(now), organization=organization, person=person, roles=roles, created_at=now)
    window.sign_in_as(world.cast.oona)
    found = walk(window, "/authorizations/?currency=USD", "authorizations")
    found += walk(window, "/settings/members/?q=e", "members")
    must_be_well([*found, *window.faults])
