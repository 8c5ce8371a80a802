"""What goes in and out of the API of authorizations, as its description tells it, and who calls."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from approvals.api.parsing import (
    LONGEST_KEY,
    LONGEST_LABEL,
    LONGEST_PURPOSE,
    LONGEST_SESSION,
    RAILS,
)
from approvals.lifecycle import Status
from approvals.services.booking import LONGEST_NOTE, LONGEST_REFERENCE, Flag
from core.money import AMOUNT_PATTERN, CURRENCY_PATTERN
from core.paging import DEFAULT_PAGE, LARGEST_PAGE
from spend.payee import LONGEST_IDENTIFIER, LONGEST_NAME

Out = serializers.Serializer[Any]

KEY_HEADER: Final = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Your own key for this ask, unique per agent. The same key and body is answered once.",
)
LIST_FILTERS: Final = [
    OpenApiParameter("status", str, enum=[status.value for status in Status]),
    OpenApiParameter("outcome", str, enum=["allow", "review", "deny"]),
    OpenApiParameter("reason", str, description="A reason code in the decision."),
    OpenApiParameter("agent", str, description="Public id; with an organization key only."),
    OpenApiParameter("counterparty", str, description="Public id."),
    OpenApiParameter("category", str),
    OpenApiParameter("rail", str, enum=RAILS),
    OpenApiParameter("session", str),
    OpenApiParameter("currency", str),
    OpenApiParameter("since", str, description="Asked at or after this moment (RFC 3339)."),
    OpenApiParameter("until", str, description="Asked before this moment (RFC 3339)."),
    OpenApiParameter("cursor", str, description="`next_cursor` of the page before."),
    OpenApiParameter("limit", int, description=f"Rows per page, 1 to {LARGEST_PAGE}; {DEFAULT_PAGE} if left out."),
]


class AmountField(serializers.RegexField):
    """An exact amount as a string; a JSON number is taken by its digits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(f"^{AMOUNT_PATTERN.pattern}$", **options)


class CurrencyField(serializers.RegexField):
    """A currency code."""

    def __init__(self, **options: Any) -> None:
        super().__init__(f"^{CURRENCY_PATTERN.pattern}$", **options)


class PayeeIn(Out):
    """Who would be paid: strong identifiers, and a name that is shown and never compared."""

    name = serializers.CharField(max_length=LONGEST_NAME, required=False)
    domain = serializers.CharField(max_length=LONGEST_IDENTIFIER, required=False)
    address = serializers.CharField(max_length=LONGEST_IDENTIFIER, required=False)
    account = serializers.CharField(max_length=LONGEST_IDENTIFIER, required=False)
    id = serializers.CharField(max_length=LONGEST_LABEL, required=False, help_text="Conto's own id: `cpt_…`.")
    country = serializers.RegexField("^[A-Z]{2}$", required=False)


class AskIn(Out):
    """A payment that an agent asks for."""

    amount = AmountField()
    currency = CurrencyField()
    counterparty = PayeeIn()
    category = serializers.CharField(max_length=LONGEST_LABEL, required=False)
    rail = serializers.ChoiceField(RAILS, required=False)
    session = serializers.CharField(max_length=LONGEST_SESSION, required=False)
    purpose = serializers.CharField(max_length=LONGEST_PURPOSE, required=False)
    context = serializers.DictField(required=False)  # type: ignore[assignment]
    idempotency_key = serializers.CharField(max_length=LONGEST_KEY, required=False)


class CheckOut(Out):
    """What one rule said of the payment."""

    policy = serializers.CharField()
    policy_id = serializers.CharField()
    version = serializers.IntegerField()
    mode = serializers.ChoiceField(["enforced", "shadow"])
    rule = serializers.CharField()
    rule_key = serializers.CharField()
    outcome = serializers.ChoiceField(["allow", "review", "deny", "not_applicable"])
    code = serializers.CharField()
    limit = serializers.CharField(allow_null=True)
    used = serializers.CharField(allow_null=True)
    requested = serializers.CharField(allow_null=True)
    remaining = serializers.CharField(allow_null=True)
    currency = serializers.CharField(allow_null=True)
    window_ends_at = serializers.CharField(allow_null=True)


class DecisionOut(Out):
    """The engine's answer with every check."""

    outcome = serializers.ChoiceField(["allow", "review", "deny"])
    reasons = serializers.ListField(child=serializers.CharField())
    checks = CheckOut(many=True)


class PayeeOut(Out):
    """Who would be paid, as it was stored."""

    id = serializers.CharField(allow_null=True)
    name = serializers.CharField(allow_null=True)
    identifiers = serializers.ListField(child=serializers.CharField(), allow_null=True)


class HoldOut(Out):
    """Money still set aside."""

    amount = serializers.CharField()


class RequirementOut(Out):
    """How many approvals a rule asks for."""

    policy = serializers.CharField()
    rule_key = serializers.CharField()
    approvals = serializers.IntegerField()


class ApprovalRequestOut(Out):
    """The question put to people."""

    id = serializers.CharField()
    expires_at = serializers.DateTimeField()
    approvals = serializers.IntegerField()
    requirements = RequirementOut(many=True)


class AuthorizationOut(Out):
    """A request to spend with its answer and its life. Pay only while `may_pay` is true."""

    id = serializers.CharField()
    agent = serializers.CharField()
    status = serializers.ChoiceField([status.value for status in Status])
    status_reason = serializers.CharField(allow_blank=True)
    may_pay = serializers.BooleanField()
    amount = serializers.CharField()
    currency = serializers.CharField()
    counterparty = PayeeOut()
    category = serializers.CharField(allow_null=True)
    rail = serializers.CharField(allow_null=True)
    session = serializers.CharField(allow_null=True)
    purpose = serializers.CharField(allow_blank=True)
    asked_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    decision = DecisionOut()
    hold = HoldOut(allow_null=True)
    recorded = serializers.CharField()
    approval_request = ApprovalRequestOut(allow_null=True)
    possible_duplicate_of = serializers.CharField(allow_null=True)
    verdict = serializers.CharField(allow_null=True)


class SummaryOut(Out):
    """An authorization in a list."""

    id = serializers.CharField()
    agent = serializers.CharField()
    status = serializers.ChoiceField([status.value for status in Status])
    outcome = serializers.ChoiceField(["allow", "review", "deny"])
    reasons = serializers.ListField(child=serializers.CharField())
    amount = serializers.CharField()
    currency = serializers.CharField()
    counterparty = PayeeOut()
    category = serializers.CharField(allow_null=True)
    rail = serializers.CharField(allow_null=True)
    session = serializers.CharField(allow_null=True)
    asked_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)


class PageOut(Out):
    """One page of authorizations."""

    data = SummaryOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(
        allow_null=True, help_text="Null at the end only: a page before it may be short or empty."
    )


class SimulationOut(Out):
    """What would be answered; nothing was stored."""

    decision = DecisionOut()
    counterparty = PayeeOut()


class ReportIn(Out):
    """What was really paid or refunded."""

    amount = AmountField()
    currency = CurrencyField()
    kind = serializers.ChoiceField(["payment", "refund"], required=False)
    counterparty = PayeeIn(required=False)
    reference = serializers.CharField(max_length=LONGEST_REFERENCE, required=False)
    final = serializers.BooleanField(required=False)
    occurred_at = serializers.DateTimeField(required=False, help_text="For display only.")
    note = serializers.CharField(max_length=LONGEST_NOTE, required=False)


class UnauthorizedReportIn(ReportIn):
    """Spend that had no authorization; with an organization key `agent` says whose it was."""

    refund_of = serializers.CharField(required=False, help_text="The record paid back: `spd_…`.")
    category = serializers.CharField(max_length=LONGEST_LABEL, required=False)
    rail = serializers.ChoiceField(RAILS, required=False)
    session = serializers.CharField(max_length=LONGEST_SESSION, required=False)
    agent = serializers.CharField(required=False)


class BatchIn(Out):
    """Several records at once; each is stored, or refused, by itself."""

    records = UnauthorizedReportIn(many=True)


class RecordOut(Out):
    """A stored record."""

    id = serializers.CharField()
    authorization = serializers.CharField(allow_null=True)
    agent = serializers.CharField()
    kind = serializers.ChoiceField(["payment", "refund"])
    amount = serializers.CharField()
    currency = serializers.CharField()
    reference = serializers.CharField(allow_null=True)
    flags = serializers.ListField(child=serializers.ChoiceField([flag.value for flag in Flag]))
    final = serializers.BooleanField()
    recorded_at = serializers.DateTimeField()


class RecordedOut(Out):
    """A stored record and how the authorization stands after it."""

    record = RecordOut()
    authorization = AuthorizationOut()


class BatchResultOut(Out):
    """One of a batch: the record, or the problem with it."""

    record = RecordOut(allow_null=True)
    error = serializers.DictField(allow_null=True)


class BatchOut(Out):
    """The results, in the order sent."""

    data = BatchResultOut(many=True)  # type: ignore[assignment]


class OptionalReasonIn(Out):
    """Why; may be left out."""

    reason = serializers.CharField(max_length=LONGEST_PURPOSE, required=False)


class ReleaseIn(Out):
    """Which credential, where several match: its id or name."""

    credential = serializers.CharField(max_length=LONGEST_SESSION, required=False)


class ReleasedOut(Out):
    """The secret, for the executor only."""

    credential = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    secret = serializers.CharField()


class LimitOut(Out):
    """One counted cap."""

    policy = serializers.CharField()
    policy_id = serializers.CharField()
    mode = serializers.ChoiceField(["enforced", "shadow"])
    rule = serializers.CharField()
    rule_key = serializers.CharField()
    code = serializers.CharField()
    sentence = serializers.CharField()
    currency = serializers.CharField(allow_null=True)
    limit = serializers.CharField()
    used = serializers.CharField(help_text="Holds and records in the window.")
    held = serializers.CharField(help_text="The part of `used` that is set aside and not spent yet.")
    remaining = serializers.CharField()
    window_ends_at = serializers.DateTimeField(allow_null=True)
    rolling = serializers.BooleanField()
    on_breach = serializers.ChoiceField(["deny", "review"])


class LimitsOut(Out):
    """What an agent may still spend."""

    data = LimitOut(many=True)  # type: ignore[assignment]
