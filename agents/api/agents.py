"""Agents over the API: list, create, change, upsert by reference, freeze, retire; and an agent's own status."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents import selectors, services
from agents.api.changes import PendingChangeOut, accepted
from agents.api.shapes import (
    AGENT_FILTERS,
    AgentIn,
    AgentOut,
    AgentPageOut,
    FreezeIn,
    NewAgentIn,
    NoFieldsIn,
    StatusOut,
    actor_of,
    body_of,
    limit_of,
    provisioner,
    reader,
)
from agents.authentication import AgentAuthentication, AgentCaller
from agents.services import AgentChange
from core.clock import now as clock_now
from core.ids import Prefix, from_public
from people.authentication import OrganizationAuthentication
from people.services import Awaiting

TAG = ["Agents"]


class AgentListView(APIView):
    """All agents of the organization."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="agents_list", parameters=AGENT_FILTERS, responses=AgentPageOut)
    def get(self, request: Request) -> Response:
        """List agents, the newest first. Scope: `read` or `provision`."""
        caller, now, asked = reader(request), clock_now(), request.query_params
        chosen = selectors.AgentFilter(
            search=asked.get("q", ""),
            state=asked.get("state", ""),
            label=asked.get("label", ""),
            external_ref=asked.get("external_ref"),
            with_retired=True,
        )
        page = selectors.agents_page(
            caller.organization_id, chosen, cursor=asked.get("cursor"), limit=limit_of(request), now=now
        )
        data = AgentOut([row.agent for row in page.rows], many=True).data
        return Response({"data": data, "next_cursor": page.next_cursor})

    @extend_schema(tags=TAG, operation_id="agents_create", request=NewAgentIn, responses={201: AgentOut})
    def post(self, request: Request) -> Response:
        """Create an agent. It has no key yet, and without a policy it may spend nothing. Scope: `provision`."""
        caller, now = provisioner(request), clock_now()
        body = body_of(NewAgentIn(data=request.data))
        agent = services.create_agent(
            organization_id=caller.organization_id,
            name=body["name"],
            description=body.get("description", ""),
            external_ref=body.get("external_ref"),
            owner_id=body.get("owner"),
            labels=body.get("labels", []),
            actor=actor_of(request, caller),
            now=now,
        )
        return Response(AgentOut(agent).data, status=201)


class AgentDetailView(APIView):
    """One agent."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="agents_read", responses=AgentOut)
    def get(self, request: Request, agent_id: str) -> Response:
        """Read an agent. Scope: `read` or `provision`."""
        caller = reader(request)
        agent = selectors.agent_of(caller.organization_id, from_public(Prefix.AGENT, agent_id))
        return Response(AgentOut(agent).data)

    @extend_schema(tags=TAG, operation_id="agents_change", request=AgentIn(partial=True), responses=AgentOut)
    def patch(self, request: Request, agent_id: str) -> Response:
        """Change the fields that are sent; the others stay as they are. Scope: `provision`."""
        caller, now = provisioner(request), clock_now()
        agent = services.change_agent(
            organization_id=caller.organization_id,
            agent_id=from_public(Prefix.AGENT, agent_id),
            change=change_of(body_of(AgentIn(data=request.data, partial=True))),
            actor=actor_of(request, caller),
            now=now,
        )
        if isinstance(agent, Awaiting):
            return accepted(caller.organization_id, agent)
        return Response(AgentOut(agent).data)


class AgentByReferenceView(APIView):
    """The agent of the app's own reference."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="agents_read_by_ref", responses=AgentOut)
    def get(self, request: Request, external_ref: str) -> Response:
        """Read the agent of a reference. Scope: `read` or `provision`."""
        caller = reader(request)
        return Response(AgentOut(selectors.agent_by_reference(caller.organization_id, external_ref)).data)

    @extend_schema(
        tags=TAG,
        operation_id="agents_upsert_by_ref",
        request=AgentIn,
        responses={200: AgentOut, 201: AgentOut, 202: PendingChangeOut},
    )
    def put(self, request: Request, external_ref: str) -> Response:
        """Create the agent of a reference (201), or bring it to what is sent (200). Scope: `provision`.

        The same call twice changes nothing; optional fields that are left out stay as they are.
        """
        caller, now = provisioner(request), clock_now()
        upserted = services.upsert_agent_by_ref(
            organization_id=caller.organization_id,
            external_ref=external_ref,
            change=change_of(body_of(AgentIn(data=request.data))),
            actor=actor_of(request, caller),
            now=now,
        )
        if isinstance(upserted, Awaiting):
            return accepted(caller.organization_id, upserted)
        return Response(AgentOut(upserted.agent).data, status=201 if upserted.is_new else 200)


class AgentFreezeView(APIView):
    """The stop switch of one agent."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="agents_freeze", request=FreezeIn, responses=AgentOut)
    def post(self, request: Request, agent_id: str) -> Response:
        """Freeze an agent: nothing it asks is approved once this has answered. Scope: `provision`.

        Freezing it again changes nothing. Thawing is left to people: an admin, in the console.
        """
        caller, now = provisioner(request), clock_now()
        agent = services.freeze_agent(
            organization_id=caller.organization_id,
            agent_id=from_public(Prefix.AGENT, agent_id),
            reason=body_of(FreezeIn(data=request.data))["reason"],
            actor=actor_of(request, caller),
            now=now,
        )
        return Response(AgentOut(agent).data)


class AgentRetireView(APIView):
    """The end of one agent."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="agents_retire", request=NoFieldsIn, responses=AgentOut)
    def post(self, request: Request, agent_id: str) -> Response:
        """Retire an agent for good: its keys are refused from now on. Scope: `provision`."""
        caller, now = provisioner(request), clock_now()
        body_of(NoFieldsIn(data=request.data))
        agent = services.retire_agent(
            organization_id=caller.organization_id,
            agent_id=from_public(Prefix.AGENT, agent_id),
            actor=actor_of(request, caller),
            now=now,
        )
        return Response(AgentOut(agent).data)


class StatusView(APIView):
    """What an agent may know of itself."""

    authentication_classes = (AgentAuthentication,)

    @extend_schema(tags=["Status"], operation_id="status_read", responses=StatusOut)
    def get(self, request: Request) -> Response:
        """Read this agent's state, as of now."""
        caller = request.auth
        assert isinstance(caller, AgentCaller)
        return Response(StatusOut(status_of(caller) | {"server_time": clock_now()}).data)


def status_of(caller: AgentCaller) -> dict[str, Any]:
    """Return an agent's own state from what its key was read with."""
    return {
        "id": caller.public_id,
        "name": caller.agent_name,
        "labels": list(caller.labels),
        "may_ask": not caller.frozen,
        "frozen": "agent_frozen" in caller.frozen,
        "organization": {
            "id": caller.organization_public_id,
            "name": caller.organization_name,
            "frozen": "organization_frozen" in caller.frozen,
            "currency": caller.currency,
            "time_zone": caller.time_zone,
        },
        "key": {"id": caller.key_public_id, "expires_at": caller.key_expires_at},
    }


def change_of(body: dict[str, Any]) -> AgentChange:
    """Return the fields of a body in the words of the use case."""
    change = AgentChange()
    if "name" in body:
        change["name"] = body["name"]
    if "description" in body:
        change["description"] = body["description"]
    if "labels" in body:
        change["labels"] = body["labels"]
    if "owner" in body:
        change["owner_id"] = body["owner"]
    return change
