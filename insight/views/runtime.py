"""How agents run: a section of one agent's page, and one of the list."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from audit.views import lines
from core.clock import now as clock_now
from core.ids import Prefix, from_public, to_public
from insight.selectors.fleet import fleet_of
from insight.selectors.runtime import UNAUTHORIZED, Runtime, runtime_of
from insight.views.shown import authorizations_url, fragment
from people.permissions import MemberRequest, needs
from people.roles import Right

MICROSECONDS = 1_000_000


@require_safe
@needs(Right.READ)
def agent_runtime(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show how one agent is doing."""
    now = clock_now()
    shown = runtime_of(request.member.organization_id, from_public(Prefix.AGENT, public_id), now=now)
    context = {
        "shown": shown,
        "agent": shown.row.agent,
        "public_id": public_id,
        "last_asked_url": _authorization_url(shown.last_asked.pk if shown.last_asked else None),
        "last_record_url": _authorization_url(shown.last_record.authorization_id if shown.last_record else None),
        "p50": _seconds(shown.decisions.p50_us),
        "p95": _seconds(shown.decisions.p95_us),
        "open": _open(shown, public_id),
        "events": lines(shown.events),
    }
    return render(request, fragment(request, "insight/runtime.html"), context)


@require_safe
@needs(Right.READ)
def fleet(request: MemberRequest) -> HttpResponse:
    """Show how many agents are in each state."""
    shown = fleet_of(request.member.organization_id, now=clock_now())
    agents = reverse("agents:list")
    states = ("active", "silent", "never_seen", "frozen", "key_expiring")
    tiles = [{"state": state, "number": getattr(shown, state), "url": f"{agents}?state={state}"} for state in states]
    return render(request, fragment(request, "insight/fleet.html"), {"shown": shown, "tiles": tiles})


def _open(shown: Runtime, public_id: str) -> list[dict[str, object]]:
    """Return what is not over or does not fit, each with the list behind it."""
    words = {"pending_review": "Waiting for people", "approved": "Approved, not recorded", "in_doubt": "In doubt"}
    rows: list[dict[str, object]] = [
        {
            "label": word,
            "status": status,
            "number": shown.unfinished[status].number,
            "oldest": shown.unfinished[status].oldest,
            "url": authorizations_url(agent=public_id, status=status),
        }
        for status, word in words.items()
    ]
    flagged = f"{reverse('insight:flagged')}?agent={public_id}"
    rows.append(
        {
            "label": "Records without authorization, 30 days",
            "status": UNAUTHORIZED,
            "number": shown.unauthorized,
            "url": f"{flagged}&flag={UNAUTHORIZED}",
        }
    )
    rows.append({"label": "Other flagged records, 30 days", "number": shown.flagged, "url": flagged})
    return rows


def _authorization_url(authorization_id: UUID | None) -> str:
    if authorization_id is None:
        return ""
    return reverse("approvals:authorization", args=[to_public(Prefix.AUTHORIZATION, authorization_id)])


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / MICROSECONDS
