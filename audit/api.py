"""The history over the API, for back ends with an organization key; read only."""

from typing import Final, cast

from django.conf import settings
from django.utils.module_loading import import_string
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.selectors import Filters, newest
from core.http import KeyLike
from core.paging import DEFAULT_PAGE, LARGEST_PAGE, limit_in, moment_in, text_in

READ: Final = "read"
"""The name of the scope, as organization keys carry it."""
PARAMETERS: Final = [
    OpenApiParameter("action", str, description="One action (`agent.frozen`) or a family of them (`agent`)."),
    OpenApiParameter("actor", str, description="Only what this actor did (public id)."),
    OpenApiParameter("subject", str, description="Only what happened to this subject (public id)."),
    OpenApiParameter("since", str, description="Only from this moment on (RFC 3339)."),
    OpenApiParameter("until", str, description="Only before this moment (RFC 3339)."),
    OpenApiParameter("cursor", str, description="`next_cursor` of the page before."),
    OpenApiParameter("limit", int, description=f"At most {LARGEST_PAGE}; {DEFAULT_PAGE} by default."),
]


class ActorOut(serializers.Serializer[object]):
    """Who acted."""

    kind = serializers.ChoiceField(["person", "agent", "organization_key", "system"])
    id = serializers.CharField()
    name = serializers.CharField()


class SubjectOut(serializers.Serializer[object]):
    """What was acted on."""

    kind = serializers.CharField()
    id = serializers.CharField()


class EventOut(serializers.Serializer[object]):
    """One line of history; without `leaf_index` it is exactly what its leaf in the log was made of."""

    id = serializers.CharField()
    organization_id = serializers.CharField()
    at = serializers.CharField()
    action = serializers.CharField()
    actor = ActorOut()
    subject = SubjectOut()
    before = serializers.DictField(allow_null=True)
    after = serializers.DictField(allow_null=True)
    request_id = serializers.CharField()
    address = serializers.CharField()
    leaf_index = serializers.IntegerField(allow_null=True, help_text="Place in the sealed log; null until sealed.")


class EventsOut(serializers.Serializer[object]):
    """A page of events, newest first."""

    data = EventOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class AuditEvents(APIView):
    """What happened in the organization."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return the way in for organization keys; named in the settings, for it lives in an app above this one."""
        return [import_string(settings.ORGANIZATION_AUTHENTICATION)()]

    @extend_schema(
        tags=["Audit"],
        operation_id="audit_events_list",
        parameters=PARAMETERS,
        responses=EventsOut,
        summary="List audit events",
    )
    def get(self, request: Request) -> Response:
        """Return a page of events, newest first."""
        caller = cast(KeyLike, request.auth)
        caller.demand(READ)
        query = request.query_params
        filters = Filters(
            action=text_in(query, "action"),
            actor=text_in(query, "actor"),
            subject=text_in(query, "subject"),
            since=moment_in(query, "since"),
            until=moment_in(query, "until"),
        )
        page = newest(caller.organization_id, filters, cursor=text_in(query, "cursor"), limit=limit_in(query))
        data = [event.form | {"leaf_index": event.index} for event in page.events]
        return Response({"data": data, "next_cursor": page.next_cursor or None})
