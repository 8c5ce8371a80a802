"""Authorizations: the list, its export, and one of them with the full trace."""

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from approvals.forms import FilterForm
from approvals.models import Authorization
from approvals.selectors.lists import (
    NOTHING,
    agents_to_choose,
    authorizations_page,
    bounded,
    every_authorization,
)
from approvals.services.void import void_authorization
from approvals.views.shown import VOID_IDS, detail_of, page_of, rows_of, with_reason
from core.canonical import moment_text
from core.chips import chips_of, without
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from core.money import amount_text
from core.paging import text_in
from core.tables import csv_answer
from people.permissions import MemberRequest, actor_of, needs
from people.roles import Right

COLUMNS: Final = (
    "id", "asked", "status", "decision", "reasons", "amount", "currency", "payee", "identifiers", "agent id", "agent",
    "category", "rail", "session", "purpose", "expires",
)  # fmt: skip


@require_GET
@needs(Right.READ)
def authorizations(request: MemberRequest) -> HttpResponse:
    """List authorizations, filtered by the address."""
    form, now = filter_form(request), clock_now()
    # What cannot be understood shows nothing: everything would pass for what was asked for.
    page, searched = NOTHING, None
    if form.is_valid():
        chosen, searched = bounded(form.chosen())
        page = authorizations_page(chosen, now=now, cursor=text_in(request.GET, "cursor"))
    context = {
        "form": form,
        "searched": searched,
        "rows": rows_of(page.rows),
        "next_cursor": page.next_cursor,
        "previous_cursor": page.previous_cursor,
        "chips": chips_of(request.GET, form.in_force()),
        "export_url": f"{reverse('approvals:export')}?{without(request.GET)}",
    }
    return render(request, "approvals/authorizations.html", context)


@require_GET
@needs(Right.READ)
def export(request: MemberRequest) -> StreamingHttpResponse:
    """Send what the list shows as CSV, all pages of it."""
    form, now = filter_form(request), clock_now()
    form.must_make_sense()
    found = every_authorization(form.chosen(), now=now)
    return csv_answer(f"authorizations-{now:%Y-%m-%d}.csv", COLUMNS, map(cells, found))


@require_GET
@needs(Right.READ)
def authorization(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show one authorization with the full trace."""
    return page_of(request, detail_of(request, public_id))


@require_POST
@needs(Right.MANAGE_AGENTS)
def void(request: MemberRequest, public_id: str) -> HttpResponse:
    """Give up an authorization on the app's behalf, with a reason."""

    def give_up(authorization_id: UUID, reason: str) -> None:
        void_authorization(
            authorization_id,
            organization_id=request.member.organization_id,
            agent_id=None,
            reason=reason,
            actor=actor_of(request),
            now=clock_now(),
        )

    refused = with_reason(request, public_id, give_up, form_name="void_form", auto_id=VOID_IDS)
    if refused:
        return refused
    messages.success(request, "Voided. What it held is free again.")
    return redirect("approvals:authorization", public_id)


def filter_form(request: MemberRequest) -> FilterForm:
    organization = request.member.organization
    agents = agents_to_choose(organization.pk, text_in(request.GET, "agent"))
    return FilterForm(request.GET, agents=agents, organization=organization, now=clock_now())


def cells(one: Authorization) -> tuple[str, ...]:
    return (
        to_public(Prefix.AUTHORIZATION, one.id),
        moment_text(one.asked_at),
        one.status,
        one.outcome,
        " ".join(one.reasons),
        amount_text(one.amount),
        one.currency,
        one.payee.get("name") or "",
        " ".join(one.payee.get("identifiers") or ()),
        to_public(Prefix.AGENT, one.agent_id),
        one.agent.name,
        one.category or "",
        one.rail or "",
        one.session or "",
        one.purpose or "",
        "" if one.expires_at is None else moment_text(one.expires_at),
    )
