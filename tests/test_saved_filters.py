"""Filters that people keep of lists: of each list the same way, for oneself alone, and nothing but what it knows."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.db import rows
from core.filters import Filter
from core.ids import Prefix, new_id, to_public
from people.models import FILTER_LENGTH, Listed, Member, OrganizationKey, PendingChange, SavedFilter
from people.services import MOST_SAVED
from people.views.filters import OF_ONE
from spend.models import Peg
from tests.agents.samples import a_credential, a_key, an_agent
from tests.approvals.world import ask, make_world
from tests.factories import NOW, Cast

pytestmark = pytest.mark.django_db

BUDGET: Final = {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "50"}, "period": "month"}
QUERIES: Final = {
    Listed.AUTHORIZATIONS: "status=approved",
    Listed.CHANGES: "status=voided",
    Listed.FLEET: "state=frozen",
    Listed.RUNTIME_KEYS: "status=active",
    Listed.CREDENTIALS: "status=active",
    Listed.POLICIES: "q=Research",
    Listed.VERSIONS: "q=nothing",
    Listed.BUDGETS: "q=pot&sort=name",
    Listed.COUNTERPARTIES: "standing=unknown",
    Listed.PEGS: "q=usd",
    Listed.ANALYTICS: "period=7&by=agent&none=category&none=rail",
    Listed.DECISIONS: "period=7",
    Listed.REVIEW_TIMES: "period=7",
    Listed.PAYMENTS: "rail=card",
    Listed.FLAGGED: "flag=over",
    Listed.AUDIT_LOG: "action=agent.frozen",
    Listed.MEMBERS: "role=operator",
    Listed.ORGANIZATION_KEYS: "status=active",
}
"""A filter of each list; several values of one field among them."""
MINE: Final = "Mine <one>"
FIELD: Final = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')

each_list = pytest.mark.parametrize("listed", Listed, ids=list(Listed.values))


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def cast() -> Cast:
    """An organization in which no list is empty as it is shown first, so that each has its filter."""
    world = make_world(BUDGET)
    ask(world, "10")
    organization, oona = world.cast.organization, world.cast.oona.person
    Peg.objects.create(organization=organization, currency="USDC", pegged_to="USD")
    OrganizationKey.objects.create(
        id=new_id(NOW), organization=organization, name="Key", secret_hash="x", scopes=["read"], created_by=oona,
        created_at=NOW,
    )  # fmt: skip
    PendingChange.objects.create(
        id=new_id(NOW), organization=organization, kind="policy", subject_id="pol_1", title="Change", content={},
        digest="d", loosens=[], proposed_by_kind="person", proposed_by_id="x", proposed_by_name="Olu", created_at=NOW,
        expires_at=NOW + timedelta(days=1), closed_at=NOW, closed_as="voided",
    )  # fmt: skip
    return world.cast


def address_of(listed: Listed, cast: Cast) -> str:
    """The address of a list: of one agent or policy where it is of one."""
    if listed not in OF_ONE:
        return reverse(listed.value)
    if OF_ONE[listed] is Prefix.POLICY:
        return reverse(listed.value, args=[to_public(Prefix.POLICY, cast.organization.policies.get().pk)])
    agent = an_agent(cast.olu, f"Agent {listed.value}")
    a_key(cast.olu, agent)
    a_credential(cast.olu, agent)
    return reverse(listed.value, args=[to_public(Prefix.AGENT, agent.pk)])


def seen_by(member: Member) -> Client:
    client = Client()
    client.force_login(member.person)
    return client


def html_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def sent_by(html: str, action: str) -> dict[str, str]:
    """What the form of this action would send, as the page has it."""
    form = html.partition(f'<form method="post" action="/filters/{action}/"')[2].partition("</form>")[0]
    return {name: unescape(value) for name, value in FIELD.findall(form)}


def links_of(html: str) -> Mapping[str, str]:
    """The kept filters of a page: the names, and where each leads."""
    part = html.partition('<ul class="kept"')[2].partition("</ul>")[0]
    found = re.findall(r'<a class="chip[^"]*" href="([^"]+)"[^>]*>.*?</svg><span[^>]*>(.*?)</span></a>', part)
    return {unescape(name): unescape(url) for url, name in found}


def current(html: str) -> list[str]:
    part = html.partition('<ul class="kept"')[2].partition("</ul>")[0]
    return [unescape(name) for name in re.findall(r'aria-current="true">.*?</svg><span[^>]*>(.*?)</span></a>', part)]


@each_list
def test_a_filter_is_kept_shown_applied_and_forgotten(listed: Listed, cast: Cast) -> None:
    address, vera, rui = address_of(listed, cast), seen_by(cast.vera), seen_by(cast.rui)
    assert 'class="kept"' not in html_of(vera, address)
    assert "Keep this filter" not in html_of(vera, address)

    filtered = html_of(vera, f"{address}?{QUERIES[listed]}&evil=1&cursor=")
    sent = sent_by(filtered, "keep") | {"name": MINE}
    kept = vera.post("/filters/keep/", sent, follow=True)

    [(there, status)] = kept.redirect_chain
    assert (there.partition("?")[0], status) == (address, 302)
    assert same(there.partition("?")[2], QUERIES[listed])
    assert f"{MINE} is kept." in unescape(kept.content.decode())
    links = links_of(html_of(vera, address))
    assert links == {MINE: f"?{there.partition('?')[2]}"}
    applied = html_of(vera, address + links[MINE])
    assert current(applied) == [MINE]
    assert "Keep this filter" not in applied
    assert "cannot be understood" not in applied

    # Another member neither sees nor forgets it.
    assert links_of(html_of(rui, address)) == {}
    rui.post("/filters/forget/", sent)
    seen_by(cast.mallory).post("/filters/forget/", sent)
    assert SavedFilter.objects.count() == 1
    forgotten = vera.post("/filters/forget/", sent_by(applied, "forget"), follow=True)
    assert forgotten.redirect_chain == [(address, 302)]
    assert not SavedFilter.objects.exists()
    assert links_of(forgotten.content.decode()) == {}


@each_list
def test_what_the_list_does_not_know_is_not_kept_and_nonsense_not_offered(listed: Listed, cast: Cast) -> None:
    address, vera = address_of(listed, cast), seen_by(cast.vera)
    sent = {"listed": listed.value, "id": address.split("/")[2], "name": MINE}

    vera.post("/filters/keep/", sent | {"query": f"evil=1&cursor=abc&next=//evil.example&{QUERIES[listed]}"})

    [one] = SavedFilter.objects.all()
    assert same(one.query, QUERIES[listed])
    assert (one.listed, one.member_id) == (listed.value, cast.vera.pk)
    field = "sort" if "sort" in form_of(listed).base_fields else "agent"
    assert "Keep this filter" not in html_of(vera, f"{address}?{QUERIES[listed]}&{field}=nonsense")
    # An order alone is no filter.
    orders = re.findall(r'<option value="(\w+)"', html_of(vera, address).partition('name="sort"')[2])
    assert "Keep this filter" not in html_of(vera, f"{address}?sort={orders[1]}" if orders else address)


def same(one: str, other: str) -> bool:
    """Whether two queries ask for the same, in whichever order."""
    return sorted(one.split("&")) == sorted(other.split("&"))


def form_of(listed: Listed) -> type[Filter]:
    module, _, name = settings.FILTERED_LISTS[listed.value].rpartition(".")
    form: type[Filter] = getattr(__import__(module, fromlist=[name]), name)
    return form


def test_every_list_with_a_filter_is_one_whose_filters_can_be_kept() -> None:
    assert set(settings.FILTERED_LISTS) == set(Listed.values)
    templates = Path(settings.BASE_DIR, "templates").rglob("*.html")
    filtering = re.compile(r'\{% (?:component "filters"|kept_filters) ([^%]*) %\}')
    without = {
        path.name
        for path in templates
        for said in filtering.findall(path.read_text())
        if " of=" not in said and " as keeping" not in said
    }
    # The duplicate that somebody searches for once; an example without a list.
    assert without == {"merge.html", "tables.html"}


def test_lists_of_one_agent_share_their_filters_and_lead_back_to_the_same_one(cast: Cast) -> None:
    vera = seen_by(cast.vera)
    first, second = (address_of(Listed.RUNTIME_KEYS, cast) for _ in range(2))
    vera.post("/filters/keep/", sent_by(html_of(vera, f"{first}?status=active"), "keep") | {"name": MINE})

    html = html_of(vera, f"{second}?status=active")

    assert current(html) == [MINE]
    assert vera.post("/filters/forget/", sent_by(html, "forget")).headers["Location"] == second
    assert links_of(html_of(vera, address_of(Listed.CREDENTIALS, cast))) == {}


@pytest.mark.parametrize("action", ["keep", "forget"])
@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        ({"listed": "people:account"}, 422, "no such list"),
        ({"listed": "//evil.example/"}, 422, "no such list"),
        ({"listed": ""}, 422, "no such list"),
        ({}, 422, "no such list"),
        ({"listed": "audit:log\0"}, 422, "without NUL"),
        ({"listed": "agents:keys"}, 404, ""),
        ({"listed": "agents:keys", "id": "//evil.example/"}, 404, ""),
        ({"listed": "agents:keys", "id": ".."}, 404, ""),
        ({"listed": "policies:versions", "id": to_public(Prefix.AGENT, new_id(NOW))}, 404, ""),
    ],
)
def test_a_list_that_is_none_is_refused(cast: Cast, action: str, sent: dict[str, str], status: int, words: str) -> None:
    answer = seen_by(cast.vera).post(f"/filters/{action}/", sent | {"name": "Mine", "query": "status=active"})
    assert answer.status_code == status
    assert words in answer.content.decode()
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": " "}, "Give the filter a name"),
        ({"name": "x" * 61}, "name is too long"),
        ({"name": "a\0b"}, "Null characters"),
        ({"query": ""}, "Nothing is filtered"),
        ({"query": "cursor=x&evil=1"}, "Nothing is filtered"),
        ({"query": f"q={'x' * FILTER_LENGTH}"}, "too long to be kept"),
        ({"query": f"q={'é' * 400}"}, "too long to be kept"),
        ({"query": f"q={'x' * 300}"}, "cannot be understood"),
        ({"query": "q=%00"}, "cannot be understood"),
        ({"query": "status=great"}, "cannot be understood"),
        ({"query": "since=soon"}, "cannot be understood"),
    ],
)
def test_a_filter_that_is_none_is_refused_in_words(cast: Cast, sent: dict[str, str], words: str) -> None:
    good = {"listed": "approvals:authorizations", "name": "Mine", "query": "status=approved"}
    answer = seen_by(cast.vera).post("/filters/keep/", good | sent, follow=True)

    assert words in answer.content.decode()
    assert answer.redirect_chain[0][0].partition("?")[0] == "/authorizations/"
    assert not SavedFilter.objects.exists()


def test_a_name_that_is_missing_loses_nothing_of_the_filter(cast: Cast) -> None:
    sent = {"listed": "approvals:authorizations", "name": "", "query": "status=approved&evil=1"}
    answer = seen_by(cast.vera).post("/filters/keep/", sent)
    assert answer.headers["Location"] == "/authorizations/?status=approved"


def test_nobody_keeps_more_filters_of_a_list_than_its_page_shows(cast: Cast) -> None:
    vera = seen_by(cast.vera)
    kept: Iterator[SavedFilter] = (
        SavedFilter(
            id=new_id(NOW), member=cast.vera, listed=Listed.AUTHORIZATIONS, name=f"No. {number}",
            query="status=approved", saved_at=NOW,
        )
        for number in range(MOST_SAVED)
    )  # fmt: skip
    SavedFilter.objects.bulk_create(kept)
    one_more = {"listed": Listed.AUTHORIZATIONS.value, "name": "One more", "query": "status=declined"}

    refused = vera.post("/filters/keep/", one_more, follow=True).content.decode()

    assert "forget one first" in refused
    assert SavedFilter.objects.count() == MOST_SAVED
    vera.post("/filters/keep/", one_more | {"name": "No. 1"})
    assert SavedFilter.objects.get(name="No. 1").query == "status=declined"
    vera.post("/filters/keep/", one_more | {"listed": Listed.AUDIT_LOG.value, "query": "q=x"})
    assert SavedFilter.objects.count() == MOST_SAVED + 1


def test_what_somebody_keeps_shows_on_an_error_of_another_form_of_the_page_too(cast: Cast) -> None:
    oona = seen_by(cast.oona)
    oona.post("/filters/keep/", {"listed": Listed.MEMBERS.value, "name": MINE, "query": "role=operator"})
    answer = oona.post("/settings/members/invite/", {"email": "none"})
    assert answer.status_code == 422
    assert links_of(answer.content.decode()) == {MINE: "?role=operator"}


def test_two_filters_of_one_list_of_a_member_never_share_a_name_and_none_is_of_no_list(cast: Cast) -> None:
    SavedFilter.objects.create(
        id=new_id(NOW), member=cast.vera, listed=Listed.PEGS, name="Mine", query="q=usd", saved_at=NOW
    )
    again = (
        "insert into people_savedfilter (id, member_id, listed, name, query, saved_at)"
        " select %s, member_id, {}, name, query, saved_at from people_savedfilter"
    )
    for listed, constraint in (
        ("listed", "saved_filter_name_is_one_per_member_and_list"),
        ("'people:account'", "saved_filter_is_of_a_known_list"),
    ):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            rows(again.format(listed), [new_id(NOW)])


def test_a_page_without_kept_filters_costs_one_statement_for_them(cast: Cast) -> None:
    vera = seen_by(cast.vera)
    vera.get("/counterparties/")
    with CaptureQueriesContext(connection) as seen:
        vera.get("/counterparties/?standing=unknown")
    assert len([one for one in seen.captured_queries if "people_savedfilter" in one["sql"]]) == 1
