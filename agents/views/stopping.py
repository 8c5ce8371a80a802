"""Which of the agents on a page its viewer can freeze there (`components/stop.html`)."""

from collections.abc import Iterable

from agents.models import Agent
from agents.selectors import agents_to_stop
from people.permissions import MemberRequest
from people.roles import Right


def may_stop(request: MemberRequest, agent: Agent) -> bool:
    """Say whether the viewer can freeze this agent: has the right, and it is neither frozen nor retired."""
    return request.member.may(Right.FREEZE) and agent.frozen_at is None and agent.retired_at is None


def stoppable(request: MemberRequest, public_ids: Iterable[str]) -> frozenset[str]:
    """Return those of the agents of a list that the viewer can freeze."""
    return (
        agents_to_stop(request.member.organization_id, public_ids) if request.member.may(Right.FREEZE) else frozenset()
    )
