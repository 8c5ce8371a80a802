"""What lint says of a draft with an eye on history, for the pages of policies."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from approvals.selectors.unmet import unmet_rules
from core.clock import now as clock_now
from people.permissions import MemberRequest, needs
from people.roles import Right
from policies.selectors import policy_of, rules_of


@require_GET
@needs(Right.READ)
def unmet(request: MemberRequest, policy_id: str) -> HttpResponse:
    """Say which rules of the draft, or of what is in force, no payment of the last 90 days would have met."""
    policy = policy_of(request.member.organization_id, policy_id)
    enforced = policy.enforced or policy.shadow
    rules = rules_of(policy.draft or (enforced.document if enforced else None))
    findings = unmet_rules(policy, rules, now=clock_now())
    keys = {f"rules[{place}].when": rule.key for place, rule in enumerate(rules)}
    context = {"findings": [(keys[one.path], one) for one in findings], "policy": policy, "policy_id": policy_id}
    is_part = bool(request.htmx)
    name = "approvals/unmet.html#unmet" if is_part else "approvals/unmet.html"
    return render(request, name, {**context, "is_part": is_part})
