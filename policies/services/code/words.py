"""What a file changes of a policy, in sentences."""

from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID

from core.ids import ID_LIKE, Prefix, to_public
from policies.engine.changes import ChangeKind, RuleChange, rule_changes
from policies.engine.rules import Rule
from policies.services.code.matching import Wanted
from policies.services.targets import AssignTo

MODES: Final = ("rules", "shadow")
ORDER_CHANGED: Final = "The same rules stand in another order, which changes no answer."
"""The rules are the same, and the version would be another one."""
RETIRED: Final = "It is retired: the file does not name it, and nothing of it counts any more."


def described(one: Wanted, names: Mapping[UUID, str]) -> Iterator[str]:
    """Yield what changes of a stored policy beside its rules; `names` are those of agents, each of one only."""
    policy, written = one.policy, one.written
    assert policy is not None, "only a stored one differs"
    if policy.retired_at is not None:
        yield "It comes back from retirement."
    if policy.name != written.name:
        yield f"Its name “{policy.name}” becomes “{written.name}”."
    if policy.description != written.description:
        yield "Its description changes."
    if one.targets is not None:
        yield from _assigned(one.bound, one.targets, names)


def as_new(one: Wanted, names: Mapping[UUID, str]) -> Iterator[str]:
    """Yield what a policy that is not there yet would be."""
    for mode in MODES:
        if rules := getattr(one.written, mode):
            yield from rules_in_words(mode, (), rules)
    if one.targets is None or one.targets == AssignTo():
        yield "It applies to nobody yet."
    else:
        yield from _assigned(AssignTo(), one.targets, names)


def rules_in_words(mode: str, old: tuple[Rule, ...], new: tuple[Rule, ...]) -> Iterator[str]:
    """Yield what becomes of the rules of a version in this mode."""
    where = "In shadow: " if mode == "shadow" else ""
    if not new:
        yield "Its shadow version is no longer shown."
        return
    for change in rule_changes(old, new):
        yield f"{where}{_change_in_words(change)}"


def _change_in_words(change: RuleChange) -> str:
    if change.kind is ChangeKind.CHANGED:
        return f"The rule {change.key}: {' '.join(one.sentence for one in change.parameters)}"
    verb = "is added" if change.kind is ChangeKind.ADDED else "is taken away"
    return f"The rule {change.key} {verb}: {change.after or change.before}"


def _assigned(before: AssignTo, after: AssignTo, names: Mapping[UUID, str]) -> Iterator[str]:
    were, become = _rows(before, names), _rows(after, names)
    yield from (f"It applies to {called} as well." for called in sorted(become - were))
    yield from (f"It no longer applies to {called}." for called in sorted(were - become))


def _rows(targets: AssignTo, names: Mapping[UUID, str]) -> set[str]:
    """Return to whom a policy applies, in words that differ wherever that does: two agents may have one name."""
    everybody = {"every agent"} if targets.organization else set()
    labels = {f"the label {label}" for label in targets.labels}
    return everybody | labels | {f"the agent {_agent(agent, names)}" for agent in targets.agents}


def _agent(agent: UUID, names: Mapping[UUID, str]) -> str:
    public_id, name = to_public(Prefix.AGENT, agent), names.get(agent, "")
    return public_id if not name or ID_LIKE.search(name) else f"{name} ({public_id})"
