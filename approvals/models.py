"""Tables of how each request to spend gets its answer: authorizations, approval requests, reviews, releases."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from agents.models import Agent, AgentKey, SealedCredential
from approvals.lifecycle import NEVER_GIVEN, ReviewEnd, Status
from core.actor import ACTOR_NAME_LENGTH
from people.models import Organization, Person
from policies.models import Policy
from spend.models import RAILS, Counterparty

TEXT_LENGTH = 200
PURPOSE_LENGTH = 1000
KEY_LENGTH = 255
DIGEST_LENGTH = 64
REASON_LENGTH = 1000
UNFINISHED = ("waiting", "running")


class Authorization(models.Model):
    """The stored request together with its answer and its life.

    `decision` is the answer as given; `facts` hold the payment and the world it was decided in; `redecision` is the
    answer given again at quorum. `expires_at` is the clock of the present status. `given_up_as` says that it was voided
    or has expired once, whatever became of it then: a record that comes later is flagged by it.
    """

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+", db_index=False)
    key = models.ForeignKey(AgentKey, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    idempotency_key = models.CharField(max_length=KEY_LENGTH, null=True)
    body_digest = models.CharField(max_length=DIGEST_LENGTH)
    amount = models.DecimalField(max_digits=20, decimal_places=6)
    currency = models.CharField(max_length=10)
    counting_currency = models.CharField(max_length=10)
    counterparty = models.ForeignKey(
        Counterparty, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    payee = models.JSONField()
    payee_digest = models.CharField(max_length=DIGEST_LENGTH)
    category = models.CharField(max_length=TEXT_LENGTH, null=True)
    rail = models.CharField(max_length=20, null=True)
    country = models.CharField(max_length=2, null=True)
    session = models.CharField(max_length=TEXT_LENGTH, null=True)
    purpose = models.CharField(max_length=PURPOSE_LENGTH, blank=True)
    context = models.JSONField(default=dict)
    outcome = models.CharField(max_length=10)
    reasons = ArrayField(models.CharField(max_length=60), default=list)
    decision = models.JSONField()
    facts = models.JSONField()
    versions = ArrayField(models.UUIDField(), default=list)
    redecision = models.JSONField(null=True)
    redecision_facts = models.JSONField(null=True)
    possible_duplicate_of = models.UUIDField(null=True)
    status = models.CharField(max_length=20)
    status_reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    given_up_as = models.CharField(max_length=10, null=True)
    asked_at = models.DateTimeField()
    approved_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    in_doubt_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    decided_in_us = models.PositiveIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["organization", "-asked_at", "-id"],
                name="authorization_newest_first",
            ),
            models.Index(
                fields=["organization", "-amount", "-id"],
                name="authorization_largest_first",
            ),
            models.Index(fields=["agent", "-asked_at"], name="authorization_of_agent"),
            models.Index(
                fields=["agent", "payee_digest", "amount", "currency", "-asked_at"],
                condition=Q(status__in=["approved", "pending_review", "in_doubt"]),
                name="authorization_twin_alive",
            ),
            models.Index(
                fields=["agent", "payee_digest", "amount", "currency", "-asked_at"],
                condition=Q(status="recorded"),
                name="authorization_twin_recorded",
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(status__in=["pending_review", "approved"]),
                name="authorization_due",
            ),
            models.Index(
                fields=["organization", "status", "-asked_at"],
                name="authorization_by_status",
            ),
            models.Index(
                fields=["counterparty", "-asked_at"],
                name="authorization_of_counterparty",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agent", "idempotency_key"], name="key_is_unique_per_agent"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="authorization_amount_is_positive"),
            models.CheckConstraint(
                condition=Q(status__in=[str(status) for status in Status]),
                name="authorization_status_is_known",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["allow", "review", "deny"]),
                name="authorization_outcome_is_known",
            ),
            models.CheckConstraint(
                condition=Q(rail__isnull=True) | Q(rail__in=RAILS),
                name="authorization_rail_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["pending_review", "approved"]) | Q(expires_at__isnull=False),
                name="waiting_authorization_has_a_clock",
            ),
            models.CheckConstraint(
                condition=~Q(outcome="deny") | Q(status="declined"),
                name="denied_authorization_is_declined",
            ),
            models.CheckConstraint(
                condition=Q(given_up_as__isnull=True) | Q(given_up_as__in=["voided", "expired"]),
                name="authorization_is_given_up_with_a_word",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} {self.status}"


class ApprovalRequest(models.Model):
    """The question put to people: who must say yes, until when."""

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    authorization = models.OneToOneField(Authorization, on_delete=models.PROTECT, related_name="approval_request")
    requirements = models.JSONField()
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_as = models.CharField(max_length=20, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["organization", "expires_at"],
                condition=Q(closed_at__isnull=True),
                name="approval_request_open",
            ),
            models.Index(
                fields=["organization", "closed_at"],
                condition=Q(closed_at__isnull=False),
                name="approval_request_closed",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_as="")
                | Q(
                    closed_at__isnull=False,
                    closed_as__in=[
                        "approved",
                        "rejected",
                        "redecided",
                        "voided",
                        "expired",
                        "recorded",
                    ],
                ),
                name="approval_request_closes_with_a_word",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("opened_at")),
                name="approval_request_has_time",
            ),
        ]

    def __str__(self) -> str:
        return f"approval request {self.id}"


class Review(models.Model):
    """One person's answer: `approve` or `reject`, with the digest of the evidence it was given on.

    It counts from `effective_at` on; until then its person may withdraw it. `closed_as` says what became of it.
    """

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="reviews")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=10)
    reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    evidence_digest = models.CharField(max_length=DIGEST_LENGTH, blank=True)
    at = models.DateTimeField()
    effective_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_as = models.CharField(max_length=10, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization", "closed_at"], name="review_in_time"),
            models.Index(fields=["effective_at", "id"], condition=Q(closed_at__isnull=True), name="review_due"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["request", "person"],
                condition=~Q(closed_as__in=NEVER_GIVEN),
                name="review_is_one_per_person",
            ),
            models.CheckConstraint(condition=Q(effective_at__gt=F("at")), name="review_can_be_taken_back"),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_as="")
                | Q(closed_at__isnull=False, closed_as__in=[str(end) for end in ReviewEnd]),
                name="review_closes_with_a_word",
            ),
            models.CheckConstraint(
                condition=~Q(closed_as="counted") | Q(closed_at__gte=F("effective_at")),
                name="review_counts_once_effective",
            ),
            models.CheckConstraint(
                condition=~Q(closed_as="withdrawn") | Q(closed_at__lt=F("effective_at")),
                name="review_is_withdrawn_in_time",
            ),
            models.CheckConstraint(
                condition=Q(verdict__in=["approve", "reject"]),
                name="review_verdict_is_known",
            ),
            models.CheckConstraint(condition=~Q(verdict="reject", reason=""), name="rejection_has_a_reason"),
        ]

    def __str__(self) -> str:
        return self.verdict


class CredentialRelease(models.Model):
    """That a sealed credential was handed out for an authorization; one per authorization."""

    authorization = models.OneToOneField(
        Authorization,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="credential_release",
    )
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    credential = models.ForeignKey(SealedCredential, on_delete=models.PROTECT, related_name="+")
    idempotency_key = models.CharField(max_length=KEY_LENGTH, null=True)
    released_to = models.CharField(max_length=60)
    released_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"release for {self.authorization_id}"


class Backtest(models.Model):
    """A draft asked of history: what it and the other current policies would have answered.

    A worker that has taken it says so at `seen_at`; once it is silent for long, another one begins anew, and `attempts`
    counts it. `targets` is to whom the draft would apply, `digest` names it without the dates of holidays, `result` is
    what came out.
    """

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="+", db_index=False)
    document = models.JSONField()
    digest = models.CharField(max_length=DIGEST_LENGTH)
    targets = models.JSONField()
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, null=True, related_name="+")
    since = models.DateTimeField()
    until = models.DateTimeField()
    status = models.CharField(max_length=10)
    why = models.CharField(max_length=TEXT_LENGTH, blank=True)
    asked_by_id = models.CharField(max_length=60)
    asked_by_name = models.CharField(max_length=ACTOR_NAME_LENGTH)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    result = models.JSONField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization", "-created_at"], name="backtest_newest_first"),
            models.Index(fields=["policy", "-created_at"], name="backtest_of_policy"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization"], condition=Q(status__in=UNFINISHED), name="backtest_is_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "running", "done", "cancelled", "failed"]),
                name="backtest_status_is_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=UNFINISHED, ended_at__isnull=True)
                | (~Q(status__in=UNFINISHED) & Q(ended_at__isnull=False)),
                name="backtest_ends_at_a_moment",
            ),
            models.CheckConstraint(
                condition=Q(status="done", result__isnull=False) | (~Q(status="done") & Q(result__isnull=True)),
                name="backtest_has_a_result_once_done",
            ),
            models.CheckConstraint(condition=Q(until__gt=F("since")), name="backtest_has_a_period"),
        ]

    def __str__(self) -> str:
        return f"backtest {self.status}"


class BacktestChange(models.Model):
    """One payment that a backtest answers otherwise than history did, with its checks; some are kept of each kind."""

    backtest = models.ForeignKey(Backtest, on_delete=models.PROTECT, related_name="changes", db_index=False)
    number = models.PositiveIntegerField()
    authorization = models.ForeignKey(Authorization, on_delete=models.PROTECT, related_name="+", db_index=False)
    before = models.CharField(max_length=10)
    after = models.CharField(max_length=10)
    decision = models.JSONField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["backtest", "number"], name="change_is_numbered_once"),
            models.CheckConstraint(condition=~Q(before=F("after")), name="change_changes_the_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.before} to {self.after}"
