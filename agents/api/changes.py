"""What the API answers where a change waits for a second person: 202 with the change itself."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from rest_framework import serializers
from rest_framework.response import Response

from core.ids import Prefix, to_public
from people.models import ChangeEnd, ChangeKind, PendingChange
from people.selectors import agreements_to, change_of
from people.services import Awaiting

ACCEPTED: Final = 202
WAITING: Final = "waiting"


class ProposerOut(serializers.Serializer[Any]):
    """Who proposed: a person or a key."""

    id = serializers.CharField()
    name = serializers.CharField()


class AgreementOut(serializers.Serializer[Any]):
    """A person who agreed, and when."""

    id = serializers.CharField()
    name = serializers.CharField()
    at = serializers.DateTimeField()


class PendingChangeOut(serializers.Serializer[Any]):
    """A change that may let more money pass: nothing of it counts until a second person agrees."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(ChangeKind.values)
    subject = serializers.CharField(help_text="The id of what would change.")
    title = serializers.CharField()
    status = serializers.ChoiceField([WAITING, *ChangeEnd.values])
    loosens = serializers.ListField(child=serializers.CharField(), help_text="What may let more money pass.")
    content = serializers.DictField(
        help_text="Exactly what is agreed to; in a list that of a file of policies is left out: read the change."
    )
    digest = serializers.CharField(help_text="SHA-256 of the content in its canonical form.")
    proposed_by = ProposerOut()
    agreements_needed = serializers.IntegerField(
        help_text="How many persons must agree: 1 beside a person who proposed; 2 where a key did, for nobody "
        "knows who holds it."
    )
    agreements = AgreementOut(many=True, help_text="Who has agreed so far, and still may.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(help_text="Why it was rejected or voided; empty while it waits.")


class PendingChangesOut(serializers.Serializer[Any]):
    """A page of changes, the newest first."""

    data = PendingChangeOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


def change_out(change: PendingChange, content: Mapping[str, Any]) -> dict[str, object]:
    """Return a change as the API shows it, with as much of its content as is asked for."""
    return {
        "id": to_public(Prefix.CHANGE, change.pk),
        "kind": change.kind,
        "subject": change.subject_id,
        "title": change.title,
        "status": change.closed_as or WAITING,
        "loosens": change.loosens,
        "content": content,
        "digest": change.digest,
        "proposed_by": {"id": change.proposed_by_id, "name": change.proposed_by_name},
        "agreements_needed": change.agreements_needed,
        "agreements": [
            {"id": to_public(Prefix.PERSON, one.person_id), "name": one.name, "at": one.at}
            for one in agreements_to(change)
        ],
        "created_at": change.created_at,
        "expires_at": change.expires_at,
        "closed_at": change.closed_at,
        "reason": change.reason,
    }


def accepted(organization_id: UUID, awaiting: Awaiting, **more: object) -> Response:
    """Return the answer to a call whose change waits, with more beside the change."""
    change = change_of(organization_id, awaiting.public_id)
    return Response({**change_out(change, change.content), **more}, status=ACCEPTED)
