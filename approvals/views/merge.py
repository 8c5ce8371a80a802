"""Merging a duplicate into a counterparty: find it, see what moves, confirm."""

from typing import Final

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from approvals.forms import DuplicateForm
from approvals.selectors.merging import merging
from approvals.services.merge import merge_counterparties
from core.clock import now as clock_now
from core.errors import ContoError
from core.ids import Prefix, from_public
from core.paging import text_in
from people.permissions import MemberRequest, actor_of, needs, tell_stored
from people.roles import Right
from spend.selectors.alike import likely_duplicates
from spend.selectors.counterparties import CounterpartyFilter, counterparties_page, counterparty_of

MOST_FOUND: Final = 10
"""Counterparties of a search; more is a reason to type more."""
UNPROCESSABLE: Final = 422


@require_http_methods(["GET", "POST"])
@needs(Right.MANAGE_COUNTERPARTIES)
def merge(request: MemberRequest, public_id: str) -> HttpResponse:
    """Choose the duplicate of a counterparty, compare both, merge."""
    form = DuplicateForm(request.POST if request.method == "POST" else request.GET)
    if request.method == "GET":
        return _page(request, public_id, form)
    if not form.is_valid():
        return _page(request, public_id, form, fault=" ".join(map(str, form.errors["duplicate"])), status=UNPROCESSABLE)
    try:
        merged = merge_counterparties(
            organization_id=request.member.organization_id,
            kept_id=from_public(Prefix.COUNTERPARTY, public_id),
            merged_id=form.cleaned_data["duplicate"],
            actor=actor_of(request),
            now=clock_now(),
        )
    except ContoError as error:
        return _page(request, public_id, form, fault=error.detail, status=error.status)
    tell_stored(request, merged, "Merged. What both have spent counts together from now on.")
    return redirect("spend:counterparty", public_id)


def _page(
    request: MemberRequest, public_id: str, form: DuplicateForm, *, fault: str = "", status: int = 200
) -> HttpResponse:
    organization_id, kept_id = request.member.organization_id, from_public(Prefix.COUNTERPARTY, public_id)
    search, chosen = text_in(request.GET, "q"), form.chosen()
    found = None
    if search and chosen is None:
        page = counterparties_page(organization_id, CounterpartyFilter(search=search), limit=MOST_FOUND + 1)
        found = [one for one in page.rows if one.id != kept_id][:MOST_FOUND]
    context = {
        "kept": counterparty_of(organization_id, kept_id),
        "search": search,
        "found": found,
        "alike": likely_duplicates(organization_id, kept_id),
        "shown": merging(organization_id, kept_id, chosen) if chosen else None,
        "form": form,
        "fault": fault,
    }
    return render(request, "approvals/merge.html", context, status=status)
