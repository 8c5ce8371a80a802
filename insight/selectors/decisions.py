"""How asks were answered, day by day: by outcome, by reason, and what was set aside against what was recorded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, cast

from core.db import rows
from insight.selectors.ledger import MOST_CURRENCIES, ZERO, Chosen, Ledger, both_sides, sums_of_days
from insight.selectors.periods import Period, Step
from policies.engine.reasons import sentence

MOST_REASONS: Final = 50
DENIED: Final = "deny"
PEOPLE_SAID_NO: Final = "rejected"
DECIDED_AGAIN: Final = "redecided"
DECLINED: Final = (DENIED, PEOPLE_SAID_NO, DECIDED_AGAIN)
OUTCOMES: Final = {
    "allow": ("Allowed", "positive"),
    "review": ("Sent to people", "caution"),
    "deny": ("Denied", "negative"),
}
OWN_SENTENCES: Final = {
    PEOPLE_SAID_NO: "A reviewer rejected it.",
    DECIDED_AGAIN: "Decided again after its reviews, and the answer was no.",
}

DAYS: Final = """
select d.day, d.currency, d.agent_id, d.said, d.reason, d.asks, d.amount from insight_askday d
where d.organization_id = %(organization)s and d.day >= %(first)s and d.day <= %(last)s
"""
TAIL: Final = """
select (a.asked_at at time zone %(zone)s)::date, a.currency, a.agent_id, a.outcome,
    case when a.outcome = 'deny' then coalesce(a.reasons[1], '') else '' end, 1, a.amount
from approvals_authorization a
where a.organization_id = %(organization)s and a.asked_at >= %(since)s and a.asked_at < %(until)s
"""
CLOSED: Final = """
select (a.asked_at at time zone %(zone)s)::date, a.currency, a.agent_id, q.closed_as, '', 1, a.amount
from approvals_approvalrequest q join approvals_authorization a on a.id = q.authorization_id
where q.organization_id = %(organization)s and q.closed_at is not null and q.closed_at >= %(closed_since)s
  and a.asked_at >= %(begin)s and a.asked_at < %(until)s
"""
"""A question may be closed on a later day than that of its ask, on which it counts."""
ANSWERS: Final = """
with asked_on (day, currency, agent_id, said, reason, asks, amount) as ({both})
select s.day, s.said, s.reason, sum(s.asks)::bigint, sum(s.amount) from asked_on s
where {chosen} group by 1, 2, 3 order by 1, 2, 3
"""
CURRENCIES: Final = """
with asked_on (day, currency, agent_id, said, reason, asks, amount) as ({both})
select s.currency, sum(s.asks) from asked_on s group by 1 order by 2 desc, 1 limit %(limit)s
"""
HELD: Final = """
select count(*), coalesce(sum(h.held), 0) from agents_agent a join spend_hold h on h.agent_id = a.id
where a.organization_id = %(organization)s and h.held > 0 and h.currency = %(currency)s
  and (%(agent)s::uuid is null or a.id = %(agent)s::uuid)
"""


@dataclass(frozen=True, slots=True)
class Said:
    """How many asks got one answer, and for how much."""

    asks: int = 0
    amount: Decimal = ZERO

    def plus(self, other: "Said") -> "Said":
        """Return both together."""
        return Said(self.asks + other.asks, self.amount + other.amount)


@dataclass(frozen=True, slots=True)
class Declined:
    """What was declined for one reason: `code` is a reason of the engine, or what people said."""

    code: str
    sentence: str
    said: Said
    is_by_people: bool


@dataclass(frozen=True, slots=True)
class Decisions:
    """The answers of a period in one currency: per step and word, the reasons of what was declined, and what is held.

    `recorded` is what went out on each step, whenever it was asked for.
    """

    period: Period
    currency: str
    by_word: Mapping[str, Mapping[Step, Said]]
    declined: tuple[Declined, ...]
    recorded: Mapping[Step, Decimal]
    open_holds: int
    held_now: Decimal

    def total(self, *words: str) -> Said:
        """Return all asks that got one of these answers."""
        whole = Said()
        for word in words:
            for said in self.by_word.get(word, {}).values():
                whole = whole.plus(said)
        return whole

    @property
    def asked(self) -> Said:
        """Everything that was asked for."""
        return self.total(*OUTCOMES)

    @property
    def refused(self) -> Said:
        """What was declined, by rules or by people."""
        return self.total(*DECLINED)

    @property
    def set_aside(self) -> Said:
        """What was set aside at the ask: all that was not denied."""
        return self.total("allow", "review")


def decisions(ledger: Ledger, period: Period, *, currency: str, agent: str | None = None) -> Decisions:
    """Return how asks of a period were answered, and what became of the money."""
    found = _answers(ledger, period, currency, agent)
    step_of = {day: step for step in period.steps() for day in Period(step.first, step.last, period.zone).days}
    by_word: dict[str, dict[Step, Said]] = {}
    reasons: dict[tuple[str, str], Said] = {}
    for day, word, reason, asks, amount in found:
        said, steps = Said(asks, amount), by_word.setdefault(word, {})
        steps[step_of[day]] = steps.get(step_of[day], Said()).plus(said)
        if word in DECLINED:
            reasons[word, reason] = reasons.get((word, reason), Said()).plus(said)
    recorded: dict[Step, Decimal] = {}
    chosen = Chosen(agent=agent, currency=currency)
    for day, sums in sums_of_days(ledger, period, chosen).items():
        recorded[step_of[day]] = recorded.get(step_of[day], ZERO) + sums.spent
    held = {"organization": ledger.organization_id, "currency": currency, "agent": agent}
    ((number, amount),) = cast(list[tuple[int, Decimal]], rows(HELD, held))
    return Decisions(period, currency, by_word, _declined(reasons), recorded, number, amount)


def currencies_asked_in(ledger: Ledger, period: Period) -> tuple[str, ...]:
    """Return the currencies that were asked for, the most frequent first."""
    both, params = _both(ledger, period)
    return tuple(
        str(currency) for currency, _ in rows(CURRENCIES.format(both=both), params | {"limit": MOST_CURRENCIES})
    )


def outcomes_chart(shown: Decisions) -> dict[str, Any]:
    """Return the data of a stacked chart: asks per step, by answer."""
    steps = shown.period.steps()
    series = [
        {"name": word, "tone": tone, "values": [shown.by_word.get(said, {}).get(step, Said()).asks for step in steps]}
        for said, (word, tone) in OUTCOMES.items()
    ]
    labels = [step.label for step in steps]
    return {"kind": "stacked", "axis": shown.period.step_word, "labels": labels, "series": series, "unit": ""}


def held_chart(shown: Decisions) -> dict[str, Any]:
    """Return the data of a chart with two bars per step: what was set aside, and what was recorded."""
    steps = shown.period.steps()
    aside = [
        sum((shown.by_word.get(word, {}).get(step, Said()).amount for word in ("allow", "review")), ZERO)
        for step in steps
    ]
    series = [
        {"name": "Set aside by asks", "values": aside},
        {"name": "Recorded", "values": [shown.recorded.get(step, ZERO) for step in steps]},
    ]
    labels = [step.label for step in steps]
    return {"kind": "bar", "axis": shown.period.step_word, "labels": labels, "series": series, "unit": shown.currency}


def _answers(
    ledger: Ledger, period: Period, currency: str, agent: str | None
) -> Iterable[tuple[Any, str, str, int, Decimal]]:
    both, params = _both(ledger, period)
    chosen = "s.currency = %(currency)s" + (" and s.agent_id = %(agent)s::uuid" if agent else "")
    found = rows(ANSWERS.format(both=both, chosen=chosen), params | {"currency": currency, "agent": agent})
    return cast(list[tuple[Any, str, str, int, Decimal]], found)


def _both(ledger: Ledger, period: Period) -> tuple[str, dict[str, Any]]:
    """Return SQL of the answers of a period, rolled and not, with its parameters."""
    both, params = both_sides(ledger, period, DAYS, TAIL)
    place = ledger.rolled_until
    closed_since = period.since if place is None else place
    return f"{both} union all {CLOSED}", params | {"begin": period.since, "closed_since": closed_since}


def _declined(reasons: Mapping[tuple[str, str], Said]) -> tuple[Declined, ...]:
    found = [
        Declined(
            reason or (word if word != DENIED else ""),
            OWN_SENTENCES.get(word) or sentence(reason),
            said,
            is_by_people=word != DENIED,
        )
        for (word, reason), said in reasons.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.said.asks, one.code))[:MOST_REASONS])
