"""What pages look like while something happens: an answer on its way, a freeze, thousands of rows, a receipt."""

from datetime import datetime
from functools import partial
from typing import Any, Final

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.template.loader import render_to_string
from django.urls import reverse
from playwright.sync_api import Route

from agents.services import freeze_agent
from core.clock import now as clock_now
from core.db import rows
from core.ids import Prefix, to_public
from people.models import Listed, Organization
from people.services import freeze_organization, keep_filter
from spend.payee import PayeeClaim
from tests.approvals.world import World, ask, click_yes, stored
from tests.factories import actor_for
from tests.journeys.browser import Window
from tests.journeys.test_every_page import faults_of, keep, must_be_well
from tests.journeys.waiting import fill
from tests.spend.samples import a_counterparty, public

pytestmark = pytest.mark.journey

MANY: Final = 10_000
COPIED: Final = """
insert into approvals_authorization
select (jsonb_populate_record(one, jsonb_build_object('id', gen_random_uuid(), 'idempotency_key', null,
    'asked_at', one.asked_at - n * interval '7 minutes', 'amount', 1 + n %% 977, 'status', 'declined',
    'outcome', 'deny', 'reasons', jsonb_build_array('daily_limit'), 'expires_at', null))).*
from approvals_authorization one, generate_series(1, %(many)s) n
where one.id = (select id from approvals_authorization order by asked_at limit 1)
"""
"""A long history of one authorization, each denied at another time; the books are of no concern here."""

KEPT: Final = {
    Listed.AUTHORIZATIONS: "status=approved",
    Listed.AUDIT_LOG: "action=agent.created",
    Listed.ANALYTICS: "period=90",
    Listed.MEMBERS: "role=operator",
    Listed.COUNTERPARTIES: "standing=unknown",
    Listed.FLAGGED: "period=30d&sort=largest",
}
"""Filters of some lists; of the last two nobody keeps any."""
NAMES: Final = ("Month end", "Waits too long", "Refused for being above what it may spend without a person")


def scope(world: World, now: datetime) -> dict[str, Any]:
    return {"organization_id": world.organization_id, "actor": actor_for(world.cast.ada), "now": now}


def answer_with(status: int, page: str, route: Route) -> None:
    route.fulfill(status=status, body=page, content_type="text/html")


def test_an_answer_on_its_way_and_one_that_somebody_else_gave(window: Window, world: World) -> None:
    first, *_ = fill(world, 3)
    window.sign_in_as(world.cast.rui)
    window.open("/approvals/")
    window.press("Approve", within="#request")
    window.page.locator(".undo").first.wait_for()
    found = faults_of(window, "state-undo")
    other = stored(ask(world, "180", now=clock_now()))
    click_yes(other, world.cast.ada, now=clock_now())
    window.open(f"/approvals/{to_public(Prefix.AUTHORIZATION, other.id)}/")
    found += faults_of(window, "state-second-reviewer")
    window.open(f"/approvals/{first}/")
    must_be_well([*found, *faults_of(window, "state-answered"), *window.faults])


def test_when_everything_is_frozen(window: Window, world: World) -> None:
    fill(world, 2)
    now = clock_now()
    freeze_agent(agent_id=world.agent.pk, reason="It asks for the same invoice again and again.", **scope(world, now))
    freeze_organization(reason="Somebody has our keys; nothing is paid until we know who.", **scope(world, now))
    window.sign_in_as(world.cast.ada)
    found: list[str] = []
    agent = to_public(Prefix.AGENT, world.agent.id)
    for name, path in (("overview", "/"), ("inbox", "/approvals/"), ("agent", f"/agents/{agent}/")):
        window.open(path)
        found += faults_of(window, f"state-frozen-{name}")
    must_be_well([*found, *window.faults])


def test_a_history_of_thousands(window: Window, world: World) -> None:
    fill(world, 120)
    rows(COPIED, {"many": MANY})
    window.sign_in_as(world.cast.rui)
    found: list[str] = []
    for name, path in (
        ("list", "/authorizations/"),
        ("list-searched", "/authorizations/?outcome=deny&sort=largest&currency=USD"),
        ("list-nothing", "/authorizations/?category=nothing-like-it"),
        ("inbox", "/approvals/"),
        ("overview", "/"),
        ("decisions", "/analytics/decisions/"),
        ("counterparties", "/counterparties/"),
    ):
        window.open(path)
        found += faults_of(window, f"state-many-{name}")
    must_be_well([*found, *window.faults])


def test_a_filter_that_makes_no_sense(window: Window, world: World) -> None:
    window.sign_in_as(world.cast.olu)
    found: list[str] = []
    for name, path in (
        ("agents", "/agents/?label=nobody-has-it&state=odd"),
        ("authorizations", "/authorizations/?counterparty=nobody&status=odd"),
        ("audit", "/audit/?action=odd"),
    ):
        window.open(path)
        found += faults_of(window, f"state-filter-{name}")
    must_be_well([*found, *window.faults])


def test_filters_that_somebody_keeps(window: Window, world: World) -> None:
    for listed in (Listed.AUTHORIZATIONS, Listed.AUDIT_LOG, Listed.ANALYTICS, Listed.MEMBERS):
        kept = [("Mine", KEPT[listed]), *((name, f"{KEPT[listed]}&q=x") for name in NAMES)]
        for name, query in kept[:3] if listed is Listed.ANALYTICS else kept:
            keep_filter(member_id=world.cast.olu.pk, listed=listed, name=name, query=query, now=clock_now())
    window.sign_in_as(world.cast.olu)
    found: list[str] = []
    for listed, query in KEPT.items():
        address = reverse(listed.value)
        window.open(address)
        found += faults_of(window, f"state-kept-{listed.value.replace(':', '-')}")
        window.open(f"{address}?{query}")
        if window.page.locator(".keep").count():
            window.page.locator(".keep > summary").click()
        found += faults_of(window, f"state-kept-{listed.value.replace(':', '-')}-filtered")
    must_be_well([*found, *window.faults])


def test_two_that_may_be_one(window: Window, world: World) -> None:
    kept = a_counterparty(world.cast.olu, "Hetzner Online", identifiers=["domain:hetzner.com"], standing="trusted")
    merged = a_counterparty(world.cast.olu, "HETZNER", identifiers=["domain:billing.hetzner.com"])
    for domain, amount in (("hetzner.com", "40"), ("billing.hetzner.com", "30")):
        ask(world, amount, payee=PayeeClaim("", (f"domain:{domain}",)), now=clock_now())
    window.sign_in_as(world.cast.olu)
    window.open(f"/counterparties/{public(kept)}/merge/")
    found = faults_of(window, "state-merge-alike")
    window.open(f"/counterparties/{public(kept)}/merge/?duplicate={public(merged)}")
    must_be_well([*found, *faults_of(window, "state-merge-compare"), *window.faults])


def test_what_is_not_allowed_and_what_broke(window: Window, world: World) -> None:
    window.expected |= {403, 500, 503}
    window.sign_in_as(world.cast.vera)
    window.open("/agents/new/")
    found = faults_of(window, "state-403")
    for status in (500, 503):
        page = render_to_string(f"{status}.html", {"number": "0a1b2c3d"})
        window.page.route(f"**/broken-{status}/", partial(answer_with, status, page))
        window.open(f"/broken-{status}/")
        found += faults_of(window, f"state-{status}")
    must_be_well([*found, *window.faults])


def test_on_paper_an_authorization_is_a_receipt(window: Window, world: World) -> None:
    asked = ask(world, "12.50", purpose="Credits for the month", now=clock_now())
    window.sign_in_as(world.cast.vera)
    window.page.emulate_media(media="print")
    window.open(f"/authorizations/{to_public(Prefix.AUTHORIZATION, asked.answer.id)}/")
    receipt = window.page.locator(".receipt")
    assert receipt.is_visible()
    assert "12.50" in receipt.inner_text()
    assert not window.page.locator(".sidebar").is_visible()
    keep(window.page, "state-receipt.print")
    must_be_well(window.faults)


def test_a_payee_called_like_another_and_an_agent_that_is_frozen(window: Window, world: World) -> None:
    a_counterparty(world.cast.olu, "Vendor 01", identifiers=["domain:vendor-01.example"], standing="verified")
    first, second, third = fill(world, 3)
    window.sign_in_as(world.cast.rui)
    page = window.page
    window.open(f"/approvals/{second}/")
    found = faults_of(window, "state-namesake")
    for key in ("Approve", "Reject"):
        window.open(f"/approvals/{first if key == 'Approve' else third}/")
        window.press(key, within="#request")
        if key == "Reject":
            found += faults_of(window, "state-reject-dialog")
            page.get_by_role("button", name="Paid already.").click()
            page.keyboard.press("Control+Enter")
        page.locator(f"#row-{first if key == 'Approve' else third} .queue-said").wait_for()
    freeze_agent(agent_id=world.agent.id, reason="It asked too often", **scope(world, clock_now()))
    window.open(f"/approvals/{second}/")
    must_be_well([*found, *faults_of(window, "state-frozen-request"), *window.faults])


def test_a_large_payment_asks_for_the_second_factor(window: Window, world: World) -> None:
    Organization.objects.filter(id=world.organization_id).update(confirmation_amount=100)
    second = fill(world, 3)[1]
    TOTP.activate(world.cast.rui.person, generate_totp_secret())
    code = RecoveryCodes.activate(world.cast.rui.person).get_unused_codes()[0]
    window.sign_in_as(world.cast.rui)
    page, found = window.page, list[str]()
    window.open(f"/approvals/{second}/")
    page.keyboard.press("a")
    found += faults_of(window, "state-proof-dialog")
    page.keyboard.press("a")
    page.get_by_role("dialog").get_by_role("button", name="Go on").click()
    for typed, name in (("", "asked"), ("000000", "refused")):
        if typed:
            page.get_by_label("Code").fill(typed)
            page.get_by_role("button", name="Confirm").click()
            page.locator(".form-error").wait_for()
        page.get_by_role("heading", name="Prove that it is you").wait_for()
        found += faults_of(window, f"state-proof-{name}")
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Confirm").click()
    page.locator("#confirm-approval").wait_for()
    found += faults_of(window, "state-proof-proven")
    must_be_well([*found, *window.faults])
