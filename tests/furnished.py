"""One organization in which every address has something to show, and what each address is filled with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.transaction import Atomic
from django.urls import URLPattern, URLResolver, get_resolver

from approvals.services.backtests import Wanted as Asked
from approvals.services.backtests import run_backtests, start_backtest
from audit.selectors import Filters, newest
from audit.tasks import seal_audit
from core.actor import Actor
from core.ids import Prefix, new_id, to_public
from people.models import ChangeKind
from people.roles import Scope
from people.services import Proposal, invite, issue_organization_key, propose
from policies.engine.document import parse
from policies.engine.types import Mode
from policies.engine.written import PolicyFile, WrittenPolicy, WrittenTargets
from policies.models import Policy
from policies.selectors import current_policies
from policies.services import Wanted, add_rule, standing_facts, upsert_policy_by_ref
from policies.services.code import compare, exported_file, propose_file
from policies.services.loosening import loosenings_of
from spend.services.pegs import replace_pegs
from tests.agents.samples import a_credential, a_key, an_agent
from tests.approvals.world import World, add_agent, ask, counterparty, make_world, republish
from tests.factories import Cast, actor_for
from tests.policies.samples import daily_limit, document, make_policy
from tests.spend.samples import a_counterparty, public

RULES: Final[tuple[Mapping[str, Any], ...]] = (
    {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "1000"}},
    {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "5000"}, "period": "month", "shared": True},
    {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "100"}},
)
WEEKEND: Final = {
    "key": "weekend",
    "type": "TIME_WINDOW",
    "windows": [{"days": ["sat"], "from": "09:00", "to": "12:00"}],
}


@dataclass(frozen=True)
class Furnished:
    """The organization, keys to call with, and a value for each part of an address."""

    cast: Cast
    world: World
    other: World
    foreign: World
    keys: Mapping[str, str]
    """Secrets of organization keys by scope; `all` has every one, `foreign` too and is Evil Corp's."""
    values: Mapping[str, str]

    def fill(self, address: str) -> str:
        """Return an address of the resolver with its parts filled."""
        found = address.replace("^", "").replace("$", "")
        for part, value in self.values.items():
            found = found.replace(part, value)
        assert "<" not in found, f"nothing to fill {found} with"
        return f"/{found}"


def furnish(now: datetime) -> Furnished:
    """Make the organization, with an authorization approved, one recorded and one that waits."""
    world = make_world(*RULES, labels=["research"], now=now)
    cast, member, actor = world.cast, world.cast.olu, actor_for(world.cast.olu)
    scope: dict[str, Any] = {"organization_id": cast.organization.id, "actor": actor, "now": now}
    other, payee = add_agent(cast, "Other", now=now), counterparty_of(world, now)
    approved, waiting = (ask(world, amount, now=now).answer.id for amount in ("10", "200"))
    bound = an_agent(member, "Bound", external_ref="bound")
    given: dict[str, Any] = {"rails": [], "counterparties": [payee], "may_agent_release": True}
    a_credential(member, world.agent, **given)
    policy = make_policy(cast.organization, actor, name="Drafted")
    upsert_policy_by_ref(
        external_ref="synced", name="Synced", document=document(daily_limit()), mode=Mode.SHADOW, targets=None, **scope
    )
    republish(cast, policy.pk, [{**RULES[0], "daily": {"USD": "900"}}], mode=Mode.SHADOW, now=now)
    add_rule(policy_id=policy.pk, rule=WEEKEND, **scope)
    replace_pegs(pegs={"USDC": "USD"}, **scope)
    change = a_change(policy, actor, now)
    invited = invite(email="kit@acme.example", roles=["reviewer"], by=cast.oona, **scope)
    key = issue_key(cast, [*Scope], now)
    evil = Cast(cast.mallory.organization, *[cast.mallory] * 6)
    agent, asked = to_public(Prefix.AGENT, world.agent.id), to_public(Prefix.AUTHORIZATION, approved)
    values = {
        # The longer first: `agents/<…>` stands in many.
        "budgets/<str:policy_id>/<str:key>": f"budgets/{budget(cast)}/pot",
        "changes/<str:public_id>": f"changes/{change}",
        "<str:change_id>": change,
        "approvals/<str:public_id>": f"approvals/{to_public(Prefix.AUTHORIZATION, waiting)}",
        "reviews/<str:public_id>": f"reviews/{to_public(Prefix.REVIEW, new_id(now))}",
        "agents/<str:public_id>": f"agents/{agent}",
        "authorizations/<str:public_id>": f"authorizations/{asked}",
        "counterparties/<str:public_id>": f"counterparties/{public(payee)}",
        "members/<str:public_id>": f"members/{to_public(Prefix.MEMBER, cast.vera.id)}",
        "invitations/<str:public_id>": f"invitations/{to_public(Prefix.INVITATION, invited.invitation.id)}",
        "keys/<str:public_id>": f"keys/{to_public(Prefix.KEY, key.key.id)}",
        "agents/<str:agent_id>/integration": f"agents/{agent}/integration",
        "agents/by-ref/<path:external_ref>": "agents/by-ref/bound",
        "policies/by-ref/<path:external_ref>": "policies/by-ref/synced",
        "counterparties/by-ref/<path:external_ref>": "counterparties/by-ref/vendor",
        "<str:backtest_id>": a_backtest(cast, policy.pk, now),
        "<str:agent_id>": to_public(Prefix.AGENT, bound.pk),
        "<str:authorization_id>": asked,
        "<str:counterparty_id>": public(payee),
        "<str:credential_id>": to_public(Prefix.CREDENTIAL, a_credential(member, bound).pk),
        "<path:identifier>": "domain:vendor.example",
        "<str:key_id>": to_public(Prefix.KEY, a_key(member, bound).key.pk),
        "<str:policy_id>": to_public(Prefix.POLICY, policy.pk),
        "<int:number>": "1",
        "<str:type_name>": "SPEND_LIMIT",
        "<str:key>": "weekend",
        "<str:currency>": "USDC",
        "<str:subject_id>": agent,
        "<str:event_id>": newest(cast.organization.id, Filters(), limit=1).events[0].id,
        "<str:secret>": invited.secret,
        "<int:pk>": "1",
        r"(?P<key>[-:\w]+)": "expired",
        "(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)": "1-expired",
    }
    keys = {one.value: issue_key(cast, [one], now).secret for one in Scope}
    seal_audit()
    keys |= {"all": key.secret, "foreign": issue_key(evil, [*Scope], now).secret}
    return Furnished(cast, world, other, add_agent(evil, "Evil", now=now), keys, values)


def a_backtest(cast: Cast, policy_id: UUID, now: datetime) -> str:
    """A finished backtest under which every payment changes."""
    wanted = Asked(policy_id, now - timedelta(days=1), now + timedelta(days=1), document=document(daily_limit("0.01")))
    later = now + timedelta(seconds=1)
    done = start_backtest(wanted, organization_id=cast.organization.id, actor=actor_for(cast.olu), now=later)
    run_backtests(clock=lambda: later)
    return to_public(Prefix.BACKTEST, done)


def a_change(policy: Policy, actor: Actor, now: datetime) -> str:
    """A change of a policy that waits for a second person."""
    wanted = Wanted(document=parse(document(daily_limit("9000"))))
    assert wanted.document is not None
    loosens = [one.detail for one in loosenings_of(policy, rules=wanted.document.rules)]
    title = f"Publish {policy.name}"
    proposal = Proposal(
        ChangeKind.POLICY, to_public(Prefix.POLICY, policy.pk), title, wanted.content(), loosens, standing_facts(policy)
    )
    with transaction.atomic():
        return propose(policy.organization_id, proposal, actor=actor, now=now).public_id


def a_file(organization_id: UUID, actor: Actor, now: datetime) -> str:
    """A file of policies that waits for a second person: one that is looser, a new one, and every other one retired."""
    looser = next(one for one in exported_file(organization_id).policies if one.rules)
    fresh = WrittenPolicy("Night shift", ref="night-shift", rules=looser.rules, assigned_to=WrittenTargets(True))
    file = PolicyFile(
        (replace(looser, rules=looser.rules[1:] or looser.rules, description="From the repository"), fresh)
    )
    with transaction.atomic():
        found = compare(organization_id, file, retires_others=True, now=now)
        given: dict[str, Any] = {"retires_others": True, "note": "Budgets of the quarter", "actor": actor, "now": now}
        return propose_file(organization_id, found, **given).public_id


def budget(cast: Cast) -> str:
    """The policy that holds the one budget."""
    policies = current_policies(cast.organization.pk)
    return next(one.policy for one in policies for rule in one.rules if rule.key == "pot")


def counterparty_of(world: World, now: datetime) -> UUID:
    """A counterparty that has been asked for, and one that the back end has named."""
    ask(world, "10", now=now)
    asked_for = counterparty(world).id
    a_counterparty(world.cast.olu, "Vendor", external_ref="vendor", identifiers=["domain:vendor.example"])
    return asked_for


def issue_key(cast: Cast, scopes: list[Scope], now: datetime) -> Any:
    return issue_organization_key(
        organization_id=cast.organization.id,
        name=" ".join(scopes)[:40],
        scopes=scopes,
        expires_at=None,
        by=cast.oona.person,
        actor=actor_for(cast.oona),
        now=now,
    )


def addresses(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    """Every address that the resolver knows, as it writes them."""
    for entry in (resolver or get_resolver()).url_patterns:
        address = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLPattern):
            yield address
        else:
            yield from addresses(entry, address)


def undone() -> Atomic:
    """A transaction around use cases, as a test case makes them, to be rolled back."""
    atomic = transaction.atomic()
    atomic._from_testcase = True  # type: ignore[attr-defined]
    return atomic
