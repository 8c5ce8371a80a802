"""What a reviewer is shown before a yes, and its digest, which travels with the yes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from approvals.models import Authorization
from approvals.selectors.overdue import overdue_of, without_overdue
from approvals.selectors.situation import (
    Situation,
    ask_of_authorization,
    look,
    read_asker,
    with_missing_summed,
)
from core.canonical import digest, plain
from core.errors import NotFound
from core.ids import Prefix, to_public
from policies.engine.evaluate import decide
from policies.engine.types import Check, Decision


@dataclass(frozen=True, slots=True)
class Evidence:
    """The decision as it would be made now, with the digest of amount, payee, standing, outcome and room."""

    decision: Decision
    digest: str
    standing: str


def evidence_of(authorization: Authorization, situation: Situation, decision: Decision) -> Evidence:
    """Return the evidence of this moment; equal digests mean that nothing a reviewer weighs has changed."""
    payment = situation.payment
    shown = {
        "authorization": to_public(Prefix.AUTHORIZATION, authorization.id),
        "amount": payment.amount,
        "currency": payment.currency,
        "payee": authorization.payee,
        "counterparty": payment.counterparty,
        "standing": payment.standing,
        "outcome": decision.outcome,
        "reasons": decision.reasons,
        "checks": [_room(check) for check in decision.checks],
    }
    return Evidence(decision, digest(plain(shown)), payment.standing.value)


def _room(check: Check) -> Mapping[str, object]:
    return {
        "policy": check.policy,
        "version": check.version,
        "rule_key": check.rule_key,
        "outcome": check.outcome,
        "code": check.code,
        "limit": check.limit,
        "used": check.used,
    }


def is_still_waiting(authorization: Authorization, now: datetime) -> bool:
    """Say whether people can still answer."""
    return (
        authorization.status == "pending_review"
        and authorization.expires_at is not None
        and now < authorization.expires_at
    )


def present_evidence(authorization_id: UUID, *, organization_id: UUID, now: datetime) -> Evidence:
    """Return what a reviewer has to weigh now; counters that are not open yet are summed without a trace.

    Overdue holds, which a yes expires first, count as room. Raises `NotFound`.
    """
    authorization = Authorization.objects.filter(id=authorization_id, organization_id=organization_id).first()
    if authorization is None:
        raise NotFound()
    return evidence_of_each([authorization], now=now)[authorization.id]


def evidence_of_each(authorizations: Sequence[Authorization], *, now: datetime) -> Mapping[UUID, Evidence]:
    """Return the evidence of several authorizations of one organization, by id.

    What they share is read once: agents, and what is overdue. Each payment's own situation is a look of its own.
    """
    if not authorizations:
        return {}
    (organization_id,) = {one.organization_id for one in authorizations}
    askers = {agent_id: read_asker(agent_id) for agent_id in {one.agent_id for one in authorizations}}
    holds = overdue_of(organization_id, now=now)
    found = {}
    for one in authorizations:
        seen = look(askers[one.agent_id], ask_of_authorization(one), asked_at=one.asked_at, now=now, own=one.id)
        summed = with_missing_summed(seen, own=one.id)
        situation = without_overdue(summed, now=now, own=one.id, holds=holds)
        found[one.id] = evidence_of(one, situation, decide(situation.question, situation.facts))
    return found
