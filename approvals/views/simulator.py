"""The simulator: fill in a payment, see what every rule would say; nothing is stored."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from approvals.forms.simulation import IMAGINED, SimulationForm
from approvals.selectors.inbox import shown_stored
from approvals.selectors.situation import Asker, Situation
from approvals.services.simulate import asker_to_simulate, imagined_asker, policies_with_draft, simulate_payment
from core.clock import now as clock_now
from core.errors import ContoError, Invalid
from core.ids import Prefix, from_public, to_public
from people.permissions import MemberRequest, needs
from people.roles import Right
from policies.engine.reasons import sentence
from policies.engine.stored import decision_to_plain
from policies.engine.types import Decision, Mode, Said
from policies.selectors import agents_to_assign, drafts_to_choose
from spend.selectors.counterparties import counterparty_names


@require_GET
@needs(Right.READ)
def simulator(request: MemberRequest) -> HttpResponse:
    """Ask what would be answered to the payment in the address."""
    form, now = _form(request), clock_now()
    context: dict[str, Any] = {"form": form}
    status = 200
    if form.is_bound:
        try:
            context |= _answered(request, form, now) if form.is_valid() else {}
        except Invalid as error:
            form.add_error(error.field if error.field in form.fields else None, error.detail)
        except ContoError as error:
            form.add_error(None, error.detail)
        status = 422 if form.errors else 200
    return render(request, "approvals/simulator.html", context, status=status)


def _answered(request: MemberRequest, form: SimulationForm, now: datetime) -> dict[str, Any]:
    found = form.cleaned_data
    asker, at = _asker(request, form), found["at"] or now
    draft = from_public(Prefix.POLICY, found["draft"]) if found["draft"] else None
    policies = policies_with_draft(asker, draft, now=at) if draft else None
    situation, decision = simulate_payment(asker, form.ask(), now=at, policies=policies)
    return {
        "asker": asker,
        "at": at,
        "is_now": found["at"] is None,
        "payee_name": _payee_name(request.member.organization_id, situation.payment.counterparty),
        **_shown(situation, decision),
    }


def _payee_name(organization_id: UUID, counterparty: str | None) -> str:
    known = [from_public(Prefix.COUNTERPARTY, counterparty)] if counterparty else []
    return next(iter(counterparty_names(organization_id, known).values()), "") if known else ""


def _asker(request: MemberRequest, form: SimulationForm) -> Asker:
    organization, chosen = request.member.organization_id, form.cleaned_data["agent"]
    if chosen == IMAGINED:
        return imagined_asker(organization, labels=form.labels_in(), time_zone=form.cleaned_data["time_zone"])
    return asker_to_simulate(organization, from_public(Prefix.AGENT, chosen))


def _shown(situation: Situation, decision: Decision) -> dict[str, Any]:
    """Return the answer as the page shows it: checks that judge, those that do not, and those in shadow."""
    # As it would be stored: a decision that was read back shows its figures in their one form.
    checks = shown_stored(decision_to_plain(decision))
    enforced = [one for one in checks if one.check.mode is Mode.ENFORCED]
    return {
        "decision": decision,
        "payment": situation.payment,
        "reasons": [sentence(code) for code in decision.reasons],
        "judging": [one for one in enforced if one.check.outcome is not Said.NOT_APPLICABLE],
        "aside": [one for one in enforced if one.check.outcome is Said.NOT_APPLICABLE],
        "in_shadow": [one for one in checks if one.check.mode is Mode.SHADOW],
    }


def _form(request: MemberRequest) -> SimulationForm:
    organization = request.member.organization
    agents = [(to_public(Prefix.AGENT, agent), name) for agent, name in agents_to_assign(organization.pk)]
    drafts = [(to_public(Prefix.POLICY, policy), name) for policy, name in drafts_to_choose(organization.pk)]
    # A link may fill in some of it; the answer comes once there is an amount.
    asked = request.GET if "amount" in request.GET else None
    form = SimulationForm(asked, agents=agents, drafts=drafts, currency=organization.currency)
    form.initial = {**form.initial, **{name: value for name, value in request.GET.items() if name in form.fields}}
    return form
