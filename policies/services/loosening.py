"""Whether a change of a policy, or of whom it is for, may let more money pass."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from agents.models import Agent
from core.ids import Prefix, to_public
from policies.engine.changes import MORE_IS_JUDGED, Loosening, loosenings
from policies.engine.document import Document
from policies.engine.rules import Rule
from policies.engine.strictness import judges_everything
from policies.models import Policy
from policies.selectors import Assigned, enforced_beside, rules_of
from policies.services.calendars import without_dates
from policies.services.targets import AssignTo, present_targets

Target = str | UUID | None
"""A label, an agent, or everybody."""

TARGET_REMOVED = "target_removed"
TARGET_ADDED = "target_added"


def loosenings_of(
    policy: Policy, *, rules: Sequence[Rule] | None = None, targets: AssignTo | None = None
) -> tuple[Loosening, ...]:
    """Return everything by which a policy with these enforced rules and targets may let pass what it does not now.

    `None` leaves rules or targets as they are. What nobody is assigned to decides nothing, so only those who stay are
    compared; and whom no rule judges yet may spend nothing, so the first policy of anybody loosens.
    """
    before = _written(rules_of(policy.enforced.document) if policy.enforced else ())
    after = before if rules is None else _written(rules)
    were = present_targets(policy)
    become = were if targets is None else targets.normal()
    kept = [one for one in _each(were) if become.organization or one in _each(become)]
    added = [one for one in _each(become) if not were.organization and one not in _each(were)]
    others = enforced_beside(policy)
    found = [*_removed(were, become, before)]
    if kept:
        found += [
            one
            for one in loosenings(before, after)
            if one.code != MORE_IS_JUDGED or not all(_is_judged(target, others) for target in kept)
        ]
    if after:
        found += [_added(target) for target in added if not _is_judged(target, others)]
    return tuple(found)


def _written(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return the rules as people write them: dates of holidays are resolved anew by every publishing."""
    return without_dates(Document(tuple(rules))).rules


def _each(targets: AssignTo) -> list[Target]:
    everybody: list[Target] = [None] if targets.organization else []
    return [*everybody, *targets.labels, *targets.agents]


def _removed(were: AssignTo, become: AssignTo, rules: Sequence[Rule]) -> Iterator[Loosening]:
    if become.organization or not rules:
        return
    for target in _each(were):
        if target not in _each(become):
            detail = f"The policy applies no longer to {_name(target)}."
            yield Loosening(TARGET_REMOVED, "assigned_to", detail)


def _added(target: Target) -> Loosening:
    detail = f"The policy applies to {_name(target)}, for whom no rule judges every payment yet."
    return Loosening(TARGET_ADDED, "assigned_to", detail)


def _is_judged(target: Target, others: Sequence[Assigned]) -> bool:
    """Say whether other enforced policies judge whatever such an agent asks for, whoever comes to be one."""
    labels: tuple[str, ...] = ()
    if isinstance(target, UUID):
        labels = tuple(Agent.objects.filter(pk=target).values_list("labels", flat=True).first() or ())
    elif target is not None:
        labels = (target,)
    for other in others:
        is_for_target = other.is_for(target, labels) if isinstance(target, UUID) else other.is_for_label(labels)
        if is_for_target and any(map(judges_everything, other.compiled().rules)):
            return True
    return False


def _name(target: Target) -> str:
    if target is None:
        return "every agent"
    if isinstance(target, str):
        return f"the label {target}"
    name = Agent.objects.filter(pk=target).values_list("name", flat=True).first()
    return f"the agent {name or to_public(Prefix.AGENT, target)}"
