"""What pages look like in moments that are rare: secrets, dialogs, evidence that changed, a broken seal, refusals."""

from typing import Any

import pytest
from playwright.sync_api import expect

from audit.catalogue import Action
from audit.models import Event
from audit.services.sealing import seal
from audit.tasks import verify_audit
from core.actor import Actor, ActorKind
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from people.models import Organization
from people.roles import Scope
from policies.engine.types import Mode
from policies.models import Policy
from policies.services import publish
from tests.approvals.second import waits
from tests.approvals.world import World, ask, republish
from tests.audit.logbook import tamper
from tests.furnished import issue_key
from tests.journeys.browser import Window
from tests.journeys.test_every_page import faults_of, must_be_well
from tests.journeys.waiting import RULES, fill

pytestmark = pytest.mark.journey

NOBODY_LISTED = {"key": "list", "type": "WHITELIST", "allowed": []}


def test_dialogs_over_a_request(window: Window, world: World) -> None:
    first, _ = fill(world, 2)
    window.sign_in_as(world.cast.ada)
    page, found = window.page, list[str]()
    window.open(f"/approvals/{first}/")
    page.keyboard.press("r")
    found += faults_of(window, "rare-reject")
    window.open(f"/approvals/{first}/")
    page.locator("#request").get_by_role("button", name="Freeze Research").click()
    expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_focused()
    must_be_well([*found, *faults_of(window, "rare-freeze"), *window.faults])


def test_a_secret_that_is_shown_once(window: Window, world: World) -> None:
    window.sign_in_as(world.cast.olu)
    window.open(f"/agents/{to_public(Prefix.AGENT, world.agent.id)}/keys/new/")
    window.fill("Name", "Production")
    window.page.get_by_role("main").get_by_role("button").last.click()
    window.page.get_by_role("heading", name="Store this key now").wait_for()
    must_be_well([*faults_of(window, "rare-secret"), *window.faults])


def test_evidence_that_changed_meanwhile(window: Window, world: World) -> None:
    first, _ = fill(world, 2)
    window.expected.add(409)
    window.sign_in_as(world.cast.rui)
    window.open(f"/approvals/{first}/")
    ask(world, "40", now=clock_now())
    window.press("Approve", within="#request")
    expect(window.page.get_by_role("alert")).to_contain_text("Look again")
    must_be_well([*faults_of(window, "rare-look-again"), *window.faults])


def test_a_log_that_is_not_what_was_sealed(window: Window, world: World) -> None:
    first, _ = fill(world, 2)
    seal(world.organization_id, now=clock_now())
    event = Event.objects.get(organization_id=world.organization_id, action=Action.AGENT_CREATED)
    tamper("update audit_event set actor_name = 'Mallory' where id = %s", event.id)
    verify_audit()
    window.sign_in_as(world.cast.ada)
    found: list[str] = []
    for name, path in (
        ("overview", "/"),
        ("log", "/audit/"),
        ("event", f"/audit/events/{to_public(Prefix.EVENT, event.id)}/"),
        ("history", f"/authorizations/{first}/"),
    ):
        window.open(path)
        found += faults_of(window, f"rare-seal-broken-{name}")
    window.open("/")
    window.page.get_by_role("link", name="its seal is broken").click()
    expect(window.page.locator("#seal")).to_contain_text("Broken")
    must_be_well([*found, *window.faults])


def test_a_shadow_that_is_not_enforced_before_it_was_looked_at(window: Window, world: World) -> None:
    policy = Policy.objects.get(organization_id=world.organization_id)
    looser = [RULES[0] | {"daily": {"USD": "120000"}}, RULES[1]]
    republish(world.cast, policy.pk, looser, mode=Mode.SHADOW, now=clock_now())
    Organization.objects.filter(id=world.organization_id).update(needs_four_eyes=True)
    window.expected |= {409, 422}
    window.sign_in_as(world.cast.ada)
    page = window.page
    window.open(f"/policies/{to_public(Prefix.POLICY, policy.pk)}/")
    republish(world.cast, policy.pk, [*looser, NOBODY_LISTED], mode=Mode.SHADOW, now=clock_now())
    window.press("Enforce it")
    page.get_by_role("dialog").get_by_role("button", name="Enforce it").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody changed this policy meanwhile")
    found = faults_of(window, "rare-shadow-changed")
    window.press("Enforce it")
    expect(page.get_by_text("Look at the warnings, and tick that you have.")).to_be_visible()
    found += faults_of(window, "rare-shadow-warned")
    page.get_by_role("checkbox").check()
    window.press("Enforce it")
    expect(page.get_by_text("A change waits for a second person")).to_be_visible()
    must_be_well([*found, *faults_of(window, "rare-shadow-waits"), *window.faults])


def test_a_change_to_which_one_of_two_has_agreed(window: Window, world: World) -> None:
    cast, now = world.cast, clock_now()
    Organization.objects.filter(id=world.organization_id).update(needs_four_eyes=True)
    issued = issue_key(cast, [Scope.POLICIES], now).key
    key = Actor(ActorKind.ORGANIZATION_KEY, to_public(Prefix.KEY, issued.id), issued.name, world.organization_id)
    scope: dict[str, Any] = {"organization_id": world.organization_id, "actor": key, "now": now}
    more = {"schema": 1, "rules": [RULES[0] | {"daily": {"USD": "120000"}}, RULES[1]]}
    policy = Policy.objects.get(organization_id=world.organization_id)
    sent = publish(policy_id=policy.pk, document=more, mode=Mode.ENFORCED, note="A new quarter.", **scope)
    change = waits(sent)
    page, found = window.page, list[str]()
    for name, member in (("none", cast.ada), ("own", cast.ada), ("other", cast.olu), ("viewer", cast.vera)):
        window.sign_in_as(member)
        window.open(f"/approvals/changes/{to_public(Prefix.CHANGE, change)}/")
        if name == "own":
            window.press("Agree")
            expect(page.get_by_text("You agreed. Somebody else must agree as well.")).to_be_visible()
        if name != "none":
            expect(page.get_by_text("1 of 2 have agreed")).to_be_visible()
        found += faults_of(window, f"rare-agreed-{name}")
    window.sign_in_as(cast.olu)
    window.open(f"/approvals/changes/{to_public(Prefix.CHANGE, change)}/")
    window.press("Agree, and make the change")
    expect(page.get_by_text("The change is made. It counts from now on.")).to_be_visible()
    window.open(f"/approvals/changes/{to_public(Prefix.CHANGE, change)}/")
    must_be_well([*found, *faults_of(window, "rare-agreed-both"), *window.faults])
