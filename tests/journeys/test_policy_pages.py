"""The pages of policies in every state: forms filled in and refused, drafts, comparisons, backtests, changes."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.management import call_command
from playwright.sync_api import Browser, expect
from pytest_django import DjangoDbBlocker

from approvals.models import Backtest
from approvals.services.backtests import Wanted, cancel_backtest, start_backtest
from core.clock import now as clock_now
from core.ids import Prefix, from_public, to_public
from policies.models import Policy
from spend.selectors.counterparties import counterparty_names
from tests.examples.server import LiveConto
from tests.journeys.atlas import Place
from tests.journeys.browser import AXE, Window, open_window
from tests.journeys.policy_stage import PolicyStage, every_type, payees_of, set_up
from tests.journeys.test_every_page import HISTORY_DAYS, faults_of, look_at, must_be_well

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def stage(conto_process: LiveConto, django_db_blocker: DjangoDbBlocker) -> Iterator[PolicyStage]:
    """Committed rows that the tests here share, and none of others; gone after the last one."""
    with django_db_blocker.unblock():
        call_command("flush", verbosity=0, interactive=False)
        try:
            yield set_up(clock_now(), days=HISTORY_DAYS)
        finally:
            call_command("flush", verbosity=0, interactive=False)


@pytest.fixture
def window(browser: Browser, conto_process: LiveConto, stage: PolicyStage) -> Iterator[Window]:
    """Ada's window with axe in it."""
    found = open_window(browser, conto_process.url)
    found.context.add_init_script(path=AXE)
    found.sign_in_as(stage.ada)
    yield found
    found.context.close()


def policy_places(stage: PolicyStage) -> Iterator[Place]:
    """Lists, details, versions, comparisons, drafts and publications, from the least to the most."""
    yield Place("list", "/policies/")
    yield Place("list-all", "/policies/?show=all")
    for name in ("large", "plain", "research", "retired", "unpublished", "office-hours"):
        yield Place(f"detail-{name}", f"/policies/{stage.policies[name]}/")
    for name in ("large", "plain", "research", "unpublished"):
        yield Place(f"draft-{name}", f"/policies/{stage.policies[name]}/draft/")
    for name in ("large", "plain", "research", "procurement"):
        yield Place(f"publish-{name}", f"/policies/{stage.policies[name]}/draft/publish/")
    large = f"/policies/{stage.policies['large']}"
    yield Place("versions", f"{large}/versions/")
    yield Place("version", f"{large}/versions/12/")
    yield Place("compare", f"{large}/compare/?from=12&to=draft")
    yield Place("compare-same", f"{large}/compare/?from=3&to=3")
    yield Place("assignments", f"{large}/assignments/")
    yield Place("shadow", f"/policies/{stage.policies['office-hours']}/shadow/")


def test_policies_in_every_state(window: Window, stage: PolicyStage) -> None:
    must_be_well(look_at(window, policy_places(stage), named="policies-state-"))


def test_a_form_for_each_type_of_rule_filled_in(window: Window, stage: PolicyStage) -> None:
    at = f"/policies/{stage.policies['large']}/draft/rules"
    filled = [Place(rule["type"].lower(), f"{at}/{rule['key']}/") for rule in every_type(stage.company)]
    places = [place for place in filled if place.name != "expiration"]
    must_be_well(look_at(window, places, named="policies-form-"))


def test_forms_that_are_refused(window: Window, stage: PolicyStage) -> None:
    window.expected.add(422)
    at, found, page = f"/policies/{stage.policies['large']}/draft/add", list[str](), window.page
    for kind in ("SPEND_LIMIT", "TIME_WINDOW", "APPROVAL_THRESHOLD", "EXPIRATION", "VELOCITY"):
        window.open(f"{at}/{kind}/")
        for money in page.locator("[inputmode=decimal]:visible").all()[:2]:
            money.fill("a lot")
        window.settle()
        window.press("Save to draft")
        expect(page.locator(".form-error, [role=alert]").first).to_be_visible()
        found += faults_of(window, f"policies-refused-{kind.lower()}")
    window.open(f"/policies/{stage.policies['large']}/draft/publish/")
    window.press("Publish")
    expect(page.locator(".form-error").first).to_be_visible()
    found += faults_of(window, "policies-refused-publish")
    window.open(f"/policies/{stage.policies['large']}/versions/3/")
    page.get_by_role("button", name="Restore as draft").click()
    must_be_well([*found, *faults_of(window, "policies-restore"), *window.faults])


def test_whom_an_exemption_is_for_is_searched_for_and_asked_for_where_it_is_not_clear(
    window: Window, stage: PolicyStage
) -> None:
    window.expected.add(422)
    page, other = window.page, payees_of(stage.company)[3]
    name = counterparty_names(stage.company.organization_id, [other])[other]
    window.open(f"/policies/{stage.policies['large']}/draft/rules/people_decide/")
    row = page.locator("#id_exemptions-0-payee")
    row.get_by_role("checkbox").uncheck()
    row.get_by_role("searchbox").fill(name[:4])
    expect(row.get_by_text(name)).to_be_visible()
    found = faults_of(window, "policies-exemption-found")
    window.press("Save to draft")
    expect(page.locator(".form-error", has_text="Tick who is meant")).to_be_visible()
    found += faults_of(window, "policies-exemption-unclear")
    row.get_by_label(name, exact=True).check()
    window.press("Save to draft")
    expect(page.get_by_text("The rule is in the draft")).to_be_visible()
    draft = Policy.objects.get(pk=from_public(Prefix.POLICY, stage.policies["large"])).draft or {"rules": []}
    [decide] = [rule for rule in draft["rules"] if rule["key"] == "people_decide"]
    assert to_public(Prefix.COUNTERPARTY, other) in str(decide["exemptions"])
    must_be_well([*found, *window.faults])


def test_payments_that_are_simulated(window: Window, stage: PolicyStage) -> None:
    window.expected.add(422)
    agents = {name: bot.public_id for name, bot in stage.company.bots.items()}
    paid = {"currency": "USD", "payee": "domain:api.atlas-data.example", "category": "market_data", "rail": "card"}
    asked = {
        "approved": {"agent": agents["research"], "amount": "4.20", **paid},
        "review": {
            "agent": agents["procurement"],
            "amount": "1249.99",
            **paid,
            "payee": "domain:kontor-supply.example",
        },
        "denied": {"agent": agents["research"], "amount": "99999999999999.999999", **paid},
        "draft": {"agent": agents["research"], "amount": "60", "draft": stage.policies["research"], **paid},
        "imagined": {
            "agent": "imagined",
            "amount": "12",
            "labels": "procurement",
            **paid,
            "payee": "domain:new.example",
        },
        "refused": {"agent": agents["research"], "amount": "a lot", **paid, "payee": "nobody"},
    }
    places = [Place("empty", "/simulator/")]
    places += [Place(name, f"/simulator/?{urlencode(query)}") for name, query in asked.items()]
    found = [fault for fault in look_at(window, places, named="simulator-") if "answers 422" not in fault]
    must_be_well(found)


def test_backtests_in_every_state(window: Window, stage: PolicyStage) -> None:
    now, company = clock_now(), stage.company
    done = Backtest.objects.get(policy_id=from_public(Prefix.POLICY, stage.policies["procurement"]))
    at, policy = (
        f"/backtests/{to_public(Prefix.BACKTEST, done.pk)}/",
        from_public(Prefix.POLICY, stage.policies["large"]),
    )
    found = look_at(
        window,
        [
            Place("result", at),
            Place("one-payment", f"{at}changes/1/"),
            Place("form", f"/policies/{stage.policies['procurement']}/backtests/"),
            Place("form-first", f"/policies/{stage.policies['plain']}/backtests/"),
            Place("form-no-draft", f"/policies/{stage.policies['office-hours']}/backtests/"),
        ],
        named="backtest-",
    )
    scope: dict[str, Any] = {"organization_id": company.organization_id, "actor": company.actor("olu"), "now": now}
    wanted = Wanted(policy, now - timedelta(days=365), now)
    one = start_backtest(wanted, **scope)
    where = f"/backtests/{to_public(Prefix.BACKTEST, one)}/"
    found += look_at(window, [Place("waiting", where)], named="backtest-")
    row = Backtest.objects.filter(pk=one)
    row.update(status="running", total=98_412, done=41_207, started_at=now, seen_at=now)
    at_policy = f"/policies/{stage.policies['large']}/backtests/"
    found += look_at(window, [Place("running", where), Place("form-running", at_policy)], named="backtest-")
    cancel_backtest(one, **scope)
    found += look_at(window, [Place("cancelled", where)], named="backtest-")
    row.update(status="failed", why="The worker was broken off 3 times while it ran.")
    must_be_well(
        [*found, *look_at(window, [Place("failed", where), Place("form-failed", at_policy)], named="backtest-")]
    )


def test_changes_in_every_state(window: Window, stage: PolicyStage) -> None:
    places = [Place("list", "/approvals/changes/"), Place("inbox", "/approvals/")]
    places += [Place(name, f"/approvals/changes/{change}/") for name, change in stage.changes.items()]
    must_be_well(look_at(window, places, named="changes-"))
