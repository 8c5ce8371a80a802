"""Sections of an agent's page: what it may still spend, and what it asked for last."""

from typing import Final

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from agents.selectors import agent_of
from approvals.selectors.limits import limits_of
from approvals.selectors.lists import Chosen, authorizations_page
from approvals.selectors.situation import read_asker
from approvals.views.shown import fragment, rows_of
from core.clock import now as clock_now
from core.ids import Prefix, from_public
from people.permissions import MemberRequest, needs
from people.roles import Right

SHOWN_ON_AGENT: Final = 10


@require_GET
@needs(Right.READ)
def agent_limits(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show what an agent may still spend, per rule: a section of its page."""
    agent = agent_of(request.member.organization_id, from_public(Prefix.AGENT, public_id))
    context = {"limits": limits_of(read_asker(agent.id), now=clock_now()), "agent": agent, "public_id": public_id}
    return render(request, fragment(request, "approvals/agent_limits.html"), context)


@require_GET
@needs(Right.READ)
def agent_authorizations(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show what an agent asked for last: a section of its page."""
    agent = agent_of(request.member.organization_id, from_public(Prefix.AGENT, public_id))
    chosen = Chosen(organization_id=request.member.organization_id, agent_id=agent.id)
    page = authorizations_page(chosen, now=clock_now(), limit=SHOWN_ON_AGENT)
    context = {"rows": rows_of(page.rows), "agent": agent, "public_id": public_id}
    return render(request, fragment(request, "approvals/agent_authorizations.html"), context)
