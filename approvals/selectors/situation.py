"""What a decision looks at: the payment resolved, the policies in force, the counters as they stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, cached_property
from typing import Final, cast
from uuid import UUID

from approvals.models import Authorization
from core.canonical import digest
from core.db import prepared_rows
from core.errors import NotFound
from core.ids import Prefix, to_public
from core.span import CounterKey, Tally
from policies.engine.evaluate import PolicyInForce, counters_needed, lookback_minutes
from policies.engine.rules import CounterpartyRule
from policies.engine.types import Earlier, Facts, Payment, Rail, Standing
from policies.selectors import policies_for
from spend.payee import PayeeClaim
from spend.selectors.matching import sum_of_holds
from spend.selectors.payees import Payee, has_been_paid, payee_in, pegs, public_counterparty
from spend.selectors.tallies import Tallies, tallies_in, tally_query

EARLIER_LIMIT: Final = 50
"""Equal payments read at most; one is enough to decide, the rest are shown."""

LOOK: Final = """
select keys, ids, amounts,
    (select version from spend_fingerprint f where f.agent_id = %(agent)s::uuid and f.digest = %(fingerprint)s::text),
    twin.id, asked_at, purpose, session, status
from (
    select array_agg(key) as keys, array_agg(id) as ids, array_agg(amount) as amounts
    from ({tally}) as tally (key, id, amount)
) counted
left join lateral (
    select id, asked_at, purpose, session, status from approvals_authorization
    where agent_id = %(agent)s::uuid and payee_digest = %(payee)s::text and amount = %(amount)s::numeric
      and currency = %(currency)s::text and id is distinct from %(own)s::uuid
      and (status in ('approved', 'pending_review', 'in_doubt') or (status = 'recorded' and asked_at >
          %(since)s::timestamptz))
    order by asked_at desc limit %(limit)s::int
) twin on true
"""
"""What counters hold and the equal payments before, a row for each of these and at least one: one statement, for two
cost a tenth of the whole ask more.
"""

ASKER: Final = """
select a.id, a.name, a.labels, a.frozen_at is not null, a.retired_at is not null,
       o.id, o.epoch, o.time_zone, o.approval_ttl_seconds, o.frozen_at is not null,
       exists (select from agents_agentkey k where k.id = %(key)s::uuid and k.agent_id = a.id and k.revoked_at is null)
from agents_agent a join people_organization o on o.id = a.organization_id where a.id = %(agent)s::uuid
"""


@dataclass(frozen=True, slots=True)
class Asker:
    """The agent that asks, as it stood when it was read; a decision commits only in this `epoch`."""

    agent_id: UUID
    agent_name: str
    labels: tuple[str, ...]
    organization_id: UUID
    epoch: int
    time_zone: str
    approval_ttl_seconds: int
    frozen: tuple[str, ...]
    is_retired: bool = False
    key_id: UUID | None = None


@dataclass(frozen=True)
class Ask:
    """What an app asks for, in one normal form; equal asks have equal digests.

    `counting_currency` is set where the ask was stored before: pegs are resolved at the ask, once.
    """

    amount: Decimal
    currency: str
    payee: PayeeClaim
    category: str | None = None
    rail: str | None = None
    session: str | None = None
    purpose: str = ""
    context: Mapping[str, object] = field(default_factory=dict)
    counting_currency: str | None = None

    @cached_property
    def digest(self) -> str:
        """The digest of the normalised body, which an idempotency key is bound to."""
        return digest(self)


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything one decision was made from, and the rows it must still find as they were."""

    asker: Asker
    payment: Payment
    payee: Payee
    payee_digest: str
    policies: tuple[PolicyInForce, ...]
    facts: Facts
    counter_ids: Mapping[str, int]
    missing: tuple[CounterKey, ...]
    fingerprint: str | None
    fingerprint_seen: int
    possible_duplicate_of: UUID | None


def read_asker(agent_id: UUID, *, key_id: UUID | None = None) -> Asker:
    """Return the agent as it stands now, `key_id` None in it where that key is not live; raises `NotFound`."""
    found = prepared_rows(ASKER, {"agent": agent_id, "key": key_id})
    if not found:
        raise NotFound()
    (
        agent,
        name,
        labels,
        is_frozen,
        is_retired,
        organization,
        epoch,
        zone,
        ttl,
        is_all_frozen,
        is_key_live,
    ) = cast(
        tuple[UUID, str, list[str], bool, bool, UUID, int, str, int, bool, bool],
        found[0],
    )
    flags = (("agent_frozen", is_frozen), ("organization_frozen", is_all_frozen))
    frozen = tuple(code for code, holds in flags if holds)
    live_key = key_id if is_key_live else None
    return Asker(
        agent,
        name,
        tuple(labels),
        organization,
        epoch,
        zone,
        ttl,
        frozen,
        is_retired,
        live_key,
    )


def look(
    asker: Asker,
    ask: Ask,
    *,
    asked_at: datetime,
    now: datetime,
    own: UUID | None = None,
) -> Situation:
    """Return the situation at `now` of a payment asked for at `asked_at`, without a lock: a snapshot.

    `own` is the authorization decided again: what it holds itself is left out. `missing` counters have to be opened
    first.
    """
    payee = payee_in(asker.organization_id, ask.payee, asker.epoch)
    payment = payment_of(asker, ask, payee, asked_at)
    policies = policies_for(asker.organization_id, asker.agent_id, asker.labels, asker.epoch)
    lookback = lookback_minutes(policies, payment)
    payee_digest = digest_of_payee(ask.payee, payee)
    fingerprint = digest([payee_digest, ask.amount, ask.currency]) if lookback else None
    since = asked_at - timedelta(minutes=lookback)
    keys = counters_needed(policies, payment, asker.time_zone)
    tally, bounds = tally_query(keys, asked_at, leaving_out=own)
    found = prepared_rows(
        _look_with(tally), _twins_params(asker, ask, payee_digest, fingerprint, since=since, own=own) | bounds
    )
    tallies, twins, seen = _seen(found, keys)
    rolling = {} if own is None else _summed([key for key in keys if key.rolling_seconds], asker, asked_at, own=own)
    facts = Facts(
        now=now,
        time_zone=asker.time_zone,
        tallies={**tallies.used, **rolling},
        earlier=tuple(twin for twin, _ in twins if lookback and twin.asked_at >= since),
        has_paid_counterparty=_has_paid(policies, payee),
        frozen=asker.frozen,
    )
    alive = [twin_id for twin, twin_id in twins if twin_id is not None]
    return Situation(
        asker=asker,
        payment=payment,
        payee=payee,
        payee_digest=payee_digest,
        policies=policies,
        facts=facts,
        counter_ids=tallies.ids,
        missing=tallies.missing,
        fingerprint=fingerprint,
        fingerprint_seen=seen,
        possible_duplicate_of=alive[0] if alive else None,
    )


def with_missing_summed(situation: Situation, *, own: UUID | None = None) -> Situation:
    """Return the situation with counters that are not open yet summed from what their span holds, without a trace."""
    summed = _summed(situation.missing, situation.asker, situation.payment.asked_at, own=own)
    return replace(situation, facts=replace(situation.facts, tallies={**situation.facts.tallies, **summed}))


def _summed(keys: Sequence[CounterKey], asker: Asker, asked_at: datetime, *, own: UUID | None) -> Mapping[str, Tally]:
    return {
        key.digest: Tally(sum_of_holds(asker.organization_id, asker.agent_id, key, asked_at, leaving_out=own))
        for key in keys
    }


def ask_of_authorization(authorization: Authorization) -> Ask:
    """Return the ask as it was stored."""
    stored = authorization.payee
    return Ask(
        amount=authorization.amount,
        currency=authorization.currency,
        payee=PayeeClaim(stored["name"], tuple(stored["identifiers"]), stored["counterparty"], stored["country"]),
        category=authorization.category,
        rail=authorization.rail,
        session=authorization.session,
        purpose=authorization.purpose,
        counting_currency=authorization.counting_currency,
    )


def payment_of(asker: Asker, ask: Ask, payee: Payee, asked_at: datetime) -> Payment:
    """Return the payment with everything resolved that the engine must not look up itself."""
    return Payment(
        organization=to_public(Prefix.ORGANIZATION, asker.organization_id),
        agent=to_public(Prefix.AGENT, asker.agent_id),
        amount=ask.amount,
        currency=ask.currency,
        counting_currency=ask.counting_currency
        or pegs(asker.organization_id, asker.epoch).get(ask.currency, ask.currency),
        asked_at=asked_at,
        identifiers=ask.payee.identifiers,
        counterparty=public_counterparty(payee.counterparty),
        standing=Standing(payee.standing),
        has_identifier_mismatch=payee.has_mismatch,
        category=ask.category,
        rail=None if ask.rail is None else Rail(ask.rail),
        country=payee.country or ask.payee.country,
        session=ask.session,
        purpose=ask.purpose or None,
    )


def digest_of_payee(claim: PayeeClaim, payee: Payee) -> str:
    """Return what makes two payees the same: the counterparty, else the identifiers sent; never a name."""
    return digest([str(payee.counterparty)] if payee.counterparty else list(claim.identifiers))


def _has_paid(policies: Sequence[PolicyInForce], payee: Payee) -> bool:
    """Say whether the payee was paid before, where a rule asks; elsewhere the question is not worth a read."""
    rules = (rule for policy in policies for rule in policy.rules)
    is_asked = any(isinstance(rule, CounterpartyRule) and rule.first_payment is not None for rule in rules)
    return is_asked and payee.counterparty is not None and has_been_paid(payee.counterparty)


def _twins_params(
    asker: Asker, ask: Ask, payee_digest: str, fingerprint: str | None, *, since: datetime, own: UUID | None
) -> dict[str, object]:
    return {
        "agent": asker.agent_id,
        "fingerprint": fingerprint,
        "payee": payee_digest,
        "amount": ask.amount,
        "currency": ask.currency,
        "since": since,
        "limit": EARLIER_LIMIT if fingerprint else 1,
        "own": own,
    }


@cache
def _look_with(tally: str) -> str:
    return LOOK.format(tally=tally)


def _seen(
    found: Sequence[tuple[object, ...]], keys: Sequence[CounterKey]
) -> tuple[Tallies, list[tuple[Earlier, UUID | None]], int]:
    """Return what the rows of `LOOK` say: the tallies, the twins, and the version of the fingerprint."""
    digests, ids, amounts, version = cast(
        tuple[list[str] | None, list[int] | None, list[Decimal] | None, int | None], found[0][:4]
    )
    rows = cast(
        Sequence[tuple[UUID | None, datetime, str, str | None, str]],
        [row[4:] for row in found],
    )
    twins = [
        (
            Earlier(to_public(Prefix.AUTHORIZATION, twin), asked_at, purpose or None, session),
            None if status == "recorded" else twin,
        )
        for twin, asked_at, purpose, session, status in rows
        if twin is not None
    ]
    return tallies_in(list(zip(digests or [], ids or [], amounts or [], strict=True)), keys), twins, version or 0
