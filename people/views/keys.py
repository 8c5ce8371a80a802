"""Organization keys: issued, shown once, revoked."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core.clock import now as clock_now
from core.errors import ContoError
from core.ids import Prefix, from_public, to_public
from people import selectors, services
from people.forms import KeyForm, add_fault
from people.models import OrganizationKey
from people.permissions import MemberRequest, actor_of, needs
from people.roles import Right
from people.views.tabs import settings_tabs

UNPROCESSABLE: Final = 422
EXPIRING: Final = timedelta(days=14)
"""From so long before its end a key is shown as expiring."""


@dataclass(frozen=True, slots=True)
class Line:
    """One key of the list."""

    key: OrganizationKey
    public_id: str
    status: str


@require_safe
@needs(Right.READ)
def keys(request: MemberRequest) -> HttpResponse:
    """List the organization's keys."""
    return _page(request, KeyForm())


@require_POST
@never_cache
@needs(Right.MANAGE_SETTINGS)
def issue_key(request: MemberRequest) -> HttpResponse:
    """Issue a key and show its secret, this once."""
    form, now = KeyForm(request.POST), clock_now()
    if not form.is_valid():
        return _page(request, form, status=UNPROCESSABLE)
    days: int | None = form.cleaned_data["lifetime_days"]
    try:
        issued = services.issue_organization_key(
            organization_id=request.member.organization_id,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_at=None if days is None else now + timedelta(days=days),
            by=request.member.person,
            actor=actor_of(request),
            now=now,
        )
    except ContoError as error:
        add_fault(form, error)
        return _page(request, form, status=error.status)
    return _page(request, KeyForm(), issued=issued)


@require_POST
@needs(Right.MANAGE_SETTINGS)
def revoke_key(request: MemberRequest, public_id: str) -> HttpResponse:
    """End a key at once."""
    key = services.revoke_organization_key(
        organization_id=request.member.organization_id,
        key_id=from_public(Prefix.KEY, public_id),
        actor=actor_of(request),
        now=clock_now(),
    )
    messages.success(request, f"The key {key.name} is revoked.")
    return redirect("people:keys")


def _page(
    request: MemberRequest, form: KeyForm, *, issued: services.IssuedKey | None = None, status: int = 200
) -> HttpResponse:
    now = clock_now()
    context = {
        "lines": [
            Line(key, to_public(Prefix.KEY, key.id), status_of(key, now=now))
            for key in selectors.keys_of(request.member.organization_id)
        ],
        "form": form,
        "issued": issued,
        "may_change": request.member.may(Right.MANAGE_SETTINGS),
        "tabs": settings_tabs(request, "people:keys"),
    }
    return render(request, "people/keys.html", context, status=status)


def status_of(key: OrganizationKey, *, now: datetime) -> str:
    """Return what the key is at this moment: `revoked`, `expired`, `expiring` or `active`."""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None or now < key.expires_at - EXPIRING:
        return "active"
    return "expiring" if now < key.expires_at else "expired"
