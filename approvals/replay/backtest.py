"""Backtest: a draft and the other current policies asked of history, with running totals of their own."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from django.db.models import QuerySet

from agents.models import Agent
from approvals.models import Authorization
from approvals.replay.books import Books
from approvals.replay.past import Asked, Past
from approvals.replay.report import Report
from approvals.replay.running import Run, longest_lookback
from approvals.replay.twins import Twins
from core.db import rows
from core.ids import Prefix, to_public
from people.models import Organization
from policies.engine.rules import BudgetAllocation, PolicyInForce, Rule
from policies.engine.stored import payment_from_plain
from policies.engine.types import Mode, Payment
from policies.selectors import Targets, policies_for
from spend.selectors.families import Families, families_of
from spend.selectors.openings import opened_at

DRAFT: Final = "draft"
"""The version under which a draft judges."""
GO_ON_EVERY: Final = 50
"""Asks after which whoever runs it is asked whether to go on."""

PAID_BEFORE: Final = """
select c from unnest(%(counterparties)s::uuid[]) c where exists (
    select from spend_hold h join approvals_authorization a on a.id = h.authorization_id
    where h.counterparty_id in (select c union all select m.id from spend_counterparty m where m.merged_into_id = c)
      and h.spent > 0 and a.approved_at is not null and h.asked_at < %(before)s)
"""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of history: these rules in place of a policy's, for its targets, over a period.

    `agent_id` narrows what is reported to one agent.
    """

    organization_id: UUID
    policy_id: UUID
    name: str
    rules: tuple[Rule, ...]
    targets: Targets
    since: datetime
    until: datetime
    agent_id: UUID | None = None


@dataclass(slots=True)
class DraftWorld:
    """The policies of now with the draft among them; payments, payees and freezes are those of history.

    Who was merged into another by now is that other one throughout: policies of now know nobody else.
    """

    organization_id: UUID
    organization: str
    time_zone: str
    epoch: int
    draft: PolicyInForce
    targets: Targets
    labels: dict[UUID, tuple[str, ...]]
    families: Families
    known: dict[UUID, tuple[PolicyInForce, ...]] = field(default_factory=dict)

    def policies_at(self, agent_id: UUID, now: datetime) -> tuple[PolicyInForce, ...]:  # noqa: ARG002 - always the same
        """Return what is in force for an agent, the draft in the place of its policy's enforced version."""
        found = self.known.get(agent_id)
        if found is None:
            found = self.known[agent_id] = tuple(self._in_force(agent_id))
        return found

    def payment_of(self, asked: Asked) -> Payment:
        """Return the payment as it was resolved then: payee, standing and peg of its ask."""
        payment = payment_from_plain(asked.payment)
        if payment.counterparty is None:
            return payment
        payee = self.present(payment.counterparty)
        if payee not in self.families.names:
            return payment
        others = (*payment.other_identifiers, *self.families.names.get(payee, ()))
        others = tuple(one for one in dict.fromkeys(others) if one not in payment.identifiers)
        return replace(payment, counterparty=payee, other_identifiers=others)

    def present(self, payee: str) -> str:
        """Return who a payee is by now."""
        return self.families.left.get(payee, payee)

    def frozen_at(self, asked: Asked) -> tuple[str, ...]:
        """Return the freezes of then."""
        return asked.frozen

    def merges(self) -> Iterable[tuple[str, str]]:
        """Return nobody: who is one by now is one from the beginning."""
        return ()

    def is_bound(self, agent_id: UUID) -> bool:
        """Say whether the draft applies to an agent, or the version in its place did."""
        present = policies_for(self.organization_id, agent_id, self.labels.get(agent_id, ()), self.epoch)
        return self._applies(agent_id) or any(one.policy == self.draft.policy for one in present)

    def _in_force(self, agent_id: UUID) -> Iterable[PolicyInForce]:
        for one in policies_for(self.organization_id, agent_id, self.labels.get(agent_id, ()), self.epoch):
            if one.policy != self.draft.policy or one.mode is Mode.SHADOW:
                yield one
        if self._applies(agent_id):
            yield self.draft

    def _applies(self, agent_id: UUID) -> bool:
        return self.targets.binds(agent_id, self.labels.get(agent_id, ()))


@dataclass(frozen=True, slots=True)
class Plan:
    """Whose asks are followed, and whose are reported; all of an organization are followed where pots are shared."""

    world: DraftWorld
    past: Past
    reported: frozenset[UUID]


def plan(question: Question) -> Plan:
    """Return what a backtest will go through; nothing of history is read yet."""
    world = _world(question)
    bound = [agent for agent in world.labels if world.is_bound(agent)]
    reported = [agent for agent in bound if question.agent_id in (None, agent)]
    is_shared = any(_has_shared_pot(world.policies_at(agent, question.until)) for agent in reported)
    followed = sorted(world.labels) if is_shared else reported
    past = Past(question.organization_id, question.since, question.until, followed)
    return Plan(world, past, frozenset(reported))


def number_of_asks(of: Plan) -> int:
    """Return how many asks a run goes through; it counts them all, so whoever waits for an answer does not call it."""
    return _asks_since(of, of.past.since).count()


def number_to_follow(of: Plan, *, most: int) -> int:
    """Return how much of history a run reads, at most one too many: it costs no more to say of a long one.

    That is the asks, with those before the period that it looks back at, their records but for the first of each, and
    the payments that nobody had asked for.
    """
    since = of.past.since - _lookback(of)
    number = _asks_since(of, since)[: most + 1].count()
    for count in (replace(of.past, since=since).number_further, of.past.number_unasked):
        if number <= most:
            number += count(most=most - number + 1)
    return number


def _asks_since(of: Plan, since: datetime) -> QuerySet[Authorization]:
    return Authorization.objects.filter(
        organization_id=of.past.organization_id,
        agent_id__in=of.past.agents or (),
        asked_at__gte=since,
        asked_at__lt=of.past.until,
    )


def backtest(of: Plan, *, go_on: Callable[[int], bool]) -> Report | None:
    """Follow history and add up what changes; None where `go_on`, told how many asks are done, said no.

    A part of history is in memory at a time, beside the counters that rules look at.
    """
    run, report = _run(of), Report(of.world.time_zone)
    done = 0
    for asks in of.past.asks():
        for decided in run.follow(asks):
            if decided.asked.agent_id in of.reported:
                report.add(decided)
            done += 1
            if done % GO_ON_EVERY == 0 and not go_on(done):
                return None
        run.forget_before(asks[-1].asked_at)
    return report if go_on(done) else None


def _run(of: Plan) -> Run:
    organization, since = of.past.organization_id, of.past.since
    longest = _lookback(of)
    run = Run(
        world=of.world,
        books=Books(lambda keys: opened_at(organization, keys, since)),
        twins=Twins(longest),
        paid=lambda ids: paid_before(ids, since),
    )
    if longest:
        run.remember(Past(organization, since - longest, since, of.past.agents))
    run.begin(of.past.unasked())
    return run


def _lookback(of: Plan) -> timedelta:
    policies = [one for agent in of.past.agents or () for one in of.world.policies_at(agent, of.past.since)]
    return longest_lookback(rule for one in policies for rule in one.rules)


def paid_before(counterparties: Sequence[UUID], before: datetime) -> list[UUID]:
    """Return those of these counterparties that were paid on an approval asked for before a moment, or whose merged."""
    found = rows(PAID_BEFORE, {"counterparties": list(counterparties), "before": before})
    return [cast(UUID, one) for (one,) in found]


def _world(question: Question) -> DraftWorld:
    organization = Organization.objects.get(pk=question.organization_id)
    agents: Any = Agent.objects.filter(organization_id=question.organization_id).values_list("id", "labels")
    return DraftWorld(
        organization_id=organization.pk,
        organization=to_public(Prefix.ORGANIZATION, organization.pk),
        time_zone=organization.time_zone,
        epoch=organization.epoch,
        draft=PolicyInForce(
            policy=to_public(Prefix.POLICY, question.policy_id),
            name=question.name,
            version_id=DRAFT,
            version=0,
            mode=Mode.ENFORCED,
            rules=question.rules,
        ),
        targets=question.targets,
        labels={agent: tuple(labels) for agent, labels in agents},
        families=families_of(organization.pk),
    )


def _has_shared_pot(policies: Sequence[PolicyInForce]) -> bool:
    return any(isinstance(rule, BudgetAllocation) and rule.shared for policy in policies for rule in policy.rules)
