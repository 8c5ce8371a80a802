"""Accepting an invitation: by its link, with the account one has or with a new one."""

from typing import Final

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from core.clock import now as clock_now
from core.errors import Conflict
from core.http import address_of, request_id_of
from people import selectors, services
from people.forms import NewAccountForm, add_fault
from people.models import Invitation, Member, Person
from people.permissions import CHOSEN, person_actor

UNPROCESSABLE: Final = 422
GONE: Final = 404
SIGN_IN_BACKEND: Final = "people.authentication.Backend"


@require_http_methods(["GET", "POST"])
@never_cache
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Show who invites to what; on POST accept it, with the account of who is signed in or with a new one."""
    found = selectors.invitation_by_secret(secret, now=clock_now())
    if found is None:
        return render(request, "people/invitation_gone.html", status=GONE)
    person = request.user if isinstance(request.user, Person) else None
    if person is not None:
        return _accept(request, found, secret, person) if request.method == "POST" else _page(request, found)
    form = NewAccountForm(request.POST or None, email=found.email)
    if request.method == "GET" or selectors.has_account(found.email):
        return _page(request, found, form)
    return _create(request, found, secret, form)


def _accept(request: HttpRequest, found: Invitation, secret: str, person: Person) -> HttpResponse:
    try:
        member = services.accept_invitation(
            secret=secret, person=person, actor=person_actor(request, person), now=clock_now()
        )
    except Conflict as error:
        return _page(request, found, fault=error.detail, status=error.status)
    return _welcome(request, member)


def _create(request: HttpRequest, found: Invitation, secret: str, form: NewAccountForm) -> HttpResponse:
    if not form.is_valid():
        return _page(request, found, form, status=UNPROCESSABLE)
    try:
        member = services.accept_invitation_as_new_person(
            secret=secret,
            name=form.cleaned_data["name"],
            password=form.cleaned_data["password"],
            request_id=request_id_of(request),
            address=address_of(request),
            now=clock_now(),
        )
    except Conflict as error:
        add_fault(form, error)
        return _page(request, found, form, status=error.status)
    login(request, member.person, backend=SIGN_IN_BACKEND)
    return _welcome(request, member)


def _welcome(request: HttpRequest, member: Member) -> HttpResponse:
    request.session[CHOSEN] = str(member.organization_id)
    return redirect("/")


def _page(
    request: HttpRequest,
    found: Invitation,
    form: NewAccountForm | None = None,
    *,
    fault: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "invitation": found,
        "form": form,
        "has_account": form is not None and selectors.has_account(found.email),
        "fault": fault,
    }
    return render(request, "people/invitation.html", context, status=status)
