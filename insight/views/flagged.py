"""Records that do not fit what was authorized."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.selectors import agent_names, agent_of
from approvals.services.booking import Flag
from core.clock import now as clock_now
from core.ids import Prefix, from_public, to_public
from core.paging import text_in
from core.templatetags.statuses import status_of
from insight.views.shown import with_query
from people.permissions import MemberRequest, needs
from people.roles import Right
from spend.selectors.analytics import FlaggedRecord, flag_counts, flagged_page
from spend.selectors.counterparties import counterparty_names

COUNTED_FOR: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Tab:
    """One flag to look at."""

    label: str
    url: str
    is_current: bool
    count: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """One record of the list."""

    one: FlaggedRecord
    agent_id: str
    agent_name: str
    payee: str
    url: str


@require_safe
@needs(Right.READ)
def flagged(request: MemberRequest) -> HttpResponse:
    """Show the records of the filter in the address, newest first."""
    organization_id, now = request.member.organization_id, clock_now()
    flag = text_in(request.GET, "flag")
    flag = flag if flag in set(Flag) else ""
    agent = text_in(request.GET, "agent")
    agent_id = agent_of(organization_id, from_public(Prefix.AGENT, agent)).pk if agent else None
    page = flagged_page(organization_id, flag=flag or None, agent_id=agent_id, cursor=text_in(request.GET, "cursor"))
    counts = flag_counts(organization_id, since=now - COUNTED_FOR, agent_id=agent_id)
    names = agent_names(organization_id, {row.agent_id for row in page.rows} | ({agent_id} if agent_id else set()))
    payees = counterparty_names(organization_id, {row.counterparty_id for row in page.rows if row.counterparty_id})
    shown = [one.value for one in Flag if counts.get(one.value) or one.value == flag]
    context = {
        "lines": [_line(row, names[row.agent_id], payees) for row in page.rows],
        "next_cursor": page.next_cursor,
        "tabs": [
            Tab("All", with_query(request, flag=""), not flag, None),
            *(
                Tab(status_of(one, "flag").word, with_query(request, flag=one), one == flag, counts.get(one, 0))
                for one in shown
            ),
        ],
        "agent_name": names[agent_id] if agent_id else "",
        "without_agent": with_query(request, agent=""),
    }
    return render(request, "insight/flagged.html", context)


def _line(row: FlaggedRecord, agent_name: str, payees: dict[UUID, str]) -> Line:
    url = ""
    if row.authorization_id:
        url = reverse("approvals:authorization", args=[to_public(Prefix.AUTHORIZATION, row.authorization_id)])
    payee = (row.counterparty_id and payees.get(row.counterparty_id)) or row.payee_name or ""
    return Line(row, to_public(Prefix.AGENT, row.agent_id), agent_name, payee, url)
