"""What an agent may still spend, per rule that counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from approvals.selectors.situation import Asker
from core.ids import Prefix, to_public
from core.span import CounterKey, Subject
from policies.engine.counting import Look, looks
from policies.engine.explain import rule_sentence
from policies.engine.rules import (
    ApprovalThreshold,
    BudgetAllocation,
    MoneyMap,
    PolicyInForce,
    Rule,
    SpendLimit,
    Velocity,
)
from policies.engine.types import Mode, Payment
from policies.selectors import policies_for
from spend.selectors.matching import held_of_holds, sum_of_holds
from spend.selectors.tallies import Room, rooms_now

CENT: Final = Decimal("0.01")
PER_PAYEE: Final = frozenset({Subject.AGENT_COUNTERPARTY})


@dataclass(frozen=True, slots=True)
class Limit:
    """One counted cap with what is used of it. Amounts are in `currency`, plain counts where that is empty.

    `used` counts holds and records, `held` is the part of it that is set aside; `remaining` may be negative. `ends_at`
    is when the window begins anew, None for rolling windows and for ever. `is_soft` says that people are asked above it
    instead of a refusal.
    """

    policy: str
    policy_name: str
    mode: str
    rule: str
    rule_key: str
    sentence: str
    code: str
    currency: str
    limit: Decimal
    used: Decimal
    held: Decimal
    remaining: Decimal
    ends_at: datetime | None
    is_rolling: bool
    is_soft: bool

    @property
    def spent(self) -> Decimal:
        """What of `used` is not merely set aside."""
        return self.used - self.held


def limits_of(asker: Asker, *, now: datetime, session: str | None = None) -> tuple[Limit, ...]:
    """Return every cap that counts this agent's spending, most used first.

    Caps per counterparty need a payment and are left out.

    Per-session caps are shown for `session` only. A counter that is not open yet is summed up, and not opened.
    """
    policies = policies_for(asker.organization_id, asker.agent_id, asker.labels, asker.epoch)
    found = [
        (policy, rule, look)
        for policy in policies
        for rule in policy.rules
        for look in _looks(asker, policy, rule, now, session)
    ]
    keys = {look.key.digest: look.key for _, _, look in found}
    rooms = rooms_now(asker.organization_id, list(keys), now)
    summed = {digest: _summed(asker, key, now) for digest, key in keys.items() if digest not in rooms}
    limits = [_limit(policy, rule, look, {**rooms, **summed}[look.key.digest]) for policy, rule, look in found]
    return tuple(sorted(limits, key=lambda limit: (limit.mode != Mode.ENFORCED, -_share(limit))))


def _summed(asker: Asker, key: CounterKey, now: datetime) -> Room:
    owner = asker.organization_id, asker.agent_id
    return Room(sum_of_holds(*owner, key, now), held_of_holds(*owner, key, now))


def _share(limit: Limit) -> Decimal:
    return limit.used / limit.limit if limit.limit else Decimal(1)


def _looks(asker: Asker, policy: PolicyInForce, rule: Rule, now: datetime, session: str | None) -> Iterator[Look]:
    for currency in _currencies(rule):
        payment = Payment(
            organization=to_public(Prefix.ORGANIZATION, asker.organization_id),
            agent=to_public(Prefix.AGENT, asker.agent_id),
            amount=CENT,
            currency=currency,
            counting_currency=currency,
            asked_at=now,
            session=session,
        )
        for look in looks(rule, policy.policy, payment, asker.time_zone):
            if isinstance(look, Look) and look.key.subject not in PER_PAYEE:
                yield look


def _currencies(rule: Rule) -> tuple[str, ...]:
    maps: tuple[MoneyMap, ...]
    match rule:
        case SpendLimit():
            maps = (rule.hourly, rule.daily, rule.weekly, rule.monthly, rule.total)
        case BudgetAllocation():
            maps = (rule.amount,)
        case ApprovalThreshold():
            maps = (rule.above,) if rule.cumulative else ()
        case Velocity():
            return ("",)
        case _:
            maps = ()
    return tuple(sorted({currency for one in maps for currency, _ in one}))


def _limit(policy: PolicyInForce, rule: Rule, look: Look, room: Room) -> Limit:
    key: CounterKey = look.key
    return Limit(
        policy=policy.policy,
        policy_name=policy.name,
        mode=policy.mode.value,
        rule=rule.type.value,
        rule_key=rule.key,
        sentence=rule_sentence(rule),
        code=look.code.value,
        currency=key.currency,
        limit=look.cap,
        used=room.used,
        held=room.held,
        remaining=look.cap - room.used,
        ends_at=key.span.end,
        is_rolling=key.rolling_seconds is not None,
        is_soft=look.above.value == "review",
    )
