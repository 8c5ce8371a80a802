"""Two people agree to a file at once, while others draft, publish and send it again: one makes it, or nobody does."""

from collections import Counter
from functools import partial
from typing import Any

import pytest

from people.models import PendingChange
from people.services import Awaiting
from policies.engine.types import Mode
from policies.models import Policy, PolicyVersion
from policies.services import publish, save_draft
from tests.approvals.filed import EVERYBODY, change, in_force, limit, yes
from tests.approvals.second import waits
from tests.factories import Cast, actor_for
from tests.policies.samples import daily_limit, document
from tests.policies.test_as_code import LATER, planned, research, sent, stored
from tests.policies.test_as_code_race import outcomes

ROUNDS = 4


def looser(number: int) -> list[dict[str, Any]]:
    """A file with two policies: the stored one a little looser than last time, and a new one."""
    fresh = research(ref=f"fresh-{number}", rules=[daily_limit("9")], assigned_to=EVERYBODY)
    return [research(rules=[daily_limit(f"{900 + number}.00")], assigned_to=EVERYBODY), fresh]


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_one_of_two_makes_a_file_while_others_write_drafts_of_its_policies() -> None:
    people = in_force()
    by: Any = {"organization_id": people.organization.pk, "policy_id": stored(people).pk, "now": LATER}
    for number in range(ROUNDS):
        change_id = waits(sent(people, *looser(number)))
        drafts = [document(daily_limit(f"{place + 1}.00")) for place in range(3)]
        drafted = [partial(save_draft, document=draft, actor=actor_for(people.olu), **by) for draft in drafts]
        agreeing = [partial(yes, people, change_id, by=who) for who in (people.ada, people.oona)]
        found = outcomes(*agreeing, *drafted)
        assert found == Counter(done=4, change_closed=1), found
        assert limit(people) == f"{900 + number}.00"
        assert limit(people, f"fresh-{number}") == "9.00"


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_publication_while_somebody_agrees_comes_wholly_before_or_after() -> None:
    people = in_force()
    for number in range(ROUNDS):
        lower = f"{400 - number}.00"
        change_id = waits(sent(people, *looser(number)))
        found = outcomes(partial(yes, people, change_id), partial(publish_at, people, lower))
        is_made = change(change_id).closed_as == "approved"
        assert found == Counter(done=2) if is_made else Counter(done=1, change_closed=1)
        assert Policy.objects.filter(external_ref=f"fresh-{number}").exists() == is_made
        assert limit(people) == lower, "it tightens, and counts whichever came first"


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_file_that_several_send_at_once_is_one_change() -> None:
    people = in_force()
    plan, versions = planned(people, *looser(1)), PolicyVersion.objects.count()
    seen: set[object] = set()

    def send() -> None:
        awaiting = sent(people, *looser(1), digest=plan.digest)
        assert isinstance(awaiting, Awaiting)
        seen.add(awaiting.change_id)

    assert outcomes(*[send] * 6) == Counter(done=6)
    assert seen == {PendingChange.objects.get().pk}
    assert PolicyVersion.objects.count() == versions


def publish_at(people: Cast, amount: str) -> None:
    """Publish a limit that is lower than any before, or the same."""
    publish(
        organization_id=people.organization.pk,
        policy_id=stored(people).pk,
        document=document(daily_limit(amount)),
        mode=Mode.ENFORCED,
        actor=actor_for(people.olu),
        now=LATER,
    )
