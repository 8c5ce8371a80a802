"""What lint says of a file with an eye on what was asked for of late: rules that no payment would have met."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from core.span import ANY_PAYMENT
from policies.engine.lint import Finding, Level, in_order
from policies.engine.rules import Rule
from policies.engine.written import PolicyFile
from policies.services.code.outlook import EVERYTHING
from policies.services.code.planning import Compared, Plan, Step, compare
from policies.services.code.words import MODES
from policies.services.findings import look_back
from policies.services.targets import AssignTo, as_targets

MOST_LOOKED_BACK: Final = 10
"""Different targets whose history is read, some ten milliseconds each: a file of people has few, one of agents many."""

Placed = list[tuple[str, Rule]]
"""Rules, each with its path in the file."""


def plan_file(organization_id: UUID, file: PolicyFile, *, retires_others: bool, now: datetime) -> Plan:
    """Return what applying the file would change; nothing is locked and nothing stored.

    Raises `InvalidMany` with the path of each policy, agent, label or country that there is not, and `Conflict`
    (`too_many_policies`).
    """
    found = compare(organization_id, file, retires_others=retires_others, now=now)
    return plan_with_history(found, now=now)


def plan_with_history(found: Compared, *, now: datetime) -> Plan:
    """Return a plan with a warning for each rule of what it changes that no payment of its agents would have met.

    As many reads as there are different targets, up to the most; beyond them it says that it did not look.
    """
    wanted = _conditional(found)
    looked_at = dict(list(wanted.items())[:MOST_LOOKED_BACK])
    unmet: dict[str, list[Finding]] = {}
    for path, finding in _unmet(found, looked_at, now):
        unmet.setdefault(path, []).append(finding)
    policies = tuple(
        replace(planned, findings=in_order([*planned.findings, *unmet.get(one.path, [])]))
        for one, planned in zip(found.wanted, found.plan.policies, strict=False)
    )
    rest = found.plan.policies[len(policies) :]
    return replace(found.plan, policies=(*policies, *rest), findings=(*found.plan.findings, *_unsought(wanted)))


def _conditional(found: Compared) -> Mapping[AssignTo, dict[str, Placed]]:
    """Return the rules with a condition of each policy that changes, by whom it is for and its path."""
    rules: dict[AssignTo, dict[str, Placed]] = {}
    for one, planned in zip(found.wanted, found.plan.policies, strict=False):
        placed = [
            (f"{one.path}.{mode}[{place}]", rule)
            for mode in MODES
            for place, rule in enumerate(getattr(one.written, mode))
            if rule.when != ANY_PAYMENT
        ]
        if placed and planned.step is not Step.NOTHING:
            rules.setdefault(one.binds, {})[one.path] = placed
    return rules


def _unmet(
    found: Compared, looked_at: Mapping[AssignTo, dict[str, Placed]], now: datetime
) -> Iterator[tuple[str, Finding]]:
    """Yield each rule that is not met, with the path of its policy."""
    for targets, policies in looked_at.items():
        bound = as_targets(targets)
        agents = [agent for agent, _, labels, _ in found.found.present.agents if bound.binds(agent, labels)]
        placed = [(policy, path, rule) for policy, some in policies.items() for path, rule in some]
        said = {one.path: one for one in look_back()(agents, [rule for _, _, rule in placed], now)}
        for place, (policy, path, _) in enumerate(placed):
            if one := said.get(f"rules[{place}].when"):
                yield policy, replace(one, path=f"{path}.when")


def _unsought(wanted: Mapping[AssignTo, object]) -> Iterator[Finding]:
    if len(wanted) > MOST_LOOKED_BACK:
        detail = (
            f"Rules with a condition are for more than {MOST_LOOKED_BACK} different targets: only those of the first "
            "were compared with the payments of the last 90 days."
        )
        yield Finding(Level.WARNING, "history_unsought", EVERYTHING, detail)
