"""What several pages of requests to spend show alike: rows, one request whole, and why something was not stored."""

from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render

from approvals.forms import ReasonForm
from approvals.lifecycle import MOVES, Status
from approvals.models import Authorization
from approvals.selectors.inbox import Detail, detail, why_here
from core.clock import now as clock_now
from core.errors import ContoError
from core.ids import Prefix, from_public, to_public
from people.permissions import MemberRequest
from people.roles import Right

REJECT_IDS: Final = "reject_%s"
VOID_IDS: Final = "void_%s"
"""Both forms may stand on one page."""


def page_of(
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


def again(request: MemberRequest, public_id: str, error: ContoError) -> HttpResponse:
    return page_of(request, detail_of(request, public_id), fault=error.detail, status=error.status)


def detail_of(request: MemberRequest, public_id: str) -> Detail:
    authorization_id = from_public(Prefix.AUTHORIZATION, public_id)
    return detail(request.member.organization_id, authorization_id, member=request.member, now=clock_now())


def rows_of(rows: list[Authorization]) -> list[dict[str, Any]]:
    return [{"one": row, "public_id": to_public(Prefix.AUTHORIZATION, row.id), "why": why_here(row)} for row in rows]


def fault_of(form: ReasonForm) -> str:
    """Return what is wrong with a reason, for the page itself: its field stands in a dialog that is closed."""
    return " ".join(map(str, form.errors["reason"]))


def fragment(request: MemberRequest, template: str) -> str:
    return f"{template}#section" if request.htmx else template
