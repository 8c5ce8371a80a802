"""Analytics: what was spent, over time, by agent, counterparty, category, rail, label or policy."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Final

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from core.db import one_snapshot
from core.money import amount_text
from core.tables import csv_answer
from insight.forms import WORDS
from insight.selectors.ledger import Dimension
from insight.selectors.newcomers import newcomers
from insight.selectors.periods import Period
from insight.selectors.spending import Figure, Group, Spending, chart_of, lines_by_day, spending
from insight.views.asked import Asked, Tab, asked_in, frame, only
from insight.views.shown import with_query
from people.permissions import MemberRequest, needs
from people.roles import Right

NEWCOMERS_SHOWN: Final = 6
COLUMNS: Final = ("day", "id", "name", "paid", "came back", "net", "currency", "payments", "without authorization")
COMPARED: Final = "of"
"""The last column where a file compares: to which of the two periods the day belongs."""
THIS: Final = "this period"
BEFORE: Final = "the time before"


@dataclass(frozen=True, slots=True)
class Line:
    """One group of the table: its part of the whole, its payments, and the page with nothing but it."""

    group: Group
    share: Decimal | None
    payments_url: str
    only_url: str


@require_safe
@needs(Right.READ)
def analytics(request: MemberRequest) -> HttpResponse:
    """Show what was spent in the period of the address."""
    with one_snapshot():
        asked = asked_in(request)
        context = frame(request, asked, "insight:analytics") | {"before": asked.before}
        if asked.form.errors:
            return render(request, "insight/analytics.html", context)
        shown = spending(
            asked.ledger, asked.period, by=asked.form.by_what(), chosen=asked.chosen, is_compared_with=asked.before
        )
        met, number_met = newcomers(asked.ledger, asked.period, currency=asked.currency, limit=NEWCOMERS_SHOWN)
    figure = asked.form.of_what()
    payments = reverse("insight:payments")
    context |= {
        "shown": shown,
        "by_tabs": [
            Tab(one.value.capitalize(), with_query(request, by=one.value), one is shown.by) for one in Dimension
        ],
        "figures": [Tab(WORDS[one], with_query(request, figure=one.value), one is figure) for one in Figure],
        "chart": chart_of(shown, figure),
        "chart_title": f"{WORDS[figure]} by {shown.by.value}",
        "lines": [_line(request, shown, group) for group in shown.groups],
        "newcomers": met,
        "more_newcomers": number_met - len(met),
        "unauthorized_url": f"{payments}{with_query(request, unauthorized='on')}",
        "export_url": f"{reverse('insight:export')}{with_query(request)}",
    }
    return render(request, "insight/analytics.html", context)


@require_safe
@needs(Right.READ)
def export(request: MemberRequest) -> StreamingHttpResponse:
    """Send what the page shows as CSV: one line per day and group, those of the time before behind them."""
    asked = asked_in(request)
    asked.form.must_make_sense()
    by = asked.form.by_what()
    name = f"spend-by-{by.value}-{asked.period.first}-{asked.period.last}.csv"
    if asked.before is None:
        return csv_answer(name, COLUMNS, _cells(asked, asked.period, by))
    compared = chain(
        ((*cells, THIS) for cells in _cells(asked, asked.period, by)),
        ((*cells, BEFORE) for cells in _cells(asked, asked.before, by)),
    )
    return csv_answer(name, (*COLUMNS, COMPARED), compared)


def _cells(asked: Asked, period: Period, by: Dimension) -> Iterator[tuple[str, ...]]:
    for day, key, name, sums in lines_by_day(asked.ledger, period, by=by, chosen=asked.chosen):
        money = (sums.spent, sums.returned, sums.net)
        yield (
            day.isoformat(),
            key,
            name,
            *(amount_text(one) for one in money),
            asked.currency,
            str(sums.payments),
            amount_text(sums.unauthorized),
        )


def _line(request: MemberRequest, shown: Spending, group: Group) -> Line:
    one = only(request, shown.by, group.key)
    others = [dimension for dimension in Dimension if dimension is not shown.by]
    return Line(
        group,
        shown.share_of(group),
        f"{reverse('insight:payments')}{with_query(request, **{'by': '', **one})}",
        with_query(request, **{"by": others[0].value, **one}),
    )
