"""The list of agents, and its export."""

import csv
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents import selectors
from agents.forms import AgentFilterForm
from agents.selectors import AgentRow
from core.canonical import moment_text
from core.clock import now as clock_now
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
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run instead of showing."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force, and the address that takes it away."""

    label: str
    url: str


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
        "export_url": f"{reverse('agents:export')}?{_without(request, 'cursor')}",
        "may_manage": request.member.may(Right.MANAGE_AGENTS),
    }
    return render(request, "agents/list.html", context)


@require_safe
@needs(Right.READ)
def export(request: MemberRequest) -> HttpResponse:
    """Send the agents of the list as CSV: all that the filter lets through, up to a limit."""
    chosen, now = _filter_form(request).chosen(), clock_now()
    page = selectors.agents_page(
        request.member.organization_id, chosen, cursor=None, limit=selectors.LARGEST_EXPORT, now=now
    )
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="agents-{now:%Y-%m-%d}.csv"'
    writer = csv.writer(response)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(text) for text in _line(row)] for row in page.rows)
    return response


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
    return [Chip(word, f"?{_without(request, name, 'cursor')}") for name, word in words.items() if word]


def _without(request: MemberRequest, *names: str) -> str:
    query = request.GET.copy()
    for name in names:
        query.pop(name, None)
    return query.urlencode()


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


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
