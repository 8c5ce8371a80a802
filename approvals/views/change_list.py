"""The list of changes that need a second person: what waits, what has ended, and its export."""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Final

from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.forms.listing import KINDS, STATES, ChangeFilterForm
from approvals.selectors.changes import public_id_of
from approvals.views.changes import lines_of
from core.canonical import moment_text
from core.clock import now as clock_now
from core.lists import around, asked_page, every
from core.paging import text_in
from core.tables import csv_answer
from people.models import ChangeEnd, ChangeKind, PendingChange
from people.permissions import MemberRequest, needs
from people.roles import Right
from people.selectors import WAITING, agreements_to, changes_waiting, listed_changes

COLUMNS: Final = (
    "id", "of what", "change", "status", "loosens", "proposed by id", "proposed by", "proposed", "waits until", "ended",
    "agreed", "ended by id", "ended by", "reason",
)  # fmt: skip


@require_GET
@needs(Right.READ)
def changes(request: MemberRequest) -> HttpResponse:
    """Show what waits for a second person, and what became of the others; of one status alone, those."""
    form, now = ChangeFilterForm(request.GET), clock_now()
    page = asked_page(request.GET, form, lambda: _listed(request, form, now))
    is_first = form.is_valid() and not text_in(request.GET, "cursor")
    waiting = _waiting(request, form, now) if is_first and not form.chosen("status") else ()
    list_url, export_url = reverse("approvals:changes"), reverse("approvals:export_changes")
    context = {
        "waiting": lines_of(request, waiting, now=now),
        "rows": lines_of(request, page.rows, now=now),
        "number": len(waiting) + len(page.rows),
        "title": STATES.get(form.chosen("status"), "Ended") if form.is_valid() else "",
        "is_ended": form.is_valid() and form.chosen("status") != WAITING,
        "is_first": is_first and not form.chosen("status"),
        **around(request.GET, form, page, list_url=list_url, export_url=export_url),
    }
    return render(request, "approvals/changes.html", context)


@require_GET
@needs(Right.READ)
def export_changes(request: MemberRequest) -> StreamingHttpResponse:
    """Send the changes of the list as CSV, those that wait first: all that the filter lets through."""
    form, now = ChangeFilterForm(request.GET), clock_now()
    form.must_make_sense()
    waiting = () if form.chosen("status") else _waiting(request, form, now)
    found = chain(waiting, every(_listed(request, form, now), form.order()))
    return csv_answer(f"changes-{now:%Y-%m-%d}.csv", COLUMNS, (tuple(_cells(one, now)) for one in found))


def _waiting(request: MemberRequest, form: ChangeFilterForm, now: datetime) -> tuple[PendingChange, ...]:
    return changes_waiting(request.member.organization_id, words=form.words(), kind=form.chosen("kind"), now=now)


def _listed(request: MemberRequest, form: ChangeFilterForm, now: datetime) -> QuerySet[PendingChange]:
    return listed_changes(
        request.member.organization_id,
        words=form.words(),
        kind=form.chosen("kind"),
        state=form.chosen("status"),
        now=now,
    )


def _cells(one: PendingChange, now: datetime) -> Iterator[str]:
    state = one.closed_as or (WAITING if one.expires_at > now else ChangeEnd.EXPIRED.value)
    yield from (public_id_of(one), KINDS[ChangeKind(one.kind)], one.title, STATES[state], " ".join(one.loosens))
    yield from (one.proposed_by_id, one.proposed_by_name, moment_text(one.created_at), moment_text(one.expires_at))
    yield "" if one.closed_at is None else moment_text(one.closed_at)
    yield ", ".join(given.name for given in agreements_to(one))
    yield from (one.closed_by_id, one.closed_by_name, one.reason)
