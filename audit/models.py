"""Tables of the history: events, what is not sealed yet, leaves and signed checkpoints."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from core.actor import ActorKind

ACTION_LENGTH = 60
ID_LENGTH = 60
NAME_LENGTH = 200
ADDRESS_LENGTH = 64
HASH_BYTES = 32
LARGEST_FRONTIER = 63


class Event(models.Model):
    """One line of history: actor, action, subject, before/after, when, from where."""

    id = models.UUIDField(primary_key=True)
    organization_id = models.UUIDField()
    at = models.DateTimeField()
    action = models.CharField(max_length=ACTION_LENGTH)
    actor_kind = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=ID_LENGTH)
    actor_name = models.CharField(max_length=NAME_LENGTH)
    subject_kind = models.CharField(max_length=30)
    subject_id = models.CharField(max_length=ID_LENGTH)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    request_id = models.CharField(max_length=ID_LENGTH, blank=True)
    address = models.CharField(max_length=ADDRESS_LENGTH, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "-at", "-id"], name="event_newest_first"),
            models.Index(fields=["organization_id", "subject_id", "-at"], name="event_of_subject"),
            models.Index(fields=["organization_id", "action", "-at"], name="event_of_action"),
            models.Index(fields=["organization_id", "actor_id", "-at"], name="event_of_actor"),
            # Most events are those of agents: the others are rare among them, and an ask writes nothing here.
            models.Index(
                fields=["organization_id", "actor_kind", "-at", "-id"],
                condition=~Q(actor_kind=ActorKind.AGENT.value),
                name="event_of_other_kind",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(actor_kind__in=list(ActorKind)), name="event_actor_kind_is_known"),
            models.CheckConstraint(condition=~Q(action=""), name="event_has_an_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject_id}"


class Pending(models.Model):
    """An event that no leaf covers yet; the sealer deletes what it sees."""

    event = models.OneToOneField(Event, on_delete=models.PROTECT, primary_key=True, related_name="+")
    organization_id = models.UUIDField()

    def __str__(self) -> str:
        return f"pending {self.event_id}"


class Leaf(models.Model):
    """The place of one event in the Merkle log of its organization (RFC 9162 leaf hash), gapless from 0."""

    organization_id = models.UUIDField()
    index = models.BigIntegerField()
    event = models.OneToOneField(Event, on_delete=models.PROTECT, related_name="leaf")
    hash = models.BinaryField(max_length=HASH_BYTES)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id", "index"], name="leaf_index_is_unique"),
            models.CheckConstraint(condition=Q(index__gte=0), name="leaf_index_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"leaf {self.index}"


class Checkpoint(models.Model):
    """A signed statement of how long the log was and what its root was (C2SP tlog-checkpoint).

    `frontier` holds the roots of the complete subtrees at that size: the next round goes on from it.
    """

    organization_id = models.UUIDField()
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=HASH_BYTES)
    frontier = models.BinaryField(max_length=HASH_BYTES * LARGEST_FRONTIER)
    text = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id", "size"], name="checkpoint_size_is_unique"),
            models.CheckConstraint(condition=Q(size__gt=0), name="checkpoint_covers_something"),
        ]

    def __str__(self) -> str:
        return f"checkpoint at {self.size}"


class Verification(models.Model):
    """The outcome of one full check of an organization's log: how far it reached and how many faults it found."""

    organization_id = models.UUIDField()
    at = models.DateTimeField()
    size = models.BigIntegerField()
    faults = models.PositiveIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organization_id", "-at"], name="verification_newest_first")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(size__gte=0), name="verification_size_is_not_negative")
        ]

    def __str__(self) -> str:
        return f"verified up to {self.size}"
