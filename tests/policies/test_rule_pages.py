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


def test_whole_hours_are_ticked_in_a_week_and_minutes_stand_in_rows(people: Cast) -> None:
    night = {"days": ["sun"], "from": "22:00", "to": "02:00"}
    office = {"days": ["mon"], "from": "09:15", "to": "17:45"}
    hours = {"key": "hours", "type": "TIME_WINDOW", "windows": [night, office]}
    policy, olu = make_policy(people.organization, actor_for(people.olu), hours), signed_in(people.olu)
    form_at = f"/policies/{public(policy)}/draft/rules/hours/"
    page = olu.get(form_at).content.decode()
    sent = Controls(page).sent
    assert sent.getlist("windows-cell") == ["mon-0", "mon-1", "sun-22", "sun-23"], "past midnight is the next day"
    assert (sent["windows-0-from"], sent["windows-0-to"]) == ("09:15", "17:45")
    assert (page.count('data-exact="part"'), page.count('data-exact="whole"')) == (2, 7)

    sent.setlist("windows-cell", ["mon-0", "sun-22", "sun-23", "tue-9", "thu-9"])
    body = sent.urlencode()
    assert olu.post(form_at, body, content_type="application/x-www-form-urlencoded").status_code == 302
    draft = reload(policy.pk).draft
    assert draft is not None
    daytime, shorter = {"days": ["tue", "thu"], "from": "09:00", "to": "10:00"}, {**night, "to": "01:00"}
    assert draft["rules"][0]["windows"] == [daytime, shorter, office]


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
