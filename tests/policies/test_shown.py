"""Sentences on pages: names stand in place of ids, and places in place of their codes."""

import pytest

from agents.services import create_agent
from core.ids import Prefix, to_public
from policies.services import save_draft
from tests.factories import NOW, Cast, actor_for, make_cast, public_person
from tests.policies.samples import daily_limit, document, make_policy
from tests.policies.test_pages import public, signed_in, text_of
from tests.spend.samples import a_counterparty

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


def test_agents_people_payees_and_places_are_named_wherever_a_rule_is_told(people: Cast) -> None:
    agent = create_agent(organization_id=people.organization.pk, name="Buyer", actor=actor_for(people.olu), now=NOW)
    payee = to_public(Prefix.COUNTERPARTY, a_counterparty(people.olu, "Acme Data"))
    exempt = {"agent": to_public(Prefix.AGENT, agent.pk), "counterparty": payee, "above": {"USD": "200"}}
    review = {"people": [public_person(people.rui.person_id), public_person(people.ada.person_id)]}
    above = {"key": "large", "type": "APPROVAL_THRESHOLD", "above": {"USD": "100"}}
    large = {**above, "exemptions": [exempt], "review": review}
    closed = {"key": "closed", "type": "BLACKOUT_PERIOD", "holidays": {"country": "DE", "subdivision": "BE"}}
    policy, olu = make_policy(people.organization, actor_for(people.olu), large, closed), signed_in(people.olu)
    changed = document(above, closed)
    scope = {"organization_id": people.organization.pk, "policy_id": policy.pk}
    save_draft(**scope, document=changed, actor=actor_for(people.olu), now=NOW)

    page = text_of(olu.get(f"/policies/{public(policy)}/").content)
    assert "Only above $200.00 where Buyer pays Acme Data." in page
    assert "Never on public holidays of Berlin (Germany)." in page
    for path in ("draft/publish/", "compare/?from=1&to=draft"):
        told = text_of(olu.get(f"/policies/{public(policy)}/{path}").content)
        assert "$200.00 where Buyer pays Acme Data" in told
        assert "Review, people: Rui and Ada becomes not set." in told.replace("Ada and Rui", "Rui and Ada")
        words = told.partition("In the document")[0]
        assert not any(f"{prefix}_" in words for prefix in ("agt", "cpt", "per"))
    form = text_of(olu.get(f"/policies/{public(policy)}/draft/rules/large/").content)
    assert "So far" not in form


def test_dates_of_holidays_are_no_change_beside_a_draft(people: Cast) -> None:
    closed = {"key": "closed", "type": "BLACKOUT_PERIOD", "holidays": {"country": "DE"}}
    policy, olu = make_policy(people.organization, actor_for(people.olu), closed), signed_in(people.olu)
    scope = {"organization_id": people.organization.pk, "policy_id": policy.pk}
    save_draft(**scope, document=document(closed, daily_limit()), actor=actor_for(people.olu), now=NOW)
    beside = text_of(olu.get(f"/policies/{public(policy)}/compare/?from=1&to=draft").content)
    assert '"until"' not in beside
    assert '"until"' in olu.get(f"/policies/{public(policy)}/versions/1/").content.decode().replace("&quot;", '"')


def test_a_list_of_conditions_is_shown_whole_where_its_sentence_cuts_it(people: Cast) -> None:
    short = daily_limit(key="short", when={"categories": ["a", "b"]})
    long = daily_limit(key="long", when={"categories": ["a", "b", "c", "d"]})
    policy = make_policy(people.organization, actor_for(people.olu), short, long)
    page = text_of(signed_in(people.olu).get(f"/policies/{public(policy)}/").content)
    assert "categories: a, b, c, d" in page
    assert "categories: a, b " not in page
