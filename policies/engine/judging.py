"""What each kind of rule says of one payment; every respect in which it looks at it gives one saying."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, assert_never

from core.span import ANY_PAYMENT
from policies.engine.counting import Blind, Look, looks
from policies.engine.reasons import Reason
from policies.engine.rules import (
    ApprovalThreshold,
    BlackoutPeriod,
    BudgetAllocation,
    Category,
    CounterpartyRule,
    Duplicate,
    Expiration,
    Geographic,
    MoneyMap,
    RailRule,
    Rule,
    SameField,
    SpendLimit,
    TimeWindow,
    Velocity,
    Whitelist,
    amount_in,
)
from policies.engine.types import Earlier, Facts, Outcome, Payment, Rail, Standing
from policies.engine.windows import is_within_hours, local_date

MACHINE_RAILS: Final = (Rail.X402, Rail.MPP)
"""The rails on which a program pays per call."""
STANDINGS_MEETING: Final = {
    Standing.VERIFIED: (Standing.VERIFIED, Standing.TRUSTED),
    Standing.TRUSTED: (Standing.TRUSTED,),
}


@dataclass(frozen=True, slots=True)
class Saying:
    """What a rule says of a payment in one respect, with the figures it rests on."""

    code: Reason
    outcome: Outcome
    limit: Decimal | None = None
    used: Decimal | None = None
    requested: Decimal | None = None
    remaining: Decimal | None = None
    currency: str | None = None
    window_ends_at: datetime | None = None
    look: Look | None = None
    mark: int | None = None


ERRED: Final = (Saying(Reason.RULE_ERROR, Outcome.DENY),)


@dataclass(frozen=True, slots=True)
class Posed:
    """A rule that was put to a payment: what it says without looking at any fact, or, where None, what it looks at."""

    rule: Rule
    said: tuple[Saying, ...] | None
    looks: tuple[Look | Blind, ...] = ()


def pose(rule: Rule, policy: str, payment: Payment, time_zone: str) -> Posed:
    """Put `rule` of `policy` to the payment; one that does not judge it says nothing at all.

    Whatever goes wrong inside a rule denies: a rule that cannot judge never lets money pass.
    """
    try:
        if names_who_was_merged(rule, payment):
            return Posed(rule, (Saying(Reason.COUNTERPARTY_MERGED, Outcome.DENY),))
        if not is_covered(rule, payment):
            return Posed(rule, ())
        if not is_minimum_known(rule, payment):
            return Posed(rule, (Saying(Reason.CURRENCY_NOT_COVERED, Outcome.DENY),))
        return Posed(rule, None, tuple(looks(rule, policy, payment, time_zone)))
    except Exception:  # noqa: BLE001  an error of any kind must deny
        return Posed(rule, ERRED)


def judge(posed: Posed, payment: Payment, facts: Facts) -> tuple[Saying, ...]:
    """Return what a rule says of the payment that it was put to; the same error denies here."""
    if posed.said is not None:
        return posed.said
    try:
        return tuple(_sayings(posed, payment, facts))
    except Exception:  # noqa: BLE001  an error of any kind must deny
        return ERRED


def is_covered(rule: Rule, payment: Payment) -> bool:
    """Say whether the payment meets the rule's `when`."""
    return _is_met(rule, payment, category=payment.category, rail=payment.rail)


def names_who_was_merged(rule: Rule, payment: Payment) -> bool:
    """Say whether the rule's `when` names the payee only by the id of a counterparty that was merged into it.

    It was written for this payee and cannot count it under that id: whether it would let the payment pass is not known.
    """
    listed = rule.when.counterparties
    if not listed or payment.counterparty in listed or not any(one in listed for one in payment.other_identifiers):
        return False
    return _is_met(rule, replace(payment, counterparty=None), category=payment.category, rail=payment.rail)


def is_minimum_known(rule: Rule, payment: Payment) -> bool:
    """Say whether the rule's minimum amount, if it has one, covers the payment's currency."""
    minimums = rule.when.minimum_amounts
    return not minimums or amount_in(minimums, payment.counting_currency) is not None


def _is_met(rule: Rule, payment: Payment, *, category: str | None, rail: Rail | None) -> bool:
    # Most rules have no `when`, and this is asked of each of them several times for each payment.
    return rule.when is ANY_PAYMENT or rule.when.covers(
        category=category,
        rail=rail,
        counterparty=payment.counterparty,
        currency=payment.currency,
        counting_currency=payment.counting_currency,
        amount=payment.amount,
    )


def _sayings(posed: Posed, payment: Payment, facts: Facts) -> Iterator[Saying]:  # noqa: C901, PLR0912
    rule = posed.rule
    match rule:
        case SpendLimit():
            yield from _amount_sayings(
                Reason.PER_TRANSACTION_LIMIT, rule.per_transaction, rule.on_breach.outcome, payment
            )
            yield from _counted_sayings(posed.looks, facts)
        case BudgetAllocation() | Velocity():
            yield from _counted_sayings(posed.looks, facts)
        case ApprovalThreshold():
            if rule.cumulative is None:
                yield from _amount_sayings(Reason.APPROVAL_THRESHOLD, _raised(rule, payment), Outcome.REVIEW, payment)
            yield from _counted_sayings(posed.looks, facts)
        case CounterpartyRule():
            yield from _counterparty_sayings(rule, payment, facts)
        case Whitelist():
            yield from _whitelist_sayings(rule, payment)
        case Category():
            codes = (Reason.CATEGORY_MISSING, Reason.CATEGORY_NOT_ALLOWED, Reason.CATEGORY_BLOCKED)
            yield _list_saying(rule, payment.category, codes)
        case Geographic():
            codes = (Reason.COUNTRY_MISSING, Reason.COUNTRY_NOT_ALLOWED, Reason.COUNTRY_BLOCKED)
            yield _list_saying(rule, payment.country, codes)
        case TimeWindow():
            is_open = is_within_hours(rule.windows, facts.now, rule.time_zone or facts.time_zone)
            yield _saying(Reason.OUTSIDE_TIME_WINDOW, rule.on_breach.outcome, is_breached=not is_open)
        case BlackoutPeriod():
            yield from _blackout_sayings(rule, facts)
        case Expiration():
            yield from _expiration_sayings(rule, facts)
        case RailRule():
            yield from _rail_sayings(rule, payment)
        case Duplicate():
            yield _saying(Reason.DUPLICATE, rule.on_breach.outcome, is_breached=_is_repeated(rule, payment, facts))
        case _:
            assert_never(rule)


def _saying(code: Reason, above: Outcome, *, is_breached: bool) -> Saying:
    return Saying(code, above if is_breached else Outcome.ALLOW)


def _amount_sayings(code: Reason, limits: MoneyMap, above: Outcome, payment: Payment) -> Iterator[Saying]:
    """Compare the single payment with a map of limits, if there is one."""
    if not limits:
        return
    limit = amount_in(limits, payment.counting_currency)
    if limit is None:
        yield Saying(Reason.CURRENCY_NOT_COVERED, Outcome.DENY)
        return
    yield Saying(
        code,
        above if payment.amount > limit else Outcome.ALLOW,
        limit=limit,
        requested=payment.amount,
        remaining=limit - payment.amount,
        currency=payment.counting_currency,
    )


def _raised(rule: ApprovalThreshold, payment: Payment) -> MoneyMap:
    """Return what counts for this agent and counterparty, in the payment's currency: never less than for all."""
    if not rule.exemptions:
        return rule.above
    asked, currency = (payment.agent, payment.counterparty), payment.counting_currency
    own = [amount_in(one.above, currency) for one in rule.exemptions if (one.agent, one.counterparty) == asked]
    higher = [amount for amount in own if amount is not None]
    return tuple((name, max([amount, *higher]) if name == currency else amount) for name, amount in rule.above)


def _counted_sayings(looks_at: Iterable[Look | Blind], facts: Facts) -> Iterator[Saying]:
    for look in looks_at:
        if isinstance(look, Blind):
            yield Saying(look.code, Outcome.DENY)
        else:
            yield _counted_saying(look, facts)


def _counted_saying(look: Look, facts: Facts) -> Saying:
    tally = facts.tallies.get(look.key.digest)
    if tally is None:
        return Saying(Reason.COUNTER_MISSING, Outcome.DENY, look=look)
    total = tally.used + look.amount
    reached = [mark for mark in look.warn_at if total * 100 >= look.cap * mark]
    return Saying(
        look.code,
        look.above if total > look.cap else Outcome.ALLOW,
        limit=look.cap,
        used=tally.used,
        requested=look.amount,
        remaining=look.cap - total,
        currency=look.key.currency or None,
        window_ends_at=look.key.span.end,
        look=look,
        mark=max(reached, default=None),
    )


def _counterparty_sayings(rule: CounterpartyRule, payment: Payment, facts: Facts) -> Iterator[Saying]:
    if payment.has_identifier_mismatch:
        yield Saying(Reason.IDENTIFIER_MISMATCH, Outcome.DENY)
    if rule.blocked:
        yield _blocked_saying(rule.blocked, payment)
    if rule.require is not None:
        is_met = payment.standing in STANDINGS_MEETING[rule.require]
        yield _saying(Reason.COUNTERPARTY_STANDING, rule.on_breach.outcome, is_breached=not is_met)
    if rule.unknown is not None:
        is_unknown = payment.standing is Standing.UNKNOWN
        yield _saying(Reason.COUNTERPARTY_UNKNOWN, rule.unknown, is_breached=is_unknown)
    if rule.first_payment is not None:
        yield _saying(Reason.FIRST_PAYMENT, rule.first_payment, is_breached=not facts.has_paid_counterparty)


def _blocked_saying(blocked: Sequence[str], payment: Payment) -> Saying:
    # Whoever is on the list is there under every identifier: to send another one is no way around it.
    names = (*_names(payment), *payment.other_identifiers)
    if not names:
        return Saying(Reason.IDENTIFIER_MISSING, Outcome.DENY)
    is_blocked = any(is_listed(name, blocked) for name in names)
    return _saying(Reason.COUNTERPARTY_BLOCKED, Outcome.DENY, is_breached=is_blocked)


def _whitelist_sayings(rule: Whitelist, payment: Payment) -> Iterator[Saying]:
    if payment.has_identifier_mismatch:
        yield Saying(Reason.IDENTIFIER_MISMATCH, Outcome.DENY)
    listed = [is_listed(name, rule.allowed) for name in _names(payment)]
    # Identifiers that resolved belong to one payee, so one on the list vouches for all; others vouch for themselves.
    is_allowed = any(listed) if payment.counterparty is not None else bool(listed) and all(listed)
    yield _saying(Reason.NOT_WHITELISTED, rule.on_breach.outcome, is_breached=not is_allowed)


def _names(payment: Payment) -> tuple[str, ...]:
    return payment.identifiers if payment.counterparty is None else (payment.counterparty, *payment.identifiers)


def is_listed(name: str, listed: Sequence[str]) -> bool:
    """Say whether a public id or identifier is on a list; `domain:*.example.com` stands for all below example.com."""
    if name in listed:
        return True
    kind, _, domain = name.partition(":")
    labels = domain.split(".")
    return kind == "domain" and any(f"domain:*.{'.'.join(labels[cut:])}" in listed for cut in range(1, len(labels)))


def _list_saying(rule: Category | Geographic, value: str | None, codes: tuple[Reason, Reason, Reason]) -> Saying:
    missing, not_allowed, blocked = codes
    if value is None:
        return Saying(missing, Outcome.DENY)
    if rule.allowed:
        return _saying(not_allowed, rule.on_breach.outcome, is_breached=value not in rule.allowed)
    return _saying(blocked, rule.on_breach.outcome, is_breached=value in rule.blocked)


def _blackout_sayings(rule: BlackoutPeriod, facts: Facts) -> Iterator[Saying]:
    time_zone = rule.time_zone or facts.time_zone
    today = local_date(facts.now, time_zone)
    if rule.dates:
        is_closed = any(each.first <= today <= each.last for each in rule.dates)
        yield _saying(Reason.BLACKOUT_DATE, rule.on_breach.outcome, is_breached=is_closed)
    if rule.hours:
        is_closed = is_within_hours(rule.hours, facts.now, time_zone)
        yield _saying(Reason.BLACKOUT_HOURS, rule.on_breach.outcome, is_breached=is_closed)
    if rule.holidays is not None:
        if rule.holidays.until is None or today > rule.holidays.until:
            yield Saying(Reason.HOLIDAYS_UNRESOLVED, Outcome.DENY)
        else:
            is_holiday = today in rule.holidays.dates
            yield _saying(Reason.PUBLIC_HOLIDAY, rule.on_breach.outcome, is_breached=is_holiday)


def _expiration_sayings(rule: Expiration, facts: Facts) -> Iterator[Saying]:
    if rule.valid_from is not None:
        yield _saying(Reason.NOT_YET_VALID, Outcome.DENY, is_breached=facts.now < rule.valid_from)
    if rule.valid_until is not None:
        yield _saying(Reason.EXPIRED, Outcome.DENY, is_breached=facts.now >= rule.valid_until)


def _rail_sayings(rule: RailRule, payment: Payment) -> Iterator[Saying]:
    if rule.allowed and payment.rail is None:
        yield Saying(Reason.RAIL_MISSING, Outcome.DENY)
    elif rule.allowed:
        is_allowed = payment.rail in rule.allowed
        yield _saying(Reason.RAIL_NOT_ALLOWED, rule.on_breach.outcome, is_breached=not is_allowed)
    if payment.rail is None or payment.rail in MACHINE_RAILS:
        yield from _amount_sayings(Reason.PRICE_CEILING, rule.ceiling, rule.on_breach.outcome, payment)


def _is_repeated(rule: Duplicate, payment: Payment, facts: Facts) -> bool:
    # What could not be read may be the same payment.
    begins = payment.asked_at - timedelta(minutes=rule.minutes)
    if facts.unread_before is not None and facts.unread_before >= begins:
        return True
    return any(_is_duplicate(rule, payment, earlier) for earlier in facts.earlier)


def _is_duplicate(rule: Duplicate, payment: Payment, earlier: Earlier) -> bool:
    # Asks of one moment reach the books in any order: one that carries a slightly later time counts as well.
    if abs(payment.asked_at - earlier.asked_at) > timedelta(minutes=rule.minutes):
        return False
    if not _is_met(rule, payment, category=earlier.category, rail=earlier.rail):
        return False
    pairs = {
        SameField.PURPOSE: (payment.purpose, earlier.purpose),
        SameField.SESSION: (payment.session, earlier.session),
    }
    return all(None in pairs[field] or pairs[field][0] == pairs[field][1] for field in rule.match)
