"""Documents and policies that the tests of policies begin with."""

from datetime import datetime
from typing import Any
from uuid import UUID

from agents.models import Agent
from core.actor import Actor
from core.db import rows
from core.ids import Prefix, new_id, to_public
from people.models import Organization
from policies.engine.types import Mode
from policies.models import Policy
from policies.services import AssignTo, create_policy, publish
from tests.factories import NOW

EVERYBODY = AssignTo(organization=True)


def document(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"schema": 1, "rules": list(rules)}


def daily_limit(amount: str = "500.00", key: str = "daily", **more: Any) -> dict[str, Any]:
    return {"key": key, "type": "SPEND_LIMIT", "daily": {"USD": amount}, **more}


def make_agent(
    organization: Organization, name: str = "Robin", *, labels: tuple[str, ...] = (), reference: str | None = None
) -> Agent:
    return Agent.objects.create(
        id=new_id(NOW),
        organization=organization,
        name=name,
        labels=list(labels),
        external_ref=reference,
        created_at=NOW,
    )


def make_policy(
    organization: Organization,
    actor: Actor,
    *rules: dict[str, Any],
    name: str = "Research agents",
    mode: Mode = Mode.ENFORCED,
    targets: AssignTo = EVERYBODY,
    now: datetime = NOW,
) -> Policy:
    """A published policy with these rules (a daily limit where none is given)."""
    policy_id = create_policy(organization_id=organization.pk, name=name, targets=targets, actor=actor, now=now)
    sent = document(*(rules or (daily_limit(),)))
    publish(organization_id=organization.pk, policy_id=policy_id, document=sent, mode=mode, actor=actor, now=now)
    return reload(policy_id)


def reload(policy_id: UUID) -> Policy:
    return Policy.objects.select_related("enforced", "shadow", "organization").get(pk=policy_id)


def epoch(organization: Organization) -> int:
    ((number,),) = rows("select epoch from people_organization where id = %s", [organization.pk])
    assert isinstance(number, int)
    return number


def events_of(policy_id: UUID) -> list[str]:
    """The actions in the history of a policy, oldest first."""
    found = rows(
        "select action from audit_event where subject_id = %s order by xmin::text::bigint, cmin::text::bigint, id",
        [to_public(Prefix.POLICY, policy_id)],
    )
    return [str(action) for (action,) in found]
