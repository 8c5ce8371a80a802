"""Questions about policies: which are in force for an agent, what a policy looks like now, who drafts and published."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, cast
from uuid import UUID

from django.db.models import Q, QuerySet

from agents.models import Agent
from core.db import prepared_rows
from core.errors import Invalid, NotFound, Unavailable
from core.ids import Prefix, from_public, ids_in, to_public
from core.paging import DEFAULT_PAGE
from people.models import Member
from people.roles import Right, Role, roles_with
from policies.engine.document import parse
from policies.engine.judging import is_listed
from policies.engine.rules import ApprovalThreshold, CounterpartyRule, PolicyInForce, Rule, Whitelist
from policies.engine.types import Mode
from policies.models import REFERENCE_LENGTH, Assignment, Policy, PolicyVersion
from policies.selectors.versions import LARGEST_LIST

SITUATIONS_KEPT: Final = 20_000
"""Answers of `policies_for` kept per process: one per agent, labels and epoch; a tuple of a few references each."""
ORGANIZATIONS_KEPT: Final = 500
"""Epochs of organizations whose policies in force are kept per process, each read at once."""
VERSIONS_KEPT: Final = 2_000
"""Compiled versions kept per process; one with fifty rules takes some 50 KB."""

IN_FORCE: Final = """
    select p.id, p.name, v.id, v.number, v.id = p.enforced_id, v.document::text,
           array(select a.agent_id from policies_assignment a where a.policy_id = p.id and a.agent_id is not null),
           array(select a.label from policies_assignment a where a.policy_id = p.id and a.label is not null),
           exists (select from policies_assignment a
                    where a.policy_id = p.id and a.agent_id is null and a.label is null)
      from policies_policy p
      join policies_policyversion v on v.id in (p.enforced_id, p.shadow_id)
     where p.organization_id = %(organization)s and p.retired_at is null
     order by p.id, v.number
"""


@dataclass(frozen=True, slots=True)
class Assigned:
    """One version in force, and for whom; its document is compiled only for those."""

    policy_id: UUID
    name: str
    version_id: UUID
    number: int
    mode: Mode
    document: str
    agents: frozenset[UUID]
    labels: frozenset[str]
    is_for_all: bool

    def is_for(self, agent_id: UUID, labels: tuple[str, ...]) -> bool:
        """Say whether it applies to an agent with these labels."""
        return self.is_for_all or agent_id in self.agents or not self.labels.isdisjoint(labels)

    def is_for_label(self, labels: tuple[str, ...]) -> bool:
        """Say whether it applies to whoever has these labels; to everybody where there are none."""
        return self.is_for_all or not self.labels.isdisjoint(labels)

    def compiled(self) -> PolicyInForce:
        """Return the version as the engine takes it."""
        return PolicyInForce(
            policy=to_public(Prefix.POLICY, self.policy_id),
            name=self.name,
            version_id=to_public(Prefix.VERSION, self.version_id),
            version=self.number,
            mode=self.mode,
            rules=compiled(self.version_id, self.document),
        )


@lru_cache(maxsize=SITUATIONS_KEPT)
def policies_for(
    organization_id: UUID, agent_id: UUID, labels: tuple[str, ...], epoch: int
) -> tuple[PolicyInForce, ...]:
    """Return every policy in force for an agent, enforced and shadow ones, oldest policy first.

    Kept in the process under all four: whatever changes the answer raises the `epoch` or changes the labels. One read
    for the whole organization, where none of its agents asked in this epoch yet. Raises `Unavailable` where a stored
    version cannot be read: nothing is decided then.
    """
    return tuple(each.compiled() for each in _in_epoch(organization_id, epoch) if each.is_for(agent_id, labels))


def current_policies(organization_id: UUID) -> tuple[PolicyInForce, ...]:
    """Return every published policy of the organization that is not retired, whoever it is assigned to; one read."""
    return tuple(each.compiled() for each in _in_force(organization_id))


def policy_names(organization_id: UUID, policy_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of policies by public id; foreign ones and what is no id are missing."""
    found = Policy.objects.filter(organization_id=organization_id, pk__in=ids_in(Prefix.POLICY, policy_ids))
    return {to_public(Prefix.POLICY, key): name for key, name in found.values_list("pk", "name")}


def policies_naming(organization_id: UUID, names: Sequence[str]) -> tuple[PolicyInForce, ...]:
    """Return the published policies with a rule that names one of these public ids and identifiers of a payee."""
    return tuple(
        policy for policy in current_policies(organization_id) if any(_does_name(rule, names) for rule in policy.rules)
    )


def policies_judging_only(organization_id: UUID, one: str, *, without: str) -> tuple[PolicyInForce, ...]:
    """Return the published policies with a rule whose `when` names the one counterparty and not the other."""
    return tuple(
        policy
        for policy in current_policies(organization_id)
        if any(one in rule.when.counterparties and without not in rule.when.counterparties for rule in policy.rules)
    )


def _does_name(rule: Rule, names: Sequence[str]) -> bool:
    listed = rule.when.counterparties
    if isinstance(rule, CounterpartyRule):
        listed = (*listed, *rule.blocked)
    elif isinstance(rule, Whitelist):
        listed = (*listed, *rule.allowed)
    elif isinstance(rule, ApprovalThreshold):
        listed = (*listed, *(one.counterparty for one in rule.exemptions))
    return any(is_listed(name, listed) for name in names)


@lru_cache(maxsize=ORGANIZATIONS_KEPT)
def _in_epoch(organization_id: UUID, epoch: int) -> tuple[Assigned, ...]:  # noqa: ARG001 - part of the cache's key
    return _in_force(organization_id)


def _in_force(organization_id: UUID) -> tuple[Assigned, ...]:
    found = cast(
        list[tuple[UUID, str, UUID, int, bool, str, list[UUID], list[str], bool]],
        prepared_rows(IN_FORCE, {"organization": organization_id}),
    )
    return tuple(
        Assigned(
            policy_id,
            name,
            version_id,
            number,
            Mode.ENFORCED if is_enforced else Mode.SHADOW,
            document,
            frozenset(agents),
            frozenset(labels),
            is_for_all,
        )
        for policy_id, name, version_id, number, is_enforced, document, agents, labels, is_for_all in found
    )


@lru_cache(maxsize=VERSIONS_KEPT)
def compiled(version_id: UUID, document: str) -> tuple[Rule, ...]:
    """Return the rules of a published version; `document` is its JSON text, which never changes."""
    try:
        return parse(json.loads(document)).rules
    except Invalid as error:
        name = to_public(Prefix.VERSION, version_id)
        raise Unavailable(
            "policy_unreadable", f"The policy version {name} cannot be read, so nothing is decided."
        ) from error


# --- One policy -------------------------------------------------------------------------------------------------------


def policy_of(organization_id: UUID, policy_id: str) -> Policy:
    """Return a policy by its public id, with its versions in force; raises `NotFound`."""
    found = _policies(organization_id).filter(pk=from_public(Prefix.POLICY, policy_id)).first()
    if found is None:
        raise NotFound()
    return found


def policies_of(organization_id: UUID, policy_ids: Iterable[str]) -> tuple[Policy, ...]:
    """Return those of these policies that are not retired, by name, with their versions in force; one read."""
    wanted = [from_public(Prefix.POLICY, one) for one in policy_ids]
    return tuple(_policies(organization_id).filter(pk__in=wanted, retired_at=None).order_by("name", "id"))


def policy_by_reference(organization_id: UUID, external_ref: str) -> Policy | None:
    """Return the policy that the app knows by this reference."""
    if not external_ref.isprintable() or len(external_ref) > REFERENCE_LENGTH:
        return None
    return _policies(organization_id).filter(external_ref=external_ref).first()


def ids_by_reference(organization_id: UUID, references: Collection[str]) -> dict[str, str]:
    """Return the public ids of the policies that the app knows by these references; one read, none where none are."""
    found = Policy.objects.filter(organization_id=organization_id, external_ref__in=references)
    named = found.values_list("external_ref", "pk") if references else ()
    return {str(reference): to_public(Prefix.POLICY, key) for reference, key in named}


def synced_policies(organization_id: UUID, policy_ids: Iterable[str]) -> tuple[Policy, ...]:
    """Return those of these policies that the app knows by a reference, with their versions in force."""
    wanted = [from_public(Prefix.POLICY, one) for one in policy_ids]
    found = Policy.objects.filter(organization_id=organization_id, pk__in=wanted, external_ref__isnull=False)
    return tuple(found.select_related("enforced").order_by("name", "pk"))


def _policies(organization_id: UUID) -> QuerySet[Policy]:
    return Policy.objects.filter(organization_id=organization_id).select_related("enforced", "shadow", "organization")


# --- Lists ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Targets:
    """To whom a policy applies; everything empty means nobody. Agents as (id, name), sorted by name."""

    organization: bool = False
    labels: tuple[str, ...] = ()
    agents: tuple[tuple[UUID, str], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nobody at all."""
        return not (self.organization or self.labels or self.agents)

    def binds(self, agent_id: UUID, labels: Collection[str]) -> bool:
        """Say whether the policy applies to an agent with these labels."""
        is_named = any(agent_id == agent for agent, _ in self.agents)
        return self.organization or is_named or not set(labels).isdisjoint(self.labels)


def policies_page(organization_id: UUID, *, after: str | None = None, limit: int = DEFAULT_PAGE) -> tuple[Policy, ...]:
    """Return policies, retired ones included, oldest first, from behind the policy with the public id `after`."""
    found = _policies(organization_id).order_by("id")
    if after is not None:
        found = found.filter(pk__gt=from_public(Prefix.POLICY, after))
    return tuple(found[:limit])


def every_policy(organization_id: UUID) -> tuple[Policy, ...]:
    """Return all policies with their versions in force, retired ones included, oldest first."""
    return tuple(_policies(organization_id).order_by("id"))


def published_policies(organization_id: UUID) -> tuple[Policy, ...]:
    """Return the current policies with a version in force, by name."""
    found = _policies(organization_id).filter(retired_at=None).exclude(enforced=None, shadow=None)
    return tuple(found.order_by("name", "id"))


def targets_of(policies: tuple[Policy, ...]) -> dict[UUID, Targets]:
    """Return to whom each of these policies applies; one read."""
    found = (
        Assignment.objects.filter(policy__in=policies).select_related("agent").order_by("label", "agent__name", "id")
    )
    assignments: dict[UUID, list[Assignment]] = {policy.pk: [] for policy in policies}
    for one in found:
        assignments[one.policy_id].append(one)
    return {policy_id: _targets(members) for policy_id, members in assignments.items()}


def _targets(assignments: list[Assignment]) -> Targets:
    return Targets(
        organization=any(one.label is None and one.agent_id is None for one in assignments),
        labels=tuple(one.label for one in assignments if one.label is not None),
        agents=tuple((one.agent.pk, one.agent.name) for one in assignments if one.agent is not None),
    )


@dataclass(frozen=True, slots=True)
class Change:
    """Who published last, and when."""

    who: str
    when: datetime
    number: int


def last_changes(policies: tuple[Policy, ...]) -> dict[UUID, Change]:
    """Return the last publication of each of these policies; one read, without the documents."""
    found = PolicyVersion.objects.filter(policy__in=policies).order_by("policy_id", "-number").distinct("policy_id")
    fields = found.values_list("policy_id", "published_by_name", "published_at", "number")
    return {policy_id: Change(who, when, number) for policy_id, who, when, number in fields}


# --- What can be named in a policy ------------------------------------------------------------------------------------


def agents_to_assign(organization_id: UUID) -> tuple[tuple[UUID, str], ...]:
    """Return the agents that are not retired, as (id, name), by name."""
    agents = Agent.objects.filter(organization_id=organization_id, retired_at=None).order_by("name", "id")
    return tuple(agents.values_list("id", "name")[:LARGEST_LIST])


def drafts_to_choose(organization_id: UUID) -> tuple[tuple[UUID, str], ...]:
    """Return the policies that have a draft, as (id, name), by name."""
    drafted = Policy.objects.filter(organization_id=organization_id, draft__isnull=False, retired_at=None)
    return tuple(drafted.order_by("name", "id").values_list("id", "name")[:LARGEST_LIST])


def labels_in_use(organization_id: UUID) -> tuple[str, ...]:
    """Return the labels of agents and of assignments, sorted."""
    of_agents = Agent.objects.filter(organization_id=organization_id, retired_at=None).values_list("labels", flat=True)
    of_policies = Assignment.objects.filter(organization_id=organization_id, label__isnull=False).values_list(
        "label", flat=True
    )
    names = {label for labels in of_agents for label in labels} | {label for label in of_policies if label}
    return tuple(sorted(names)[:LARGEST_LIST])


def agent_ids(organization_id: UUID, ids: tuple[UUID, ...], references: tuple[str, ...]) -> dict[UUID | str, UUID]:
    """Return the agents of the organization among these ids and references, each by what it was named with."""
    named = Agent.objects.filter(Q(pk__in=ids) | Q(external_ref__in=references), organization_id=organization_id)
    found: dict[UUID | str, UUID] = {}
    for agent_id, reference in named.values_list("id", "external_ref"):
        found[agent_id] = agent_id
        if reference is not None:
            found[reference] = agent_id
    return found


def agents_of_targets(organization_id: UUID, targets: Targets) -> tuple[Agent, ...]:
    """Return the agents that a policy with these targets applies to and that are not retired."""
    agents = Agent.objects.filter(organization_id=organization_id, retired_at=None).order_by("name", "id")
    if not targets.organization:
        named = [agent for agent, _ in targets.agents]
        agents = agents.filter(Q(labels__overlap=list(targets.labels)) | Q(pk__in=named))
    return tuple(agents[:LARGEST_LIST])


@dataclass(frozen=True, slots=True)
class Beside:
    """Another policy that is enforced for some of the same agents."""

    name: str
    rules: tuple[Rule, ...]


def policies_beside(policy: Policy, targets: Targets) -> tuple[Beside, ...]:
    """Return the other enforced policies of the agents that this one would apply to with these targets."""
    found = agents_of_targets(policy.organization_id, targets)
    agents = [(agent.pk, tuple(agent.labels)) for agent in found]
    return tuple(
        Beside(one.name, one.compiled().rules)
        for one in enforced_beside(policy)
        if any(one.is_for(agent, labels) for agent, labels in agents)
    )


def enforced_beside(policy: Policy) -> tuple[Assigned, ...]:
    """Return every other enforced policy of the organization, with whom it is for."""
    return tuple(one for one in enforced_policies(policy.organization_id) if one.policy_id != policy.pk)


def enforced_policies(organization_id: UUID) -> tuple[Assigned, ...]:
    """Return every enforced policy of the organization, with whom it is for; one read."""
    return tuple(one for one in _in_force(organization_id) if one.mode is Mode.ENFORCED)


def agents_without_policy(organization_id: UUID) -> tuple[str, ...]:
    """Return the names of the agents to whom no enforced policy applies: they can spend nothing."""
    enforced = enforced_policies(organization_id)
    agents = Agent.objects.filter(organization_id=organization_id, retired_at=None).order_by("name", "id")
    found = agents.values_list("id", "labels", "name")[:LARGEST_LIST]
    return tuple(name for agent, labels, name in found if not any(one.is_for(agent, tuple(labels)) for one in enforced))


def reviewers(organization_id: UUID) -> tuple[Member, ...]:
    """Return the present members who may review, by name."""
    members = Member.objects.filter(organization_id=organization_id, removed_at=None, roles__overlap=reviewing_roles())
    return tuple(members.select_related("person").order_by("person__name", "id")[:LARGEST_LIST])


def reviewing_roles() -> list[str]:
    """Return the roles that may review, in the order of the table of rights."""
    able = roles_with(Right.REVIEW)
    return [role.value for role in Role if role in able]


def shown_rules(policy: Policy) -> tuple[Rule, ...]:
    """Return the rules that stand for a policy in lists: enforced, else in shadow, else drafted."""
    version = policy.enforced or policy.shadow
    return rules_of(version.document if version else policy.draft)


def rules_of(document: dict[str, Any] | None) -> tuple[Rule, ...]:
    """Return the rules of a stored draft or version; none where there is no document or it has no rules yet."""
    return parse(document).rules if document and document.get("rules") else ()
