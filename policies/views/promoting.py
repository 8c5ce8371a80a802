"""The shadow version comes into force, as it was shown."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from core.clock import now as clock_now
from core.errors import Conflict, Invalid, InvalidMany
from core.ids import Prefix, to_public
from people.permissions import MemberRequest, actor_of, needs, tell_waiting
from people.roles import Right
from people.services import Awaiting
from policies import selectors, services
from policies.engine.document import Document
from policies.engine.types import Mode
from policies.forms import PublishForm
from policies.models import Policy
from policies.services.publishing import shadow_digest
from policies.views import shown
from policies.views.drafts import CONFLICT, UNPROCESSABLE, loosened_by, told, warning_codes
from policies.views.loosened import marked
from policies.views.pages import named
from policies.views.versions import changes_in_words


@require_POST
@needs(Right.MANAGE_POLICIES)
def promote_shadow(request: MemberRequest, policy_id: str) -> HttpResponse:
    """Enforce the shadow version that was shown; where it is another one or lint warns, show that first."""
    policy = selectors.policy_of(request.member.organization_id, policy_id)
    codes = request.POST.get("warnings", "").split() if request.POST.get("is_seen") else []
    try:
        published = services.publish_shadow(
            organization_id=policy.organization_id,
            policy_id=policy.pk,
            shown=request.POST.get("shown", ""),
            acknowledged=services.seen(codes),
            actor=actor_of(request),
            now=clock_now(),
        )
    except (Invalid, Conflict) as error:
        return look_again(request, policy, error)
    if isinstance(published, Awaiting):
        tell_waiting(request)
    else:
        messages.success(request, told(published, Mode.ENFORCED))
    return redirect("policies:detail", policy_id)


def look_again(request: MemberRequest, policy: Policy, error: Invalid | Conflict) -> HttpResponse:
    """Return what enforcing the shadow changes as it is now, and why that was refused; nothing is enforced."""
    fresh = selectors.policy_of(policy.organization_id, to_public(Prefix.POLICY, policy.pk))
    if fresh.shadow is None:
        messages.error(request, error.detail)
        return redirect("policies:detail", to_public(Prefix.POLICY, policy.pk))
    rules = selectors.rules_of(fresh.shadow.document)
    old = selectors.rules_of(fresh.enforced.document) if fresh.enforced else ()
    findings = services.findings_with_history(fresh, Document(rules), now=clock_now())
    codes = warning_codes(findings)
    form = PublishForm({"mode": "enforced", "shown": shadow_digest(fresh), "warnings": " ".join(codes)})
    del form.fields["mode"], form.fields["note"]
    faults = error.errors if isinstance(error, InvalidMany) else [(error.field, error.code, error.detail)]
    for _path, code, detail in faults:
        is_about_warnings = code == "warnings_not_acknowledged"
        words = "Look at the warnings, and tick that you have." if is_about_warnings else detail
        form.add_error("is_seen" if is_about_warnings else None, words)
    form.offer(codes)
    names = shown.names_in(request, old, rules)
    loosens = loosened_by(fresh, rules) if fresh.organization.needs_four_eyes else ()
    changed = marked(changes_in_words(old, rules), [one.detail for one in loosens], names)
    context = {
        "form": form,
        "promoted": fresh.shadow,
        "differences": changed.differences,
        "is_marked": changed.is_marked,
        "findings": shown.finding_lines(rules, findings),
        "loosens": changed.others,
        "needs_second_person": bool(loosens),
        "in_force": fresh.enforced,
        "targets": shown.target_chips(selectors.targets_of((fresh,))[fresh.pk]),
        **named(fresh),
    }
    status = CONFLICT if isinstance(error, Conflict) else UNPROCESSABLE
    return render(request, "policies/publish.html", context, status=status)
