"""What people answer: a yes to the evidence that was shown, or a no with its reason."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from approvals.forms import ReasonForm
from approvals.lifecycle import Status
from approvals.services import review as reviews
from approvals.views.shown import REJECT_IDS, again, detail_of, fault_of, onward, page_of
from core.clock import now as clock_now
from core.errors import Conflict, Invalid, NotAllowed
from core.ids import Prefix, from_public
from people.permissions import MemberRequest, actor_of, needs
from people.roles import Right


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
        return again(request, public_id, error)
    except Invalid as error:
        return page_of(request, detail_of(request, public_id), is_confirming=True, status=error.status)
    words = {
        Status.APPROVED: "Approved. The app may pay.",
        Status.DECLINED: "Decided again on the policies of now, and declined.",
        Status.PENDING_REVIEW: "Your approval is stored; others still have to give theirs.",
    }
    messages.success(request, words[reviewed.status])
    return onward(request, public_id)


@require_POST
@needs(Right.REVIEW)
def reject(request: MemberRequest, public_id: str) -> HttpResponse:
    """Store a no, with its reason."""
    form = ReasonForm(request.POST, auto_id=REJECT_IDS)
    if not form.is_valid():
        return page_of(
            request,
            detail_of(request, public_id),
            reject_form=form,
            fault=fault_of(form),
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
        )
    try:
        reviews.reject(
            from_public(Prefix.AUTHORIZATION, public_id),
            member=request.member,
            reason=form.cleaned_data["reason"],
            actor=actor_of(request),
            now=clock_now(),
        )
    except (Conflict, NotAllowed) as error:
        return again(request, public_id, error)
    messages.success(request, "Rejected. The app must not pay.")
    return onward(request, public_id)
