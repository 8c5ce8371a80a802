"""Runtime credentials over the API: list, issue, rotate, revoke."""

from datetime import datetime

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents import selectors, services
from agents.api.shapes import (
    NO_STORE,
    IssuedKeyOut,
    KeyIn,
    KeyListOut,
    KeyOut,
    NoFieldsIn,
    RotationIn,
    actor_of,
    body_of,
    provisioner,
    reader,
)
from agents.services import IssuedKey
from core.clock import now as clock_now
from core.ids import Prefix, from_public
from people.authentication import OrganizationAuthentication

TAG = ["Runtime keys"]


class KeyListView(APIView):
    """The runtime credentials of one agent."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="agent_keys_list", responses=KeyListOut)
    def get(self, request: Request, agent_id: str) -> Response:
        """List an agent's keys, the newest first. Scope: `read` or `provision`."""
        caller, now = reader(request), clock_now()
        keys = selectors.keys_of(caller.organization_id, from_public(Prefix.AGENT, agent_id))
        return Response({"data": KeyOut(keys, many=True, context={"now": now}).data})

    @extend_schema(tags=TAG, operation_id="agent_keys_issue", request=KeyIn, responses={201: IssuedKeyOut})
    def post(self, request: Request, agent_id: str) -> Response:
        """Issue a key. Its secret stands in this answer and nowhere else. Scope: `provision`."""
        caller, now = provisioner(request), clock_now()
        body = body_of(KeyIn(data=request.data))
        issued = services.issue_key(
            organization_id=caller.organization_id,
            agent_id=from_public(Prefix.AGENT, agent_id),
            name=body["name"],
            expires_at=body.get("expires_at"),
            actor=actor_of(request, caller),
            now=now,
        )
        return issued_response(issued, now)


class KeyRotateView(APIView):
    """The change from one key to its successor."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="keys_rotate", request=RotationIn, responses={201: IssuedKeyOut})
    def post(self, request: Request, key_id: str) -> Response:
        """Issue a successor of the same name and length of life. Scope: `provision`.

        The old key works for `overlap_seconds` more, then never again.
        """
        caller, now = provisioner(request), clock_now()
        issued = services.rotate_key(
            organization_id=caller.organization_id,
            key_id=from_public(Prefix.KEY, key_id),
            overlap_seconds=body_of(RotationIn(data=request.data))["overlap_seconds"],
            actor=actor_of(request, caller),
            now=now,
        )
        return issued_response(issued, now)


class KeyRevokeView(APIView):
    """The end of a key."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="keys_revoke", request=NoFieldsIn, responses=KeyOut)
    def post(self, request: Request, key_id: str) -> Response:
        """Revoke a key at once; revoking it again changes nothing. Scope: `provision`."""
        caller, now = provisioner(request), clock_now()
        body_of(NoFieldsIn(data=request.data))
        key = services.revoke_key(
            organization_id=caller.organization_id,
            key_id=from_public(Prefix.KEY, key_id),
            actor=actor_of(request, caller),
            now=now,
        )
        return Response(KeyOut(key, context={"now": now}).data)


def issued_response(issued: IssuedKey, now: datetime) -> Response:
    """Return the one answer in which a secret stands."""
    body = IssuedKeyOut(issued.key, context={"now": now, "secret": issued.secret}).data
    return Response(body, status=201, headers=NO_STORE)
