"""The list of counterparties, and its export."""

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from core.canonical import moment_text
from core.chips import Chip, chips_of, without
from core.clock import now as clock_now
from core.filters import RECENT_WORDS
from core.paging import text_in
from core.tables import csv_answer
from core.templatetags.statuses import status_of
from people.permissions import MemberRequest, needs
from people.roles import Right
from spend.forms import CounterpartyFilterForm
from spend.selectors.counterparties import (
    CounterpartyPage,
    CounterpartyView,
    RecentlyPaid,
    counterparties_page,
    every_counterparty,
    recently_paid,
)
from spend.views.tabs import tabs

COLUMNS = ("id", "name", "reference", "standing", "country", "identifiers", "first seen", "note")


@require_safe
@needs(Right.READ)
def counterparties(request: MemberRequest) -> HttpResponse:
    """Show the counterparties that the filter of the address asks for."""
    organization_id, form = request.member.organization_id, CounterpartyFilterForm(request.GET)
    # What cannot be understood shows nothing: everything would pass for what was asked for.
    page, now = CounterpartyPage((), None), clock_now()
    if form.is_valid():
        page = counterparties_page(organization_id, form.chosen(now=now), cursor=text_in(request.GET, "cursor"))
    paid = recently_paid(organization_id, [row.id for row in page.rows], now=now)
    context = {
        "rows": [_row(row, paid.get(row.id, [])) for row in page.rows],
        "next_cursor": page.next_cursor,
        "previous_cursor": page.previous_cursor,
        "form": form,
        "chips": _chips(request, form),
        "export_url": f"{reverse('spend:export')}?{without(request.GET)}",
        "may_manage": request.member.may(Right.MANAGE_COUNTERPARTIES),
        "tabs": tabs("spend:counterparties"),
    }
    return render(request, "spend/counterparties.html", context)


@require_safe
@needs(Right.READ)
def export(request: MemberRequest) -> StreamingHttpResponse:
    """Send the counterparties of the list as CSV: all that the filter lets through."""
    now = clock_now()
    found = every_counterparty(request.member.organization_id, CounterpartyFilterForm(request.GET).chosen(now=now))
    return csv_answer(f"counterparties-{now:%Y-%m-%d}.csv", COLUMNS, map(_line, found))


def _row(one: CounterpartyView, paid: list[RecentlyPaid]) -> dict[str, object]:
    return {
        "one": one,
        "paid": paid,
        "agents": max((line.agents for line in paid), default=0),
        "last_asked_at": max((line.last_asked_at for line in paid), default=None),
    }


def _chips(request: MemberRequest, form: CounterpartyFilterForm) -> list[Chip]:
    typed = form.cleaned_data
    words = {"q": typed.get("q", ""), "standing": status_of(typed["standing"]).word if typed.get("standing") else ""}
    words["seen"] = f"First seen: {RECENT_WORDS[typed['seen']]}" if typed.get("seen") else ""
    return chips_of(request.GET, words.items())


def _line(row: CounterpartyView) -> list[str]:
    return [
        row.public_id,
        row.name,
        row.external_ref or "",
        status_of(row.standing).word,
        row.country,
        " ".join(row.identifiers),
        moment_text(row.first_seen_at),
        row.note,
    ]
