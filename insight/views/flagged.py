"""Records that do not fit what was authorized."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.selectors import agent_names
from agents.views.stopping import stoppable
from approvals.selectors.lists import agents_to_choose
from approvals.services.booking import Flag
from core.canonical import moment_text
from core.chips import chips_of
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from core.lists import Page
from core.money import amount_text
from core.paging import text_in
from core.tables import csv_answer
from core.templatetags.statuses import status_of
from insight.forms import FlaggedForm
from insight.views.asked import sections
from insight.views.shown import with_query
from people.permissions import MemberRequest, needs
from people.roles import Right
from spend.selectors.analytics import FlaggedRecord, flag_counts, flagged_page, flagged_pages
from spend.selectors.counterparties import counterparty_names

COLUMNS: Final = (
    "id", "reported", "kind", "amount", "currency", "payee", "agent id", "agent", "flags", "reference", "authorization",
)  # fmt: skip
COUNTED_FOR: Final = timedelta(days=30)
NOTHING: Final[Page[FlaggedRecord]] = Page()


@dataclass(frozen=True, slots=True)
class Tab:
    """One flag to look at."""

    label: str
    url: str
    is_current: bool
    count: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """One record of the list."""

    one: FlaggedRecord
    agent_id: str
    agent_name: str
    payee: str
    url: str


@require_safe
@needs(Right.READ)
def flagged(request: MemberRequest) -> HttpResponse:
    """Show the records of the filter in the address, newest first unless asked otherwise."""
    organization_id, now = request.member.organization_id, clock_now()
    form = _form(request)
    # What cannot be understood shows nothing: everything would pass for what was asked for.
    page = NOTHING
    if form.is_valid():
        cursor = text_in(request.GET, "cursor")
        page = flagged_page(
            organization_id,
            flag=form.chosen_flag(),
            agent_id=form.chosen_agent(),
            begins_at=form.begins_at(now=now),
            order=form.order(),
            cursor=cursor,
        )
    flag, agent_id = form.chosen_flag(), form.chosen_agent()
    counts = flag_counts(organization_id, since=now - COUNTED_FOR, agent_id=agent_id)
    names = agent_names(organization_id, {row.agent_id for row in page.rows})
    payees = counterparty_names(organization_id, {row.counterparty_id for row in page.rows if row.counterparty_id})
    lines = [_line(row, names[row.agent_id], payees) for row in page.rows]
    shown = [one.value for one in Flag if counts.get(one.value) or one.value == flag]
    context = {
        "form": form,
        "sections": sections(request, "insight:flagged"),
        "lines": lines,
        "label": f"Flagged records, {form.order().words.lower()}",
        "stoppable": stoppable(request, {one.agent_id for one in lines}),
        "next_cursor": page.next_cursor,
        "previous_cursor": page.previous_cursor,
        "tabs": [
            Tab("All", with_query(request, flag=""), not text_in(request.GET, "flag"), None),
            *(
                Tab(status_of(one, "flag").word, with_query(request, flag=one), one == flag, counts.get(one, 0))
                for one in shown
            ),
        ],
        "chips": chips_of(request.GET, form.in_force()),
        "clear_url": with_query(request, agent="", flag="", period=""),
        "export_url": f"{reverse('insight:export_flagged')}{with_query(request)}",
    }
    return render(request, "insight/flagged.html", context)


@require_safe
@needs(Right.READ)
def export_flagged(request: MemberRequest) -> StreamingHttpResponse:
    """Send what the list shows as CSV, all pages of it."""
    form = _form(request)
    form.must_make_sense()
    now = clock_now()
    lines = _every_line(request.member.organization_id, form, now)
    return csv_answer(f"flagged-records-{now:%Y-%m-%d}.csv", COLUMNS, map(_cells, lines))


def _form(request: MemberRequest) -> FlaggedForm:
    agents = agents_to_choose(request.member.organization_id, text_in(request.GET, "agent"))
    return FlaggedForm(request.GET, agents=agents)


def _every_line(organization_id: UUID, form: FlaggedForm, now: datetime) -> Iterator[Line]:
    every = flagged_pages(
        organization_id,
        flag=form.chosen_flag(),
        agent_id=form.chosen_agent(),
        begins_at=form.begins_at(now=now),
        order=form.order(),
    )
    for found in every:
        yield from _lines(organization_id, found)


def _lines(organization_id: UUID, found: Sequence[FlaggedRecord]) -> list[Line]:
    names = agent_names(organization_id, {row.agent_id for row in found})
    payees = counterparty_names(organization_id, {row.counterparty_id for row in found if row.counterparty_id})
    return [_line(row, names[row.agent_id], payees) for row in found]


def _line(row: FlaggedRecord, agent_name: str, payees: dict[UUID, str]) -> Line:
    url = ""
    if row.authorization_id:
        url = reverse("approvals:authorization", args=[to_public(Prefix.AUTHORIZATION, row.authorization_id)])
    payee = (row.counterparty_id and payees.get(row.counterparty_id)) or row.payee_name or ""
    return Line(row, to_public(Prefix.AGENT, row.agent_id), agent_name, payee, url)


def _cells(line: Line) -> tuple[str, ...]:
    one = line.one
    return (
        one.public_id,
        moment_text(one.recorded_at),
        one.kind,
        amount_text(one.amount),
        one.currency,
        line.payee,
        line.agent_id,
        line.agent_name,
        " ".join(one.flags),
        one.reference or "",
        to_public(Prefix.AUTHORIZATION, one.authorization_id) if one.authorization_id else "",
    )
