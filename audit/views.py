"""The log page, the history of one object, the state of the seal, and what an auditor takes home."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from audit import verifier as verifier_file
from audit.catalogue import Action
from audit.forms import FilterForm
from audit.seal import public_key_text
from audit.selectors import (
    TABLE_COLUMNS,
    Filters,
    Page,
    SealState,
    Viewed,
    actors,
    event_of,
    events_of,
    export_lines,
    listed,
    seal_state,
    table_rows,
    with_names,
)
from audit.services.sealing import configured_key
from core.canonical import canonical_json
from core.chips import chips_of, without
from core.clock import now as clock_now
from core.http import MemberRequest, needs, tagged, unless_shown
from core.ids import Prefix, from_public, to_public
from core.paging import text_in
from core.tables import csv_answer
from core.templatetags.statuses import status_of

READ: Final = "read"
"""The name of the right, as the roles' table knows it."""
EVENTS_OF_AN_OBJECT: Final = 30
SUBJECT_PAGES: Final = {
    "agent": "agents:detail",
    "approval_request": "approvals:request",
    "authorization": "approvals:authorization",
    "counterparty": "spend:counterparty",
    "policy": "policies:detail",
}
"""The page of a subject, where there is one: addressed by its public id."""
PAGES_KEPT: Final = 1_000
"""Addresses that a process remembers: a stream that renews itself names the same subjects again and again."""


@dataclass(frozen=True, slots=True)
class Line:
    """One event as the timeline component and the table of the log draw it."""

    event: Viewed
    title: str
    when: datetime
    icon: str
    tone: str
    detail: str
    before: Mapping[str, object]
    after: Mapping[str, object]
    address: str
    subject_url: str
    compare_url: str
    """Where the versions stand side by side between which the event lies."""


@require_safe
@needs(READ)
def log(request: MemberRequest) -> HttpResponse:
    """Show everything that happened, newest first unless asked otherwise."""
    organization_id, form = request.member.organization_id, filter_form(request)
    page = Page([], "", "")
    if form.is_valid():
        page = listed(organization_id, form.filters(), form.order(), cursor=text_in(request.GET, "cursor"))
    context = {
        "form": form,
        "lines": lines(organization_id, page.events),
        "page": page,
        "chips": chips_of(request.GET, form.in_force()),
        "proof_url": f"{reverse('audit:export')}?{without(request.GET)}",
        "table_url": f"{reverse('audit:table')}?{without(request.GET)}",
    }
    return render(request, "audit/log.html", context | {"seal_part": seal_part(request)[1]})


@require_safe
@needs(READ)
def seal(request: MemberRequest) -> HttpResponse:
    """Show how far the log is sealed: the part of the log page that renews itself; 204 where nothing has changed."""
    return unless_shown(request, *seal_part(request))


@require_safe
@needs(READ)
def history(request: MemberRequest, subject_id: str) -> HttpResponse:
    """Show what happened to one object, as a part of other pages; who follows the link comes to the log."""
    if "\0" in subject_id:
        raise Http404("No id holds such a character.")
    if not request.htmx:
        return redirect(f"{reverse('audit:log')}?{urlencode({'subject': subject_id})}")
    organization_id = request.member.organization_id
    found = events_of(organization_id, subject_id, EVENTS_OF_AN_OBJECT)
    context = {
        "events": lines(organization_id, found),
        "subject_id": subject_id,
        "is_all": len(found) < EVENTS_OF_AN_OBJECT,
    }
    return render(request, "audit/history.html", context)


@require_safe
@needs(READ)
def export(request: MemberRequest) -> StreamingHttpResponse:
    """Send what is filtered, with its proofs, for `verifier.py`."""
    now = clock_now()
    name = f"conto-audit-{to_public(Prefix.ORGANIZATION, request.member.organization_id)}-{now:%Y%m%dT%H%M%SZ}.jsonl"
    return proofs(request, filter_form(request).filters(), name, now)


@require_safe
@needs(READ)
def event(request: MemberRequest, event_id: str) -> HttpResponse:
    """Show one event for good: what was stored, its place in the sealed log, and how to prove it."""
    organization_id = request.member.organization_id
    shown = event_of(organization_id, from_public(Prefix.EVENT, event_id))
    [told] = lines(organization_id, [shown])
    context = {"line": told, "stored": stored(shown)}
    return render(request, "audit/event.html", context | seal_context(request))


def stored(event: Viewed) -> str:
    """Return the canonical text of an event; one that was changed into what has none is told as well as it can be."""
    try:
        return canonical_json(event.form).decode()
    except TypeError:
        return json.dumps(event.form, ensure_ascii=False, sort_keys=True)


@require_safe
@needs(READ)
def event_proof(request: MemberRequest, event_id: str) -> StreamingHttpResponse:
    """Send one event with the proof that it is in the log, for `verifier.py`."""
    found, now = from_public(Prefix.EVENT, event_id), clock_now()
    event_of(request.member.organization_id, found)
    return proofs(request, Filters(event_id=found), f"conto-audit-{event_id}.jsonl", now)


@require_safe
@needs(READ)
def table(request: MemberRequest) -> StreamingHttpResponse:
    """Send what is filtered as CSV."""
    form = filter_form(request)
    rows = table_rows(request.member.organization_id, form.filters(), form.order())
    return csv_answer(f"audit-{clock_now():%Y-%m-%d}.csv", TABLE_COLUMNS, rows)


@require_safe
@needs(READ)
def checkpoint(request: MemberRequest) -> HttpResponse:
    """Send the last checkpoint: worth keeping where this server cannot reach it."""
    state = seal_state(request.member.organization_id)
    if not state.checkpoint:
        raise Http404("Nothing is sealed yet.")
    response = HttpResponse(state.checkpoint, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="conto-checkpoint-{state.size}.txt"'
    return response


@require_safe
@needs(READ)
def verifier(request: MemberRequest) -> FileResponse:  # noqa: ARG001 - every member gets the same file
    """Send the stand-alone verifier."""
    source = Path(verifier_file.__file__).open("rb")  # noqa: SIM115 - the response closes it
    return FileResponse(source, as_attachment=True, filename="verifier.py", content_type="text/x-python")


def proofs(request: MemberRequest, filters: Filters, name: str, now: datetime) -> StreamingHttpResponse:
    key = configured_key().public_key()
    sent = export_lines(request.member.organization_id, key=key, now=now, filters=filters)
    # The first two lines are drawn here, so that what refuses the export is answered as an error and not as half a
    # file: a log that is too broken to prove anything about a selection shows behind the first.
    begun = list(islice(sent, 2))
    response = StreamingHttpResponse(chain(begun, sent), content_type="application/x-ndjson")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def filter_form(request: MemberRequest) -> FilterForm:
    return FilterForm(request.GET, actors=actors(request.member.organization_id))


# --- What the pages show ----------------------------------------------------------------------------------------------


def seal_part(request: MemberRequest) -> tuple[str, SafeString]:
    """Return the `ETag` of the part that says how far the log is sealed, and the part."""
    return tagged(render_to_string("audit/seal.html", seal_context(request), request))


def seal_context(request: MemberRequest) -> dict[str, Any]:
    state: SealState = seal_state(request.member.organization_id)
    return {"seal": state, "public_key": public_key_text(configured_key().public_key())}


def lines(organization_id: UUID, events: Sequence[Viewed]) -> list[Line]:
    """Return events as pages draw them, each with its subject called by a name."""
    return [line(event) for event in with_names(organization_id, events)]


def line(event: Viewed) -> Line:
    look = status_of(event.action.rpartition(".")[2])
    before, after = event.changes
    return Line(
        event=event,
        title=event.sentence,
        when=event.at,
        icon=look.icon,
        tone=look.tone if event.is_as_sealed else "negative",
        detail="" if event.is_as_sealed else "This is not what was sealed: do not rely on it.",
        before=before,
        after=after,
        address=event.address,
        subject_url=subject_url(event),
        compare_url=compare_url(event),
    )


def subject_url(event: Viewed) -> str:
    """Return the address of the subject's page, or nothing where it has none."""
    return _page_of(event.subject_kind, event.subject_id)


@lru_cache(maxsize=PAGES_KEPT)
def _page_of(kind: str, subject_id: str) -> str:
    try:
        return reverse(SUBJECT_PAGES[kind], args=[subject_id])
    except (KeyError, NoReverseMatch):
        return ""


def compare_url(event: Viewed) -> str:
    """Return where a version that was enforced stands beside the one before it, or nothing for any other event."""
    before, after = (state.get("enforced") for state in event.changes)
    if event.action != Action.POLICY_PUBLISHED or not (isinstance(before, int) and isinstance(after, int)):
        return ""
    versions = urlencode({"from": before, "to": after})
    return f"{reverse('policies:compare', args=[event.subject_id])}?{versions}" if before != after else ""
