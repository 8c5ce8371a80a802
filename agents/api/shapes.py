"""What goes in and out of the API of agents, and who calls."""

from typing import Any, Final, cast
from uuid import UUID

from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from agents.models import (
    CREDENTIAL_KINDS,
    DESCRIPTION_LENGTH,
    LABEL_LENGTH,
    NAME_LENGTH,
    RAILS,
    REASON_LENGTH,
    AgentKey,
)
from agents.selectors import LARGEST_PAGE, PAGE_SIZE, STATES, key_status
from agents.services.credentials import LONGEST_SECRET, MOST_COUNTERPARTIES
from agents.services.fields import MOST_LABELS
from agents.services.runtime_keys import LONGEST_OVERLAP_SECONDS
from core.actor import Actor
from core.errors import Invalid, InvalidMany, NotFound
from core.http import address_of, request_id_of
from core.ids import Prefix, from_public, to_public
from people.authentication import OrganizationCaller
from people.roles import Scope

NO_STORE: Final = {"Cache-Control": "no-store"}
"""Answers that carry a secret are kept by nobody on the way."""

PAGING: Final = [
    OpenApiParameter("cursor", str, description="`next_cursor` of the page before."),
    OpenApiParameter("limit", int, description=f"Rows per page, 1 to {LARGEST_PAGE}; {PAGE_SIZE} if left out."),
]


@extend_schema_field({"type": "string", "pattern": "^[a-z]{3}_[0-7][0-9a-hjkmnp-tv-z]{25}$"})
class PublicIdField(serializers.Field[UUID, object, str, Any]):
    """A public id (TypeID) of one prefix."""

    default_error_messages = {"id_invalid": "This is no id of the expected kind."}  # noqa: RUF012 - DRF's own way

    def __init__(self, prefix: Prefix, **options: Any) -> None:
        self.prefix = prefix
        super().__init__(**options)

    def to_representation(self, value: UUID) -> str:
        """Return the public id."""
        return to_public(self.prefix, value)

    def to_internal_value(self, data: object) -> UUID:
        """Return the UUID inside."""
        try:
            return from_public(self.prefix, data if isinstance(data, str) else "")
        except NotFound:
            self.fail("id_invalid")


class TextField(serializers.CharField):
    """Text, and no number that could be taken for one."""

    def to_internal_value(self, data: object) -> str:
        """Return the text; anything but a string is refused."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class WholeNumberField(serializers.IntegerField):
    """A whole number, and no text that could be taken for one."""

    def to_internal_value(self, data: object) -> int:
        """Return the number; anything but a whole JSON number is refused."""
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class FlagField(serializers.BooleanField):
    """True or false, and nothing that could be taken for them."""

    def to_internal_value(self, data: object) -> bool:
        """Return the flag; anything but `true` and `false` is refused."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class AgentIn(serializers.Serializer[Any]):
    """The fields of an agent that a caller may set."""

    name = TextField(max_length=NAME_LENGTH)
    description = TextField(max_length=DESCRIPTION_LENGTH, allow_blank=True, required=False)
    labels = serializers.ListField(child=TextField(max_length=LABEL_LENGTH), max_length=MOST_LABELS, required=False)
    owner = PublicIdField(Prefix.PERSON, allow_null=True, required=False, help_text="The person who answers for it.")


class NewAgentIn(AgentIn):
    """A new agent; `external_ref` is the app's own id of the actor."""

    external_ref = TextField(max_length=200, allow_null=True, required=False)


class AgentOut(serializers.Serializer[Any]):
    """An agent: the binding of one managed actor of the app."""

    id = PublicIdField(Prefix.AGENT, source="pk")
    name = serializers.CharField()
    description = serializers.CharField()
    external_ref = serializers.CharField(allow_null=True)
    owner = PublicIdField(Prefix.PERSON, source="owner_id", allow_null=True)
    labels = serializers.ListField(child=serializers.CharField())
    frozen_at = serializers.DateTimeField(allow_null=True)
    frozen_reason = serializers.CharField()
    retired_at = serializers.DateTimeField(allow_null=True)
    last_seen_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class AgentPageOut(serializers.Serializer[Any]):
    """One page of agents, the newest first."""

    data = AgentOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class FreezeIn(serializers.Serializer[Any]):
    """Why it is done; it stands in the history."""

    reason = TextField(max_length=REASON_LENGTH)


class NoFieldsIn(serializers.Serializer[Any]):
    """A body without fields; it may be left out."""


class KeyIn(serializers.Serializer[Any]):
    """A new runtime credential."""

    name = TextField(max_length=NAME_LENGTH)
    expires_at = serializers.DateTimeField(allow_null=True, required=False, help_text="Never, if left out.")


class RotationIn(serializers.Serializer[Any]):
    """How long the old key works beside its successor."""

    overlap_seconds = WholeNumberField(min_value=0, max_value=LONGEST_OVERLAP_SECONDS)


class KeyOut(serializers.Serializer[Any]):
    """A runtime credential, without its secret."""

    id = PublicIdField(Prefix.KEY, source="pk")
    agent = PublicIdField(Prefix.AGENT, source="agent_id")
    name = serializers.CharField()
    status = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    successor = PublicIdField(Prefix.KEY, source="successor_id", allow_null=True)

    @extend_schema_field({"type": "string", "enum": ["active", "expiring", "replaced", "expired", "revoked"]})
    def get_status(self, key: AgentKey) -> str:
        """Return the key's status at the moment of the answer."""
        return key_status(key, now=self.context["now"])


class IssuedKeyOut(KeyOut):
    """A runtime credential with its secret, shown in this one answer."""

    secret = serializers.SerializerMethodField()

    def get_secret(self, _: AgentKey) -> str:
        """Return the whole key to send as bearer token."""
        return str(self.context["secret"])


class KeyListOut(serializers.Serializer[Any]):
    """An agent's keys, the newest first, ended ones included."""

    data = KeyOut(many=True)  # type: ignore[assignment]


class CredentialChangeIn(serializers.Serializer[Any]):
    """Another secret, and what it may be released for; bindings left out stay as they are."""

    secret = TextField(max_length=LONGEST_SECRET, trim_whitespace=False, write_only=True)
    counterparties = serializers.ListField(
        child=PublicIdField(Prefix.COUNTERPARTY), max_length=MOST_COUNTERPARTIES, required=False
    )
    rails = serializers.ListField(child=serializers.ChoiceField(RAILS), max_length=len(RAILS), required=False)
    may_agent_release = FlagField(required=False)


class CredentialIn(CredentialChangeIn):
    """A secret to seal; `counterparties` or `rails` must say what it may be released for."""

    name = TextField(max_length=NAME_LENGTH)
    kind = serializers.ChoiceField(CREDENTIAL_KINDS)


class CredentialOut(serializers.Serializer[Any]):
    """A sealed credential; its secret is never shown, only released."""

    id = PublicIdField(Prefix.CREDENTIAL, source="pk")
    agent = PublicIdField(Prefix.AGENT, source="agent_id")
    name = serializers.CharField()
    kind = serializers.ChoiceField(CREDENTIAL_KINDS)
    counterparties = serializers.ListField(child=PublicIdField(Prefix.COUNTERPARTY))
    rails = serializers.ListField(child=serializers.ChoiceField(RAILS))
    may_agent_release = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    replaced_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class CredentialListOut(serializers.Serializer[Any]):
    """An agent's sealed credentials, those in force first."""

    data = CredentialOut(many=True)  # type: ignore[assignment]


class StatusOrganizationOut(serializers.Serializer[Any]):
    """The agent's organization."""

    id = serializers.CharField()
    name = serializers.CharField()
    frozen = serializers.BooleanField()
    currency = serializers.CharField()
    time_zone = serializers.CharField()


class StatusKeyOut(serializers.Serializer[Any]):
    """The key of this call."""

    id = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)


class StatusOut(serializers.Serializer[Any]):
    """An agent's own state: `may_ask` is false while it or its organization is frozen."""

    id = serializers.CharField()
    name = serializers.CharField()
    labels = serializers.ListField(child=serializers.CharField())
    may_ask = serializers.BooleanField()
    frozen = serializers.BooleanField()
    organization = StatusOrganizationOut()
    key = StatusKeyOut()
    server_time = serializers.DateTimeField()


AGENT_FILTERS: Final = [
    *PAGING,
    OpenApiParameter("q", str, description="Part of the name or of the reference, or an id."),
    OpenApiParameter("state", str, enum=STATES),
    OpenApiParameter("label", str),
    OpenApiParameter("external_ref", str, description="Exactly this reference: one agent or none."),
]


def body_of(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    """Return the checked fields of a body; a field that the serializer does not know is refused, not passed over."""
    sent = getattr(serializer, "initial_data", {})
    unknown = [name for name in sent if name not in serializer.fields] if isinstance(sent, dict) else []
    if unknown:
        raise InvalidMany([(str(name), "unknown_field", "There is no such field.") for name in unknown])
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def provisioner(request: Request) -> OrganizationCaller:
    """Return who calls; raises `NotAllowed` without the scope `provision`."""
    caller = request.auth
    assert isinstance(caller, OrganizationCaller)
    caller.demand(Scope.PROVISION)
    return caller


def reader(request: Request) -> OrganizationCaller:
    """Return who calls; raises `NotAllowed` without the scope `read`, which `provision` implies for agents."""
    caller = request.auth
    assert isinstance(caller, OrganizationCaller)
    if Scope.PROVISION not in caller.scopes:
        caller.demand(Scope.READ)
    return caller


def actor_of(request: Request, caller: OrganizationCaller) -> Actor:
    """Return the calling back end as the actor of a use case."""
    asked = cast(HttpRequest, request)  # DRF's request passes on what it does not know itself
    return caller.actor(request_id_of(asked), address_of(asked))


def limit_of(request: Request) -> int:
    """Return the page size asked for; raises `Invalid` (`limit_invalid`)."""
    text = request.query_params.get("limit", str(PAGE_SIZE))
    if not (
        text.isascii() and text.isdecimal() and len(text) <= len(str(LARGEST_PAGE)) and 1 <= int(text) <= LARGEST_PAGE
    ):
        raise Invalid("limit_invalid", f"The limit is 1 to {LARGEST_PAGE}.", field="limit")
    return int(text)
