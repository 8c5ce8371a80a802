"""How an agent runs: a section of its page that renews itself, with the events of the moment."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.selectors import agent_of
from agents.views.stopping import may_stop
from approvals.selectors.activity import Ages
from audit.selectors import Viewed
from audit.views import line
from core.clock import now as clock_now
from core.filters import LAST_MONTH
from core.ids import Prefix, from_public, to_public
from insight.selectors.runtime import UNAUTHORIZED, Runtime, runtime_of, runtime_state
from insight.views.live import answer, part_of
from insight.views.shown import authorizations_url
from insight.views.troubles import wrong_of
from people.permissions import MemberRequest, needs
from people.roles import Right

MICROSECONDS: Final = 1_000_000
WAITING: Final = {"pending_review": "Waiting for people", "approved": "Approved, not recorded", "in_doubt": "In doubt"}


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of the stream, as the timeline draws it; who did it is named where it was not the agent."""

    title: str
    when: datetime
    actor: str
    icon: str
    tone: str
    url: str


@dataclass(frozen=True, slots=True)
class Open:
    """What is not over, of one status, by age, and the list of it."""

    label: str
    ages: Ages
    url: str

    @property
    def by_age(self) -> tuple[tuple[str, int], ...]:
        """How many of which age, in the words of the columns."""
        ages = self.ages
        return ("< 15 min", ages.quarter), ("< 1 h", ages.hour), ("< 1 day", ages.day), ("Older", ages.older)


@dataclass(frozen=True, slots=True)
class Share:
    """One part of the mix of answers: how many, and where its bar begins and how wide it is, in per cent."""

    outcome: str
    number: int
    start: str
    width: str
    url: str


@require_safe
@needs(Right.READ)
def agent_runtime(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show how one agent is doing; renews itself."""
    organization_id, agent_id, now = request.member.organization_id, from_public(Prefix.AGENT, public_id), clock_now()
    part = part_of(
        request,
        f"runtime {public_id}",
        state=lambda: runtime_state(organization_id, agent_id),
        render=lambda: render_to_string(
            "insight/runtime_part.html", _context(runtime_of(organization_id, agent_id, now=now), public_id)
        ),
        now=now,
    )
    if request.htmx:
        return answer(request, part)
    agent = agent_of(organization_id, agent_id)
    context = {"part": part, "public_id": public_id, "agent": agent, "may_stop": may_stop(request, agent)}
    return render(request, "insight/runtime.html", context)


def _context(shown: Runtime, public_id: str) -> dict[str, Any]:
    flagged = f"{reverse('insight:flagged')}?agent={public_id}&period={LAST_MONTH}"
    return {
        "shown": shown,
        "agent": shown.row.agent,
        "public_id": public_id,
        "wrong": [wrong_of(trouble, public_id) for trouble in shown.troubles],
        "last_asked_url": _authorization_url(shown.last_asked.id if shown.last_asked else None),
        "last_record_url": _authorization_url(shown.last_record.authorization_id if shown.last_record else None),
        "per_minute": f"{shown.per_minute:.1f}".removesuffix(".0"),
        "p50": _seconds(shown.decisions.p50_us),
        "p95": _seconds(shown.decisions.p95_us),
        "mix": _mix(shown, public_id),
        "open": [
            Open(label, shown.open[status], authorizations_url(agent=public_id, status=status))
            for status, label in WAITING.items()
        ],
        "unauthorized_url": f"{flagged}&flag={UNAUTHORIZED}",
        "flagged_url": flagged,
        "events": [_happening(event, public_id) for event in shown.events],
    }


def _mix(shown: Runtime, public_id: str) -> list[Share]:
    decisions, start, shares = shown.decisions, 0.0, []
    for outcome in ("allow", "review", "deny"):
        number = getattr(decisions, outcome)
        width = 100 * number / decisions.number if decisions.number else 0.0
        url = authorizations_url(agent=public_id, outcome=outcome, period="24h")
        shares.append(Share(outcome, number, f"{start:.2f}", f"{width:.2f}", url))
        start += width
    return shares


def _happening(event: Viewed, public_id: str) -> Happening:
    one = line(event)
    actor = "" if event.actor_id == public_id else event.actor_name
    url = "" if event.subject_id == public_id else one.subject_url
    return Happening(one.title, one.when, actor, one.icon, one.tone, url)


def _authorization_url(authorization_id: UUID | None) -> str:
    if authorization_id is None:
        return ""
    return reverse("approvals:authorization", args=[to_public(Prefix.AUTHORIZATION, authorization_id)])


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / MICROSECONDS
