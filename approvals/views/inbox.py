"""The inbox: the queue of what waits for people, and one request with all that a yes or no rests on."""

from datetime import datetime
from functools import cache, partial
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET
from django_htmx.http import push_url, trigger_client_event

from approvals.forms import NoteForm, QueueForm
from approvals.selectors.changes import number_to_agree
from approvals.selectors.inbox import detail, waiting
from approvals.selectors.lists import agents_to_choose
from approvals.selectors.queue import (
    MOST_COUNTED,
    Queue,
    Wanted,
    next_to_answer,
    number_waiting,
    queue,
    rows_of_queue,
    who_left,
)
from approvals.views.changes import lines_of
from approvals.views.shown import PANE, detail_of, is_for_pane, kept_in, pane_of
from core.clock import now as clock_now
from core.http import tagged, unless_shown
from core.ids import Prefix, from_public, to_public
from core.paging import text_in
from people.permissions import MemberRequest, needs
from people.roles import Right
from people.selectors import changes_waiting

MOST_LEFT: Final = 10
"""Requests that a page asks about at once because they have left its queue."""


@require_GET
@needs(Right.READ)
def inbox(request: MemberRequest) -> HttpResponse:
    """Show the queue, and beside it the first request that the viewer has not answered."""
    now, form = clock_now(), _form(request)
    wanted = form.wanted(request.member)
    if "after" in request.GET or is_for_pane(request):
        return _onward(request, wanted, now)
    found = _queue(request, wanted, now)
    chosen = next((place for place in found.places if place.own is None), next(iter(found.places), None))
    return _page(request, form, wanted, found, chosen.id if chosen else None, now)


@require_GET
@needs(Right.READ)
def request(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show the queue with one request chosen, also where that has been decided meanwhile."""
    now = clock_now()
    if is_for_pane(request):
        return render(request, PANE, pane_of(request, detail_of(request, public_id), now=now))
    form = _form(request)
    wanted = form.wanted(request.member)
    chosen = from_public(Prefix.AUTHORIZATION, public_id)
    return _page(request, form, wanted, _queue(request, wanted, now), chosen, now, is_alone=True)


def confirming(request: MemberRequest, public_id: str, *, note_form: NoteForm) -> HttpResponse:
    """Show the queue with the request whose approval has to be confirmed, and what was typed about it before."""
    now, form = clock_now(), _form(request)
    wanted = form.wanted(request.member)
    chosen = from_public(Prefix.AUTHORIZATION, public_id)
    found = _queue(request, wanted, now)
    return _page(request, form, wanted, found, chosen, now, is_alone=True, is_confirming=True, note_form=note_form)


@require_GET
@needs(Right.READ)
def queue_now(request: MemberRequest) -> HttpResponse:
    """Show the queue as it is now; answer 204 where the page that asks has `seen` just that."""
    # Nobody chooses here: names are read only to check the one that is asked for, a form is made only to read a filter.
    now, form = clock_now(), cache(partial(_form if text_in(request.GET, "agent") else _form_without_names, request))
    is_filtered = any(name in request.GET for name in QueueForm.base_fields)
    wanted = form().wanted(request.member) if is_filtered else Wanted(member=request.member)
    found = _queue(request, wanted, now)
    if found.version == text_in(request.GET, "seen"):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return render(request, "approvals/queue.html", _queue_context(request, form(), wanted, found, now))


@require_GET
@needs(Right.READ)
def left(request: MemberRequest) -> HttpResponse:
    """Say what others did with requests that have left the queue of the page that asks."""
    ids = [from_public(Prefix.AUTHORIZATION, one) for one in request.GET.getlist("id")[:MOST_LEFT]]
    gone = [one for one in who_left(request.member, ids) if not one.is_own]
    return render(request, "approvals/left.html", {"gone": gone})


@require_GET
@needs(Right.READ)
def waiting_count(request: MemberRequest) -> HttpResponse:
    """Say how many requests wait, and changes that the viewer can agree to; 204 where the page that asks shows it."""
    now = clock_now()
    number = waiting(request.member.organization_id, now=now).count() + number_to_agree(request.member, now=now)
    context = {"url": request.path, "number": number, "is_known": True}
    return unless_shown(request, *tagged(render_to_string("components/place_count.html", context)))


def _onward(request: MemberRequest, wanted: Wanted | None, now: datetime) -> HttpResponse:
    """Lead to the next request behind the one just answered, or to the whole inbox where none is left."""
    answered = text_in(request.GET, "after")
    after = from_public(Prefix.AUTHORIZATION, answered) if answered else None
    found = next_to_answer(wanted, now=now, after=after) if wanted else None
    kept = kept_in(request)
    name = to_public(Prefix.AUTHORIZATION, found) if found else ""
    address = reverse("approvals:request", args=[name]) if name else reverse("approvals:inbox")
    if not is_for_pane(request):
        return redirect(f"{address}{kept}")
    shown = detail_of(request, name) if name else None
    answer = render(request, PANE, pane_of(request, shown, now=now))
    return trigger_client_event(push_url(answer, f"{address}{kept}"), "reviewed")


def _form(request: MemberRequest) -> QueueForm:
    agents = agents_to_choose(request.member.organization_id, text_in(request.GET, "agent"))
    return QueueForm(request.GET, agents=agents)


def _form_without_names(request: MemberRequest) -> QueueForm:
    return QueueForm(request.GET, agents=[])


def _queue(request: MemberRequest, wanted: Wanted | None, now: datetime) -> Queue:
    # What cannot be understood shows nothing: everything would pass for what was asked for.
    return queue(wanted, now=now, cursor=text_in(request.GET, "cursor")) if wanted else Queue((), "")


def _page(
    request: MemberRequest,
    form: QueueForm,
    wanted: Wanted | None,
    found: Queue,
    chosen: UUID | None,
    now: datetime,
    **more: Any,
) -> HttpResponse:
    changes = changes_waiting(request.member.organization_id, now=now)
    shown = detail(request.member.organization_id, chosen, member=request.member, now=now) if chosen else None
    context = {
        **_queue_context(request, form, wanted, found, now),
        **pane_of(request, shown, now=now),
        "changes": lines_of(request, changes, now=now),
        **more,
    }
    return render(request, "approvals/inbox.html", context)


def _queue_context(
    request: MemberRequest, form: QueueForm, wanted: Wanted | None, found: Queue, now: datetime
) -> dict[str, Any]:
    number = number_waiting(wanted, now=now) if wanted else 0
    return {
        "form": form,
        "queue": found,
        "rows": rows_of_queue(found.places, now=now),
        "number": f"{MOST_COUNTED:,}+" if number > MOST_COUNTED else f"{number}",
        "may_review": request.member.may(Right.REVIEW),
        "kept": kept_in(request),
        "others": kept_in(request, "who", "cursor"),
        "is_behind": "cursor" in request.GET,
    }
