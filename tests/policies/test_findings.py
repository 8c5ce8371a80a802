"""What lint says with an eye on the organization, and what it stops."""

from typing import Any

import pytest

from agents.models import Agent
from core.errors import Invalid, InvalidMany
from core.ids import Prefix, to_public
from people.models import Member
from people.services import at_once
from policies.engine.document import parse
from policies.engine.types import Mode
from policies.models import Policy
from policies.selectors import agents_without_policy, reviewers
from policies.services import (
    AssignTo,
    findings_of,
    publish,
    seen,
)
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.policies.samples import daily_limit, document, make_agent, make_policy

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


IMPOSSIBLE = {"key": "hours", "type": "TIME_WINDOW", "windows": [{"from": "09:00", "to": "09:00"}], "time_zone": "UTC"}
NOBODY_LISTED = {"key": "list", "type": "WHITELIST", "allowed": []}


def test_what_lint_calls_an_error_is_never_published(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    by: Any = {"organization_id": people.organization.pk, "policy_id": policy.pk, "mode": Mode.ENFORCED}
    with pytest.raises(InvalidMany) as caught:
        publish(document=document(daily_limit(), IMPOSSIBLE), actor=actor_for(people.olu), now=NOW, **by)
    ((path, code, detail),) = caught.value.errors
    assert (path, code) == ("rules[1].windows[0]", "hours_empty")
    assert detail.endswith("Let the hours end after they begin.")


def test_warnings_are_acknowledged_one_by_one(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    by: Any = {"organization_id": people.organization.pk, "policy_id": policy.pk, "mode": Mode.ENFORCED}
    sent = document(daily_limit(), NOBODY_LISTED)
    for codes in ((), ("rule_shadowed",)):
        with pytest.raises(Invalid) as caught:
            publish(document=sent, acknowledged=seen(codes), actor=actor_for(people.olu), now=NOW, **by)
        assert (caught.value.code, caught.value.field) == ("warnings_not_acknowledged", "acknowledge")
        assert [one["code"] for one in caught.value.facts["warnings"]] == ["whitelist_empty"]  # type: ignore[attr-defined]
    meant = seen(["whitelist_empty"])
    published = at_once(publish(document=sent, acknowledged=meant, actor=actor_for(people.olu), now=NOW, **by))
    assert published.number == 2


def codes_of(policy: Policy, *rules: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.code, one.path) for one in findings_of(policy, parse(document(*rules)))]


def test_lint_knows_who_can_review(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    able = len(reviewers(people.organization.pk))
    ask = {"key": "ask", "type": "APPROVAL_THRESHOLD", "above": {"USD": "5"}}
    assert codes_of(policy, daily_limit(), ask | {"review": {"approvals": able}}) == []
    assert codes_of(policy, daily_limit(), ask | {"review": {"approvals": able + 1}}) == [
        ("reviewers_too_few", "rules[1].review")
    ]
    for needed, who in ((able + 1, f"only {able} members"), (2, "nobody")):
        if who == "nobody":
            Member.objects.filter(organization=people.organization).update(roles=["viewer"])
        [finding] = findings_of(policy, parse(document(daily_limit(), ask | {"review": {"approvals": needed}})))
        assert finding.detail == f"It needs {needed} approvals, and {who} may give one."


def test_lint_knows_who_owns_an_agent(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    ask = {"key": "ask", "type": "APPROVAL_THRESHOLD", "above": {"USD": "5"}}
    named = {"people": [to_public(Prefix.PERSON, people.rui.person_id)]}
    assert codes_of(policy, daily_limit(), ask | {"review": named}) == []
    agent = make_agent(people.organization)
    Agent.objects.filter(pk=agent.pk).update(owner=people.rui.person)
    assert codes_of(policy, daily_limit(), ask | {"review": named}) == [
        ("reviewers_too_few_for_owner", "rules[1].review")
    ]
    assert codes_of(policy, daily_limit(), ask | {"review": {"roles": ["owner"]}}) == []


def test_lint_knows_the_currency_of_the_organization(people: Cast) -> None:
    policy = make_policy(people.organization, actor_for(people.olu))
    euros = {"key": "euros", "type": "SPEND_LIMIT", "daily": {"EUR": "5"}}
    assert codes_of(policy, euros) == [("currency_uncovered", "rules[0]")]
    assert codes_of(policy, euros | {"when": {"currencies": ["EUR"]}}) == []


def test_lint_knows_the_other_policies_of_the_same_agents(people: Cast) -> None:
    actor = actor_for(people.olu)
    research, other = AssignTo(labels=("research",)), AssignTo(labels=("other",))
    policy = make_policy(people.organization, actor, targets=research)
    ads = {"key": "ads", "type": "CATEGORY", "allowed": ["ads"]}
    data = {"key": "data", "type": "CATEGORY", "allowed": ["data"]}
    make_policy(people.organization, actor, ads, name="Only ads")
    assert codes_of(policy, daily_limit(), data) == []
    make_agent(people.organization, labels=("research",))
    assert codes_of(policy, daily_limit(), data) == [("contradicts_policy", "rules[1]")]
    assert codes_of(policy, daily_limit(), ads) == []
    elsewhere = make_policy(people.organization, actor, targets=other, name="Elsewhere")
    assert codes_of(elsewhere, daily_limit(), data) == []


def test_agents_that_nothing_applies_to_are_named(people: Cast) -> None:
    make_agent(people.organization, "Robin", labels=("research",))
    make_agent(people.organization, "Alex")
    assert agents_without_policy(people.organization.pk) == ("Alex", "Robin")
    shadow = {"targets": AssignTo(organization=True), "mode": Mode.SHADOW}
    make_policy(people.organization, actor_for(people.olu), name="Shown", **shadow)  # type: ignore[arg-type]
    make_policy(people.organization, actor_for(people.olu), targets=AssignTo(labels=("research",)))
    assert agents_without_policy(people.organization.pk) == ("Alex",)
