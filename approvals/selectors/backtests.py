"""Backtests as people and callers see them: how far, what came out, which payments change, and what was assumed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from approvals.models import UNFINISHED, Backtest, BacktestChange
from approvals.selectors.inbox import ShownCheck, shown_stored
from core.canonical import digest
from core.errors import NotFound
from core.ids import Prefix, to_public
from core.money import amount_text
from policies.engine.reasons import sentence
from policies.engine.types import Outcome
from policies.models import Policy

MOST_LISTED: Final = 50
"""As many as are kept."""
LONGEST_BY_DAY: Final = 100
"""Days that a chart shows one by one; longer periods go by month."""
OUTCOMES: Final = tuple(outcome.value for outcome in Outcome)
STRICTNESS: Final = {outcome.value: outcome.strictness for outcome in Outcome}
ASSUMPTIONS: Final = (
    "Policies, assignments, labels and the time zone are those of the day it ran; the draft stands in for its policy.",
    "Payees, their standings, pegs and freezes are those of each ask; who was merged by now is one throughout.",
    "Where the draft would ask people, they answer as they did then; where nobody was asked, it counts as approved.",
    "A payment that is let through now and was not then counts as recorded at once, for the amount asked for.",
    "Other payments settle as they did: with the amount recorded, or with nothing where they were given up.",
    "What was paid without an approval counts whatever the draft says.",
    "What was asked before the period counts as it was settled in the end. A new budget is full at the beginning.",
)
SUPPOSED: Final = "The policy is assigned to nobody: it was asked as if it bound every agent."

Sums = tuple[tuple[Decimal, str], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """Payments with one outcome then and one with the draft."""

    before: str
    after: str
    number: int
    sums: Sums

    @property
    def is_same(self) -> bool:
        """Nothing changes for them."""
        return self.before == self.after

    @property
    def is_stricter(self) -> bool:
        """The draft is stricter than history was."""
        return STRICTNESS[self.after] > STRICTNESS[self.before]

    @property
    def key(self) -> str:
        """How addresses name the change."""
        return f"{self.before}-{self.after}"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of payments and their sums."""

    number: int
    sums: Sums


@dataclass(frozen=True, slots=True)
class Summary:
    """What a draft would have done, in three figures and a sentence: for pages that only mention it."""

    backtest: str
    asks: int
    stricter: Figure
    looser: Figure
    sentence: str


@dataclass(frozen=True, slots=True)
class Changed:
    """One payment whose outcome changes; `why` is the first reason of the new answer."""

    row: BacktestChange
    authorization: str
    why: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A finished backtest: the matrix (a row per outcome then), figures, chart and reasons."""

    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    kinds: tuple[Cell, ...]
    same: Figure
    summary: Summary
    reasons: tuple[tuple[str, int], ...]
    currencies: tuple[str, ...]
    currency: str
    chart: dict[str, Any]
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """One changed payment: the checks of history beside those of the draft, and those that say the same in both."""

    changed: Changed
    before: tuple[ShownCheck, ...]
    after: tuple[ShownCheck, ...]
    same: tuple[ShownCheck, ...]


def backtest_of(organization_id: UUID, backtest_id: UUID) -> Backtest:
    """Return one backtest; raises `NotFound`."""
    found = Backtest.objects.filter(organization_id=organization_id, pk=backtest_id)
    row = found.select_related("policy", "agent", "organization").first()
    if row is None:
        raise NotFound()
    return row


def backtests_of(organization_id: UUID, *, policy_id: UUID | None = None) -> tuple[Backtest, ...]:
    """Return those that are kept, of one policy or all, the newest first."""
    found = Backtest.objects.filter(organization_id=organization_id).select_related("policy", "agent")
    if policy_id is not None:
        found = found.filter(policy_id=policy_id)
    return tuple(found.order_by("-created_at", "-id")[:MOST_LISTED])


def under_way(organization_id: UUID) -> Backtest | None:
    """Return the organization's backtest that is not finished."""
    found = Backtest.objects.filter(organization_id=organization_id, status__in=UNFINISHED)
    return found.select_related("policy").first()


def summary_of_draft(policy: Policy) -> Summary | None:
    """Return what the newest backtest of exactly this draft says; None where it has not been asked of history."""
    if policy.draft is None:
        return None
    done = Backtest.objects.filter(policy=policy, status="done", agent=None, digest=digest(policy.draft))
    row = done.order_by("-created_at").first()
    return None if row is None else summary_of(row)


def summary_of(row: Backtest) -> Summary:
    """Return a finished backtest in short."""
    cells = cells_of(row)
    stricter = _figure([cell for cell in cells if cell.is_stricter])
    looser = _figure([cell for cell in cells if not cell.is_same and not cell.is_stricter])
    asks = row.result["asks"] if row.result else 0
    return Summary(to_public(Prefix.BACKTEST, row.pk), asks, stricter, looser, _sentence(cells, asks))


def shown(row: Backtest, *, currency: str = "") -> Shown:
    """Return what the page of a finished backtest shows, sums over time in one currency."""
    assert row.result is not None, "a finished backtest has a result"
    cells = {(cell.before, cell.after): cell for cell in cells_of(row)}
    rows = tuple(
        (before, tuple(cells.get((before, after), Cell(before, after, 0, ())) for after in OUTCOMES))
        for before in OUTCOMES
    )
    currencies = _currencies(row)
    chosen = currency if currency in currencies else next(iter(currencies), "")
    return Shown(
        rows=rows,
        kinds=tuple(cell for cell in cells.values() if not cell.is_same),
        same=_figure([cell for cell in cells.values() if cell.is_same]),
        summary=summary_of(row),
        reasons=tuple((sentence(one["code"]), one["number"]) for one in row.result["reasons"]),
        currencies=currencies,
        currency=chosen,
        chart=_chart(row, chosen),
        assumptions=assumptions_of(row),
    )


def assumptions_of(row: Backtest) -> tuple[str, ...]:
    """Return what a backtest takes for granted, in words."""
    return (*ASSUMPTIONS, SUPPOSED) if row.targets.get("supposed") else ASSUMPTIONS


def cells_of(row: Backtest) -> tuple[Cell, ...]:
    """Return the matrix of a finished backtest, what occurs of it."""
    found = row.result["cells"] if row.result else ()
    return tuple(Cell(one["before"], one["after"], one["number"], _sums(one["sums"])) for one in found)


def changes_of(row: Backtest, *, before: str, after: str) -> Sequence[Changed]:
    """Return the payments that are kept of one kind of change, in the order of time."""
    found = row.changes.filter(before=before, after=after).select_related("authorization__agent")
    return [_changed(one) for one in found.order_by("number")]


def compared(row: Backtest, number: int) -> Compared:
    """Return one changed payment with both traces; raises `NotFound`."""
    found = row.changes.filter(number=number).select_related("authorization__agent").first()
    if found is None:
        raise NotFound()
    before, after = shown_stored(found.authorization.decision), shown_stored(found.decision)
    were, become = ({_saying(one) for one in several} for several in (before, after))
    return Compared(
        _changed(found),
        before=tuple(one for one in before if _saying(one) not in become),
        after=tuple(one for one in after if _saying(one) not in were),
        same=tuple(one for one in after if _saying(one) in were),
    )


def _saying(one: ShownCheck) -> tuple[object, ...]:
    """Return what makes a check the same in both traces: who says it, and what, with every figure."""
    check = one.check
    return (check.policy, check.version, check.rule_key, check.mode, check.code, check.outcome, one.sentence)


def _changed(row: BacktestChange) -> Changed:
    reasons = row.decision["reasons"]
    why = sentence(reasons[0]) if reasons else "Every rule allows it."
    return Changed(row, to_public(Prefix.AUTHORIZATION, row.authorization_id), why)


def _figure(cells: Iterable[Cell]) -> Figure:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    number = 0
    for cell in cells:
        number += cell.number
        for amount, currency in cell.sums:
            sums[currency] += amount
    return Figure(number, tuple((amount, currency) for currency, amount in sorted(sums.items())))


def _sentence(cells: Sequence[Cell], asks: int) -> str:
    """Say in one sentence what changes."""
    if not asks:
        return "Nobody asked for anything in this period."
    told = [
        f"{_payments(cell.number)} ({_money(cell.sums)}) that {PAST[cell.before][cell.number > 1]} would "
        f"{FUTURE[cell.after]}"
        for cell in sorted(cells, key=lambda cell: -cell.number)
        if not cell.is_same
    ]
    if not told:
        return f"Nothing changes: all {asks:,} would be answered as they were."
    return f"Of {asks:,} asks, {'; '.join(told)}."


PAST: Final = {
    "allow": ("was allowed", "were allowed"),
    "review": ("went to people", "went to people"),
    "deny": ("was denied", "were denied"),
}
"""Of one payment, and of several."""
FUTURE: Final = {"allow": "be allowed", "review": "go to people", "deny": "be denied"}


def _payments(number: int) -> str:
    return f"{number:,} payment{'' if number == 1 else 's'}"


def _money(sums: Sums) -> str:
    return ", ".join(f"{_grouped(amount)} {currency}" for amount, currency in sums)


def _grouped(amount: Decimal) -> str:
    whole, _, rest = amount_text(amount).partition(".")
    return f"{int(whole):,}.{rest}"


def _sums(stored: dict[str, str]) -> Sums:
    return tuple((Decimal(amount), currency) for currency, amount in stored.items())


def _currencies(row: Backtest) -> tuple[str, ...]:
    """Return the currencies that were asked for, the organization's own first."""
    assert row.result is not None, "a finished backtest has a result"
    found = {currency for one in row.result["cells"] for currency in one["sums"]}
    return tuple(sorted(found, key=lambda one: (one != row.organization.currency, one)))


def _chart(row: Backtest, currency: str) -> dict[str, Any]:
    """Return what was allowed over time, then and with the draft."""
    assert row.result is not None, "a finished backtest has a result"
    zone = ZoneInfo(row.organization.time_zone)
    first, last = row.since.astimezone(zone).date(), row.until.astimezone(zone).date()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    length = 10 if len(days) <= LONGEST_BY_DAY else 7
    before = {day.isoformat()[:length]: Decimal(0) for day in days}
    after = dict(before)
    for one in row.result["days"]:
        step = one["day"][:length]
        before[step] = before.get(step, Decimal(0)) + Decimal(one["allowed_before"].get(currency, 0))
        after[step] = after.get(step, Decimal(0)) + Decimal(one["allowed_after"].get(currency, 0))
    return {
        "kind": "line",
        "axis": "Day" if length == 10 else "Month",
        "labels": [_label(step) for step in before],
        "series": [
            {"name": "As it was", "values": list(before.values()), "tone": "neutral", "dashed": True},
            {"name": "With the draft", "values": list(after.values())},
        ],
        "unit": currency,
    }


def _label(step: str) -> str:
    """Return a day or a month as charts write it."""
    if len(step) == 7:
        return f"{date.fromisoformat(f'{step}-01'):%b %Y}"
    day = date.fromisoformat(step)
    return f"{day.day} {day:%b}"
