"""Always allow such a payment: what that would change, policy by policy, and the draft that it opens."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.forms import UpToForm
from approvals.selectors.inbox import Detail
from approvals.views.shown import detail_of, kept_in
from core.clock import now as clock_now
from core.errors import Conflict, Invalid
from core.ids import Prefix, to_public
from people.permissions import MemberRequest, actor_of, needs
from people.roles import Right
from policies.engine.types import Said
from policies.models import Policy
from policies.selectors import Targets, policies_of, targets_of
from policies.services import Suggestion, Wish, put_suggestions, suggest
from policies.services.drafts import draft_rules
from policies.services.publishing import state_digest
from spend.selectors.counterparties import present_counterparty


@dataclass(frozen=True, slots=True)
class Change:
    """One rule that asks: why, and what its draft would say instead."""

    key: str
    why: str
    suggestion: Suggestion


@dataclass(frozen=True, slots=True)
class Offer:
    """One policy whose rules ask, what its draft would get, whom it binds, and the state that this was read from."""

    policy: Policy
    public_id: str
    targets: Targets
    state: str
    changes: Sequence[Change]

    @property
    def is_change(self) -> bool:
        """Whether any of its rules can let such a payment pass."""
        return any(one.suggestion.is_change for one in self.changes)


@require_http_methods(["GET", "POST"])
@needs(Right.MANAGE_POLICIES)
def always(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show what would let such a payment pass next time; sent, put it into the draft of the policy that was chosen."""
    shown = detail_of(request, public_id)
    amount, currency = shown.authorization.amount, shown.authorization.counting_currency
    form = UpToForm(request.POST or None, least=amount, currency=currency)
    offers = offers_of(shown, wish_of(shown, amount))
    if not offers:
        messages.info(request, "No rule asks people about this payment, so there is nothing to change.")
        return redirect(f"{reverse('approvals:request', args=[public_id])}{kept_in(request)}")
    chosen = next((one for one in offers if one.public_id == request.POST.get("policy")), None)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK
    if chosen and form.is_valid():
        try:
            put_suggestions(
                organization_id=request.member.organization_id,
                policy_id=chosen.policy.pk,
                keys=[one.key for one in chosen.changes],
                wish=wish_of(shown, form.cleaned_data["up_to"]),
                shown=request.POST.get(f"state-{chosen.public_id}", ""),
                actor=actor_of(request),
                now=clock_now(),
            )
        except (Conflict, Invalid) as error:
            form.add_error(None, error.detail)
            status = HTTPStatus(error.status)
        else:
            messages.success(request, "It is in the draft. Nothing changes until somebody publishes it.")
            return redirect("policies:draft", chosen.public_id)
    context = {"shown": shown, "form": form, "offers": offers, "kept": kept_in(request)}
    return render(request, "approvals/always.html", context, status=status)


def wish_of(shown: Detail, up_to: Decimal) -> Wish:
    """Return what a person means who always wants to allow such a payment."""
    one = shown.authorization
    # A rule that names who was merged since would deny the one that is left.
    payee = present_counterparty(one.organization_id, one.counterparty_id) if one.counterparty_id else None
    return Wish(
        agent=shown.agent_id,
        agent_name=one.agent.name,
        counterparty=payee.public_id if payee else None,
        payee=payee.name if payee else "the payee",
        up_to=up_to,
        currency=one.counting_currency,
        origin=shown.public_id,
    )


def offers_of(shown: Detail, wish: Wish) -> list[Offer]:
    """Return the policies whose rules ask about this payment, those that can be changed first."""
    asking: dict[str, dict[str, str]] = {}
    for one in shown.checks:
        if one.check.outcome is Said.REVIEW:
            asking.setdefault(one.check.policy, {}).setdefault(one.check.rule_key, one.sentence)
    policies = policies_of(shown.authorization.organization_id, asking)
    targets = targets_of(policies)
    offers = [
        Offer(
            policy=policy,
            public_id=(name := to_public(Prefix.POLICY, policy.pk)),
            targets=targets[policy.pk],
            state=state_digest(policy),
            changes=sorted(
                (Change(key, why, suggest(draft_rules(policy), key, wish)) for key, why in asking[name].items()),
                key=lambda change: not change.suggestion.is_change,
            ),
        )
        for policy in policies
    ]
    return sorted(offers, key=lambda offer: not offer.is_change)
