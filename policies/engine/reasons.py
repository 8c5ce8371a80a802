"""The closed set of reasons, in their order of precedence, with a sentence for people for each."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Why a decision is not allow, or what a check looked at; the order of the members is the order of precedence."""

    ORGANIZATION_FROZEN = "organization_frozen"
    AGENT_FROZEN = "agent_frozen"
    NO_POLICY = "no_policy"
    NO_RULE_APPLIES = "no_rule_applies"
    COUNTERPARTY_BLOCKED = "counterparty_blocked"
    IDENTIFIER_MISMATCH = "identifier_mismatch"
    IDENTIFIER_MISSING = "identifier_missing"
    COUNTERPARTY_MERGED = "counterparty_merged"
    RULE_ERROR = "rule_error"
    COUNTER_MISSING = "counter_missing"
    CURRENCY_NOT_COVERED = "currency_not_covered"
    SESSION_MISSING = "session_missing"
    CATEGORY_MISSING = "category_missing"
    COUNTRY_MISSING = "country_missing"
    RAIL_MISSING = "rail_missing"
    HOLIDAYS_UNRESOLVED = "holidays_unresolved"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    NOT_WHITELISTED = "not_whitelisted"
    COUNTERPARTY_STANDING = "counterparty_standing"
    COUNTERPARTY_UNKNOWN = "counterparty_unknown"
    CATEGORY_BLOCKED = "category_blocked"
    CATEGORY_NOT_ALLOWED = "category_not_allowed"
    COUNTRY_BLOCKED = "country_blocked"
    COUNTRY_NOT_ALLOWED = "country_not_allowed"
    RAIL_NOT_ALLOWED = "rail_not_allowed"
    OUTSIDE_TIME_WINDOW = "outside_time_window"
    BLACKOUT_DATE = "blackout_date"
    BLACKOUT_HOURS = "blackout_hours"
    PUBLIC_HOLIDAY = "public_holiday"
    PRICE_CEILING = "price_ceiling"
    PER_TRANSACTION_LIMIT = "per_transaction_limit"
    BUDGET_CLOSED = "budget_closed"
    BUDGET = "budget"
    HOURLY_LIMIT = "hourly_limit"
    DAILY_LIMIT = "daily_limit"
    WEEKLY_LIMIT = "weekly_limit"
    MONTHLY_LIMIT = "monthly_limit"
    TOTAL_LIMIT = "total_limit"
    VELOCITY = "velocity"
    DUPLICATE = "duplicate"
    FIRST_PAYMENT = "first_payment"
    APPROVAL_THRESHOLD = "approval_threshold"
    DAILY_APPROVAL_THRESHOLD = "daily_approval_threshold"
    CONDITION_NOT_MET = "condition_not_met"


SENTENCES: Final[dict[Reason, str]] = {
    Reason.ORGANIZATION_FROZEN: "The organization is frozen.",
    Reason.AGENT_FROZEN: "The agent is frozen.",
    Reason.NO_POLICY: "No enforced policy is assigned to the agent.",
    Reason.NO_RULE_APPLIES: "No enforced rule applies to this payment.",
    Reason.COUNTERPARTY_BLOCKED: "The counterparty is blocked.",
    Reason.IDENTIFIER_MISMATCH: "The identifiers sent do not all belong to one counterparty.",
    Reason.IDENTIFIER_MISSING: "Nothing identifies the payee, and a rule blocks some by their identifiers.",
    Reason.COUNTERPARTY_MERGED: "A rule names a counterparty that was merged into this one; it must name this one.",
    Reason.RULE_ERROR: "A rule could not be evaluated.",
    Reason.COUNTER_MISSING: "What was spent so far is not known.",
    Reason.CURRENCY_NOT_COVERED: "A rule names no amount for the payment's currency.",
    Reason.SESSION_MISSING: "The payment names no session, and a rule counts per session.",
    Reason.CATEGORY_MISSING: "The payment names no category, and a rule goes by it.",
    Reason.COUNTRY_MISSING: "The country of the counterparty is not known, and a rule goes by it.",
    Reason.RAIL_MISSING: "The payment names no rail, and a rule goes by it.",
    Reason.HOLIDAYS_UNRESOLVED: "The public holidays of today are not known to the rule; publish the policy again.",
    Reason.NOT_YET_VALID: "Money may not move yet.",
    Reason.EXPIRED: "Money may no longer move.",
    Reason.NOT_WHITELISTED: "The counterparty is not on the list of those who may be paid.",
    Reason.COUNTERPARTY_STANDING: "The counterparty does not have the standing that is needed.",
    Reason.COUNTERPARTY_UNKNOWN: "The counterparty is unknown.",
    Reason.CATEGORY_BLOCKED: "The category is blocked.",
    Reason.CATEGORY_NOT_ALLOWED: "The category is not one of those allowed.",
    Reason.COUNTRY_BLOCKED: "The country is blocked.",
    Reason.COUNTRY_NOT_ALLOWED: "The country is not one of those allowed.",
    Reason.RAIL_NOT_ALLOWED: "The rail is not one of those allowed.",
    Reason.OUTSIDE_TIME_WINDOW: "Money may not move at this hour.",
    Reason.BLACKOUT_DATE: "Money may not move on this day.",
    Reason.BLACKOUT_HOURS: "Money may not move in these hours.",
    Reason.PUBLIC_HOLIDAY: "Money may not move on a public holiday.",
    Reason.PRICE_CEILING: "The call costs more than the price ceiling for machine payments.",
    Reason.PER_TRANSACTION_LIMIT: "The amount is above the limit for one payment.",
    Reason.BUDGET_CLOSED: "The budget is not open at this time.",
    Reason.BUDGET: "The payment does not fit into the budget.",
    Reason.HOURLY_LIMIT: "The payment would take the hour's spend above its limit.",
    Reason.DAILY_LIMIT: "The payment would take the day's spend above its limit.",
    Reason.WEEKLY_LIMIT: "The payment would take the week's spend above its limit.",
    Reason.MONTHLY_LIMIT: "The payment would take the month's spend above its limit.",
    Reason.TOTAL_LIMIT: "The payment would take the total spend above its limit.",
    Reason.VELOCITY: "Too many payments were asked for in a short time.",
    Reason.DUPLICATE: "The same payment was already asked for a short time ago.",
    Reason.FIRST_PAYMENT: "This is the first payment to this counterparty.",
    Reason.APPROVAL_THRESHOLD: "The amount is above the threshold at which people decide.",
    Reason.DAILY_APPROVAL_THRESHOLD: "The day's spend would pass the threshold at which people decide.",
    Reason.CONDITION_NOT_MET: "The rule does not apply to this payment.",
}

PRECEDENCE: Final = {reason.value: place for place, reason in enumerate(Reason)}


def sentence(code: str) -> str:
    """Return what a reason means, for people; a code of a later version is returned as it is."""
    return SENTENCES[Reason(code)] if code in PRECEDENCE else code


def in_order(codes: Iterable[str]) -> tuple[str, ...]:
    """Return the codes once each, by precedence; those that are not known stand last."""
    return tuple(sorted(set(codes), key=lambda code: (PRECEDENCE.get(code, len(PRECEDENCE)), code)))
