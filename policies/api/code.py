"""Policies as code over the API: all of them in one file, exported, and applied as they were planned."""

import json
from typing import Any, Final

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.api.changes import ACCEPTED, accepted
from agents.api.shapes import FlagField, TextField
from core.clock import now as clock_now
from people.authentication import OrganizationAuthentication
from people.roles import Scope
from people.services import Awaiting
from policies.api.calls import TAG, actor_of, demanded, read
from policies.api.shapes import FindingOut, PendingWarnedOut, Strict
from policies.engine.written import file_schema, file_to_plain, parse_file
from policies.models import DIGEST_LENGTH, NOTE_LENGTH
from policies.services import finding_facts
from policies.services.code import Step, apply_file, compare, exported_file

IN_OPENAPI: Final = "#/components/schemas/PolicyDocument/properties/rules"
"""Rules are long: they stand in the API's description once (`conto_admin/openapi.py`)."""
FILE: Final[dict[str, Any]] = {
    name: json.loads(json.dumps(value).replace("#/$defs/rules", IN_OPENAPI))
    for name, value in file_schema().items()
    if name not in ("$schema", "$defs")
}


@extend_schema_field(FILE)
class FileField(serializers.Field[Any, Any, Any, Any]):
    """A file of policies; what stands in it is the parser's business."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the file as it came."""
        return data

    def to_representation(self, value: Any) -> Any:
        """Return the file as JSON."""
        return value


class PlanIn(Strict):
    """A file to compare with what is stored."""

    file = FileField()
    retire_others = FlagField(default=False, help_text="Retire every policy that the file does not name.")


class ApplyIn(PlanIn):
    """A file to apply as it was planned."""

    digest = TextField(max_length=DIGEST_LENGTH, help_text="Of the plan that was looked at.")
    note = TextField(max_length=NOTE_LENGTH, default="", allow_blank=True, help_text="Why, for the history.")


class PlannedOut(serializers.Serializer[Any]):
    """What is to be done to one policy."""

    policy = serializers.CharField(help_text="Its reference, else its id.")
    name = serializers.CharField()
    step = serializers.ChoiceField([step.value for step in Step])
    changes = serializers.ListField(child=serializers.CharField(), help_text="What changes, in words.")
    loosens = serializers.ListField(child=serializers.CharField(), help_text="By what more money might pass.")
    findings = FindingOut(many=True)


class PlanOut(serializers.Serializer[Any]):
    """What a file would change, or has changed."""

    digest = serializers.CharField(help_text="Names this file and what is stored now; apply takes it.")
    has_changes = serializers.BooleanField()
    has_drifted = serializers.BooleanField(
        help_text="Whether what is stored differs from the file: by what would change, or by `unwritten`."
    )
    has_errors = serializers.BooleanField(help_text="Whether lint found what apply refuses.")
    needs_second_person = serializers.BooleanField(
        help_text="Whether applying waits as a whole: something loosens, and the organization wants four eyes."
    )
    policies = PlannedOut(many=True)
    others = serializers.ListField(
        child=serializers.CharField(), help_text="Current policies that the file does not name and that stay."
    )
    unwritten = serializers.ListField(
        child=serializers.CharField(), help_text="Those of `others` that are in force: drift that apply keeps."
    )
    findings = FindingOut(many=True, help_text="What lint says of all policies together, as they would be.")


@extend_schema_field(FILE)
class FileOut(serializers.Serializer[Any]):
    """All policies in force, as a file says them."""

    schema = serializers.IntegerField()
    policies = serializers.ListField(child=serializers.DictField())


class Export(APIView):
    """All policies as one file."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG, operation_id="policies_export", responses=FileOut, summary="Export the policies as one file"
    )
    def get(self, request: Request) -> Response:
        """Return the policies that are in force with their assignments."""
        caller = demanded(request, Scope.READ)
        return Response(file_to_plain(exported_file(caller.organization_id)))


class ApplyFile(APIView):
    """A file brought into force."""

    authentication_classes = (OrganizationAuthentication,)

    @extend_schema(
        tags=TAG,
        operation_id="policies_apply",
        request=ApplyIn,
        responses={200: PlanOut, ACCEPTED: PendingWarnedOut},
        summary="Apply a file of policies",
        description=(
            "All of it or nothing; 409 `plan_outdated` where the file or what is stored is not as planned. Where "
            "anything of it may let more money pass and the organization wants four eyes, all of it waits: the answer "
            "is 202 with the change that two persons agree to, or one rejects, in the console. The same call again "
            "answers with the same change; another file takes its place, and whatever happens to a policy that it "
            "names voids it."
        ),
    )
    def post(self, request: Request) -> Response:
        """Bring the policies to the file as it was planned; the same file again changes nothing."""
        caller = demanded(request, Scope.POLICIES)
        sent = read(ApplyIn, request)
        file, now = parse_file(sent["file"]), clock_now()
        applied = apply_file(
            organization_id=caller.organization_id,
            file=file,
            planned=sent["digest"],
            retires_others=sent["retire_others"],
            note=sent["note"],
            actor=actor_of(request),
            now=now,
        )
        if isinstance(applied, Awaiting):
            plan = compare(caller.organization_id, file, retires_others=sent["retire_others"], now=now).plan
            return accepted(
                caller.organization_id, applied, warnings=[finding_facts(one) for one in plan.every_finding]
            )
        return Response(applied.facts())
