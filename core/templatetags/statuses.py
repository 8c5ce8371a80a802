"""The one catalogue of statuses: each has one word, one colour and one icon everywhere."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Status:
    """How a status looks: its word, the tone of its colour and its icon."""

    word: str
    tone: str
    icon: str


CATALOGUE: Final[dict[str, Status]] = {
    # Authorizations
    "asked": Status("Asked", "neutral", "circle-dashed"),
    "approved": Status("Approved", "positive", "circle-check"),
    "pending_review": Status("Needs review", "caution", "hourglass"),
    "declined": Status("Declined", "negative", "circle-x"),
    "recorded": Status("Recorded", "info", "receipt"),
    "voided": Status("Voided", "neutral", "ban"),
    "expired": Status("Expired", "neutral", "clock-off"),
    "overdue": Status("Overdue", "negative", "clock-off"),
    "in_doubt": Status("In doubt", "doubt", "help-circle"),
    # Decisions and checks
    "allow": Status("Allow", "positive", "check"),
    "review": Status("Review", "caution", "hand-stop"),
    "deny": Status("Deny", "negative", "x"),
    "not_applicable": Status("Not applicable", "neutral", "minus"),
    "error": Status("Cannot judge", "negative", "alert-triangle"),
    # Approval requests and reviews
    "pending": Status("Waiting", "caution", "hourglass"),
    "waiting": Status("Waiting", "caution", "hourglass"),
    "approve": Status("Approved", "positive", "thumb-up"),
    "reject": Status("Rejected", "negative", "thumb-down"),
    "rejected": Status("Rejected", "negative", "thumb-down"),
    "withdrawn": Status("Withdrawn", "neutral", "arrow-back-up"),
    "closed": Status("Closed", "neutral", "circle-minus"),
    # Agents, people and organizations
    "active": Status("Active", "positive", "activity"),
    "silent": Status("Silent", "caution", "player-pause"),
    "never_seen": Status("Never seen", "neutral", "ghost"),
    "frozen": Status("Frozen", "info", "snowflake"),
    "retired": Status("Retired", "neutral", "archive"),
    "invited": Status("Invited", "caution", "mail"),
    "suspended": Status("Suspended", "negative", "lock"),
    # Keys and sealed credentials
    "key_expiring": Status("Key expiring", "caution", "clock-exclamation"),
    "key_expired": Status("Key expired", "negative", "clock-off"),
    "expiring": Status("Expiring", "caution", "clock-exclamation"),
    "revoked": Status("Revoked", "negative", "ban"),
    "key.active": Status("Active", "positive", "key"),
    "key.expired": Status("Expired", "negative", "clock-off"),
    "replaced": Status("Replaced", "neutral", "rotate-clockwise"),
    # Backtests
    "backtest.waiting": Status("Waiting", "neutral", "hourglass"),
    "backtest.running": Status("Running", "info", "activity"),
    "backtest.done": Status("Done", "positive", "check"),
    "backtest.cancelled": Status("Cancelled", "neutral", "ban"),
    "backtest.failed": Status("Failed", "negative", "alert-triangle"),
    # Counterparties
    "unknown": Status("Unknown", "neutral", "question-mark"),
    "verified": Status("Verified", "info", "rubber-stamp"),
    "trusted": Status("Trusted", "positive", "star"),
    "blocked": Status("Blocked", "negative", "ban"),
    # Policies
    "draft": Status("Draft", "neutral", "pencil"),
    "enforced": Status("Enforced", "positive", "shield-check"),
    "shadow": Status("Shadow", "doubt", "eye"),
    "superseded": Status("Superseded", "neutral", "versions"),
    "published": Status("Published", "positive", "shield-check"),
    # Holds and records
    "hold.held": Status("Held", "caution", "lock"),
    "held": Status("Held", "caution", "lock"),
    "released": Status("Released", "neutral", "lock-open"),
    "consumed": Status("Spent", "info", "receipt"),
    "payment": Status("Payment", "neutral", "cash"),
    "refund": Status("Refund", "info", "receipt-refund"),
    # Flags of a record: something about it is not as it should be
    "late": Status("Late", "caution", "clock-exclamation"),
    "over": Status("Over the hold", "negative", "trending-up"),
    "after_final": Status("After final", "negative", "copy-check"),
    "unapproved": Status("Unapproved", "negative", "alert-triangle"),
    "flag.voided": Status("After void", "negative", "ban"),
    "flag.declined": Status("After decline", "negative", "circle-x"),
    "mismatch": Status("Mismatch", "negative", "arrows-exchange"),
    "unauthorized": Status("No authorization", "negative", "shield-x"),
    # Integration checks
    "proven": Status("Proven", "positive", "circle-check"),
    "violated": Status("Violated", "negative", "alert-triangle"),
    "not_seen_yet": Status("Not seen yet", "neutral", "circle-dashed"),
    "stated": Status("Stated", "info", "message-2"),
    # Seals and health
    "sealed": Status("Sealed", "positive", "certificate"),
    "unsealed": Status("Not sealed yet", "caution", "hourglass"),
    "broken": Status("Broken", "negative", "alert-triangle"),
    "ok": Status("Healthy", "positive", "circle-check"),
    "degraded": Status("Degraded", "caution", "alert-circle"),
    "down": Status("Down", "negative", "alert-triangle"),
}


def status_of(value: str, kind: str = "") -> Status:
    """The entry for `kind.value`, else for `value`; a status the catalogue lacks is shown in plain words."""
    return (
        CATALOGUE.get(f"{kind}.{value}")
        or CATALOGUE.get(value)
        or Status(
            value.replace("_", " ").replace(".", " ").capitalize(),
            "neutral",
            "circle-dot",
        )
    )
