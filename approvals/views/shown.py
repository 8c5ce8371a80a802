"""What several pages of requests to spend show alike: rows, one request whole, and why something was not stored."""

from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from agents.views.stopping import may_stop
from approvals.forms import NoteForm, ReasonForm
from approvals.lifecycle import MOVES, Status
from approvals.models import Authorization
from approvals.selectors.cards import cards_of
from approvals.selectors.inbox import Detail, detail, why_here
from approvals.selectors.queue import in_a_line, who_left
from approvals.selectors.reviewers import on_their_way
from approvals.selectors.told import told
from approvals.views.proving import factor_of
from core.clock import now as clock_now
from core.errors import Conflict, ContoError, NotAllowed
from core.ids import Prefix, from_public, to_public
from people.permissions import MemberRequest
from people.roles import Right

REJECT_IDS: Final = "reject_%s"
VOID_IDS: Final = "void_%s"
NOTE_IDS: Final = "note_%s"
"""These forms may stand on one page."""


PANE: Final = "approvals/inbox.html#pane"
"""The right half of the inbox, which htmx asks for alone."""


def page_of(
    request: MemberRequest, shown: Detail, *, fault: str = "", status: int = 200, **forms_and_steps: Any
) -> HttpResponse:
    now = clock_now()
    if is_for_pane(request):
        context = pane_of(request, shown, now=now) | {"fault": fault, **forms_and_steps}
        return render(request, PANE, context, status=status)
    context = {
        "shown": shown,
        "why": why_here(shown.authorization),
        "cards": cards_of(shown, now=now),
        "kept": kept_in(request),
        "reject_form": ReasonForm(auto_id=REJECT_IDS),
        "note_form": NoteForm(auto_id=NOTE_IDS),
        "void_form": ReasonForm(auto_id=VOID_IDS),
        "fault": fault,
        "printed_at": clock_now(),
        "duplicate_id": public_or_nothing(shown.authorization.possible_duplicate_of),
        "may_suggest": may_suggest(request, shown),
        "second_factor": second_factor(request, shown),
        "may_stop": may_stop(request, shown.authorization.agent),
        "may_void": request.member.may(Right.MANAGE_AGENTS)
        and Status.VOIDED in MOVES[Status(shown.authorization.status)],
        "may_report": request.member.may(Right.MANAGE_AGENTS),
        **forms_and_steps,
    }
    return render(request, "approvals/authorization.html", context, status=status)


def is_for_pane(request: MemberRequest) -> bool:
    """Say whether htmx asks for one half of the inbox."""
    return bool(request.htmx) and request.htmx.target == "request"


def pane_of(request: MemberRequest, shown: Detail | None, *, now: datetime) -> dict[str, Any]:
    """Return what the right half of the inbox shows: a request, what became of it, or that none is left."""
    around = {
        "kept": kept_in(request),
        "on_their_way": on_their_way(request.member, now=now),
        "is_part": is_for_pane(request),
    }
    if shown is None:
        return {"shown": None, **around}
    gone = [] if shown.is_waiting else who_left(request.member, [shown.authorization.id])
    return {
        "shown": shown,
        "why": why_here(shown.authorization),
        "cards": cards_of(shown, now=now),
        "gone": next(iter(gone), None),
        **around,
        "target": "#request",
        "may_suggest": may_suggest(request, shown),
        "second_factor": second_factor(request, shown),
        "may_stop": may_stop(request, shown.authorization.agent),
        "reject_form": ReasonForm(auto_id=REJECT_IDS),
        "note_form": NoteForm(auto_id=NOTE_IDS),
    }


def may_suggest(request: MemberRequest, shown: Detail) -> bool:
    """Say whether the viewer may draft that such a payment passes next time."""
    return shown.asking > 0 and request.member.may(Right.MANAGE_POLICIES)


def second_factor(request: MemberRequest, shown: Detail) -> str:
    """Say how the viewer stands with their second factor, where a yes to this payment needs it; else nothing."""
    return factor_of(request) if shown.is_to_be_confirmed and not shown.refusal else ""


def kept_in(request: MemberRequest, *without: str) -> str:
    """Return the filters of the address, to be put behind another one; empty where there are none."""
    query = request.GET.copy()
    for name in ("after", "seen", *without):
        query.pop(name, None)
    return f"?{query.urlencode()}" if query else ""


def onward(request: MemberRequest, public_id: str) -> HttpResponse:
    """Lead from a request that was answered to the next one of the same queue."""
    kept = kept_in(request)
    return redirect(f"{reverse('approvals:inbox')}{kept or '?'}{'&' if kept else ''}after={public_id}")


def public_or_nothing(authorization_id: UUID | None) -> str:
    return "" if authorization_id is None else to_public(Prefix.AUTHORIZATION, authorization_id)


def again(request: MemberRequest, public_id: str, error: ContoError) -> HttpResponse:
    return page_of(request, detail_of(request, public_id), fault=error.detail, status=error.status)


def with_reason(
    request: MemberRequest, public_id: str, act: Callable[[UUID, str], None], *, form_name: str, auto_id: str
) -> HttpResponse | None:
    """Do what needs a reason with the one that was typed; return the page again where that is missing or refused."""
    form = ReasonForm(request.POST, auto_id=auto_id)
    if not form.is_valid():
        # Said on the page itself: the field stands in a dialog that is closed.
        fault = " ".join(map(str, form.errors["reason"]))
        again_with: dict[str, Any] = {form_name: form, "fault": fault, "status": HTTPStatus.UNPROCESSABLE_ENTITY}
        return page_of(request, detail_of(request, public_id), **again_with)
    try:
        act(from_public(Prefix.AUTHORIZATION, public_id), form.cleaned_data["reason"])
    except (Conflict, NotAllowed) as error:
        return again(request, public_id, error)
    return None


def detail_of(request: MemberRequest, public_id: str) -> Detail:
    authorization_id = from_public(Prefix.AUTHORIZATION, public_id)
    now = clock_now()
    found = detail(request.member.organization_id, authorization_id, member=request.member, now=now)
    told([found.authorization], now=now)
    return found


def rows_of(rows: Sequence[Authorization]) -> list[dict[str, Any]]:
    return [
        {"one": row, "public_id": to_public(Prefix.AUTHORIZATION, row.id), "why": in_a_line(why_here(row))}
        for row in rows
    ]


def fragment(request: MemberRequest, template: str) -> str:
    return f"{template}#section" if request.htmx else template
