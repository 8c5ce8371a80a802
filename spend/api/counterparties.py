"""Counterparties over the API: list, create, change, upsert by reference, standing, identifiers."""

from typing import cast
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.api.changes import PendingChangeOut, accepted
from agents.api.shapes import actor_of, body_of, provisioner, reader
from core.clock import now as clock_now
from core.ids import Prefix, from_public
from core.paging import limit_in, text_in
from people.authentication import OrganizationAuthentication
from people.services import Awaiting
from spend.api.shapes import (
    FILTERS,
    CounterpartyIn,
    CounterpartyOut,
    CounterpartyPageOut,
    IdentifierIn,
    NewCounterpartyIn,
    StandingIn,
)
from spend.selectors.counterparties import (
    CounterpartyFilter,
    counterparties_page,
    counterparty_by_reference,
    counterparty_of,
)
from spend.services import changes
from spend.services.changes import CounterpartyChange

TAG = ["Counterparties"]


class CounterpartyListView(APIView):
    """All counterparties of the organization."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="counterparties_list", parameters=FILTERS, responses=CounterpartyPageOut)
    def get(self, request: Request) -> Response:
        """List counterparties, the newest first. Scope: `read` or `provision`."""
        caller, asked = reader(request), request.query_params
        chosen = CounterpartyFilter(
            search=text_in(asked, "q"),
            standing=text_in(asked, "standing"),
            external_ref=text_in(asked, "external_ref") if "external_ref" in asked else None,
        )
        page = counterparties_page(
            caller.organization_id, chosen, cursor=text_in(asked, "cursor"), limit=limit_in(asked)
        )
        return Response({"data": CounterpartyOut(page.rows, many=True).data, "next_cursor": page.next_cursor})

    @extend_schema(
        tags=TAG,
        operation_id="counterparties_create",
        request=NewCounterpartyIn,
        responses={201: CounterpartyOut, 202: PendingChangeOut},
    )
    def post(self, request: Request) -> Response:
        """Create a counterparty. Its standing is `unknown` unless it is sent. Scope: `provision`."""
        caller, now = provisioner(request), clock_now()
        body = body_of(NewCounterpartyIn(data=request.data))
        reference = body.pop("external_ref", None)
        counterparty_id = changes.create_counterparty(
            organization_id=caller.organization_id,
            change=cast(CounterpartyChange, body),
            external_ref=reference,
            actor=actor_of(request, caller),
            now=now,
        )
        if isinstance(counterparty_id, Awaiting):
            return accepted(caller.organization_id, counterparty_id)
        return shown(caller.organization_id, counterparty_id, status=201)


class CounterpartyDetailView(APIView):
    """One counterparty."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="counterparties_read", responses=CounterpartyOut)
    def get(self, request: Request, counterparty_id: str) -> Response:
        """Read a counterparty. Scope: `read` or `provision`."""
        return shown(reader(request).organization_id, from_public(Prefix.COUNTERPARTY, counterparty_id))

    @extend_schema(
        tags=TAG,
        operation_id="counterparties_change",
        request=CounterpartyIn(partial=True),
        responses={200: CounterpartyOut, 202: PendingChangeOut},
    )
    def patch(self, request: Request, counterparty_id: str) -> Response:
        """Change the fields that are sent; the others stay as they are. Scope: `provision`."""
        caller, now = provisioner(request), clock_now()
        found = from_public(Prefix.COUNTERPARTY, counterparty_id)
        awaiting = changes.change_counterparty(
            organization_id=caller.organization_id,
            counterparty_id=found,
            change=cast(CounterpartyChange, body_of(CounterpartyIn(data=request.data, partial=True))),
            actor=actor_of(request, caller),
            now=now,
        )
        if awaiting is not None:
            return accepted(caller.organization_id, awaiting)
        return shown(caller.organization_id, found)


class CounterpartyByReferenceView(APIView):
    """The counterparty of the app's own reference."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(tags=TAG, operation_id="counterparties_read_by_ref", responses=CounterpartyOut)
    def get(self, request: Request, external_ref: str) -> Response:
        """Read the counterparty of a reference. Scope: `read` or `provision`."""
        found = counterparty_by_reference(reader(request).organization_id, external_ref)
        return Response(CounterpartyOut(found).data)

    @extend_schema(
        tags=TAG,
        operation_id="counterparties_upsert_by_ref",
        request=CounterpartyIn,
        responses={200: CounterpartyOut, 201: CounterpartyOut, 202: PendingChangeOut},
    )
    def put(self, request: Request, external_ref: str) -> Response:
        """Create the counterparty of a reference (201), or bring it to what is sent (200). Scope: `provision`.

        The same call twice changes nothing; optional fields that are left out stay as they are.
        """
        caller, now = provisioner(request), clock_now()
        upserted = changes.upsert_counterparty_by_ref(
            organization_id=caller.organization_id,
            external_ref=external_ref,
            change=cast(CounterpartyChange, body_of(CounterpartyIn(data=request.data))),
            actor=actor_of(request, caller),
            now=now,
        )
        if isinstance(upserted, Awaiting):
            return accepted(caller.organization_id, upserted)
        return shown(caller.organization_id, upserted.counterparty_id, status=201 if upserted.is_new else 200)


class StandingView(APIView):
    """What the organization makes of one counterparty."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG,
        operation_id="counterparties_standing",
        request=StandingIn,
        responses={200: CounterpartyOut, 202: PendingChangeOut},
    )
    def post(self, request: Request, counterparty_id: str) -> Response:
        """Set the standing: it counts for every ask answered after this call. Scope: `provision`."""
        caller, now = provisioner(request), clock_now()
        found, body = from_public(Prefix.COUNTERPARTY, counterparty_id), body_of(StandingIn(data=request.data))
        awaiting = changes.set_standing(
            organization_id=caller.organization_id,
            counterparty_id=found,
            standing=body["standing"],
            reason=body.get("reason", ""),
            actor=actor_of(request, caller),
            now=now,
        )
        if awaiting is not None:
            return accepted(caller.organization_id, awaiting)
        return shown(caller.organization_id, found)


class IdentifierListView(APIView):
    """The identifiers of one counterparty."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG,
        operation_id="counterparties_add_identifier",
        request=IdentifierIn,
        responses={200: CounterpartyOut, 202: PendingChangeOut},
    )
    def post(self, request: Request, counterparty_id: str) -> Response:
        """Add an identifier; one that it has already changes nothing. Scope: `provision`."""
        caller, now = provisioner(request), clock_now()
        found, body = from_public(Prefix.COUNTERPARTY, counterparty_id), body_of(IdentifierIn(data=request.data))
        awaiting = changes.add_identifier(
            organization_id=caller.organization_id,
            counterparty_id=found,
            identifier=body["identifier"],
            actor=actor_of(request, caller),
            now=now,
        )
        if awaiting is not None:
            return accepted(caller.organization_id, awaiting)
        return shown(caller.organization_id, found)


class IdentifierRemoveView(APIView):
    """One identifier of one counterparty."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG,
        operation_id="counterparties_remove_identifier",
        responses={200: CounterpartyOut, 202: PendingChangeOut},
    )
    def delete(self, request: Request, counterparty_id: str, identifier: str) -> Response:
        """Take an identifier away; one that it lacks changes nothing. Scope: `provision`."""
        caller, now = provisioner(request), clock_now()
        found = from_public(Prefix.COUNTERPARTY, counterparty_id)
        awaiting = changes.remove_identifier(
            organization_id=caller.organization_id,
            counterparty_id=found,
            identifier=identifier,
            actor=actor_of(request, caller),
            now=now,
        )
        if awaiting is not None:
            return accepted(caller.organization_id, awaiting)
        return shown(caller.organization_id, found)


def shown(organization_id: UUID, counterparty_id: UUID, *, status: int = 200) -> Response:
    """Return a counterparty as it stands now."""
    return Response(CounterpartyOut(counterparty_of(organization_id, counterparty_id)).data, status=status)
