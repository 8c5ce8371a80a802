"""Every pot of every budget in force: what it holds and what is drawn from it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from spend.selectors.pots import SessionPot, session_pots
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


@dataclass(frozen=True, slots=True)
class Listed:
    """The pots of every budget in force, and in sentences which of them are left out because there are too many."""

    budgets: tuple[Budget, ...]
    left_out: tuple[str, ...]


def budgets_of(organization: Organization, *, now: datetime) -> tuple[Budget, ...]:
    """Return the pots of every budget in force; those per session only where a session has drawn on them."""
    return listed_budgets(organization, now=now).budgets


def listed_budgets(organization: Organization, *, now: datetime) -> Listed:
    """Return the pots of every budget in force and say what is left out; what is read is bounded either way."""
    rules = [
        (policy, rule)
        for policy in current_policies(organization.pk)
        for rule in policy.rules
        if isinstance(rule, BudgetAllocation)
    ]
    owners = _owners(organization) if any(not rule.shared for _, rule in rules) else []
    pots = list(_pots(rules, owners[:MOST_AGENTS]))
    names = {pot.name: pot for pot in pots}
    sessions = _sessions(organization, names)
    found = [(pot, look) for pot in pots for look in _looks(organization, pot, None, now)]
    found += _of_sessions(organization, names, sessions[:MOST_SESSIONS], now)
    rooms = rooms_now(organization.pk, [look.key.digest for _, look in found], now)
    left_out = (
        (len(owners) > MOST_AGENTS, f"Pots of their own: those of the first {MOST_AGENTS} agents by name; more exist."),
        (len(sessions) > MOST_SESSIONS, f"Sessions: the {MOST_SESSIONS} that began last; more exist."),
    )
    return Listed(
        tuple(_budget(pot, look, rooms.get(look.key.digest, EMPTY)) for pot, look in found),
        tuple(sentence for is_cut, sentence in left_out if is_cut),
    )


def _pots(
    rules: Iterable[tuple[PolicyInForce, BudgetAllocation]], owners: Sequence[tuple[str, frozenset[str]]]
) -> Iterator[Pot]:
    for policy, rule in rules:
        if rule.shared:
            yield Pot(policy, rule, None)
            continue
        yield from (Pot(policy, rule, agent) for agent, assigned in owners if policy.policy in assigned)


def _owners(organization: Organization) -> list[tuple[str, frozenset[str]]]:
    """Return the agents that are not retired, each with the policies that apply to it: one more than is listed."""
    agents = Agent.objects.filter(organization_id=organization.pk, retired_at=None).order_by("name", "pk")
    return [
        (
            to_public(Prefix.AGENT, agent.pk),
            frozenset(
                policy.policy
                for policy in policies_for(organization.pk, agent.pk, tuple(agent.labels), organization.epoch)
            ),
        )
        for agent in agents[: MOST_AGENTS + 1]
    ]


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


def _sessions(organization: Organization, pots: Mapping[str, Pot]) -> tuple[SessionPot, ...]:
    """Return the sessions that have drawn on pots, those that began last first: one more than is listed."""
    names = [name for name, pot in pots.items() if pot.rule.period is Period.SESSION]
    return session_pots(organization.pk, names, limit=MOST_SESSIONS + 1)


def _of_sessions(
    organization: Organization, pots: Mapping[str, Pot], sessions: Iterable[SessionPot], now: datetime
) -> Iterator[tuple[Pot, Look]]:
    for drawn in sessions:
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
