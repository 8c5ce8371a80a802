"""Backtests: asked for, cancelled, and run by the worker, which finds them in rows and says how far it is."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from agents.models import Agent
from approvals.models import UNFINISHED, Backtest, BacktestChange
from approvals.replay.backtest import Question, backtest, number_of_asks, plan
from approvals.replay.report import Report
from audit.catalogue import Action
from audit.services import append
from core.actor import ACTOR_NAME_LENGTH, Actor
from core.canonical import digest
from core.db import use_case
from core.errors import Conflict, ContoError, Invalid, NotFound
from core.ids import EPOCH, Prefix, from_public, new_id, to_public
from policies.engine.document import Document, parse, to_plain
from policies.models import Policy
from policies.selectors import Targets, targets_of
from policies.services.calendars import with_holidays_between, without_dates

TASK: Final = "approvals.run_backtests"
"""What runs them. Whoever has asked for one wakes it: between messages the worker looks but now and then."""
LONGEST_PERIOD: Final = timedelta(days=3_660)
KEPT: Final = 50
"""Backtests kept per organization; older ones go when another is asked for."""
LEASE: Final = timedelta(seconds=20)
"""How long a worker may be silent before another one begins anew."""
SAID_EVERY: Final = timedelta(seconds=1)
MOST_ATTEMPTS: Final = 3
"""A backtest that brought so many workers down is not tried again."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a backtest is to ask: a document (the policy's draft where None), of one agent or all, over a period.

    `targets` None means whom the policy binds now; a policy that binds nobody is asked as if it bound everybody.
    """

    policy_id: UUID
    since: datetime
    until: datetime
    document: object = None
    agent_id: UUID | None = None
    targets: Targets | None = None


@use_case
def start_backtest(wanted: Wanted, *, organization_id: UUID, actor: Actor, now: datetime) -> UUID:
    """Put a backtest before the worker and return its id.

    Raises what the parser says, `NotFound`, `Invalid` (`period_invalid`, `rules_missing`, `agent_unknown`) and
    `Conflict` (`draft_missing`, `backtest_under_way`): an organization has one at a time.
    """
    policy = Policy.objects.filter(organization_id=organization_id, pk=wanted.policy_id).first()
    if policy is None:
        raise NotFound()
    _demand_period(wanted, now)
    document = _document(policy, wanted)
    if wanted.agent_id and not Agent.objects.filter(organization_id=organization_id, pk=wanted.agent_id).exists():
        raise Invalid("agent_unknown", "There is no such agent.", field="agent")
    targets = wanted.targets or targets_of((policy,))[policy.pk]
    row = Backtest(
        id=new_id(now),
        organization_id=organization_id,
        policy=policy,
        document=to_plain(document),
        digest=digest(to_plain(without_dates(document))),
        targets=targets_to_plain(targets),
        agent_id=wanted.agent_id,
        since=wanted.since,
        until=min(wanted.until, now),
        status="waiting",
        asked_by_id=actor.id,
        asked_by_name=actor.name[:ACTOR_NAME_LENGTH],
        created_at=now,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise _under_way(organization_id) from error
    _forget_old(organization_id)
    _tell(Action.BACKTEST_STARTED, row, actor, now)
    return row.pk


@use_case
def cancel_backtest(backtest_id: UUID, *, organization_id: UUID, actor: Actor, now: datetime) -> None:
    """Stop a backtest that is not finished; cancelling one that is changes nothing. Raises `NotFound`."""
    row = Backtest.objects.select_for_update().filter(organization_id=organization_id, pk=backtest_id).first()
    if row is None:
        raise NotFound()
    if row.status not in UNFINISHED:
        return
    row.status, row.ended_at = "cancelled", now
    row.save(update_fields=["status", "ended_at"])
    _tell(Action.BACKTEST_CANCELLED, row, actor, now)


def run_backtests(*, clock: Callable[[], datetime]) -> int:
    """Run what waits, one after the other, and what a worker was broken off in; return how many were finished.

    `clock` says the time while it goes on. One worker runs at a time: backtests must not take the place of payments.
    """
    finished = 0
    while (row := _claimed(clock())) is not None:
        try:
            finished += _finished(row, clock)
        except Exception:
            logger.exception("backtest %s failed", row.pk)
            _end(row, "failed", clock(), why="Something went wrong; the log of the worker says what.")
    return finished


@use_case
def _claimed(now: datetime) -> Backtest | None:
    """Take the next one, unless a worker has one and has been heard of lately."""
    silent = Q(seen_at__isnull=True) | Q(seen_at__lt=now - LEASE)
    if Backtest.objects.filter(status="running").exclude(silent).exists():
        return None
    waiting = Backtest.objects.filter(status__in=UNFINISHED).select_for_update(skip_locked=True, of=("self",))
    row = waiting.filter(silent).order_by("created_at").first()
    if row is None:
        return None
    if row.attempts >= MOST_ATTEMPTS:
        row.status, row.ended_at = "failed", now
        row.why = f"The worker was broken off {MOST_ATTEMPTS} times while it ran."
    else:
        row.status, row.started_at, row.seen_at, row.done = "running", now, now, 0
        row.attempts += 1
    row.save()
    return row


def _finished(row: Backtest, clock: Callable[[], datetime]) -> bool:
    """Run a claimed backtest to its end; False where it was cancelled or somebody else has taken it over."""
    if row.status == "failed":
        return False
    of = plan(question_of(row))
    Backtest.objects.filter(pk=row.pk).update(total=number_of_asks(of))
    told = _Told(row, clock)
    report = backtest(of, go_on=told.go_on)
    return report is not None and _store(row, report, told.done, clock())


@dataclass(slots=True)
class _Told:
    """Says in the row how far a run is, about once a second, and hears whether it is still wanted."""

    row: Backtest
    clock: Callable[[], datetime]
    done: int = 0
    said_at: datetime | None = field(default=None)

    def go_on(self, done: int) -> bool:
        self.done, now = done, self.clock()
        if self.said_at is not None and now - self.said_at < SAID_EVERY:
            return True
        self.said_at = now
        return _mine(self.row).update(seen_at=now, done=done) == 1


@use_case
def _store(row: Backtest, report: Report, done: int, now: datetime) -> bool:
    """Keep the result of a run that is still wanted."""
    changed = _mine(row).update(
        status="done", ended_at=now, seen_at=now, done=done, total=done, result=report.to_plain()
    )
    if not changed:
        return False
    BacktestChange.objects.bulk_create(
        BacktestChange(
            backtest_id=row.pk,
            number=number,
            authorization_id=change.authorization,
            before=change.before,
            after=change.after,
            decision=change.decision,
        )
        for number, change in enumerate(report.changes, start=1)
    )
    return True


def _end(row: Backtest, status: str, now: datetime, *, why: str) -> None:
    _mine(row).update(status=status, ended_at=now, why=why)


def _mine(row: Backtest) -> QuerySet[Backtest]:
    """Return the row while this run is the one that counts."""
    return Backtest.objects.filter(pk=row.pk, status="running", attempts=row.attempts)


def question_of(row: Backtest) -> Question:
    """Return what a stored backtest asks."""
    return Question(
        organization_id=row.organization_id,
        policy_id=row.policy_id,
        name=row.policy.name,
        rules=parse(row.document).rules,
        targets=targets_from_plain(row.targets),
        since=row.since,
        until=row.until,
        agent_id=row.agent_id,
    )


def targets_to_plain(targets: Targets) -> dict[str, object]:
    """Return to whom a draft would apply, as it is stored; nobody is supposed to mean everybody, and that is said."""
    agents = [to_public(Prefix.AGENT, agent) for agent, _ in targets.agents]
    is_all, labels = targets.organization or targets.is_empty, list(targets.labels)
    return {"organization": is_all, "labels": labels, "agents": agents, "supposed": targets.is_empty}


def targets_from_plain(stored: dict[str, Any]) -> Targets:
    """Return the targets that were stored."""
    agents = tuple((from_public(Prefix.AGENT, agent), "") for agent in stored["agents"])
    return Targets(stored["organization"], tuple(stored["labels"]), agents)


def _document(policy: Policy, wanted: Wanted) -> Document:
    """Return the rules to ask, with the holidays of the period they are asked of."""
    sent = policy.draft if wanted.document is None else wanted.document
    if sent is None:
        raise Conflict("draft_missing", "This policy has no draft to ask history with.")
    document = parse(sent)
    if not document.rules:
        raise Invalid("rules_missing", "A draft without rules answers nothing.", field="rules")
    return with_holidays_between(document, wanted.since, wanted.until)


def _demand_period(wanted: Wanted, now: datetime) -> None:
    if not EPOCH <= wanted.since < min(wanted.until, now):
        detail = "The period ends before it begins, lies in the future, or begins before 1970."
        raise Invalid("period_invalid", detail, field="since")
    if wanted.until - wanted.since > LONGEST_PERIOD:
        raise Invalid("period_invalid", f"The period has at most {LONGEST_PERIOD.days} days.", field="since")


def _under_way(organization_id: UUID) -> ContoError:
    present = Backtest.objects.filter(organization_id=organization_id, status__in=UNFINISHED).first()
    who = present.asked_by_name if present else "Somebody"
    name = to_public(Prefix.BACKTEST, present.pk) if present else None
    detail = f"{who} has a backtest under way. Wait for it or cancel it: an organization has one at a time."
    return Conflict("backtest_under_way", detail, backtest=name)


def _forget_old(organization_id: UUID) -> None:
    """Delete what nobody looks for any more: the oldest beyond those that are kept."""
    old = Backtest.objects.filter(organization_id=organization_id).order_by("-created_at", "-id")
    ids = list(old.values_list("pk", flat=True)[KEPT : KEPT + KEPT])
    BacktestChange.objects.filter(backtest__in=ids).delete()
    Backtest.objects.filter(pk__in=ids).delete()


def _tell(action: Action, row: Backtest, actor: Actor, now: datetime) -> None:
    append(
        organization_id=row.organization_id,
        actor=actor,
        action=action,
        subject_kind="policy",
        subject_id=to_public(Prefix.POLICY, row.policy_id),
        after={
            "backtest": to_public(Prefix.BACKTEST, row.pk),
            "digest": row.digest,
            "since": row.since,
            "until": row.until,
            "agent": row.agent_id and to_public(Prefix.AGENT, row.agent_id),
        },
        now=now,
    )
