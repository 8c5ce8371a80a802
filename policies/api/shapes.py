"""What the API of policies takes and gives."""

from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.api.changes import PendingChangeOut
from agents.api.shapes import FlagField, TextField
from core.errors import Invalid, NotFound
from core.ids import Prefix, from_public, to_public
from policies.engine.lint import Level
from policies.engine.types import Mode
from policies.models import LABEL_LENGTH, NAME_LENGTH, NOTE_LENGTH, REFERENCE_LENGTH, Policy, PolicyVersion
from policies.selectors import Targets, agent_ids
from policies.services import AssignTo

MODES: Final = [mode.value for mode in Mode]
DOCUMENT_SCHEMA: Final = {"$ref": "#/components/schemas/PolicyDocument"}
"""Long: it stands in the API's description once (`conto_admin/openapi.py`)."""
MOST_CODES: Final = 50
"""More codes than lint knows."""
AGENT_SCHEMA: Final = {
    "oneOf": [
        {"type": "string", "pattern": f"^{Prefix.AGENT.value}_", "description": "The id of an agent."},
        {
            "type": "object",
            "properties": {"external_ref": {"type": "string", "maxLength": REFERENCE_LENGTH}},
            "required": ["external_ref"],
            "additionalProperties": False,
        },
    ]
}


class Strict(serializers.Serializer[Any]):
    """An object in which an unknown field is an error: a misspelt one must not be passed over."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse fields that are not known."""
        unknown = sorted(set(map(str, data)) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            raise serializers.ValidationError(
                {name: serializers.ErrorDetail("There is no such field.", code="field_unknown") for name in unknown}
            )
        return super().to_internal_value(data)


# --- In ---------------------------------------------------------------------------------------------------------------


@extend_schema_field(DOCUMENT_SCHEMA)
class DocumentField(serializers.Field[Any, Any, Any, Any]):
    """A rule document; what stands in it is the parser's business."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the document as it came."""
        return data

    def to_representation(self, value: Any) -> Any:
        """Return the document as it is stored."""
        return value


@extend_schema_field(AGENT_SCHEMA)
class AgentField(serializers.Field[Any, Any, Any, Any]):
    """An agent by its id or by the app's own reference."""

    def to_internal_value(self, data: Any) -> UUID | str:
        """Return the id, or the reference as text."""
        if isinstance(data, dict) and data.keys() == {"external_ref"} and is_reference(data["external_ref"]):
            return str(data["external_ref"])
        try:
            return from_public(Prefix.AGENT, data if isinstance(data, str) else "")
        except NotFound:
            detail = 'Name an agent by its id (agt_…) or as {"external_ref": "…"}.'
            raise serializers.ValidationError(detail, code="agent_invalid") from None


def is_reference(value: object) -> bool:
    """Say whether a value can be an app's own name for anything."""
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= REFERENCE_LENGTH


class TargetsIn(Strict):
    """To whom a policy is to apply."""

    organization = FlagField(default=False, help_text="Every agent of the organization.")
    labels = serializers.ListField(
        child=TextField(max_length=LABEL_LENGTH),
        default=list,
        help_text="Every agent with one of these labels.",
    )
    agents = serializers.ListField(child=AgentField(), default=list, help_text="These agents.")


class SyncIn(Strict):
    """A policy as the app wants it to be."""

    name = TextField(max_length=NAME_LENGTH)
    description = TextField(max_length=NOTE_LENGTH, required=False, allow_blank=True)
    document = DocumentField()
    mode = serializers.ChoiceField(MODES, default=Mode.ENFORCED.value)
    assigned_to = TargetsIn(required=False, help_text="Left as it is where it is not sent; nobody for a new policy.")
    note = TextField(max_length=NOTE_LENGTH, default="", allow_blank=True, help_text="Why, for the history.")


class AcknowledgeField(serializers.ListField):
    """The codes of warnings that were seen and are meant."""

    def __init__(self, **more: Any) -> None:
        more.setdefault("help_text", "Codes of warnings that are meant; a version with others is not published.")
        super().__init__(child=TextField(max_length=LABEL_LENGTH), default=list, max_length=MOST_CODES, **more)


class PolicyIn(SyncIn):
    """A new policy."""

    acknowledge = AcknowledgeField()
    external_ref = TextField(max_length=REFERENCE_LENGTH, required=False, help_text="The app's own name for it.")


class VersionIn(Strict):
    """A document to publish."""

    acknowledge = AcknowledgeField()
    document = DocumentField()
    mode = serializers.ChoiceField(MODES, default=Mode.ENFORCED.value)
    note = TextField(max_length=NOTE_LENGTH, default="", allow_blank=True, help_text="Why, for the history.")


def targets_in(organization_id: UUID, sent: dict[str, Any]) -> AssignTo:
    """Return whom the caller named, references resolved; raises `Invalid` (`agent_unknown`)."""
    named: list[UUID | str] = sent["agents"]
    ids = tuple(one for one in named if isinstance(one, UUID))
    references = tuple(one for one in named if isinstance(one, str))
    known = agent_ids(organization_id, ids, references) if named else {}
    for index, one in enumerate(named):
        if one not in known:
            raise Invalid("agent_unknown", "There is no such agent.", field=f"assigned_to.agents[{index}]")
    return AssignTo(sent["organization"], tuple(sent["labels"]), tuple(known[one] for one in named))


# --- Out --------------------------------------------------------------------------------------------------------------


class PublisherOut(serializers.Serializer[Any]):
    """Who published."""

    id = serializers.CharField()
    name = serializers.CharField()


class VersionOut(serializers.Serializer[Any]):
    """One immutable published edition."""

    id = serializers.CharField()
    number = serializers.IntegerField()
    mode = serializers.ChoiceField(MODES, allow_null=True, help_text="How it is in force now; null where it is not.")
    document = DocumentField(help_text="With the dates of public holidays resolved.")
    digest = serializers.CharField(help_text="SHA-256 of the document in its canonical form.")
    note = serializers.CharField()
    published_at = serializers.DateTimeField()
    published_by = PublisherOut()


class VersionsOut(serializers.Serializer[Any]):
    """The versions of a policy, the newest first."""

    data = VersionOut(many=True)  # type: ignore[assignment]


class TargetsOut(serializers.Serializer[Any]):
    """To whom a policy applies."""

    organization = serializers.BooleanField()
    labels = serializers.ListField(child=serializers.CharField())
    agents = serializers.ListField(child=serializers.CharField())


class PolicyOut(serializers.Serializer[Any]):
    """A named set of rules; null where no version is in force in that mode."""

    id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    external_ref = serializers.CharField(allow_null=True)
    enforced = VersionOut(allow_null=True, help_text="The version that counts.")
    shadow = VersionOut(allow_null=True, help_text="A version that is only shown beside it.")
    assigned_to = TargetsOut()
    has_draft = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    retired_at = serializers.DateTimeField(allow_null=True)


class FindingOut(serializers.Serializer[Any]):
    """One thing that lint found."""

    level = serializers.ChoiceField([level.value for level in Level])
    code = serializers.CharField()
    path = serializers.CharField(help_text="The field of the document that it is about.")
    detail = serializers.CharField()
    remedy = serializers.CharField(help_text="What to do about it.")


class SyncedOut(PolicyOut):
    """A policy as it was synced, with what lint warns of: a warning stops no sync."""

    warnings = FindingOut(many=True)


class AssignedOut(PolicyOut):
    """A policy for whom it is now, with a warning where agents have no enforced policy left."""

    warnings = FindingOut(many=True)


class PendingWarnedOut(PendingChangeOut):
    """A change that waits for a second person, with what lint warns of were it made now."""

    warnings = FindingOut(many=True)


class PoliciesOut(serializers.Serializer[Any]):
    """A page of policies, the oldest first."""

    data = PolicyOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


def policy_out(policy: Policy, targets: Targets) -> dict[str, object]:
    """Return a policy as the API shows it."""
    return {
        "id": to_public(Prefix.POLICY, policy.pk),
        "name": policy.name,
        "description": policy.description,
        "external_ref": policy.external_ref,
        "enforced": version_out(policy, policy.enforced) if policy.enforced else None,
        "shadow": version_out(policy, policy.shadow) if policy.shadow else None,
        "assigned_to": {
            "organization": targets.organization,
            "labels": list(targets.labels),
            "agents": [to_public(Prefix.AGENT, agent) for agent, _ in targets.agents],
        },
        "has_draft": policy.draft is not None,
        "created_at": policy.created_at,
        "retired_at": policy.retired_at,
    }


def version_out(policy: Policy, version: PolicyVersion) -> dict[str, object]:
    """Return a version as the API shows it."""
    modes = {policy.shadow_id: Mode.SHADOW.value, policy.enforced_id: Mode.ENFORCED.value}
    return {
        "id": to_public(Prefix.VERSION, version.pk),
        "number": version.number,
        "mode": modes.get(version.pk),
        "document": version.document,
        "digest": version.digest,
        "note": version.note,
        "published_at": version.published_at,
        "published_by": {"id": version.published_by_id, "name": version.published_by_name},
    }
