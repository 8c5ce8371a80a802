"""The list of agents, and its export."""

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents import selectors
from agents.forms import AgentFilterForm
from agents.selectors import AgentRow
from core.canonical import moment_text
from core.chips import Chip, chips_of, without
from core.clock import now as clock_now
from core.tables import csv_answer
from core.templatetags.statuses import status_of
from people.permissions import MemberRequest, needs
from people.roles import Right
from people.selectors import members_of

COLUMNS = (
    "id",
    "name",
    "reference",
    "status",
    "labels",
    "owner",
    "keys in force",
    "next key expiry",
    "last seen",
    "created",
)


@require_safe
@needs(Right.READ)
def agent_list(request: MemberRequest) -> HttpResponse:
    """Show the agents that the filter of the address asks for."""
    form, now = _filter_form(request), clock_now()
    chosen = form.chosen()
    page = selectors.agents_page(
        request.member.organization_id,
        chosen,
        cursor=request.GET.get("cursor"),
        limit=selectors.PAGE_SIZE,
        now=now,
    )
    context = {
        "page": page,
        "form": form,
        "chips": _chips(request, form),
        "export_url": f"{reverse('agents:export')}?{without(request.GET)}",
        "may_manage": request.member.may(Right.MANAGE_AGENTS),
    }
    return render(request, "agents/list.html", context)


@require_safe
@needs(Right.READ)
def export(request: MemberRequest) -> StreamingHttpResponse:
    """Send the agents of the list as CSV: all that the filter lets through."""
    chosen, now = _filter_form(request).chosen(), clock_now()
    found = selectors.every_agent(request.member.organization_id, chosen, now=now)
    return csv_answer(f"agents-{now:%Y-%m-%d}.csv", COLUMNS, map(_line, found))


def _filter_form(request: MemberRequest) -> AgentFilterForm:
    organization_id = request.member.organization_id
    labels, members = selectors.labels_in_use(organization_id), members_of(organization_id)
    return AgentFilterForm(request.GET, labels=labels, members=members)


def _chips(request: MemberRequest, form: AgentFilterForm) -> list[Chip]:
    typed = form.cleaned_data
    words = {"q": typed.get("q", ""), "label": typed.get("label", "")}
    if typed.get("state"):
        words["state"] = status_of(typed["state"]).word
    if typed.get("owner"):
        words["owner"] = f"Owner: {form.names_of_owners[typed['owner']]}"
    return chips_of(request.GET, words.items())


def _line(row: AgentRow) -> list[str]:
    agent = row.agent
    return [
        row.public_id,
        agent.name,
        agent.external_ref or "",
        status_of(row.status).word,
        " ".join(agent.labels),
        str(agent.owner or ""),
        str(row.keys),
        "" if row.next_expiry is None else moment_text(row.next_expiry),
        "" if agent.last_seen_at is None else moment_text(agent.last_seen_at),
        moment_text(agent.created_at),
    ]
