"""Questions about people: memberships, members, invitations, organization keys and second factors."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeVar
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from core.db import prepared_rows
from core.errors import NotFound
from core.ids import Prefix, from_public, ids_in, to_public
from core.paging import DEFAULT_PAGE
from core.sealing import CannotOpen, Place, Sealed, is_wrapped_by_known_key
from people.models import (
    Agreement,
    ChangeEnd,
    ChangeKind,
    Invitation,
    Member,
    Organization,
    OrganizationKey,
    PendingChange,
    Person,
)

M = TypeVar("M", bound=Model)


class SecondFactor(StrEnum):
    """How a person stands where a second factor is asked for: has none, still has to prove it, has just done so."""

    NONE = "none"
    OWED = "owed"
    PROVEN = "proven"


LARGEST_LIST: Final = 500
"""Members to choose from, open invitations or changes that wait: more than people can use at once."""
KEY_STATES: Final = ("active", "expiring", "expired", "revoked")
EXPIRING_WITHIN: Final = timedelta(days=14)
"""From so long before its end a key is shown as expiring."""
WAITING: Final = "waiting"
MOST_MEMBERSHIPS: Final = 100
"""Organizations that one person can switch between."""
FACTOR_PLACE: Final = Place("mfa_authenticator", UUID(int=0), "data")
"""allauth seals before there is a row and opens without saying which: a secret is bound to the table only."""
FACTOR_SECRETS: Final = ("secret", "seed")
"""What is sealed of an authenticator app and of recovery codes; a security key gives its public key only."""
SECOND_FACTOR_COUNTS: Final = timedelta(minutes=5)
"""How long a second factor, once proven, is proof enough of who says yes to a large payment or changes factors."""
KEK_SAMPLES: Final = 3
"""Second factors tried for each key-encryption key: one damaged row is not a wrong key."""


@cache
def _names(model: type[Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields)  # noqa: SLF001 - public in all but name (Django documents it)


def _columns(model: type[Model], alias: str) -> str:
    return ", ".join(f'{alias}."{field.column}"' for field in model._meta.concrete_fields)  # noqa: SLF001 - public in all but name (Django documents it)


PERSON_COLUMNS: Final = ", ".join(
    [_columns(Person, "person"), _columns(Member, "member"), _columns(Organization, "organization")]
)
MEMBERSHIPS: Final = """
    left join people_member member on member.person_id = person.id and member.removed_at is null
    left join people_organization organization on organization.id = member.organization_id
"""
IN_ORDER: Final = "order by organization.name, organization.id limit %(most)s"
PERSON_QUERY: Final = f"""
    select {PERSON_COLUMNS} from people_person person {MEMBERSHIPS} where person.id = %(person)s {IN_ORDER}
"""  # noqa: S608 - nothing but names of columns
SESSION_QUERY: Final = f"""
    select session.session_data, {PERSON_COLUMNS}
      from people_session session left join people_person person on person.id = session.person_id {MEMBERSHIPS}
     where session.session_key = %(key)s and session.expire_date > %(now)s {IN_ORDER}
"""  # noqa: S608 - as above


@dataclass(frozen=True)
class OpenedSession:
    """What is stored of a session that has not ended, as `SessionStore` reads it, and who has signed in there."""

    data: str
    person: Person | None


def opened_session(key: str, now: datetime) -> OpenedSession | None:
    """Return a session by the hash of its key, with the person and their memberships: one read, for every page."""
    found = prepared_rows(SESSION_QUERY, {"key": key, "now": now, "most": MOST_MEMBERSHIPS})
    return OpenedSession(str(found[0][0]), _person([row[1:] for row in found])) if found else None


def signed_in_person(person_id: UUID) -> Person | None:
    """Return whom a session names, with the present memberships at hand."""
    return _person(prepared_rows(PERSON_QUERY, {"person": person_id, "most": MOST_MEMBERSHIPS}))


def _person(found: Sequence[Sequence[object]]) -> Person | None:
    if not found or found[0][0] is None:
        return None
    person = _made(Person, found[0])
    person.present_memberships = tuple(_member(person, row) for row in found if row[len(_names(Person))])
    return person


def _member(person: Person, row: Sequence[object]) -> Member:
    member_at = len(_names(Person))
    organization_at = member_at + len(_names(Member))
    member = _made(Member, row[member_at:])
    member.person, member.organization = person, _made(Organization, row[organization_at:])
    return member


def _made(model: type[M], row: Sequence[object]) -> M:
    names = _names(model)
    return model.from_db(DEFAULT_DB_ALIAS, names, row[: len(names)])


def memberships_of(person: Person) -> tuple[Member, ...]:
    """Return the present memberships of a person, by the organization's name."""
    if person.present_memberships is not None:
        return person.present_memberships
    members = Member.objects.filter(person_id=person.pk, removed_at=None).select_related("organization", "person")
    return tuple(members.order_by("organization__name", "organization_id")[:MOST_MEMBERSHIPS])


def members_of(organization_id: UUID) -> tuple[Member, ...]:
    """Return the present members, by name."""
    members = Member.objects.filter(organization_id=organization_id, removed_at=None).select_related("person")
    return tuple(members.order_by("person__name", "id")[:LARGEST_LIST])


def listed_members(organization_id: UUID, *, words: str = "", role: str = "", factor: str = "") -> QuerySet[Member]:
    """Return the present members whose name or mail address has these words; `factor` is `with`, `without` or any."""
    found = Member.objects.filter(organization_id=organization_id, removed_at=None).select_related("person")
    if words:
        found = found.filter(Q(person__name__icontains=words) | Q(person__email__icontains=words))
    if role:
        found = found.filter(roles__contains=[role])
    if factor:
        has_one = Exists(_second_factors().filter(user=OuterRef("person_id")))
        found = found.filter(has_one if factor == "with" else ~has_one)
    return found


def member_of(organization_id: UUID, member_id: UUID) -> Member:
    """Return one present member; raises `NotFound` for a removed or foreign one."""
    members = Member.objects.filter(organization_id=organization_id, removed_at=None).select_related(
        "person", "organization"
    )
    member = members.filter(pk=member_id).first()
    if member is None:
        raise NotFound()
    return member


def membership_in(person: Person, organization: str) -> Member:
    """Return a person's own membership in an organization named by its id; raises `NotFound` for any other."""
    chosen = next((one for one in memberships_of(person) if str(one.organization_id) == organization), None)
    if chosen is None:
        raise NotFound()
    return chosen


def persons_with_second_factor(organization_id: UUID) -> frozenset[UUID]:
    """Return the members who sign in with more than a password."""
    members = Member.objects.filter(organization_id=organization_id, removed_at=None)
    return frozenset(_second_factors().filter(user__in=members.values("person_id")).values_list("user_id", flat=True))


def _second_factors() -> QuerySet[Authenticator]:
    found: QuerySet[Authenticator] = Authenticator.objects.exclude(type=Authenticator.Type.RECOVERY_CODES)
    return found


def has_second_factor(person_id: UUID) -> bool:
    """Say whether somebody signs in with more than a password; recovery codes alone are nothing."""
    return bool(_second_factors().filter(user_id=person_id).exists())


def second_factor_of(person_id: UUID, proven_at: datetime | None, *, now: datetime) -> SecondFactor:
    """Return how a person stands with their second factor, which they last proved at `proven_at`."""
    if not has_second_factor(person_id):
        return SecondFactor.NONE
    is_recent = proven_at is not None and now - proven_at < SECOND_FACTOR_COUNTS
    return SecondFactor.PROVEN if is_recent else SecondFactor.OWED


def has_account(email: str) -> bool:
    """Say whether somebody signs in with this mail address."""
    return Person.objects.filter(email=email).exists()


def invitation_by_secret(secret: str, *, now: datetime) -> Invitation | None:
    """Return the invitation of a link, if it can still be accepted."""
    invitations = Invitation.objects.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=now)
    found = invitations.filter(secret_hash=invitation_hash(secret))
    return found.select_related("organization", "invited_by").first()


def open_invitations(organization_id: UUID, *, now: datetime) -> tuple[Invitation, ...]:
    """Return the invitations that can still be accepted, the newest first."""
    invitations = Invitation.objects.filter(
        organization_id=organization_id, accepted_at=None, withdrawn_at=None, expires_at__gt=now
    )
    return tuple(invitations.select_related("invited_by").order_by("-created_at")[:LARGEST_LIST])


def listed_keys(
    organization_id: UUID, *, words: str = "", status: str = "", now: datetime
) -> QuerySet[OrganizationKey]:
    """Return the organization keys with these words in their name, that scope or that id, in one state or any."""
    found = OrganizationKey.objects.filter(organization_id=organization_id).select_related("created_by")
    if words:
        called = Q(name__icontains=words) | Q(scopes__contains=[words]) | Q(pk__in=ids_in(Prefix.KEY, [words]))
        found = found.filter(called)
    return found.filter(_in_state(status, now)) if status else found


def key_status(key: OrganizationKey, *, now: datetime) -> str:
    """Return what the key is at this moment, one of `KEY_STATES`."""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None or now < key.expires_at - EXPIRING_WITHIN:
        return "active"
    return "expiring" if now < key.expires_at else "expired"


def _in_state(status: str, now: datetime) -> Q:
    soon = now + EXPIRING_WITHIN
    return {
        "active": Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=soon)),
        "expiring": Q(revoked_at=None, expires_at__gt=now, expires_at__lte=soon),
        "expired": Q(revoked_at=None, expires_at__lte=now),
        "revoked": Q(revoked_at__isnull=False),
    }[status]


def invitation_hash(secret: str) -> str:
    """Return the SHA-256 of a link's secret, in hex: 256 random bits need no pepper."""
    return hashlib.sha256(secret.encode()).hexdigest()


def unfit_factor_keks() -> frozenset[str]:
    """Return the names of the key-encryption keys that second factors need and that are missing or wrong."""
    tried: dict[str, list[bool]] = {}
    for data in Authenticator.objects.order_by("pk").values_list("data", flat=True):
        for sealed in _sealed_in(data):
            seen = tried.setdefault(sealed.kek, [])
            if len(seen) < KEK_SAMPLES:
                seen.append(is_wrapped_by_known_key(sealed, FACTOR_PLACE))
    return frozenset(name for name, opened in tried.items() if not any(opened))


def _sealed_in(data: Mapping[str, str]) -> Iterator[Sealed]:
    for name in FACTOR_SECRETS:
        try:
            yield Sealed.read(data.get(name, ""))
        except CannotOpen:
            continue


# --- Changes that wait for a second person ----------------------------------------------------------------------------


def change_of(organization_id: UUID, public_id: str) -> PendingChange:
    """Return one change, closed ones included; raises `NotFound`."""
    found = PendingChange.objects.filter(organization_id=organization_id, pk=from_public(Prefix.CHANGE, public_id))
    change = found.select_related("organization").prefetch_related("agreements").first()
    if change is None:
        raise NotFound()
    return change


def agreements_to(change: PendingChange) -> tuple[Agreement, ...]:
    """Return who has agreed to a change, the first one first; nothing is read where it was read with the change."""
    given = [one for one in change.agreements.all() if one.withdrawn_at is None]
    return tuple(sorted(given, key=lambda one: (one.at, one.pk)))


def open_change_of(organization_id: UUID, subject_id: str, *, now: datetime) -> str | None:
    """Return the public id of the change of this subject that waits for a second person."""
    waiting = PendingChange.objects.filter(organization_id=organization_id, subject_id=subject_id, closed_at=None)
    found = waiting.filter(expires_at__gt=now).values_list("pk", flat=True).first()
    return None if found is None else to_public(Prefix.CHANGE, found)


def changes_waiting(
    organization_id: UUID, *, words: str = "", kind: str = "", now: datetime
) -> tuple[PendingChange, ...]:
    """Return the changes that wait for a second person, the soonest to expire first."""
    found = listed_changes(organization_id, words=words, kind=kind, state=WAITING, now=now)
    return tuple(found.order_by("expires_at", "id")[:LARGEST_LIST])


def listed_changes(
    organization_id: UUID, *, words: str = "", kind: str = "", state: str = "", now: datetime
) -> QuerySet[PendingChange]:
    """Return changes, without their contents, with these words in their title, proposer or what loosens.

    `state` is `WAITING`, one of `ChangeEnd`, or empty for every one that has ended.
    """
    found = (
        PendingChange.objects.filter(organization_id=organization_id).defer("content").prefetch_related("agreements")
    )
    if words:
        said = Q(title__icontains=words) | Q(proposed_by_name__icontains=words) | Q(loosens__icontains=words)
        found = found.filter(said | Q(pk__in=ids_in(Prefix.CHANGE, [words])))
    waits = Q(closed_at=None, expires_at__gt=now)
    # What ran out is closed by the worker a moment later.
    ran_out = Q(closed_as=ChangeEnd.EXPIRED) | Q(closed_at=None, expires_at__lte=now)
    in_state = {WAITING: waits, ChangeEnd.EXPIRED.value: ran_out, "": ~waits}
    return found.filter(Q(kind=kind) if kind else Q(), in_state.get(state, Q(closed_as=state)))


def changes_page(
    organization_id: UUID, *, after: str | None = None, limit: int = DEFAULT_PAGE
) -> tuple[PendingChange, ...]:
    """Return changes, closed ones included, the newest first, from behind the one with the public id `after`.

    Without their contents: that of a file of policies may have a megabyte.
    """
    found = PendingChange.objects.filter(organization_id=organization_id).order_by("-id")
    if after is not None:
        found = found.filter(pk__lt=from_public(Prefix.CHANGE, after))
    return tuple(found.defer("content").prefetch_related("agreements")[:limit])


def contents_of(changes: Iterable[PendingChange]) -> dict[UUID, dict[str, Any]]:
    """Return the contents of those of these changes that are no files of policies; one read."""
    short = [one.pk for one in changes if one.kind != ChangeKind.POLICIES]
    return dict(PendingChange.objects.filter(pk__in=short).values_list("pk", "content"))
