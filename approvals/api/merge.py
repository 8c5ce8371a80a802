"""Merging counterparties over the API."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.api.changes import PendingChangeOut, accepted
from agents.api.shapes import TextField, actor_of, body_of, provisioner
from approvals.services.merge import merge_counterparties
from core.clock import now as clock_now
from core.errors import Invalid, NotFound
from core.ids import Prefix, from_public
from people.authentication import OrganizationAuthentication
from spend.api.shapes import CounterpartyOut
from spend.selectors.counterparties import counterparty_of

LONGEST_ID = 60


class MergeIn(serializers.Serializer[Any]):
    """The duplicate that is merged into the counterparty of the address."""

    duplicate = TextField(max_length=LONGEST_ID, help_text="Public id.")


class MergeView(APIView):
    """One counterparty out of two."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=["Counterparties"],
        operation_id="counterparties_merge",
        request=MergeIn,
        responses={200: CounterpartyOut, 202: PendingChangeOut},
    )
    def post(self, request: Request, counterparty_id: str) -> Response:
        """Merge a duplicate into this counterparty, for good. Scope: `provision`.

        Its identifiers move, the stricter standing counts, and what both have spent counts together in limits. Read
        afterwards, the duplicate names this one in `merged_into`.
        """
        caller, now = provisioner(request), clock_now()
        kept = from_public(Prefix.COUNTERPARTY, counterparty_id)
        awaiting = merge_counterparties(
            organization_id=caller.organization_id,
            kept_id=kept,
            merged_id=_duplicate(body_of(MergeIn(data=request.data))["duplicate"]),
            actor=actor_of(request, caller),
            now=now,
        )
        if awaiting is not None:
            return accepted(caller.organization_id, awaiting)
        return Response(CounterpartyOut(counterparty_of(caller.organization_id, kept)).data)


def _duplicate(public_id: str) -> UUID:
    try:
        return from_public(Prefix.COUNTERPARTY, public_id)
    except NotFound:
        raise Invalid("counterparty_invalid", "This is not the id of a counterparty.", field="duplicate") from None
