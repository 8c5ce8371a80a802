"""The plain types of the engine: payment, policies in force, facts, checks and the decision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from core.span import CounterKey, Tally


class Outcome(StrEnum):
    """The engine's answer; later ones are stricter."""

    ALLOW = "allow"
    REVIEW = "review"
    DENY = "deny"

    @property
    def strictness(self) -> int:
        """A number that grows with strictness."""
        return STRICTNESS[self]


STRICTNESS: Final = {Outcome.ALLOW: 0, Outcome.REVIEW: 1, Outcome.DENY: 2}


class Said(StrEnum):
    """What a single check says: an outcome, or that the rule does not judge this payment."""

    ALLOW = "allow"
    REVIEW = "review"
    DENY = "deny"
    NOT_APPLICABLE = "not_applicable"


class Mode(StrEnum):
    """Whether a version counts or is only shown."""

    ENFORCED = "enforced"
    SHADOW = "shadow"


class Standing(StrEnum):
    """What the organization thinks of a counterparty; later ones are better, except blocked."""

    UNKNOWN = "unknown"
    VERIFIED = "verified"
    TRUSTED = "trusted"
    BLOCKED = "blocked"


class Rail(StrEnum):
    """How money moves."""

    CARD = "card"
    BANK = "bank"
    STABLECOIN = "stablecoin"
    X402 = "x402"
    MPP = "mpp"
    INVOICE = "invoice"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment that is asked for, with everything already resolved.

    `amount` is exact and positive, in `currency`; it counts in `counting_currency` (pegs resolved at the ask).
    `identifiers` are normalised texts such as `domain:api.openai.com`, `address:0x…`, `account:…`.
    `counterparty` is a public id, or None where no identifier is known; then `standing` is unknown.
    `other_identifiers` are those that the counterparty has beside the ones sent, and the public ids of those that were
    merged into it.
    """

    organization: str
    agent: str
    amount: Decimal
    currency: str
    counting_currency: str
    asked_at: datetime
    identifiers: tuple[str, ...] = ()
    counterparty: str | None = None
    standing: Standing = Standing.UNKNOWN
    has_identifier_mismatch: bool = False
    category: str | None = None
    rail: Rail | None = None
    country: str | None = None
    session: str | None = None
    purpose: str | None = None
    other_identifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier payment of the agent with the same counterparty, amount and currency, still alive or recorded."""

    authorization: str
    asked_at: datetime
    purpose: str | None
    session: str | None
    category: str | None = None
    rail: Rail | None = None


@dataclass(frozen=True, slots=True)
class Lookback:
    """Which earlier payments the DUPLICATE rules that judge a payment can count, taken together.

    Those of the last `minutes`; where `purpose` or `session` is set only of that one (or of none), where `categories`
    or `rails` are, only of these (or of none).
    """

    minutes: int
    purpose: str | None = None
    session: str | None = None
    categories: tuple[str, ...] = ()
    rails: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What was true of the world when the decision was made; stored, so that it can be made again.

    `now` is the clock of the decision (limits use `payment.asked_at`). `time_zone` is the organization's (IANA).
    `tallies` go by `CounterKey.digest` and leave out what this very authorization holds.
    Equal payments that were asked for at `unread_before` or earlier were too many to be read; None where all were.
    `frozen` holds the codes `agent_frozen`, `organization_frozen` that apply.
    """

    now: datetime
    time_zone: str
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    earlier: tuple[Earlier, ...] = ()
    has_paid_counterparty: bool = False
    frozen: tuple[str, ...] = ()
    unread_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """Which people, and how many of them, a review rule asks for.

    Empty `roles` and `people` mean anybody who may review. `people` are public ids.
    """

    policy: str
    rule_key: str
    approvals: int
    roles: tuple[str, ...]
    people: tuple[str, ...]
    timeout_minutes: int


@dataclass(frozen=True, slots=True)
class Check:
    """What one rule said of one payment, passed ones included.

    Amounts are in `currency` (or plain counts where `currency` is None); `used` leaves this payment out,
    `remaining` is what is left after it and may be negative. `counter` is the digest of the counter it looked at,
    `mark` the highest warning mark of a budget (in per cent) that is reached with this payment.
    """

    policy: str
    policy_name: str
    version: int
    mode: Mode
    rule: str
    rule_key: str
    outcome: Said
    code: str
    limit: Decimal | None = None
    used: Decimal | None = None
    requested: Decimal | None = None
    remaining: Decimal | None = None
    currency: str | None = None
    window_ends_at: datetime | None = None
    counter: str | None = None
    mark: int | None = None


@dataclass(frozen=True, slots=True)
class CounterMove:
    """A counter that the payment moves if it is not denied; `cap` None moves it unguarded."""

    key: CounterKey
    amount: Decimal
    cap: Decimal | None


@dataclass(frozen=True, slots=True)
class Decision:
    """The engine's answer with everything it rests on.

    `reasons` are stable codes in order of precedence, empty on allow. `moves` are what must still fit at the
    commit; `rests_on_earlier` says that a DUPLICATE check looked at earlier payments, so that no equal one may have
    come since.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    moves: tuple[CounterMove, ...]
    requirements: tuple[Requirement, ...]
    rests_on_earlier: bool
