"""All agents and how they run, those in trouble first: the list that an operator keeps open."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any, Final

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from agents import selectors
from agents.forms import AgentFilterForm
from core.chips import Chip, chips_of
from core.clock import now as clock_now
from core.paging import text_in
from core.templatetags.statuses import status_of
from insight.selectors.fleet import FleetRow, fleet_of, fleet_page
from insight.views.live import answer, part_of
from insight.views.troubles import Wrong, wrong_of
from people.permissions import MemberRequest, needs
from people.roles import Right
from people.selectors import members_of
from spend.selectors.by_agent import Spent

STATES: Final = ("active", "silent", "never_seen", "frozen", "key_expiring", "key_expired")
TROUBLES_SHOWN: Final = 2
"""Of each agent: the worst ones; all of them stand on its page."""


@dataclass(frozen=True, slots=True)
class Line:
    """One agent of the list."""

    one: FleetRow
    wrong: tuple[Wrong, ...]
    spent: Spent | None
    other_currencies: int
    freeze_url: str


@require_safe
@needs(Right.READ)
def fleet(request: MemberRequest) -> HttpResponse:
    """Show the agents that the filter of the address asks for, with their last 24 hours; renews itself."""
    now, form_of = clock_now(), cache(partial(_form, request))
    part = part_of(
        request,
        f"fleet {request.GET.urlencode()}",
        state=now.isoformat,
        render=lambda: render_to_string("insight/fleet_rows.html", _context(request, form_of(), now), request),
        now=now,
    )
    if "If-None-Match" in request.headers:
        return answer(request, part)
    form = form_of()
    may_manage = request.member.may(Right.MANAGE_AGENTS)
    context = {"part": part, "form": form, "chips": _chips(request, form), "may_manage": may_manage}
    return render(request, "insight/fleet.html", context)


def _form(request: MemberRequest) -> AgentFilterForm:
    organization_id = request.member.organization_id
    labels, members = selectors.labels_in_use(organization_id), members_of(organization_id)
    return AgentFilterForm(request.GET, labels=labels, members=members)


def _context(request: MemberRequest, form: AgentFilterForm, now: datetime) -> dict[str, Any]:
    organization_id = request.member.organization_id
    # Whoever comes to stop an agent by a link that has grown old finds it: the field says what was left out.
    page = fleet_page(organization_id, form.understood(), cursor=text_in(request.GET, "cursor"), now=now)
    counted = fleet_of(organization_id, now=now, ending=page.ending)
    may_freeze = request.member.may(Right.FREEZE)
    return {
        "page": page,
        "form": form,
        "lines": [_line(one, request, may_freeze=may_freeze) for one in page.rows],
        "counted": counted,
        "tiles": [
            {
                "state": state,
                "number": getattr(counted, state),
                "url": _query(request.GET, state=state),
                "is_chosen": form.cleaned_data.get("state") == state,
            }
            for state in STATES
            if getattr(counted, state) or state in ("active", "silent", "frozen")
        ],
        "chips": _chips(request, form),
        "export_url": reverse("agents:export") + _query(request.GET, **dict.fromkeys(form.errors, "")),
        "may_manage": request.member.may(Right.MANAGE_AGENTS),
        "may_freeze": may_freeze,
    }


def _line(one: FleetRow, request: MemberRequest, *, may_freeze: bool) -> Line:
    wrong = tuple(wrong_of(trouble, one.row.public_id) for trouble in one.troubles)
    own = request.member.organization.currency
    spent = next((spent for spent in one.spent if spent.currency == own), None) or next(iter(one.spent), None)
    can_be_frozen = may_freeze and one.row.agent.frozen_at is None and one.row.agent.retired_at is None
    return Line(
        one,
        wrong[:TROUBLES_SHOWN],
        spent,
        max(0, len(one.spent) - 1),
        _freeze_url(one, wrong, request) if can_be_frozen else "",
    )


def _freeze_url(one: FleetRow, wrong: tuple[Wrong, ...], request: MemberRequest) -> str:
    """Return where the agent is stopped: with what is wrong as the reason, and the way back to this list."""
    reason = "; ".join(each.words for each in wrong) if one.is_bad else ""
    query = urlencode({"reason": reason[: selectors.LONGEST_SEARCH], "next": request.get_full_path()})
    return f"{reverse('agents:freeze', args=[one.row.public_id])}?{query}"


def _chips(request: MemberRequest, form: AgentFilterForm) -> list[Chip]:
    typed = form.cleaned_data
    words = {"q": typed.get("q", ""), "label": typed.get("label", "")}
    if typed.get("state"):
        words["state"] = status_of(typed["state"]).word
    if typed.get("owner"):
        words["owner"] = f"Owner: {form.names_of_owners[typed['owner']]}"
    return chips_of(request.GET, words.items())


def _query(query: QueryDict, **changed: str) -> str:
    """Return the filter with some fields changed as a link to its first page; empty fields are left out."""
    kept = {name: str(value) for name, value in query.items() if name != "cursor"} | changed
    return f"?{urlencode({name: value for name, value in kept.items() if value})}"
