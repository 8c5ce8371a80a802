"""One's own account, and the organization one works in."""

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from core.clock import now as clock_now
from people import selectors, services
from people.authentication import THEME_COOKIE, keep_theme
from people.forms import THEME_CHOICES, AccountForm
from people.permissions import CHOSEN, PersonRequest, person_actor, signed_in
from people.views.tabs import settings_tabs

UNPROCESSABLE: Final = 422


@require_http_methods(["GET", "POST"])
@signed_in
def account(request: PersonRequest) -> HttpResponse:
    """Show and store what a person says about themselves; needs no membership."""
    if request.method == "GET":
        return _page(request, AccountForm.of(request.user, theme=_theme(request)))
    form = AccountForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=UNPROCESSABLE)
    services.change_account(
        person=request.user, settings=form.settings(), actor=person_actor(request, request.user), now=clock_now()
    )
    messages.success(request, "Your account is stored.")
    response = redirect("people:account")
    keep_theme(response, form.cleaned_data["theme"], is_secure=request.is_secure())
    return response


@require_POST
@signed_in
def switch(request: PersonRequest) -> HttpResponse:
    """Work in another of one's organizations; any other one is not found."""
    membership = selectors.membership_in(request.user, request.POST.get("organization", ""))
    request.session[CHOSEN] = str(membership.organization_id)
    return redirect("/")


def _page(request: HttpRequest, form: AccountForm, *, status: int = 200) -> HttpResponse:
    zone = timezone.get_current_timezone_name()
    context = {"form": form, "tabs": settings_tabs(request, "people:account"), "zone": zone, "now": clock_now()}
    return render(request, "people/account.html", context, status=status)


def _theme(request: PersonRequest) -> str:
    shown = request.COOKIES.get(THEME_COOKIE, "")
    return shown if shown in dict(THEME_CHOICES) else request.user.theme
