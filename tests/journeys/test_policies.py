"""An operator writes a rule and is told what it says while writing it; without scripts after each button."""

import pytest
from playwright.sync_api import expect

from core.clock import now as clock_now
from core.ids import Prefix, to_public
from policies.engine.types import Mode
from policies.models import Policy
from tests.approvals.world import ask, make_world, republish
from tests.factories import Cast, actor_for, make_cast
from tests.journeys.browser import Window
from tests.journeys.conftest import WITH_SCRIPTS, OpenFor
from tests.journeys.test_every_page import faults_of, must_be_well
from tests.policies.samples import daily_limit, make_policy, reload
from tests.spend.samples import a_counterparty

pytestmark = pytest.mark.journey


def a_policy(cast: Cast) -> tuple[Policy, str]:
    policy = make_policy(cast.organization, actor_for(cast.olu), now=clock_now())
    return policy, f"/policies/{to_public(Prefix.POLICY, policy.pk)}/draft"


def drafted(policy: Policy, key: str) -> dict[str, object]:
    draft = reload(policy.pk).draft
    assert draft is not None
    found: dict[str, object] = next(rule for rule in draft["rules"] if rule["key"] == key)
    return found


def test_payees_are_found_added_and_saved(open_for: OpenFor, has_scripts: bool) -> None:
    cast = make_cast(now=clock_now())
    policy, at = a_policy(cast)
    acme = to_public(Prefix.COUNTERPARTY, a_counterparty(cast.olu, "Acme Data"))
    olu = open_for(cast.olu)

    olu.open(f"{at}/add/WHITELIST/")
    page = olu.page
    page.locator("#id_allowed-find").fill("acme")
    if not has_scripts:
        page.get_by_role("button", name="Find").first.click()
    page.get_by_role("checkbox", name="Acme Data").check()
    page.locator("#id_allowed-typed").fill("api.example.com")
    page.get_by_role("button", name="Add", exact=True).first.click()
    expect(page.get_by_role("checkbox", name="domain:api.example.com")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Acme Data")).to_be_checked()
    if has_scripts:
        expect(page.locator("#said")).to_contain_text("Pays only Acme Data and domain:api.example.com.")
    olu.settle()
    olu.press("Save to draft")

    expect(page.locator("#rule-whitelist")).to_contain_text("Pays only Acme Data and domain:api.example.com.")
    assert drafted(policy, "whitelist")["allowed"] == [acme, "domain:api.example.com"]


@WITH_SCRIPTS
def test_the_sentence_follows_what_is_typed(open_for: OpenFor, has_scripts: bool) -> None:
    cast = make_cast(now=clock_now())
    _, at = a_policy(cast)
    olu = open_for(cast.olu)

    olu.open(f"{at}/rules/daily/")
    said = olu.page.locator("#said")
    expect(said).to_have_text("At most $500.00 a day.")
    olu.page.get_by_label("A day").fill("750")
    expect(said).to_contain_text("At most $750.00 a day.")
    expect(said).to_contain_text("So far: At most $500.00 a day.")
    olu.page.get_by_label("A day").fill("a lot")
    expect(said).to_contain_text("The sentence appears here as soon as the rule can be read.")


@WITH_SCRIPTS
def test_a_country_is_added_with_enter_and_the_keyboard_goes_on(open_for: OpenFor, has_scripts: bool) -> None:
    cast = make_cast(now=clock_now())
    _, at = a_policy(cast)
    olu = open_for(cast.olu)

    olu.open(f"{at}/add/GEOGRAPHIC/")
    typed = olu.page.locator("#id_allowed-typed")
    for country in ("Germany", "France"):
        typed.fill(country)
        typed.press("Enter")
        expect(olu.page.get_by_role("checkbox", name=country)).to_be_checked()
        expect(typed).to_be_focused()
        expect(typed).to_have_value("")
    expect(olu.page.locator("#said")).to_contain_text("Only to counterparties in Germany or France.")


def test_hours_are_ticked_and_those_to_the_minute_stay(open_for: OpenFor, has_scripts: bool) -> None:
    cast = make_cast(now=clock_now())
    office = {"days": ["mon"], "from": "09:15", "to": "17:45"}
    night = {"days": ["sat"], "from": "22:00", "to": "02:00"}
    rule = {"key": "hours", "type": "TIME_WINDOW", "windows": [office, night]}
    policy = make_policy(cast.organization, actor_for(cast.olu), rule, now=clock_now())
    at = f"/policies/{to_public(Prefix.POLICY, policy.pk)}/draft/rules/hours/"
    olu = open_for(cast.olu)

    olu.open(at)
    expect(olu.page.get_by_role("checkbox", name="Sun 01:00")).to_be_checked()
    expect(olu.page.get_by_label("From, hours 1")).to_have_value("09:15")
    olu.press("Save to draft")
    expect(olu.page.locator("h1")).to_contain_text("Edit rules")
    assert drafted(policy, "hours")["windows"] == [office, night], "what was only looked at is as it was"

    olu.open(at)
    for hour in ("Tue 09:00", "Tue 10:00"):
        olu.page.get_by_role("checkbox", name=hour).check()
    if has_scripts:
        expect(olu.page.locator("#said")).to_contain_text("Tue 09:00–11:00")
    olu.settle()
    olu.press("Save to draft")
    expect(olu.page.locator("#rule-hours")).to_contain_text("Tue 09:00–11:00")
    assert drafted(policy, "hours")["windows"] == [{"days": ["tue"], "from": "09:00", "to": "11:00"}, night, office]


@WITH_SCRIPTS
def test_hours_are_painted_toggled_and_walked_through(open_for: OpenFor, has_scripts: bool) -> None:
    cast = make_cast(now=clock_now())
    _, at = a_policy(cast)
    olu = open_for(cast.olu)
    page, said = olu.page, olu.page.locator("#said")

    olu.open(f"{at}/add/TIME_WINDOW/")
    first, last = (page.get_by_role("checkbox", name=hour).bounding_box() for hour in ("Mon 09:00", "Fri 16:00"))
    assert first
    assert last
    page.mouse.move(first["x"] + 5, first["y"] + 5)
    page.mouse.down()
    page.mouse.move(last["x"] + 5, last["y"] + 5, steps=9)
    page.mouse.up()
    expect(said).to_contain_text("Only Mon–Fri 09:00–17:00.")
    page.get_by_role("button", name="12", exact=True).click()
    expect(said).to_contain_text("Sat, Sun 12:00–13:00")
    page.get_by_role("button", name="12", exact=True).click()
    expect(said).to_contain_text("Only Mon–Fri 09:00–12:00 and Mon–Fri 13:00–17:00.")
    page.get_by_role("button", name="Sun", exact=True).click()
    expect(said).to_contain_text("Sun 00:00–24:00")
    page.get_by_role("button", name="Sun", exact=True).click()
    page.get_by_role("checkbox", name="Mon 12:00").focus()
    page.keyboard.press("Space")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowDown")
    expect(said).to_contain_text("Only Mon–Fri 09:00–17:00.")
    expect(page.get_by_role("checkbox", name="Fri 12:00")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Hours to the minute")).to_be_focused()


def test_a_form_with_chips_faults_and_a_week_shuts_nobody_out(window: Window) -> None:
    cast = make_cast(now=clock_now())
    _, at = a_policy(cast)
    a_counterparty(cast.olu, "Acme Data")
    window.sign_in_as(cast.olu)
    window.expected.add(422)
    page, found = window.page, list[str]()

    window.open(f"{at}/add/WHITELIST/")
    page.locator("#id_allowed-find").fill("acme")
    page.get_by_role("checkbox", name="Acme Data").check()
    page.locator("#id_allowed-typed").fill("not a payee")
    window.settle()
    window.press("Save to draft")
    expect(page.locator(".form-error")).to_contain_text("not a payee: Must be")
    found += faults_of(window, "rule-with-fault")

    window.open(f"{at}/add/BLACKOUT_PERIOD/")
    page.get_by_role("button", name="Hours to the minute").click()
    page.locator("#id_hours-0-from").fill("22:30")
    page.locator("#id_hours-0-to").fill("06:00")
    expect(page.locator('.hours-week [data-exact="part"]').first).to_be_visible()
    page.get_by_role("checkbox", name="Sun 12:00").check()
    must_be_well([*found, *faults_of(window, "rule-with-week"), *window.faults])


def test_a_shadow_beside_live_decisions_and_two_versions_shut_nobody_out(window: Window) -> None:
    world = make_world(daily_limit("1000"), now=clock_now())
    policy = Policy.objects.get(organization_id=world.organization_id)
    republish(world.cast, policy.pk, [daily_limit("20")], mode=Mode.SHADOW, now=clock_now())
    for amount in ("5", "30", "40"):
        ask(world, amount, now=clock_now())
    window.sign_in_as(world.cast.olu)
    page, at = window.page, f"/policies/{to_public(Prefix.POLICY, policy.pk)}/"

    window.open(at)
    said = page.locator("#shadow-said")
    expect(said).to_contain_text("Of 3 live decisions since version 2 is in shadow, 2 would have been answered")
    said.locator("summary").click()
    expect(said.get_by_text("The payment would take the day's spend above its limit.").first).to_be_visible()
    found = faults_of(window, "policy-with-shadow")
    window.open(f"{at}versions/")
    window.press("Compare")
    expect(page.locator("h1")).to_have_text("Version 1 → Version 2")
    must_be_well([*found, *faults_of(window, "compared"), *window.faults])
