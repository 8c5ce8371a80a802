"""The checklist of an agent's integration: a section of its page, and what an operator states of it."""

from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from agents.views.stopping import may_stop
from core.clock import now as clock_now
from core.errors import Invalid
from core.ids import Prefix, from_public
from insight.selectors.integration import Check, Evidence, Verdict, integration_of
from insight.services.integration import STATEMENT_LENGTH, state_storage
from insight.views.shown import fragment
from people.permissions import MemberRequest, actor_of, needs
from people.roles import Right

PAGES: Final = {
    "authorization": "approvals:authorization",
    "agent": "agents:detail",
    "policy": "policies:detail",
    "runtime": "insight:agent_runtime",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """One row that a verdict rests on, and its page."""

    one: Evidence
    url: str


@dataclass(frozen=True, slots=True)
class Line:
    """One point as the page shows it."""

    number: int
    check: Check
    proofs: tuple[Proof, ...]

    @property
    def is_stated(self) -> bool:
        """Whether only a person can say it."""
        return self.check.rule.key == "keys_server_side"

    @property
    def remedy(self) -> SafeString:
        """What to do, with the calls in it as code."""
        parts = enumerate(self.check.rule.remedy.split("`"))
        return format_html_join(
            "", "{}", ((format_html("<code>{}</code>", one) if at % 2 else one,) for at, one in parts)
        )


@require_safe
@needs(Right.READ)
def agent_integration(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show the seven checks of one agent, each with its evidence and its remedy."""
    shown = integration_of(request.member.organization_id, from_public(Prefix.AGENT, public_id), now=clock_now())
    context = {
        "agent": shown.agent,
        "public_id": public_id,
        "lines": [
            Line(number, check, tuple(Proof(one, _page_of(one, public_id)) for one in check.found.evidence))
            for number, check in enumerate(shown.checks, start=1)
        ],
        "counts": [(verdict.value, number) for verdict in Verdict if (number := shown.count(verdict))],
        "may_state": request.member.may(Right.MANAGE_AGENTS) and shown.agent.retired_at is None,
        "may_stop": may_stop(request, shown.agent),
        "longest": STATEMENT_LENGTH,
    }
    return render(request, fragment(request, "insight/integration.html"), context)


@require_POST
@needs(Right.MANAGE_AGENTS)
def state_integration(request: MemberRequest, public_id: str) -> HttpResponse:
    """Store where the app keeps the agent's keys, as this operator states it."""
    try:
        state_storage(
            organization_id=request.member.organization_id,
            agent_id=from_public(Prefix.AGENT, public_id),
            statement=request.POST.get("statement", ""),
            actor=actor_of(request),
            now=clock_now(),
        )
    except Invalid as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, "Stated: it stands in the history with your name.")
    return redirect("insight:agent_integration", public_id)


def _page_of(one: Evidence, agent: str) -> str:
    if one.kind == "key":
        return f"{reverse('agents:detail', args=[agent])}#{one.id}"
    if one.kind == "record":
        return f"{reverse('insight:flagged')}?{urlencode({'agent': agent})}#{one.id}"
    return reverse(PAGES[one.kind], args=[one.id])
