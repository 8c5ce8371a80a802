"""What a file names: each of its policies beside the stored one, agents and labels found, faults with their path."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from core.errors import Invalid, InvalidMany
from core.ids import Prefix, from_public, to_public
from policies.engine.document import Document
from policies.engine.rules import BlackoutPeriod, Rule
from policies.engine.written import PolicyFile, WrittenPolicy, WrittenTargets
from policies.models import Policy, PolicyVersion
from policies.selectors import Targets, agent_ids, every_policy, targets_of
from policies.selectors.versions import latest_versions
from policies.services.calendars import with_holidays
from policies.services.in_force import resolved_beside
from policies.services.targets import AssignTo, demand_bounded


@dataclass(frozen=True, slots=True)
class Wanted:
    """One policy of the file beside the stored one, if there is one; `path` is its place in the file."""

    path: str
    written: WrittenPolicy
    policy: Policy | None
    targets: AssignTo | None
    present: Targets
    latest: PolicyVersion | None = None
    documents: dict[str, Document] = field(default_factory=dict, compare=False, repr=False)
    """What `resolved` has found: a file is looked at from several sides, and each place is read once."""

    @property
    def policy_id(self) -> UUID | None:
        """The stored policy, where there is one."""
        return None if self.policy is None else self.policy.pk

    @property
    def bound(self) -> AssignTo:
        """Whom the stored policy is for."""
        agents = tuple(agent for agent, _ in self.present.agents)
        return AssignTo(self.present.organization, self.present.labels, agents).normal()

    @property
    def binds(self) -> AssignTo:
        """Whom the policy would be for."""
        return self.bound if self.targets is None else self.targets


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of what a file names, read at once; `agents` by what the file calls them."""

    policies: tuple[Policy, ...]
    targets: dict[UUID, Targets]
    named: tuple[Policy | None, ...]
    latest: dict[UUID, PolicyVersion]
    agents: dict[UUID | str, UUID]


def read_stored(organization_id: UUID, file: PolicyFile) -> Stored:
    """Read what is stored of what a file names; a few reads, however many policies there are."""
    stored = every_policy(organization_id)
    # Apart, for an app may call one policy by what is the id of another.
    by_id = {to_public(Prefix.POLICY, one.pk): one for one in stored}
    by_reference = {one.external_ref: one for one in stored if one.external_ref is not None}
    named = tuple(by_reference.get(one.ref or "") if one.id is None else by_id.get(one.id) for one in file.policies)
    latest = latest_versions([one for one in named if one is not None])
    return Stored(stored, targets_of(stored), named, latest, _agents(organization_id, file))


def wanted_in(file: PolicyFile, stored: Stored) -> tuple[Wanted, ...]:
    """Return each policy of the file beside the stored one; raises `InvalidMany` with the path of what there is not."""
    targets, latest = stored.targets, stored.latest
    faults: list[tuple[str, str, str]] = []
    wanted: list[Wanted] = []
    seen: set[UUID | None] = set()
    for index, (written, policy) in enumerate(zip(file.policies, stored.named, strict=True)):
        path = f"policies[{index}]"
        if policy is None and written.id is not None:
            faults.append((f"{path}.id", "policy_unknown", "There is no such policy. A new one has a ref."))
        if policy is not None and policy.pk in seen:
            faults.append((path, "reference_repeated", "Another policy of the file is the same one."))
        seen.add(policy.pk if policy else None)
        try:
            to = _targets(written.assigned_to, stored.agents, f"{path}.assigned_to")
        except Invalid as error:
            faults.extend(faults_of(error))
            continue
        present, last = (targets[policy.pk], latest.get(policy.pk)) if policy else (Targets(), None)
        wanted.append(Wanted(path, written, policy, to, present, last))
    if faults:
        raise InvalidMany(faults)
    return tuple(wanted)


def _agents(organization_id: UUID, file: PolicyFile) -> dict[UUID | str, UUID]:
    named = {one for policy in file.policies if policy.assigned_to for one in policy.assigned_to.agents}
    ids = tuple(from_public(Prefix.AGENT, name) for kind, name in named if kind == "id")
    references = tuple(name for kind, name in named if kind == "external_ref")
    return agent_ids(organization_id, ids, references) if named else {}


def _targets(written: WrittenTargets | None, agents: dict[UUID | str, UUID], path: str) -> AssignTo | None:
    if written is None:
        return None
    found = []
    for index, (kind, name) in enumerate(written.agents):
        agent = agents.get(from_public(Prefix.AGENT, name) if kind == "id" else name)
        if agent is None:
            raise Invalid("agent_unknown", "There is no such agent.", field=f"{path}.agents[{index}]")
        found.append(agent)
    targets = AssignTo(written.organization, written.labels, tuple(found))
    try:
        demand_bounded(targets)
    except Invalid as error:
        inner = (error.field or "").removeprefix("assigned_to")
        raise Invalid(error.code, error.detail, field=f"{path}{inner}") from None
    return targets.normal()


def below_path(path: str, error: Invalid) -> InvalidMany:
    """Return what a step refuses with the place of the policy in the file before each path."""
    return InvalidMany(
        [(f"{path}.{inner}" if inner else path, code, detail) for inner, code, detail in faults_of(error)]
    )


def faults_of(error: Invalid) -> list[tuple[str, str, str]]:
    """Return what was refused as path, code and detail of each fault."""
    return list(error.errors) if isinstance(error, InvalidMany) else [(error.field or "", error.code, error.detail)]


def resolved(one: Wanted, mode: str, now: datetime) -> Document:
    """Return the `rules` or `shadow` ones as they would be published; raises with the path of an unknown country."""
    if mode not in one.documents:
        one.documents[mode] = _resolved(one, mode, now)
    return one.documents[mode]


def _resolved(one: Wanted, mode: str, now: datetime) -> Document:
    rules: tuple[Rule, ...] = getattr(one.written, mode)
    document = Document(rules)
    if not any(isinstance(rule, BlackoutPeriod) and rule.holidays for rule in rules):
        return document
    try:
        if one.policy is None:
            return with_holidays(document, known=(), now=now)
        return resolved_beside(one.policy, one.latest, document, now=now)
    except Invalid as error:
        faults = faults_of(error)
        raise InvalidMany(
            [(f"{one.path}.{path.replace('rules', mode, 1)}", code, detail) for path, code, detail in faults]
        ) from None
