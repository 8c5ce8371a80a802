"""What a file would change: each policy compared with what is stored, in words, bound to both by a digest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from core.canonical import digest
from core.errors import Conflict, InvalidMany
from core.ids import Prefix, to_public
from policies.engine.changes import HOLIDAYS_RENEWED
from policies.engine.document import Document
from policies.engine.lint import Finding, Level
from policies.engine.rules import BlackoutPeriod, Holidays, Rule
from policies.engine.written import PolicyFile, file_to_plain
from policies.models import Policy, PolicyVersion
from policies.selectors import Targets, rules_of
from policies.services.code.exporting import written_rules
from policies.services.code.found import Found, find
from policies.services.code.matching import Wanted, resolved, wanted_in
from policies.services.code.outlook import Now, outlook
from policies.services.code.words import MODES, ORDER_CHANGED, RETIRED, as_new, described, rules_in_words
from policies.services.findings import finding_facts
from policies.services.in_force import document_digest
from policies.services.loosening import Bound, loosenings_between
from policies.services.steps import MOST_POLICIES, TOO_MANY
from policies.services.targets import AssignTo


class Step(StrEnum):
    """What applying does to a policy."""

    CREATE = "create"
    CHANGE = "change"
    RETIRE = "retire"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Planned:
    """One policy of a plan: what would be done to it, in words, by what it would loosen, and what lint says of it."""

    label: str
    name: str
    step: Step
    changes: tuple[str, ...] = ()
    loosens: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def facts(self) -> dict[str, object]:
        """Return it as the API shows it."""
        return {**self.effect(), "findings": [finding_facts(one) for one in self.findings]}

    def effect(self) -> dict[str, object]:
        """Return what it would do, without what lint says."""
        return {
            "policy": self.label,
            "name": self.name,
            "step": self.step.value,
            "changes": list(self.changes),
            "loosens": list(self.loosens),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file would change; `others` are current policies that it does not name and that stay as they are.

    `unwritten` are those of them that are in force: what is stored has drifted from the file by them.

    `findings` are what lint says of all policies together, as they would be; `waits` where a second person must agree.
    """

    digest: str
    policies: tuple[Planned, ...]
    others: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    waits: bool = False
    unwritten: tuple[str, ...] = ()

    def facts(self) -> dict[str, object]:
        """Return the plan as the API shows it."""
        return {
            "digest": self.digest,
            "has_changes": self.has_changes,
            "has_drifted": self.has_drifted,
            "has_errors": bool(self.errors),
            "needs_second_person": self.waits,
            "policies": [one.facts() for one in self.policies],
            "others": list(self.others),
            "unwritten": list(self.unwritten),
            "findings": [finding_facts(one) for one in self.findings],
        }

    @property
    def has_changes(self) -> bool:
        """Whether applying would change anything."""
        return any(one.step is not Step.NOTHING for one in self.policies)

    @property
    def has_drifted(self) -> bool:
        """Whether what is stored is not what the file says: it would change, or a policy is in force that it lacks."""
        return self.has_changes or bool(self.unwritten)

    @property
    def loosens(self) -> tuple[str, ...]:
        """Everything by which more money might pass."""
        return tuple(detail for one in self.policies for detail in one.loosens)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What lint does not let through; where nothing changes nothing is to be let through."""
        return tuple(one for one in self.every_finding if one.level is Level.ERROR) if self.has_changes else ()

    @property
    def every_finding(self) -> tuple[Finding, ...]:
        """What lint says of each policy, and of all of them together."""
        return (*(one for each in self.policies for one in each.findings), *self.findings)


@dataclass(frozen=True, slots=True)
class Compared:
    """A file beside what is stored: the plan, each policy that it wants, and those that it would retire.

    `effect` names exactly what applying would do, whatever else is stored.
    """

    file: PolicyFile
    plan: Plan
    wanted: tuple[Wanted, ...]
    to_retire: tuple[Policy, ...]
    effect: str
    found: Found

    @property
    def stored_ids(self) -> tuple[str | None, ...]:
        """The public id of each policy of the plan, in its order; None for one that is not there yet."""
        ids = (*(one.policy_id for one in self.wanted), *(one.pk for one in self.to_retire))
        return tuple(None if one is None else to_public(Prefix.POLICY, one) for one in ids)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The public ids of the stored policies that the file names or retires."""
        return tuple(one for one in self.stored_ids if one is not None)


def compare(organization_id: UUID, file: PolicyFile, *, retires_others: bool, now: datetime) -> Compared:
    """Return a file beside what is stored at this moment; raises as `plan_file` does."""
    return compare_with(find(organization_id, file), file, retires_others=retires_others, now=now)


def compared_still(ahead: Compared, organization_id: UUID, *, retires_others: bool, now: datetime) -> Compared:
    """Return a comparison that was made just before the gate was taken; made again where anything is not as it was."""
    found = find(organization_id, ahead.file)
    if ahead.found.holds_in(found):
        return ahead
    return compare_with(found, ahead.file, retires_others=retires_others, now=now)


def compare_with(found: Found, file: PolicyFile, *, retires_others: bool, now: datetime) -> Compared:
    """Return a file beside what was found; asks the database nothing."""
    stored, targets, present = found.stored.policies, found.stored.targets, found.present
    wanted = wanted_in(file, found.stored)
    if len(stored) + sum(one.policy is None for one in wanted) > MOST_POLICIES:
        raise Conflict("too_many_policies", TOO_MANY)
    named = {one.policy.pk for one in wanted if one.policy is not None}
    others = tuple(one for one in stored if one.pk not in named and one.retired_at is None)
    to_retire = others if retires_others else ()
    ahead = outlook(present, wanted, to_retire, now)
    planned = [
        *(_planned(one, of, present, now) for one, of in zip(wanted, ahead.of_each, strict=True)),
        *(_retired(one, targets[one.pk], present) for one in to_retire),
    ]
    of_stored = {one.pk: _facts(one, targets[one.pk]) for one in stored}
    plan = Plan(
        digest=digest([file_to_plain(file), retires_others, list(of_stored.values())]),
        policies=tuple(planned),
        others=() if retires_others else tuple(label_of(one) for one in others),
        unwritten=() if retires_others else tuple(label_of(one) for one in others if _is_exported(one)),
        findings=ahead.of_all,
        waits=present.organization.needs_four_eyes and any(one.loosens for one in planned),
    )
    return Compared(file, plan, wanted, to_retire, _effect(plan, wanted, to_retire, of_stored, now), found)


def _is_exported(policy: Policy) -> bool:
    """Say whether a file of what is in force has it: a draft alone decides nothing, and stands in none."""
    return policy.enforced is not None or policy.shadow is not None


def label_of(policy: Policy) -> str:
    """Return what a stored policy is called in a plan."""
    return policy.external_ref or to_public(Prefix.POLICY, policy.pk)


def _facts(policy: Policy, targets: Targets) -> list[object]:
    """Return what a plan rests on: whatever of it changes makes the plan an old one."""
    versions = [None if one is None else one.digest for one in (policy.enforced, policy.shadow)]
    named = [targets.organization, list(targets.labels), [str(agent) for agent, _ in targets.agents]]
    is_retired = policy.retired_at is not None
    return [str(policy.pk), policy.name, policy.description, policy.external_ref, is_retired, versions, named]


def _effect(
    plan: Plan, wanted: Sequence[Wanted], to_retire: Iterable[Policy], stored: dict[UUID, list[object]], now: datetime
) -> str:
    """Return what names the effect: each policy that changes as it is and as it would be, and how that is told."""
    changing = [
        [
            stored.get(one.policy.pk) if one.policy else None,
            [document_digest(resolved(one, mode, now)) for mode in MODES],
            [one.written.name, one.written.description, one.written.ref, str(one.binds)],
        ]
        for one, planned in zip(wanted, plan.policies, strict=False)
        if planned.step is not Step.NOTHING
    ]
    told = [one.effect() for one in plan.policies if one.step is not Step.NOTHING]
    return digest([changing, [stored[one.pk] for one in to_retire], told])


# --- What differs -----------------------------------------------------------------------------------------------------


def _planned(one: Wanted, findings: tuple[Finding, ...], present: Now, now: datetime) -> Planned:
    written, policy = one.written, one.policy
    after = Bound(resolved(one, "rules", now).rules, one.binds)
    if policy is None:
        loosens = _loosens(None, Bound(), after, present)
        return Planned(written.label, written.name, Step.CREATE, tuple(as_new(one, present.names)), loosens, findings)
    changes = list(described(one, present.names))
    for mode, version in zip(MODES, (policy.enforced, policy.shadow), strict=True):
        rules: tuple[Rule, ...] = getattr(written, mode)
        document = resolved(one, mode, now)
        if _is_in_force(version, document):
            continue
        if not rules and mode == "rules":
            detail = "A version is enforced, and the file has no rules for it. To take it out of force, retire it."
            raise InvalidMany([(f"{one.path}.rules", "rules_missing", detail)])
        renewed = [HOLIDAYS_RENEWED] if _renews_holidays(version, document) else []
        changes += [*rules_in_words(mode, written_rules(version), rules), *renewed] or [ORDER_CHANGED]
    if not changes:
        return Planned(written.label, written.name, Step.NOTHING, findings=findings)
    before = Bound(rules_of(policy.enforced.document) if policy.enforced else (), one.bound)
    loosens = _loosens(policy.pk, before, after, present)
    return Planned(written.label, written.name, Step.CHANGE, tuple(changes), loosens, findings)


def _retired(policy: Policy, targets: Targets, present: Now) -> Planned:
    agents = tuple(agent for agent, _ in targets.agents)
    to = AssignTo(targets.organization, targets.labels, agents)
    rules = rules_of(policy.enforced.document) if policy.enforced else ()
    loosens = _loosens(policy.pk, Bound(rules, to), Bound((), to), present)
    return Planned(label_of(policy), policy.name, Step.RETIRE, (RETIRED,), loosens)


def _loosens(policy_id: UUID | None, before: Bound, after: Bound, present: Now) -> tuple[str, ...]:
    found = loosenings_between(policy_id, before, after, present.others)
    return tuple(one.detail for one in found)


def _is_in_force(version: PolicyVersion | None, document: Document) -> bool:
    if version is None or not document.rules:
        return version is None and not document.rules
    return version.digest == document_digest(document)


def _renews_holidays(version: PolicyVersion | None, document: Document) -> bool:
    """Say whether a rule that stays would know the holidays of the same place for another time."""
    before = _holidays_of(rules_of(version.document) if version else ())
    after = _holidays_of(document.rules)
    return any(place in before and before[place] != of for place, of in after.items())


def _holidays_of(rules: Iterable[Rule]) -> dict[tuple[str, str, str | None], Holidays]:
    known = [(rule.key, rule.holidays) for rule in rules if isinstance(rule, BlackoutPeriod) and rule.holidays]
    return {(key, of.country, of.subdivision): of for key, of in known}
