"""The first page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from approvals.selectors.lists import Chosen, authorizations_page
from approvals.selectors.queue import MOST_COUNTED, Wanted, number_waiting
from approvals.selectors.told import OVERDUE
from audit.selectors import SealState
from core.clock import now as clock_now
from core.db import one_snapshot
from core.filters import LAST_DAY, LAST_WEEK
from core.templatetags.statuses import status_of
from insight.selectors.anomalies import Anomalies, BooksState, Health, anomalies_of, health_of
from insight.selectors.fleet import Fleet
from insight.selectors.overview import Beginning, Needs, UsedLimit, beginning_of, most_used_limits, needs_of
from insight.selectors.periods import Preset, preset
from insight.selectors.spending import Spending, chart_of, last_spending
from insight.views.shown import authorization_rows, authorizations_url
from people.models import Member
from people.permissions import MemberRequest, needs
from people.roles import Right
from spend.selectors.by_agent import Unasked

CHART_PERIOD: Final = Preset.DAYS_30
WEEK_DAYS: Final = 7
CURRENCIES_BESIDE: Final = 2
"""Other currencies whose spend stands under that of the one shown."""
UNAUTHORIZED: Final = "unauthorized"
DECISIONS_SHOWN: Final = 8
HEALTH: Final = "#health"
"""The card on the same page that says who looked, when, and what was found."""
LONG_IN_DOUBT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing that needs somebody: what, how many, and where to look."""

    icon: str
    tone: str
    number: int
    title: str
    detail: str
    url: str
    offenders: Sequence[Unasked] = ()

    @property
    def more_offenders(self) -> int:
        """How many agents did it that are not named."""
        return self.offenders[0].of - len(self.offenders) if self.offenders else 0


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first steps of an organization; `url` is empty where the viewer cannot take it."""

    title: str
    text: str
    is_done: bool
    url: str
    label: str
    is_next: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """What was spent in a currency that is not the one shown, and the page that shows it."""

    net: Decimal
    currency: str
    url: str


@require_safe
@needs(Right.READ)
def overview(request: MemberRequest) -> HttpResponse:
    """Show what needs somebody now and where the money goes; an organization is led to its first answer before."""
    organization, now = request.member.organization, clock_now()
    beginning = beginning_of(organization.pk, now=now)
    if not beginning.is_over:
        return render(request, "insight/start.html", _start(request, beginning))
    period = preset(CHART_PERIOD, zone=organization.time_zone, now=now)
    with one_snapshot():
        shown = last_spending(organization, period)
    by_day, needed = shown.by_day(), needs_of(organization.pk, now=now)
    recent = authorizations_page(Chosen(organization_id=organization.pk), now=now, limit=DECISIONS_SHOWN).rows
    odd, health = anomalies_of(organization.pk, now=now), health_of(organization.pk, overdue=needed.overdue, now=now)
    context = {
        "may_freeze": request.member.may(Right.FREEZE),
        "matters": matters_of(needed, odd, health, mine=_waiting_for(request.member, needed, now), now=now),
        "health": health,
        "fleet": needed.fleet,
        "expiring_first": authorization_rows(needed.expiring_first),
        "shown": shown,
        "also": _also(shown),
        "more_currencies": max(0, len(shown.in_others) - CURRENCIES_BESIDE),
        "all_spend_url": _spend_url(),
        "spent_today": by_day[-1],
        "spent_in_week": sum(by_day[-WEEK_DAYS:]),
        "chart": chart_of(shown),
        "limits": [_limit(one) for one in most_used_limits(organization, now=now)],
        "rows": authorization_rows(recent),
    }
    return render(request, "insight/overview.html", context)


def matters_of(needed: Needs, odd: Anomalies, health: Health, *, mine: int, now: datetime) -> list[Matter]:
    """Return what needs somebody, the most urgent first; a reviewer is led to the `mine` that wait for them.

    Where the seal of the log is broken nothing of the past can be trusted, where the books are wrong no limit: these
    stand before everything else.
    """
    books = health.books
    flagged = ", ".join(f"{number} {status_of(flag, 'flag').word.lower()}" for flag, number in needed.flags.items())
    doubt = needed.in_doubt
    is_long = doubt.oldest is not None and doubt.oldest < now - LONG_IN_DOUBT
    matters = [
        _seal_matter(health.seal),
        Matter(
            "scale",
            "negative",
            books.faults,
            _many(books.faults, "fault") + " in the books",
            "What is counted does not fit what happened: manage.py check_books names each difference.",
            HEALTH,
        ),
        _inbox_matter(needed, mine),
        Matter(
            "alert-triangle",
            "negative",
            needed.flags.get(UNAUTHORIZED, 0),
            "paid without an authorization in 7 days",
            "Money moved and Conto was not asked: look at the agent, or freeze it.",
            f"{reverse('insight:flagged')}?flag={UNAUTHORIZED}&period={LAST_WEEK}",
            needed.unasked,
        ),
        Matter(
            "help-circle",
            "negative" if is_long else "doubt",
            doubt.number,
            "in doubt" + (", the oldest for more than a day" if is_long else ""),
            "The app does not know whether money moved; what was held stays set aside.",
            authorizations_url(status="in_doubt"),
        ),
        *_denial_matters(odd),
        Matter(
            "flag",
            "caution",
            # Those without an authorization have their own line, where there is nothing else.
            needed.flagged if set(needed.flags) - {UNAUTHORIZED} else 0,
            "flagged in 7 days",
            flagged,
            f"{reverse('insight:flagged')}?period={LAST_WEEK}",
        ),
        Matter(
            "clock-off",
            "negative",
            needed.overdue,
            "overdue",
            "Their time is over and the worker has not ended them: does it run?",
            authorizations_url(status=OVERDUE),
        ),
        *_unchecked_matters(books, now=now),
        Matter(
            "building-store",
            "info",
            odd.new_counterparties,
            _many(odd.new_counterparties, "new payee") + " in 7 days",
            "Nobody has judged them yet: trust or block those you know.",
            f"{reverse('spend:counterparties')}?standing=unknown&seen={LAST_WEEK}",
        ),
        *_fleet_matters(needed.fleet),
    ]
    return [matter for matter in matters if matter.number]


def _waiting_for(member: Member, needed: Needs, now: datetime) -> int:
    """Return how many of those that wait the member may answer."""
    if not needed.waiting or not member.may(Right.REVIEW):
        return 0
    return number_waiting(Wanted(member=member, is_mine=True), now=now)


def _inbox_matter(needed: Needs, mine: int) -> Matter:
    # Counted one after the other: an ask may have come in between.
    inbox, others = reverse("approvals:inbox"), max(0, needed.waiting - mine)
    if not mine:
        return Matter("inbox", "info", needed.waiting, "waiting for the reviewers", "", inbox)
    if mine > MOST_COUNTED:
        return Matter("inbox", "caution", MOST_COUNTED, "or more wait for a review of yours", "", f"{inbox}?who=mine")
    detail = f"{others} more {'waits' if others == 1 else 'wait'} for others." if others else ""
    return Matter("inbox", "caution", mine, "waiting for a review of yours", detail, f"{inbox}?who=mine")


def _seal_matter(seal: SealState) -> Matter:
    number = max(1, seal.faults) if seal.status == "broken" else 0
    return Matter(
        "fingerprint",
        "negative",
        number,
        _many(number, "fault") + " in the audit log: its seal is broken",
        "What is told is not what was sealed. Keep a copy of everything; manage.py verify_audit names each place.",
        reverse("audit:log"),
    )


def _denial_matters(odd: Anomalies) -> list[Matter]:
    return [
        Matter(
            "ban",
            "negative",
            one.number,
            f"denials for {one.name} in 24 hours",
            "An app that goes on asking is in a loop, or not itself.",
            authorizations_url(agent=one.agent_id, outcome="deny", period=LAST_DAY),
        )
        for one in odd.denied
    ]


def _unchecked_matters(books: BooksState, *, now: datetime) -> list[Matter]:
    days = round((now - books.old_since) / timedelta(days=1)) if books.old_since else 0
    return [
        Matter(
            "scale",
            "caution",
            books.unknown,
            _many(books.unknown, "part") + " of the books could not be checked",
            "A fault in them would not be seen; the worker's log names each one.",
            HEALTH,
        ),
        Matter(
            "scale",
            "caution",
            days,
            _many(days, "day") + " since the books were checked"
            if books.last
            else _many(days, "day") + " without a check of the books",
            "The worker does it every night, and has not come to an end: does it run?",
            HEALTH,
        ),
    ]


def _fleet_matters(fleet: Fleet) -> list[Matter]:
    agents = reverse("insight:fleet")
    return [
        Matter("snowflake", "info", fleet.frozen, _many(fleet.frozen, "frozen agent"), "", f"{agents}?state=frozen"),
        Matter(
            "key",
            "caution",
            fleet.key_expiring,
            _many(fleet.key_expiring, "agent") + " with an expiring key",
            "Rotate the key within a week; the old one keeps working during the overlap.",
            f"{agents}?state=key_expiring",
        ),
    ]


def _many(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"


def _also(shown: Spending) -> list[Beside]:
    found = list(shown.in_others.items())[:CURRENCIES_BESIDE]
    return [Beside(sums.net, currency, _spend_url(currency=currency)) for currency, sums in found]


def _spend_url(**chosen: str) -> str:
    return f"{reverse('insight:analytics')}?{urlencode({**chosen, 'period': CHART_PERIOD.value})}"


def _limit(used: UsedLimit) -> dict[str, object]:
    url = reverse("agents:detail", args=[used.agent_id]) if used.agent_id else ""
    policy = reverse("policies:detail", args=[used.limit.policy])
    label = used.limit.code.replace("_", " ").capitalize()
    return {"one": used.limit, "label": label, "who": used.agent_name, "url": url, "policy_url": policy}


def _start(request: MemberRequest, beginning: Beginning) -> dict[str, object]:
    may = request.member.may
    agent = reverse("agents:detail", args=[beginning.agent_id]) if beginning.agent_id else ""
    key = reverse("agents:new_key", args=[beginning.agent_id]) if beginning.agent_id else ""
    steps = [
        Step(
            "Create an agent",
            "It stands for one actor of your app and gets its own keys, limits and history.",
            bool(agent),
            reverse("agents:new") if may(Right.MANAGE_AGENTS) else "",
            "New agent",
        ),
        Step(
            "Publish a policy",
            "No policy, no money: the agent may spend only what an enforced policy that applies to it allows.",
            beginning.has_policy,
            reverse("policies:create") if may(Right.MANAGE_POLICIES) else "",
            "New policy",
        ),
        Step(
            "Issue a runtime key",
            "With it your app asks in the agent's name. It is shown once.",
            beginning.has_key,
            key if may(Right.MANAGE_AGENTS) else "",
            "Issue a key",
        ),
    ]
    following = next((number for number, step in enumerate(steps) if not step.is_done), None)
    steps = [replace(step, is_next=number == following) for number, step in enumerate(steps)]
    url = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    return {
        "steps": steps,
        "ask_url": f"{url}/api/v1/authorizations",
        "currency": request.member.organization.currency,
        "declined_url": authorizations_url(status="declined") if beginning.has_asked else "",
    }
