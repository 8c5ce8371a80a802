"""Tables of the money side: counterparties, pegs, holds, records, counters and postings."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from agents.models import Agent
from core.span import Measure, Subject
from people.models import Organization
from spend.looks import LONGEST_LOOK, look_of

NAME_LENGTH = 200
IDENTIFIER_LENGTH = 255
TEXT_LENGTH = 200
REFERENCE_LENGTH = 200
NOTE_LENGTH = 500
DIGEST_LENGTH = 64
RING_SLOTS = 64
"""Slots of a rolling counter: the sixty-one that count and three for clocks that differ between processes."""
STANDINGS = ("unknown", "verified", "trusted", "blocked")
RAILS = ("card", "bank", "stablecoin", "x402", "mpp", "invoice", "other")
IDENTIFIER_KINDS = ("domain", "address", "account")


class LookField(models.CharField):  # type: ignore[type-arg]  # Django has no such arguments at run time
    """What the name looks like, kept with it: whoever writes a counterparty, one or many, writes it too."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:  # noqa: FBT001, ARG002 - as Django calls it
        """Set it from the name, and return it."""
        look = look_of(str(model_instance))
        setattr(model_instance, self.attname, look)
        return look

    def deconstruct(self) -> Any:
        """Say that in the database it is text like any other."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs


class Counterparty(models.Model):
    """Who would be paid: strong identifiers, a display name, and a standing.

    One that was merged into another is kept for what was decided with it; it has no identifiers any more. Who is merged
    into leads nowhere itself, so that one step leads from any to the one that is left.
    """

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="counterparties", db_index=False
    )
    name = models.CharField(max_length=NAME_LENGTH)
    look = LookField(max_length=LONGEST_LOOK, editable=False)
    standing = models.CharField(max_length=10, default="unknown")
    country = models.CharField(max_length=2, blank=True)
    note = models.CharField(max_length=NOTE_LENGTH, blank=True)
    first_seen_at = models.DateTimeField()
    external_ref = models.CharField(max_length=REFERENCE_LENGTH, null=True)
    merged_into = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    merged_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization", "name"], name="counterparty_by_name"),
            models.Index(
                fields=["organization", "look", "standing", "id"],
                condition=Q(merged_into__isnull=True),
                name="counterparty_by_look",
            ),
            models.Index(
                fields=["merged_into"],
                condition=Q(merged_into__isnull=False),
                name="counterparty_merged_into",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(standing__in=STANDINGS),
                name="counterparty_standing_is_known",
            ),
            models.UniqueConstraint(
                fields=["organization", "external_ref"],
                name="counterparty_reference_is_unique",
            ),
            models.CheckConstraint(
                condition=~Q(merged_into=F("id")),
                name="counterparty_is_not_merged_into_itself",
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True, merged_at__isnull=True)
                | Q(merged_into__isnull=False, merged_at__isnull=False),
                name="merged_counterparty_has_a_moment",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Identifier(models.Model):
    """One strong identifier of a counterparty, normalised; resolves to one counterparty per organization."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    counterparty = models.ForeignKey(Counterparty, on_delete=models.PROTECT, related_name="identifiers")
    kind = models.CharField(max_length=10)
    value = models.CharField(max_length=IDENTIFIER_LENGTH)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "kind", "value"],
                name="identifier_names_one_counterparty",
            ),
            models.CheckConstraint(condition=Q(kind__in=IDENTIFIER_KINDS), name="identifier_kind_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


class Peg(models.Model):
    """A stablecoin counts with the currency it is pegged to, 1:1."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="pegs", db_index=False)
    currency = models.CharField(max_length=10)
    pegged_to = models.CharField(max_length=10)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "currency"], name="peg_is_one_per_currency"),
            models.CheckConstraint(condition=~Q(currency=F("pegged_to")), name="peg_names_another_currency"),
        ]

    def __str__(self) -> str:
        return f"{self.currency} = {self.pegged_to}"


class Hold(models.Model):
    """The money side of one authorization, or of a record that had none: what is set aside, spent and returned.

    `held + spent - returned` is what its amount postings put into their counters. `is_ask` says that the row stands
    for an
    ask that was answered allow or review, which is what VELOCITY counts. The other fields are the facts counters go by.
    """

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+", db_index=False)
    authorization_id = models.UUIDField(null=True, unique=True)
    counterparty = models.ForeignKey(Counterparty, on_delete=models.PROTECT, null=True, related_name="+")
    currency = models.CharField(max_length=10)
    counting_currency = models.CharField(max_length=10)
    amount = models.DecimalField(max_digits=20, decimal_places=6)
    held = models.DecimalField(max_digits=20, decimal_places=6)
    spent = models.DecimalField(max_digits=30, decimal_places=6, default=0)
    returned = models.DecimalField(max_digits=30, decimal_places=6, default=0)
    is_ask = models.BooleanField()
    session = models.CharField(max_length=TEXT_LENGTH, null=True)
    category = models.CharField(max_length=TEXT_LENGTH, null=True)
    rail = models.CharField(max_length=20, null=True)
    asked_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["agent", "counting_currency", "asked_at"],
                name="hold_of_agent_in_time",
            ),
            models.Index(fields=["organization", "asked_at"], name="hold_of_organization_in_time"),
            models.Index(
                fields=["agent", "counterparty", "asked_at"],
                name="hold_of_counterparty_in_time",
            ),
            models.Index(
                fields=["counterparty", "authorization_id"],
                condition=Q(spent__gt=0),
                name="hold_that_paid_counterparty",
            ),
            models.Index(
                fields=["agent", "asked_at"],
                condition=Q(held__gt=0),
                name="hold_still_open",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="hold_amount_is_positive"),
            models.CheckConstraint(
                condition=Q(held__gte=0) & Q(held__lte=F("amount")),
                name="hold_is_within_its_amount",
            ),
            models.CheckConstraint(
                condition=Q(returned__gte=0) & Q(returned__lte=F("spent")),
                name="hold_returns_at_most_what_was_spent",
            ),
        ]

    def __str__(self) -> str:
        return f"hold {self.id}"


class SpendRecord(models.Model):
    """The app's report of what it really paid (`payment`) or got back (`refund`); immutable."""

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+", db_index=False)
    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, related_name="records")
    authorization_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=10)
    amount = models.DecimalField(max_digits=20, decimal_places=6)
    currency = models.CharField(max_length=10)
    counting_currency = models.CharField(max_length=10)
    counterparty = models.ForeignKey(Counterparty, on_delete=models.PROTECT, null=True, related_name="+")
    payee = models.JSONField(null=True)
    reference = models.CharField(max_length=REFERENCE_LENGTH, null=True)
    body_digest = models.CharField(max_length=DIGEST_LENGTH)
    flags = ArrayField(models.CharField(max_length=20), default=list)
    is_final = models.BooleanField(default=True)
    gives_room_back = models.BooleanField(default=False)
    occurred_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=NOTE_LENGTH, blank=True)
    recorded_at = models.DateTimeField()
    reported_by = models.CharField(max_length=60)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization", "-recorded_at"], name="record_newest_first"),
            models.Index(fields=["agent", "-recorded_at"], name="record_of_agent"),
            models.Index(fields=["authorization_id"], name="record_of_authorization"),
            models.Index(
                fields=["organization", "-recorded_at", "-id"],
                condition=~Q(flags=[]),
                name="record_flagged",
            ),
            models.Index(
                fields=["organization", "-amount", "-id"],
                condition=~Q(flags=[]),
                name="record_flagged_largest_first",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agent", "reference"], name="reference_is_unique_per_agent"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="record_amount_is_positive"),
            models.CheckConstraint(condition=Q(kind__in=["payment", "refund"]), name="record_kind_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.currency}"


class Counter(models.Model):
    """A cached sum for one subject and span, named by what it counts (`core.span.CounterKey`).

    A calendar counter keeps `used`; a rolling one keeps a ring of buckets, `head` being the newest bucket's number.
    `has_gap` says that a hold it counts passed it by, because no rule in force looked at it: it answers nothing until
    it is opened again. Pots never have one: they count what was drawn from them.
    """

    key = models.CharField(max_length=DIGEST_LENGTH, unique=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    measure = models.CharField(max_length=10)
    subject = models.CharField(max_length=20)
    currency = models.CharField(max_length=10)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, null=True, related_name="+")
    counterparty = models.CharField(max_length=60, null=True)
    session = models.CharField(max_length=TEXT_LENGTH, null=True)
    pot = models.CharField(max_length=160, null=True)
    condition = models.JSONField()
    span_start = models.DateTimeField(null=True)
    span_end = models.DateTimeField(null=True)
    rolling_seconds = models.PositiveIntegerField(null=True)
    used = models.DecimalField(max_digits=30, decimal_places=6, default=0)
    head = models.BigIntegerField(null=True)
    buckets = ArrayField(models.DecimalField(max_digits=30, decimal_places=6), null=True)
    opened_at = models.DateTimeField()
    has_gap = models.BooleanField(default=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organization", "pot"], name="counter_of_pot")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(measure__in=[str(measure) for measure in Measure]), name="counter_measure_is_known"
            ),
            models.CheckConstraint(
                condition=Q(subject__in=[str(subject) for subject in Subject]), name="counter_subject_is_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    rolling_seconds__isnull=True,
                    buckets__isnull=True,
                    head__isnull=True,
                )
                | Q(
                    rolling_seconds__isnull=False,
                    buckets__len=RING_SLOTS,
                    head__isnull=False,
                    used=0,
                ),
                name="counter_is_calendar_or_rolling",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.measure} {self.currency}"


class Posting(models.Model):
    """What one hold put into one counter; later moves of the hold follow it."""

    pk = models.CompositePrimaryKey("hold_id", "counter_id")
    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, related_name="postings", db_index=False)
    counter = models.ForeignKey(Counter, on_delete=models.PROTECT, related_name="postings", db_index=False)
    amount = models.DecimalField(max_digits=30, decimal_places=6)
    bucket = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["counter", "bucket"], name="posting_of_counter")]

    def __str__(self) -> str:
        return f"{self.amount}"


class Fingerprint(models.Model):
    """Guards DUPLICATE.

    `version` rises with every ask of the agent for this payee, amount and currency that was not denied.
    """

    pk = models.CompositePrimaryKey("agent_id", "digest")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+", db_index=False)
    digest = models.CharField(max_length=DIGEST_LENGTH)
    version = models.BigIntegerField(default=1)

    def __str__(self) -> str:
        return self.digest
