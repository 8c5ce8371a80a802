"""What becomes of an authorization: record, void, doubt, credential; and spend that had none."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.selectors import agent_of
from approvals.api.authorizations import BOTH, TAG
from approvals.api.callers import Reach, reach_of
from approvals.api.parsing import LARGEST_BATCH, parse_key, parse_reason, parse_release, parse_report
from approvals.api.shapes import (
    KEY_HEADER,
    AuthorizationOut,
    BatchIn,
    BatchOut,
    OptionalReasonIn,
    RecordedOut,
    RecordOut,
    ReleasedOut,
    ReleaseIn,
    ReportIn,
    UnauthorizedReportIn,
)
from approvals.selectors.answers import answer, as_json
from approvals.services.booking import Recorded
from approvals.services.record import record_spend, record_unauthorized
from approvals.services.release import release_credential
from approvals.services.void import mark_in_doubt, void_authorization
from core.canonical import moment_text
from core.clock import now as clock_now
from core.errors import ContoError, Invalid, NotFound
from core.ids import Prefix, from_public, to_public
from core.money import amount_text
from people.roles import Scope
from spend.selectors.holds import RecordState

EXECUTORS: Final = (Scope.RELEASE, Scope.PROVISION)
"""Scopes with which a back end reports for its agents."""
NO_STORE: Final = {"Cache-Control": "no-store"}


class RecordView(APIView):
    """What was paid on an authorization."""

    authentication_classes = BOTH

    @extend_schema(
        tags=TAG,
        operation_id="authorizations_record",
        request=ReportIn,
        responses={201: RecordedOut, 200: OpenApiResponse(RecordedOut, "Recorded before, under the same reference.")},
    )
    def post(self, request: Request, authorization_id: str) -> Response:
        """Report what was really paid or refunded. What does not fit is stored all the same, and flagged."""
        reach = reach_of(request, *EXECUTORS)
        found = from_public(Prefix.AUTHORIZATION, authorization_id)
        recorded = record_spend(
            found,
            parse_report(request.data, has_authorization=True),
            organization_id=reach.organization_id,
            agent_id=reach.agent_id,
            key_id=reach.key_id,
            actor=reach.actor,
            now=clock_now(),
        )
        body = {"record": record_json(recorded.record), "authorization": _present(reach, found)}
        return _recorded_response(body, recorded)


class SpendRecordsView(APIView):
    """Spend that had no authorization."""

    authentication_classes = BOTH

    @extend_schema(
        tags=["Spend records"],
        operation_id="spend_records_report",
        request=PolymorphicProxySerializer(
            component_name="SpendRecordsIn", serializers=[UnauthorizedReportIn, BatchIn], resource_type_field_name=None
        ),
        responses={
            201: PolymorphicProxySerializer(
                component_name="SpendRecordsOut", serializers=[RecordOut, BatchOut], resource_type_field_name=None
            ),
            200: OpenApiResponse(RecordOut, "Recorded before, under the same reference."),
        },
    )
    def post(self, request: Request) -> Response:
        """Report spend without an authorization.

        Accepted, flagged `unauthorized`, counted. Single, or `{"records": […]}`.
        """
        reach = reach_of(request, *EXECUTORS)
        body = request.data
        if not isinstance(body, dict) or "records" not in body:
            recorded = _record(reach, body)
            return _recorded_response(record_json(recorded.record), recorded)
        reports = body["records"]
        if not isinstance(reports, list) or not 1 <= len(reports) <= LARGEST_BATCH or len(body) > 1:
            raise Invalid(
                "batch_invalid", f"Send a list of 1 to {LARGEST_BATCH} records and nothing else.", field="records"
            )
        return Response({"data": [_result(reach, report) for report in reports]}, status=201)


class VoidView(APIView):
    """Give up an authorization."""

    authentication_classes = BOTH

    @extend_schema(tags=TAG, operation_id="authorizations_void", request=OptionalReasonIn, responses=AuthorizationOut)
    def post(self, request: Request, authorization_id: str) -> Response:
        """Give up an authorization and release what it holds; out of doubt only with a reason."""
        reach, found = reach_of(request, *EXECUTORS), from_public(Prefix.AUTHORIZATION, authorization_id)
        void_authorization(
            found,
            organization_id=reach.organization_id,
            agent_id=reach.agent_id,
            reason=parse_reason(request.data),
            actor=reach.actor,
            now=clock_now(),
            key_id=reach.key_id,
        )
        return Response(_present(reach, found))


class InDoubtView(APIView):
    """The app does not know whether the payment went through."""

    authentication_classes = BOTH

    @extend_schema(
        tags=TAG, operation_id="authorizations_in_doubt", request=OptionalReasonIn, responses=AuthorizationOut
    )
    def post(self, request: Request, authorization_id: str) -> Response:
        """Say that the outcome of the payment is not known: the hold stays until it is recorded or voided."""
        reach, found = reach_of(request, *EXECUTORS), from_public(Prefix.AUTHORIZATION, authorization_id)
        mark_in_doubt(
            found,
            organization_id=reach.organization_id,
            agent_id=reach.agent_id,
            reason=parse_reason(request.data),
            actor=reach.actor,
            now=clock_now(),
            key_id=reach.key_id,
        )
        return Response(_present(reach, found))


class CredentialView(APIView):
    """Release a sealed credential."""

    authentication_classes = BOTH

    @extend_schema(
        tags=TAG,
        operation_id="authorizations_credential",
        parameters=[KEY_HEADER],
        request=ReleaseIn,
        responses=ReleasedOut,
    )
    def post(self, request: Request, authorization_id: str) -> Response:
        """Hand the provider's secret to the executor, once; repeatable for 60 s with the same idempotency key."""
        reach = reach_of(request, Scope.RELEASE)
        released = release_credential(
            from_public(Prefix.AUTHORIZATION, authorization_id),
            organization_id=reach.organization_id,
            agent_id=reach.agent_id,
            key_id=reach.key_id,
            wanted=parse_release(request.data),
            idempotency_key=parse_key(request.headers.get("Idempotency-Key"), None),
            actor=reach.actor,
            now=clock_now(),
        )
        body = {
            "credential": to_public(Prefix.CREDENTIAL, released.credential_id),
            "name": released.name,
            "kind": released.kind,
            "secret": released.secret,
        }
        return Response(body, headers=NO_STORE)


def record_json(record: RecordState) -> dict[str, object]:
    """Return a record in the API's words."""
    authorization = record.authorization_id
    return {
        "id": to_public(Prefix.RECORD, record.id),
        "authorization": None if authorization is None else to_public(Prefix.AUTHORIZATION, authorization),
        "agent": to_public(Prefix.AGENT, record.agent_id),
        "kind": record.kind,
        "amount": amount_text(record.amount),
        "currency": record.currency,
        "reference": record.reference,
        "flags": list(record.flags),
        "final": record.is_final,
        "recorded_at": moment_text(record.recorded_at),
    }


def _recorded_response(body: Mapping[str, object], recorded: Recorded) -> Response:
    if recorded.is_replay:
        return Response(body, status=200, headers={"Idempotent-Replayed": "true"})
    return Response(body, status=201)


def _record(reach: Reach, body: object) -> Recorded:
    report = parse_report(body, has_authorization=False)
    agent_id = reach.agent_id or _agent_in(reach, body)
    return record_unauthorized(
        report,
        organization_id=reach.organization_id,
        agent_id=agent_id,
        key_id=reach.key_id,
        actor=reach.actor,
        now=clock_now(),
    )


def _agent_in(reach: Reach, body: object) -> UUID:
    named = body.get("agent") if isinstance(body, dict) else None
    try:
        return agent_of(reach.organization_id, from_public(Prefix.AGENT, str(named))).id
    except NotFound:
        raise Invalid("agent_unknown", "Say whose spend it was: the id of an agent.", field="agent") from None


def _result(reach: Reach, body: Any) -> dict[str, object]:
    try:
        return {"record": record_json(_record(reach, body).record), "error": None}
    except ContoError as error:
        return {
            "record": None,
            "error": {"status": error.status, "code": error.code, "detail": error.detail, "field": error.field},
        }


def _present(reach: Reach, authorization_id: UUID) -> dict[str, object]:
    return as_json(answer(reach.organization_id, authorization_id, now=clock_now(), agent_id=reach.agent_id))
