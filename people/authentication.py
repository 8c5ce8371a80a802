"""Who calls and who signs in: organization keys of back ends, and what allauth may do with people's accounts."""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar, Final
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponseBase
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from core import keys
from core.actor import Actor, ActorKind
from core.clock import now as clock_now
from core.db import prepared_rows
from core.errors import NotAllowed, NotAuthenticated
from core.http import person_actor
from core.ids import Prefix, to_public
from core.sealing import Sealed, seal, unseal
from people.models import Person
from people.roles import Scope
from people.selectors import FACTOR_PLACE, signed_in_person
from people.services import change_password, note_key_used, note_signed_in, note_signed_out

SCHEME: Final = "bearer"
LONGEST_HEADER: Final = 300
NO_HASH: Final = "0" * 64
"""Compared with where the id is unknown: unknown and known ids cost the same work."""
PROVEN_BY: Final = "mfa"
"""How allauth's records name a second factor: the code of an app, a security key or passkey, a recovery code."""
PROVES: Final = "mfa_reauthenticate"
"""How the ways begin in which allauth lets somebody prove one again; the password is none of them."""
THEME_COOKIE: Final = "theme"
THEME_SECONDS: Final = 365 * 86_400

_HANDED_OVER: Final = ContextVar[Person | None]("person of the session that was just read", default=None)

KEY_QUERY: Final = """
    select k.secret_hash, k.expires_at, k.revoked_at, k.last_used_at, k.name, k.scopes,
           o.id, o.name, o.epoch, o.time_zone, o.currency, o.approval_ttl_seconds, o.frozen_at is not null
      from people_organizationkey k
      join people_organization o on o.id = k.organization_id
     where k.id = %(key)s
"""


@dataclass(frozen=True)
class OrganizationCaller:
    """The back end in whose name a request is made, as its key stood when it was read."""

    organization_id: UUID
    organization_name: str
    key_id: UUID
    name: str
    scopes: tuple[str, ...]
    epoch: int
    time_zone: str
    currency: str
    approval_ttl_seconds: int
    is_frozen: bool = False

    is_authenticated = True

    @cached_property
    def public_id(self) -> str:
        """`key_…`."""
        return to_public(Prefix.KEY, self.key_id)

    @cached_property
    def organization_public_id(self) -> str:
        """`org_…`."""
        return to_public(Prefix.ORGANIZATION, self.organization_id)

    def demand(self, scope: Scope | str) -> None:
        """Raise `NotAllowed` (`scope_missing`) unless the key was issued with `scope`."""
        if scope not in self.scopes:
            raise NotAllowed("scope_missing", f"This call needs an organization key with the scope `{scope}`.")

    def actor(self, request_id: str = "", address: str = "") -> Actor:
        """Return the key as the actor of a use case."""
        return Actor(ActorKind.ORGANIZATION_KEY, self.public_id, self.name, self.organization_id, request_id, address)


def authenticate_organization(header: str | None, now: datetime) -> OrganizationCaller | None:
    """Return who calls, or `None` where the `Authorization` header holds no organization key at all.

    One read, and at most once a minute one write. Raises `NotAuthenticated`: `key_unknown`, `key_expired`,
    `key_revoked`; the last two only for somebody who holds the right secret.
    """
    text = bearer_text(header)
    if text is None or text.startswith(f"conto_{keys.AGENT}_"):
        return None
    parsed = keys.parse(text)
    if parsed is None or parsed.kind != keys.ORGANIZATION:
        raise key_unknown()
    found = prepared_rows(KEY_QUERY, {"key": parsed.key_id})
    row: tuple[Any, ...] | None = found[0] if found else None
    if not keys.matches(text, row[0] if row else NO_HASH) or row is None:
        raise key_unknown()
    _, expires_at, revoked_at, last_used_at, name, scopes, *organization = row
    if revoked_at is not None:
        raise NotAuthenticated("key_revoked", "This key has been revoked.")
    if expires_at is not None and expires_at <= now:
        raise NotAuthenticated("key_expired", "This key has expired.")
    note_key_used(parsed.key_id, last_used_at=last_used_at, now=now)
    organization_id, organization_name, *rest = organization
    return OrganizationCaller(organization_id, organization_name, parsed.key_id, name, tuple(scopes), *rest)


def bearer_text(header: str | None) -> str | None:
    """Return what stands behind `Bearer`, or `None` where the header is missing, of another scheme or too long."""
    if header is None or len(header) > LONGEST_HEADER:
        return None
    scheme, _, text = header.partition(" ")
    return text.strip() if scheme.lower() == SCHEME else None


def key_unknown() -> NotAuthenticated:
    """Return the one answer to every text that is no key of ours."""
    return NotAuthenticated("key_unknown", "This key is not known. Send a key as `Authorization: Bearer conto_…`.")


class OrganizationAuthentication(BaseAuthentication):
    """An organization key in the `Authorization` header; `request.auth` and `request.user` are the caller."""

    def authenticate(self, request: Request) -> tuple[OrganizationCaller, OrganizationCaller] | None:
        """Return the caller twice, or `None` where another kind of key is meant."""
        caller = authenticate_organization(request.META.get("HTTP_AUTHORIZATION"), clock_now())
        return None if caller is None else (caller, caller)

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 DRF's signature
        """Say how to authenticate."""
        return "Bearer"


class OrganizationKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the API's description names organization keys."""

    target_class = OrganizationAuthentication
    name = "organizationKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:  # noqa: ARG002 as above
        """Return the OpenAPI security scheme."""
        return {"type": "http", "scheme": SCHEME, "description": "An organization key: `conto_org_…`."}


class Backend(AuthenticationBackend):  # type: ignore[misc]
    """Signs people in as allauth does, and reads who is signed in together with the memberships."""

    def get_user(self, user_id: UUID) -> Person | None:
        """Return the person whom a session names, unless they may no longer sign in."""
        person = _taken_over(user_id) or signed_in_person(user_id)
        return person if person and self.user_can_authenticate(person) else None


def hand_over(person: Person | None) -> None:
    """Keep who was read along with a session for whoever asks next who has signed in, in this thread and once."""
    _HANDED_OVER.set(person)


def _taken_over(person_id: UUID) -> Person | None:
    person = _HANDED_OVER.get()
    hand_over(None)
    return person if person and person.pk == person_id else None


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """What allauth may do: sign in, sign out, set passwords, each with its event; accounts come from invitations."""

    error_messages: ClassVar = DefaultAccountAdapter.error_messages | {
        "too_many_login_attempts": "Too many attempts to sign in. Wait five minutes, then try again."
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 allauth's signature
        """Say that nobody gets an account by asking for one."""
        return False

    def post_login(self, request: HttpRequest, user: Person, **details: Any) -> HttpResponseBase:
        """Write the sign-in into the history of each organization; bring the theme along to this browser."""
        note_signed_in(person=user, actor=person_actor(request, user), now=clock_now())
        response: HttpResponseBase = super().post_login(request, user, **details)
        keep_theme(response, user.theme, is_secure=request.is_secure())
        return response

    def logout(self, request: HttpRequest) -> None:
        """Write the sign-out into the history, then end the session."""
        if isinstance(request.user, Person):
            note_signed_out(person=request.user, actor=person_actor(request, request.user), now=clock_now())
        super().logout(request)

    def set_password(self, user: Person, password: str) -> None:
        """Store a password together with the event that tells of it."""
        change_password(person=user, password=password, actor=person_actor(self.request, user), now=clock_now())


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """How allauth stores the secrets of second factors: sealed, as providers' secrets are."""

    @sensitive_variables("text")
    def encrypt(self, text: str) -> str:
        """Return what is stored of a secret."""
        return seal(text, FACTOR_PLACE).written()

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret; raises `CannotOpen` for what is not sealed, and where the keys do not fit."""
        return unseal(Sealed.read(encrypted_text), FACTOR_PLACE)


def second_factor_proven_at(request: HttpRequest) -> datetime | None:
    """Return when the signed-in person last proved a second factor in this session: at the sign-in or since."""
    records = get_authentication_records(request, request.user)
    moments = [float(one["at"]) for one in records if one["method"] == PROVEN_BY]
    return datetime.fromtimestamp(max(moments), UTC) if moments else None


def note_second_factor_proven(request: HttpRequest) -> None:
    """Remember in the session that the signed-in person has just used a second factor: they set it up."""
    record_authentication(request, request.user, method=PROVEN_BY)


def address_to_prove(person: Person, *, then: str) -> str:
    """Return where a person proves a second factor they have; it leads on to `then`."""
    methods = get_adapter().get_reauthentication_methods(person)
    address = next(one["url"] for one in methods if one["id"].startswith(PROVES))
    return f"{address}?{urlencode({REDIRECT_FIELD_NAME: then})}"


def keep_theme(response: HttpResponseBase, theme: str, *, is_secure: bool) -> None:
    """Remember a person's theme in the browser, where pages without a session find it too."""
    response.set_cookie(THEME_COOKIE, theme, max_age=THEME_SECONDS, samesite="Lax", secure=is_secure, httponly=True)
