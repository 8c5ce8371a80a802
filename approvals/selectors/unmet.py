"""Rules that no payment of late would have met: what lint says with an eye on history."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from approvals.models import Authorization
from core.ids import Prefix, from_public
from core.span import ANY_PAYMENT, Condition
from policies.engine.lint import Finding, Level
from policies.engine.rules import Rule
from policies.models import Policy
from policies.selectors import agents_of_targets

LOOKED_BACK: Final = timedelta(days=90)
"""A quarter: what happens less often than that is looked at by nobody's lint."""


def unmet_rules(policy: Policy, rules: Sequence[Rule], *, now: datetime) -> tuple[Finding, ...]:
    """Return a warning for each rule whose condition no payment of the last 90 days would have met.

    Payments are those of the agents that the policy is for. Where they asked for nothing at all nothing is said: a rule
    for an agent to come is no mistake. One read for each rule with a condition, and one before.
    """
    agents = [agent.pk for agent in agents_of_targets(policy)]
    asked = Authorization.objects.filter(
        organization_id=policy.organization_id, agent__in=agents, asked_at__gte=now - LOOKED_BACK
    )
    if all(rule.when == ANY_PAYMENT for rule in rules) or not asked.exists():
        return ()
    detail = "No payment of the last 90 days would have met its condition."
    return tuple(
        Finding(Level.WARNING, "rule_unmet", f"rules[{place}].when", detail)
        for place, rule in enumerate(rules)
        if rule.when != ANY_PAYMENT and not asked.filter(_meets(rule.when)).exists()
    )


def _meets(when: Condition) -> Q:
    """Say in SQL what `Condition.covers` says of a payment: a field that it lacks counts as matching."""
    found = Q()
    if when.categories:
        found &= Q(category__isnull=True) | Q(category__in=when.categories)
    if when.rails:
        found &= Q(rail__isnull=True) | Q(rail__in=when.rails)
    if when.counterparties:
        known = [from_public(Prefix.COUNTERPARTY, one) for one in when.counterparties]
        found &= Q(counterparty__isnull=True) | Q(counterparty__in=known)
    if when.currencies:
        found &= Q(currency__in=when.currencies) | Q(counting_currency__in=when.currencies)
    for currency, amount in when.minimum_amounts:
        found &= ~Q(counting_currency=currency) | Q(amount__gte=amount)
    return found
