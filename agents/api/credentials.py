"""Sealed credentials over the API: list, create, replace, revoke; none of it ever shows the secret."""

from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents import selectors, services
from agents.api.shapes import (
    CredentialChangeIn,
    CredentialIn,
    CredentialListOut,
    CredentialOut,
    NoFieldsIn,
    actor_of,
    body_of,
    provisioner,
    reader,
)
from agents.services import CredentialChange, NewCredential
from core.clock import now as clock_now
from core.ids import Prefix, from_public
from people.authentication import OrganizationAuthentication

TAG = ["Sealed credentials"]


class CredentialListView(APIView):
    """The sealed credentials of one agent."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="sealed_credentials_list", responses=CredentialListOut)
    def get(self, request: Request, agent_id: str) -> Response:
        """List an agent's sealed credentials, without their secrets. Scope: `read` or `provision`."""
        caller = reader(request)
        credentials = selectors.credentials_of(caller.organization_id, from_public(Prefix.AGENT, agent_id))
        return Response({"data": CredentialOut(credentials, many=True).data})

    @extend_schema(
        tags=TAG, operation_id="sealed_credentials_create", request=CredentialIn, responses={201: CredentialOut}
    )
    @sensitive_variables("body")
    def post(self, request: Request, agent_id: str) -> Response:
        """Seal a provider's secret, released only against an approved payment that matches. Scope: `provision`."""
        caller, now = provisioner(request), clock_now()
        body = body_of(CredentialIn(data=request.data))
        credential = services.create_credential(
            organization_id=caller.organization_id,
            agent_id=from_public(Prefix.AGENT, agent_id),
            new=NewCredential(**body),
            actor=actor_of(request, caller),
            now=now,
        )
        return Response(CredentialOut(credential).data, status=201)


class CredentialDetailView(APIView):
    """One sealed credential."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="sealed_credentials_read", responses=CredentialOut)
    def get(self, request: Request, credential_id: str) -> Response:
        """Read a sealed credential, without its secret. Scope: `read` or `provision`."""
        caller = reader(request)
        credential = selectors.credential_of(caller.organization_id, from_public(Prefix.CREDENTIAL, credential_id))
        return Response(CredentialOut(credential).data)

    @extend_schema(
        tags=TAG, operation_id="sealed_credentials_replace", request=CredentialChangeIn, responses=CredentialOut
    )
    @sensitive_variables("body", "secret")
    def put(self, request: Request, credential_id: str) -> Response:
        """Put another secret in the place of the sealed one. Scope: `provision`.

        What it may be released for changes only together with the secret; what is left out stays as it is.
        """
        caller, now = provisioner(request), clock_now()
        body = body_of(CredentialChangeIn(data=request.data))
        secret = body.pop("secret")
        credential = services.replace_credential(
            organization_id=caller.organization_id,
            credential_id=from_public(Prefix.CREDENTIAL, credential_id),
            secret=secret,
            change=CredentialChange(**body),  # type: ignore[typeddict-item]
            actor=actor_of(request, caller),
            now=now,
        )
        return Response(CredentialOut(credential).data)


class CredentialRevokeView(APIView):
    """The end of a sealed credential."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="sealed_credentials_revoke", request=NoFieldsIn, responses=CredentialOut)
    def post(self, request: Request, credential_id: str) -> Response:
        """Revoke a sealed credential: its secret is destroyed at once. Scope: `provision`."""
        caller, now = provisioner(request), clock_now()
        body_of(NoFieldsIn(data=request.data))
        credential = services.revoke_credential(
            organization_id=caller.organization_id,
            credential_id=from_public(Prefix.CREDENTIAL, credential_id),
            actor=actor_of(request, caller),
            now=now,
        )
        return Response(CredentialOut(credential).data)
