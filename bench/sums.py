"""What pages of analytics say, compared with direct sums of the ledger."""

import csv
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, cast

from django.test import Client

from bench.report import Report
from bench.world import World
from core.clock import now as clock_now
from core.db import one_snapshot, rows
from core.templatetags.conto import grouped
from insight.selectors.decisions import decisions
from insight.selectors.ledger import NONE, Chosen, Dimension, Ledger, ledger_of
from insight.selectors.periods import Period, last_days
from insight.selectors.spending import spending
from people.models import Organization
from spend.selectors.analytics import flag_counts

YEAR_DAYS: Final = 365
SPANS: Final = (30, 90, YEAR_DAYS)
FLAGGED_DAYS: Final = 30

GROUPED: Final = """
select {key}, sum(case r.kind when 'payment' then r.amount else -r.amount end)
from spend_spendrecord r join spend_hold h on h.id = r.hold_id {each}
where r.organization_id = %(organization)s and r.currency = 'USD' and r.recorded_at >= %(since)s
  and r.recorded_at < %(until)s
group by 1
"""
EACH_LABEL: Final = "join agents_agent g on g.id = r.agent_id left join unnest(g.labels) label on true"
EACH_POLICY: Final = """
left join lateral (
    select distinct c->>'policy' as policy
    from approvals_authorization a, jsonb_array_elements(a.decision->'checks') c
    where a.id = r.authorization_id and c->>'mode' = 'enforced' and c->>'outcome' <> 'not_applicable'
) said on true
"""
KEYS: Final = {
    Dimension.AGENT: ("r.agent_id::text", ""),
    Dimension.COUNTERPARTY: ("r.counterparty_id::text", ""),
    Dimension.CATEGORY: ("h.category", ""),
    Dimension.RAIL: ("h.rail", ""),
    Dimension.LABEL: ("label", EACH_LABEL),
    Dimension.POLICY: ("said.policy", EACH_POLICY),
}
WHOLE: Final = """
select sum(case kind when 'payment' then amount else -amount end),
    coalesce(sum(amount) filter (where 'unauthorized' = any(flags)), 0)
from spend_spendrecord where organization_id = %(organization)s and currency = 'USD' and recorded_at >= %(since)s
  and recorded_at < %(until)s
"""
FLAGGED: Final = """
select count(*) from spend_spendrecord where organization_id = %(organization)s and recorded_at >= %(since)s
  and 'unauthorized' = any(flags)
"""
DENIED: Final = """
select count(*) from approvals_authorization where organization_id = %(organization)s and outcome = 'deny'
  and currency = 'USD' and asked_at >= %(since)s and asked_at < %(until)s
"""


def compare(report: Report, place: World, client: Client) -> int:
    """Compare what pages and files say with direct sums; returns how many sums were compared."""
    organization, compared = Organization.objects.get(pk=place.organization_id), 0
    for days in SPANS:
        period = last_days(days, zone=organization.time_zone, now=clock_now())
        with one_snapshot():
            ledger = ledger_of(organization)
            for by in Dimension:
                compared += _compare_groups(report, ledger, period, by)
            refused = decisions(ledger, period, currency="USD").total("deny").asks
            denied = rows(DENIED, _params(ledger, period))[0][0]
        report.demand(refused == denied, f"{refused} denials in {days} days, not {denied}")
        compared += 1
    ledger = ledger_of(organization)
    return compared + _compare_texts(report, ledger, client) + _compare_flagged(report, ledger)


def _compare_groups(report: Report, ledger: Ledger, period: Period, by: Dimension) -> int:
    """Compare every group that a page lists, and all of them together."""
    shown = spending(ledger, period, by=by, chosen=Chosen(currency="USD"))
    found = _nets(ledger, period, by)
    for group in shown.groups:
        net = found.get(group.key)
        report.demand(group.net == net, f"{by.value} {group.name}: {group.net}, not {net}")
    report.demand(shown.number_of_groups == len(found), f"{shown.number_of_groups} groups of {by}, not {len(found)}")
    whole = rows(WHOLE, _params(ledger, period))[0]
    said = (shown.net, shown.all_of_it.unauthorized)
    report.demand(said == whole, f"by {by.value} everything is {said}, not {whole}")
    return len(shown.groups) + len(whole)


def _compare_texts(report: Report, ledger: Ledger, client: Client) -> int:
    """Compare what a page and a file say, as they say it."""
    period = last_days(90, zone=ledger.zone, now=clock_now())
    card = grouped(_nets(ledger, period, Dimension.RAIL)["card"])
    text = client.get("/analytics/?period=90&by=rail").content.decode()
    report.demand(card in text, f"the page does not say {card}")
    file = (line.decode() for line in client.get("/analytics/export/?period=90&by=rail"))
    net = sum(Decimal(line["net"]) for line in csv.DictReader(file))
    whole = rows(WHOLE, _params(ledger, period))[0][0]
    report.demand(net == whole, f"the file adds up to {net}, not {whole}")
    return 2


def _compare_flagged(report: Report, ledger: Ledger) -> int:
    """Compare how many flagged records their page counts."""
    since = clock_now() - timedelta(days=FLAGGED_DAYS)
    shown = flag_counts(ledger.organization_id, since=since).get("unauthorized", 0)
    found = rows(FLAGGED, {"organization": ledger.organization_id, "since": since})[0][0]
    report.demand(shown == found, f"{shown} records are flagged as unauthorized, not {found}")
    return 1


def _nets(ledger: Ledger, period: Period, by: Dimension) -> Mapping[str, Decimal]:
    """Return what each group spent, straight from the ledger."""
    key, each = KEYS[by]
    found = cast(list[tuple[str | None, Decimal]], rows(GROUPED.format(key=key, each=each), _params(ledger, period)))
    return {one or NONE: net for one, net in found}


def _params(ledger: Ledger, period: Period) -> dict[str, Any]:
    return {"organization": ledger.organization_id, "since": period.since, "until": period.until}
