"""The inbox: the queue of what waits for people, and one request with all that a yes or no rests on."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from approvals.forms import ReasonForm
from approvals.models import Authorization
from approvals.selectors.inbox import Detail, detail, queue, waiting, why_here
from approvals.views.shown import REJECT_IDS, detail_of, rows_of
from core.clock import now as clock_now
from people.permissions import MemberRequest, needs
from people.roles import Right


@require_GET
@needs(Right.READ)
def inbox(request: MemberRequest) -> HttpResponse:
    """Show the queue, and the request that expires first beside it."""
    now = clock_now()
    rows = queue(request.member.organization_id, now=now)
    first = detail(request.member.organization_id, rows[0].id, member=request.member, now=now) if rows else None
    return render(request, "approvals/inbox.html", inbox_context(rows, first))


@require_GET
@needs(Right.READ)
def request(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show the queue with one request chosen; alone where it does not wait any more."""
    shown = detail_of(request, public_id)
    if not shown.is_waiting:
        return redirect("approvals:authorization", public_id)
    return render(
        request,
        "approvals/inbox.html",
        inbox_context(queue(request.member.organization_id, now=clock_now()), shown),
    )


@require_GET
@needs(Right.READ)
def waiting_count(request: MemberRequest) -> HttpResponse:
    """Say how many requests wait; nothing where none does."""
    number = waiting(request.member.organization_id, now=clock_now()).count()
    return HttpResponse(str(number) if number else "")


def inbox_context(rows: list[Authorization], shown: Detail | None) -> dict[str, Any]:
    return {
        "rows": rows_of(rows),
        "shown": shown,
        "why": why_here(shown.authorization) if shown else "",
        "reject_form": ReasonForm(auto_id=REJECT_IDS),
    }
