"""Whether a change of a policy, or of whom it is for, may let more money pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from policies.engine.changes import MORE_IS_JUDGED, Loosening, loosenings
from policies.engine.rules import Rule
from policies.models import Policy
from policies.selectors import enforced_beside, rules_of
from policies.services.others import Others, Target, known_agents, others_of
from policies.services.targets import AssignTo, present_targets

TARGET_REMOVED = "target_removed"
TARGET_ADDED = "target_added"
NOBODY: Final = AssignTo()


@dataclass(frozen=True, slots=True)
class Bound:
    """The rules that a policy enforces, with the dates of its holidays, and for whom."""

    rules: Sequence[Rule] = ()
    targets: AssignTo = NOBODY


def loosenings_of(
    policy: Policy, *, rules: Sequence[Rule] | None = None, targets: AssignTo | None = None
) -> tuple[Loosening, ...]:
    """Return everything by which a policy with these enforced rules and targets may let pass what it does not now.

    `None` leaves rules or targets as they are; rules come as they would be published, with the dates of holidays.
    """
    old = rules_of(policy.enforced.document) if policy.enforced else ()
    were = present_targets(policy)
    before = Bound(old, were)
    after = Bound(old if rules is None else rules, were if targets is None else targets.normal())
    named = {*were.agents, *after.targets.agents}
    others = others_of(enforced_beside(policy), known_agents(policy.organization_id, named))
    return loosenings_between(policy.pk, before, after, others)


def loosenings_between(policy_id: UUID | None, before: Bound, after: Bound, others: Others) -> tuple[Loosening, ...]:
    """Return everything by which a policy may let pass what it did not, beside the others as they are.

    What nobody is assigned to decides nothing, so only those who stay are compared; and whom no rule judges yet may
    spend nothing, so the first policy of anybody loosens.
    """
    were, become = _each(before.targets), _each(after.targets)
    stay = [one for one in were if after.targets.organization or one in become]
    come = [one for one in become if one not in were]
    kept = [*stay, *come] if before.targets.organization else stay
    added = [] if before.targets.organization else come
    is_left = bool(before.rules) and not after.targets.organization
    found = [_removed(target, others) for target in were if is_left and target not in become]
    if kept:
        is_more_judged = all(others.do_judge(target, beside=policy_id) for target in kept)
        found += [
            one for one in loosenings(before.rules, after.rules) if one.code != MORE_IS_JUDGED or not is_more_judged
        ]
    if after.rules:
        found += [_added(target, others) for target in added if not others.do_judge(target, beside=policy_id)]
    return tuple(found)


def _each(targets: AssignTo) -> dict[Target, None]:
    """Return the targets in their order, each found at once."""
    everybody: list[Target] = [None] if targets.organization else []
    return dict.fromkeys([*everybody, *targets.labels, *targets.agents])


def _removed(target: Target, others: Others) -> Loosening:
    return Loosening(TARGET_REMOVED, "assigned_to", f"The policy applies no longer to {others.name(target)}.")


def _added(target: Target, others: Others) -> Loosening:
    detail = f"The policy applies to {others.name(target)}, for whom no rule judges every payment yet."
    return Loosening(TARGET_ADDED, "assigned_to", detail)
