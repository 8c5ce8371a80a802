"""Pegs over the API: the whole table, read and replaced."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.api.changes import PendingChangeOut, accepted
from agents.api.shapes import actor_of, body_of, provisioner, reader
from core.clock import now as clock_now
from people.authentication import OrganizationAuthentication
from spend.api.shapes import PegsIn, PegsOut
from spend.selectors.counterparties import pegs_of
from spend.services.pegs import replace_pegs


class PegsView(APIView):
    """Which stablecoin counts with which currency, 1:1."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=["Counterparties"], operation_id="pegs_read", responses=PegsOut)
    def get(self, request: Request) -> Response:
        """Read the table. Scope: `read` or `provision`."""
        return Response({"pegs": pegs_of(reader(request).organization_id)})

    @extend_schema(
        tags=["Counterparties"],
        operation_id="pegs_replace",
        request=PegsIn,
        responses={200: PegsOut, 202: PendingChangeOut},
    )
    def put(self, request: Request) -> Response:
        """Bring the whole table to what is sent; the same call twice changes nothing. Scope: `provision`.

        It counts for asks after this call: what was asked before counts where it was counted.
        """
        caller, now = provisioner(request), clock_now()
        awaiting = replace_pegs(
            organization_id=caller.organization_id,
            pegs=body_of(PegsIn(data=request.data))["pegs"],
            actor=actor_of(request, caller),
            now=now,
        )
        if awaiting is not None:
            return accepted(caller.organization_id, awaiting)
        return Response({"pegs": pegs_of(caller.organization_id)})
