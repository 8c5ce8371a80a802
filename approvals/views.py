"""Pages of requests to spend: the inbox, one request, the list, and fragments for an agent's page."""

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

from agents.selectors import agent_of
from approvals.forms import FilterForm, ReasonForm
from approvals.lifecycle import MOVES, Status
from approvals.models import Authorization
from approvals.selectors.inbox import Detail, detail, queue, waiting, why_here
from approvals.selectors.limits import limits_of
from approvals.selectors.lists import Chosen, Page, agents_to_choose, authorizations_page, every_authorization
from approvals.selectors.situation import read_asker
from approvals.services import review as reviews
from approvals.services.void import void_authorization
from core.canonical import moment_text
from core.clock import now as clock_now
from core.errors import Conflict, ContoError, Invalid, NotAllowed
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
SHOWN_ON_AGENT: Final = 10
UNPROCESSABLE: Final = HTTPStatus.UNPROCESSABLE_ENTITY
REJECT_IDS: Final = "reject_%s"
VOID_IDS: Final = "void_%s"
"""Both forms may stand on one page."""


@require_GET
@needs(Right.READ)
def inbox(request: MemberRequest) -> HttpResponse:
    """Show the queue, and the request that expires first beside it."""
    now = clock_now()
    rows = queue(request.member.organization_id, now=now)
    first = detail(request.member.organization_id, rows[0].id, member=request.member, now=now) if rows else None
    return render(request, "approvals/inbox.html", _inbox_context(rows, first))


@require_GET
@needs(Right.READ)
def request(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show the queue with one request chosen; alone where it does not wait any more."""
    shown = _detail(request, public_id)
    if not shown.is_waiting:
        return redirect("approvals:authorization", public_id)
    return render(
        request,
        "approvals/inbox.html",
        _inbox_context(queue(request.member.organization_id, now=clock_now()), shown),
    )


@require_GET
@needs(Right.READ)
def waiting_count(request: MemberRequest) -> HttpResponse:
    """Say how many requests wait; nothing where none does."""
    number = waiting(request.member.organization_id, now=clock_now()).count()
    return HttpResponse(str(number) if number else "")


@require_POST
@needs(Right.REVIEW)
def approve(request: MemberRequest, public_id: str) -> HttpResponse:
    """Store a yes to the evidence that was shown; where it has changed meanwhile, show the new evidence."""
    try:
        reviewed = reviews.approve(
            from_public(Prefix.AUTHORIZATION, public_id),
            member=request.member,
            evidence_digest=request.POST.get("evidence", ""),
            reason=request.POST.get("reason", ""),
            actor=actor_of(request),
            now=clock_now(),
            is_confirmed="confirmed" in request.POST,
        )
    except (Conflict, NotAllowed) as error:
        return _again(request, public_id, error)
    except Invalid as error:
        return _page(request, _detail(request, public_id), is_confirming=True, status=error.status)
    words = {
        Status.APPROVED: "Approved. The app may pay.",
        Status.DECLINED: "Decided again on the policies of now, and declined.",
        Status.PENDING_REVIEW: "Your approval is stored; others still have to give theirs.",
    }
    messages.success(request, words[reviewed.status])
    return redirect("approvals:inbox")


@require_POST
@needs(Right.REVIEW)
def reject(request: MemberRequest, public_id: str) -> HttpResponse:
    """Store a no, with its reason."""
    form = ReasonForm(request.POST, auto_id=REJECT_IDS)
    if not form.is_valid():
        return _page(request, _detail(request, public_id), reject_form=form, fault=_fault(form), status=UNPROCESSABLE)
    try:
        reviews.reject(
            from_public(Prefix.AUTHORIZATION, public_id),
            member=request.member,
            reason=form.cleaned_data["reason"],
            actor=actor_of(request),
            now=clock_now(),
        )
    except (Conflict, NotAllowed) as error:
        return _again(request, public_id, error)
    messages.success(request, "Rejected. The app must not pay.")
    return redirect("approvals:inbox")


@require_GET
@needs(Right.READ)
def authorizations(request: MemberRequest) -> HttpResponse:
    """List authorizations, filtered by the address."""
    organization_id, form = request.member.organization_id, _filter_form(request)
    # What cannot be understood shows nothing: everything would pass for what was asked for.
    page = Page([], "")
    if form.is_valid():
        page = authorizations_page(_chosen(organization_id, form.cleaned_data), cursor=text_in(request.GET, "cursor"))
    query = request.GET.copy()
    query.pop("cursor", None)
    context = {
        "form": form,
        "rows": _rows(page.rows),
        "next_cursor": page.next_cursor,
        "export_url": f"{reverse('approvals:export')}?{query.urlencode()}",
    }
    return render(request, "approvals/authorizations.html", context)


@require_GET
@needs(Right.READ)
def export(request: MemberRequest) -> StreamingHttpResponse:
    """Send what the list shows as CSV, all pages of it."""
    form = _filter_form(request)
    if not form.is_valid():
        name, errors = next(iter(form.errors.items()))
        raise Invalid("filter_invalid", " ".join(map(str, errors)), field=name)
    found = every_authorization(_chosen(request.member.organization_id, form.cleaned_data))
    return csv_answer(f"authorizations-{clock_now():%Y-%m-%d}.csv", COLUMNS, map(_cells, found))


@require_GET
@needs(Right.READ)
def authorization(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show one authorization with the full trace."""
    return _page(request, _detail(request, public_id))


@require_POST
@needs(Right.MANAGE_AGENTS)
def void(request: MemberRequest, public_id: str) -> HttpResponse:
    """Give up an authorization on the app's behalf, with a reason."""
    form = ReasonForm(request.POST, auto_id=VOID_IDS)
    if not form.is_valid():
        return _page(request, _detail(request, public_id), void_form=form, fault=_fault(form), status=UNPROCESSABLE)
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
        return _again(request, public_id, error)
    messages.success(request, "Voided. What it held is free again.")
    return redirect("approvals:authorization", public_id)


@require_GET
@needs(Right.READ)
def agent_limits(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show what an agent may still spend, per rule: a section of its page."""
    agent = agent_of(request.member.organization_id, from_public(Prefix.AGENT, public_id))
    context = {"limits": limits_of(read_asker(agent.id), now=clock_now()), "agent": agent, "public_id": public_id}
    return render(request, _fragment(request, "approvals/agent_limits.html"), context)


@require_GET
@needs(Right.READ)
def agent_authorizations(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show what an agent asked for last: a section of its page."""
    agent = agent_of(request.member.organization_id, from_public(Prefix.AGENT, public_id))
    chosen = Chosen(organization_id=request.member.organization_id, agent_id=agent.id)
    page = authorizations_page(chosen, limit=SHOWN_ON_AGENT)
    context = {"rows": _rows(page.rows), "agent": agent, "public_id": public_id}
    return render(request, _fragment(request, "approvals/agent_authorizations.html"), context)


def _filter_form(request: MemberRequest) -> FilterForm:
    agents = agents_to_choose(request.member.organization_id, text_in(request.GET, "agent"))
    return FilterForm(request.GET, agents=agents)


def _fragment(request: MemberRequest, template: str) -> str:
    return f"{template}#section" if request.htmx else template


def _detail(request: MemberRequest, public_id: str) -> Detail:
    authorization_id = from_public(Prefix.AUTHORIZATION, public_id)
    return detail(request.member.organization_id, authorization_id, member=request.member, now=clock_now())


def _again(request: MemberRequest, public_id: str, error: ContoError) -> HttpResponse:
    return _page(request, _detail(request, public_id), fault=error.detail, status=error.status)


def _fault(form: ReasonForm) -> str:
    """Return what is wrong with a reason, for the page itself: its field stands in a dialog that is closed."""
    return " ".join(map(str, form.errors["reason"]))


def _page(
    request: MemberRequest, shown: Detail, *, fault: str = "", status: int = 200, **forms_and_steps: Any
) -> HttpResponse:
    context = {
        "shown": shown,
        "why": why_here(shown.authorization),
        "reject_form": ReasonForm(auto_id=REJECT_IDS),
        "void_form": ReasonForm(auto_id=VOID_IDS),
        "fault": fault,
        "may_void": request.member.may(Right.MANAGE_AGENTS)
        and Status.VOIDED in MOVES[Status(shown.authorization.status)],
        **forms_and_steps,
    }
    return render(request, "approvals/authorization.html", context, status=status)


def _inbox_context(rows: list[Authorization], shown: Detail | None) -> dict[str, Any]:
    return {
        "rows": _rows(rows),
        "shown": shown,
        "why": why_here(shown.authorization) if shown else "",
        "reject_form": ReasonForm(auto_id=REJECT_IDS),
    }


def _rows(rows: list[Authorization]) -> list[dict[str, Any]]:
    return [{"one": row, "public_id": to_public(Prefix.AUTHORIZATION, row.id), "why": why_here(row)} for row in rows]


def _chosen(organization_id: UUID, asked: dict[str, Any]) -> Chosen:
    until = asked.get("until")
    return Chosen(
        organization_id=organization_id,
        agent_id=from_public(Prefix.AGENT, asked["agent"]) if asked.get("agent") else None,
        status=asked.get("status", ""),
        outcome=asked.get("outcome", ""),
        category=asked.get("category", "").lower(),
        rail=asked.get("rail", ""),
        session=asked.get("session", ""),
        since=_midnight(asked.get("since")),
        until=_midnight(until + timedelta(days=1)) if until else None,
    )


def _cells(one: Authorization) -> tuple[str, ...]:
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


def _midnight(day: Any) -> datetime | None:
    return None if day is None else timezone.make_aware(datetime.combine(day, time()))
