"""Backtests: asked for, watched while they run, and what came out of them."""

from http import HTTPStatus
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET, require_POST

from approvals.forms import BacktestForm
from approvals.models import UNFINISHED, Backtest
from approvals.selectors import backtests as selectors
from approvals.services.backtests import TASK, Wanted, cancel_backtest, start_backtest
from core.broker import wake
from core.canonical import digest
from core.clock import now as clock_now
from core.errors import ContoError
from core.ids import Prefix, from_public, to_public
from core.paging import text_in
from people.permissions import MemberRequest, actor_of, needs
from people.roles import Right
from policies.models import Policy
from policies.selectors import agents_to_assign, policy_of

PART: Final = "approvals/backtest_part.html"


@require_GET
@needs(Right.READ)
def backtests(request: MemberRequest, policy_id: str) -> HttpResponse:
    """Ask what a draft would have done, and list what was asked before."""
    policy = policy_of(request.member.organization_id, policy_id)
    return _list(request, policy, _form(policy, None))


@require_POST
@needs(Right.MANAGE_POLICIES)
def start(request: MemberRequest, policy_id: str) -> HttpResponse:
    """Put a backtest of the draft before the worker."""
    policy = policy_of(request.member.organization_id, policy_id)
    form, now = _form(policy, request.POST), clock_now()
    if not form.is_valid():
        return _list(request, policy, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    since, until = form.period(zone=policy.organization.time_zone, now=now)
    wanted = Wanted(policy.pk, since, until, document=policy.draft, agent_id=form.agent_id())
    try:
        backtest_id = start_backtest(wanted, organization_id=policy.organization_id, actor=actor_of(request), now=now)
    except ContoError as error:
        form.add_error("since" if error.code == "period_invalid" else None, error.detail)
        return _list(request, policy, form, status=error.status)
    wake(TASK)
    return redirect("approvals:backtest", to_public(Prefix.BACKTEST, backtest_id))


@require_GET
@needs(Right.READ)
def summary(request: MemberRequest, policy_id: str) -> HttpResponse:
    """Say in short what the draft would have done, for pages that mention it."""
    policy = policy_of(request.member.organization_id, policy_id)
    context = {"summary": selectors.summary_of_draft(policy), **_around(request, policy)}
    return render(request, "approvals/backtest_summary.html", context)


@require_GET
@needs(Right.READ)
def backtest(request: MemberRequest, backtest_id: str) -> HttpResponse:
    """Show how far a backtest is, or what came out; htmx asks for what changes alone (204 where nothing has)."""
    row = selectors.backtest_of(request.member.organization_id, from_public(Prefix.BACKTEST, backtest_id))
    context = _shown(request, row)
    if not request.htmx:
        return render(request, "approvals/backtest.html", context)
    if text_in(request.GET, "seen") == context["version"]:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    # What is done has a chart, a list and other buttons: the whole page.
    if row.status not in UNFINISHED:
        answer = HttpResponse(status=HTTPStatus.NO_CONTENT)
        answer["HX-Refresh"] = "true"
        return answer
    return HttpResponse(render_to_string(PART, context, request))


@require_POST
@needs(Right.MANAGE_POLICIES)
def cancel(request: MemberRequest, backtest_id: str) -> HttpResponse:
    """Stop a backtest that is not finished."""
    cancel_backtest(
        from_public(Prefix.BACKTEST, backtest_id),
        organization_id=request.member.organization_id,
        actor=actor_of(request),
        now=clock_now(),
    )
    messages.success(request, "The backtest is cancelled.")
    return redirect("approvals:backtest", backtest_id)


@require_GET
@needs(Right.READ)
def change(request: MemberRequest, backtest_id: str, number: int) -> HttpResponse:
    """Show one changed payment: what every rule said then, and what the draft and the others say."""
    row = selectors.backtest_of(request.member.organization_id, from_public(Prefix.BACKTEST, backtest_id))
    context = {"compared": selectors.compared(row, number), "row": row, "backtest_id": backtest_id}
    return render(request, "approvals/backtest_change.html", context)


def _shown(request: MemberRequest, row: Backtest) -> dict[str, Any]:
    context: dict[str, Any] = {
        "row": row,
        "backtest_id": to_public(Prefix.BACKTEST, row.pk),
        "is_unfinished": row.status in UNFINISHED,
        "version": digest([row.status, row.done, row.total])[:16],
        **_around(request, row.policy),
    }
    if row.status == "done":
        shown = selectors.shown(row, currency=text_in(request.GET, "currency"))
        kind = next((one for one in shown.kinds if one.key == text_in(request.GET, "change")), None)
        kind = kind or max(shown.kinds, key=lambda one: one.number, default=None)
        changes = selectors.changes_of(row, before=kind.before, after=kind.after) if kind else ()
        context |= {"shown": shown, "kind": kind, "changes": changes}
    return context


def _list(request: MemberRequest, policy: Policy, form: BacktestForm, *, status: int = HTTPStatus.OK) -> HttpResponse:
    found = selectors.backtests_of(policy.organization_id, policy_id=policy.pk)
    running = selectors.under_way(policy.organization_id)
    context = {
        "form": form,
        "lines": [_line(row) for row in found],
        "running": running and _line(running),
        **_around(request, policy),
    }
    return render(request, "approvals/backtests.html", context, status=status)


def _line(row: Backtest) -> dict[str, Any]:
    summary = selectors.summary_of(row) if row.status == "done" else None
    return {"row": row, "id": to_public(Prefix.BACKTEST, row.pk), "summary": summary}


def _form(policy: Policy, data: Any) -> BacktestForm:
    agents = [(to_public(Prefix.AGENT, agent), name) for agent, name in agents_to_assign(policy.organization_id)]
    return BacktestForm(data, agents=agents)


def _around(request: MemberRequest, policy: Policy) -> dict[str, Any]:
    return {
        "policy": policy,
        "policy_id": to_public(Prefix.POLICY, policy.pk),
        "may_edit": request.member.may(Right.MANAGE_POLICIES),
    }
