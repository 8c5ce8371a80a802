"""The page of a change of a policy: what loosens stands on it once, beside the rule that it is about, in its words."""

from html import unescape
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils.html import strip_tags

from core.ids import Prefix, to_public
from people.models import PendingChange
from policies.engine.types import Mode
from policies.models import Policy
from policies.services import AssignTo, publish, save_draft, set_assignments
from tests.approvals.second import RESEARCH, agree, cautious, policy_in_force, waits
from tests.factories import NOW, Cast, actor_for
from tests.policies.samples import daily_limit, document, make_agent

pytestmark = pytest.mark.django_db
BERLIN = {"key": "off", "type": "BLACKOUT_PERIOD", "holidays": {"country": "DE", "subdivision": "BE"}}
SATURDAYS = {"key": "off", "type": "BLACKOUT_PERIOD", "hours": [{"days": ["sat"], "from": "00:00", "to": "24:00"}]}
NOBODY = AssignTo()
HOME = {"key": "home", "type": "GEOGRAPHIC", "allowed": ["DE", "FR"]}


@pytest.fixture
def people() -> Cast:
    return cautious()


def proposed(people: Cast, policy: Policy, *rules: dict[str, Any]) -> UUID:
    """A version with these rules that waits for a second person."""
    of: Any = {"organization_id": people.organization.pk, "policy_id": policy.pk}
    return waits(publish(**of, document=document(*rules), mode=Mode.ENFORCED, actor=actor_for(people.olu), now=NOW))


def page_of(people: Cast, path: str) -> str:
    """What Ada reads on a page, spaces run together, without the document at its end."""
    client = Client()
    client.force_login(people.ada.person)
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(unescape(strip_tags(answer.content.decode())).split()).partition("The whole document")[0]


def change_page(people: Cast, change_id: UUID) -> str:
    return page_of(people, f"/approvals/changes/{to_public(Prefix.CHANGE, change_id)}/")


def test_what_loosens_stands_once_and_is_marked_at_its_rule(people: Cast) -> None:
    policy = policy_in_force(people, daily_limit("500"), HOME)
    change_id = proposed(people, policy, daily_limit("900"))
    assert PendingChange.objects.get(pk=change_id).loosens == [
        "Daily: $500.00 becomes $900.00.",
        "The rule home is taken away: Only to counterparties in DE or FR.",
    ]
    page = change_page(people, change_id)
    assert page.count("Daily: $500.00 becomes $900.00.") == 1
    assert "Daily: $500.00 becomes $900.00. Looser" in page
    assert page.count("Only to counterparties in Germany or France.") == 1
    assert "home Looser Only to counterparties" in page
    assert page.count("What may let more money pass") == 1
    assert "What may let more money pass is marked." in page


def test_a_new_rule_that_judges_more_says_so_beside_itself(people: Cast) -> None:
    narrow = daily_limit("500", when={"categories": ["data"]})
    policy = policy_in_force(people, narrow)
    page = change_page(people, proposed(people, policy, narrow, daily_limit("900", key="all")))
    said = "The rule all judges payments that no rule judged before; without a rule they are denied."
    assert page.count(said) == 1
    assert page.index("all Looser") < page.index(said)


def test_what_no_rule_on_the_page_says_stands_for_itself(people: Cast) -> None:
    policy = policy_in_force(people, daily_limit("500"), targets=RESEARCH)
    by: Any = {"organization_id": people.organization.pk, "policy_id": policy.pk, "now": NOW}
    change_id = waits(set_assignments(targets=NOBODY, actor=actor_for(people.olu), **by))
    assert "What may let more money pass The policy applies no longer to the label research." in change_page(
        people, change_id
    )


def test_after_it_was_made_a_change_still_says_what_it_loosened(people: Cast) -> None:
    change_id = proposed(people, policy_in_force(people, daily_limit("500")), daily_limit("900"))
    agree(people, change_id)
    page = change_page(people, change_id)
    assert page.count("Daily: $500.00 becomes $900.00. Looser") == 1
    assert "Beside what was in force when it was proposed." in page


@pytest.mark.parametrize("is_made", [False, True])
def test_places_are_called_alike_in_what_loosens_and_in_the_rules(people: Cast, is_made: bool) -> None:
    policy = policy_in_force(people, daily_limit(), BERLIN, HOME)
    change_id = proposed(people, policy, daily_limit(), SATURDAYS, {**HOME, "allowed": ["DE", "FR", "US"]})
    if is_made:
        agree(people, change_id)
    page = change_page(people, change_id)
    assert page.count("Holidays: Berlin (Germany) becomes not set.") == 1
    assert page.count("Allowed: United States added.") == 1
    assert "DE-BE" not in page
    assert "Berlin (Germany)" in page_of(people, "/approvals/changes/")


def test_a_draft_to_publish_calls_places_as_its_rules_do(people: Cast) -> None:
    policy = policy_in_force(people, daily_limit(), BERLIN)
    by: Any = {"organization_id": people.organization.pk, "policy_id": policy.pk, "now": NOW}
    save_draft(document=document(daily_limit(), SATURDAYS), actor=actor_for(people.olu), **by)
    page = page_of(people, f"/policies/{to_public(Prefix.POLICY, policy.pk)}/draft/publish/")
    assert page.count("Holidays: Berlin (Germany) becomes not set.") == 1
    assert "DE-BE" not in page


def test_a_draft_to_publish_says_once_and_at_its_rule_what_loosens(people: Cast) -> None:
    policy = policy_in_force(people, daily_limit("500"), HOME)
    by: Any = {"organization_id": people.organization.pk, "policy_id": policy.pk, "now": NOW}
    save_draft(document=document(daily_limit("900")), actor=actor_for(people.olu), **by)
    page = page_of(people, f"/policies/{to_public(Prefix.POLICY, policy.pk)}/draft/publish/")
    assert page.count("Daily: $500.00 becomes $900.00.") == 1
    assert page.count("Only to counterparties in Germany or France.") == 1
    assert "home Looser Only to counterparties" in page
    assert "What may let more money pass is marked." in page
    assert "A second person must agree" in page


def test_where_one_person_is_enough_a_draft_to_publish_asks_for_no_second(people: Cast) -> None:
    policy = policy_in_force(people, daily_limit("500"), HOME)
    by: Any = {"organization_id": people.organization.pk, "policy_id": policy.pk, "now": NOW}
    save_draft(document=document(daily_limit("300"), HOME), actor=actor_for(people.olu), **by)
    page = page_of(people, f"/policies/{to_public(Prefix.POLICY, policy.pk)}/draft/publish/")
    assert "A second person must agree" not in page
    assert "marked" not in page


def test_capitals_in_a_name_are_no_place(people: Cast) -> None:
    agent = make_agent(people.organization, "DE-BE IT")
    policy = policy_in_force(people, daily_limit("500"), targets=AssignTo(agents=(agent.pk,)))
    by: Any = {"organization_id": people.organization.pk, "policy_id": policy.pk, "now": NOW}
    change_id = waits(set_assignments(targets=NOBODY, actor=actor_for(people.olu), **by))
    assert "the agent DE-BE IT." in change_page(people, change_id)
