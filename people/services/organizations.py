"""Organizations: created, set up, frozen and thawed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import available_timezones

from audit.catalogue import Action
from audit.services import append
from core.actor import Actor
from core.db import must_be_in_transaction, use_case
from core.errors import Conflict, Invalid
from core.ids import Prefix, new_id, to_public
from core.money import parse_currency
from people.models import (
    LONGEST_APPROVAL_TTL_SECONDS,
    NAME_LENGTH,
    REASON_LENGTH,
    ChangeKind,
    Member,
    Organization,
    Person,
)
from people.roles import Right, Role
from people.services.epoch import raise_epoch, stop_and_lock_organization
from people.services.four_eyes import Awaiting, Proposal, propose, void_change_of
from people.services.members import append_member_event, enroll, member_facts
from people.services.persons import NewPerson, create_person, tell_created

LEAST_ADMINS: Final = 2
"""So many must be able to change the settings where one must agree to what the other proposes."""


@dataclass(frozen=True, slots=True)
class OrganizationSettings:
    """What an organization sets for itself: amounts above `confirmation_amount` (in `currency`) are confirmed twice."""

    name: str
    currency: str
    time_zone: str
    approval_ttl_seconds: int
    confirmation_amount: Decimal | None
    needs_four_eyes: bool = False


@use_case
def create_organization(
    *, name: str, owner: NewPerson, actor: Actor, now: datetime, currency: str = "USD", time_zone: str = "UTC"
) -> Organization:
    """Store an organization and its first owner, who may have an account already (whose password then stays).

    Raises `Conflict` (`organization_exists`) where this person already owns one of this name, and `Invalid`.
    """
    name, currency = _name(name), parse_currency(currency)
    _demand_time_zone(time_zone)
    known = Person.objects.filter(email=owner.email.strip().lower()).first()
    person = known or create_person(owner, now=now)
    owned = Member.objects.filter(person=person, removed_at=None, roles__contains=[Role.OWNER])
    if owned.filter(organization__name=name).exists():
        raise Conflict("organization_exists", f"{person.email} already owns an organization named {name}.")
    organization = Organization.objects.create(
        id=new_id(now), name=name, currency=currency, time_zone=time_zone, created_at=now
    )
    _append(
        Action.ORGANIZATION_CREATED, organization, before=None, after=settings_facts(organization), actor=actor, now=now
    )
    if known is None:
        tell_created(person, organization_id=organization.id, actor=actor, now=now)
    member = enroll(organization_id=organization.id, person=person, roles=[Role.OWNER], now=now)
    append_member_event(Action.MEMBER_ADDED, member, after=member_facts(member), actor=actor, now=now)
    return organization


@use_case
def change_settings(
    *, organization_id: UUID, settings: OrganizationSettings, actor: Actor, now: datetime
) -> Organization | Awaiting:
    """Store an organization's settings; nothing happens where they are the present ones.

    Time zone, currency and time to live are what decisions rest on: the gate is held and the epoch raised. To want no
    four eyes any more, or to let days begin at another hour, needs a second person where four eyes are wanted.
    """
    _demand_possible(settings)
    stop_and_lock_organization(organization_id)
    organization = Organization.objects.get(pk=organization_id)
    if settings.needs_four_eyes and not organization.needs_four_eyes:
        _demand_second_person(organization_id)
    loosens = _loosenings(organization, settings) if organization.needs_four_eyes else []
    if loosens:
        proposal = Proposal(
            kind=ChangeKind.SETTINGS,
            subject_id=to_public(Prefix.ORGANIZATION, organization.pk),
            title="Change the settings",
            content=settings_to_plain(settings),
            loosens=loosens,
            before=settings_facts(organization),
        )
        return propose(organization_id, proposal, actor=actor, now=now)
    return bring_settings(organization, settings, actor=actor, now=now)


def bring_settings(
    organization: Organization, settings: OrganizationSettings, *, actor: Actor, now: datetime
) -> Organization:
    """Store the settings of a locked organization, behind its gate; a step."""
    must_be_in_transaction()
    before = settings_facts(organization)
    for field, value in asdict(settings).items():
        setattr(organization, field, value)
    after = settings_facts(organization)
    if after == before:
        return organization
    organization.save(update_fields=list(asdict(settings)))
    raise_epoch(organization.pk)
    void_change_of(organization.pk, to_public(Prefix.ORGANIZATION, organization.pk), actor=actor, now=now)
    _append(Action.ORGANIZATION_CHANGED, organization, before=before, after=after, actor=actor, now=now)
    return organization


def apply_settings(organization_id: UUID, content: Mapping[str, Any], *, actor: Actor, now: datetime) -> None:
    """Store the settings that a second person agreed to; a step."""
    stop_and_lock_organization(organization_id)
    organization = Organization.objects.get(pk=organization_id)
    bring_settings(organization, settings_from_plain(content), actor=actor, now=now)


def settings_to_plain(settings: OrganizationSettings) -> dict[str, object]:
    """Return settings as JSON."""
    amount = settings.confirmation_amount
    return {**asdict(settings), "confirmation_amount": None if amount is None else str(amount)}


def settings_from_plain(stored: Mapping[str, Any]) -> OrganizationSettings:
    """Return the settings that were stored as JSON."""
    amount = stored["confirmation_amount"]
    return OrganizationSettings(**{**stored, "confirmation_amount": None if amount is None else Decimal(amount)})


def _demand_second_person(organization_id: UUID) -> None:
    """Refuse four eyes where only two are there: nobody could agree to anything, to their end neither."""
    members = Member.objects.filter(organization_id=organization_id, removed_at=None)
    if sum(member.may(Right.MANAGE_SETTINGS) for member in members) < LEAST_ADMINS:
        detail = "Make a second person admin or owner first: they must agree to what you change."
        raise Invalid("second_person_missing", detail, field="needs_four_eyes")


def _loosenings(organization: Organization, settings: OrganizationSettings) -> list[str]:
    found = [] if settings.needs_four_eyes else ["Nobody else must agree any more to what may let more money pass."]
    if settings.time_zone != organization.time_zone:
        zones = f"{organization.time_zone} becomes {settings.time_zone}"
        found.append(f"Time zone: {zones}. Windows of limits without a zone of their own begin anew.")
    if _confirms_less(organization, settings):
        found.append("Payments are approved without a second look, and a second factor, that needed them until now.")
    return found


def _confirms_less(organization: Organization, settings: OrganizationSettings) -> bool:
    before, after = organization.confirmation_amount, settings.confirmation_amount
    if before is None:
        return False
    return after is None or after > before or settings.currency != organization.currency


@use_case
def freeze_organization(*, organization_id: UUID, reason: str, actor: Actor, now: datetime) -> Organization:
    """Stop every agent of the organization: once this returns, nothing asked or under way is approved.

    Freezing what is frozen changes nothing and is no error: whoever presses the button gets what they want.
    """
    reason = _reason(reason)
    stop_and_lock_organization(organization_id)
    organization = Organization.objects.get(pk=organization_id)
    if organization.frozen_at is not None:
        return organization
    organization.frozen_at, organization.frozen_reason = now, reason
    organization.save(update_fields=["frozen_at", "frozen_reason"])
    raise_epoch(organization_id)
    before = freeze_facts(organization, is_frozen=False, reason="")
    after = freeze_facts(organization, is_frozen=True, reason=reason)
    _append(Action.ORGANIZATION_FROZEN, organization, before=before, after=after, actor=actor, now=now)
    return organization


@use_case
def thaw_organization(*, organization_id: UUID, reason: str, actor: Actor, now: datetime) -> Organization:
    """Let the organization's agents ask again; thawing what is not frozen changes nothing."""
    reason = _reason(reason)
    stop_and_lock_organization(organization_id)
    organization = Organization.objects.get(pk=organization_id)
    if organization.frozen_at is None:
        return organization
    before = freeze_facts(organization, is_frozen=True, reason=organization.frozen_reason)
    organization.frozen_at, organization.frozen_reason = None, ""
    organization.save(update_fields=["frozen_at", "frozen_reason"])
    raise_epoch(organization_id)
    after = freeze_facts(organization, is_frozen=False, reason=reason)
    _append(Action.ORGANIZATION_THAWED, organization, before=before, after=after, actor=actor, now=now)
    return organization


def _demand_possible(settings: OrganizationSettings) -> None:
    _name(settings.name)
    parse_currency(settings.currency)
    _demand_time_zone(settings.time_zone)
    if not 1 <= settings.approval_ttl_seconds <= LONGEST_APPROVAL_TTL_SECONDS:
        raise Invalid("approval_ttl_invalid", "Approvals count for a second to 30 days.", field="approval_ttl_seconds")
    if settings.confirmation_amount is not None and settings.confirmation_amount <= 0:
        raise Invalid("amount_not_positive", "The amount must be greater than zero.", field="confirmation_amount")


def settings_facts(organization: Organization) -> dict[str, object]:
    """Return the settings as the history shows them."""
    amount = organization.confirmation_amount
    return {
        "name": organization.name,
        "currency": organization.currency,
        "time_zone": organization.time_zone,
        "approval_ttl_seconds": organization.approval_ttl_seconds,
        "confirmation_amount": None if amount is None else f"{amount.normalize():f}",
        "needs_four_eyes": organization.needs_four_eyes,
    }


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > NAME_LENGTH:
        raise Invalid("name_invalid", f"A name has 1 to {NAME_LENGTH} characters.", field="name")
    return name


def _demand_time_zone(name: str) -> None:
    if name not in available_timezones():
        raise Invalid("time_zone_unknown", f"There is no time zone {name!r}.", field="time_zone")


def freeze_facts(organization: Organization, *, is_frozen: bool, reason: str) -> dict[str, object]:
    """Return a freeze or a thaw as the history shows it."""
    return {"name": organization.name, "frozen": is_frozen, "reason": reason}


def _reason(text: str) -> str:
    reason = text.strip()
    if not reason:
        raise Invalid("reason_missing", "Say why: it stands in the history.", field="reason")
    if len(reason) > REASON_LENGTH:
        raise Invalid("reason_too_long", f"A reason has at most {REASON_LENGTH} characters.", field="reason")
    return reason


def _append(
    action: Action,
    organization: Organization,
    *,
    before: dict[str, object] | None,
    after: dict[str, object],
    actor: Actor,
    now: datetime,
) -> None:
    append(
        organization_id=organization.id,
        actor=actor,
        action=action,
        subject_kind="organization",
        subject_id=to_public(Prefix.ORGANIZATION, organization.id),
        before=before,
        after=after,
        now=now,
    )
