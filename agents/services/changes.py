"""Creating and changing agents, by hand and by the app's own reference."""

from collections.abc import Callable, Collection, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, TypedDict, cast
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from agents.models import Agent
from agents.services.fields import agent_facts, description_of, labels_of, name_of, owner_of, reference_of
from agents.services.locking import stop_and_lock_living_agent
from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.db import use_case
from core.errors import Conflict, Invalid
from core.ids import Prefix, new_id, to_public
from people.models import ChangeKind, Member
from people.services import Awaiting, Proposal, needs_second_person, propose, raise_epoch, void_change_of

DECIDING_FIELDS: Final = frozenset({"labels", "owner"})
"""Labels bring policies; the owner must not review: a change of either starts decisions under way again."""

LabelsLoosen = Callable[[UUID, UUID, tuple[str, tuple[str, ...]], Collection[str]], list[str]]
"""By which gained labels an agent, known by its name and labels, may spend more, as sentences."""


class AgentChange(TypedDict, total=False):
    """The fields to change; those left out stay as they are."""

    name: str
    description: str
    owner_id: UUID | None
    labels: Collection[str]


@dataclass(frozen=True, slots=True)
class Upserted:
    """The agent of a reference, and whether this call created it."""

    agent: Agent
    is_new: bool


@use_case
def create_agent(
    *,
    organization_id: UUID,
    name: str,
    actor: Actor,
    now: datetime,
    description: str = "",
    external_ref: str | None = None,
    owner_id: UUID | None = None,
    labels: Collection[str] = (),
) -> Agent:
    """Store an agent. It has no key yet, and without a policy it may spend nothing.

    Raises `Invalid` (name, description, labels, owner, reference) and `Conflict` (`reference_taken`).
    """
    change: AgentChange = {"name": name, "description": description, "owner_id": owner_id, "labels": labels}
    reference = None if external_ref is None else reference_of(external_ref)
    agent = _insert(organization_id, reference, change, actor=actor, now=now)
    if agent is None:
        raise Conflict("reference_taken", "Another agent has this reference.", field="external_ref")
    return agent


@use_case
def change_agent(
    *, organization_id: UUID, agent_id: UUID, change: AgentChange, actor: Actor, now: datetime
) -> Agent | Awaiting:
    """Change the fields of `change`; where they hold what the agent has already, nothing is written.

    Where four eyes are wanted, to take a label away waits for a second person, for policies may go with it, and so does
    a label that brings a policy to an agent that none judges yet: it may spend nothing now. So does another owner, for
    nobody reviews what their own agent asks for, and the one who owned it could from then on.

    Takes the agent's gate. Raises `NotFound`, `Invalid`, `Conflict` (`agent_retired`).
    """
    return _change(organization_id, agent_id, change, actor=actor, now=now)


@use_case
def upsert_agent_by_ref(
    *, organization_id: UUID, external_ref: str, change: AgentChange, actor: Actor, now: datetime
) -> Upserted | Awaiting:
    """Create the agent of the app's own reference, or bring it to `change`; the same call twice changes nothing.

    Raises `Invalid` (`name_invalid` also where a new agent gets no name), `Conflict` (`agent_retired`).
    """
    reference = reference_of(external_ref)
    known = Agent.objects.filter(organization_id=organization_id, external_ref=reference)
    agent_id = known.values_list("pk", flat=True).first()
    if agent_id is None:
        agent = _insert(organization_id, reference, change, actor=actor, now=now)
        if agent is not None:
            return Upserted(agent, is_new=True)
        # Somebody else created it in between, and the insert waited for that commit.
        agent_id = known.values_list("pk", flat=True).get()
    changed = _change(organization_id, agent_id, change, actor=actor, now=now)
    return changed if isinstance(changed, Awaiting) else Upserted(changed, is_new=False)


def apply_to_agent(
    organization_id: UUID, agent_id: UUID, content: Mapping[str, Any], *, actor: Actor, now: datetime
) -> None:
    """Make a change that a second person agreed to; a step."""
    agent = stop_and_lock_living_agent(organization_id, agent_id)
    _bring_to(agent, _change_from(content), actor=actor, now=now)


def agent_loosens_as_shown(
    organization_id: UUID, agent_id: UUID, content: Mapping[str, Any], shown: Collection[str]
) -> bool:
    """Say whether a change of an agent loosens nothing now that was not shown when it was proposed; a step.

    By the labels: whose it is cannot have changed without voiding the change.
    """
    agent = stop_and_lock_living_agent(organization_id, agent_id)
    return set(_loosened_by_labels(agent, _change_from(content))) <= set(shown)


def _change_from(content: Mapping[str, Any]) -> AgentChange:
    owner = content["change"].get("owner_id")
    return cast(AgentChange, {**content["change"], **({} if owner is None else {"owner_id": UUID(owner)})})


def _insert(
    organization_id: UUID, reference: str | None, change: AgentChange, *, actor: Actor, now: datetime
) -> Agent | None:
    """Return the stored agent, or `None` where the reference is taken."""
    agent = Agent(id=new_id(now), organization_id=organization_id, external_ref=reference, created_at=now)
    if "name" not in change:
        raise Invalid("name_invalid", "A new agent needs a name.", field="name")
    _apply(agent, change)
    Agent.objects.bulk_create([agent], ignore_conflicts=True)
    if not Agent.objects.filter(pk=agent.pk).exists():
        return None
    _append(Action.AGENT_CREATED, agent, before=None, actor=actor, now=now)
    return agent


def _change(
    organization_id: UUID, agent_id: UUID, change: AgentChange, *, actor: Actor, now: datetime
) -> Agent | Awaiting:
    agent = stop_and_lock_living_agent(organization_id, agent_id)
    # What cannot be stored must not wait for anybody either.
    _apply(copy(agent), change)
    if loosens := _loosened(agent, change):
        owner = change.get("owner_id")
        plain = {**change, **({} if owner is None else {"owner_id": str(owner)})}
        if "labels" in change:
            plain["labels"] = labels_of(change["labels"])
        proposal = Proposal(
            kind=ChangeKind.AGENT,
            subject_id=to_public(Prefix.AGENT, agent.pk),
            title=f"Change {agent.name}",
            content={"change": plain},
            loosens=loosens,
            before={name: getattr(agent, name) for name in plain},
        )
        return propose(organization_id, proposal, actor=actor, now=now)
    return _bring_to(agent, change, actor=actor, now=now)


def _loosened(agent: Agent, change: AgentChange) -> list[str]:
    """Return, as sentences, why a change must wait for a second person: by who owns it no more, by labels."""
    if not needs_second_person(agent.organization_id):
        return []
    return [*_loosened_by_owner(agent, change), *_loosened_by_labels(agent, change)]


def _loosened_by_owner(agent: Agent, change: AgentChange) -> list[str]:
    owner = agent.owner
    if owner is None or change.get("owner_id", owner.pk) == owner.pk:
        return []
    members = Member.objects.filter(organization_id=agent.organization_id, person_id=owner.pk, removed_at=None)
    return [f"{owner.name} owns the agent no more, and may review what it asks for."] if members.exists() else []


def _loosened_by_labels(agent: Agent, change: AgentChange) -> list[str]:
    were, become = set(agent.labels), set(labels_of(change.get("labels", agent.labels)))
    if were == become:
        return []
    lost = [f"The agent loses the label {one}, and with it what is assigned to that." for one in sorted(were - become)]
    if not become - were:
        return lost
    known = (agent.name, tuple(agent.labels))
    return [*lost, *labels_loosen()(agent.organization_id, agent.pk, known, become - were)]


@cache
def labels_loosen() -> LabelsLoosen:
    """Return how to find what labels bring: policies belong to an app above this one, so settings name it."""
    return cast(LabelsLoosen, import_string(settings.LABELS_LOOSEN))


def _bring_to(agent: Agent, change: AgentChange, *, actor: Actor, now: datetime) -> Agent:
    before = agent_facts(agent)
    _apply(agent, change)
    after = agent_facts(agent)
    changed = {field for field in after if after[field] != before[field]}
    if not changed:
        return agent
    agent.save(update_fields=["name", "description", "owner", "labels"])
    if changed & DECIDING_FIELDS:
        raise_epoch(agent.organization_id)
    void_change_of(agent.organization_id, to_public(Prefix.AGENT, agent.pk), actor=actor, now=now)
    _append(Action.AGENT_CHANGED, agent, before=before, actor=actor, now=now)
    return agent


def _apply(agent: Agent, change: AgentChange) -> None:
    if "name" in change:
        agent.name = name_of(change["name"])
    if "description" in change:
        agent.description = description_of(change["description"])
    if "labels" in change:
        agent.labels = labels_of(change["labels"])
    # A present owner may have left the organization since; only a new one is asked about.
    if "owner_id" in change and change["owner_id"] != agent.owner_id:
        agent.owner_id = owner_of(agent.organization_id, change["owner_id"])


def _append(action: Action, agent: Agent, *, before: Mapping[str, object] | None, actor: Actor, now: datetime) -> None:
    append(
        organization_id=agent.organization_id,
        actor=actor,
        action=action,
        subject_kind="agent",
        subject_id=to_public(Prefix.AGENT, agent.pk),
        before=before,
        after=agent_facts(agent),
        now=now,
    )
