"""Organization keys: issued, shown once, revoked."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from core.canonical import moment_text
from core.clock import now as clock_now
from core.errors import ContoError
from core.ids import Prefix, from_public, to_public
from core.lists import around, asked_page, every
from core.tables import csv_answer
from core.templatetags.statuses import status_of
from people import selectors, services
from people.forms import KeyFilterForm, KeyForm, add_fault
from people.models import OrganizationKey
from people.permissions import MemberRequest, actor_of, needs
from people.roles import Right
from people.views.tabs import settings_tabs

UNPROCESSABLE: Final = 422
COLUMNS: Final = ("id", "name", "scopes", "status", "issued by", "issued", "expires", "last used", "revoked")


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


@require_safe
@needs(Right.READ)
def export_keys(request: MemberRequest) -> StreamingHttpResponse:
    """Send the organization keys of the list as CSV, without their secrets: all that the filter lets through."""
    form, now = KeyFilterForm(request.GET), clock_now()
    form.must_make_sense()
    lines = (
        (
            to_public(Prefix.KEY, key.id),
            key.name,
            " ".join(key.scopes),
            status_of(selectors.key_status(key, now=now), "key").word,
            str(key.created_by),
            *("" if one is None else moment_text(one) for one in _moments(key)),
        )
        for key in every(_found(request, form, now), form.order())
    )
    return csv_answer(f"organization-keys-{now:%Y-%m-%d}.csv", COLUMNS, lines)


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
    shown, now = KeyFilterForm(request.GET), clock_now()
    page = asked_page(request.GET, shown, partial(_found, request, shown, now))
    context = {
        "lines": [Line(key, to_public(Prefix.KEY, key.id), selectors.key_status(key, now=now)) for key in page.rows],
        "form": form,
        "issued": issued,
        "may_change": request.member.may(Right.MANAGE_SETTINGS),
        "tabs": settings_tabs(request, "people:keys"),
        **around(request.GET, shown, page, list_url=reverse("people:keys"), export_url=reverse("people:export_keys")),
    }
    return render(request, "people/keys.html", context, status=status)


def _found(request: MemberRequest, form: KeyFilterForm, now: datetime) -> QuerySet[OrganizationKey]:
    return selectors.listed_keys(
        request.member.organization_id, words=form.words(), status=form.chosen("status"), now=now
    )


def _moments(key: OrganizationKey) -> tuple[datetime | None, ...]:
    return key.created_at, key.expires_at, key.last_used_at, key.revoked_at
