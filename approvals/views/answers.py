"""What people answer: a yes to the evidence that was shown, or a no with its reason; and taking it back."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from approvals.forms import NoteForm
from approvals.services import review as reviews
from approvals.views.inbox import confirming
from approvals.views.proving import forget, lead_to_proof, said_before
from approvals.views.shown import NOTE_IDS, REJECT_IDS, again, detail_of, kept_in, onward, page_of, with_reason
from core.clock import now as clock_now
from core.errors import Conflict, Invalid, NotAllowed
from core.ids import Prefix, from_public, to_public
from people.authentication import second_factor_proven_at
from people.permissions import MemberRequest, actor_of, needs
from people.roles import Right


@require_http_methods(["GET", "POST"])
@needs(Right.REVIEW)
def approve(request: MemberRequest, public_id: str) -> HttpResponse:
    """Store a yes to the evidence that was shown; where it has changed meanwhile, show the new evidence.

    A GET, back from where the second factor was proven, shows the request and asks for the yes again.
    """
    if request.method == "GET":
        note = NoteForm(initial={"reason": said_before(request).get("reason", "")}, auto_id=NOTE_IDS)
        return confirming(request, public_id, note_form=note)
    note = NoteForm(request.POST, auto_id=NOTE_IDS)
    try:
        reviews.approve(
            from_public(Prefix.AUTHORIZATION, public_id),
            member=request.member,
            evidence_digest=request.POST.get("evidence", ""),
            reason=note.said(),
            actor=actor_of(request),
            now=clock_now(),
            is_confirmed="confirmed" in request.POST,
            second_factor_at=second_factor_proven_at(request),
        )
    except (Conflict, NotAllowed) as error:
        if error.code == reviews.SECOND_FACTOR:
            return lead_to_proof(request, reason=note.said())
        return again(request, public_id, error)
    except Invalid as error:
        shown = detail_of(request, public_id)
        return page_of(request, shown, is_confirming=True, note_form=note, status=error.status)
    forget(request)
    return onward(request, public_id)


@require_POST
@needs(Right.REVIEW)
def reject(request: MemberRequest, public_id: str) -> HttpResponse:
    """Store a no, with its reason."""

    def store(authorization_id: UUID, reason: str) -> None:
        reviews.reject(authorization_id, member=request.member, reason=reason, actor=actor_of(request), now=clock_now())

    refused = with_reason(request, public_id, store, form_name="reject_form", auto_id=REJECT_IDS)
    return refused or onward(request, public_id)


@require_POST
@needs(Right.REVIEW)
def undo(request: MemberRequest, public_id: str) -> HttpResponse:
    """Take one's own answer back before it takes effect, and show the request again."""
    try:
        authorization = reviews.withdraw(
            from_public(Prefix.REVIEW, public_id), member=request.member, actor=actor_of(request), now=clock_now()
        )
    except Conflict as error:
        messages.error(request, error.detail)
        return redirect(f"{reverse('approvals:inbox')}{kept_in(request)}")
    messages.success(request, "Taken back. Nothing was decided.")
    address = reverse("approvals:request", args=[to_public(Prefix.AUTHORIZATION, authorization.id)])
    return redirect(f"{address}{kept_in(request)}")
