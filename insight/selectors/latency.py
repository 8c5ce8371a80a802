"""How long questions to people wait for a review: median and nine in ten, over time and by reviewer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from core.db import rows
from core.ids import Prefix, to_public
from insight.selectors.ledger import Ledger, both_sides
from insight.selectors.periods import Period, Step

MOST_REVIEWERS: Final = 100

DAYS: Final = """
select d.day, d.person_id, d.verdict, w.wait from insight_reviewday d cross join unnest(d.waits) as w(wait)
where d.organization_id = %(organization)s and d.day >= %(first)s and d.day <= %(last)s
"""
TAIL: Final = """
select (v.at at time zone %(zone)s)::date, v.person_id, v.verdict,
    greatest(0, floor(extract(epoch from v.at - q.opened_at)))::int
from approvals_review v join approvals_approvalrequest q on q.id = v.request_id
where v.organization_id = %(organization)s and v.closed_as = 'counted' and v.closed_at >= %(closed_since)s
  and v.at >= %(begin)s and v.at < %(until)s
"""
"""A review counts from its end on, some seconds later than the moment at which it was given, on whose day it stands."""
TIMES: Final = """
count(*) filter (where s.verdict = 'approve'), count(*) filter (where s.verdict = 'reject'),
    percentile_disc(array[0.5, 0.9]) within group (order by s.wait), max(s.wait)
"""
BY_STEP: Final = """
with reviewed_on (day, person_id, verdict, wait) as ({both})
select step.number, {times} from reviewed_on s
join unnest(%(firsts)s::date[], %(lasts)s::date[]) with ordinality as step (first, last, number)
    on s.day between step.first and step.last
group by 1 order by 1
"""
BY_PERSON: Final = """
with reviewed_on (day, person_id, verdict, wait) as ({both})
select p.id, p.name, p.email, {times} from reviewed_on s join people_person p on p.id = s.person_id
group by 1, 2, 3 order by count(*) desc, 2, 1 limit %(limit)s
"""
ALL: Final = """
with reviewed_on (day, person_id, verdict, wait) as ({both}) select {times} from reviewed_on s
"""


@dataclass(frozen=True, slots=True)
class Waits:
    """How many questions were approved and rejected, and how many seconds they had waited for that review."""

    approved: int
    rejected: int
    median: int
    nine_in_ten: int
    longest: int

    @property
    def number(self) -> int:
        """All reviews."""
        return self.approved + self.rejected


@dataclass(frozen=True, slots=True)
class Reviewer:
    """One person and the reviews given."""

    public_id: str
    name: str
    waits: Waits


@dataclass(frozen=True, slots=True)
class Latency:
    """The reviews of a period; `all_of_them` is None where nobody reviewed."""

    period: Period
    all_of_them: Waits | None
    by_step: Mapping[Step, Waits]
    reviewers: tuple[Reviewer, ...]


def latency(ledger: Ledger, period: Period) -> Latency:
    """Return how long people took: from the moment a question was put to that of each review."""
    steps = period.steps()
    days = {"firsts": [step.first for step in steps], "lasts": [step.last for step in steps]}
    ((*whole,),) = _read(ALL, ledger, period)
    by_step = {steps[int(number) - 1]: _waits(times) for number, *times in _read(BY_STEP, ledger, period, **days)}
    people = tuple(
        Reviewer(to_public(Prefix.PERSON, cast(UUID, person)), str(name or email), _waits(times))
        for person, name, email, *times in _read(BY_PERSON, ledger, period, limit=MOST_REVIEWERS)
    )
    return Latency(period, _waits(whole) if whole[2] else None, by_step, people)


def latency_chart(shown: Latency) -> dict[str, Any]:
    """Return the data of a chart with two lines, in minutes; a step without a review has a gap."""
    steps = shown.period.steps()
    lines = {"Median": "median", "Nine in ten": "nine_in_ten"}
    series = [
        {
            "name": name,
            "values": [
                round(getattr(shown.by_step[step], field) / 60) if step in shown.by_step else None for step in steps
            ],
            "dashed": field != "median",
        }
        for name, field in lines.items()
    ]
    labels = [step.label for step in steps]
    return {"kind": "line", "axis": shown.period.step_word, "labels": labels, "series": series, "unit": "min"}


def _read(sql: str, ledger: Ledger, period: Period, **more: Any) -> list[tuple[Any, ...]]:
    place = ledger.rolled_until
    _, params = both_sides(ledger, period, DAYS, TAIL)
    params |= {"begin": period.since, "closed_since": period.since if place is None else place}
    both = TAIL if place is None else f"{DAYS} union all {TAIL}"
    return cast(list[tuple[Any, ...]], rows(sql.format(both=both, times=TIMES), params | more))


def _waits(times: list[Any]) -> Waits:
    approved, rejected, quantiles, longest = times
    median, nine_in_ten = quantiles
    return Waits(approved, rejected, median, nine_in_ten, longest)
