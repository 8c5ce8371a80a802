"""Sealed credentials: created, replaced, revoked; never shown."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from agents import selectors, services
from agents.forms import CredentialForm, SecretForm, sent
from agents.models import Agent, SealedCredential
from core.clock import now as clock_now
from core.errors import ContoError
from core.ids import Prefix, from_public, to_public
from people.forms import add_fault
from people.permissions import MemberRequest, actor_of, needs
from people.roles import Right

UNPROCESSABLE = 422


@sensitive_post_parameters("secret")
@require_http_methods(["GET", "POST"])
@never_cache
@needs(Right.MANAGE_AGENTS)
def new_credential(request: MemberRequest, public_id: str) -> HttpResponse:
    """Seal a provider's secret for the agent."""
    agent = selectors.agent_of(request.member.organization_id, from_public(Prefix.AGENT, public_id))
    form = CredentialForm(sent(request))
    if request.method == "GET" or not form.is_valid():
        return _page(request, agent, form, status=200 if request.method == "GET" else UNPROCESSABLE)
    try:
        credential = services.create_credential(
            organization_id=request.member.organization_id,
            agent_id=agent.pk,
            new=form.new(),
            actor=actor_of(request),
            now=clock_now(),
        )
    except ContoError as error:
        add_fault(form, error)
        return _page(request, agent, form, status=error.status)
    messages.success(request, f"{credential.name} is sealed.")
    return redirect("agents:detail", public_id)


@sensitive_post_parameters("secret")
@require_http_methods(["GET", "POST"])
@never_cache
@needs(Right.MANAGE_AGENTS)
def replace_credential(request: MemberRequest, credential_id: str) -> HttpResponse:
    """Put another secret in the place of the sealed one, and say anew what it may be released for."""
    organization_id = request.member.organization_id
    credential = selectors.credential_of(organization_id, from_public(Prefix.CREDENTIAL, credential_id))
    form = SecretForm(sent(request), initial=_binding(credential))
    if request.method == "GET" or not form.is_valid():
        status = 200 if request.method == "GET" else UNPROCESSABLE
        return _page(request, credential.agent, form, credential, status=status)
    try:
        services.replace_credential(
            organization_id=organization_id,
            credential_id=credential.pk,
            secret=form.cleaned_data["secret"],
            change=form.change(),
            actor=actor_of(request),
            now=clock_now(),
        )
    except ContoError as error:
        add_fault(form, error)
        return _page(request, credential.agent, form, credential, status=error.status)
    messages.success(request, f"The secret of {credential.name} is replaced.")
    return redirect("agents:detail", to_public(Prefix.AGENT, credential.agent_id))


@require_POST
@needs(Right.MANAGE_AGENTS)
def revoke_credential(request: MemberRequest, credential_id: str) -> HttpResponse:
    """Destroy a sealed secret."""
    credential = services.revoke_credential(
        organization_id=request.member.organization_id,
        credential_id=from_public(Prefix.CREDENTIAL, credential_id),
        actor=actor_of(request),
        now=clock_now(),
    )
    messages.success(request, f"{credential.name} is revoked, and its secret destroyed.")
    return redirect("agents:detail", to_public(Prefix.AGENT, credential.agent_id))


def _binding(credential: SealedCredential) -> dict[str, object]:
    names = (to_public(Prefix.COUNTERPARTY, one) for one in credential.counterparties)
    return {
        "rails": credential.rails,
        "counterparties": ", ".join(names),
        "may_agent_release": credential.may_agent_release,
    }


def _page(
    request: MemberRequest,
    agent: Agent,
    form: SecretForm,
    credential: SealedCredential | None = None,
    *,
    status: int,
) -> HttpResponse:
    back = reverse("agents:detail", args=[to_public(Prefix.AGENT, agent.pk)])
    context = {"agent": agent, "form": form, "credential": credential, "back": back}
    return render(request, "agents/credential.html", context, status=status)
