"""A company whose policies stand in every state that their pages can show, with names and amounts of real ones."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from agents.services import change_agent
from approvals.models import Authorization
from approvals.services.backtests import Wanted, run_backtests, start_backtest
from approvals.services.changes import approve_change, reject_change
from conto_admin.management.commands.seed_demo import make
from conto_admin.seeding.company import Company
from core.ids import Prefix, to_public
from people.models import Member, Organization, PendingChange
from people.services import Awaiting
from policies.engine.types import Mode
from policies.models import Policy
from policies.services import (
    AssignTo,
    Wish,
    create_policy,
    create_published_policy,
    publish,
    publish_draft,
    put_suggestions,
    retire,
    save_draft,
)
from policies.services.publishing import state_digest
from spend.models import Counterparty
from spend.services.changes import set_standing
from spend.services.pegs import replace_pegs

Rule = dict[str, Any]

LONG_NAME: Final = (
    "Cross-border procurement for the research and infrastructure programmes of Europe, Middle East and Africa"
)
LARGE: Final = "99999999999999.999999"
TEAMS: Final = (
    "Marketing and brand", "Data acquisition", "Legal and compliance", "Customer operations", "Model training",
    "Site reliability", "Field research", "Partnerships", "Facilities Berlin", "Facilities Amsterdam", "Payroll tools",
    "Quality assurance", "Translation", "Events and travel", "Security research", "Support automation",
    "Machine payments", "Procurement of hardware", "Subscriptions", "Cloud sandboxes", "Content moderation",
    "Investor relations", "Recruiting",
)  # fmt: skip


@dataclass(frozen=True)
class PolicyStage:
    """Who looks, and the public ids of what there is to see."""

    company: Company
    ada: Member
    olu: Member
    policies: dict[str, str]
    changes: dict[str, str]


def every_type(company: Company, *, scale: int = 1) -> list[Rule]:
    """Return one rule of each type, as somebody would write them who guards a lot of money."""
    payees = [to_public(Prefix.COUNTERPARTY, one) for one in payees_of(company)]
    agents = [bot.public_id for bot in company.bots.values()]
    reviewers = [to_public(Prefix.PERSON, company.people[one].member.person_id) for one in ("rui", "noor")]
    return [
        {
            "key": "programme_caps", "type": "SPEND_LIMIT", "per_transaction": {"USD": "2500", "EUR": "2300"},
            "daily": {"USD": f"{12_500 * scale}", "EUR": "11000"}, "monthly": {"USD": LARGE, "EUR": "180000"},
            "time_zone": "Europe/Berlin",
        },
        {
            "key": "programme_budget", "type": "BUDGET_ALLOCATION", "amount": {"USD": "1250000", "EUR": "1100000"},
            "period": "quarter", "warn_at": [50, 80, 95], "time_zone": "Europe/Berlin",
        },
        {
            "key": "payees_we_know", "type": "COUNTERPARTY", "require": "verified", "unknown": "review",
            "first_payment": "review", "blocked": ["domain:*.lucky-dice.example", payees[-1]],
        },
        {
            "key": "vendors_under_contract", "type": "WHITELIST", "on_breach": "review",
            "allowed": [*payees[:4], "domain:*.kontor-supply.example", "domain:api.atlas-data.example"],
        },
        {"key": "no_gambling", "type": "CATEGORY", "blocked": ["gambling", "gift_cards"]},
        {
            "key": "people_decide", "type": "APPROVAL_THRESHOLD", "above": {"USD": "500", "EUR": "450"},
            "exemptions": [
                {"agent": agents[0], "counterparty": payees[0], "above": {"USD": "1500", "EUR": "1400"}},
                {"agent": agents[2], "counterparty": payees[1], "above": {"USD": "2000"}},
            ],
            "review": {"approvals": 2, "people": reviewers, "roles": ["admin"], "timeout_minutes": 2880},
        },
        {
            "key": "office_hours", "type": "TIME_WINDOW", "time_zone": "Europe/Berlin", "on_breach": "review",
            "windows": [
                {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:15", "to": "17:45"},
                {"days": ["sat"], "from": "22:00", "to": "02:00"},
            ],
        },
        {
            "key": "closed_days", "type": "BLACKOUT_PERIOD", "time_zone": "Europe/Berlin",
            "dates": [{"from": "2026-12-24", "to": "2027-01-02"}, {"from": "2027-05-01", "to": "2027-05-01"}],
            "hours": [{"days": ["sun"], "from": "00:00", "to": "24:00"}],
            "holidays": {"country": "DE", "subdivision": "BE"},
        },
        {
            "key": "pace", "type": "VELOCITY", "limit": 120, "period_minutes": 60, "per": "agent_counterparty",
            "on_breach": "review",
        },
        {"key": "countries", "type": "GEOGRAPHIC", "allowed": ["DE", "NL", "FR", "GB", "US", "PL", "AT", "CH"]},
        {
            "key": "mandate", "type": "EXPIRATION", "valid_from": "2026-01-01T00:00:00Z",
            "valid_until": "2028-12-31T23:00:00Z",
        },
        {
            "key": "rails", "type": "RAIL", "allowed": ["card", "bank", "invoice", "x402"], "ceiling": {"USD": "2"},
            "when": {"categories": ["market_data", "company_records"], "counterparties": payees[:2]},
        },
        {"key": "same_invoice", "type": "DUPLICATE", "minutes": 4320, "match": ["purpose"]},
    ]  # fmt: skip


def payees_of(company: Company) -> list[UUID]:
    known = Counterparty.objects.filter(organization_id=company.organization_id)
    return list(known.order_by("name").values_list("pk", flat=True))


def set_up(now: datetime, *, days: int) -> PolicyStage:
    """Found the demo's company, and bring its policies and changes into every state."""
    company = make(now, days=days)
    scope: dict[str, Any] = {"organization_id": company.organization_id, "now": now}
    policies = {
        (one.external_ref or "").partition("/")[2]: one.pk
        for one in Policy.objects.filter(organization_id=company.organization_id).exclude(external_ref=None)
    }
    for number, team in enumerate(TEAMS):
        a_team(company, team, number, scope)
    policies |= {
        "large": the_large_one(company, scope),
        "plain": a_plain_one(company, scope),
        "retired": a_retired_one(company, scope),
        "unpublished": create_policy(**scope, name="Sandboxes", actor=company.actor("olu")),
    }
    suggested(company, policies["research"], scope)
    backtested(company, policies["procurement"], now)
    Organization.objects.filter(pk=company.organization_id).update(needs_four_eyes=True)
    return PolicyStage(
        company,
        company.people["ada"].member,
        company.people["olu"].member,
        {name: to_public(Prefix.POLICY, one) for name, one in policies.items()},
        changes_in(company, policies, scope),
    )


# --- Policies ---------------------------------------------------------------------------------------------------------


def a_team(company: Company, team: str, number: int, scope: dict[str, Any]) -> None:
    """One of many policies, so that lists are as long as those of a company that has used Conto for a year."""
    kinds = every_type(company)
    rules = [kinds[(number + step) % len(kinds)] for step in range(1 + number % 5)]
    labels = tuple(f"{team.lower().replace(' ', '-')}{suffix}" for suffix in ("", "-emea", "-apac", "-trial"))
    create_published_policy(
        **scope,
        name=team,
        description=f"What the agents of {team.lower()} may spend." if number % 3 else "",
        external_ref=None,
        document=document(rules),
        mode=Mode.SHADOW if number % 7 == 6 else Mode.ENFORCED,
        targets=AssignTo(labels=labels[: 1 + number % 4]),
        actor=company.actor("ada" if number % 2 else "olu"),
    )


def the_large_one(company: Company, scope: dict[str, Any]) -> UUID:
    """Every rule type, many versions with notes, one in force, one in shadow, and a draft that differs in many ways."""
    labels = ("procurement", "research", "infrastructure", "contractors-amsterdam", "contractors-berlin")
    policy_id = create_policy(
        **scope, name=LONG_NAME, description="Agreed with finance and legal.", targets=AssignTo(labels=labels),
        actor=company.actor("olu"),
    )  # fmt: skip
    notes = (
        "First version, as agreed with finance.", "", "The sector briefs need more data; agreed with Vera.",
        "Back to what it was: the pilot is over. Contracts with suppliers in Amsterdam run until the end of the year.",
    )  # fmt: skip
    for number, note in enumerate((*notes, *notes, *notes), 1):
        published(company, policy_id, document(every_type(company, scale=number)), scope, note=note)
    published(company, policy_id, document(every_type(company, scale=3)[:7]), scope, mode=Mode.SHADOW)
    rules = every_type(company, scale=20)
    rules[5] |= {"above": {"USD": "750", "EUR": "700"}, "review": {"approvals": 1, "timeout_minutes": 1440}}
    rules[6] |= {"windows": [{"days": ["mon", "tue", "wed", "thu"], "from": "08:00", "to": "18:00"}]}
    del rules[10]
    added = {"key": "small_things", "type": "SPEND_LIMIT", "hourly": {"USD": "3"}, "when": {"rails": ["x402", "mpp"]}}
    drafted(company, policy_id, document([*rules, added]), scope)
    return policy_id


def a_plain_one(company: Company, scope: dict[str, Any]) -> UUID:
    """One rule, of which a draft changes one number."""
    policy_id = create_policy(
        **scope, name="Daily cap", targets=AssignTo(organization=True), actor=company.actor("olu")
    )
    cap = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "90000", "EUR": "90000"}}
    published(company, policy_id, document([cap]), scope, note="What the board allows.")
    drafted(company, policy_id, document([cap | {"daily": {"USD": "9", "EUR": "9"}}]), scope)
    return policy_id


def a_retired_one(company: Company, scope: dict[str, Any]) -> UUID:
    policy_id = create_policy(
        **scope, name="Pilot 2025", targets=AssignTo(labels=("pilot",)), actor=company.actor("olu")
    )
    published(company, policy_id, document(every_type(company)[:2]), scope)
    retire(**scope, policy_id=policy_id, actor=company.actor("olu"))
    return policy_id


def suggested(company: Company, policy_id: UUID, scope: dict[str, Any]) -> None:
    """A draft that a reviewer's wish has made."""
    bot, payee = company.bots["research"], payees_of(company)[0]
    asked = Authorization.objects.filter(agent=bot.agent).latest("asked_at")
    wish = Wish(
        bot.public_id, bot.agent.name, to_public(Prefix.COUNTERPARTY, payee), Counterparty.objects.get(pk=payee).name,
        Decimal(75), "USD", to_public(Prefix.AUTHORIZATION, asked.pk),
    )  # fmt: skip
    shown = state_digest(Policy.objects.get(pk=policy_id))
    put_suggestions(**scope, policy_id=policy_id, keys=["large"], wish=wish, shown=shown, actor=company.actor("rui"))


def backtested(company: Company, policy_id: UUID, now: datetime) -> None:
    """A draft with a finished backtest under which many payments change."""
    rules = [
        {"key": "large", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50", "EUR": "45"}},
        {"key": "caps", "type": "SPEND_LIMIT", "per_transaction": {"USD": "1500", "EUR": "1500"}},
    ]
    drafted(company, policy_id, document(rules), {"organization_id": company.organization_id, "now": now})
    wanted = Wanted(policy_id, now - timedelta(days=30), now)
    start_backtest(wanted, organization_id=company.organization_id, actor=company.actor("olu"), now=now)
    run_backtests(clock=lambda: now)


def document(rules: list[Rule]) -> dict[str, object]:
    return {"schema": 1, "rules": rules}


def published(
    company: Company,
    policy_id: UUID,
    wanted: object,
    scope: dict[str, Any],
    *,
    note: str = "",
    mode: Mode = Mode.ENFORCED,
) -> object:
    return publish(**scope, policy_id=policy_id, document=wanted, mode=mode, note=note, actor=company.actor("olu"))


def drafted(company: Company, policy_id: UUID, wanted: object, scope: dict[str, Any]) -> None:
    save_draft(**scope, policy_id=policy_id, document=wanted, actor=company.actor("olu"))


# --- Changes ----------------------------------------------------------------------------------------------------------


def changes_in(company: Company, policies: dict[str, UUID], scope: dict[str, Any]) -> dict[str, str]:
    """Return changes that wait, for others and for Ada, and those that have ended each way."""
    teams = dict(Policy.objects.filter(name__in=TEAMS).values_list("name", "pk"))
    loose = document([{"key": "caps", "type": "SPEND_LIMIT", "daily": {"USD": "250000"}}])
    ends = [waiting(published(company, teams[one], loose, scope, note="More room.")) for one in TEAMS[:4]]
    agreed, rejected, voided, expired = ends
    for_ada: dict[str, Any] = {
        **scope,
        "person_id": company.people["ada"].member.person_id,
        "actor": company.actor("ada"),
    }
    approve_change(**for_ada, change_id=agreed, digest=PendingChange.objects.get(pk=agreed).digest)
    reject_change(**for_ada, change_id=rejected, reason="The budget of this quarter is spent; ask again in January.")
    drafted(company, teams[TEAMS[2]], document(every_type(company)[:1]), scope)
    past = scope["now"] - timedelta(days=9)
    PendingChange.objects.filter(pk=expired).update(created_at=past, expires_at=past + timedelta(days=7))
    shown = state_digest(Policy.objects.get(pk=policies["large"]))
    ask: dict[str, Any] = {**scope, "policy_id": policies["large"], "shown": shown, "mode": Mode.ENFORCED}
    why = "The briefs of the next quarter need more data; agreed with Vera and the finance team on Tuesday."
    agent, payee = company.bots["research"].agent, payees_of(company)[-1]
    found = {
        "agreed": agreed,
        "rejected": rejected,
        "voided": voided,
        "expired": expired,
        "policy": waiting(publish_draft(**ask, note=why, actor=company.actor("olu"))),
        "label": waiting(change_agent(**scope, agent_id=agent.pk, change={"labels": []}, actor=company.actor("olu"))),
        "standing": waiting(
            set_standing(**scope, counterparty_id=payee, standing="trusted", actor=company.actor("olu"))
        ),
        "pegs": waiting(replace_pegs(**scope, pegs={"USDC": "USD", "EURC": "EUR"}, actor=company.actor("olu"))),
        "own": waiting(retire(**scope, policy_id=policies["infrastructure"], actor=company.actor("ada"))),
    }
    return {name: to_public(Prefix.CHANGE, one) for name, one in found.items()}


def waiting(outcome: object) -> UUID:
    assert isinstance(outcome, Awaiting), outcome
    return outcome.change_id
