"""Organizations to look at: with some history, with everything as long as it may be, with nothing in it yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agents.models import Agent, AgentKey, SealedCredential
from agents.services import NewCredential, create_credential
from approvals.models import Authorization, Backtest
from approvals.services.backtests import Wanted, run_backtests, start_backtest
from audit.selectors import Filters, newest
from audit.services.sealing import seal
from conto_admin.management.commands.seed_demo import make
from core.actor import SYSTEM, Actor
from core.ids import Prefix, to_public
from insight.selectors.budgets import budgets_of
from insight.services import check_books
from people.models import Member
from people.services import NewPerson, create_organization, invite
from policies.engine.rules import RuleType
from policies.models import Policy
from policies.services import add_rule
from spend.payee import PayeeClaim
from tests.approvals.world import World, add_agent, ask, put_policy
from tests.factories import actor_for, make_cast
from tests.furnished import a_change, a_file

Examples = Mapping[str, Mapping[str, str]]

WEEKEND_KEY = "weekend"
WEEKEND = {"key": WEEKEND_KEY, "type": "TIME_WINDOW", "windows": [{"days": ["sat"], "from": "09:00", "to": "12:00"}]}
LONG_WORD = "Rechtsschutzversicherungsgesellschaftenvorstandsvorsitzendenstellvertretungsbefugnis"
LONG_LABEL = LONG_WORD[:60].lower()
LARGEST = "99999999999999.999999"


@dataclass(frozen=True)
class Stage:
    """Who looks, and the values that fill the addresses of what there is to see."""

    viewer: Member
    examples: Examples


def seeded(now: datetime, *, days: int) -> Stage:
    """The demo's company after so many days, with what its history does not bring."""
    company = make(now, days=days)
    agent = company.bots["research"].agent
    policy = Policy.objects.get(organization_id=company.organization_id, name="Research agents")
    return furnish(company.people["oona"].member, agent, policy, actor=company.actor("oona"), now=now)


def overlong(now: datetime) -> Stage:
    """An organization in which every name is one endless word, and every amount the largest there is."""
    cast = make_cast(now=now)
    cast.organization.name = LONG_WORD
    cast.organization.save()
    for member in cast.members():
        member.person.name = f"{member.person.name} {LONG_WORD}"
        member.person.save()
    world = add_agent(cast, LONG_WORD, labels=[LONG_LABEL], now=now)
    limits = {one: {"USD": LARGEST} for one in ("per_transaction", "daily", "monthly", "total")}
    rules: list[dict[str, Any]] = [
        {"key": "k" * 40, "type": "SPEND_LIMIT", **limits},
        {"key": "all", "type": "APPROVAL_THRESHOLD", "above": {"USD": "100"}},
        {"key": "p" * 40, "type": "BUDGET_ALLOCATION", "amount": {"USD": LARGEST}, "period": "month", "warn_at": [50]},
    ]
    policy_id = put_policy(cast, LONG_WORD, rules, now=now)
    for amount in ("10", "99999999999988.999999", LARGEST):
        ask_at_length(world, amount, now)
    policy = Policy.objects.get(id=policy_id)
    return furnish(cast.oona, world.agent, policy, actor=actor_for(cast.oona), now=now)


def ask_at_length(world: World, amount: str, now: datetime) -> None:
    """Ask with every field as long as the API takes it."""
    payee = PayeeClaim(LONG_WORD * 2, (f"domain:{'a' * 60}.{'b' * 60}.example",))
    context = {LONG_LABEL: LONG_WORD * 3}
    said: dict[str, Any] = {"category": LONG_WORD * 2, "session": LONG_WORD * 2, "rail": "stablecoin"}
    ask(world, amount, payee=payee, purpose=LONG_WORD * 9, context=context, now=now, **said)


def empty(now: datetime) -> Stage:
    """An organization as `bootstrap` leaves it."""
    owner = NewPerson("nia@example.com", "Nia Okafor", None)
    create_organization(name="Nothing Yet", owner=owner, currency="USD", time_zone="UTC", actor=SYSTEM, now=now)
    return Stage(Member.objects.select_related("person").get(person__email="nia@example.com"), {})


def furnish(owner: Member, agent: Agent, policy: Policy, *, actor: Actor, now: datetime) -> Stage:
    """Add a sealed credential, a draft and an invitation; whatever is asked for needs an example of each address."""
    scope: dict[str, Any] = {"organization_id": owner.organization_id}
    sealed = NewCredential(
        name=f"{agent.name}'s account", kind="api_key", secret="sk-live-0000", rails=["card", "x402"]
    )
    create_credential(**scope, agent_id=agent.id, new=sealed, actor=actor, now=now)
    add_rule(**scope, policy_id=policy.id, rule=WEEKEND, actor=actor, now=now)
    change, file = a_change(policy, SYSTEM, now), a_file(owner.organization_id, SYSTEM, now)
    invited = invite(**scope, email="kit@meridian.example", roles=["reviewer"], by=owner, actor=actor, now=now)
    a_backtest(policy, actor, now)
    # As a worker would have done by now.
    seal(owner.organization_id, now=now)
    check_books(clock=lambda: now)
    changes = {f"approvals:{one}" for one in ("change", "change_text", "approve_change", "reject_change")}
    waiting = {"": change, "file": file}
    known = {**examples(owner, invited.secret), **{f"{route}:public_id": waiting for route in changes}}
    return Stage(owner, known)


def examples(viewer: Member, invitation: str) -> Examples:
    """What can be put into the addresses of an organization that is furnished so."""
    mine: dict[str, Any] = {"organization_id": viewer.organization_id}
    credential = SealedCredential.objects.get(**mine)
    agent = {"": to_public(Prefix.AGENT, credential.agent_id)}
    key = AgentKey.objects.filter(agent_id=credential.agent_id).latest("created_at")
    asked = Authorization.objects.filter(**mine, counterparty__isnull=False).order_by("asked_at")
    known = {one.status: to_public(Prefix.AUTHORIZATION, one.id) for one in asked}
    policy = Policy.objects.get(**mine, draft__isnull=False)
    last = asked.latest("asked_at").counterparty_id
    assert last is not None
    assert policy.draft is not None
    payee = {"": to_public(Prefix.COUNTERPARTY, last)}
    pots = budgets_of(viewer.organization, now=asked.latest("asked_at").asked_at)
    budgets = [(one.policy, one.rule_key) for one in pots[:1]]
    return {
        "agents:public_id": agent,
        "agents:key_id": {"": to_public(Prefix.KEY, key.id)},
        "agents:credential_id": {"": to_public(Prefix.CREDENTIAL, credential.id)},
        "approvals:public_id": {"": known["pending_review"]},
        "approvals:authorization:public_id": known,
        "approvals:agent_limits:public_id": agent,
        "approvals:merge:public_id": payee,
        "approvals:report:public_id": {"": known.get("recorded") or known["pending_review"]},
        "approvals:agent_authorizations:public_id": agent,
        "audit:subject_id": agent,
        "audit:event_id": {"": newest(viewer.organization_id, Filters(), limit=1).events[0].id},
        "insight:policy_id": {"": next(iter(budgets), ("", ""))[0]},
        "insight:key": {key: key for _, key in budgets},
        "insight:public_id": agent,
        "insight:counterparty_activity:public_id": payee,
        "people:public_id": {"": to_public(Prefix.MEMBER, viewer.id)},
        "people:secret": {"open": invitation, "gone": "nobody-knows"},
        "approvals:policy_id": {"": to_public(Prefix.POLICY, policy.id)},
        "approvals:backtest_id": {"": to_public(Prefix.BACKTEST, Backtest.objects.get(**mine).id)},
        "approvals:number": {"": "1"},
        "policies:policy_id": {"": to_public(Prefix.POLICY, policy.id)},
        "policies:number": {"": "1"},
        "policies:type_name": {kind.lower(): kind for kind in RuleType},
        "policies:key": {key: key for key in (policy.draft["rules"][0]["key"], WEEKEND_KEY)},
        "spend:public_id": payee,
        "spend:currency": {"": "USDC"},
        "account_confirm_email:key": {"": "expired"},
        "account_reset_password_from_key:uidb36": {"": "1"},
        "account_reset_password_from_key:key": {"": "expired"},
        "mfa_remove_webauthn:pk": {"": "1"},
        "mfa_edit_webauthn:pk": {"": "1"},
    }


def a_backtest(policy: Policy, actor: Actor, now: datetime) -> None:
    """A finished backtest under which some payments change."""
    limits = {"per_transaction": {"USD": "9", "EUR": "9"}}
    rules = {"schema": 1, "rules": [{"key": "low", "type": "SPEND_LIMIT", **limits}]}
    later = now + timedelta(seconds=1)
    wanted = Wanted(policy.id, now - timedelta(days=30), later, document=rules)
    start_backtest(wanted, organization_id=policy.organization_id, actor=actor, now=later)
    run_backtests(clock=lambda: later)
