"""A yes above the confirmation amount: the second factor is asked for, and what was said so far waits meanwhile."""

from typing import Any, Final

from django.http import HttpResponse, HttpResponseRedirect
from django_htmx.http import HttpResponseClientRedirect

from core.clock import now as clock_now
from people.authentication import address_to_prove, second_factor_proven_at
from people.permissions import MemberRequest
from people.selectors import SecondFactor, second_factor_of

SAID: Final = "approvals.said"
"""The session's key for the answer that waits for the second factor: one, at the address that it was sent to."""


def factor_of(request: MemberRequest) -> SecondFactor:
    """Say whether the viewer has a second factor, and whether it still has to be proven for a large amount."""
    return second_factor_of(request.member.person_id, second_factor_proven_at(request), now=clock_now())


def lead_to_proof(request: MemberRequest, **said: Any) -> HttpResponse:
    """Keep what was said, lead to where the second factor is proven, and from there back to the address asked for.

    Nothing is answered by coming back: the evidence of that moment is shown, and the yes is said to it.
    """
    request.session[SAID] = {"at": request.path, **said}
    address = address_to_prove(request.member.person, then=request.get_full_path())
    return HttpResponseClientRedirect(address) if request.htmx else HttpResponseRedirect(address)


def said_before(request: MemberRequest) -> dict[str, Any]:
    """Return what was said at this address before the second factor was asked for."""
    said: dict[str, Any] = request.session.get(SAID, {})
    return said if said.get("at") == request.path else {}


def forget(request: MemberRequest) -> None:
    """Drop what was kept: it has been answered."""
    request.session.pop(SAID, None)
