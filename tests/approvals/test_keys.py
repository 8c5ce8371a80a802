"""A key that ends while its request waits at the gates changes nothing any more; a frozen agent still reports."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest

from agents.models import AgentKey
from agents.services import freeze_agent, retire_agent, revoke_key
from approvals.models import Authorization
from approvals.services.booking import Report
from approvals.services.record import record_spend, record_unauthorized
from approvals.services.void import mark_in_doubt, void_authorization
from core.errors import NotAuthenticated
from people.services import issue_organization_key, revoke_organization_key
from spend.models import SpendRecord
from tests.approvals.world import World, ask, make_world, stored
from tests.factories import NOW, actor_for
from tests.races.acts import BACK_END

pytestmark = pytest.mark.django_db

DAILY: Final[dict[str, Any]] = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}
REPORT: Final = Report(Decimal(1), "USD")
Call = Callable[[World, Authorization, dict[str, Any]], object]


def whose(world: World, now: datetime = NOW) -> dict[str, Any]:
    """The agent with its own key."""
    return {
        "organization_id": world.organization_id,
        "agent_id": world.agent.id,
        "key_id": world.key_id,
        "actor": world.actor,
        "now": now,
    }


CALLS: Final[dict[str, Call]] = {
    "record": lambda _, one, more: record_spend(one.id, REPORT, **more),
    "void": lambda _, one, more: void_authorization(one.id, reason="over", **more),
    "in doubt": lambda _, one, more: mark_in_doubt(one.id, reason="", **more),
    "spend without asking": lambda world, _, more: record_unauthorized(
        REPORT, **{**more, "agent_id": more["agent_id"] or world.agent.id}
    ),
}
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@calls
def test_a_revoked_key_changes_nothing(call: Call) -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "5"))
    olu = actor_for(world.cast.olu)
    revoke_key(organization_id=world.organization_id, key_id=world.key_id, actor=olu, now=NOW)

    with pytest.raises(NotAuthenticated) as caught:
        call(world, one, whose(world))

    assert caught.value.code == "key_revoked"
    assert Authorization.objects.get(id=one.id).status == "approved"
    assert not SpendRecord.objects.exists()


@calls
def test_a_key_whose_time_is_over_changes_nothing(call: Call) -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "5"))
    AgentKey.objects.filter(id=world.key_id).update(expires_at=NOW + timedelta(minutes=1))

    with pytest.raises(NotAuthenticated) as caught:
        call(world, one, whose(world, NOW + timedelta(minutes=1)))

    assert caught.value.code == "key_expired"
    assert Authorization.objects.get(id=one.id).status == "approved"


@calls
def test_the_key_of_a_retired_agent_changes_nothing(call: Call) -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "5"))
    olu = actor_for(world.cast.olu)
    retire_agent(organization_id=world.organization_id, agent_id=world.agent.id, actor=olu, now=NOW)

    with pytest.raises(NotAuthenticated) as caught:
        call(world, one, whose(world))

    assert caught.value.code == "agent_retired"
    assert Authorization.objects.get(id=one.id).status == "approved"


@calls
def test_a_revoked_key_of_the_organization_changes_nothing(call: Call) -> None:
    world = make_world(DAILY)
    one, other = stored(ask(world, "5")), stored(ask(world, "6"))
    ada = world.cast.ada
    by: dict[str, Any] = {"organization_id": world.organization_id, "actor": actor_for(ada), "now": NOW}
    key = issue_organization_key(name="back end", scopes=["release"], expires_at=None, by=ada.person, **by).key
    more = {**whose(world), "agent_id": None, "key_id": key.pk, "actor": BACK_END}
    call(world, one, more)
    revoke_organization_key(key_id=key.pk, **by)

    with pytest.raises(NotAuthenticated):
        call(world, other, more)

    assert Authorization.objects.get(id=other.id).status == "approved"


@calls
def test_the_live_key_of_a_frozen_agent_reports_as_ever(call: Call) -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "5"))
    freeze_agent(
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        reason="odd",
        actor=actor_for(world.cast.olu),
        now=NOW,
    )

    call(world, one, whose(world))

    is_moved = Authorization.objects.get(id=one.id).status != "approved"
    assert is_moved or SpendRecord.objects.exists()
