"""Pegged currencies: which stablecoin counts with which currency."""

from typing import Final

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from core.clock import now as clock_now
from core.errors import ContoError
from people.permissions import MemberRequest, actor_of, needs, tell_stored
from people.roles import Right
from spend.forms import PegForm
from spend.selectors.counterparties import pegs_of
from spend.services import pegs as peg_services
from spend.views.tabs import tabs

UNPROCESSABLE: Final = 422


@require_safe
@needs(Right.READ)
def pegs(request: MemberRequest) -> HttpResponse:
    """Show the table."""
    return _page(request, PegForm())


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
    context = {
        "pegs": pegs_of(request.member.organization_id),
        "form": form,
        "may_manage": request.member.may(Right.MANAGE_COUNTERPARTIES),
        "tabs": tabs("spend:pegs"),
    }
    return render(request, "spend/pegs.html", context, status=status)
