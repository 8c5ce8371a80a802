"""What a file would change: each policy compared with what is stored, in words, bound to both by a digest."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from core.canonical import digest
from core.errors import Invalid, InvalidMany
from core.ids import Prefix, from_public, to_public
from policies.engine.changes import ChangeKind, RuleChange, loosenings, rule_changes
from policies.engine.document import Document
from policies.engine.lint import Finding, Level, lint
from policies.engine.rules import BlackoutPeriod, Holidays, Rule
from policies.engine.written import PolicyFile, WrittenPolicy, WrittenTargets, file_to_plain
from policies.models import Policy, PolicyVersion
from policies.selectors import Targets, agent_ids, every_policy, rules_of, targets_of
from policies.services.calendars import with_holidays
from policies.services.code.exporting import written_rules
from policies.services.findings import finding_facts
from policies.services.in_force import document_digest, resolved_document
from policies.services.targets import AssignTo, checked_targets

MODES: Final = ("rules", "shadow")
HOLIDAYS_RENEWED: Final = "The public holidays of further years become known; beyond the known ones it denied."
ORDER_CHANGED: Final = "The same rules stand in another order, which changes no answer."
"""The rules are the same, and the version would be another one."""


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
        return {
            "policy": self.label,
            "name": self.name,
            "step": self.step.value,
            "changes": list(self.changes),
            "loosens": list(self.loosens),
            "findings": [finding_facts(one) for one in self.findings],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file would change; `others` are current policies that it does not name and that stay as they are."""

    digest: str
    policies: tuple[Planned, ...]
    others: tuple[str, ...]

    def facts(self) -> dict[str, object]:
        """Return the plan as the API shows it."""
        return {
            "digest": self.digest,
            "has_changes": self.has_changes,
            "policies": [one.facts() for one in self.policies],
            "others": list(self.others),
        }

    @property
    def has_changes(self) -> bool:
        """Whether applying would change anything."""
        return any(one.step is not Step.NOTHING for one in self.policies)

    @property
    def loosens(self) -> tuple[str, ...]:
        """Everything by which more money might pass."""
        return tuple(detail for one in self.policies for detail in one.loosens)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What lint does not let through."""
        return tuple(one for each in self.policies for one in each.findings if one.level is Level.ERROR)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One policy of the file beside the stored one, if there is one; `path` is its place in the file."""

    path: str
    written: WrittenPolicy
    policy: Policy | None
    targets: AssignTo | None
    present: Targets


@dataclass(frozen=True, slots=True)
class Compared:
    """A file beside what is stored: the plan, each policy that it wants, and those that it would retire."""

    plan: Plan
    wanted: tuple[Wanted, ...]
    to_retire: tuple[Policy, ...]


def plan_file(organization_id: UUID, file: PolicyFile, *, retires_others: bool, now: datetime) -> Plan:
    """Return what applying the file would change; nothing is locked and nothing stored.

    Raises `InvalidMany` with the path of each policy, agent, label or country that there is not.
    """
    return compare(organization_id, file, retires_others=retires_others, now=now).plan


def compare(organization_id: UUID, file: PolicyFile, *, retires_others: bool, now: datetime) -> Compared:
    """Return a file beside what is stored at this moment; some reads, however many policies there are."""
    stored = every_policy(organization_id)
    targets = targets_of(stored)
    wanted = _wanted(organization_id, file, stored, targets)
    named = {one.policy.pk for one in wanted if one.policy is not None}
    others = tuple(one for one in stored if one.pk not in named and one.retired_at is None)
    to_retire = others if retires_others else ()
    planned = [*(_planned(one, now) for one in wanted), *map(_retired, to_retire)]
    facts = [file_to_plain(file), retires_others, [_facts(one, targets[one.pk]) for one in stored]]
    left = () if retires_others else tuple(label_of(one) for one in others)
    return Compared(Plan(digest(facts), tuple(planned), left), wanted, to_retire)


def label_of(policy: Policy) -> str:
    """Return what a stored policy is called in a plan."""
    return policy.external_ref or to_public(Prefix.POLICY, policy.pk)


def _facts(policy: Policy, targets: Targets) -> list[object]:
    """Return what a plan rests on: whatever of it changes makes the plan an old one."""
    versions = [None if one is None else one.digest for one in (policy.enforced, policy.shadow)]
    named = [targets.organization, list(targets.labels), [str(agent) for agent, _ in targets.agents]]
    is_retired = policy.retired_at is not None
    return [str(policy.pk), policy.name, policy.description, policy.external_ref, is_retired, versions, named]


# --- What the file names ----------------------------------------------------------------------------------------------


def _wanted(
    organization_id: UUID, file: PolicyFile, stored: Iterable[Policy], targets: dict[UUID, Targets]
) -> tuple[Wanted, ...]:
    # Apart, for an app may call one policy by what is the id of another.
    by_id = {to_public(Prefix.POLICY, one.pk): one for one in stored}
    by_reference = {one.external_ref: one for one in stored if one.external_ref is not None}
    agents = _agents(organization_id, file)
    faults: list[tuple[str, str, str]] = []
    wanted: list[Wanted] = []
    for index, written in enumerate(file.policies):
        path = f"policies[{index}]"
        policy = by_reference.get(written.ref or "") if written.id is None else by_id.get(written.id)
        if policy is None and written.id is not None:
            faults.append((f"{path}.id", "policy_unknown", "There is no such policy. A new one has a ref."))
        if policy is not None and any(one.policy is not None and one.policy.pk == policy.pk for one in wanted):
            faults.append((path, "reference_repeated", "Another policy of the file is the same one."))
        try:
            to = _targets(organization_id, written.assigned_to, agents, f"{path}.assigned_to")
        except Invalid as error:
            faults.extend(_faults_of(error))
            continue
        wanted.append(Wanted(path, written, policy, to, targets[policy.pk] if policy else Targets()))
    if faults:
        raise InvalidMany(faults)
    return tuple(wanted)


def _agents(organization_id: UUID, file: PolicyFile) -> dict[UUID | str, UUID]:
    named = {one for policy in file.policies if policy.assigned_to for one in policy.assigned_to.agents}
    ids = tuple(from_public(Prefix.AGENT, name) for kind, name in named if kind == "id")
    references = tuple(name for kind, name in named if kind == "external_ref")
    return agent_ids(organization_id, ids, references) if named else {}


def _targets(
    organization_id: UUID, written: WrittenTargets | None, agents: dict[UUID | str, UUID], path: str
) -> AssignTo | None:
    if written is None:
        return None
    found = []
    for index, (kind, name) in enumerate(written.agents):
        agent = agents.get(from_public(Prefix.AGENT, name) if kind == "id" else name)
        if agent is None:
            raise Invalid("agent_unknown", "There is no such agent.", field=f"{path}.agents[{index}]")
        found.append(agent)
    try:
        return checked_targets(organization_id, AssignTo(written.organization, written.labels, tuple(found)))
    except Invalid as error:
        inner = (error.field or "").removeprefix("assigned_to")
        raise Invalid(error.code, error.detail, field=f"{path}{inner}") from None


def below_path(path: str, error: Invalid) -> InvalidMany:
    """Return what a step refuses with the place of the policy in the file before each path."""
    return InvalidMany(
        [(f"{path}.{inner}" if inner else path, code, detail) for inner, code, detail in _faults_of(error)]
    )


def _faults_of(error: Invalid) -> list[tuple[str, str, str]]:
    return list(error.errors) if isinstance(error, InvalidMany) else [(error.field or "", error.code, error.detail)]


# --- What differs -----------------------------------------------------------------------------------------------------


def _planned(one: Wanted, now: datetime) -> Planned:
    written, policy = one.written, one.policy
    findings = tuple(_findings(one))
    if policy is None:
        resolved(one, written.rules, now)
        opens = ("A new policy is enforced: payments that no rule judged before may pass.",) if written.rules else ()
        return Planned(written.label, written.name, Step.CREATE, tuple(_as_new(one)), opens, findings)
    changes, loosens = list(_described(one)), list[str]()
    for mode, version in zip(MODES, (policy.enforced, policy.shadow), strict=True):
        rules: tuple[Rule, ...] = getattr(written, mode)
        if _is_in_force(one, version, rules, now):
            continue
        if not rules and mode == "rules":
            detail = "A version is enforced, and the file has no rules for it. To take it out of force, retire it."
            raise InvalidMany([(f"{one.path}.rules", "rules_missing", detail)])
        old = written_rules(version)
        renewed = [HOLIDAYS_RENEWED] if _renews_holidays(one, version, rules, now) else []
        changes += [*_rules_in_words(mode, old, rules), *renewed] or [ORDER_CHANGED]
        if mode == "rules":
            loosens += [*(each.detail for each in loosenings(old, rules)), *renewed]
    loosens += _loosened_otherwise(one)
    step = Step.CHANGE if changes else Step.NOTHING
    return Planned(written.label, written.name, step, tuple(changes), tuple(loosens), findings)


def _retired(policy: Policy) -> Planned:
    what = "It is retired: the file does not name it, and nothing of it counts any more."
    return Planned(label_of(policy), policy.name, Step.RETIRE, (what,), (what,))


def _is_in_force(one: Wanted, version: PolicyVersion | None, rules: tuple[Rule, ...], now: datetime) -> bool:
    if version is None or not rules:
        return version is None and not rules
    if not any(isinstance(one, BlackoutPeriod) and one.holidays for one in rules):
        return version.digest == document_digest(Document(rules))
    return version.digest == document_digest(resolved(one, rules, now))


def _renews_holidays(one: Wanted, version: PolicyVersion | None, rules: tuple[Rule, ...], now: datetime) -> bool:
    """Say whether a rule that stays would know the holidays of the same place for another time."""
    before = _holidays_of(rules_of(version.document) if version else ())
    after = _holidays_of(resolved(one, rules, now).rules)
    return any(place in before and before[place] != of for place, of in after.items())


def _holidays_of(rules: Iterable[Rule]) -> dict[tuple[str, str, str | None], Holidays]:
    known = [(rule.key, rule.holidays) for rule in rules if isinstance(rule, BlackoutPeriod) and rule.holidays]
    return {(key, of.country, of.subdivision): of for key, of in known}


def resolved(one: Wanted, rules: tuple[Rule, ...], now: datetime) -> Document:
    """Return the rules as they would be published; raises with the path of a country without known holidays."""
    document = Document(rules)
    try:
        if one.policy is None:
            return with_holidays(document, known=(), now=now)
        return resolved_document(one.policy, document, now=now)
    except Invalid as error:
        raise below_path(one.path, error) from None


def _described(one: Wanted) -> Iterator[str]:
    policy, written = one.policy, one.written
    assert policy is not None, "only a stored one differs"
    if policy.retired_at is not None:
        yield "It comes back from retirement."
    if policy.name != written.name:
        yield f"Its name “{policy.name}” becomes “{written.name}”."
    if policy.description != written.description:
        yield "Its description changes."
    if one.targets is not None:
        yield from _assigned(one.present, one.targets)


def _assigned(before: Targets, after: AssignTo) -> Iterator[str]:
    gone, come = _named(before) - _rows(after), _rows(after) - _named(before)
    yield from (f"It applies to {_target(*row, before)} as well." for row in sorted(come))
    yield from (f"It no longer applies to {_target(*row, before)}." for row in sorted(gone))


def _named(targets: Targets) -> set[tuple[str, str]]:
    agents = tuple(agent for agent, _ in targets.agents)
    return _rows(AssignTo(targets.organization, targets.labels, agents))


def _rows(targets: AssignTo) -> set[tuple[str, str]]:
    everybody = {("organization", "")} if targets.organization else set()
    labels = {("label", label) for label in targets.labels}
    return everybody | labels | {("agent", to_public(Prefix.AGENT, agent)) for agent in targets.agents}


def _target(kind: str, name: str, known: Targets) -> str:
    names = {to_public(Prefix.AGENT, agent): called for agent, called in known.agents}
    return "every agent" if kind == "organization" else f"the {kind} {names.get(name, name)}"


def _as_new(one: Wanted) -> Iterator[str]:
    for mode in MODES:
        yield from _rules_in_words(mode, (), getattr(one.written, mode))
    if one.targets is None or one.targets == AssignTo():
        yield "It applies to nobody yet."
    else:
        yield from _assigned(Targets(), one.targets)


def _rules_in_words(mode: str, old: tuple[Rule, ...], new: tuple[Rule, ...]) -> Iterator[str]:
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


def _findings(one: Wanted) -> Iterator[Finding]:
    for mode in MODES:
        rules: tuple[Rule, ...] = getattr(one.written, mode)
        for finding in lint(Document(rules)) if rules else ():
            inner = finding.path.replace("rules", mode, 1)
            yield Finding(finding.level, finding.code, f"{one.path}.{inner}", finding.detail)


def _loosened_otherwise(one: Wanted) -> Iterator[str]:
    """Yield what loosens beside rules: a policy that comes back, and any agent it applies to no longer or newly."""
    if one.policy is not None and one.policy.retired_at is not None:
        yield "A retired policy comes back: payments that no rule judged before may pass."
    if one.targets is not None:
        yield from _assigned(one.present, one.targets)
