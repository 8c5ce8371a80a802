"""The one use case of asking: decide on a snapshot, commit only while everything the decision rests on still holds."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter_ns
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import DatabaseError

from approvals.lifecycle import Status
from approvals.routing import review_deadline
from approvals.selectors.answers import Answer, answer_by_key, answer_to
from approvals.selectors.situation import Ask, Asker, Situation, look, read_asker
from approvals.services.expire import BATCH_SIZE, MOST_BATCHES, expire_overdue_in
from audit.catalogue import Action
from audit.services import NewEvent, event_clause, events_json
from core.actor import Actor
from core.canonical import plain, plain_json
from core.db import (
    commit_together,
    hold_gate_exclusively,
    is_unavailable,
    prepared_rows,
    shared_gates_statement,
    sqlstate_of,
    use_case,
)
from core.errors import Conflict, NotAuthenticated, Unavailable
from core.ids import Prefix, from_public, new_id, to_public
from core.money import amount_text
from policies.engine.evaluate import decide
from policies.engine.types import Decision, Outcome
from spend.selectors.tallies import used_now
from spend.services.counterparties import register_counterparty
from spend.services.counters import open_counters
from spend.services.holds import (
    COUNTER_CLAUSES,
    FACTS_OF_ASK,
    FINGERPRINT_CLAUSE,
    HOLD_CLAUSES,
    Move,
    move_params,
)

OPTIMISTIC_ATTEMPTS: Final = 6
"""Snapshots tried before the gates are closed.

One may go to a counter opened, some to holds expired, the rest to contention.
"""

STATUS_OF: Final = {
    Outcome.ALLOW: Status.APPROVED,
    Outcome.REVIEW: Status.PENDING_REVIEW,
    Outcome.DENY: Status.DECLINED,
}
ACTION_OF: Final = {
    Outcome.ALLOW: Action.AUTHORIZATION_APPROVED,
    Outcome.REVIEW: Action.AUTHORIZATION_PENDING,
    Outcome.DENY: Action.AUTHORIZATION_DECLINED,
}

EPOCH_PASSED: Final = "CT001"
TWIN_STORED: Final = "CT002"
ROOM_TAKEN: Final = "CT003"
"""SQLSTATEs with which the one statement refuses to be kept."""

AUTHORIZATION_CLAUSE: Final = """
gate as (
    select 1 from people_organization where id = %(organization)s::uuid and epoch = %(epoch)s::bigint
),
asked as (
    insert into approvals_authorization (id, organization_id, agent_id, key_id, idempotency_key, body_digest, amount,
        currency, counting_currency, counterparty_id, payee, payee_digest, category, rail, country, session, purpose,
        context, outcome, reasons, decision, facts, versions, possible_duplicate_of, status, status_reason, asked_at,
        approved_at, expires_at, closed_at, changed_at, decided_in_us)
    select %(authorization)s::uuid, %(organization)s::uuid, %(agent)s::uuid, %(key)s::uuid, %(idempotency_key)s::text,
        %(body_digest)s::text, %(amount)s::numeric, %(currency)s::text, %(counting_currency)s::text,
        %(counterparty)s::uuid, %(payee)s::jsonb, %(payee_digest)s::text, %(category)s::text, %(rail)s::text,
        %(country)s::text, %(session)s::text, %(purpose)s::text, %(context)s::jsonb, %(outcome)s::text,
        %(reasons)s::text[], %(decision)s::jsonb, %(facts)s::jsonb, %(versions)s::uuid[], %(twin)s::uuid,
        %(status)s::text, '', %(asked_at)s::timestamptz, %(approved_at)s::timestamptz, %(expires_at)s::timestamptz,
        %(closed_at)s::timestamptz, %(asked_at)s::timestamptz, %(decided_in_us)s::int
    from gate
    on conflict (agent_id, idempotency_key) do nothing
    returning id
)"""

REQUEST_CLAUSE: Final = """
requested as (
    insert into approvals_approvalrequest (id, organization_id, authorization_id, requirements, opened_at, expires_at,
        closed_as)
    select %(request)s::uuid, %(organization)s::uuid, id, %(requirements)s::jsonb, %(asked_at)s::timestamptz,
        %(expires_at)s::timestamptz, ''
    from asked
)"""

REFUSE_WITHOUT_ASK: Final = f"""
when not exists (select from gate) then conto_refuse('{EPOCH_PASSED}')
when not exists (select from asked) then conto_refuse('{TWIN_STORED}')
"""
REFUSE_WITHOUT_ROOM: Final = f"""
when (select count(*) from moved) < cardinality(%(counter_ids)s::bigint[]) then conto_refuse('{ROOM_TAKEN}')
when %(fingerprint)s::text is not null and not exists (select from fingerprinted) then conto_refuse('{ROOM_TAKEN}')
"""
HELD: Final = ", ".join(
    clause.format(after="asked")
    for clause in (FINGERPRINT_CLAUSE, FACTS_OF_ASK, COUNTER_CLAUSES, HOLD_CLAUSES, event_clause("asked"))
)
DECLINE: Final = f"with {AUTHORIZATION_CLAUSE}, {event_clause('asked')} select case {REFUSE_WITHOUT_ASK} else true end"
APPROVE: Final = (
    f"with {AUTHORIZATION_CLAUSE}, {HELD} select case {REFUSE_WITHOUT_ASK} {REFUSE_WITHOUT_ROOM} else true end"
)
ASK_PEOPLE: Final = (
    f"with {AUTHORIZATION_CLAUSE}, {REQUEST_CLAUSE}, {HELD} "
    f"select case {REFUSE_WITHOUT_ASK} {REFUSE_WITHOUT_ROOM} else true end"
)
STATEMENT_OF: Final = {
    Outcome.ALLOW: APPROVE,
    Outcome.REVIEW: ASK_PEOPLE,
    Outcome.DENY: DECLINE,
}


class _Moved(Exception):
    """What the decision rested on is not so any more: roll back and decide again."""


class _Twin(Exception):
    """An ask with this idempotency key is already stored: roll back and answer as it was answered."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer to an ask; `is_replay` where an earlier ask with the same key had already got it."""

    answer: Answer
    is_replay: bool


def authorize_payment(asker: Asker, ask: Ask, *, idempotency_key: str | None, actor: Actor, now: datetime) -> Asked:
    """Answer whether the agent may make this payment, and set the money aside where it may or where people decide.

    Each attempt reads a snapshot, decides on it and commits in one durable transaction only if counters, fingerprint
    and policy epoch still admit it; contention is never a decline. Raises `Conflict` (`idempotency_conflict`) where
    the key was used for another body, `NotAuthenticated` where the key was revoked meanwhile, `Unavailable` with
    nothing stored.
    """
    for _ in range(OPTIMISTIC_ATTEMPTS):
        started = perf_counter_ns()
        situation = look(asker, ask, asked_at=now, now=now)
        if situation.payee.is_new and len(ask.payee.identifiers) == 1:
            register_counterparty(asker.organization_id, ask.payee, actor=actor, now=now)
            continue
        if situation.missing:
            open_counters(asker.organization_id, asker.agent_id, situation.missing, now=now)
            continue
        decision = decide(situation.question, situation.facts)
        if decision.outcome is not Outcome.ALLOW:
            breached = breached_counters(decision, situation)
            if expire_overdue_in(list(breached.values()), now=now) or has_room_come_free(situation, breached):
                continue
        try:
            commit = _Commit(
                ask,
                situation,
                decision,
                idempotency_key,
                actor,
                now,
                perf_counter_ns() - started,
            )
            return Asked(commit_decision(commit), is_replay=False)
        except _Twin:
            return _replay(asker, ask, idempotency_key, now)
        except _Moved:
            asker = _read_again(asker)
    return _authorize_alone(asker, ask, idempotency_key, actor, now)


@dataclass(frozen=True, slots=True)
class _Commit:
    ask: Ask
    situation: Situation
    decision: Decision
    idempotency_key: str | None
    actor: Actor
    now: datetime
    decided_in_ns: int


def commit_decision(commit: _Commit) -> Answer:
    """Pass the gates and store the decision with everything it moves.

    One statement, one durable transaction, all or nothing.
    """
    asker = commit.situation.asker
    sql, params, shown = _statement(commit)
    try:
        commit_together(shared_gates_statement(asker.organization_id, asker.agent_id), (sql, params))
    except DatabaseError as error:
        raise refusal_of(error) from error
    return answer_to(params, shown, commit.situation)


def refusal_of(error: DatabaseError) -> Exception:
    """Return what an error of the one statement means here."""
    match sqlstate_of(error):
        case "CT001" | "CT003":
            return _Moved()
        case "CT002":
            return _Twin()
    return Unavailable() if is_unavailable(error) else error


def breached_counters(decision: Decision, situation: Situation) -> dict[str, int]:
    """Return the rows of the counters whose lack of room made the answer stricter than allow, by digest."""
    digests = {
        check.counter for check in decision.checks if check.outcome.value in ("deny", "review") and check.counter
    }
    return {digest: situation.counter_ids[digest] for digest in digests if digest in situation.counter_ids}


def has_room_come_free(situation: Situation, breached: Collection[str]) -> bool:
    """Say whether one of these counters holds less than when looked at: somebody else expired what was overdue."""
    used = used_now(list(breached), situation.payment.asked_at)
    return any(used[digest] < situation.facts.tallies[digest].used for digest in used)


def _statement(commit: _Commit) -> tuple[str, dict[str, object], dict[str, Any]]:
    moves = [] if commit.decision.outcome is Outcome.DENY else _moves(commit)
    decision = plain_json(commit.decision).decode()
    params = _params(commit, decision) | move_params(moves, commit.now)
    return STATEMENT_OF[commit.decision.outcome], params, orjson.loads(decision)


def _moves(commit: _Commit) -> Sequence[Move]:
    ids = commit.situation.counter_ids
    return [Move(ids[move.key.digest], move.amount, move.cap) for move in commit.decision.moves]


def _params(commit: _Commit, shown: str) -> dict[str, object]:
    ask, situation, decision, now = (
        commit.ask,
        commit.situation,
        commit.decision,
        commit.now,
    )
    payment, asker = situation.payment, situation.asker
    authorization, status = new_id(now), STATUS_OF[decision.outcome]
    return {
        "authorization": authorization,
        "hold": authorization,
        "organization": asker.organization_id,
        "agent": asker.agent_id,
        "key": asker.key_id,
        "epoch": asker.epoch,
        "idempotency_key": commit.idempotency_key,
        "body_digest": ask.digest,
        "amount": ask.amount,
        "currency": ask.currency,
        "counting_currency": payment.counting_currency,
        "counterparty": situation.payee.counterparty,
        "payee": plain_json(ask.payee).decode(),
        "payee_digest": situation.payee_digest,
        "category": ask.category,
        "rail": ask.rail,
        "country": payment.country,
        "session": ask.session,
        "purpose": ask.purpose,
        "context": orjson.dumps(plain(ask.context)).decode(),
        "outcome": decision.outcome.value,
        "reasons": list(decision.reasons),
        "decision": shown,
        "facts": stored_facts(situation).decode(),
        "versions": [from_public(Prefix.VERSION, policy.version_id) for policy in situation.policies],
        "twin": situation.possible_duplicate_of,
        "status": status.value,
        "asked_at": now,
        "approved_at": now if status is Status.APPROVED else None,
        "expires_at": _expiry(decision, asker, now),
        "closed_at": now if status is Status.DECLINED else None,
        "decided_in_us": commit.decided_in_ns // 1000,
        "request": new_id(now),
        "requirements": plain_json(decision.requirements).decode(),
        "fingerprint": situation.fingerprint,
        "fingerprint_seen": situation.fingerprint_seen,
        "events": events_json([_event(commit, authorization)]),
    }


def stored_facts(situation: Situation) -> bytes:
    """Return what the decision was made from as it is stored for replay, in JSON: payment, facts, versions in force."""
    policies = [
        {
            "policy": policy.policy,
            "name": policy.name,
            "version_id": policy.version_id,
            "version": policy.version,
            "mode": policy.mode.value,
        }
        for policy in situation.policies
    ]
    return plain_json({"payment": situation.payment, "facts": situation.facts, "policies": policies})


def _expiry(decision: Decision, asker: Asker, now: datetime) -> datetime | None:
    match decision.outcome:
        case Outcome.ALLOW:
            return now + timedelta(seconds=asker.approval_ttl_seconds)
        case Outcome.REVIEW:
            return review_deadline(decision.requirements, now)
        case Outcome.DENY:
            return None


def _event(commit: _Commit, authorization: UUID) -> NewEvent:
    decision, ask = commit.decision, commit.ask
    return NewEvent(
        organization_id=commit.situation.asker.organization_id,
        actor=commit.actor,
        action=ACTION_OF[decision.outcome],
        subject_kind="authorization",
        subject_id=to_public(Prefix.AUTHORIZATION, authorization),
        before=None,
        after={
            "status": STATUS_OF[decision.outcome].value,
            "amount": amount_text(ask.amount),
            "currency": ask.currency,
            "payee": ask.payee.name,
            "reasons": list(decision.reasons),
            "agent": to_public(Prefix.AGENT, commit.situation.asker.agent_id),
        },
        now=commit.now,
    )


def _read_again(asker: Asker) -> Asker:
    again = read_asker(asker.agent_id, key_id=asker.key_id)
    if again.is_retired or again.key_id is None:
        raise NotAuthenticated("key_revoked", "The key was revoked while the request was under way.")
    return again


def _authorize_alone(asker: Asker, ask: Ask, idempotency_key: str | None, actor: Actor, now: datetime) -> Asked:
    """Lock first and think after: with the gates closed nothing moves, so the decision commits as it was made.

    Nothing can be expired then either: what is overdue in its counters goes before.
    """
    counters = look(asker, ask, asked_at=now, now=now).counter_ids
    if expire_overdue_in(list(counters.values()), now=now, batches=MOST_BATCHES) >= MOST_BATCHES * BATCH_SIZE:
        # More may be left, on which a denial would rest: the next try finds less.
        raise Unavailable()
    try:
        return Asked(
            _decide_behind_closed_gates(asker, ask, idempotency_key, actor, now),
            is_replay=False,
        )
    except _Twin:
        return _replay(asker, ask, idempotency_key, now)
    except _Moved as error:
        raise Unavailable() from error


@use_case
def _decide_behind_closed_gates(
    asker: Asker, ask: Ask, idempotency_key: str | None, actor: Actor, now: datetime
) -> Answer:
    hold_gate_exclusively(asker.organization_id)
    started = perf_counter_ns()
    situation = look(_read_again(asker), ask, asked_at=now, now=now)
    if situation.missing:
        raise _Moved
    decision = decide(situation.question, situation.facts)
    commit = _Commit(ask, situation, decision, idempotency_key, actor, now, perf_counter_ns() - started)
    sql, params, shown = _statement(commit)
    try:
        prepared_rows(sql, params)
    except DatabaseError as error:
        raise refusal_of(error) from error
    return answer_to(params, shown, situation)


def _replay(asker: Asker, ask: Ask, idempotency_key: str | None, now: datetime) -> Asked:
    assert idempotency_key is not None, "only a key has a twin"
    found = answer_by_key(asker.agent_id, idempotency_key, now=now)
    if found.body_digest != ask.digest:
        raise Conflict(
            "idempotency_conflict",
            "This idempotency key was used for another request. Use a new key for a new payment.",
            field="Idempotency-Key",
        )
    return Asked(found.answer, is_replay=True)
