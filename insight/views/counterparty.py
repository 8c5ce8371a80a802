"""What was spent at one counterparty, and what was asked for last: a section of its page."""

from typing import Final

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from approvals.selectors.lists import Chosen, authorizations_page
from core.clock import now as clock_now
from core.db import one_snapshot
from core.ids import Prefix, from_public
from core.paging import text_in
from insight.selectors.periods import last_days
from insight.selectors.spending import last_spending
from insight.views.shown import authorization_rows, fragment
from people.permissions import MemberRequest, needs
from people.roles import Right
from policies.selectors import policies_naming
from spend.selectors.counterparties import counterparty_of, merged_into

CHART_DAYS: Final = 30
SHOWN_ON_COUNTERPARTY: Final = 8
SHOWN_ALONE: Final = 50


@require_safe
@needs(Right.READ)
def counterparty_activity(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show spend by agent over the last month, and the authorizations; alone it is the whole list of them."""
    organization, now = request.member.organization, clock_now()
    shown = counterparty_of(organization.pk, from_public(Prefix.COUNTERPARTY, public_id))
    period = last_days(CHART_DAYS, zone=organization.time_zone, now=now)
    with one_snapshot():
        spent = last_spending(organization, period, counterparty_id=shown.id)
    page = authorizations_page(
        Chosen(organization_id=organization.pk, counterparty_id=shown.id),
        now=now,
        cursor=text_in(request.GET, "cursor"),
        limit=SHOWN_ON_COUNTERPARTY if request.htmx else SHOWN_ALONE,
    )
    context = {
        "counterparty": shown,
        "spent": spent,
        "has_merged": bool(merged_into(organization.pk, shown.id)),
        "by_day": spent.by_day(),
        "rows": authorization_rows(page.rows),
        "next_cursor": page.next_cursor,
        "previous_cursor": page.previous_cursor,
        "policies": policies_naming(organization.pk, [shown.public_id, *shown.identifiers]),
        "is_alone": not request.htmx,
    }
    return render(request, fragment(request, "insight/counterparty.html"), context)
