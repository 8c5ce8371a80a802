"""Several requests answered at once: what that would do, then what came of each."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from approvals.forms import ReasonForm
from approvals.selectors.bulk import MOST_AT_ONCE, preview
from approvals.services.bulk import Answer, Result, approve_each, reject_each, withdraw_each
from approvals.views.proving import factor_of, forget, lead_to_proof, said_before
from approvals.views.shown import REJECT_IDS, is_for_pane, kept_in
from core.clock import now as clock_now
from core.errors import NotFound
from core.ids import Prefix, from_public, to_public
from people.authentication import second_factor_proven_at
from people.permissions import MemberRequest, actor_of, needs
from people.roles import Right
from people.selectors import SecondFactor


@require_http_methods(["GET", "POST"])
@needs(Right.REVIEW)
def bulk(request: MemberRequest) -> HttpResponse:
    """Show what answering all that were chosen would do; with `answer`, do it and report each one's result.

    A GET, back from where the second factor was proven, shows again what was chosen and ticked before.
    """
    said = said_before(request) if request.method == "GET" else {}
    names = said.get("chosen") or list(dict.fromkeys(request.POST.getlist("chosen")))
    verdict = "reject" if request.POST.get("verdict") == "reject" else "approve"
    if not 0 < len(names) <= MOST_AT_ONCE:
        told = f"At most {MOST_AT_ONCE} payments are answered at once." if names else "Select the payments first."
        messages.error(request, told)
        return redirect(f"{reverse('approvals:inbox')}{kept_in(request)}")
    chosen = {name: from_public(Prefix.AUTHORIZATION, name) for name in names}
    form = ReasonForm(request.POST if "answer" in request.POST else None, auto_id=REJECT_IDS)
    if "answer" not in request.POST or (verdict == "reject" and not form.is_valid()):
        return _preview(request, list(chosen.values()), verdict, form, ticked=said.get("confirmed", ()))
    confirmed = [name for name in request.POST.getlist("confirmed") if name in chosen]
    if verdict == "approve" and confirmed and factor_of(request) is SecondFactor.OWED:
        return lead_to_proof(request, chosen=names, confirmed=confirmed)
    answers = [Answer(one, request.POST.get(f"evidence-{name}", ""), name in confirmed) for name, one in chosen.items()]
    doing: dict[str, Any] = {"member": request.member, "actor": actor_of(request), "now": clock_now()}
    if verdict == "reject":
        return _done(request, reject_each(answers, reason=form.cleaned_data["reason"], **doing), verdict)
    results = approve_each(answers, second_factor_at=second_factor_proven_at(request), **doing)
    forget(request)
    return _done(request, results, verdict)


@require_POST
@needs(Right.REVIEW)
def undo_bulk(request: MemberRequest) -> HttpResponse:
    """Take several answers back; those that have taken effect stay."""
    names = request.POST.getlist("review")[:MOST_AT_ONCE]
    reviews = [from_public(Prefix.REVIEW, name) for name in names]
    number = withdraw_each(reviews, member=request.member, actor=actor_of(request), now=clock_now())
    if number:
        messages.success(request, f"{number} of {len(names)} answers taken back.")
    else:
        messages.error(request, "Nothing could be taken back: these answers have taken effect.")
    return redirect(f"{_back(request)}{kept_in(request)}")


def _back(request: MemberRequest) -> str:
    """Return the address of the request that was shown before several were answered, else that of the queue."""
    at = _at(request)
    return reverse("approvals:request", args=[at]) if at else reverse("approvals:inbox")


def _at(request: MemberRequest) -> str:
    try:
        return to_public(Prefix.AUTHORIZATION, from_public(Prefix.AUTHORIZATION, request.POST.get("at", "")))
    except NotFound:
        return ""


def _preview(
    request: MemberRequest, ids: list[UUID], verdict: str, form: ReasonForm, *, ticked: Sequence[str]
) -> HttpResponse:
    shown = preview(request.member, ids, now=clock_now())
    context = {
        "preview": shown,
        "ticked": ticked,
        "second_factor": factor_of(request) if verdict == "approve" and shown.to_confirm else "",
        "verdict": verdict,
        "form": form,
        **_around(request),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    page = "approvals/bulk_pane.html" if is_for_pane(request) else "approvals/bulk.html"
    return render(request, page, context, status=status)


def _done(request: MemberRequest, results: list[Result], verdict: str) -> HttpResponse:
    shown = preview(request.member, [one.authorization_id for one in results], now=clock_now())
    details = {one.authorization.id: one for one in (*shown.answerable, *shown.others)}
    stored = [one for one in results if one.review_id is not None]
    context = {
        "results": [(one, details[one.authorization_id]) for one in results],
        "reviews": [to_public(Prefix.REVIEW, one.review_id) for one in stored if one.review_id],
        "number": len(stored),
        "verdict": verdict,
        **_around(request),
    }
    page = "approvals/bulk_pane.html" if is_for_pane(request) else "approvals/bulk_done.html"
    return render(request, page, context)


def _around(request: MemberRequest) -> dict[str, Any]:
    return {"kept": kept_in(request), "is_part": is_for_pane(request), "at": _at(request)}
