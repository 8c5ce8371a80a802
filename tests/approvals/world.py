"""A small world in which asks are answered: an agent with a key, policies in force, and short ways to ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from agents.models import Agent
from agents.services import create_agent, issue_key
from approvals.lifecycle import UNDO_TIME
from approvals.models import Authorization
from approvals.selectors.evidence import present_evidence
from approvals.selectors.situation import Ask, read_asker
from approvals.services.authorize import Asked, authorize_payment
from approvals.services.finalise import finalise_authorization
from approvals.services.review import Reviewed, approve, reject
from core.actor import Actor, ActorKind
from core.ids import Prefix, to_public
from people.models import Member
from policies.engine.types import Mode
from policies.services import AssignTo, create_policy, publish, set_assignments
from spend.models import Counterparty
from spend.payee import PayeeClaim
from tests.factories import NOW, Cast, actor_for, make_cast

OPENAI = PayeeClaim("OpenAI", ("domain:api.openai.com",))


@dataclass(frozen=True)
class World:
    """An organization, one agent and its key."""

    cast: Cast
    agent: Agent
    key_id: UUID
    secret: str

    @property
    def organization_id(self) -> UUID:
        return self.cast.organization.id

    @property
    def actor(self) -> Actor:
        """The agent as actor."""
        name = to_public(Prefix.AGENT, self.agent.id)
        return Actor(ActorKind.AGENT, name, self.agent.name, self.organization_id, "req_test", "192.0.2.9")


def make_world(*rules: Mapping[str, Any], labels: Sequence[str] = (), now: datetime = NOW) -> World:
    """One agent under one enforced policy with these rules (none: no policy at all)."""
    cast = make_cast(now=now)
    world = add_agent(cast, labels=labels, now=now)
    if rules:
        put_policy(cast, "Research agents", rules, now=now)
    return world


def add_agent(cast: Cast, name: str = "Research", *, labels: Sequence[str] = (), now: datetime = NOW) -> World:
    """One more agent of the organization."""
    actor = actor_for(cast.olu)
    agent = create_agent(organization_id=cast.organization.id, name=name, labels=labels, actor=actor, now=now)
    issued = issue_key(
        organization_id=cast.organization.id, agent_id=agent.id, name="server", expires_at=None, actor=actor, now=now
    )
    return World(cast, agent, issued.key.id, issued.secret)


def put_policy(
    cast: Cast,
    name: str,
    rules: Sequence[Mapping[str, Any]],
    *,
    mode: Mode = Mode.ENFORCED,
    targets: AssignTo | None = None,
    now: datetime = NOW,
) -> UUID:
    """Publish a policy for everybody of the organization, or for `targets`."""
    actor, organization_id = actor_for(cast.olu), cast.organization.id
    policy_id = create_policy(organization_id=organization_id, name=name, actor=actor, now=now)
    republish(cast, policy_id, rules, mode=mode, now=now)
    everybody = AssignTo(organization=True)
    set_assignments(
        organization_id=organization_id, policy_id=policy_id, targets=targets or everybody, actor=actor, now=now
    )
    return policy_id


def republish(
    cast: Cast,
    policy_id: UUID,
    rules: Sequence[Mapping[str, Any]],
    *,
    mode: Mode = Mode.ENFORCED,
    now: datetime = NOW,
) -> None:
    """Publish another version."""
    publish(
        organization_id=cast.organization.id,
        policy_id=policy_id,
        document={"schema": 1, "rules": list(rules)},
        mode=mode,
        actor=actor_for(cast.olu),
        now=now,
    )


def ask(
    world: World,
    amount: str = "10",
    *,
    currency: str = "USD",
    payee: PayeeClaim = OPENAI,
    key: str | None = None,
    now: datetime = NOW,
    **more: Any,
) -> Asked:
    """Ask for a payment as the app does."""
    return authorize_payment(
        read_asker(world.agent.id, key_id=world.key_id),
        Ask(Decimal(amount), currency, payee, **more),
        idempotency_key=key,
        actor=world.actor,
        now=now,
    )


def stored(asked: Asked) -> Authorization:
    """The row behind an answer."""
    return Authorization.objects.get(id=asked.answer.id)


def counterparty(world: World) -> Counterparty:
    """The one counterparty of the organization."""
    return Counterparty.objects.get(organization_id=world.organization_id)


def click_yes(one: Authorization, member: Member, *, digest: str | None = None, now: datetime = NOW) -> Reviewed:
    """A yes to what is shown at this moment; it takes effect later."""
    shown = digest or present_evidence(one.id, organization_id=one.organization_id, now=now).digest
    return approve(one.id, member=member, evidence_digest=shown, reason="", actor=actor_for(member), now=now)


def click_no(one: Authorization, member: Member, reason: str = "no", *, now: datetime = NOW) -> Reviewed:
    """A no; it takes effect later."""
    return reject(one.id, member=member, reason=reason, actor=actor_for(member), now=now)


def finalised(one: Authorization, *, now: datetime) -> str:
    """Let the worker look, and return where the authorization stands."""
    finalise_authorization(one.id, organization_id=one.organization_id, now=now)
    return Authorization.objects.get(id=one.id).status


def say_yes(one: Authorization, member: Member, *, digest: str | None = None, now: datetime = NOW) -> str:
    """A yes that nobody takes back; returns where the authorization stands once it is effective."""
    click_yes(one, member, digest=digest, now=now)
    return finalised(one, now=now + UNDO_TIME)


def say_no(one: Authorization, member: Member, reason: str = "no", *, now: datetime = NOW) -> str:
    """A no that nobody takes back."""
    click_no(one, member, reason, now=now)
    return finalised(one, now=now + UNDO_TIME)
