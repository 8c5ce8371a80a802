"""What lint says with an eye on the organization (reviewers, currency, other policies), and what that stops."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Final, cast
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from core.errors import Invalid, InvalidMany
from core.ids import Prefix, to_public
from core.span import ANY_PAYMENT
from people.models import Member
from policies.engine.contradictions import contradiction, currencies, money_maps, told
from policies.engine.document import Document
from policies.engine.lint import Finding, Level, in_order, lint, lint_at
from policies.engine.rules import Rule
from policies.engine.strictness import may_review
from policies.engine.wording import count, listed
from policies.models import Policy
from policies.selectors import Beside, Targets, agents_of_targets, policies_beside, reviewers, targets_of
from policies.selectors.reach import agents_bound_by, agents_left_by, agents_left_by_labels

MOST_NAMED: Final = 5
"""Agents that a finding names; the others are counted."""

LookBack = Callable[[Sequence[UUID], Sequence[Rule], datetime], tuple[Finding, ...]]
"""What lint finds of rules in what some agents asked for until a moment."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The codes of warnings that somebody has seen; `everything` where they are told after the fact.

    `in_history` is what lint found in history, looked for before the gate was taken: payments do not wait for it.
    """

    codes: frozenset[str] = frozenset()
    everything: bool = False
    in_history: tuple[Finding, ...] = ()

    def covers(self, finding: Finding) -> bool:
        """Say whether the finding was seen."""
        return self.everything or finding.code in self.codes


ALL_TOLD: Final = Acknowledged(everything=True)
"""For callers that return warnings with their answer, so that a sync is never stopped by one."""


def seen(codes: Collection[str]) -> Acknowledged:
    """Return the warnings of these codes as seen."""
    return Acknowledged(frozenset(codes))


@dataclass(frozen=True, slots=True)
class Around:
    """What lint looks at beside a document: reviewers, owners of its agents, the currency, the other policies."""

    people: Sequence[Member]
    owners: frozenset[UUID]
    currency: str
    beside: Sequence[Beside]


def findings_of(policy: Policy, document: Document, targets: Targets | None = None) -> tuple[Finding, ...]:
    """Return all that lint says of a document as the next version of the policy, errors first; a few reads.

    It is for those whom the policy is for already, where no other targets are given.
    """
    bound = targets_of((policy,))[policy.pk] if targets is None else targets
    around = Around(
        reviewers(policy.organization_id),
        owners_of(policy.organization_id, bound, document),
        policy.organization.currency,
        policies_beside(policy, bound),
    )
    return in_order([*lint(document), *findings_among(document, around)])


def findings_with_history(
    policy: Policy, document: Document, targets: Targets | None = None, *, now: datetime
) -> tuple[Finding, ...]:
    """Return what `findings_of` does, and what lint says with an eye on what the policy's agents asked for of late."""
    bound = targets_of((policy,))[policy.pk] if targets is None else targets
    in_history = _in_history(policy.organization_id, bound, document, now)
    return in_order([*findings_of(policy, document, bound), *in_history])


def with_history(
    acknowledged: Acknowledged, organization_id: UUID, targets: Targets, document: Document, *, now: datetime
) -> Acknowledged:
    """Look into history for whoever must have seen every warning, before the gate is taken."""
    if acknowledged.everything:
        return acknowledged
    return replace(acknowledged, in_history=_in_history(organization_id, targets, document, now))


def targets_by_id(organization_id: UUID, policy_id: UUID) -> Targets:
    """Return to whom a policy applies; nobody where there is none."""
    policies = tuple(Policy.objects.filter(organization_id=organization_id, pk=policy_id))
    return targets_of(policies)[policy_id] if policies else Targets()


def findings_of_targets(policy: Policy, targets: Targets) -> tuple[Finding, ...]:
    """Return a warning where agents would have no enforced policy any more, were this one for these targets only."""
    return tuple(left_without_policy(agents_left_by(policy, targets), "assigned_to"))


def findings_of_labels(organization_id: UUID, agent_id: UUID, labels: tuple[str, ...]) -> tuple[Finding, ...]:
    """Return a warning where an agent, with these labels, would have no enforced policy any more."""
    return tuple(left_without_policy(agents_left_by_labels(organization_id, agent_id, labels), "labels"))


def left_without_policy(names: Sequence[str], path: str) -> Iterator[Finding]:
    """Yield a warning about agents that no enforced policy would apply to, where there are any."""
    if names:
        verb = "has" if len(names) == 1 else "have"
        detail = f"{listed(names, 'and', shown=MOST_NAMED)} {verb} no enforced policy then, and can spend nothing."
        yield Finding(Level.WARNING, "agent_without_policy", path, detail)


def findings_among(document: Document, around: Around) -> Iterator[Finding]:
    """Yield what lint says of a document with an eye on what is around it."""
    for place, rule in enumerate(document.rules):
        path = f"rules[{place}]"
        yield from _about_reviewers(rule, path, around.people, around.owners)
        yield from _about_currency(rule, path, around.currency)
        yield from _about_others(rule, path, around.beside)


def refuse_faulty(findings: Sequence[Finding], acknowledged: Acknowledged) -> None:
    """Raise what keeps a version from being published.

    `InvalidMany` with each error's code and path, else `Invalid` (`warnings_not_acknowledged`) with the warnings that
    nobody has seen.
    """
    errors = [one for one in findings if one.level is Level.ERROR]
    if errors:
        raise InvalidMany([(one.path, one.code, f"{one.detail} {one.remedy}") for one in errors])
    unseen = [one for one in findings if not acknowledged.covers(one)]
    if unseen:
        codes = ", ".join(dict.fromkeys(one.code for one in unseen))
        detail = f"Look at what lint says and send the codes that are meant: {codes}."
        raise Invalid("warnings_not_acknowledged", detail, field="acknowledge", warnings=[*map(finding_facts, unseen)])


def finding_facts(finding: Finding) -> dict[str, str]:
    """Return a finding as the API shows it."""
    return {
        "level": finding.level.value,
        "code": finding.code,
        "path": finding.path,
        "detail": finding.detail,
        "remedy": finding.remedy,
    }


def owners_of(organization_id: UUID, targets: Targets, document: Document) -> frozenset[UUID]:
    """Return who owns an agent that a policy with these targets is for, where any rule asks people at all."""
    if not any(map(may_review, document.rules)):
        return frozenset()
    return frozenset(one.owner_id for one in agents_of_targets(organization_id, targets) if one.owner_id is not None)


def _in_history(organization_id: UUID, targets: Targets, document: Document, now: datetime) -> tuple[Finding, ...]:
    over = lint_at(document, now)
    if all(rule.when == ANY_PAYMENT for rule in document.rules):
        return over
    return (*over, *look_back()(agents_bound_by(organization_id, targets), document.rules, now))


@cache
def look_back() -> LookBack:
    """Return how to look into history: what was asked for belongs to an app above this one, so settings name it."""
    return cast(LookBack, import_string(settings.LINT_LOOKS_BACK))


def _about_reviewers(rule: Rule, path: str, people: Sequence[Member], owners: frozenset[UUID]) -> Iterator[Finding]:
    if not may_review(rule):
        return
    able = {one.person_id for one in people if _is_asked(rule, one)}
    needed = rule.review.approvals
    if len(able) < needed:
        who = f"only {count(len(able), 'member', 'members')}" if able else "nobody"
        detail = f"It needs {count(needed, 'approval', 'approvals')}, and {who} may give one."
        # No error: an app may sync its policies before people are invited. Payments wait, and expire.
        yield Finding(Level.WARNING, "reviewers_too_few", f"{path}.review", detail)
    elif able & owners and len(able) - 1 < needed:
        detail = "Somebody who must approve owns an agent of this policy, and nobody reviews for an agent they own."
        yield Finding(Level.WARNING, "reviewers_too_few_for_owner", f"{path}.review", detail)


def _is_asked(rule: Rule, member: Member) -> bool:
    asked = rule.review
    if not asked.roles and not asked.people:
        return True
    return to_public(Prefix.PERSON, member.person_id) in asked.people or not set(asked.roles).isdisjoint(member.roles)


def _about_currency(rule: Rule, path: str, currency: str) -> Iterator[Finding]:
    is_judged = not rule.when.currencies or currency in rule.when.currencies
    if is_judged and money_maps(rule) and currency not in (currencies(rule) or ()):
        detail = f"It names no amount in {currency}, the organization's currency: such payments are denied."
        yield Finding(Level.WARNING, "currency_uncovered", path, detail)


def _about_others(rule: Rule, path: str, beside: Sequence[Beside]) -> Iterator[Finding]:
    for other in beside:
        for theirs in other.rules:
            if why := contradiction(rule, theirs):
                detail = told(why, theirs.key, of=f" of the policy {other.name}", judging=rule.when)
                yield Finding(Level.WARNING, "contradicts_policy", path, detail)
