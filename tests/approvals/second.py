"""An organization that wants four eyes, changes that wait in it, and people who agree to them."""

from typing import Any
from uuid import UUID

from approvals.services.changes import approve_change
from core.db import rows
from people.models import ChangeEnd, Member, Organization, PendingChange
from people.services import (
    Awaiting,
)
from policies.engine.types import Mode
from policies.models import Policy
from policies.services import (
    AssignTo,
    publish,
)
from tests.factories import NOW, Cast, actor_for, make_cast
from tests.policies.samples import daily_limit, document, make_policy, reload

ALL = AssignTo(organization=True)
RESEARCH = AssignTo(labels=("research",))


def policy_in_force(people: Cast, *rules: dict[str, Any], targets: AssignTo = ALL) -> Policy:
    """A policy that two people agreed to."""
    wanted = Organization.objects.filter(pk=people.organization.pk)
    wanted.update(needs_four_eyes=False)
    policy = make_policy(people.organization, actor_for(people.olu), *rules, targets=targets)
    wanted.update(needs_four_eyes=True)
    return policy


def waits(outcome: object) -> UUID:
    assert isinstance(outcome, Awaiting)
    return outcome.change_id


def agree(people: Cast, change_id: UUID, by: Member | None = None, **more: Any) -> ChangeEnd | None:
    who, change = by or people.ada, PendingChange.objects.get(pk=change_id)
    given: dict[str, Any] = {"digest": change.digest, "now": NOW, "actor": actor_for(who)} | more
    return approve_change(organization_id=people.organization.pk, change_id=change_id, person_id=who.person_id, **given)


def send(people: Cast, policy: Policy, amount: str, *, mode: Mode = Mode.ENFORCED, by: Member | None = None) -> object:
    return publish(
        organization_id=people.organization.pk,
        policy_id=policy.pk,
        document=document(daily_limit(amount)),
        mode=mode,
        actor=actor_for(by or people.olu),
        now=NOW,
    )


def limit_of(policy: Policy) -> Any:
    enforced = reload(policy.pk).enforced
    assert enforced is not None
    return enforced.document["rules"][0]["daily"]["USD"]


def told(subject: str) -> list[str]:
    found = rows("select action from audit_event where subject_id = %s order by id", [subject])
    return [str(action) for (action,) in found if str(action).startswith("change.")]


def cautious() -> Cast:
    """A cast whose organization wants four eyes."""
    cast = make_cast()
    Organization.objects.filter(pk=cast.organization.pk).update(needs_four_eyes=True)
    return cast
