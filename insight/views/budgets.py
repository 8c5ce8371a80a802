"""Budgets: every pot in force, and each with its burn-down, its forecast and who draws from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from math import inf
from typing import Final

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from agents.selectors import agent_names
from agents.views.stopping import stoppable
from core.canonical import moment_text
from core.chips import chips_of
from core.clock import now as clock_now
from core.db import one_snapshot
from core.errors import NotFound
from core.ids import Prefix, from_public
from core.lists import part_of
from core.money import amount_text
from core.paging import text_in
from core.tables import csv_answer
from insight.forms import FULLEST, POTS, BudgetsForm
from insight.selectors.anomalies import books_state
from insight.selectors.budgets import Budget, budgets_of, listed_budgets
from insight.selectors.burning import Burning, Spender, burn_down_chart, burning, burning_of
from insight.selectors.ledger import ledger_of
from insight.views.asked import Tab
from insight.views.shown import with_query
from people.permissions import MemberRequest, needs
from people.roles import Right

MOST_TABS: Final = 100
"""Other pots that the page of one leads to."""
FULL: Final = 100
COLUMNS: Final = (
    "policy", "rule", "mode", "period", "agent id", "agent", "session", "currency", "amount", "recorded", "held",
    "left", "filled", "filled again", "per day", "runs out",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pot:
    """A pot as the list shows it."""

    shown: Burning
    who: str
    url: str
    left_by_day: Sequence[object]

    @property
    def one(self) -> Budget:
        """The budget."""
        return self.shown.budget

    @property
    def tone(self) -> str:
        """How near its end it is."""
        return "negative" if self.one.remaining < 0 else "caution" if self.one.mark is not None else ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """An agent that drew from a pot, its part of it, and its payments."""

    one: Spender
    share: object
    url: str


def _runs_out(pot: Pot) -> float:
    """Return when it is empty, for those that last after all others."""
    at = pot.shown.forecast and pot.shown.forecast.runs_out_at
    return at.timestamp() if at else inf


ORDERS: Final[Mapping[str, Callable[[Pot], tuple[object, ...]]]] = {
    FULLEST: lambda pot: (-pot.one.share, pot.one.policy_name, pot.one.rule_key, pot.url),
    "name": lambda pot: (pot.one.policy_name, pot.one.rule_key, pot.who, pot.url),
    "soonest": lambda pot: (_runs_out(pot), -pot.one.share, pot.url),
}


@require_safe
@needs(Right.READ)
def budgets(request: MemberRequest) -> HttpResponse:
    """List every pot in force, the fullest first."""
    form, now = BudgetsForm(request.GET), clock_now()
    show = form.which() if form.is_valid() else None
    with one_snapshot():
        pots, left_out = _pots(request, now=now)
    kinds = _kinds(_found(pots, form))
    # What cannot be understood shows nothing: everything would pass for what was asked for.
    page = part_of([] if show is None else kinds[show], _name, cursor=text_in(request.GET, "cursor"))
    context = {
        "tabs": [
            {"label": word, "url": with_query(request, show=one), "is_current": one == show, "count": len(kinds[one])}
            for one, word in POTS
        ],
        "form": form,
        "show": show,
        "books": books_state(now=now),
        "has_any": bool(pots),
        "pots": page.rows,
        "next_cursor": page.next_cursor,
        "previous_cursor": page.previous_cursor,
        "total": 0 if show is None else len(kinds[show]),
        "chips": chips_of(request.GET, [("q", form.words())] if form.is_valid() else []),
        "stoppable": stoppable(request, {pot.one.agent for pot in page.rows if pot.one.agent}),
        "left_out": left_out,
        "zone": request.member.organization.time_zone,
        "export_url": f"{reverse('insight:export_budgets')}?{urlencode(_kept(request) | {'show': show or ''})}",
    }
    return render(request, "insight/budgets.html", context)


@require_safe
@needs(Right.READ)
def export_budgets(request: MemberRequest) -> StreamingHttpResponse:
    """Send the pots of the tab as CSV, everyone's where none is said; the last lines say what is left out."""
    form, now = BudgetsForm(request.GET), clock_now()
    form.must_make_sense()
    with one_snapshot():
        pots, left_out = _pots(request, now=now)
    found = _found(pots, form)
    chosen = _kinds(found)[form.which()] if "show" in request.GET else found
    lines = chain(map(_cells, chosen), ((sentence,) for sentence in left_out))
    return csv_answer(f"budgets-{now:%Y-%m-%d}.csv", COLUMNS, lines)


@require_safe
@needs(Right.READ)
def budget(request: MemberRequest, policy_id: str, key: str) -> HttpResponse:
    """Show one pot of a rule: that of the address, else its fullest."""
    organization, now = request.member.organization, clock_now()
    with one_snapshot():
        every = [one for one in budgets_of(organization, now=now) if (one.policy, one.rule_key) == (policy_id, key)]
        one = _wanted(request, every)
        ledger = ledger_of(organization)
        shown = burning_of(ledger, one, now=now)
        names = _agent_names(request, every)
    every.sort(key=lambda pot: -pot.share)
    context = {
        "shown": shown,
        "one": one,
        "who": _who(one, names),
        "ledger": ledger,
        "chart": burn_down_chart(shown),
        "stoppable": stoppable(request, {spender.agent_id for spender in shown.spenders}),
        "spenders": [_drawn(shown, spender) for spender in shown.spenders],
        "others": [Tab(_label(pot, names), _url(pot), pot == one) for pot in every[:MOST_TABS]],
        "policy_url": reverse("policies:detail", args=[policy_id]),
        "payments_url": _payments_url(shown, one.agent or ""),
    }
    return render(request, "insight/budget.html", context)


def _found(pots: Sequence[Pot], form: BudgetsForm) -> list[Pot]:
    """Return those with the words of the filter in what names them, in its order; nothing of what makes no sense."""
    if not form.is_valid():
        return []
    words = form.words().lower()
    found = [pot for pot in pots if words in f"{pot.one.policy_name} {pot.one.rule_key} {pot.who}".lower()]
    return sorted(found, key=ORDERS[form.order()])


def _kept(request: MemberRequest) -> dict[str, str]:
    return {name: request.GET[name] for name in ("q", "sort") if request.GET.get(name)}


def _name(pot: Pot) -> str:
    return pot.url


def _kinds(pots: Sequence[Pot]) -> dict[str, Sequence[Pot]]:
    return {
        "": [pot for pot in pots if not pot.one.session],
        "sessions": [pot for pot in pots if pot.one.session],
        "warned": [pot for pot in pots if pot.one.mark is not None or pot.one.share >= FULL],
        "short": [pot for pot in pots if pot.shown.forecast and pot.shown.forecast.runs_out_at],
    }


def _pots(request: MemberRequest, *, now: datetime) -> tuple[list[Pot], tuple[str, ...]]:
    """Return the pots in force, and in sentences what is left out."""
    organization = request.member.organization
    listed = listed_budgets(organization, now=now)
    found = listed.budgets
    names = _agent_names(request, found)
    burnt = burning(ledger_of(organization), found, now=now)
    pots = [Pot(one, _who(one.budget, names), _url(one.budget), one.left_by_day()) for one in burnt]
    return pots, listed.left_out


def _wanted(request: MemberRequest, every: list[Budget]) -> Budget:
    """Return the pot of the address; raises `NotFound` where the rule is no budget in force, or has no such pot."""
    asked = {name: text_in(request.GET, name) for name in ("currency", "agent", "session")}
    fitting = [
        one for one in every if all((getattr(one, name) or "") == value for name, value in asked.items() if value)
    ]
    if not fitting:
        raise NotFound()
    return max(fitting, key=lambda one: one.share)


def _agent_names(request: MemberRequest, some: Sequence[Budget]) -> dict[str, str]:
    ids = {one.agent: from_public(Prefix.AGENT, one.agent) for one in some if one.agent}
    found = agent_names(request.member.organization_id, ids.values()) if ids else {}
    return {public: found.get(number, "") for public, number in ids.items()}


def _who(one: Budget, names: dict[str, str]) -> str:
    if one.session:
        return f"Session {one.session}"
    return names.get(one.agent, "") if one.agent else "Shared"


def _label(one: Budget, names: dict[str, str]) -> str:
    return f"{_who(one, names)}, {one.currency}"


def _url(one: Budget) -> str:
    which = {"currency": one.currency, "agent": one.agent, "session": one.session}
    query = urlencode({name: value for name, value in which.items() if value})
    return f"{reverse('insight:budget', args=[one.policy, one.rule_key])}?{query}"


def _payments_url(shown: Burning, agent: str) -> str:
    """Return the payments of the days of a filling; those of the pot are among them."""
    days = shown.period
    which = {
        "since": days.first.isoformat() if days else "",
        "until": days.last.isoformat() if days else "",
        "currency": shown.budget.currency,
        "agent": agent,
    }
    return f"{reverse('insight:payments')}?{urlencode({name: value for name, value in which.items() if value})}"


def _drawn(shown: Burning, spender: Spender) -> Drawn:
    recorded = shown.budget.recorded
    share = 100 * spender.net / recorded if recorded > 0 else None
    return Drawn(spender, share, _payments_url(shown, spender.agent_id))


def _cells(pot: Pot) -> tuple[str, ...]:
    one, ahead = pot.one, pot.shown.forecast
    return (
        one.policy_name,
        one.rule_key,
        one.mode,
        one.period,
        one.agent or "",
        pot.who if one.agent else "",
        one.session or "",
        one.currency,
        amount_text(one.amount),
        amount_text(one.recorded),
        amount_text(one.held),
        amount_text(one.remaining),
        moment_text(one.starts_at) if one.starts_at else "",
        moment_text(one.ends_at) if one.ends_at else "",
        amount_text(round(ahead.per_day, 2)) if ahead else "",
        moment_text(ahead.runs_out_at) if ahead and ahead.runs_out_at else "",
    )
