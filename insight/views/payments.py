"""The single payments behind a figure of analytics."""

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.views.stopping import stoppable
from core.canonical import moment_text
from core.db import one_snapshot
from core.money import amount_text
from core.paging import text_in
from core.tables import csv_answer
from insight.selectors.ledger import NOTHING, sums_by_currency
from insight.selectors.payments import Payment, Wanted, payments_page, payments_pages
from insight.views.asked import Asked, asked_in, frame
from insight.views.shown import with_query
from people.permissions import MemberRequest, needs
from people.roles import Right

COLUMNS = (
    "id", "recorded", "kind", "amount", "currency", "payee", "counterparty", "agent id", "agent", "category", "rail",
    "reference", "flags", "authorization",
)  # fmt: skip


@require_safe
@needs(Right.READ)
def payments(request: MemberRequest) -> HttpResponse:
    """List the payments and refunds that the filters let through, with what they add up to."""
    with one_snapshot():
        asked = asked_in(request)
        context = frame(request, asked, "insight:payments")
        if asked.form.errors:
            return render(request, "insight/payments.html", context)
        page = payments_page(_wanted(asked), cursor=text_in(request.GET, "cursor"))
        sums = sums_by_currency(asked.ledger, asked.period, asked.chosen).get(asked.currency, NOTHING)
    context |= {
        "rows": page.rows,
        "stoppable": stoppable(request, {one.agent_id for one in page.rows}),
        "next_cursor": page.next_cursor,
        "previous_cursor": page.previous_cursor,
        "sums": sums,
        "is_unauthorized": asked.form.is_unauthorized(),
        "label": f"Payments, {asked.form.order().words.lower()}",
        "export_url": f"{reverse('insight:export_payments')}{with_query(request)}",
    }
    return render(request, "insight/payments.html", context)


@require_safe
@needs(Right.READ)
def export_payments(request: MemberRequest) -> StreamingHttpResponse:
    """Send what the list shows as CSV, all pages of it."""
    asked = asked_in(request)
    asked.form.must_make_sense()
    name = f"payments-{asked.period.first}-{asked.period.last}.csv"
    return csv_answer(name, COLUMNS, map(_cells, payments_pages(_wanted(asked))))


def _wanted(asked: Asked) -> Wanted:
    return Wanted(
        organization_id=asked.ledger.organization_id,
        period=asked.period,
        chosen=asked.chosen,
        is_unauthorized=asked.form.is_unauthorized(),
        order=asked.form.order(),
    )


def _cells(one: Payment) -> tuple[str, ...]:
    return (
        one.id,
        moment_text(one.recorded_at),
        one.kind,
        amount_text(one.amount),
        one.currency,
        one.payee,
        one.counterparty,
        one.agent_id,
        one.agent,
        one.category,
        one.rail,
        one.reference,
        " ".join(one.flags),
        one.authorization,
    )
