"""Every pot of every budget in force: what it holds and what is drawn from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from agents.models import Agent
from core.ids import Prefix, to_public
from people.models import Organization
from policies.engine.counting import Look, looks
from policies.engine.rules import BudgetAllocation, Period, PolicyInForce
from policies.engine.types import Payment
from policies.selectors import current_policies, policies_for
from spend.selectors.pots import session_pots
from spend.selectors.tallies import Room, rooms_now

CENT: Final = Decimal("0.01")
MOST_AGENTS: Final = 500
"""Agents whose own pots are listed."""
MOST_SESSIONS: Final = 200
"""Sessions listed, those that began last."""
EMPTY: Final = Room(Decimal(0), Decimal(0))


@dataclass(frozen=True, slots=True)
class Budget:
    """One pot: `agent` is the one it belongs to where agents do not share, `session` where each has its own.

    `used` is what is taken, `held` the part of it that is set aside; `counter` is the digest of what it counts.
    `starts_at` and `ends_at` bound the present filling; None means that it never begins anew on that side.
    """

    policy: str
    policy_name: str
    mode: str
    rule_key: str
    period: str
    agent: str | None
    session: str | None
    currency: str
    amount: Decimal
    used: Decimal
    held: Decimal
    counter: str
    starts_at: datetime | None
    ends_at: datetime | None
    warn_at: tuple[int, ...]

    @property
    def remaining(self) -> Decimal:
        """What is left; below zero where records went past the pot."""
        return self.amount - self.used

    @property
    def recorded(self) -> Decimal:
        """What was paid, less what came back with room."""
        return self.used - self.held

    @property
    def share(self) -> Decimal:
        """How much of it is taken, in per cent."""
        return 100 * self.used / self.amount if self.amount else Decimal(100)

    @property
    def mark(self) -> int | None:
        """The highest warning mark that is reached, in per cent."""
        return max((one for one in self.warn_at if self.share >= one), default=None)


@dataclass(frozen=True, slots=True)
class Pot:
    """The pot of a rule; `agent` is the public id of the one it belongs to, None where agents share it."""

    policy: PolicyInForce
    rule: BudgetAllocation
    agent: str | None

    @property
    def name(self) -> str:
        """As its counters name it."""
        own = f"/{self.agent}" if self.agent else ""
        return f"{self.policy.policy}/{self.rule.key}{own}"


def budgets_of(organization: Organization, *, now: datetime) -> tuple[Budget, ...]:
    """Return the pots of every budget in force; those per session only where a session has drawn on them."""
    pots = list(_pots(organization))
    found = [(pot, look) for pot in pots for look in _looks(organization, pot, None, now)]
    found += _of_sessions(organization, {pot.name: pot for pot in pots}, now)
    rooms = rooms_now(organization.pk, [look.key.digest for _, look in found], now)
    return tuple(_budget(pot, look, rooms.get(look.key.digest, EMPTY)) for pot, look in found)


def _pots(organization: Organization) -> Iterator[Pot]:
    owners: list[tuple[str, frozenset[str]]] | None = None
    for policy in current_policies(organization.pk):
        for rule in policy.rules:
            if not isinstance(rule, BudgetAllocation):
                continue
            if rule.shared:
                yield Pot(policy, rule, None)
                continue
            owners = list(_owners(organization)) if owners is None else owners
            yield from (Pot(policy, rule, agent) for agent, assigned in owners if policy.policy in assigned)


def _owners(organization: Organization) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the agents that are not retired, each with the policies that apply to it."""
    agents = Agent.objects.filter(organization_id=organization.pk, retired_at=None).order_by("name", "pk")
    for agent in agents[:MOST_AGENTS]:
        policies = policies_for(organization.pk, agent.pk, tuple(agent.labels), organization.epoch)
        yield to_public(Prefix.AGENT, agent.pk), frozenset(policy.policy for policy in policies)


def _looks(organization: Organization, pot: Pot, session: str | None, now: datetime) -> Iterator[Look]:
    """Yield the counters of a pot, one per currency; none where it is closed, or per session and none is given."""
    for currency, _ in pot.rule.amount:
        payment = Payment(
            organization=to_public(Prefix.ORGANIZATION, organization.pk),
            agent=pot.agent or "",
            amount=CENT,
            currency=currency,
            counting_currency=currency,
            asked_at=now,
            session=session,
        )
        for look in looks(pot.rule, pot.policy.policy, payment, organization.time_zone):
            if isinstance(look, Look):
                yield look


def _of_sessions(organization: Organization, pots: Mapping[str, Pot], now: datetime) -> Iterator[tuple[Pot, Look]]:
    names = [name for name, pot in pots.items() if pot.rule.period is Period.SESSION]
    for drawn in session_pots(organization.pk, names, limit=MOST_SESSIONS):
        pot = pots[drawn.pot]
        for look in _looks(organization, pot, drawn.session, now):
            # A rule whose condition has changed since counts anew, under another key.
            if look.key.digest == drawn.key:
                yield pot, look


def _budget(pot: Pot, look: Look, room: Room) -> Budget:
    return Budget(
        policy=pot.policy.policy,
        policy_name=pot.policy.name,
        mode=pot.policy.mode.value,
        rule_key=pot.rule.key,
        period=pot.rule.period.value,
        agent=pot.agent,
        session=look.key.session,
        currency=look.key.currency,
        amount=look.cap,
        used=room.used,
        held=room.held,
        counter=look.key.digest,
        starts_at=look.key.span.start,
        ends_at=look.key.span.end,
        warn_at=pot.rule.warn_at,
    )
