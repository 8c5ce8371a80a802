"""Requests as pages see them: htmx headers parsed, the viewer's membership known; and what demands a right."""

from collections.abc import Callable, Sequence
from functools import wraps
from hashlib import blake2b
from http import HTTPStatus
from typing import Concatenate, Final, ParamSpec, Protocol, TypeVar, cast
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails
from structlog.contextvars import get_contextvars

from core.actor import Actor, ActorKind
from core.errors import ContoError, NotAllowed, NotFound
from core.ids import Prefix, to_public
from core.paging import NO_PLACE

P = ParamSpec("P")
R = TypeVar("R", bound=HttpRequest)

LONGEST_REQUEST_ID: Final = 60
SAFE_METHODS: Final = ("GET", "HEAD")
SESSION_IS_OVER: Final = "ended"
"""The query's name by which the sign-in page is told so."""
LONGEST_ADDRESS: Final = 64
ETAG_BYTES: Final = 12
TAG_PLACE: Final = "etag-of-this-part"
"""Stands in the templates where a part that renews itself names itself to its next poll (`hx-headers`)."""


class PersonLike(Protocol):
    """Who looks at a page, as lower apps may know it."""

    @property
    def id(self) -> UUID: ...

    @property
    def name(self) -> str: ...

    @property
    def time_zone(self) -> str: ...


class OrganizationLike(Protocol):
    """The tenant of a page, as lower apps may know it."""

    @property
    def id(self) -> UUID: ...

    @property
    def name(self) -> str: ...

    @property
    def time_zone(self) -> str: ...

    @property
    def currency(self) -> str: ...


class MemberLike(Protocol):
    """The viewer's membership in the current organization, as lower apps may know it."""

    @property
    def organization_id(self) -> UUID: ...

    @property
    def organization(self) -> OrganizationLike: ...

    @property
    def person(self) -> PersonLike: ...

    def may(self, right: str) -> bool: ...

    def filters_of(self, listed: str) -> Sequence[tuple[str, str]]: ...


class KeyLike(Protocol):
    """The organization key that calls the API (`request.auth`), as lower apps may know it."""

    @property
    def organization_id(self) -> UUID: ...

    def demand(self, scope: str) -> None: ...


class HtmxRequest(HttpRequest):
    """A request with the htmx headers parsed."""

    htmx: HtmxDetails


class MemberRequest(HtmxRequest):
    """A request of a member of the current organization; `needs` lets no other one through."""

    member: MemberLike
    memberships: Sequence[MemberLike]


View = Callable[Concatenate[R, P], HttpResponseBase]


def needs(right: str) -> Callable[[View[R, P]], View[HttpRequest, P]]:
    """Let a page view run only for a member of the current organization who has `right`.

    Who is not signed in is led to the sign-in page and back; who lacks the right gets a 403.
    """

    def decorate(view: View[R, P]) -> View[HttpRequest, P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return to_sign_in(request)
            member: MemberLike | None = getattr(request, "member", None)
            if member is None:
                raise PermissionDenied("You are not a member of any organization. Ask an admin for an invitation link.")
            if not member.may(right):
                raise PermissionDenied("Your roles do not include this. Ask an admin of your organization.")
            return view(cast(R, request), *args, **kwargs)

        return guarded

    return decorate


def to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """Lead to the sign-in page and, after it, back to the page that the person was on.

    The sign-in page says that a session is over where there was one, or where something was to be done.
    """
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    was_signed_in = settings.SESSION_COOKIE_NAME in request.COOKIES or request.method not in SAFE_METHODS
    page = (htmx.current_url_abs_path or "/") if htmx else page_of(request)
    address = redirect_to_login(page)["Location"] + (f"&{SESSION_IS_OVER}=1" if was_signed_in else "")
    return HttpResponseClientRedirect(address) if htmx else HttpResponseRedirect(address)


def page_of(request: HttpRequest) -> str:
    """Return the address of the page that a request is for, or that it was sent from if it was to do something.

    What a browser says of it is believed for pages of this very host only; otherwise the first page.
    """
    if request.method in SAFE_METHODS:
        return request.get_full_path()
    sent_from = urlsplit(request.headers.get("Referer", ""))
    is_ours = sent_from.scheme == request.scheme and sent_from.netloc == request.get_host()
    page = urlunsplit(("", "", sent_from.path, sent_from.query, ""))
    return page if is_ours and url_has_allowed_host_and_scheme(page, allowed_hosts=None) else "/"


def start_of_list(request: HttpRequest, error: ContoError) -> str:
    """Return where the list of a page begins, if the page was refused for a place in it that is none."""
    if error.code != NO_PLACE or request.method not in SAFE_METHODS:
        return ""
    query = request.GET.copy()
    query.pop("cursor", None)
    return f"{request.path}?{query.urlencode()}"


class PageErrors:
    """Middleware: answers what a page's services and selectors refuse, where its view did not.

    Not found and not allowed go Django's own way; the rest is a page, or for htmx a fragment, that says
    what was refused.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Return or raise what Django understands instead of one of our errors."""
        match exception:
            case NotFound():
                raise Http404(exception.detail) from exception
            case NotAllowed():
                raise PermissionDenied(exception.detail) from exception
            case ContoError():
                page = "core/refused.html#refused" if getattr(request, "htmx", None) else "core/refused.html"
                way_on = {"page_url": page_of(request), "start_url": start_of_list(request, exception)}
                return render(request, page, {"error": exception, **way_on}, status=exception.status)
        return None


def tagged(text: SafeString) -> tuple[str, SafeString]:
    """Return the `ETag` of a part of a page that renews itself, and the part with its name in place of `TAG_PLACE`."""
    digest = blake2b(text.encode(), digest_size=ETAG_BYTES).hexdigest()
    return f'"{digest}"', mark_safe(text.replace(TAG_PLACE, digest))  # noqa: S308 - escaped before


def unless_shown(request: HttpRequest, tag: str, html: str) -> HttpResponse:
    """Send a part to htmx, or 204 where it shows that very text already; swapping nothing keeps what was typed."""
    response = HttpResponse(status=HTTPStatus.NO_CONTENT)
    if request.headers.get("If-None-Match") != tag:
        response = HttpResponse(html)
    response["ETag"] = tag
    response["Cache-Control"] = "no-store"
    return response


def person_actor(request: HttpRequest, person: PersonLike, organization_id: UUID | None = None) -> Actor:
    """Return a signed-in person as the actor of a use case."""
    return Actor(
        kind=ActorKind.PERSON,
        id=to_public(Prefix.PERSON, person.id),
        name=str(person),
        organization_id=organization_id,
        request_id=request_id_of(request),
        address=address_of(request),
    )


def request_id_of(request: HttpRequest) -> str:
    """Return the id under which this request stands in logs, or an empty string."""
    known = getattr(request, "request_id", "") or get_contextvars().get("request_id", "")
    return str(known)[:LONGEST_REQUEST_ID]


def address_of(request: HttpRequest) -> str:
    """Return the network address of the caller as the server saw it; headers of the caller are not believed."""
    return str(request.META.get("REMOTE_ADDR", ""))[:LONGEST_ADDRESS]
