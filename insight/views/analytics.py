"""Analytics: spend over time by agent, category or counterparty, and what was declined."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from approvals.selectors.activity import declined_by_reason
from core.clock import now as clock_now
from core.money import amount_text
from core.tables import csv_answer
from insight.forms import DAYS, AnalyticsForm
from insight.selectors.spending import Group, Spending, chart_of, currency_for, spending
from insight.views.shown import authorizations_url, with_query
from people.permissions import MemberRequest, needs
from people.roles import Right
from spend.selectors.analytics import Dimension

ROWS_SHOWN: Final = 25
COLUMNS: Final = ("day", "id", "name", "net", "currency")


@dataclass(frozen=True, slots=True)
class Tab:
    """One way to look at it: a grouping, a period, a currency."""

    label: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One group of the table with its part of the whole, and the payments behind it."""

    group: Group
    share: Decimal | None
    url: str


@require_safe
@needs(Right.READ)
def analytics(request: MemberRequest) -> HttpResponse:
    """Show what was spent and what was declined in the period of the address."""
    form = AnalyticsForm(request.GET)
    shown, currencies = _shown(request, form)
    period, organization_id = shown.period, request.member.organization_id
    context = {
        "form": form,
        "shown": shown,
        "tabs": [Tab(one.value.capitalize(), with_query(request, by=one.value), one is shown.by) for one in Dimension],
        "spans": [
            Tab(f"{days} days", with_query(request, days=str(days), since="", until=""), days == form.days_back())
            for days in DAYS
        ],
        "currencies": [Tab(one, with_query(request, currency=one), one == shown.currency) for one in currencies],
        "chart": chart_of(shown),
        "lines": [Line(group, shown.share_of(group), _url(shown, group)) for group in shown.groups[:ROWS_SHOWN]],
        "hidden": max(0, len(shown.groups) - ROWS_SHOWN),
        "declined": declined_by_reason(
            organization_id, since=period.since, until=period.until, currency=shown.currency
        ),
        "declined_url": authorizations_url(
            status="declined", since=period.first.isoformat(), until=period.last.isoformat()
        ),
        "export_url": f"{reverse('insight:export')}{with_query(request)}",
    }
    return render(request, "insight/analytics.html", context)


@require_safe
@needs(Right.READ)
def export(request: MemberRequest) -> StreamingHttpResponse:
    """Send what the page shows as CSV: one line per day and group, spent less returned."""
    shown, _ = _shown(request, AnalyticsForm(request.GET))
    name = f"spend-by-{shown.by.value}-{shown.period.first}-{shown.period.last}.csv"
    lines = ((day, group, net) for group in shown.groups for day, net in group.by_day.items())
    cells = (
        (day.isoformat(), group.key, group.name, amount_text(net), shown.currency)
        for day, group, net in sorted(lines, key=lambda line: (line[0], line[1].name))
    )
    return csv_answer(name, COLUMNS, cells)


def _shown(request: MemberRequest, form: AnalyticsForm) -> tuple[Spending, tuple[str, ...]]:
    organization = request.member.organization
    period = form.period(zone=organization.time_zone, now=clock_now())
    wanted = form.wanted_currency()
    currency, known = currency_for(organization.pk, period, wanted=wanted, own=organization.currency)
    return spending(organization.pk, period, by=form.by_what(), currency=currency), known


def _url(shown: Spending, group: Group) -> str:
    """Return where the payments behind a group are; empty where nothing names them."""
    if not group.key:
        return ""
    # A payment may have been asked for on the day before it was recorded.
    since, until = shown.period.first - timedelta(days=1), shown.period.last
    match shown.by:
        case Dimension.COUNTERPARTY:
            return reverse("spend:counterparty", args=[group.key])
        case Dimension.AGENT | Dimension.CATEGORY:
            chosen = {shown.by.value: group.key}
            return authorizations_url(**chosen, status="recorded", since=since.isoformat(), until=until.isoformat())
