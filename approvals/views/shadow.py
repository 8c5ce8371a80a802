"""Beside a shadow policy: what it would have said of live decisions."""

from datetime import timedelta
from typing import Final

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from approvals.selectors.shadow import LOOKED_AT, shadow_report
from approvals.views.shown import fragment
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from people.permissions import MemberRequest, needs
from people.roles import Right
from policies.selectors import policy_of

LOOKS_BACK: Final = timedelta(days=30)


@require_GET
@needs(Right.READ)
def shadow(request: MemberRequest, policy_id: str) -> HttpResponse:
    """Show how live decisions would have been answered by the shadow version: a section of the policy's page."""
    policy = policy_of(request.member.organization_id, policy_id)
    version = policy.shadow
    report = (
        shadow_report(
            policy.organization_id,
            policy=policy.pk,
            version=version.number,
            since=max(version.published_at, clock_now() - LOOKS_BACK),
        )
        if version
        else None
    )
    context = {
        "policy": policy,
        "policy_id": to_public(Prefix.POLICY, policy.pk),
        "version": version,
        "report": report,
        "looked_at": LOOKED_AT,
        "days": LOOKS_BACK.days,
    }
    return render(request, fragment(request, "approvals/shadow.html"), context)
