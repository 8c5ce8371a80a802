"""Budgets and the checks of an agent's integration over the API; read only."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.authentication import AgentAuthentication, AgentCaller
from core.canonical import moment_text
from core.clock import now as clock_now
from core.errors import NotFound
from core.ids import Prefix, from_public
from core.money import amount_text
from insight.selectors.budgets import Budget, budgets_of
from insight.selectors.checklist import CHECKLIST
from insight.selectors.integration import Check, Verdict, integration_of
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


class EvidenceOut(serializers.Serializer[Any]):
    """One row that a verdict rests on."""

    kind = serializers.ChoiceField(["agent", "authorization", "key", "policy", "record", "runtime"])
    id = serializers.CharField(help_text="Its public id; of `runtime` the agent's.")
    text = serializers.CharField()
    at = serializers.CharField(allow_null=True)


class StatementOut(serializers.Serializer[Any]):
    """What a person stated that Conto cannot see."""

    text = serializers.CharField()
    by = serializers.CharField()
    at = serializers.CharField()
    event = serializers.CharField(help_text="The audit event that holds it.")


class IntegrationCheckOut(serializers.Serializer[Any]):
    """One point of the checklist of a hybrid integration."""

    key = serializers.ChoiceField([rule.key for rule in CHECKLIST])
    title = serializers.CharField()
    verdict = serializers.ChoiceField([verdict.value for verdict in Verdict])
    finding = serializers.CharField(help_text="What was found, in one sentence.")
    remedy = serializers.CharField()
    evidence = EvidenceOut(many=True)
    statement = StatementOut(allow_null=True)


class IntegrationOut(serializers.Serializer[Any]):
    """The seven checks of one agent, in their order."""

    agent = serializers.CharField()
    checked_at = serializers.CharField()
    checks = IntegrationCheckOut(many=True)


class IntegrationView(APIView):
    """Whether the app of an agent asks before it pays, obeys, and reports back."""

    authentication_classes = (AgentAuthentication, OrganizationAuthentication)

    @extend_schema(tags=["Agents"], operation_id="agents_integration", responses=IntegrationOut)
    def get(self, request: Request, agent_id: str) -> Response:
        """Check an agent's integration, from what it did in the last thirty days. Scope: `read`, or its own key."""
        caller, wanted, now = request.auth, from_public(Prefix.AGENT, agent_id), clock_now()
        assert isinstance(caller, AgentCaller | OrganizationCaller), "every call is authenticated"
        if isinstance(caller, OrganizationCaller):
            caller.demand(Scope.READ)
        elif caller.agent_id != wanted:
            raise NotFound()
        shown = integration_of(caller.organization_id, wanted, now=now)
        checks = [check_json(check) for check in shown.checks]
        return Response({"agent": agent_id, "checked_at": moment_text(now), "checks": checks})


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


def check_json(check: Check) -> dict[str, object]:
    """Return one point of the checklist in the API's words."""
    found, statement = check.found, check.found.statement
    return {
        "key": check.rule.key,
        "title": check.rule.title,
        "verdict": found.verdict.value,
        "finding": found.finding,
        "remedy": check.rule.remedy,
        "evidence": [
            {"kind": one.kind, "id": one.id, "text": one.text, "at": None if one.at is None else moment_text(one.at)}
            for one in found.evidence
        ],
        "statement": None
        if statement is None
        else {
            "text": statement.text,
            "by": statement.by,
            "at": moment_text(statement.at),
            "event": statement.event,
        },
    }
