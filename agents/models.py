"""Tables of those who ask: agents, their runtime credentials and their sealed credentials."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

from core.sealing import KEK_NAME_LENGTH, Place, Sealed
from people.models import Organization, Person

NAME_LENGTH = 120
DESCRIPTION_LENGTH = 500
LABEL_LENGTH = 60
REFERENCE_LENGTH = 200
REASON_LENGTH = 500
HASH_LENGTH = 64
CREDENTIAL_KINDS = ("api_key", "card_token", "signer", "other")
RAILS = ("card", "bank", "stablecoin", "x402", "mpp", "invoice", "other")


class Agent(models.Model):
    """Software that may ask to spend: the binding of one managed actor of the app."""

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="agents", db_index=False)
    name = models.CharField(max_length=NAME_LENGTH)
    description = models.CharField(max_length=DESCRIPTION_LENGTH, blank=True)
    external_ref = models.CharField(max_length=REFERENCE_LENGTH, null=True)
    owner = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    labels = ArrayField(models.CharField(max_length=LABEL_LENGTH), default=list)
    frozen_at = models.DateTimeField(null=True)
    frozen_reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    retired_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [GinIndex(fields=["labels"], name="agent_by_label")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "external_ref"], name="agent_reference_is_unique"),
            models.CheckConstraint(condition=~Q(name=""), name="agent_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class AgentKey(models.Model):
    """A runtime credential: the secret with which an app calls the API for one agent; only a keyed hash is stored.

    A rotated key has a `successor` and works until it expires.
    """

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="keys")
    name = models.CharField(max_length=NAME_LENGTH)
    secret_hash = models.CharField(max_length=HASH_LENGTH)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    successor = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                name="agent_key_expires_after_creation",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SealedCredential(models.Model):
    """A provider secret kept for an agent, encrypted at rest, released only against an approved authorization.

    `sealed` is AES-256-GCM under a data key of its own; `wrapped_key` is that data key under the key-encryption
    key named `kek`. `counterparties` (uuid) and `rails` say what it may be released for; both must match where both
    are given. Revoking destroys the secret: nothing is left to be opened.
    """

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="sealed_credentials")
    name = models.CharField(max_length=NAME_LENGTH)
    kind = models.CharField(max_length=20)
    sealed = models.BinaryField()
    wrapped_key = models.BinaryField()
    kek = models.CharField(max_length=KEK_NAME_LENGTH, blank=True)
    counterparties = ArrayField(models.UUIDField(), default=list)
    rails = ArrayField(models.CharField(max_length=20), default=list)
    may_agent_release = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["agent", "name"], condition=Q(revoked_at__isnull=True), name="sealed_credential_name_is_unique"
            ),
            models.CheckConstraint(condition=Q(kind__in=CREDENTIAL_KINDS), name="sealed_credential_kind_is_known"),
            models.CheckConstraint(
                condition=Q(counterparties__len__gt=0) | Q(rails__len__gt=0), name="sealed_credential_is_bound"
            ),
            models.CheckConstraint(
                condition=Q(rails__contained_by=list(RAILS)), name="sealed_credential_rails_are_known"
            ),
            models.CheckConstraint(
                condition=(Q(revoked_at__isnull=True) & ~Q(sealed=b"") & ~Q(wrapped_key=b"") & ~Q(kek=""))
                | (Q(revoked_at__isnull=False) & Q(sealed=b"") & Q(wrapped_key=b"") & Q(kek="")),
                name="sealed_credential_is_destroyed_when_revoked",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> Place:
        """Where the secret is stored; it opens nowhere else."""
        return Place("agents_sealedcredential", self.pk, "sealed")

    @property
    def envelope(self) -> Sealed:
        """What is stored of the secret."""
        return Sealed(bytes(self.sealed), bytes(self.wrapped_key), self.kek)
