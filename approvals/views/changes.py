"""Changes that wait for a second person: the list, one of them with all that it would do, yes and no."""

from http import HTTPStatus
from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from approvals.forms import ChangeReasonForm
from approvals.selectors.changes import change_shown, public_id_of
from approvals.services import changes as services
from core.clock import now as clock_now
from core.errors import Conflict, NotAllowed
from core.ids import Prefix, from_public
from core.paging import DEFAULT_PAGE
from people.models import ChangeEnd
from people.permissions import MemberRequest, actor_of, needs
from people.roles import Right
from people.selectors import changes_page, changes_waiting

TOLD: Final = {
    ChangeEnd.APPROVED: "The change is made. It counts from now on.",
    ChangeEnd.VOIDED: "The change was voided: who proposed it may no longer make it.",
    ChangeEnd.EXPIRED: "The time of this change ran out. Nothing has changed.",
}


@require_GET
@needs(Right.READ)
def changes(request: MemberRequest) -> HttpResponse:
    """Show what waits for a second person, and what became of the last ones."""
    organization_id = request.member.organization_id
    waiting = changes_waiting(organization_id, now=clock_now())
    waiting_ids = {one.pk for one in waiting}
    ended = [one for one in changes_page(organization_id, limit=DEFAULT_PAGE) if one.pk not in waiting_ids]
    context = {
        "waiting": [(public_id_of(one), one) for one in waiting],
        "ended": [(public_id_of(one), one) for one in ended],
    }
    return render(request, "approvals/changes.html", context)


@require_GET
@needs(Right.READ)
def change(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show one change: what it may let pass, what it would do, who proposed it."""
    return _page(request, public_id, ChangeReasonForm())


@require_POST
@needs(Right.MANAGE_POLICIES)
def approve_change(request: MemberRequest, public_id: str) -> HttpResponse:
    """Agree to the change as it was shown, and make it."""
    try:
        end = services.approve_change(
            organization_id=request.member.organization_id,
            change_id=from_public(Prefix.CHANGE, public_id),
            digest=request.POST.get("digest", ""),
            person_id=request.member.person_id,
            actor=actor_of(request),
            now=clock_now(),
        )
    except (Conflict, NotAllowed) as error:
        messages.error(request, error.detail)
        return _page(request, public_id, ChangeReasonForm(), status=error.status)
    tell = messages.success if end is ChangeEnd.APPROVED else messages.warning
    tell(request, TOLD[end])
    return redirect("approvals:change", public_id)


@require_POST
@needs(Right.MANAGE_POLICIES)
def reject_change(request: MemberRequest, public_id: str) -> HttpResponse:
    """Let the change not be made, and say why."""
    form = ChangeReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, public_id, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        services.reject_change(
            organization_id=request.member.organization_id,
            change_id=from_public(Prefix.CHANGE, public_id),
            reason=form.cleaned_data["reason"],
            person_id=request.member.person_id,
            actor=actor_of(request),
            now=clock_now(),
        )
    except (Conflict, NotAllowed) as error:
        messages.error(request, error.detail)
        return _page(request, public_id, form, status=error.status)
    messages.success(request, "The change is not made.")
    return redirect("approvals:changes")


def _page(request: MemberRequest, public_id: str, form: ChangeReasonForm, *, status: int = 200) -> HttpResponse:
    shown = change_shown(request.member, public_id)
    is_over = shown.change.closed_at is None and shown.change.expires_at <= clock_now()
    context = {
        "shown": shown,
        "form": form,
        "is_over": is_over,
        "is_waiting": not is_over and not shown.change.closed_at,
    }
    return render(request, "approvals/change.html", context, status=status)
