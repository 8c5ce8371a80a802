"""Budgets over the API, for back ends with an organization key; read only."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.canonical import moment_text
from core.clock import now as clock_now
from core.money import amount_text
from insight.selectors.budgets import Budget, budgets_of
from people.authentication import OrganizationAuthentication, OrganizationCaller
from people.models import Organization
from people.roles import Scope
from policies.engine.rules import Period


class BudgetOut(serializers.Serializer[Any]):
    """One pot of a budget: what it holds, and what is drawn from it now, holds included."""

    policy = serializers.CharField()
    policy_id = serializers.CharField()
    mode = serializers.ChoiceField(["enforced", "shadow"])
    rule_key = serializers.CharField()
    period = serializers.ChoiceField([period.value for period in Period])
    agent = serializers.CharField(allow_null=True, help_text="Whose pot it is; null where agents share it.")
    session = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    limit = serializers.CharField()
    used = serializers.CharField()
    remaining = serializers.CharField(help_text="Below zero where records went past the pot.")
    warn_at = serializers.ListField(child=serializers.IntegerField(), help_text="Warning marks in per cent.")
    window_starts_at = serializers.CharField(allow_null=True)
    window_ends_at = serializers.CharField(allow_null=True, help_text="When the pot is filled again.")


class BudgetsOut(serializers.Serializer[Any]):
    """Every pot of every budget in force."""

    data = BudgetOut(many=True)  # type: ignore[assignment]


class BudgetsView(APIView):
    """Budgets of the organization."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=["Budgets"], operation_id="budgets_list", responses=BudgetsOut)
    def get(self, request: Request) -> Response:
        """List every pot of every budget in force; those per session once one has drawn on them. Scope: `read`."""
        caller = request.auth
        assert isinstance(caller, OrganizationCaller)
        caller.demand(Scope.READ)
        organization = Organization.objects.get(pk=caller.organization_id)
        return Response({"data": [budget_json(one) for one in budgets_of(organization, now=clock_now())]})


def budget_json(budget: Budget) -> dict[str, object]:
    """Return a pot in the API's words."""
    return {
        "policy": budget.policy_name,
        "policy_id": budget.policy,
        "mode": budget.mode,
        "rule_key": budget.rule_key,
        "period": budget.period,
        "agent": budget.agent,
        "session": budget.session,
        "currency": budget.currency,
        "limit": amount_text(budget.amount),
        "used": amount_text(budget.used),
        "remaining": amount_text(budget.remaining),
        "warn_at": list(budget.warn_at),
        "window_starts_at": None if budget.starts_at is None else moment_text(budget.starts_at),
        "window_ends_at": None if budget.ends_at is None else moment_text(budget.ends_at),
    }
