"""Tables of the rules: policies, drafts, published versions and assignments."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from agents.models import Agent
from core.actor import ACTOR_NAME_LENGTH
from people.models import Organization

NAME_LENGTH = 120
REFERENCE_LENGTH = 200
LABEL_LENGTH = 60
NOTE_LENGTH = 500
DIGEST_LENGTH = 64


class Policy(models.Model):
    """A named set of rules.

    `enforced` is the version that counts, `shadow` one that is only shown beside it; either may be absent.
    `draft_notes` say why the draft is as it is: who suggested what, and the request that it came from.
    """

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="policies", db_index=False)
    name = models.CharField(max_length=NAME_LENGTH)
    description = models.CharField(max_length=NOTE_LENGTH, blank=True)
    external_ref = models.CharField(max_length=REFERENCE_LENGTH, null=True)
    enforced = models.ForeignKey("PolicyVersion", on_delete=models.PROTECT, null=True, related_name="+")
    shadow = models.ForeignKey("PolicyVersion", on_delete=models.PROTECT, null=True, related_name="+")
    draft = models.JSONField(null=True)
    draft_changed_at = models.DateTimeField(null=True)
    draft_notes = models.JSONField(default=list)
    retired_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "external_ref"], name="policy_reference_is_unique"),
            models.CheckConstraint(condition=~Q(name=""), name="policy_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class PolicyVersion(models.Model):
    """One immutable published edition of a policy."""

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    document = models.JSONField()
    digest = models.CharField(max_length=DIGEST_LENGTH)
    note = models.CharField(max_length=NOTE_LENGTH, blank=True)
    published_at = models.DateTimeField()
    published_by_id = models.CharField(max_length=60)
    published_by_name = models.CharField(max_length=ACTOR_NAME_LENGTH)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["policy", "number"], name="version_number_is_unique"),
            models.CheckConstraint(condition=Q(number__gte=1), name="version_number_is_positive"),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"


class Assignment(models.Model):
    """To whom a policy applies: the whole organization, the agents with a label, or one agent."""

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="assignments", db_index=False)
    label = models.CharField(max_length=LABEL_LENGTH, null=True)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(label__isnull=True) | Q(agent__isnull=True), name="assignment_has_at_most_one_target"
            ),
            models.UniqueConstraint(
                fields=["policy", "label", "agent"], nulls_distinct=False, name="assignment_is_one_per_target"
            ),
        ]

    def __str__(self) -> str:
        return self.label or str(self.agent or "everybody")
