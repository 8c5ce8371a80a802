"""Files of many policies: stored and told as each policy alone is, in as many statements for many as for few."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from core.db import hold_gate_exclusively
from core.errors import Conflict
from people.models import ChangeEnd, Organization
from people.services import Awaiting, at_once
from policies.models import Assignment, Policy
from policies.selectors.versions import versions_of
from policies.services import retire, save_draft
from tests.approvals.filed import LOOSER, in_force, limit, yes
from tests.approvals.second import waits
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.policies.samples import daily_limit, document, epoch, events_of, make_agent, make_policy, reload
from tests.policies.test_as_code import LATER, applied, planned, research, sent, stored
from tests.races.arena import PATIENCE, referee

EVERYBODY = {"organization": True}
US = {"labels": ["us"], "agents": [{"external_ref": "bot-7"}]}
ADS = {"key": "only", "type": "CATEGORY", "allowed": ["ads"]}


@pytest.fixture
def people() -> Cast:
    return make_cast()


def at_first(people: Cast) -> tuple[Policy, Policy, Policy]:
    """Three policies: one by hand, one that was retired, and one in a file with a shadow, all of them with drafts."""
    by: Any = {"organization_id": people.organization.pk, "actor": actor_for(people.olu), "now": NOW}
    make_agent(people.organization, "Robin", reference="bot-7")
    by_hand = make_policy(people.organization, actor_for(people.olu), name="By hand")
    applied(people, research(shadow=[ADS], assigned_to={"labels": ["eu", "us"]}), research(ref="gone", name="Gone"))
    gone = stored(people, "gone")
    retire(policy_id=gone.pk, **by)
    for one in (by_hand, stored(people)):
        save_draft(policy_id=one.pk, document=document(daily_limit("1")), **by)
    return by_hand, gone, stored(people)


FILE = (
    research(name="Renamed", rules=[daily_limit("400")], assigned_to=US),
    research(ref="gone", name="Gone", rules=[daily_limit("7")], shadow=[ADS]),
    research(ref="fresh", name="Fresh", rules=[daily_limit("9")], shadow=[ADS], assigned_to=EVERYBODY),
    research(ref="idle", name="Idle", rules=[daily_limit("9")]),
)  # fmt: skip


@pytest.mark.django_db
def test_all_that_a_file_changes_is_stored_and_each_change_is_told_once(people: Cast) -> None:
    by_hand, gone, mine = at_first(people)
    told = {one.pk: len(events_of(one.pk)) for one in (by_hand, gone, mine)}
    before = epoch(people.organization)

    applied(people, *FILE, retires_others=True)

    assert epoch(people.organization) == before + 1
    new = {policy_id: events_of(policy_id)[number:] for policy_id, number in told.items()}
    assert new[mine.pk] == ["policy.changed", "policy.assigned", "policy.published", "policy.changed"]
    assert new[gone.pk] == ["policy.changed", "policy.published", "policy.published"]
    assert new[by_hand.pk] == ["policy.retired"]
    fresh, idle = stored(people, "fresh"), stored(people, "idle")
    assert events_of(fresh.pk) == ["policy.created", "policy.assigned", "policy.published", "policy.published"]
    assert events_of(idle.pk) == ["policy.created", "policy.published"]

    kept = reload(mine.pk)
    assert (kept.name, kept.shadow, kept.draft) == ("Renamed", None, document(daily_limit("1.00")))
    assert [one.number for one in versions_of(kept)] == [3, 2, 1]
    assert kept.enforced == versions_of(kept)[0]
    back = reload(gone.pk)
    assert (back.retired_at, back.enforced and back.enforced.number, back.shadow and back.shadow.number) == (None, 2, 3)
    left = reload(by_hand.pk)
    assert (left.retired_at, left.enforced, left.draft, left.draft_notes) == (LATER, None, None, [])
    for_whom = Assignment.objects.filter(policy__in=[mine, fresh]).order_by("policy__name", "label")
    assert [(one.label, one.agent and one.agent.name) for one in for_whom] == [
        (None, None),
        ("us", None),
        (None, "Robin"),
    ]
    assert not planned(people, *FILE, retires_others=True).has_changes


@pytest.mark.django_db
def test_however_many_policies_a_file_changes_the_database_is_asked_as_often(people: Cast) -> None:
    make_agent(people.organization, "Robin", reference="bot-7")

    def asked(number: int, amount: str) -> int:
        to = {"labels": ["eu"], "agents": [{"external_ref": "bot-7"}]} if amount == "9" else {"labels": ["us"]}
        off = {"key": "off", "type": "BLACKOUT_PERIOD", "holidays": {"country": "DE"}}
        rules = {"rules": [daily_limit(amount), off], "shadow": [daily_limit(amount)], "assigned_to": to}
        entries = [research(ref=f"r{one}", **rules) for one in range(number)]
        digest = planned(people, *entries).digest
        with CaptureQueriesContext(connection) as found:
            at_once(sent(people, *entries, digest=digest))
        return len(found)

    asked(1, "9")
    Policy.objects.update(external_ref=None)
    created, changed = asked(2, "9"), asked(2, "8")
    Policy.objects.update(external_ref=None)
    assert (asked(20, "9"), asked(20, "8")) == (created, changed)


# --- What happens while a file stands at the gate, where it was compared already --------------------------------------


def at_the_gate(people: Cast, meanwhile: Callable[[], object], call: Callable[[], object]) -> object:
    """Let a call stand at the organization's gate, and through it once `meanwhile` is committed."""

    def run() -> object:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with referee() as judge, transaction.atomic():
            hold_gate_exclusively(people.organization.pk)
            meanwhile()
            waiting = pool.submit(run)
            judge.until_waiting()
        return waiting.result(PATIENCE)


def apply(people: Cast, entry: dict[str, Any]) -> Callable[[], object]:
    return partial(sent, people, entry, digest=planned(people, entry).digest)


def switch_on(people: Cast) -> None:
    Organization.objects.filter(pk=people.organization.pk).update(needs_four_eyes=True)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_four_eyes_that_are_wanted_meanwhile_let_a_file_wait(people: Cast) -> None:
    at_once(sent(people, research(assigned_to=EVERYBODY)))
    found = at_the_gate(people, partial(switch_on, people), apply(people, LOOSER))
    assert isinstance(found, Awaiting)
    assert limit(people) == "500.00"


def rename(people: Cast) -> None:
    Policy.objects.filter(organization=people.organization).update(name="Renamed by hand")


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_policy_that_is_changed_meanwhile_outdates_a_file(people: Cast) -> None:
    at_once(sent(people, research(assigned_to=EVERYBODY)))
    with pytest.raises(Conflict) as refused:
        at_the_gate(people, partial(rename, people), apply(people, LOOSER))
    assert refused.value.code == "plan_outdated"
    assert (limit(people), stored(people).name) == ("500.00", "Renamed by hand")


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_policy_that_is_changed_meanwhile_voids_what_somebody_agrees_to() -> None:
    people = in_force()
    agreed = partial(yes, people, waits(sent(people, LOOSER)))
    assert at_the_gate(people, partial(rename, people), agreed) is ChangeEnd.VOIDED
    assert (limit(people), stored(people).name) == ("500.00", "Renamed by hand")
