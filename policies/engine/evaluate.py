"""Deciding: payment, policies in force and facts in; decision out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from core.span import CounterKey
from policies.engine.counting import Look
from policies.engine.judging import Posed, Saying, is_covered, judge, pose
from policies.engine.reasons import Reason, in_order
from policies.engine.rules import Duplicate, PolicyInForce, Rule, SameField
from policies.engine.types import (
    Check,
    CounterMove,
    Decision,
    Facts,
    Lookback,
    Mode,
    Outcome,
    Payment,
    Requirement,
    Said,
    Standing,
)

__all__ = ["PolicyInForce", "Question", "counters_needed", "decide", "evaluate", "lookback", "put"]

MODES: Final = tuple(Mode)
SAID: Final = {outcome: Said(outcome.value) for outcome in Outcome}

Judged = tuple[PolicyInForce, Rule, tuple[Saying, ...]]


@dataclass(frozen=True, slots=True)
class Question:
    """A payment that policies were put to, by the clock of `time_zone` (the organization's).

    What they look at is found once, for what is read and for the answer. The order of `policies` means nothing.
    """

    payment: Payment
    policies: tuple[PolicyInForce, ...]
    time_zone: str
    posed: tuple[tuple[PolicyInForce, Posed], ...]

    def counters_needed(self) -> tuple[CounterKey, ...]:
        """Return every counter that a rule, enforced or in shadow, looks at for this payment; once each, by digest."""
        found = {look.key.digest: look.key for _, posed in self.posed for look in posed.looks if isinstance(look, Look)}
        return tuple(found[digest] for digest in sorted(found))


def put(policies: Sequence[PolicyInForce], payment: Payment, time_zone: str) -> Question:
    """Put policies to a payment, before anything is read that they look at. A rule that errs here denies."""
    posed = [
        (policy, pose(rule, policy.policy, payment, time_zone))
        for policy in _in_order(policies)
        for rule in policy.rules
    ]
    return Question(payment, tuple(policies), time_zone, tuple(posed))


def evaluate(payment: Payment, policies: Sequence[PolicyInForce], facts: Facts) -> Decision:
    """Decide on a payment in one go: `decide` what is `put`."""
    return decide(put(policies, payment, facts.time_zone), facts)


def decide(question: Question, facts: Facts) -> Decision:
    """Decide: every rule has a say, nothing short-circuits, and the strictest say of the enforced ones wins.

    The answer does not depend on the order of policies. Standing `blocked` and a freeze deny whatever the rules say.
    """
    assert facts.time_zone == question.time_zone, "the days of one zone are not those of another"
    payment, policies = question.payment, question.policies
    judged = [(policy, posed.rule, judge(posed, payment, facts)) for policy, posed in question.posed]
    enforced = [each for each in judged if each[0].mode is Mode.ENFORCED]
    said = [saying for _, _, sayings in enforced for saying in sayings]
    refusals = _refusals(payment, policies, facts, is_judged=bool(said))
    outcome = max((saying.outcome for saying in said), key=_strictness, default=Outcome.DENY)
    if refusals:
        outcome = Outcome.DENY
    codes = [saying.code.value for saying in said if saying.outcome is outcome]
    is_denied = outcome is Outcome.DENY
    return Decision(
        outcome=outcome,
        reasons=() if outcome is Outcome.ALLOW else in_order([*refusals, *codes]),
        checks=tuple(check for each in judged for check in _checks(*each)),
        moves=() if is_denied else _moves(judged),
        requirements=tuple(_requirements(enforced)) if outcome is Outcome.REVIEW else (),
        rests_on_earlier=not is_denied and any(_rests_on_earlier(rule, sayings) for _, rule, sayings in enforced),
    )


def counters_needed(policies: Sequence[PolicyInForce], payment: Payment, time_zone: str) -> tuple[CounterKey, ...]:
    """Return every counter that a rule, enforced or in shadow, looks at for a payment; once each, by digest."""
    return put(policies, payment, time_zone).counters_needed()


def lookback(policies: Sequence[PolicyInForce], payment: Payment) -> Lookback | None:
    """Return which earlier payments the DUPLICATE rules that judge this one can count; None where there is no rule."""
    found = (rule for policy in policies for rule in policy.rules if isinstance(rule, Duplicate))
    rules = [rule for rule in found if is_covered(rule, payment)]
    if not rules:
        return None
    matched = {field for field in SameField if all(field in rule.match for rule in rules)}
    return Lookback(
        minutes=max(rule.minutes for rule in rules),
        purpose=payment.purpose if SameField.PURPOSE in matched else None,
        session=payment.session if SameField.SESSION in matched else None,
        categories=_union([rule.when.categories for rule in rules]),
        rails=_union([rule.when.rails for rule in rules]),
    )


def _union(lists: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return what stands in any of the lists; an empty one means everything, and then so does the union."""
    return tuple(sorted({member for members in lists for member in members})) if all(lists) else ()


def _in_order(policies: Iterable[PolicyInForce]) -> list[PolicyInForce]:
    return sorted(policies, key=lambda policy: (MODES.index(policy.mode), policy.policy, policy.version_id))


def _strictness(outcome: Outcome) -> int:
    return outcome.strictness


def _refusals(payment: Payment, policies: Sequence[PolicyInForce], facts: Facts, *, is_judged: bool) -> list[str]:
    """Return what denies a payment without any rule."""
    refusals = list(facts.frozen)
    if payment.standing is Standing.BLOCKED:
        refusals.append(Reason.COUNTERPARTY_BLOCKED.value)
    if not any(policy.mode is Mode.ENFORCED for policy in policies):
        refusals.append(Reason.NO_POLICY.value)
    elif not is_judged:
        refusals.append(Reason.NO_RULE_APPLIES.value)
    return refusals


def _checks(policy: PolicyInForce, rule: Rule, sayings: tuple[Saying, ...]) -> Iterator[Check]:
    if not sayings:
        yield _check(policy, rule, Said.NOT_APPLICABLE, Reason.CONDITION_NOT_MET)
    for saying in sayings:
        yield _check(policy, rule, SAID[saying.outcome], saying.code, saying)


def _check(policy: PolicyInForce, rule: Rule, said: Said, code: Reason, saying: Saying | None = None) -> Check:
    figures = saying or Saying(code, Outcome.ALLOW)
    return Check(
        policy=policy.policy,
        policy_name=policy.name,
        version=policy.version,
        mode=policy.mode,
        rule=rule.type.value,
        rule_key=rule.key,
        outcome=said,
        code=code.value,
        limit=figures.limit,
        used=figures.used,
        requested=figures.requested,
        remaining=figures.remaining,
        currency=figures.currency,
        window_ends_at=figures.window_ends_at,
        counter=figures.look.key.digest if figures.look else None,
        mark=figures.mark,
    )


def _moves(judged: Iterable[Judged]) -> tuple[CounterMove, ...]:
    """Return one move per counter, under the lowest cap that an enforced rule allowed the payment by.

    A cap that was breached as review guards nothing: people decide about it. Shadow rules move and never guard.
    """
    moves: dict[str, CounterMove] = {}
    for policy, _, sayings in judged:
        for saying in sayings:
            if saying.look is None:
                continue
            is_guard = policy.mode is Mode.ENFORCED and saying.outcome is Outcome.ALLOW
            key = saying.look.key
            digest = key.digest
            known = moves.get(digest)
            cap = _lowest(known.cap if known else None, saying.look.cap if is_guard else None)
            moves[digest] = CounterMove(key, saying.look.amount, cap)
    return tuple(moves[digest] for digest in sorted(moves))


def _lowest(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else min(one, other)


def _requirements(enforced: Iterable[Judged]) -> Iterator[Requirement]:
    for policy, rule, sayings in enforced:
        if any(saying.outcome is Outcome.REVIEW for saying in sayings):
            review = rule.review
            yield Requirement(
                policy.policy, rule.key, review.approvals, review.roles, review.people, review.timeout_minutes
            )


def _rests_on_earlier(rule: Rule, sayings: tuple[Saying, ...]) -> bool:
    return isinstance(rule, Duplicate) and any(saying.outcome is Outcome.ALLOW for saying in sayings)
