"""The organization's settings, and the switch that stops everything."""

from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from core.clock import now as clock_now
from core.errors import Invalid
from core.ids import Prefix, to_public
from people import services
from people.forms import OrganizationForm, ReasonForm, add_fault
from people.permissions import MemberRequest, actor_of, demand, needs, tell_waiting
from people.roles import Right
from people.views.tabs import settings_tabs

UNPROCESSABLE: Final = 422


@require_http_methods(["GET", "POST"])
@needs(Right.READ)
def settings(request: MemberRequest) -> HttpResponse:
    """Show the settings to everybody; store them for who may."""
    if request.method == "GET":
        return _page(request, OrganizationForm.of(request.member.organization))
    demand(request, Right.MANAGE_SETTINGS)
    form = OrganizationForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=UNPROCESSABLE)
    try:
        changed = services.change_settings(
            organization_id=request.member.organization_id,
            settings=form.settings(),
            actor=actor_of(request),
            now=clock_now(),
        )
    except Invalid as error:
        add_fault(form, error)
        return _page(request, form, status=UNPROCESSABLE)
    if isinstance(changed, services.Awaiting):
        tell_waiting(request)
    else:
        messages.success(request, "The settings are stored.")
    return redirect("people:settings")


@require_POST
@needs(Right.FREEZE)
def freeze(request: MemberRequest) -> HttpResponse:
    """Stop every agent of the organization at once."""
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, OrganizationForm.of(request.member.organization), reason=form, status=UNPROCESSABLE)
    services.freeze_organization(
        organization_id=request.member.organization_id,
        reason=form.cleaned_data["reason"],
        actor=actor_of(request),
        now=clock_now(),
    )
    messages.success(request, "The organization is frozen: every request to spend is declined.")
    return redirect("people:settings")


@require_POST
@needs(Right.THAW)
def thaw(request: MemberRequest) -> HttpResponse:
    """Let the organization's agents ask again."""
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, OrganizationForm.of(request.member.organization), reason=form, status=UNPROCESSABLE)
    services.thaw_organization(
        organization_id=request.member.organization_id,
        reason=form.cleaned_data["reason"],
        actor=actor_of(request),
        now=clock_now(),
    )
    messages.success(request, "The organization is thawed: its agents may ask again.")
    return redirect("people:settings")


def _page(
    request: MemberRequest, form: OrganizationForm, *, reason: ReasonForm | None = None, status: int = 200
) -> HttpResponse:
    member = request.member
    context = {
        "form": form,
        "reason_form": reason or ReasonForm(),
        "organization_id": to_public(Prefix.ORGANIZATION, member.organization_id),
        "may_change": member.may(Right.MANAGE_SETTINGS),
        "may_freeze": member.may(Right.FREEZE),
        "may_thaw": member.may(Right.THAW),
        "tabs": settings_tabs(request, "people:settings"),
    }
    return render(request, "people/settings.html", context, status=status)
