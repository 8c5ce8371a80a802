"""Authorizations: the list, its export, and one of them with the full trace."""

from datetime import datetime, time, timedelta
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from approvals.forms import FilterForm, ReasonForm
from approvals.models import Authorization
from approvals.selectors.lists import Chosen, Page, agents_to_choose, authorizations_page, every_authorization
from approvals.services.void import void_authorization
from approvals.views.shown import VOID_IDS, again, detail_of, fault_of, page_of, rows_of
from core.canonical import moment_text
from core.clock import now as clock_now
from core.errors import Conflict, Invalid
from core.ids import Prefix, from_public, to_public
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
    organization_id, form = request.member.organization_id, filter_form(request)
    # What cannot be understood shows nothing: everything would pass for what was asked for.
    page = Page([], "")
    if form.is_valid():
        page = authorizations_page(chosen_by(organization_id, form.cleaned_data), cursor=text_in(request.GET, "cursor"))
    query = request.GET.copy()
    query.pop("cursor", None)
    context = {
        "form": form,
        "rows": rows_of(page.rows),
        "next_cursor": page.next_cursor,
        "export_url": f"{reverse('approvals:export')}?{query.urlencode()}",
    }
    return render(request, "approvals/authorizations.html", context)


@require_GET
@needs(Right.READ)
def export(request: MemberRequest) -> StreamingHttpResponse:
    """Send what the list shows as CSV, all pages of it."""
    form = filter_form(request)
    if not form.is_valid():
        name, errors = next(iter(form.errors.items()))
        raise Invalid("filter_invalid", " ".join(map(str, errors)), field=name)
    found = every_authorization(chosen_by(request.member.organization_id, form.cleaned_data))
    return csv_answer(f"authorizations-{clock_now():%Y-%m-%d}.csv", COLUMNS, map(cells, found))


@require_GET
@needs(Right.READ)
def authorization(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show one authorization with the full trace."""
    return page_of(request, detail_of(request, public_id))


@require_POST
@needs(Right.MANAGE_AGENTS)
def void(request: MemberRequest, public_id: str) -> HttpResponse:
    """Give up an authorization on the app's behalf, with a reason."""
    form = ReasonForm(request.POST, auto_id=VOID_IDS)
    if not form.is_valid():
        return page_of(
            request,
            detail_of(request, public_id),
            void_form=form,
            fault=fault_of(form),
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
        )
    try:
        void_authorization(
            from_public(Prefix.AUTHORIZATION, public_id),
            organization_id=request.member.organization_id,
            agent_id=None,
            reason=form.cleaned_data["reason"],
            actor=actor_of(request),
            now=clock_now(),
        )
    except Conflict as error:
        return again(request, public_id, error)
    messages.success(request, "Voided. What it held is free again.")
    return redirect("approvals:authorization", public_id)


def filter_form(request: MemberRequest) -> FilterForm:
    agents = agents_to_choose(request.member.organization_id, text_in(request.GET, "agent"))
    return FilterForm(request.GET, agents=agents)


def chosen_by(organization_id: UUID, asked: dict[str, Any]) -> Chosen:
    until = asked.get("until")
    return Chosen(
        organization_id=organization_id,
        agent_id=from_public(Prefix.AGENT, asked["agent"]) if asked.get("agent") else None,
        status=asked.get("status", ""),
        outcome=asked.get("outcome", ""),
        category=asked.get("category", "").lower(),
        rail=asked.get("rail", ""),
        session=asked.get("session", ""),
        since=midnight(asked.get("since")),
        until=midnight(until + timedelta(days=1)) if until else None,
    )


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


def midnight(day: Any) -> datetime | None:
    return None if day is None else timezone.make_aware(datetime.combine(day, time()))
