"""The page of one counterparty: what is known of it, who pays it; creating it, changing it, its standing."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.clock import now as clock_now
from core.errors import ContoError
from core.ids import Prefix, from_public, to_public
from core.templatetags.statuses import status_of
from people.forms import add_fault
from people.permissions import MemberRequest, actor_of, needs, tell_stored, tell_waiting
from people.roles import Right
from people.services import Awaiting
from spend.forms import CounterpartyForm, IdentifierForm, NewCounterpartyForm, StandingForm, sent
from spend.selectors.alike import Called, likely_duplicates, namesakes
from spend.selectors.counterparties import (
    counterparty_of,
    merged_into,
    payers_of,
    present_counterparty,
    together,
)
from spend.services import changes

UNPROCESSABLE: Final = 422


@require_safe
@needs(Right.READ)
def counterparty(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show one counterparty."""
    return _page(request, public_id)


@require_http_methods(["GET", "POST"])
@needs(Right.MANAGE_COUNTERPARTIES)
def new(request: MemberRequest) -> HttpResponse:
    """Create a counterparty and go on to its page."""
    form = NewCounterpartyForm(sent(request))
    if request.method == "GET" or not form.is_valid():
        return _form_page(request, form, status=200 if request.method == "GET" else UNPROCESSABLE)
    try:
        created = changes.create_counterparty(
            organization_id=request.member.organization_id,
            change=form.change(),
            external_ref=form.cleaned_data["external_ref"] or None,
            actor=actor_of(request),
            now=clock_now(),
        )
    except ContoError as error:
        return _refused(request, form, error)
    if isinstance(created, Awaiting):
        tell_waiting(request)
        return redirect("spend:counterparties")
    messages.success(request, f"{form.cleaned_data['name']} is created.")
    return redirect("spend:counterparty", to_public(Prefix.COUNTERPARTY, created))


@require_http_methods(["GET", "POST"])
@needs(Right.MANAGE_COUNTERPARTIES)
def edit(request: MemberRequest, public_id: str) -> HttpResponse:
    """Change a counterparty's name, country and note."""
    organization_id, found = request.member.organization_id, from_public(Prefix.COUNTERPARTY, public_id)
    form = CounterpartyForm(sent(request), counterparty=counterparty_of(organization_id, found))
    if request.method == "GET" or not form.is_valid():
        return _form_page(request, form, public_id, status=200 if request.method == "GET" else UNPROCESSABLE)
    try:
        stored = changes.change_counterparty(
            organization_id=organization_id,
            counterparty_id=found,
            change=form.change(),
            actor=actor_of(request),
            now=clock_now(),
        )
    except ContoError as error:
        return _refused(request, form, error, public_id)
    tell_stored(request, stored, "The counterparty is stored.")
    return redirect("spend:counterparty", public_id)


@require_POST
@needs(Right.MANAGE_COUNTERPARTIES)
def set_standing(request: MemberRequest, public_id: str) -> HttpResponse:
    """Say what the organization makes of the counterparty."""
    form = StandingForm(request.POST)
    if not form.is_valid():
        return _page(request, public_id, standing_form=form, status=UNPROCESSABLE)
    stored = changes.set_standing(
        organization_id=request.member.organization_id,
        counterparty_id=from_public(Prefix.COUNTERPARTY, public_id),
        standing=form.cleaned_data["standing"],
        reason=form.cleaned_data["reason"],
        actor=actor_of(request),
        now=clock_now(),
    )
    word = status_of(form.cleaned_data["standing"]).word.lower()
    tell_stored(request, stored, f"The standing is {word}, for every payment decided from now on.")
    return redirect("spend:counterparty", public_id)


@require_POST
@needs(Right.MANAGE_COUNTERPARTIES)
def add_identifier(request: MemberRequest, public_id: str) -> HttpResponse:
    """Tie one more identifier to the counterparty."""
    form = IdentifierForm(request.POST)
    if not form.is_valid():
        return _page(request, public_id, identifier_form=form, status=UNPROCESSABLE)
    try:
        stored = changes.add_identifier(
            organization_id=request.member.organization_id,
            counterparty_id=from_public(Prefix.COUNTERPARTY, public_id),
            identifier=form.identifier(),
            actor=actor_of(request),
            now=clock_now(),
        )
    except ContoError as error:
        form.add_error("value", error.detail)
        return _page(request, public_id, identifier_form=form, status=error.status)
    tell_stored(request, stored, "The identifier is added.")
    return redirect("spend:counterparty", public_id)


@require_POST
@needs(Right.MANAGE_COUNTERPARTIES)
def remove_identifier(request: MemberRequest, public_id: str) -> HttpResponse:
    """Take an identifier away from the counterparty."""
    stored = changes.remove_identifier(
        organization_id=request.member.organization_id,
        counterparty_id=from_public(Prefix.COUNTERPARTY, public_id),
        identifier=request.POST.get("identifier", ""),
        actor=actor_of(request),
        now=clock_now(),
    )
    tell_stored(request, stored, "The identifier is taken away.")
    return redirect("spend:counterparty", public_id)


def _page(request: MemberRequest, public_id: str, *, status: int = 200, **forms: Any) -> HttpResponse:
    organization_id, found = request.member.organization_id, from_public(Prefix.COUNTERPARTY, public_id)
    shown, payers = counterparty_of(organization_id, found), payers_of(organization_id, found)
    context = {
        "shown": shown,
        "payers": payers,
        "together": together(payers),
        "standing_form": StandingForm(initial={"standing": shown.standing}),
        "identifier_form": IdentifierForm(),
        "may_manage": request.member.may(Right.MANAGE_COUNTERPARTIES) and shown.merged_into is None,
        "merged": merged_into(organization_id, found),
        "present": present_counterparty(organization_id, found) if shown.merged_into else None,
        "alike": likely_duplicates(organization_id, found),
        "namesakes": () if shown.merged_into else namesakes(organization_id, Called([shown.name], found)),
    }
    return render(request, "spend/counterparty.html", context | forms, status=status)


def _form_page(request: MemberRequest, form: CounterpartyForm, public_id: str = "", *, status: int) -> HttpResponse:
    back = reverse("spend:counterparty", args=[public_id]) if public_id else reverse("spend:counterparties")
    return render(request, "spend/form.html", {"form": form, "is_new": not public_id, "back": back}, status=status)


def _refused(request: MemberRequest, form: CounterpartyForm, error: ContoError, public_id: str = "") -> HttpResponse:
    """Show a refusal at its field; that of one identifier stands at all of them."""
    if error.field is not None and error.field.startswith("identifiers"):
        error.field = "identifiers"
    add_fault(form, error)
    return _form_page(request, form, public_id, status=error.status)
