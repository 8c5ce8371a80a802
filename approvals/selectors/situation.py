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
from policies.engine.evaluate import PolicyInForce, Question, lookback, put
from policies.engine.rules import CounterpartyRule
from policies.engine.types import Earlier, Facts, Lookback, Payment, Rail, Standing
from policies.selectors import policies_for
from spend.payee import PayeeClaim
from spend.selectors.families import public_ids
from spend.selectors.matching import sum_of_holds
from spend.selectors.payees import Payee, payee_in, pegs, public_counterparty
from spend.selectors.tallies import Tallies, tallies_in, tally_query

EARLIER_LIMIT: Final = 50
"""Equal payments read at most; one is enough to decide, the rest are shown."""
EARLIER_SEARCHED: Final = 1_000
"""Equal payments looked through at most for one whose purpose, session, category or rail matters."""

SAME_PAYEE: Final = "payee_digest = %(payee)s::text"
SAME_FAMILY: Final = "payee_digest = any(%(payees)s::text[])"
"""Of a payee that others were merged into: what was asked for them was asked for it."""
EQUAL: Final = f"""agent_id = %(agent)s::uuid and {SAME_PAYEE} and amount = %(amount)s::numeric
      and currency = %(currency)s::text and id is distinct from %(own)s::uuid"""
ALIVE: Final = "status in ('approved', 'pending_review', 'in_doubt')"
NOT_OVERDUE: Final = "(status = 'in_doubt' or expires_at > %(now)s::timestamptz)"
ALIVE_TWIN: Final = f"""
(select id from approvals_authorization where {EQUAL} and {ALIVE} and {NOT_OVERDUE} order by asked_at desc limit 1)"""
COUNTED: Final = """
(select array_agg(key) as keys, array_agg(id) as ids, array_agg(amount) as amounts
 from ({tally}) as tally (key, id, amount)) counted"""
GLANCE: Final = f"select keys, ids, amounts, null::bigint, {ALIVE_TWIN} from {COUNTED}"
"""What counters hold and the newest equal payment that is still alive: enough where no rule asks for more."""
LOOK: Final = f"""
with equal as materialized (
    select * from (
        (select id, asked_at, purpose, session, category, rail from approvals_authorization a
         where {EQUAL} and asked_at between %(since)s::timestamptz and %(until)s::timestamptz and {ALIVE}
           and ({NOT_OVERDUE} or exists (select from spend_hold h where h.authorization_id = a.id and h.spent > 0))
         order by asked_at desc limit %(searched)s::int)
        union all
        (select id, asked_at, purpose, session, category, rail from approvals_authorization
         where {EQUAL} and asked_at between %(since)s::timestamptz and %(until)s::timestamptz and status = 'recorded'
         order by asked_at desc limit %(searched)s::int)
    ) either order by asked_at desc limit %(searched)s::int
)
select keys, ids, amounts,
    (select version from spend_fingerprint f where f.agent_id = %(agent)s::uuid and f.digest = %(fingerprint)s::text),
    {ALIVE_TWIN},
    (select min(asked_at) from equal having count(*) = %(searched)s::int),
    twin.id, asked_at, purpose, session, category, rail
from {COUNTED}
left join (
    select * from equal
    where (%(purpose)s::text is null or purpose in ('', %(purpose)s::text))
      and (%(session)s::text is null or session is null or session = %(session)s::text)
      and (cardinality(%(categories)s::text[]) = 0 or category is null or category = any(%(categories)s::text[]))
      and (cardinality(%(rails)s::text[]) = 0 or rail is null or rail = any(%(rails)s::text[]))
    order by asked_at desc limit %(limit)s::int
) twin on true
order by asked_at desc
"""
"""What counters hold and the equal payments before, a row for each of these and at least one: one statement, for two
cost a tenth of the whole ask more.

An equal payment counts while it is alive and its clock has not run out, and once something of it was recorded. Each
of the three searches for one goes down an index of its own and ends at a limit, however long the agent's past is.
"""

HAS_PAID: Final = """
select exists (
    select from spend_hold h join approvals_authorization a on a.id = h.authorization_id
    where h.counterparty_id = any(%(counterparties)s::uuid[]) and h.spent > 0 and h.authorization_id is not null
      and a.approved_at is not null)
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
    question: Question
    payee: Payee
    payee_digest: str
    facts: Facts
    counter_ids: Mapping[str, int]
    missing: tuple[CounterKey, ...]
    fingerprint: str | None
    fingerprint_seen: int
    possible_duplicate_of: UUID | None

    @property
    def payment(self) -> Payment:
        """What is asked for, with everything resolved."""
        return self.question.payment

    @property
    def policies(self) -> tuple[PolicyInForce, ...]:
        """By what it is judged."""
        return self.question.policies


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
    policies: tuple[PolicyInForce, ...] | None = None,
) -> Situation:
    """Return the situation at `now` of a payment asked for at `asked_at`, without a lock: a snapshot.

    `own` is the authorization decided again: what it holds itself is left out. `missing` counters have to be opened
    first. `policies` are judged by in place of those in force.
    """
    payee = payee_in(asker.organization_id, ask.payee, asker.epoch)
    payment = payment_of(asker, ask, payee, asked_at)
    if policies is None:
        policies = policies_for(asker.organization_id, asker.agent_id, asker.labels, asker.epoch)
    wanted = lookback(policies, payment)
    payee_digest = digest_of_payee(ask.payee, payee)
    fingerprint = digest([payee_digest, ask.amount, ask.currency]) if wanted else None
    question = put(policies, payment, asker.time_zone)
    keys = question.counters_needed()
    tally, bounds = tally_query(keys, asked_at, leaving_out=own)
    whose = {"agent": asker.agent_id, "amount": ask.amount, "currency": ask.currency}
    same, digests = _same_payee(payee, payee_digest)
    others = {"fingerprint": fingerprint, "own": own, "now": now} | digests
    found = prepared_rows(
        _look_with(tally, GLANCE if wanted is None else LOOK, same),
        whose | others | _lookback_params(wanted, asked_at) | bounds,
    )
    tallies, seen, twin = _seen(found, keys)
    earlier, unread_before = _earlier(found) if wanted else ((), None)
    rolling = {} if own is None else _summed([key for key in keys if key.rolling_seconds], asker, asked_at, own=own)
    facts = Facts(
        now=now,
        time_zone=asker.time_zone,
        tallies={**tallies.used, **rolling},
        earlier=earlier,
        has_paid_counterparty=_has_paid(policies, payee),
        frozen=asker.frozen,
        unread_before=unread_before,
    )
    return Situation(
        asker=asker,
        question=question,
        payee=payee,
        payee_digest=payee_digest,
        facts=facts,
        counter_ids=tallies.ids,
        missing=tallies.missing,
        fingerprint=fingerprint,
        fingerprint_seen=seen,
        possible_duplicate_of=twin,
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
        other_identifiers=(
            *(one for one in payee.identifiers if one not in ask.payee.identifiers),
            *public_ids(payee.merged),
        ),
    )


def digest_of_payee(claim: PayeeClaim, payee: Payee) -> str:
    """Return what makes two payees the same: the counterparty, else the identifiers sent; never a name."""
    return _digest_of(payee.counterparty) if payee.counterparty else digest(list(claim.identifiers))


def _digest_of(counterparty_id: UUID) -> str:
    return digest([str(counterparty_id)])


def _same_payee(payee: Payee, payee_digest: str) -> tuple[str, dict[str, object]]:
    """Return the condition on earlier asks for the same payee, with its parameters."""
    if not payee.merged:
        return SAME_PAYEE, {"payee": payee_digest}
    return SAME_FAMILY, {"payees": [payee_digest, *map(_digest_of, payee.merged)]}


def _has_paid(policies: Sequence[PolicyInForce], payee: Payee) -> bool:
    """Say whether the payee was paid before, where a rule asks; elsewhere the question is not worth a read."""
    rules = (rule for policy in policies for rule in policy.rules)
    is_asked = any(isinstance(rule, CounterpartyRule) and rule.first_payment is not None for rule in rules)
    return is_asked and payee.counterparty is not None and has_been_paid(payee.counterparty, *payee.merged)


def has_been_paid(*family: UUID) -> bool:
    """Say whether something was paid to the counterparty, or to one merged into it, on an approval; it stays true.

    What was paid without one counts nowhere here: an agent must not make a payee known by paying it unasked.
    """
    return bool(prepared_rows(HAS_PAID, {"counterparties": list(family)})[0][0])


def _lookback_params(wanted: Lookback | None, asked_at: datetime) -> dict[str, object]:
    sought = wanted or Lookback(minutes=0)
    span = timedelta(minutes=sought.minutes)
    is_any = (sought.purpose, sought.session, sought.categories, sought.rails) == (None, None, (), ())
    return {
        "since": asked_at - span,
        "until": asked_at + span,
        "purpose": sought.purpose,
        "session": sought.session,
        "categories": list(sought.categories),
        "rails": list(sought.rails),
        "limit": EARLIER_LIMIT,
        "searched": EARLIER_LIMIT if is_any else EARLIER_SEARCHED,
    }


@cache
def _look_with(tally: str, statement: str, same_payee: str) -> str:
    return statement.format(tally=tally).replace(SAME_PAYEE, same_payee)


def _seen(found: Sequence[tuple[object, ...]], keys: Sequence[CounterKey]) -> tuple[Tallies, int, UUID | None]:
    """Return what `LOOK` says once: the tallies, the version of the fingerprint, and the twin that is still alive."""
    digests, ids, amounts, version, twin = cast(
        tuple[list[str] | None, list[int] | None, list[Decimal] | None, int | None, UUID | None], found[0][:5]
    )
    return tallies_in(list(zip(digests or [], ids or [], amounts or [], strict=True)), keys), version or 0, twin


def _earlier(found: Sequence[tuple[object, ...]]) -> tuple[tuple[Earlier, ...], datetime | None]:
    """Return the equal payments in the rows of `LOOK`, the newest first, and before when some may be missing."""
    unread_before = cast(datetime | None, found[0][5])
    rows = cast(
        Sequence[tuple[UUID | None, datetime, str, str | None, str | None, str | None]], [row[6:] for row in found]
    )
    earlier = tuple(
        Earlier(
            to_public(Prefix.AUTHORIZATION, twin),
            asked_at,
            purpose or None,
            session,
            category,
            Rail(rail) if rail else None,
        )
        for twin, asked_at, purpose, session, category, rail in rows
        if twin is not None
    )
    return earlier, earlier[-1].asked_at if len(earlier) == EARLIER_LIMIT else unread_before
