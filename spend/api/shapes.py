"""What goes in and out of the API of counterparties and pegs."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers

from agents.api.shapes import TextField
from core.money import CURRENCY_PATTERN
from core.paging import DEFAULT_PAGE, LARGEST_PAGE
from spend.models import IDENTIFIER_LENGTH, NAME_LENGTH, NOTE_LENGTH, REFERENCE_LENGTH, STANDINGS
from spend.services.fields import MOST_IDENTIFIERS

IDENTIFIER_TEXT: Final = "With its kind: `domain:api.openai.com`, `address:0x…`, `account:DE89…`."
LONGEST_IDENTIFIER_TEXT: Final = IDENTIFIER_LENGTH + 20

FILTERS: Final = [
    OpenApiParameter("q", str, description="Part of the name, of the reference or of an identifier, or an id."),
    OpenApiParameter("standing", str, enum=STANDINGS),
    OpenApiParameter("external_ref", str, description="Exactly this reference: one counterparty or none."),
    OpenApiParameter("cursor", str, description="`next_cursor` of the page before."),
    OpenApiParameter("limit", int, description=f"Rows per page, 1 to {LARGEST_PAGE}; {DEFAULT_PAGE} if left out."),
]


class CounterpartyIn(serializers.Serializer[Any]):
    """The fields of a counterparty that a caller may set; `identifiers` is the whole set."""

    name = TextField(max_length=NAME_LENGTH)
    country = TextField(max_length=2, allow_blank=True, required=False, help_text="ISO 3166-1 alpha-2.")
    note = TextField(max_length=NOTE_LENGTH, allow_blank=True, required=False)
    standing = serializers.ChoiceField(STANDINGS, required=False)
    identifiers = serializers.ListField(
        child=TextField(max_length=LONGEST_IDENTIFIER_TEXT, help_text=IDENTIFIER_TEXT),
        max_length=MOST_IDENTIFIERS,
        required=False,
    )


class NewCounterpartyIn(CounterpartyIn):
    """A new counterparty; `external_ref` is the app's own id of it."""

    external_ref = TextField(max_length=REFERENCE_LENGTH, allow_null=True, required=False)


class CounterpartyOut(serializers.Serializer[Any]):
    """A counterparty: who would be paid."""

    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    standing = serializers.ChoiceField(STANDINGS)
    country = serializers.CharField()
    note = serializers.CharField()
    external_ref = serializers.CharField(allow_null=True)
    identifiers = serializers.ListField(child=serializers.CharField())
    first_seen_at = serializers.DateTimeField()
    merged_into = serializers.CharField(
        allow_null=True, help_text="The counterparty that this one was merged into; it does not change any more."
    )


class CounterpartyPageOut(serializers.Serializer[Any]):
    """One page of counterparties, the newest first."""

    data = CounterpartyOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class StandingIn(serializers.Serializer[Any]):
    """What the organization makes of a counterparty, and why."""

    standing = serializers.ChoiceField(STANDINGS)
    reason = TextField(max_length=NOTE_LENGTH, allow_blank=True, required=False)


class IdentifierIn(serializers.Serializer[Any]):
    """One strong identifier."""

    identifier = TextField(max_length=LONGEST_IDENTIFIER_TEXT, help_text=IDENTIFIER_TEXT)


@extend_schema_field(
    {"type": "object", "additionalProperties": {"type": "string", "pattern": CURRENCY_PATTERN.pattern}}
)
class PegsField(serializers.DictField):
    """Currency → the one it is pegged to."""


class PegsIn(serializers.Serializer[Any]):
    """The whole table of pegs."""

    pegs = PegsField(child=TextField(max_length=10), help_text='Such as `{"USDC": "USD"}`: counts with it, 1:1.')


class PegsOut(PegsIn):
    """The whole table of pegs as it stands."""
