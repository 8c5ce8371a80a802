"""The page of one rule: what it says while it is written, whom it finds, its hours as a week, a copy of it."""

import pytest

from core.ids import Prefix, to_public
from tests.factories import Cast, actor_for, make_cast
from tests.policies.samples import daily_limit, make_policy, reload
from tests.policies.sent import Controls
from tests.policies.test_pages import drafted, public, signed_in, text_of
from tests.spend.samples import a_counterparty

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


def test_a_rule_is_duplicated_under_a_key_of_its_own(people: Cast) -> None:
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    at = f"/policies/{public(policy)}/draft/rules"
    assert 'action="' + f"{at}/daily/duplicate/" in olu.get(f"/policies/{public(policy)}/draft/").content.decode()
    led = olu.post(f"{at}/daily/duplicate/")
    assert led["Location"] == f"{at}/daily_2/"
    assert drafted(policy) == ["daily", "daily_2"]
    assert Controls(olu.get(led["Location"]).content.decode()).sent["daily-0-amount"] == "500.00"
    assert olu.post(f"{at}/none/duplicate/").status_code == 404


def test_what_a_rule_says_is_told_while_it_is_written_and_stored_by_nobody(people: Cast) -> None:
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    form_at = f"/policies/{public(policy)}/draft/rules/daily/"
    page = olu.get(form_at).content.decode()
    assert "At most $500.00 a day." in text_of(page.encode())
    sent = Controls(page).sent
    sent["daily-0-amount"] = "750"
    said = text_of(olu.post(form_at, {**sent.dict(), "said": "1"}).content)
    assert said.strip() == "At most $750.00 a day. So far: At most $500.00 a day."
    sent["daily-0-amount"] = "seven"
    assert "as soon as the rule can be read" in text_of(olu.post(form_at, {**sent.dict(), "said": "1"}).content)
    assert reload(policy.pk).draft is None


def test_countries_are_named_in_sentences_and_codes_elsewhere_are_left_alone(people: Cast) -> None:
    abroad = {"key": "abroad", "type": "GEOGRAPHIC", "blocked": ["KP", "US"]}
    rules = (abroad, daily_limit(time_zone="GB"))
    policy, olu = make_policy(people.organization, actor_for(people.olu), *rules), signed_in(people.olu)
    page = text_of(olu.get(f"/policies/{public(policy)}/").content)
    assert "Never to counterparties in North Korea or United States." in page
    assert "At most $500.00 a day (GB)." in page


def test_hours_are_drawn_as_a_week(people: Cast) -> None:
    night = {"key": "night", "type": "TIME_WINDOW", "windows": [{"days": ["sun"], "from": "22:30", "to": "02:00"}]}
    policy = make_policy(people.organization, actor_for(people.olu), night)
    page = signed_in(people.olu).get(f"/policies/{public(policy)}/draft/rules/night/").content.decode()
    assert (page.count('"week-part"'), page.count('"week-whole"'), page.count('"week-none"')) == (1, 3, 164)
    monday = page[page.index('"week-day">Mon') : page.index('"week-day">Tue')]
    assert monday.count('"week-whole"') == 2, "past midnight is the next day"


def test_counterparties_are_found_by_name_without_scripts_and_named_in_sentences(people: Cast) -> None:
    policy, olu = make_policy(people.organization, actor_for(people.olu)), signed_in(people.olu)
    acme = a_counterparty(people.olu, "Acme Data")
    form_at = f"/policies/{public(policy)}/draft/rules/daily/"
    sent = Controls(olu.get(form_at).content.decode()).sent
    sent["when_counterparties-find"], sent["find"] = "acme", "when_counterparties"
    page = olu.post(form_at, sent)
    assert page.status_code == 200
    assert f'value="{to_public(Prefix.COUNTERPARTY, acme)}"' in page.content.decode()
    del sent["find"]
    sent["when_counterparties"] = to_public(Prefix.COUNTERPARTY, acme)
    assert olu.post(form_at, sent).status_code == 302
    assert "Applies to counterparty Acme Data." in text_of(olu.get(f"/policies/{public(policy)}/draft/").content)
    other = signed_in(people.mallory)
    evil = make_policy(people.mallory.organization, actor_for(people.mallory))
    sent["find"] = "when_counterparties"
    foreign = other.post(f"/policies/{public(evil)}/draft/rules/daily/", sent).content.decode()
    assert "Acme Data" not in foreign
