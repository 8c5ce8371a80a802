"""The demo's policies: every rule type at least once, published as an operator would."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from conto_admin.seeding.company import Company
from people.services import at_once
from policies.engine.types import Mode
from policies.services import AssignTo, create_published_policy, publish

Rules = Sequence[Mapping[str, Any]]

GUARDRAILS: Final[Rules] = (
    {
        "key": "blocked_payees",
        "type": "COUNTERPARTY",
        "blocked": ["domain:*.lucky-dice.example", "domain:instant-cards.example"],
    },
    {
        "key": "new_payees",
        "type": "COUNTERPARTY",
        "when": {"minimum_amount": {"USD": "25", "EUR": "25"}},
        "unknown": "review",
    },
    {"key": "countries", "type": "GEOGRAPHIC", "blocked": ["IR", "KP", "SY"]},
    {"key": "categories", "type": "CATEGORY", "blocked": ["gambling", "gift_cards"]},
)
PROCUREMENT: Final[Rules] = (
    {"key": "large", "type": "APPROVAL_THRESHOLD", "above": {"USD": "500", "EUR": "450"}},
    {
        "key": "very_large",
        "type": "APPROVAL_THRESHOLD",
        "above": {"USD": "5000", "EUR": "4500"},
        "review": {"approvals": 2, "timeout_minutes": 2880},
    },
    {
        "key": "month",
        "type": "BUDGET_ALLOCATION",
        "amount": {"USD": "50000", "EUR": "60000"},
        "period": "month",
        "warn_at": [50, 80, 95],
    },
    {"key": "same_invoice", "type": "DUPLICATE", "minutes": 4320, "match": ["purpose"]},
    {"key": "rails", "type": "RAIL", "allowed": ["bank", "card", "invoice"]},
)
INFRASTRUCTURE: Final[Rules] = (
    {
        "key": "providers",
        "type": "WHITELIST",
        "allowed": [
            "domain:cloudflare.com",
            "domain:github.com",
            "domain:hetzner.com",
            "domain:*.hetzner.com",
            "domain:scaleway.com",
        ],
        "on_breach": "review",
    },
    {"key": "caps", "type": "SPEND_LIMIT", "hourly": {"USD": "400"}, "daily": {"USD": "1000"}, "window": "rolling"},
    {"key": "large", "type": "APPROVAL_THRESHOLD", "above": {"USD": "150"}},
    {
        "key": "holidays",
        "type": "BLACKOUT_PERIOD",
        "when": {"categories": ["domains"]},
        "holidays": {"country": "DE", "subdivision": "BE"},
        "time_zone": "Europe/Berlin",
        "on_breach": "review",
    },
)
OFFICE_HOURS: Final[Rules] = (
    {
        "key": "office_hours",
        "type": "TIME_WINDOW",
        "windows": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:00"}],
        "time_zone": "Europe/Berlin",
        "on_breach": "review",
    },
)


@dataclass(frozen=True, slots=True)
class Draft:
    """One policy that is to be published, and to whom it applies."""

    reference: str
    name: str
    description: str
    rules: Rules
    labels: tuple[str, ...] = ()
    bots: tuple[str, ...] = ()
    mode: Mode = Mode.ENFORCED


def research(daily: str) -> Rules:
    """What the research agent may do, with so many dollars a day."""
    return (
        {
            "key": "caps",
            "type": "SPEND_LIMIT",
            "per_transaction": {"USD": "120"},
            "daily": {"USD": daily},
            "monthly": {"USD": "9000"},
        },
        {"key": "per_run", "type": "BUDGET_ALLOCATION", "amount": {"USD": "150"}, "period": "session"},
        {"key": "large", "type": "APPROVAL_THRESHOLD", "above": {"USD": "40"}},
        {"key": "pace", "type": "VELOCITY", "limit": 120, "period_minutes": 60},
        {"key": "rails", "type": "RAIL", "allowed": ["card", "x402"], "ceiling": {"USD": "2"}},
    )


def drafts(now: datetime) -> tuple[Draft, ...]:
    """Return the policies as they are first published."""
    until = f"{now.year + 1}-12-31T23:00:00Z"
    return (
        Draft("guardrails", "Guardrails", "What holds for every agent.", GUARDRAILS),
        Draft("research", "Research agents", "Small calls go alone.", research("300"), labels=("research",)),
        Draft("procurement", "Procurement", "Invoices.", PROCUREMENT, labels=("procurement",)),
        Draft(
            "infrastructure",
            "Infrastructure",
            "Machines and domains, from known providers.",
            (*INFRASTRUCTURE, {"key": "mandate", "type": "EXPIRATION", "valid_until": until}),
            bots=("infrastructure",),
        ),
        Draft(
            "office-hours",
            "Office hours (on trial)",
            "What would change if invoices were paid in office hours only.",
            OFFICE_HOURS,
            labels=("procurement",),
            mode=Mode.SHADOW,
        ),
    )


def publish_all(company: Company, now: datetime) -> dict[str, UUID]:
    """Publish every policy as Olu; returns their ids by reference."""
    return {draft.reference: publish_first(company, draft, now) for draft in drafts(now)}


def publish_first(company: Company, draft: Draft, now: datetime) -> UUID:
    """Publish the first version of a policy."""
    targets = AssignTo(
        organization=not (draft.labels or draft.bots),
        labels=draft.labels,
        agents=tuple(company.bots[bot].agent.pk for bot in draft.bots),
    )
    return at_once(
        create_published_policy(
            organization_id=company.organization_id,
            name=draft.name,
            description=draft.description,
            external_ref=f"meridian/{draft.reference}",
            document=document(draft.rules),
            mode=draft.mode,
            targets=targets,
            actor=company.actor("olu"),
            now=now,
        )
    )


def raise_research_limit(company: Company, policy_id: UUID, now: datetime) -> None:
    """Publish another version of the research agents' policy, with more for a day."""
    publish(
        organization_id=company.organization_id,
        policy_id=policy_id,
        document=document(research("500")),
        mode=Mode.ENFORCED,
        note="The sector briefs need more data; agreed with Vera.",
        actor=company.actor("olu"),
        now=now,
    )


def document(rules: Rules) -> dict[str, object]:
    """Return rules as a policy document."""
    return {"schema": 1, "rules": [dict(rule) for rule in rules]}
