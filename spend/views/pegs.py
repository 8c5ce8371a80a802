"""Pegged currencies: which stablecoin counts with which currency."""

from typing import Final
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from core.clock import now as clock_now
from core.errors import ContoError
from core.lists import Page, around, page_of
from core.tables import csv_answer
from people.permissions import MemberRequest, actor_of, needs, tell_stored
from people.roles import Right
from spend.forms import PegFilterForm, PegForm
from spend.models import Peg
from spend.selectors.counterparties import listed_pegs
from spend.services import pegs as peg_services
from spend.views.tabs import tabs

UNPROCESSABLE: Final = 422
COLUMNS: Final = ("stablecoin", "counts with")


@require_safe
@needs(Right.READ)
def pegs(request: MemberRequest) -> HttpResponse:
    """Show the table."""
    return _page(request, PegForm())


@require_safe
@needs(Right.READ)
def export_pegs(request: MemberRequest) -> StreamingHttpResponse:
    """Send the pegs of the table as CSV: all that the filter lets through."""
    form = PegFilterForm(request.GET)
    form.must_make_sense()
    lines = ((one.currency, one.pegged_to) for one in _found(request.member.organization_id, form).rows)
    return csv_answer(f"pegs-{clock_now():%Y-%m-%d}.csv", COLUMNS, lines)


@require_POST
@needs(Right.MANAGE_COUNTERPARTIES)
def set_peg(request: MemberRequest) -> HttpResponse:
    """Let a stablecoin count with another currency."""
    form = PegForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=UNPROCESSABLE)
    currency, pegged_to = form.cleaned_data["currency"], form.cleaned_data["pegged_to"]
    try:
        stored = peg_services.set_peg(
            organization_id=request.member.organization_id,
            currency=currency,
            pegged_to=pegged_to,
            actor=actor_of(request),
            now=clock_now(),
        )
    except ContoError as error:
        form.add_error("pegged_to", error.detail)
        return _page(request, form, status=error.status)
    tell_stored(request, stored, f"{currency} counts with {pegged_to} from now on.")
    return redirect("spend:pegs")


@require_POST
@needs(Right.MANAGE_COUNTERPARTIES)
def remove_peg(request: MemberRequest, currency: str) -> HttpResponse:
    """Let a stablecoin count by itself."""
    stored = peg_services.remove_peg(
        organization_id=request.member.organization_id, currency=currency, actor=actor_of(request), now=clock_now()
    )
    tell_stored(request, stored, f"{currency} counts by itself from now on.")
    return redirect("spend:pegs")


def _page(request: MemberRequest, form: PegForm, *, status: int = 200) -> HttpResponse:
    organization_id, shown = request.member.organization_id, PegFilterForm(request.GET)
    page = _found(organization_id, shown)
    context = {
        "pegs": page.rows,
        "form": form,
        "may_manage": request.member.may(Right.MANAGE_COUNTERPARTIES),
        "tabs": tabs("spend:pegs"),
        **around(request.GET, shown, page, list_url=reverse("spend:pegs"), export_url=reverse("spend:export_pegs")),
    }
    return render(request, "spend/pegs.html", context, status=status)


def _found(organization_id: UUID, form: PegFilterForm) -> Page[Peg]:
    """Return all of them, for one page holds as many as an organization may have; nothing of what makes no sense."""
    if not form.is_valid():
        return Page()
    return page_of(listed_pegs(organization_id, words=form.words()), form.order(), limit=peg_services.MOST_PEGS)
