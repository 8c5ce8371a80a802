"""Tables of those who answer: organizations, persons, members, invitations and organization keys."""

from typing import ClassVar
from uuid import UUID
from zoneinfo import available_timezones

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from core.actor import ACTOR_NAME_LENGTH, ActorKind
from people.roles import Right, Role, Scope, rights_of

TIME_ZONES = frozenset(name for name in available_timezones() if "/" in name or name == "UTC")
NAME_LENGTH = 120
REASON_LENGTH = 500
FILTER_NAME_LENGTH = 60
FILTER_LENGTH = 2000
HASH_LENGTH = 64
DEFAULT_APPROVAL_TTL_SECONDS = 900
LONGEST_APPROVAL_TTL_SECONDS = 30 * 86_400
ROLES = [role.value for role in Role]
SCOPES = [scope.value for scope in Scope]


class Organization(models.Model):
    """The tenant: owns everything below; every query is scoped by it.

    `epoch` is raised by every change that a decision may rest on (freeze, policies, assignments, labels,
    standings, pegs, keys): a decision commits only in the epoch in which it was thought.
    """

    id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=NAME_LENGTH)
    currency = models.CharField(max_length=10, default="USD")
    time_zone = models.CharField(max_length=64, default="UTC")
    approval_ttl_seconds = models.PositiveIntegerField(default=DEFAULT_APPROVAL_TTL_SECONDS)
    confirmation_amount = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    needs_four_eyes = models.BooleanField(default=False)
    frozen_at = models.DateTimeField(null=True)
    frozen_reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    epoch = models.BigIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(name=""), name="organization_has_a_name"),
            models.CheckConstraint(
                condition=Q(approval_ttl_seconds__gte=1) & Q(approval_ttl_seconds__lte=LONGEST_APPROVAL_TTL_SECONDS),
                name="approval_ttl_is_between_a_second_and_thirty_days",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PersonManager(BaseUserManager["Person"]):
    """Finds persons by their mail address, whatever its case."""

    def get_by_natural_key(self, username: str | None) -> "Person":
        return self.get(email__iexact=username)


class Person(AbstractBaseUser, PermissionsMixin):
    """A human who signs in with a mail address."""

    id = models.UUIDField(primary_key=True)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=NAME_LENGTH)
    time_zone = models.CharField(max_length=64, blank=True)
    theme = models.CharField(max_length=10, default="auto")
    has_single_key_shortcuts = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    present_memberships: "tuple[Member, ...] | None" = None
    """The memberships that were read together with the person, by whose session this request comes."""

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]
    objects = PersonManager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="person_email_is_lower_case"),
            models.CheckConstraint(condition=Q(theme__in=["auto", "light", "dark"]), name="person_theme_is_known"),
        ]

    def __str__(self) -> str:
        return self.name or self.email


class Session(AbstractBaseSession):
    """What a browser holds a key of, by the hash of the key, with the person who has signed in: both are read at once.

    `conto_admin.sessions` stores and finds them.
    """

    person = models.ForeignKey(Person, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)

    class Meta(AbstractBaseSession.Meta):
        pass


class Member(models.Model):
    """A person's membership in an organization; carries roles (names from `people.roles.Role`)."""

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="members", db_index=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="memberships")
    roles = ArrayField(models.CharField(max_length=20))
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "person"], name="member_is_one_per_person"),
            models.CheckConstraint(
                condition=Q(roles__contained_by=ROLES) & Q(roles__len__gt=0),
                name="member_roles_are_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} in {self.organization}"

    @property
    def rights(self) -> frozenset[Right]:
        """What the roles add up to; a removed member has no right."""
        return frozenset() if self.removed_at else rights_of(self.roles)

    def may(self, right: str) -> bool:
        """Say whether the roles include `right`."""
        return right in self.rights

    def filters_of(self, listed: str) -> list[tuple[str, str]]:
        """Return the names and queries of the filters that the member keeps of a list, by name."""
        found = self.saved_filters.filter(listed=listed)
        return list(found.order_by("name").values_list("name", "query"))


class Listed(models.TextChoices):
    """The lists of the console whose filters a member can keep, by the names of their routes.

    Those of one agent or policy share their filters among all of them.
    """

    AUTHORIZATIONS = "approvals:authorizations"
    CHANGES = "approvals:changes"
    FLEET = "insight:fleet"
    RUNTIME_KEYS = "agents:keys"
    CREDENTIALS = "agents:credentials"
    POLICIES = "policies:list"
    VERSIONS = "policies:versions"
    BUDGETS = "insight:budgets"
    COUNTERPARTIES = "spend:counterparties"
    PEGS = "spend:pegs"
    ANALYTICS = "insight:analytics"
    DECISIONS = "insight:decisions"
    REVIEW_TIMES = "insight:review_times"
    PAYMENTS = "insight:payments"
    FLAGGED = "insight:flagged"
    AUDIT_LOG = "audit:log"
    MEMBERS = "people:members"
    ORGANIZATION_KEYS = "people:keys"


class SavedFilter(models.Model):
    """A filter of a list that one member keeps under a name of their own; `query` is what its address asks for."""

    id = models.UUIDField(primary_key=True)
    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="saved_filters", db_index=False)
    listed = models.CharField(max_length=40)
    name = models.CharField(max_length=FILTER_NAME_LENGTH)
    query = models.CharField(max_length=FILTER_LENGTH)
    saved_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["member", "listed", "name"], name="saved_filter_name_is_one_per_member_and_list"
            ),
            models.CheckConstraint(condition=Q(listed__in=Listed.values), name="saved_filter_is_of_a_known_list"),
        ]

    def __str__(self) -> str:
        return self.name


class Invitation(models.Model):
    """A link that makes its bearer a member; only a hash of its secret is stored."""

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField(max_length=254)
    roles = ArrayField(models.CharField(max_length=20))
    secret_hash = models.CharField(max_length=HASH_LENGTH)
    invited_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["secret_hash"], name="invitation_secret_is_unique"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="invitation_expires_after_creation"
            ),
            models.CheckConstraint(
                condition=Q(roles__contained_by=ROLES) & Q(roles__len__gt=0),
                name="invitation_roles_are_known",
            ),
        ]

    def __str__(self) -> str:
        return f"invitation of {self.email}"


class OrganizationKey(models.Model):
    """A back end's secret with scopes; only a keyed hash is stored."""

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="keys")
    name = models.CharField(max_length=NAME_LENGTH)
    secret_hash = models.CharField(max_length=HASH_LENGTH)
    scopes = ArrayField(models.CharField(max_length=30))
    created_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                name="organization_key_expires_after_creation",
            ),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=SCOPES) & Q(scopes__len__gt=0),
                name="organization_key_scopes_are_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ChangeKind(models.TextChoices):
    """What a change that waits for a second person is a change of."""

    POLICY = "policy"
    POLICIES = "policies"
    COUNTERPARTY = "counterparty"
    PEGS = "peg"
    AGENT = "agent"
    MEMBER = "member"
    SETTINGS = "organization"


class ChangeEnd(models.TextChoices):
    """How a change that waited has ended."""

    APPROVED = "approved"
    REJECTED = "rejected"
    VOIDED = "voided"
    EXPIRED = "expired"


class PendingChange(models.Model):
    """A change that may let more money pass and waits for a second person, bound to the digest of its content.

    `before` is what stood in its place when it was proposed: whatever is changed of it meanwhile voids the change.
    `proposed_by_person` is who proposed it and cannot agree, or, where a key proposed, who issued that.
    """

    id = models.UUIDField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="changes", db_index=False)
    kind = models.CharField(max_length=20)
    subject_id = models.CharField(max_length=60)
    title = models.CharField(max_length=300)
    content = models.JSONField()
    before = models.JSONField(default=dict)
    digest = models.CharField(max_length=HASH_LENGTH)
    loosens = models.JSONField()
    proposed_by_kind = models.CharField(max_length=20)
    proposed_by_id = models.CharField(max_length=60)
    proposed_by_name = models.CharField(max_length=ACTOR_NAME_LENGTH)
    proposed_by_person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_as = models.CharField(max_length=20, null=True)
    closed_by_id = models.CharField(max_length=60, blank=True)
    closed_by_name = models.CharField(max_length=ACTOR_NAME_LENGTH, blank=True)
    closed_by_person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=REASON_LENGTH, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "subject_id"],
                condition=Q(closed_at__isnull=True),
                name="one_change_of_a_subject_waits",
            ),
            models.CheckConstraint(condition=Q(kind__in=ChangeKind.values), name="change_kind_is_known"),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_as__isnull=True)
                | Q(closed_at__isnull=False, closed_as__in=ChangeEnd.values),
                name="change_has_ended_in_a_known_way",
            ),
            models.CheckConstraint(
                condition=~Q(closed_as=ChangeEnd.APPROVED)
                | ~Q(proposed_by_kind=ActorKind.PERSON)
                | ~Q(closed_by_person=F("proposed_by_person")),
                name="change_is_approved_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(closed_as=ChangeEnd.APPROVED) | Q(closed_by_person__isnull=False),
                name="change_is_approved_by_a_person",
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="change_expires_after_creation"),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "-id"], name="change_by_organization")]

    def __str__(self) -> str:
        return self.title

    @property
    def agreements_needed(self) -> int:
        """How many persons must agree, so that one of them is not who proposed; who holds a key, nobody knows."""
        return 1 if self.proposed_by_kind == ActorKind.PERSON else 2

    def is_proposed_by(self, person_id: UUID) -> bool:
        """Say whether this person is known to have proposed it."""
        return self.proposed_by_kind == ActorKind.PERSON and self.proposed_by_person_id == person_id


class Agreement(models.Model):
    """One person's yes to a change that waits, to exactly the digest that was shown; withdrawn with the right to it."""

    id = models.UUIDField(primary_key=True)
    change = models.ForeignKey(PendingChange, on_delete=models.PROTECT, related_name="agreements")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=ACTOR_NAME_LENGTH)
    digest = models.CharField(max_length=HASH_LENGTH)
    at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["change", "person"], condition=Q(withdrawn_at__isnull=True), name="a_person_agrees_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} agrees to {self.change_id}"
