"""Who looks at a page: the membership of the current organization, the right a page needs, the actor it makes."""

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar, cast
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from core.actor import Actor
from core.http import HtmxRequest, View, needs, person_actor, to_sign_in
from people.models import TIME_ZONES, Member, Person
from people.selectors import memberships_of
from people.services import Awaiting

__all__ = [
    "CHOSEN",
    "CurrentMember",
    "MemberRequest",
    "PersonRequest",
    "actor_of",
    "demand",
    "needs",
    "person_actor",
    "signed_in",
    "tell_stored",
    "tell_waiting",
    "zone_for",
]

P = ParamSpec("P")
R = TypeVar("R", bound=HttpRequest)

ZONE_COOKIE: Final = "zone"
"""Where `time.js` says in which time zone the browser is."""
CHOSEN: Final = "organization"
"""The session's key for the id of the organization that the person works in."""


class MemberRequest(HtmxRequest):
    """A request of a member of the current organization; `needs` lets no other one through."""

    member: Member
    memberships: tuple[Member, ...]


class PersonRequest(HttpRequest):
    """A request of somebody who is signed in, a member of some organization or not."""

    user: Person


class CurrentMember:
    """Middleware: sets `request.memberships` and `request.member`, and shows times in the viewer's zone.

    The session only chooses among the memberships that exist at this moment: a removed member has none left.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        memberships = memberships_of(request.user) if isinstance(request.user, Person) else ()
        chosen = request.session.get(CHOSEN) if memberships else None
        current = next((one for one in memberships if str(one.organization_id) == chosen), None)
        member = current or next(iter(memberships), None)
        request.memberships = memberships  # type: ignore[attr-defined]
        request.member = member  # type: ignore[attr-defined]
        if member is None:
            return self.get_response(request)
        with timezone.override(ZoneInfo(zone_for(request, member))):
            return self.get_response(request)


def zone_for(request: HttpRequest, member: Member) -> str:
    """Return the time zone that a member sees: the one they chose, else the browser's, else the organization's."""
    seen = request.COOKIES.get(ZONE_COOKIE, "")
    return member.person.time_zone or (seen if seen in TIME_ZONES else member.organization.time_zone)


def signed_in(view: View[R, P]) -> View[HttpRequest, P]:
    """Let a page view run for whoever is signed in, without asking for a membership."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        return view(cast(R, request), *args, **kwargs)

    return guarded


def demand(request: MemberRequest, right: str) -> None:
    """Refuse the rest of a view to a member without `right`: for pages that many may see and few may change."""
    if not request.member.may(right):
        raise PermissionDenied("Your roles do not include this. Ask an admin of your organization.")


def tell_waiting(request: HttpRequest) -> None:
    """Tell who changed something that it waits for a second person."""
    words = "This may let more money pass, so it waits for a second person (see Approvals). Nothing has changed yet."
    messages.info(request, words)


def tell_stored(request: HttpRequest, outcome: object, words: str) -> None:
    """Tell who changed something that it is done, or that it waits."""
    if isinstance(outcome, Awaiting):
        tell_waiting(request)
    else:
        messages.success(request, words)


def actor_of(request: HttpRequest) -> Actor:
    """Return the signed-in member as the actor of a use case in the current organization."""
    member = cast(MemberRequest, request).member
    return person_actor(request, member.person, member.organization_id)
