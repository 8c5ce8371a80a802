"""Runtime keys: issued and shown once, rotated with overlap, revoked."""

from datetime import datetime, timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from agents import selectors, services
from agents.forms import KeyForm, RotationForm, sent
from agents.models import Agent
from agents.services import IssuedKey
from core.clock import now as clock_now
from core.errors import ContoError
from core.ids import Prefix, from_public, to_public
from people.forms import add_fault
from people.permissions import MemberRequest, actor_of, needs
from people.roles import Right

UNPROCESSABLE = 422


@require_http_methods(["GET", "POST"])
@never_cache
@needs(Right.MANAGE_AGENTS)
def new_key(request: MemberRequest, public_id: str) -> HttpResponse:
    """Issue a key and show its secret, this once."""
    agent = selectors.agent_of(request.member.organization_id, from_public(Prefix.AGENT, public_id))
    form, now = KeyForm(sent(request)), clock_now()
    if request.method == "GET" or not form.is_valid():
        return _form_page(request, agent, form, status=200 if request.method == "GET" else UNPROCESSABLE)
    days: int | None = form.cleaned_data["lifetime_days"]
    try:
        issued = services.issue_key(
            organization_id=request.member.organization_id,
            agent_id=agent.pk,
            name=form.cleaned_data["name"],
            expires_at=None if days is None else now + timedelta(days=days),
            actor=actor_of(request),
            now=now,
        )
    except ContoError as error:
        add_fault(form, error)
        return _form_page(request, agent, form, status=error.status)
    return _secret_page(request, agent, issued)


@require_POST
@never_cache
@needs(Right.MANAGE_AGENTS)
def rotate_key(request: MemberRequest, key_id: str) -> HttpResponse:
    """Issue a successor and show its secret, this once."""
    key = selectors.key_of(request.member.organization_id, from_public(Prefix.KEY, key_id))
    form = RotationForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose how long the old key goes on working. Nothing was changed.")
        return redirect("agents:detail", to_public(Prefix.AGENT, key.agent_id))
    issued = services.rotate_key(
        organization_id=request.member.organization_id,
        key_id=key.pk,
        overlap_seconds=form.cleaned_data["overlap_seconds"],
        actor=actor_of(request),
        now=clock_now(),
    )
    old = selectors.key_of(request.member.organization_id, key.pk)
    return _secret_page(request, key.agent, issued, old_ends_at=None if old.revoked_at else old.expires_at)


@require_POST
@needs(Right.MANAGE_AGENTS)
def revoke_key(request: MemberRequest, key_id: str) -> HttpResponse:
    """End a key at once."""
    key = services.revoke_key(
        organization_id=request.member.organization_id,
        key_id=from_public(Prefix.KEY, key_id),
        actor=actor_of(request),
        now=clock_now(),
    )
    messages.success(request, f"The key {key.name} is revoked.")
    return redirect("agents:detail", to_public(Prefix.AGENT, key.agent_id))


def _form_page(request: MemberRequest, agent: Agent, form: KeyForm, *, status: int) -> HttpResponse:
    context = {"agent": agent, "form": form, "back": _page_of(agent)}
    return render(request, "agents/key.html", context, status=status)


def _secret_page(
    request: MemberRequest, agent: Agent, issued: IssuedKey, *, old_ends_at: datetime | None = None
) -> HttpResponse:
    context = {
        "agent": agent,
        "issued": issued,
        "old_ends_at": old_ends_at,
        "back": _page_of(agent),
        "status_url": request.build_absolute_uri(reverse("agents_api:status")),
    }
    return render(request, "agents/secret.html", context)


def _page_of(agent: Agent) -> str:
    return reverse("agents:detail", args=[to_public(Prefix.AGENT, agent.pk)])
