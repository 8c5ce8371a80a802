"""The policies of an organization as a file says them."""

from collections.abc import Iterable
from uuid import UUID

from agents.models import Agent
from core.ids import Prefix, to_public
from policies.engine.document import Document, parse
from policies.engine.rules import Rule
from policies.engine.written import AgentName, PolicyFile, WrittenPolicy, WrittenTargets
from policies.models import Policy, PolicyVersion
from policies.selectors import Targets, published_policies, targets_of
from policies.services.calendars import without_dates


def exported_file(organization_id: UUID) -> PolicyFile:
    """Return every policy with a version in force, by name; drafts and retired ones are left out. Three reads."""
    policies = published_policies(organization_id)
    targets = targets_of(policies)
    agents = agent_names_in(targets.values())
    return PolicyFile(tuple(_written(one, targets[one.pk], agents) for one in policies))


def agent_names_in(several: Iterable[Targets]) -> dict[UUID, AgentName]:
    """Return what each agent that is named is called in a file: by the app's reference where it has one."""
    ids = {agent for targets in several for agent, _ in targets.agents}
    found = Agent.objects.filter(pk__in=ids).values_list("pk", "external_ref")
    return {
        row_id: ("external_ref", reference) if reference else ("id", to_public(Prefix.AGENT, row_id))
        for row_id, reference in found
    }


def _written(policy: Policy, targets: Targets, agents: dict[UUID, AgentName]) -> WrittenPolicy:
    named = tuple(sorted(agents[agent] for agent, _ in targets.agents))
    return WrittenPolicy(
        name=policy.name,
        ref=policy.external_ref,
        id=None if policy.external_ref else to_public(Prefix.POLICY, policy.pk),
        description=policy.description,
        rules=written_rules(policy.enforced),
        shadow=written_rules(policy.shadow),
        assigned_to=WrittenTargets(targets.organization, targets.labels, named),
    )


def written_rules(version: PolicyVersion | None) -> tuple[Rule, ...]:
    """Return the rules of a version as people write them."""
    document = parse(version.document) if version else Document(())
    return without_dates(document).rules
