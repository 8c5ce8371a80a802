"""Filters of lists: kept under a name, and forgotten, each by the member whose they are."""

from typing import Final, cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.module_loading import import_string
from django.views.decorators.http import require_POST

from core.clock import now as clock_now
from core.errors import Invalid
from core.filters import Filter
from core.ids import Prefix, from_public, to_public
from core.paging import text_in
from people import services
from people.forms import KeepFilterForm, add_fault
from people.models import Listed
from people.permissions import MemberRequest, needs
from people.roles import Right

OF_ONE: Final = {
    Listed.RUNTIME_KEYS: Prefix.AGENT,
    Listed.CREDENTIALS: Prefix.AGENT,
    Listed.VERSIONS: Prefix.POLICY,
}
"""Lists whose address names what they are of."""


@require_POST
@needs(Right.READ)
def keep_filter(request: MemberRequest) -> HttpResponse:
    """Keep the filter of a list under a name, for oneself, and show that list again."""
    listed = _listed(request)
    list_url = _address(request, listed)
    form = KeepFilterForm(request.POST, reads=_form_of(listed))
    if form.is_valid():
        name, query = form.cleaned_data["name"], form.cleaned_data["query"]
        try:
            services.keep_filter(member_id=request.member.pk, listed=listed, name=name, query=query, now=clock_now())
        except Invalid as error:
            add_fault(form, error)
        else:
            messages.success(request, f"{name} is kept.")
            return redirect(f"{list_url}?{query}")
    messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect(f"{list_url}?{form.cleaned_data.get('query', '')}")


@require_POST
@needs(Right.READ)
def forget_filter(request: MemberRequest) -> HttpResponse:
    """Forget a filter that one keeps, and show all of the list."""
    listed = _listed(request)
    list_url = _address(request, listed)
    services.forget_filter(member_id=request.member.pk, listed=listed, name=text_in(request.POST, "name"))
    messages.success(request, "The filter is forgotten.")
    return redirect(list_url)


def _listed(request: MemberRequest) -> Listed:
    """Return the list that is meant; raises `Invalid` (`list_unknown`)."""
    asked = text_in(request.POST, "listed")
    if asked not in Listed.values:
        raise Invalid("list_unknown", "There is no such list to keep filters of.", field="listed")
    return Listed(asked)


def _address(request: MemberRequest, listed: Listed) -> str:
    """Return the address of the list, never one that was sent; raises `NotFound` for what is no id."""
    if listed not in OF_ONE:
        return reverse(listed.value)
    prefix = OF_ONE[listed]
    return reverse(listed.value, args=[to_public(prefix, from_public(prefix, text_in(request.POST, "id")))])


def _form_of(listed: Listed) -> type[Filter]:
    return cast(type[Filter], import_string(settings.FILTERED_LISTS[listed.value]))
