"""What a shadow version would have said of live decisions: read from the checks that each decision stored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

import orjson

from core.db import rows
from core.ids import Prefix, to_public
from policies.engine.reasons import Reason, in_order, sentence
from policies.engine.types import Outcome

LOOKED_AT: Final = 2_000
"""The newest decisions of the organization that are looked through: what the page costs does not grow with history."""
SHOWN: Final = 50

BEYOND_RULES: Final = {
    Reason.ORGANIZATION_FROZEN.value,
    Reason.AGENT_FROZEN.value,
    Reason.COUNTERPARTY_BLOCKED.value,
}
"""What denies whatever the rules say, unless it is a rule that says it."""

DECIDED: Final = """
select a.id, a.asked_at, a.amount, a.currency, agent.name, coalesce(payee.name, a.payee->>'name', ''), a.outcome,
       a.reasons, said.checks
  from (select id, agent_id, counterparty_id, asked_at, amount, currency, payee, outcome, reasons, decision
          from approvals_authorization
         where organization_id = %(organization)s and asked_at >= %(since)s
         order by asked_at desc, id desc limit %(most)s) a
  cross join lateral (
        select jsonb_agg(jsonb_build_array(one->>'policy', one->>'mode', one->'version', one->>'outcome', one->>'code'))
               as checks
          from jsonb_array_elements(a.decision->'checks') one) said
  join agents_agent agent on agent.id = a.agent_id
  left join spend_counterparty payee on payee.id = a.counterparty_id
 where said.checks @> jsonb_build_array(jsonb_build_array(%(policy)s::text, 'shadow', %(version)s::int))
 order by a.asked_at desc, a.id desc
"""


@dataclass(frozen=True, slots=True)
class Compared:
    """One live decision: how it was answered, how it would have been with the shadow version enforced, and why."""

    id: str
    asked_at: datetime
    amount: Decimal
    currency: str
    agent: str
    payee: str
    outcome: Outcome
    would: Outcome
    why: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the answer would have been another one."""
        return self.would is not self.outcome


@dataclass(frozen=True, slots=True)
class Move:
    """So many decisions of one answer would have got another, over so much money of one currency."""

    outcome: Outcome
    would: Outcome
    currency: str
    number: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """The newest decisions that a shadow version judged beside the enforced ones."""

    judged: int
    moves: tuple[Move, ...]
    differing: tuple[Compared, ...]
    """The newest of them."""
    differ: int


@dataclass(frozen=True, slots=True)
class Told:
    """One stored check, as far as it is needed here."""

    policy: str
    mode: str
    version: int
    outcome: str
    code: str


def shadow_report(
    organization_id: UUID, *, policy: UUID, version: int, since: datetime, most: int = LOOKED_AT
) -> ShadowReport:
    """Return what version `version` of a policy said in shadow of the newest decisions since `since`."""
    own = to_public(Prefix.POLICY, policy)
    params = {"organization": organization_id, "since": since, "most": most, "policy": own, "version": version}
    found = [_compared(row, own, version) for row in rows(DECIDED, params)]
    differing = [one for one in found if one.differs]
    numbers = Counter((one.outcome, one.would, one.currency) for one in differing)
    moves = [
        Move(*key, number, sum((one.amount for one in differing if _key(one) == key), Decimal(0)))
        for key, number in numbers.most_common()
    ]
    return ShadowReport(len(found), tuple(moves), tuple(differing[:SHOWN]), len(differing))


def _key(one: Compared) -> tuple[Outcome, Outcome, str]:
    return one.outcome, one.would, one.currency


def _compared(row: Sequence[object], own: str, version: int) -> Compared:
    row_id, asked_at, amount, currency, agent, payee, outcome, reasons, stored = cast(tuple[Any, ...], row)
    checks = [Told(*one) for one in orjson.loads(stored)]
    would, codes = would_be(Outcome(outcome), reasons, checks, own=own, version=version)
    return Compared(
        to_public(Prefix.AUTHORIZATION, row_id),
        asked_at,
        amount,
        currency,
        agent,
        payee,
        Outcome(outcome),
        would,
        tuple(sentence(code) for code in in_order(codes)),
    )


def would_be(
    outcome: Outcome, reasons: Sequence[str], checks: Sequence[Told], *, own: str, version: int
) -> tuple[Outcome, tuple[str, ...]]:
    """Return the answer with the shadow version in place of the enforced one of its policy, and the codes of why."""
    enforced = [one for one in checks if one.mode == "enforced"]
    said_by_rules = {one.code for one in enforced if one.outcome == Outcome.DENY}
    beyond = tuple(code for code in reasons if code in BEYOND_RULES and code not in said_by_rules)
    if outcome is Outcome.DENY and beyond:
        return Outcome.DENY, beyond
    counting = [one for one in enforced if one.policy != own] + [
        one for one in checks if one.mode == "shadow" and one.policy == own and one.version == version
    ]
    judging = [one for one in counting if one.outcome in OUTCOMES]
    if not judging:
        return Outcome.DENY, (Reason.NO_RULE_APPLIES.value,)
    worst = max((OUTCOMES[one.outcome] for one in judging), key=lambda one: one.strictness)
    codes = {one.code for one in judging if one.outcome == worst}
    return worst, () if worst is Outcome.ALLOW else tuple(codes)


OUTCOMES: Final[Mapping[str, Outcome]] = {one.value: one for one in Outcome}
