"""The list of counterparties, and its export."""

import csv
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from core.canonical import moment_text
from core.clock import now as clock_now
from core.paging import text_in
from core.templatetags.statuses import status_of
from people.permissions import MemberRequest, needs
from people.roles import Right
from spend.forms import CounterpartyFilterForm
from spend.selectors.counterparties import LARGEST_EXPORT, CounterpartyView, counterparties_page, recently_paid
from spend.views.tabs import tabs

COLUMNS = ("id", "name", "reference", "standing", "country", "identifiers", "first seen", "note")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run instead of showing."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force, and the address that takes it away."""

    label: str
    url: str


@require_safe
@needs(Right.READ)
def counterparties(request: MemberRequest) -> HttpResponse:
    """Show the counterparties that the filter of the address asks for."""
    organization_id, form = request.member.organization_id, CounterpartyFilterForm(request.GET)
    page = counterparties_page(organization_id, form.chosen(), cursor=text_in(request.GET, "cursor"))
    paid = recently_paid(organization_id, [row.id for row in page.rows], now=clock_now())
    context = {
        "rows": [{"one": row, "paid": paid.get(row.id, [])} for row in page.rows],
        "next_cursor": page.next_cursor,
        "form": form,
        "chips": _chips(request, form),
        "export_url": f"{reverse('spend:export')}?{_without(request, 'cursor')}",
        "may_manage": request.member.may(Right.MANAGE_COUNTERPARTIES),
        "tabs": tabs("spend:counterparties"),
    }
    return render(request, "spend/counterparties.html", context)


@require_safe
@needs(Right.READ)
def export(request: MemberRequest) -> HttpResponse:
    """Send the counterparties of the list as CSV: all that the filter lets through, up to a limit."""
    chosen, now = CounterpartyFilterForm(request.GET).chosen(), clock_now()
    page = counterparties_page(request.member.organization_id, chosen, limit=LARGEST_EXPORT)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="counterparties-{now:%Y-%m-%d}.csv"'
    writer = csv.writer(response)
    writer.writerow(COLUMNS)
    writer.writerows([_cell(text) for text in _line(row)] for row in page.rows)
    return response


def _chips(request: MemberRequest, form: CounterpartyFilterForm) -> list[Chip]:
    typed = form.cleaned_data
    words = {"q": typed.get("q", ""), "standing": status_of(typed["standing"]).word if typed.get("standing") else ""}
    return [Chip(word, f"?{_without(request, name, 'cursor')}") for name, word in words.items() if word]


def _without(request: MemberRequest, *names: str) -> str:
    query = request.GET.copy()
    for name in names:
        query.pop(name, None)
    return query.urlencode()


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


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
