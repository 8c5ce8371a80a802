"""Reporting by hand what was paid or refunded on an authorization, where no app does."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from approvals.forms.report import ReportForm
from approvals.services.booking import Recorded
from approvals.services.record import record_spend
from approvals.views.shown import detail_of
from core.clock import now as clock_now
from core.errors import Conflict, Invalid, NotFound
from core.templatetags.statuses import status_of
from people.permissions import MemberRequest, actor_of, needs
from people.roles import Right


@require_http_methods(["GET", "POST"])
@needs(Right.MANAGE_AGENTS)
def report(request: MemberRequest, public_id: str) -> HttpResponse:
    """Ask what was paid or came back, and store it as the API does."""
    shown = detail_of(request, public_id)
    authorization = shown.authorization
    form = ReportForm(request.POST if request.method == "POST" else None, currency=authorization.currency)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    if form.is_valid():
        try:
            recorded = record_spend(
                authorization.id,
                form.report(),
                organization_id=request.member.organization_id,
                agent_id=None,
                actor=actor_of(request),
                now=clock_now(),
            )
        except (Conflict, Invalid, NotFound) as error:
            form.refuse(error)
            status = HTTPStatus(error.status)
        else:
            tell(request, recorded)
            return redirect("approvals:authorization", public_id)
    return render(request, "approvals/report.html", {"shown": shown, "form": form}, status=status)


def tell(request: MemberRequest, recorded: Recorded) -> None:
    """Tell what was stored, with the flags of what does not fit."""
    flags = ", ".join(status_of(flag, "flag").word.lower() for flag in recorded.record.flags)
    if recorded.is_replay:
        messages.info(request, "This was recorded before, and counts once.")
    elif flags:
        messages.warning(request, f"Recorded and counted, with a flag: {flags}.")
    elif recorded.record.kind == "refund":
        messages.success(request, "The refund is recorded. There is room again where the payment counted.")
    else:
        messages.success(request, "The payment is recorded.")
