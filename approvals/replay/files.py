"""A file of policies asked of history: each policy that it changes, beside the others as they are now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from approvals.replay.backtest import Plan, Question, backtest, number_to_follow, plan
from core.errors import Invalid
from policies.engine.written import PolicyFile
from policies.services.code import Drafted, drafted_by

LONGEST_DAYS: Final = 366
FIELD: Final = "backtest_days"


@dataclass(frozen=True, slots=True)
class AtOnce:
    """As much as is asked of history within one request.

    A payment that nobody had asked for counts as an ask, and so does each further record of one.
    """

    policies: int
    asks: int


def ask_history(
    organization_id: UUID, file: PolicyFile, *, days: int, now: datetime, at_most: AtOnce | None = None
) -> list[dict[str, Any]]:
    """Return, for each policy that would change, how the asks of the last days would have been answered with it.

    What is retired is not asked about: no policy stands in its place. Raises `Invalid` (`backtest_days_invalid`, and
    before anything is followed `backtest_too_large`).
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise Invalid("backtest_days_invalid", f"History is asked for 1 to {LONGEST_DAYS} days.", field=FIELD)
    since = now - timedelta(days=days)
    drafts = drafted_by(organization_id, file, since=since, now=now)
    if at_most and len(drafts) > at_most.policies:
        raise _too_large(f"{len(drafts)} policies change; history is asked about {at_most.policies} at once.")
    questions = [_question(organization_id, one, since, now) for one in drafts]
    plans = _few_plans(questions, at_most.asks) if at_most else [plan(one) for one in questions]
    return [{"policy": one.label, "days": days, **_answers(of)} for one, of in zip(drafts, plans, strict=True)]


def _few_plans(questions: Sequence[Question], most: int) -> list[Plan]:
    """Plan one after the other, and none after the one with which it is too much."""
    plans, left = [], most
    for one in questions:
        plans.append(plan(one))
        left -= number_to_follow(plans[-1], most=left)
        if left < 0:
            what = "asks, further records of them and payments without one"
            raise _too_large(f"There are more than the {most:,} {what} that are followed at once.")
    return plans


def _too_large(why: str) -> Invalid:
    detail = f"{why} Ask for fewer days, ask each policy with POST /backtests, or plan by the command."
    return Invalid("backtest_too_large", detail, field=FIELD)


def _question(organization_id: UUID, draft: Drafted, since: datetime, until: datetime) -> Question:
    return Question(organization_id, draft.policy_id, draft.name, draft.rules, draft.targets, since, until)


def _answers(of: Plan) -> dict[str, Any]:
    report = backtest(of, go_on=lambda _: True)
    assert report is not None, "nobody said stop"
    return {name: value for name, value in report.to_plain().items() if name != "days"}
