"""A change that has ended shows what it meant when it was proposed, whatever is in force by now."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from agents.models import Agent
from agents.services import change_agent
from approvals.selectors.changes import Compared, change_shown
from approvals.services.changes import expire_changes
from core.ids import Prefix, to_public
from people.models import ChangeEnd, Organization, PendingChange
from policies.models import Policy
from policies.services import AssignTo, describe_policy, retire, set_assignments
from spend.services.changes import CounterpartyChange, change_counterparty
from spend.services.pegs import set_peg
from tests.approvals.second import ALL, RESEARCH, agree, cautious, limit_of, policy_in_force, send, waits
from tests.factories import NOW, Cast, actor_for
from tests.policies.samples import daily_limit, make_agent
from tests.spend.samples import a_counterparty

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=8)
RAISED = ["Daily: $500.00 becomes $900.00."]


@pytest.fixture
def people() -> Cast:
    return cautious()


def shown(people: Cast, change_id: UUID) -> Compared:
    return change_shown(people.ada, to_public(Prefix.CHANGE, change_id), now=LATER).compared


def said(people: Cast, change_id: UUID) -> list[str]:
    """How a change tells what becomes of the rules."""
    return [part.sentence for rule in shown(people, change_id).rules for part in rule.parameters]


def by(people: Cast, policy: Policy) -> dict[str, Any]:
    actor = actor_for(people.olu)
    return {"organization_id": people.organization.pk, "policy_id": policy.pk, "actor": actor, "now": NOW}


@pytest.mark.parametrize("end", ["approved", "voided", "expired"])
def test_what_a_change_did_to_the_rules_is_told_beside_the_version_it_came_in_place_of(people: Cast, end: str) -> None:
    policy = policy_in_force(people)
    change_id = waits(send(people, policy, "900"))
    assert said(people, change_id) == RAISED
    waiting = shown(people, change_id)
    match end:
        case "approved":
            agree(people, change_id)
            assert limit_of(policy) == "900.00"
        case "expired":
            expire_changes(now=LATER)
    send(people, policy, "100")
    assert PendingChange.objects.get(pk=change_id).closed_as == end
    assert limit_of(policy) == "100.00"
    ended = shown(people, change_id)
    assert said(people, change_id) == RAISED
    assert (ended.before, ended.after, ended.findings) == (waiting.before, waiting.after, ())


def test_whom_it_was_for_and_how_it_was_called_is_told_as_it_was(people: Cast) -> None:
    policy = policy_in_force(people)
    change_id = waits(set_assignments(targets=RESEARCH, **by(people, policy)))
    agree(people, change_id)
    describe_policy(name="Renamed", description="", **by(people, policy))
    agree(people, waits(set_assignments(targets=ALL, **by(people, policy))))
    found = shown(people, change_id)
    assert (found.before["assigned_to"], found.after["assigned_to"]) == ("every agent", "label research")
    assert (found.before["name"], found.after["name"]) == ("Research agents", "Research agents")


def test_a_retirement_tells_which_rules_went_with_it(people: Cast) -> None:
    policy = policy_in_force(people)
    change_id = waits(retire(**by(people, policy)))
    before = shown(people, change_id)
    assert [one.before for one in before.rules] == ["At most $500.00 a day."]
    assert agree(people, change_id) is ChangeEnd.APPROVED
    after = shown(people, change_id)
    assert (after.rules, after.before, after.after) == (before.rules, before.before, before.after)
    assert (after.before["retired"], after.after["retired"]) == (False, True)


def test_other_kinds_of_changes_tell_what_they_came_in_place_of(people: Cast) -> None:
    given: dict[str, Any] = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": NOW}
    agent = make_agent(people.organization, labels=("eu", "research"))
    payee = a_counterparty(people.olu)
    better: CounterpartyChange = {"identifiers": ["domain:other.example"]}
    proposed = [
        (waits(change_agent(agent_id=agent.pk, change={"labels": ["eu"]}, **given)), {"labels": ["eu", "research"]}),
        (
            waits(change_counterparty(counterparty_id=payee, change=better, **given)),
            {"identifiers": ["domain:api.openai.com"]},
        ),
        (waits(set_peg(currency="USDC", pegged_to="USD", **given)), {}),
    ]
    for change_id, before in proposed:
        assert shown(people, change_id).before == before
        assert agree(people, change_id) is ChangeEnd.APPROVED
        assert shown(people, change_id).before == before
    assert Agent.objects.get(pk=agent.pk).labels == ["eu"]
    assert Organization.objects.get(pk=people.organization.pk).needs_four_eyes


# --- What stands beside the policy goes meanwhile ---------------------------------------------------------------------


def test_a_change_that_would_let_more_pass_than_was_shown_is_voided_when_somebody_agrees(people: Cast) -> None:
    """Nothing happens to the policy itself: another one goes, beside which the change loosened less."""
    guard = policy_in_force(people)
    policy = policy_in_force(people, daily_limit("500"), targets=AssignTo(labels=("research",)))
    wider = AssignTo(labels=("eu", "us"))
    change_id = waits(set_assignments(targets=wider, **by(people, policy)))
    told = ["The policy applies no longer to the label research."]
    assert PendingChange.objects.get(pk=change_id).loosens == told, "the other one judges whatever the label asks for"
    assert agree(people, waits(retire(**by(people, guard)))) is ChangeEnd.APPROVED
    assert PendingChange.objects.get(pk=change_id).closed_as is None
    assert agree(people, change_id) is ChangeEnd.VOIDED
    assert "more would pass than was shown" in PendingChange.objects.get(pk=change_id).reason
    assert policy.assignments.get().label == "research"
    again = waits(set_assignments(targets=wider, **by(people, policy)))
    assert len(PendingChange.objects.get(pk=again).loosens) == 3
    assert agree(people, again) is ChangeEnd.APPROVED


def test_a_change_that_loosens_less_by_now_is_made(people: Cast) -> None:
    policy = policy_in_force(people, targets=RESEARCH)
    change_id = waits(set_assignments(targets=AssignTo(labels=("eu",)), **by(people, policy)))
    assert len(PendingChange.objects.get(pk=change_id).loosens) == 2
    policy_in_force(people)
    assert agree(people, change_id) is ChangeEnd.APPROVED
