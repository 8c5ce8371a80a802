"""Decisions without effect, for back ends: of an agent or an imagined one, now or at another time, with a draft."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.api.shapes import TextField
from approvals.api.callers import named_in
from approvals.api.parsing import parse_ask
from approvals.api.shapes import AskIn, SimulationOut
from approvals.selectors.answers import decision_json
from approvals.selectors.situation import Ask, Asker, Situation
from approvals.services.simulate import asker_to_simulate, imagined_asker, policies_with_draft, simulate_payment
from core.clock import now as clock_now
from core.errors import Invalid
from core.ids import Prefix, from_public
from people.authentication import OrganizationAuthentication
from people.roles import Scope
from policies.api.calls import demanded, read
from policies.api.shapes import Strict
from policies.engine.stored import decision_to_plain
from policies.engine.types import Decision
from policies.models import LABEL_LENGTH

ID_LENGTH: Final = 60
ZONE_LENGTH: Final = 64


class ImaginedIn(Strict):
    """An agent that does not exist: it has spent nothing."""

    labels = serializers.ListField(child=TextField(max_length=LABEL_LENGTH), default=list)
    time_zone = TextField(max_length=ZONE_LENGTH, required=False, help_text="The organization's where it is not sent.")


class SimulationIn(Strict):
    """Who would ask for what: one of `agent` and `imagined`."""

    agent = TextField(max_length=ID_LENGTH, required=False)
    imagined = ImaginedIn(required=False)
    payment = AskIn()
    at = serializers.DateTimeField(required=False, help_text="Now where it is not sent; limits as they stand by now.")
    draft_of = TextField(max_length=ID_LENGTH, required=False, help_text="A policy whose draft stands in its place.")


class SimulationsView(APIView):
    """Decisions without effect."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=["Policies"],
        operation_id="simulations",
        request=SimulationIn,
        responses=SimulationOut,
        summary="Simulate a payment",
    )
    def post(self, request: Request) -> Response:
        """Say what would be answered, with every check; nothing is stored and no counter moves."""
        caller, sent = demanded(request, Scope.READ), read(SimulationIn, request)
        body: Any = request.data
        ask, _ = parse_ask(body["payment"])
        at: datetime = sent.get("at", clock_now())
        asker = _asker(caller.organization_id, sent)
        policies = None
        with named_in("draft_of"):
            if "draft_of" in sent:
                policies = policies_with_draft(asker, from_public(Prefix.POLICY, sent["draft_of"]), now=at)
        return Response(simulation_json(ask, *simulate_payment(asker, ask, now=at, policies=policies)))


def simulation_json(ask: Ask, situation: Situation, decision: Decision) -> dict[str, object]:
    """Return a simulation in the API's words."""
    payee = {
        "id": situation.payment.counterparty,
        "name": ask.payee.name,
        "identifiers": list(ask.payee.identifiers),
    }
    return {"decision": decision_json(decision_to_plain(decision)), "counterparty": payee}


def _asker(organization_id: UUID, sent: dict[str, Any]) -> Asker:
    if ("agent" in sent) == ("imagined" in sent):
        raise Invalid("agent_required", "Send either `agent` or `imagined`.", field="agent")
    if "agent" in sent:
        with named_in("agent"):
            return asker_to_simulate(organization_id, from_public(Prefix.AGENT, sent["agent"]))
    imagined = sent["imagined"]
    return imagined_asker(organization_id, labels=imagined["labels"], time_zone=imagined.get("time_zone"))
