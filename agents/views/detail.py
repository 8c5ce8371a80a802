"""The page of one agent; creating, changing, freezing, thawing and retiring it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from agents import selectors, services
from agents.forms import AgentForm, sent
from agents.models import Agent
from agents.views.shown import credential_line, in_force_first, key_line
from core.clock import now as clock_now
from core.errors import ContoError
from core.ids import Prefix, from_public, to_public
from core.paging import text_in
from people.forms import ReasonForm, add_fault
from people.permissions import MemberRequest, actor_of, needs, tell_stored
from people.roles import Right
from people.selectors import members_of

UNPROCESSABLE = 422
SHOWN = 10
"""Keys, and sealed credentials, on the page of an agent; the others have pages of their own."""
LIST = "insight:fleet"
"""The page of all agents, which a higher app has: it knows how they run."""


@require_safe
@needs(Right.READ)
def detail(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show one agent: its state, its keys, its sealed credentials, and the sections that higher apps add."""
    agent_id, now = from_public(Prefix.AGENT, public_id), clock_now()
    organization_id = request.member.organization_id
    agent = selectors.agent_of(organization_id, agent_id)
    keys, credentials = (
        selectors.keys_of(organization_id, agent_id),
        selectors.credentials_of(organization_id, agent_id),
    )
    context = {
        "agent": agent,
        "public_id": public_id,
        "row": selectors.agent_row(agent, now=now),
        "key_lines": in_force_first([key_line(key, now=now) for key in keys])[:SHOWN],
        "credential_lines": in_force_first([credential_line(one) for one in credentials])[:SHOWN],
        "reason_form": ReasonForm(),
        "may_manage": request.member.may(Right.MANAGE_AGENTS) and agent.retired_at is None,
        "may_revoke": request.member.may(Right.MANAGE_AGENTS),
        "may_freeze": request.member.may(Right.FREEZE),
        "may_thaw": request.member.may(Right.THAW),
    }
    return render(request, "agents/detail.html", context)


@require_http_methods(["GET", "POST"])
@needs(Right.MANAGE_AGENTS)
def new(request: MemberRequest) -> HttpResponse:
    """Create an agent and go on to its page."""
    organization_id = request.member.organization_id
    form = AgentForm(sent(request), members=members_of(organization_id))
    if request.method == "GET" or not form.is_valid():
        return _form_page(request, form, status=200 if request.method == "GET" else UNPROCESSABLE)
    try:
        agent = services.create_agent(
            organization_id=organization_id,
            **form.change(),
            external_ref=form.cleaned_data["external_ref"] or None,
            actor=actor_of(request),
            now=clock_now(),
        )
    except ContoError as error:
        return _refused(request, form, error)
    messages.success(request, f"{agent.name} is created. Issue a key next, and see which policies apply to it.")
    return redirect("agents:detail", to_public(Prefix.AGENT, agent.pk))


@require_http_methods(["GET", "POST"])
@needs(Right.MANAGE_AGENTS)
def edit(request: MemberRequest, public_id: str) -> HttpResponse:
    """Change an agent's name, description, labels and owner."""
    organization_id, agent_id = request.member.organization_id, from_public(Prefix.AGENT, public_id)
    agent = selectors.agent_of(organization_id, agent_id)
    form = AgentForm(sent(request), members=members_of(organization_id), agent=agent)
    if request.method == "GET" or not form.is_valid():
        return _form_page(request, form, public_id, status=200 if request.method == "GET" else UNPROCESSABLE)
    try:
        stored = services.change_agent(
            organization_id=organization_id,
            agent_id=agent_id,
            change=form.change(),
            actor=actor_of(request),
            now=clock_now(),
        )
    except ContoError as error:
        return _refused(request, form, error, public_id)
    tell_stored(request, stored, "The agent is stored.")
    return redirect("agents:detail", public_id)


@require_http_methods(["GET", "POST"])
@needs(Right.FREEZE)
def freeze(request: MemberRequest, public_id: str) -> HttpResponse:
    """Ask for the reason, with the one suggested by where the person comes from; stop the agent at once."""
    organization_id, agent_id = request.member.organization_id, from_public(Prefix.AGENT, public_id)
    if request.method == "GET":
        return _freeze_form(request, selectors.agent_of(organization_id, agent_id), public_id)
    reason = _reason(request)
    if reason is not None:
        agent = services.freeze_agent(
            organization_id=organization_id,
            agent_id=agent_id,
            reason=reason,
            actor=actor_of(request),
            now=clock_now(),
        )
        messages.success(request, f"{agent.name} is frozen.")
    return redirect(_way_back(request, request.POST.get("next", ""), public_id))


@require_POST
@needs(Right.THAW)
def thaw(request: MemberRequest, public_id: str) -> HttpResponse:
    """Let the agent ask again."""
    reason = _reason(request)
    if reason is not None:
        agent = services.thaw_agent(
            organization_id=request.member.organization_id,
            agent_id=from_public(Prefix.AGENT, public_id),
            reason=reason,
            actor=actor_of(request),
            now=clock_now(),
        )
        messages.success(request, f"{agent.name} is thawed.")
    return redirect("agents:detail", public_id)


@require_POST
@needs(Right.MANAGE_AGENTS)
def retire(request: MemberRequest, public_id: str) -> HttpResponse:
    """End the agent for good."""
    agent = services.retire_agent(
        organization_id=request.member.organization_id,
        agent_id=from_public(Prefix.AGENT, public_id),
        actor=actor_of(request),
        now=clock_now(),
    )
    messages.success(request, f"{agent.name} is retired.")
    return redirect("agents:detail", public_id)


def _freeze_form(request: MemberRequest, agent: Agent, public_id: str) -> HttpResponse:
    page = reverse("agents:detail", args=[public_id])
    if agent.frozen_at is not None or agent.retired_at is not None:
        return HttpResponseClientRedirect(page) if request.htmx else redirect(page)
    context = {
        "agent": agent,
        "public_id": public_id,
        "form": ReasonForm(initial={"reason": text_in(request.GET, "reason")}, auto_id="stop-%s"),
        "back": _way_back(request, request.GET.get("next", ""), public_id),
    }
    return render(request, "agents/stop.html#dialog" if request.htmx else "agents/stop.html", context)


def _way_back(request: MemberRequest, wanted: str, public_id: str) -> str:
    """Return where a person who froze an agent goes on: where they came from, if that is a page of ours."""
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else reverse("agents:detail", args=[public_id])


def _reason(request: MemberRequest) -> str | None:
    form = ReasonForm(request.POST)
    if form.is_valid():
        return str(form.cleaned_data["reason"])
    messages.error(request, "Say why: it stands in the history. Nothing was changed.")
    return None


def _form_page(request: MemberRequest, form: AgentForm, public_id: str = "", *, status: int) -> HttpResponse:
    back = reverse("agents:detail", args=[public_id]) if public_id else reverse(LIST)
    return render(request, "agents/form.html", {"form": form, "is_new": not public_id, "back": back}, status=status)


def _refused(request: MemberRequest, form: AgentForm, error: ContoError, public_id: str = "") -> HttpResponse:
    """Show a refusal at its field; that of one label stands at all of them."""
    if error.field is not None and error.field.startswith("labels"):
        error.field = "labels"
    add_fault(form, error)
    return _form_page(request, form, public_id, status=error.status)
