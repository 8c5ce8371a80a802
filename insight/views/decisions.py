"""How asks were answered and how long people took: two pages of analytics."""

from dataclasses import dataclass
from typing import Final

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from core.clock import now as clock_now
from core.db import one_snapshot
from core.money import amount_text
from core.paging import text_in
from core.tables import csv_answer
from insight.selectors.decisions import Decisions, Declined, currencies_asked_in, decisions, held_chart, outcomes_chart
from insight.selectors.latency import Waits, latency, latency_chart
from insight.selectors.ledger import ZERO, Dimension, ledger_of
from insight.views.asked import Asked, form_in, frame
from insight.views.shown import authorizations_url, with_query
from people.permissions import MemberRequest, needs
from people.roles import Right

REVIEW_COLUMNS: Final = (
    "from", "to", "reviewer id", "reviewer", "approved", "rejected", "median seconds", "nine in ten seconds",
    "longest seconds",
)  # fmt: skip
COLUMNS: Final = ("from", "to", "answer", "asks", "amount", "currency")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why asks were declined, and the list of them."""

    one: Declined
    url: str


@require_safe
@needs(Right.READ)
def shown_decisions(request: MemberRequest) -> HttpResponse:
    """Show how asks were answered, what was set aside and recorded, and why asks were declined."""
    with one_snapshot():
        asked, shown = _decisions(request)
        context = frame(request, asked, "insight:decisions", heeds=(Dimension.AGENT,))
    if asked.form.errors:
        return render(request, "insight/decisions.html", context)
    refused = shown.refused
    context |= {
        "shown": shown,
        "recorded": sum(shown.recorded.values(), ZERO),
        "allowed_share": _share(shown.total("allow").asks, shown.asked.asks),
        "refused_share": _share(refused.asks, shown.asked.asks),
        "outcomes": outcomes_chart(shown),
        "held": held_chart(shown),
        "reasons": [Reason(one, _declined_url(request, shown, one)) for one in shown.declined],
        "export_url": f"{reverse('insight:export_decisions')}{with_query(request)}",
    }
    return render(request, "insight/decisions.html", context)


@require_safe
@needs(Right.READ)
def export_decisions(request: MemberRequest) -> StreamingHttpResponse:
    """Send asks, per step of the chart and answer, as CSV."""
    with one_snapshot():
        asked, shown = _decisions(request)
    asked.form.must_make_sense()
    cells = (
        (step.first.isoformat(), step.last.isoformat(), word, str(said.asks), amount_text(said.amount), shown.currency)
        for step in asked.period.steps()
        for word, steps in sorted(shown.by_word.items())
        if (said := steps.get(step)) is not None
    )
    return csv_answer(f"decisions-{asked.period.first}-{asked.period.last}.csv", COLUMNS, cells)


@require_safe
@needs(Right.READ)
def review_times(request: MemberRequest) -> HttpResponse:
    """Show how long questions to people waited, over time and by reviewer."""
    with one_snapshot():
        asked = _asked(request)
        shown = latency(asked.ledger, asked.period)
        context = frame(request, asked, "insight:review_times", heeds=()) | {"currencies": ()}
    if asked.form.errors:
        return render(request, "insight/review_times.html", context)
    context |= {"shown": shown, "chart": latency_chart(shown)}
    context["export_url"] = f"{reverse('insight:export_review_times')}{with_query(request)}"
    return render(request, "insight/review_times.html", context)


@require_safe
@needs(Right.READ)
def export_review_times(request: MemberRequest) -> StreamingHttpResponse:
    """Send what the page of review times shows as CSV: everybody by step, then each reviewer over the whole period."""
    with one_snapshot():
        asked = _asked(request)
        asked.form.must_make_sense()
        shown = latency(asked.ledger, asked.period)
    period = asked.period
    by_step = ((step.first, step.last, "", "everybody", waits) for step, waits in shown.by_step.items())
    by_person = ((period.first, period.last, one.public_id, one.name, one.waits) for one in shown.reviewers)
    cells = (
        (first.isoformat(), last.isoformat(), person, name, *map(str, _numbers(waits)))
        for first, last, person, name, waits in (*by_step, *by_person)
    )
    return csv_answer(f"review-times-{period.first}-{period.last}.csv", REVIEW_COLUMNS, cells)


def _numbers(waits: Waits) -> tuple[int, ...]:
    return waits.approved, waits.rejected, waits.median, waits.nine_in_ten, waits.longest


def _decisions(request: MemberRequest) -> tuple[Asked, Decisions]:
    asked = _asked(request)
    return asked, decisions(asked.ledger, asked.period, currency=asked.currency, agent=asked.chosen.agent)


def _asked(request: MemberRequest) -> Asked:
    """Understand the address; the currencies are those of asks, which may all have been denied."""
    form, organization = form_in(request), request.member.organization
    ledger = ledger_of(organization)
    period = form.dates(zone=organization.time_zone, now=clock_now())
    known = currencies_asked_in(ledger, period)
    choices = (form.wanted_currency(), organization.currency, *known)
    currency = next((one for one in choices if one in known), organization.currency)
    return Asked(form, ledger, period, currency, known or (currency,))


def _share(part: int, whole: int) -> int | None:
    return round(100 * part / whole) if whole else None


def _declined_url(request: MemberRequest, shown: Decisions, one: Declined) -> str:
    """Return the list of exactly these asks: days are the organization's, whichever zone the viewer is in."""
    return authorizations_url(
        because=one.code,
        outcome="" if one.code else "deny",
        agent=text_in(request.GET, "agent"),
        zone="organization",
        currency=shown.currency,
        since=shown.period.first.isoformat(),
        until=shown.period.last.isoformat(),
    )
